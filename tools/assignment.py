"""Make the exercises an nbgrader course: a folder with an assignment for each notebook.

Usage: python tools/assignment.py FOLDER [NOTEBOOK ...]

FOLDER/source gets one notebook for each of the tutorial's, with its exercises alone: the words and
the empty cells stand as they do there, and the cell that grades calls the exercise's own judge. No
answer is in them. Where nbgrader is installed beside the tutorial (`pip install '.[class]'`), what
learners get is made, too: FOLDER/release. docs/teaching.md says how to go on.
"""

import argparse
import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tutorial_lib.exercises import EXERCISES

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "nbgrader_config.py"
CONFIG_TEXT = '''\
"""How nbgrader makes and grades the exercises. Written by tools/assignment.py; yours to change."""

from nbgrader.converters.autograde import Autograde

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = COURSE

# An answer's cell is empty already: there is no solution in it to take out.
c.ClearSolutions.enabled = False

# A cell that does not end by itself is interrupted after so many seconds.
c.Execute.timeout = 60

# A grading cell that a learner has deleted comes back.
c.OverwriteCells.add_missing_cells = True


def default_steps(name):
    steps = Autograde.class_traits()[name].default()
    return [f"{step.__module__}.{step.__name__}" for step in steps]


def place_of(steps, name):
    return next(number for number, step in enumerate(steps) if step.endswith(f".{name}"))


# A notebook is completed; it is run; then each answer is judged in a process of its own.
OWN = "tutorial_lib.exercises.nbgrader_judge"
before = default_steps("sanitize_preprocessors")
before.insert(place_of(before, "OverwriteCells"), f"{OWN}.MissingAnswers")
c.Autograde.sanitize_preprocessors = before
after = default_steps("autograde_preprocessors")
after.insert(place_of(after, "Execute") + 1, f"{OWN}.Judge")
c.Autograde.autograde_preprocessors = after
'''
INTRO = """\
# {title}: exercises

They stand at the end of that notebook, and are graded here. Write your answer in
place of `...` or `pass`, run its cell, and then the locked one below it, which says
in words what is wrong. `hint("{first}")` gives a hint, three in all. Nothing is sent
anywhere until you hand this notebook in."""
GRADING = """\
from tutorial_lib.exercises.grading import judged

judged("{name}", {answer})"""


class Trouble(Exception):
    """Why no course can be made, in one line."""


def main(arguments: list[str] | None = None) -> int:
    """Make the course that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the course; it is made")
    parser.add_argument("notebooks", nargs="*", help="as 01_hyperparameters; all if none")
    asked = parser.parse_args(arguments)
    try:
        folder = asked.folder.expanduser().absolute()
        names = write_course(folder, asked.notebooks or list(EXERCISES))
        print(f"{len(names)} assignments are in {folder / 'source'}: {', '.join(names)}.")
        release(folder, names)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


def write_course(folder: Path, names: list[str]) -> list[str]:
    """Write source/ and nbgrader's configuration; nothing that is there is written over.

    Raises:
        Trouble: A notebook has no exercises, or the folder holds a course already.
    """
    if unknown := sorted(set(names) - set(EXERCISES)):
        raise Trouble(f"No exercises in {unknown[0]!r}; there are some in {', '.join(EXERCISES)}.")
    notebooks = {name: assignment_of(name) for name in names}
    try:
        for name in (CONFIG, "source"):
            if (folder / name).exists():
                raise Trouble(f"{folder / name} is there already: name another folder")
        for name, notebook in notebooks.items():
            (folder / "source" / name).mkdir(parents=True)
            nbformat.write(notebook, folder / "source" / name / f"{name}.ipynb")
        config = CONFIG_TEXT.replace("COURSE", json.dumps(folder.name))
        (folder / CONFIG).write_text(config, encoding="utf-8")
    except OSError as error:
        words = error.strerror or error
        raise Trouble(f"The course cannot be written to {folder}: {words}.") from error
    return names


def release(folder: Path, names: list[str]) -> None:
    """Let nbgrader make what learners get, and keep in its gradebook what is graded.

    Raises:
        Trouble: nbgrader says no.
    """
    if importlib.util.find_spec("nbgrader") is None:
        print("nbgrader is not installed here: pip install '.[class]'. Then, in that folder:")
        print("\n".join(f"  nbgrader generate_assignment {name}" for name in names))
        return
    beside = Path(sys.executable).parent  # nbgrader calls a program of its environment by its name
    path = os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)])
    for name in names:
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", name]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False,
            env=os.environ | {"PATH": path},
        )  # fmt: skip
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise Trouble(f"nbgrader could not make {name}: {last}")
    print(f"What learners get is in {folder / 'release'}.")


def assignment_of(name: str) -> NotebookNode:
    """Return the exercises of a notebook as nbgrader takes them.

    Raises:
        Trouble: An exercise has no cell in the notebook.
    """
    original = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    title = original.cells[0].source.partition("\n")[0].removeprefix("# ")
    exercises = list(EXERCISES[name])
    intro = new_markdown_cell(INTRO.format(title=title, first=exercises[0]))
    cells = [_marked(intro, "about", locked=True)]
    cells += _cells(original.cells, exercises)
    missing = [one for one in exercises if one not in {_grade_id(cell) for cell in cells}]
    if missing:
        raise Trouble(f"notebooks/{name}.ipynb has no cell check({missing[0]!r}, ...).")
    return new_notebook(cells=cells, metadata={"kernelspec": original.metadata.kernelspec})


def _cells(cells: list[NotebookNode], exercises: list[str]) -> Iterator[NotebookNode]:
    begin = next(
        number
        for number, cell in enumerate(cells)
        if cell.cell_type == "markdown" and "## Exercises" in cell.source
    )
    for before, cell in zip(cells[begin:], cells[begin + 1 :], strict=False):
        if cell.cell_type != "code":
            continue
        source, name, answer = parts_of_exercise(cell.source)
        if name not in exercises:  # what they all need
            yield _marked(new_code_cell(cell.source, id=cell.id), f"needed-{cell.id}", locked=True)
            continue
        words = new_markdown_cell(before.source, id=before.id)
        yield _marked(words, f"{name}-words", locked=True)
        yield _marked(new_code_cell(source, id=cell.id), f"{name}-answer", solution=True)
        grading = new_code_cell(GRADING.format(name=name, answer=answer), id=f"{name}-graded")
        yield _marked(grading, name, grade=True, locked=True, points=1)


def parts_of_exercise(source: str) -> tuple[str, str, str]:
    """Return the cell without its last line, and of that, check("name", answer), both; or ""."""
    last = ast.parse(source).body[-1]
    match last:
        case ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(name), ast.Name(answer)])):
            lines = source.splitlines()[: last.lineno - 1]
            return "\n".join(lines).rstrip(), name, answer
    return source, "", ""


def _marked(cell: NotebookNode, grade_id: str, **marks: Any) -> NotebookNode:
    """Say to nbgrader what a cell is for."""
    kinds = dict.fromkeys(("grade", "solution", "locked", "task"), False)
    cell.metadata["nbgrader"] = kinds | {"grade_id": grade_id, "schema_version": 3} | marks
    return cell


def _grade_id(cell: NotebookNode) -> str:
    return cell.metadata["nbgrader"]["grade_id"]


if __name__ == "__main__":
    sys.exit(main())
