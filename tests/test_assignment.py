"""Exercises as an assignment: what learners get, and what no notebook can do to its grades."""

import ast
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import nbformat
import pytest

from tutorial_lib.exercises import EXERCISES, grading

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import assignment  # noqa: E402

ALL = [name for some in EXERCISES.values() for name in some]


def marks_of(cell) -> dict:
    return cell.metadata["nbgrader"]


# ---- what learners get ----


@pytest.mark.parametrize("stem", EXERCISES)
def test_each_exercise_stands_there_in_the_words_of_its_notebook(stem):
    cells = assignment.assignment_of(stem).cells
    graded = [cell for cell in cells if marks_of(cell)["grade"]]
    assert [marks_of(cell)["grade_id"] for cell in graded] == list(EXERCISES[stem])
    assert all(marks_of(cell)["points"] == 1 and marks_of(cell)["locked"] for cell in graded)
    original = nbformat.read(ROOT / f"notebooks/{stem}.ipynb", as_version=4)
    words = {cell.source for cell in original.cells if cell.cell_type == "markdown"}
    told = [cell.source for cell in cells if marks_of(cell)["grade_id"].endswith("-words")]
    assert len(told) == len(graded)
    assert set(told) <= words


@pytest.mark.parametrize("stem", EXERCISES)
def test_an_answer_is_empty_and_its_cell_alone_may_be_written(stem):
    cells = assignment.assignment_of(stem).cells
    answers = [cell for cell in cells if marks_of(cell)["solution"]]
    assert len(answers) == len(EXERCISES[stem])
    assert all(re.search(r"\.\.\.|\bpass\b", cell.source) for cell in answers)
    assert not any("check(" in cell.source for cell in answers)
    assert all(marks_of(cell)["locked"] for cell in cells if cell not in answers)
    assert len({marks_of(cell)["grade_id"] for cell in cells}) == len(cells)


@pytest.mark.parametrize("stem", EXERCISES)
def test_what_stands_there_leads_to_no_file_that_learners_do_not_have(stem):
    text = "".join(cell.source for cell in assignment.assignment_of(stem).cells)
    assert re.findall(r"\]\((?!http)[^)]*\)", text) == []


def test_an_exercise_without_a_cell_is_named(monkeypatch):
    monkeypatch.setitem(EXERCISES["05_scaling"], "new_one", EXERCISES["05_scaling"]["speed_up"])
    with pytest.raises(assignment.Trouble, match="no cell check\\('new_one'"):
        assignment.assignment_of("05_scaling")


@pytest.fixture
def made(tmp_path, monkeypatch, capsys):
    """Return what the command says, with its exit status; nbgrader itself is not called."""
    monkeypatch.setattr(assignment, "release", lambda folder, names: None)

    def make(*names):
        status = assignment.main([str(tmp_path / "my course"), *names])
        return status, " ".join("".join(capsys.readouterr()).split())

    return make


def test_a_course_has_an_assignment_for_each_notebook(made, tmp_path):
    status, said = made()
    assert status == 0
    assert said.startswith("7 assignments are in ")
    found = [path.stem for path in sorted((tmp_path / "my course/source").glob("*/*.ipynb"))]
    assert found == sorted(EXERCISES)


def test_a_course_that_is_there_is_not_written_over(made, tmp_path):
    made("01_hyperparameters")
    (tmp_path / "my course/nbgrader_config.py").write_text("mine")
    status, said = made("02_losses")
    assert status == 1
    assert "is there already: name another folder" in said
    assert (tmp_path / "my course/nbgrader_config.py").read_text() == "mine"
    assert not (tmp_path / "my course/source/02_losses").exists()


def test_a_notebook_without_exercises_is_one_line(made, tmp_path):
    assert made("07_more")[1].startswith("No exercises in '07_more'; there are some in 00_start")
    assert not (tmp_path / "my course").exists()


# ---- a learner, without a grader ----


def test_a_learner_hears_what_check_says(capsys):
    assert grading.judged("num_steps", 9370) is None
    assert capsys.readouterr().out.startswith("Right. ")
    with pytest.raises(grading.NotRight):
        grading.judged("num_steps", 937)
    assert "Not yet. That is one epoch." in capsys.readouterr().out
    with pytest.raises(grading.NotRight):
        grading.judged("num_steps", ...)
    assert "Your turn." in capsys.readouterr().out


def test_an_answer_that_cannot_be_sent_is_one_line():
    with pytest.raises(grading.NotRight, match="a generator cannot be handed over"):
        grading.packed(number for number in range(3))


# ---- a grader ----


def of_a_notebook(source: str):
    """Return what a cell calls `answer`; its functions are sent whole, as those of a notebook."""
    names = {"__name__": "__main__"}
    exec(source, names)
    return names["answer"]


MEAN_STEP = "answer = lambda weight, gradients, rate: weight - rate * gradients.mean(dim=0)"
SPOILS = """
def answer(*arguments):
    from tutorial_lib.exercises import judging, trials
    judging.close = lambda *arguments: True
    judging.is_nothing = lambda answer: False
    raise RuntimeError
"""
FORGES = """
def answer(*arguments):
    import os
    os.write(1, b'["warm_rate", true, "Right."]\\n')
    os._exit(0)
"""
WAITS = """
def answer(*arguments):
    import threading
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            pass
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Return what is found of answers, where another tutorial_lib stands in the way."""
    folder = tmp_path_factory.mktemp("learner")
    (folder / "tutorial_lib").mkdir()
    (folder / "tutorial_lib/__init__.py").write_text("raise SystemExit('another library')")
    answers = {
        "smooth_l1": SPOILS,
        "sgd_step": MEAN_STEP,
        "num_steps": "answer = 937",
        "warm_rate": FORGES,
        "lion_step": WAITS,
        "speed_up": "answer = 2.5",
        "right_set": "answer = ...",
    }
    packed = {name: grading.packed(of_a_notebook(source)) for name, source in answers.items()}
    packed["velocity_end"] = "no answer"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        return grading.judge_apart(packed, limit_seconds=8)


def test_right_answers_are_right_whatever_stands_beside_the_notebook(verdicts):
    for name in ("sgd_step", "speed_up"):
        assert verdicts[name].words.startswith("Right. ")
        assert verdicts[name].is_right


def test_a_wrong_answer_hears_what_check_says(verdicts):
    assert not verdicts["num_steps"].is_right
    assert verdicts["num_steps"].words == "Not yet. That is one epoch. Ten were asked for."
    assert verdicts["right_set"].words.startswith("Your turn.")


def test_an_answer_that_spoils_its_judge_spoils_no_other(verdicts):
    assert not verdicts["smooth_l1"].is_right
    assert verdicts["num_steps"].words.startswith("Not yet. That is one epoch.")


def test_an_answer_that_ends_its_judge_or_writes_in_its_name_is_wrong(verdicts):
    assert verdicts["warm_rate"] == (
        False, "Not yet. Your answer ended the process that judged it.", True, "",
    )  # fmt: skip


def test_an_answer_that_never_ends_is_wrong(verdicts):
    assert verdicts["lion_step"].words == "Not yet. It has not ended after 8 s."


def test_what_is_no_answer_is_wrong(verdicts):
    assert "cannot be read where it is judged" in verdicts["velocity_end"].words


# ---- nbgrader itself ----


def in_one(done: subprocess.CompletedProcess) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def grader(tmp_path_factory) -> Path:
    """Return a Python that has nbgrader and the tutorial: this one, or one that is made here."""
    if importlib.util.find_spec("nbgrader"):
        return Path(sys.executable)
    if "TUTORIAL_THOROUGH" not in os.environ:
        pytest.skip("thorough: fetches nbgrader, and waits for a cell that never ends")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("nbgrader is not installed, and uv, which fetches it, neither")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = project["optional-dependencies"]["class"]
    folder = tmp_path_factory.mktemp("grader") / "environment"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    steps = [["venv", "--quiet", "--python", sys.executable, folder]]
    install = ["pip", "install", "--quiet", "--python", python, wanted]
    for offline in (["--offline"], []):  # from uv's cache, if it is there
        for step in [*steps, [*install, *offline]]:
            done = subprocess.run(
                [uv, *step], capture_output=True, text=True, check=False, timeout=240,
                env=os.environ | {"UV_HTTP_TIMEOUT": "20"},
            )  # fmt: skip
        if done.returncode == 0:
            break
        steps = []
    else:
        pytest.skip(f"nbgrader is not installed, and cannot be fetched: {in_one(done)[:200]}")
    paths = [sysconfig.get_path("purelib"), str(ROOT)]
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    packages = Path(where.stdout.strip())
    (packages / "tutorial.pth").write_text("\n".join(paths))
    # As conftest.py does: nbformat else builds grammars for seconds, in each of four processes.
    (packages / "sitecustomize.py").write_text("import sys\nsys.modules['rfc3987_syntax'] = None\n")
    return python


def solved(notebook: nbformat.NotebookNode, stem: str) -> None:
    """Write the answers of solutions/ into an assignment."""
    solutions = nbformat.read(ROOT / f"notebooks/solutions/{stem}.ipynb", as_version=4)
    answers = {}
    for cell in solutions.cells:
        if cell.cell_type == "code" and "check(" in cell.source:
            *lines, (last, call) = [(ast.unparse(one), one) for one in ast.parse(cell.source).body]
            name, answer = call.value.args[0].value, ast.unparse(call.value.args[1])
            answers[name] = "\n".join(line for line, _ in lines), answer
            assert last.startswith("check(")
    for cell in notebook.cells:
        if marks_of(cell)["solution"]:
            name = marks_of(cell)["grade_id"].removesuffix("-answer")
            taken = next(c for c in notebook.cells if marks_of(c)["grade_id"] == name)
            own = ast.parse(taken.source).body[-1].value.args[1].id
            cell.source = f"{answers[name][0]}\n{own} = {answers[name][1]}"


CUNNING = """
import tutorial_lib.exercises
from tutorial_lib.exercises import grading

rate = 1
check = judged = lambda *arguments: print("Right.")
tutorial_lib.exercises.check = grading.judged = judged
tutorial_lib.exercises.EXERCISES.clear()
"""


def made_cunning(notebook: nbformat.NotebookNode) -> None:
    """Give one right answer, and try to get the other points without answers."""
    cells = {marks_of(cell)["grade_id"]: cell for cell in notebook.cells}
    cells["speed_up-answer"].source = "speed_up = 2.5"
    cells["scaled_rate-answer"].source = CUNNING
    cells["scaled_rate"].source = "print('Right.')"
    cells["warm_rate-answer"].source = "import threading\n\nthreading.Event().wait()"
    cells["lone_image-answer"].source = "times_as_much = 32"
    cells["whole_gradient-answer"].source = "def whole_gradient(*given):\n    return 0 * given[0]"
    notebook.cells.remove(cells["warm_rate"])
    notebook.cells.remove(cells["lone_image-answer"])
    notebook.cells.remove(cells["lone_image"])


AS_A_TEACHER = """
import sys
from nbgrader.apps import AutogradeApp, ExportApp

AutogradeApp.launch_instance([sys.argv[1]])  # nbgrader autograde 05_scaling
AutogradeApp.clear_instance()
ExportApp.launch_instance([])  # nbgrader export
"""


@pytest.mark.notebook
def test_nbgrader_gives_the_right_notebook_all_points_and_a_cunning_one_its_own(
    grader, tmp_path, monkeypatch, capsys
):
    course, stem = tmp_path / "my course", "05_scaling"
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):  # without: each process compiles anew
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # of kernels
    monkeypatch.setattr(sys, "executable", str(grader))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)

    assert assignment.main([str(course), stem]) == 0, capsys.readouterr().err
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text().replace("timeout = 60", "timeout = 40"))
    released = course / f"release/{stem}/{stem}.ipynb"
    for learner in ("right", "cunning"):
        notebook = nbformat.read(released, as_version=4)
        made_cunning(notebook) if learner == "cunning" else solved(notebook, stem)
        folder = course / f"submitted/{learner}/{stem}"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{stem}.ipynb")
    done = subprocess.run(
        [grader, "-c", AS_A_TEACHER, stem], cwd=course, capture_output=True, text=True,
        check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, in_one(done)
    with (course / "grades.csv").open() as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"right": 5, "cunning": 1}
    graded = (course / f"autograded/cunning/{stem}/{stem}.ipynb").read_text()
    assert "Not yet." in json.dumps(graded)
