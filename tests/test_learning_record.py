"""What a learner has done is kept whole, by one program at a time, and only a learner's."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tutorial_lib import learning_record as record
from tutorial_lib.learning_record import (
    ExerciseRecord,
    LearningRecord,
    PredictionRecord,
    note_hint,
    note_prediction,
    note_try,
    read,
    read_file,
    reset,
)

NUMBER = PredictionRecord(
    name="first_loss",
    notebook="01_hyperparameters",
    kind="number",
    topic="loss",
    asked="How large is the first loss?",
    expected=2.5,
    sure=0.3,
    seen=2.303,
    said="You were sure to 0.3, and right.",
)
CURVE = dataclasses.replace(NUMBER, name="lr_0_1", kind="curve", expected=[[0, 2.3]], seen=None)
NOTE_TRIES = """
import sys, types
sys.modules["tutorial_lib"] = package = types.ModuleType("tutorial_lib")
package.__path__ = [sys.argv[2]]  # without torch, which would take seconds
from tutorial_lib.learning_record import note_try
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    note_try(f"{sys.argv[1]}_{number % 2}", solved=False, mistake=f"of {sys.argv[1]}")
"""


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(record, "_waiting", [])
    monkeypatch.setattr(record, "_said", set())
    monkeypatch.setattr(record, "PATIENCE", 0.1)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "user" / "learning.json"
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(path))
    return path


@pytest.fixture
def lines(capsys):
    return lambda: capsys.readouterr().out.splitlines()


# ---- what is noted ----


def test_tries_hints_and_mistakes_count_until_an_exercise_is_solved(path):
    note_try("num_steps", solved=False, mistake="That is one epoch.")
    note_hint("num_steps")
    for _ in range(2):
        note_try("num_steps", solved=True)
        note_try("num_steps", solved=False, mistake="That is one epoch.")
        note_hint("num_steps")
    one = read().exercises["num_steps"]
    assert (one.tries, one.hints, one.mistakes) == (2, 1, {"That is one epoch.": 1})
    assert one.solved.endswith("+00:00")


def test_a_prediction_comes_back_as_it_was_noted(path):
    note_prediction(NUMBER)
    note_prediction(dataclasses.replace(NUMBER, expected=np.float32(2.5), seen=math.nan))
    first, second = read().predictions
    assert dataclasses.replace(first, at="") == NUMBER
    assert (second.expected, second.seen) == (2.5, None)


def test_a_curve_leaves_out_what_is_not_finite(path):
    points = [(0, 2.3), (np.float64(0.5), math.inf), [1, 1]]
    note_prediction(dataclasses.replace(CURVE, expected=points))
    assert read().predictions[0].expected == [[0, 2.3], [1, 1]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "drawing"}, "kind must be one of choice, number, curve"),
        ({"expected": "much"}, "expected must be a number"),
        ({"sure": -1.0}, "sure is below 0"),
        ({"asked": "?" * 1001}, "asked must be a text of at most 1,000 letters"),
        ({"kind": "curve", "expected": [[0, 1]] * 65}, "a list of at most 64 points"),
        ({"kind": "curve", "expected": [[2, 1]], "seen": None}, "a point outside the run, 0 to 1"),
        ({"at": "yesterday"}, "at is no time"),
    ],
)
def test_a_bad_prediction_is_refused(changes, words, path):
    with pytest.raises(ValueError, match=words):
        note_prediction(dataclasses.replace(NUMBER, **changes))
    assert not path.exists()


def test_the_file_is_text_with_a_line_for_each(path):
    note_try("brake", solved=False, mistake="Your brake acts one step late.\ud800")
    note_prediction(NUMBER)
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[4].startswith('  "brake": {"tries": 1, "hints": 0, "solved": null')
    assert json.loads(text)["version"] == 1
    assert list(path.parent.iterdir()) == [path]


def test_the_newest_predictions_are_kept(path, monkeypatch):
    monkeypatch.setattr(record, "MOST_PREDICTIONS", 2)
    for name in "abc":
        note_prediction(dataclasses.replace(NUMBER, name=name))
    assert [one.name for one in read().predictions] == ["b", "c"]


def test_two_kernels_at_once_lose_nothing(path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    library = str(Path(record.__file__).parent)
    kernels = [
        subprocess.Popen([sys.executable, "-c", NOTE_TRIES, name, library], **pipes)
        for name in "ab"
    ]
    for kernel in kernels:
        assert kernel.stdout.readline().strip() == "ready"
    for kernel in kernels:
        kernel.stdin.close()
    assert [kernel.wait(60) for kernel in kernels] == [0, 0]
    for kernel in kernels:
        kernel.stdout.close()
    assert {name: one.tries for name, one in read_file(path).exercises.items()} == {
        f"{name}_{number}": 10 for name in "ab" for number in (0, 1)
    }


# ---- where it is kept ----


def kernel_of(monkeypatch, session):
    """Let this be the kernel of a notebook."""
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setenv("JPY_SESSION_NAME", session)


@pytest.fixture
def users_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "user_folder", lambda: tmp_path)
    monkeypatch.delenv("TUTORIAL_LEARNING_RECORD", raising=False)
    return tmp_path


def test_it_is_kept_in_a_notebook_of_a_jupyter_server(users_folder, monkeypatch):
    kernel_of(monkeypatch, "notebooks/01_hyperparameters.ipynb")
    note_hint("brake")
    assert read_file(users_folder / "learning.json").exercises == {"brake": ExerciseRecord(hints=1)}
    assert record.this_notebook() == "01_hyperparameters"


@pytest.mark.parametrize("where", ["script", "terminal", "solutions", "off"])
def test_it_is_not_kept_elsewhere(where, users_folder, monkeypatch):
    if where in ("solutions", "off"):
        kernel_of(monkeypatch, "notebooks/solutions/01_hyperparameters.ipynb")
    if where == "off":
        kernel_of(monkeypatch, "notebooks/01_hyperparameters.ipynb")
        monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", "OFF")
    if where == "terminal":  # a script that a notebook's cell has started
        monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/01_hyperparameters.ipynb")
    note_hint("brake")
    assert list(users_folder.iterdir()) == []
    assert read() == LearningRecord()


def test_solutions_are_not_noted_even_in_a_file_that_is_named(path, monkeypatch):
    kernel_of(monkeypatch, "solutions/01_hyperparameters.ipynb")
    note_try("brake", solved=True)
    assert not path.exists()


def test_a_home_of_nobody_is_said(monkeypatch, lines):
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", "~nobody_at_all/x.json")
    note_hint("brake")
    note_hint("brake")
    (line,) = lines()
    assert line.startswith("Nothing is noted of what you do: TUTORIAL_LEARNING_RECORD must name a ")


# ---- what is in the way ----


def damaged(path):
    path.write_text('{\n "what": "learning record of tutorial_lib",\n "vers')


def newer(path):
    path.write_text('{"what": "learning record of tutorial_lib", "version": 2, "path": []}')


def anothers(path):
    path.write_text('{"thesis": 1}')


def with_more(path):
    text = record.text_of(LearningRecord()).replace('"version": 1', '"version": 1, "mine": 0')
    path.write_text(text)


def with_nan(path):
    path.write_text(record.text_of(LearningRecord()).replace("[]", "[NaN]"))


def deep(path):
    path.write_text("[" * 200_000)


def large(path):
    with path.open("wb") as file:
        file.truncate(10**9)  # of zeros, which take no room


def folder(path):
    path.mkdir()


def fifo(path):
    os.mkfifo(path)


def read_only(path):
    path.write_text(record.text_of(LearningRecord()))
    path.chmod(0o400)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (damaged, "it is damaged (Unterminated string"),
        (newer, "it is of a newer tutorial_lib, in version 2"),
        (anothers, "it is another program's file"),
        (with_more, "it is damaged (the record must have"),
        (with_nan, "it is damaged (NaN is no number)"),
        (deep, "it is damaged ("),
        (large, "it is larger than 32 MB"),
        (folder, "that is a folder"),
        (read_only, "it may not be written"),
        pytest.param(
            fifo,
            "that is a FIFO",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has none"),
        ),
    ],
)
def test_what_cannot_be_written_stays_and_is_said_once(make, words, path, lines):
    path.parent.mkdir()
    make(path)
    before = os.lstat(path).st_ino, _beginning(path)
    for _ in range(3):
        note_try("brake", solved=False)
    (line,) = lines()
    assert line.startswith(f"Nothing is noted in {path}: {words}")
    assert line.endswith(" The tutorial goes on without.")
    assert before == (os.lstat(path).st_ino, _beginning(path))
    assert read().exercises["brake"].tries == 3  # as far as this kernel knows


def _beginning(path):
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(1000)


def test_what_could_not_be_written_is_written_later(path):
    path.parent.mkdir()
    damaged(path)
    note_try("brake", solved=False)
    path.unlink()
    note_hint("brake")
    assert read_file(path).exercises == {"brake": ExerciseRecord(tries=1, hints=1)}


def test_while_another_program_writes_notes_wait(path, lines):
    path.parent.mkdir()
    other = record.try_lock(path)
    note_hint("brake")
    record.unlock(other)
    assert len(lines()) == 1
    assert not path.exists()
    note_hint("brake")
    assert read_file(path).exercises == {"brake": ExerciseRecord(hints=2)}


def test_a_link_stays_one(path, tmp_path):
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.json")
    note_hint("brake")
    assert path.is_symlink()
    assert read_file(tmp_path / "elsewhere.json").exercises["brake"].hints == 1


# ---- forgetting ----


def test_a_reset_keeps_the_old_file_beside(path):
    assert reset() is None
    for hints in (1, 2):
        for _ in range(hints):
            note_hint("brake")
        kept = reset()
        assert kept == path.with_name(f"learning-{hints + 1}.json")
        assert read_file(kept).exercises["brake"].hints == hints
        assert read() == LearningRecord()


def test_a_reset_moves_a_damaged_record_and_nobody_elses(path):
    path.parent.mkdir()
    damaged(path)
    assert reset().read_text().endswith('"vers')
    anothers(path)
    with pytest.raises(ValueError, match="is no learning record, and stays as it is"):
        reset()
    assert path.read_text() == '{"thesis": 1}'
