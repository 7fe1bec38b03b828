"""A Saver takes the place of nothing that is not its run's, and what it says is on the disk."""

import contextlib
import itertools
import os
import resource
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import save_cost

from tutorial_lib import Split, TrainingRun, checkpoint
from tutorial_lib.engine.checkpoint import CheckpointError, Saver

HOLD = """
import sys
from pathlib import Path
from tutorial_lib.files import try_lock
lock = try_lock(Path(sys.argv[1]))
print(lock.is_locked, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(new_run):
    run = new_run()
    list(itertools.islice(run, 12))
    return run


@contextlib.contextmanager
def files_may_not_grow(beyond: int = 0):
    """Let every write to a file fail that goes beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def steps_in(path: Path) -> int:
    return checkpoint.load(path).step_number


# ---- what is no place for a run ----


def folder(path: Path) -> None:
    path.mkdir()


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):
        one.bind(path.name)


def thesis(path: Path) -> None:
    path.write_text("years of work")


OBSTACLES = {
    "a folder": folder,
    "a FIFO": os.mkfifo,
    "a socket": bound_socket,
    "another program's file": thesis,
    "an empty file of another program": Path.touch,
}


@pytest.mark.parametrize("words", OBSTACLES)
@pytest.mark.parametrize("name", ["a.run", "a.run.previous"])
@pytest.mark.parametrize("action", [Saver, checkpoint.save])
def test_what_is_not_ours_is_refused_by_name_and_kind(run, tmp_path, words, name, action):
    OBSTACLES[words](tmp_path / name)
    before = (tmp_path / name).lstat()
    with pytest.raises(CheckpointError, match=f"cannot be saved as .*a.run: .*{words}"):
        action(run, tmp_path / "a.run")
    assert (tmp_path / name).lstat().st_mtime_ns == before.st_mtime_ns
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full", "/dev/tty"])
def test_a_device_is_refused(run, device):
    with pytest.raises(CheckpointError, match="is a device"):
        Saver(run, device)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file/a.run", "file is not a folder"),
        ("file/deep/a.run", "file is not a folder"),
        ("x" * 300, "File name too long"),
        ("x" * 250, "File name too long"),
        ("new/" + "x" * 250, "File name too long"),
        ("loop/a.run", "loop is not a folder"),
        ("nobody.run/../../..", "is a folder"),
    ],
)
def test_a_path_that_cannot_be_is_refused_and_no_folder_made(run, tmp_path, name, words):
    thesis(tmp_path / "file")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CheckpointError, match=words):
        Saver(run, tmp_path / name)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "loop"]


def test_a_user_who_is_none_is_refused(run):
    with pytest.raises(CheckpointError, match=r"~nosuchuser/a\.run names no file"):
        Saver(run, "~nosuchuser/a.run")


def test_a_home_is_found(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Saver(run, "~/a.run") as saver:
        assert saver.save()
    assert steps_in(tmp_path / "a.run") == steps_in("~/a.run") == 12


def test_a_folder_that_cannot_be_written_to_is_refused(run, tmp_path):
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(CheckpointError, match="Permission denied"):
            Saver(run, tmp_path / "a.run")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o755)


def test_a_folder_that_may_not_be_entered_is_one_error(run, tmp_path):
    path = checkpoint.save(run, tmp_path / "deep" / "a.run")
    path.parent.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        assert not checkpoint.exists(path)
        for action in (lambda: Saver(run, path), lambda: checkpoint.load(path)):
            with pytest.raises(CheckpointError, match="Permission denied"):
                action()
    finally:
        os.seteuid(user)
        path.parent.chmod(0o755)


@pytest.mark.parametrize("name", [".a.run.part", ".a.run.lock"])
def test_a_foreign_file_that_stands_where_ours_would_is_not_touched(run, tmp_path, name):
    thesis(tmp_path / name)
    with contextlib.suppress(CheckpointError), Saver(run, tmp_path / "a.run") as saver:
        assert saver.save()
    assert (tmp_path / name).read_text() == "years of work"


def test_a_link_stays_one_and_what_it_leads_to_is_written(run, tmp_path):
    link = tmp_path / "link.run"
    link.symlink_to(tmp_path / "there.run")
    with Saver(run, link) as saver:
        assert saver.save()
    assert link.is_symlink()
    assert steps_in(link) == steps_in(tmp_path / "there.run") == 12
    thesis(tmp_path / "thesis.txt")
    link.unlink()
    link.symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(CheckpointError, match="another program's file"):
        Saver(run, link)


def test_a_foreign_file_that_comes_later_stays_too(run, tmp_path):
    said = []
    with Saver(run, tmp_path / "a.run", sink=said.append) as saver:
        assert saver.save()
        thesis(tmp_path / "mine")
        (tmp_path / "mine").replace(saver.path)
        run.step()
        assert not saver.save()
    assert "another program's file" in said[0]
    assert saver.path.read_text() == "years of work"


# ---- an older run ----


def test_an_older_run_of_other_settings_is_moved_aside_with_the_one_before_it(
    run, new_run, tmp_path
):
    path = tmp_path / "a.run"
    for _ in range(2):
        checkpoint.save(run, path)
        run.step()
    with Saver(new_run(learning_rate=0.5), path) as saver:
        assert f"{path} held another run, which is kept as {tmp_path / 'a-2.run'}" in saver.notice
        for _ in range(3):
            saver.run.step()
            assert saver.save()
    assert (steps_in(path), steps_in(tmp_path / "a-2.run")) == (3, 13)
    assert steps_in(tmp_path / "a-2.run.previous") == 12


def test_an_older_run_that_is_alike_stays_the_one_before_as_long_as_this_one_is_saved(
    run, new_run, tmp_path
):
    path = checkpoint.save(run, tmp_path / "a.run")
    with Saver(new_run(), path) as saver:
        for _ in saver.saving(saver.run, seconds=0):
            pass
    previous = checkpoint.previous_of(path)
    assert (steps_in(path), steps_in(previous)) == (30, 12)
    assert saver.notice == (
        f"{path} held another run, of 12 steps with these settings; it is kept as {previous}."
    )


def test_the_same_command_given_again_and_again_destroys_no_run(run, new_run, tmp_path):
    path = checkpoint.save(run, tmp_path / "a.run")
    for count in (1, 3, 2):
        with Saver(new_run(), path) as saver:
            list(itertools.islice(saver.run, count))
            assert saver.save()
    found = sorted(steps_in(file) for file in tmp_path.iterdir())
    assert found == [1, 2, 3, 12]


def test_a_run_on_other_labels_is_another_run(run, new_run, tmp_path):
    path = checkpoint.save(run, tmp_path / "a.run")
    other = new_run()
    train = Split(other.data.train.images, 9 - other.data.train.labels)
    other = TrainingRun(other.model, replace(other.data, train=train), other.hyperparameters)
    with Saver(other, path) as saver:
        assert "which is kept as" in saver.notice
        other.step()
        assert saver.save()
    assert (steps_in(path), steps_in(tmp_path / "a-2.run")) == (1, 12)


def test_the_one_before_is_no_place_for_another_run_while_a_run_is_saved(run, new_run, tmp_path):
    path = tmp_path / "a.run"
    with Saver(run, path) as saver, Saver(new_run(), checkpoint.previous_of(path)) as second:
        assert "is in use by another run" in second.notice
        assert second.path != checkpoint.previous_of(path)
        second.run.step()
        assert second.save()
        for _ in range(5):
            run.step()
            assert saver.save()
            saver._file._place = None  # so that it is written anew
    assert steps_in(second.path) == 1


def test_what_cannot_be_read_is_kept_too(run, new_run, tmp_path):
    path = checkpoint.save(run, tmp_path / "a.run")
    newer = path.read_bytes().replace(b"checkpoint 2:", b"checkpoint 3:")
    path.write_bytes(newer)
    with Saver(new_run(), path) as saver:
        assert saver.save()
    assert (tmp_path / "a-2.run").read_bytes() == newer


def test_a_run_that_goes_on_is_appended_to_its_file(run, new_run, tmp_path):
    path = checkpoint.save(run, tmp_path / "a.run")
    again, start, before = new_run(), path.read_bytes(), path.stat().st_ino
    checkpoint.restore(again, path)
    with Saver(again, path) as saver:
        assert saver.step_saved == 12
        again.step()
        assert saver.save()
    assert path.stat().st_ino == before
    assert path.read_bytes().startswith(start)
    assert steps_in(path) == 13


def test_steps_that_were_taken_back_are_kept_as_the_one_before(run, new_run, tmp_path):
    path, again = tmp_path / "a.run", new_run()
    checkpoint.restore(again, checkpoint.save(run, tmp_path / "early.run"))
    list(itertools.islice(run, 5))
    checkpoint.save(run, path)
    with Saver(again, path) as saver:
        again.step()
        assert saver.save()
    assert (steps_in(path), steps_in(checkpoint.previous_of(path))) == (13, 17)


def test_a_run_that_is_set_back_is_written_anew(run, tmp_path):
    early = run.state_dict()
    with Saver(run, tmp_path / "a.run") as saver:
        list(itertools.islice(run, 5))
        assert saver.save()
        run.load_state_dict(early)
        assert saver.save()
        assert steps_in(saver.path) == 12
        run.adjust(learning_rate=0.5)
        list(itertools.islice(run, 5))
        assert saver.save()
    losses = checkpoint.load(saver.path).state["history"]["loss"]
    assert losses == [record.loss for record in run.history]


def test_another_name_of_the_file_keeps_what_it_held(run, tmp_path):
    path = checkpoint.save(run, tmp_path / "a.run")
    os.link(path, tmp_path / "backup.run")
    before = path.read_bytes()
    with Saver(run, path) as saver:
        run.step()
        assert saver.save()
    assert (tmp_path / "backup.run").read_bytes() == before


# ---- two at a time ----


def test_the_second_on_a_path_takes_another_name_and_says_so(run, new_run, tmp_path):
    with Saver(run, tmp_path / "a.run") as first, Saver(new_run(), tmp_path / "a.run") as second:
        assert second.path == tmp_path / "a-2.run"
        assert f"{first.path} is in use by another run" in second.notice
        assert first.save()
        assert second.save()
    assert (steps_in(first.path), steps_in(second.path)) == (12, 0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a-2.run", "a.run"]
    with Saver(run, tmp_path / "a.run") as third:
        assert third.path == first.path


def test_another_process_has_the_path_until_it_is_killed(run, tmp_path, warm_python):
    path = tmp_path / "a.run"
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with warm_python.popen(command, **pipes) as other:
        assert other.stdout.readline() == "True\n"
        with Saver(run, path) as saver:
            assert saver.path == tmp_path / "a-2.run"
        other.kill()
        other.wait()
        with Saver(run, path) as saver:
            assert saver.path == path


def test_several_processes_at_the_same_moment_have_a_file_each(warm_python):
    script = Path(__file__).with_name("race_savers.py")
    command = [sys.executable, script, "5"]
    assert warm_python.call(command).stdout.splitlines()[-1] == "5 of 5"


def test_a_saver_is_given_back_by_any_thread_and_saves_no_more(run, tmp_path):
    said = []
    saver = Saver(run, tmp_path / "a.run", sink=said.append)
    thread = threading.Thread(target=saver.close)
    thread.start()
    thread.join()
    assert list(tmp_path.iterdir()) == []
    assert not saver.save()
    assert "has been given back" in said[0]


# ---- failures ----


def test_a_failure_is_said_once_tried_again_and_its_end_is_said(run, tmp_path):
    said = []
    with Saver(run, tmp_path / "a.run", sink=said.append) as saver:
        records = saver.saving(run, seconds=0)
        next(records), next(records)
        with files_may_not_grow():
            for _ in range(4):
                next(records)
            assert (saver.step_saved, steps_in(saver.path)) == (13, 13)
        list(records)
    assert len(said) == 2
    assert "File too large" in said[0]
    assert said[1] == f"Saving works again: {saver.path} holds step 18."
    assert steps_in(saver.path) == 30


def test_the_end_is_tried_again(run, tmp_path):
    said = []
    with Saver(run, tmp_path / "a.run", sink=said.append) as saver:
        records = saver.saving(run, seconds=1000)
        with files_may_not_grow():
            for _ in range(18):
                next(records)
        list(records)
    assert saver.step_saved == steps_in(saver.path) == 30


def test_a_run_is_saved_from_its_first_step_on(new_run, tmp_path):
    run = new_run(epochs=2)
    with Saver(run, tmp_path / "run") as saver:
        records = saver.saving(run, seconds=1000)
        next(records), next(records)
        assert steps_in(tmp_path / "run") == 1
        list(records)
        assert steps_in(tmp_path / "run") == 20


def test_a_save_cut_anywhere_leaves_it_or_the_one_before(run, tmp_path):
    with Saver(run, tmp_path / "a.run") as saver:
        assert saver.save()
        size = saver.path.stat().st_size
        run.step()
        assert saver.save()
        whole, copy = saver.path.read_bytes(), tmp_path / "copy.run"
        for length in {*range(size, size + 200), *range(size, len(whole), 5001), len(whole)}:
            copy.write_bytes(whole[:length])
            assert steps_in(copy) == (13 if length == len(whole) else 12)
            assert bool(checkpoint.load(copy).notice) == (size < length < len(whole))


def test_after_a_torn_save_the_next_one_counts(run, new_run, tmp_path):
    path, again = tmp_path / "a.run", new_run()
    with Saver(run, path) as saver:
        saver.save()
        run.step()
        saver.save()
    path.write_bytes(path.read_bytes()[:-1])
    assert "is cut short" in checkpoint.restore(again, path).notice
    with Saver(again, path) as saver:
        list(itertools.islice(again, 3))
        assert saver.save()
    assert (steps_in(path), checkpoint.load(path).notice) == (15, "")


# ---- its cost ----


def test_the_file_stays_small(run, tmp_path):
    sizes = []
    with Saver(run, tmp_path / "a.run") as saver:
        for _ in range(18):
            assert saver.save()
            sizes.append(saver.path.stat().st_size)
            run.step()
    assert max(sizes) < 6 * sizes[0]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_appended_does_not_grow_with_the_history(new_run, tmp_path):
    run, grown = new_run(epochs=40, batch_size=10), []
    with Saver(run, tmp_path / "a.run") as saver:
        assert saver.save()
        for _ in range(12):
            list(itertools.islice(run, 30))
            before = saver.path.stat()
            assert saver.save()
            if saver.path.stat().st_ino == before.st_ino:
                grown.append(saver.path.stat().st_size - before.st_size)
    assert max(grown) - min(grown) < 100


def test_the_measure_of_a_save_s_cost_runs():
    got = save_cost.measure(1000, saves=6, between=2)
    assert 0 < got["median"] <= got["longest"]
