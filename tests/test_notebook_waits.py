"""A cell that trains says how far it is; what is left of that in its output is not compared."""

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.rglob("0*.ipynb"))
IGNORED = "nbval-ignore-output"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def calls(node: ast.AST) -> Iterator[str]:
    """Yield what is called when this is run, and not what functions call that it defines."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.Call):
            yield ast.unparse(part.func)
        if not isinstance(part, DEFINITIONS):
            yield from calls(part)


def cells_that_wait(sources: list[str]) -> Iterator[int]:
    """Yield the numbers of cells that show how far they are: by progress(), or a panel's run()."""
    names = {"progress"}  # and what a notebook defines by it

    def waits(node: ast.AST) -> bool:
        methods = (call for call in calls(node) if call.endswith(".run"))
        return bool(names & set(calls(node)) or set(methods) - {"subprocess.run"})

    for number, source in enumerate(sources):
        tree = ast.parse(TransformerManager().transform_cell(source))
        functions = [part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef)]
        names |= {function.name for function in functions if waits(function)}
        if waits(tree):
            yield number


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.relative_to(FOLDER).as_posix())
def test_a_cell_that_shows_how_far_it_is_is_not_compared(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    waiting = [cells[number] for number in cells_that_wait([cell.source for cell in cells])]
    assert [cell.id for cell in waiting if IGNORED not in cell.metadata.get("tags", [])] == []


@pytest.mark.parametrize(
    "source",
    [
        "records = list(progress(run))",
        "for record in progress(run, num_steps=3): pass",
        "panel.run(epochs=1)",
        "train(0.1)",
    ],
)
def test_such_a_cell_is_known(source):
    defines = "def train(rate):\n    list(progress(new_run(rate)))"
    assert list(cells_that_wait([defines, source])) == [1]


@pytest.mark.parametrize("source", ["subprocess.run(command)", "run = TrainingRun(model, data)"])
def test_another_cell_is_none(source):
    assert list(cells_that_wait([source])) == []
