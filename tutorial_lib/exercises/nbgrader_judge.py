"""Two steps for nbgrader: one before a notebook is run, and the one that judges, after it."""

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Float

from tutorial_lib.exercises import EXERCISES, grading

_NAMES = {name for some in EXERCISES.values() for name in some}
_NOTHING = "Nothing was handed over. "


class MissingAnswers(NbGraderPreprocessor):
    """Put an empty cell at the end for each answer that a learner has deleted.

    nbgrader brings a deleted grading cell back behind its answer, and fails where that is missing.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Complete a notebook, before nbgrader compares it with its source."""
        where = resources["nbgrader"]
        with Gradebook(where["db_url"]) as gradebook:
            source = gradebook.find_notebook(where["notebook"], where["assignment"])
            names = [cell.name for cell in source.solution_cells]
        there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
        for name in names:
            if name not in there:
                marks = {"grade": False, "solution": True, "locked": False, "task": False}
                marks |= {"grade_id": name, "schema_version": 3}
                cell = new_code_cell("# This answer is missing.", metadata={"nbgrader": marks})
                nb.cells.append(cell)
        return nb, resources


class Judge(NbGraderPreprocessor):
    """Write a verdict into the cell of each exercise, in place of all that the notebook has said.

    A teacher's own cells, whose grade_id is no exercise, are left to nbgrader.
    """

    limit_seconds = Float(
        grading.LIMIT_SECONDS, help="So long an answer may take; one that takes longer is wrong."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Judge all exercises of a notebook that was run."""
        cells = {
            cell.metadata.nbgrader.grade_id: cell
            for cell in nb.cells
            if is_grade(cell) and cell.metadata.nbgrader.get("grade_id") in _NAMES
        }
        given = {name: answer_of(cell.outputs) for name, cell in cells.items()}
        answers = {name: answer for name, answer in given.items() if answer is not None}
        verdicts = grading.judge_apart(answers, limit_seconds=self.limit_seconds)
        for name, cell in cells.items():
            if name in verdicts:
                cell.outputs = [_output_of(verdicts[name])]
            else:
                cell.outputs = [_failure(_NOTHING + _last_error(cell.outputs))]
        return nb, resources


def answer_of(outputs: list[NotebookNode]) -> str | None:
    """Return the answer that a cell has handed over, packed; None if there is none."""
    texts = [output.get("data", {}).get(grading.MIME) for output in outputs]
    texts = [text for text in texts if isinstance(text, str)]
    return texts[-1] if texts and len(texts[-1]) <= grading.MOST_LETTERS else None


def _output_of(verdict: grading.Verdict) -> NotebookNode:
    if verdict.is_right:
        return new_output("stream", name="stdout", text=f"{verdict.words}\n")
    return _failure(verdict.words)


def _failure(words: str) -> NotebookNode:
    """Return the output by which nbgrader knows that a cell failed."""
    return new_output("error", ename="NotRight", evalue=words, traceback=[words])


def _last_error(outputs: list[NotebookNode]) -> str:
    """Return why nothing was handed over, as far as the notebook says it."""
    errors = [output for output in outputs if output.output_type == "error"]
    return f"{errors[-1].ename}: {errors[-1].evalue}"[:300] if errors else ""
