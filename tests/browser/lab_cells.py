"""The cells that a notebook's labs need, and no others: the rest has its test under nbval."""

import ast
import copy
from collections.abc import Iterator

from nbformat import NotebookNode

IS_LAB = "its controls cannot be shown here"  # what a panel says in text, so in a saved notebook


def labs_alone(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with the cells that show a lab, and those that define what these use."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [number for number, cell in enumerate(cells) if shows_a_lab(cell)]
    needed, waiting = set(), set(shown)
    while waiting:
        number = waiting.pop()
        needed.add(number)
        waiting |= set(definers(cells, number)) - needed
    alone = copy.deepcopy(notebook)
    alone.cells = [cells[number] for number in sorted(needed)]
    return alone


def shows_a_lab(cell: NotebookNode) -> bool:
    """Say whether a saved cell shows a panel."""
    return any(IS_LAB in out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def definers(cells: list[NotebookNode], number: int) -> Iterator[int]:
    """Yield for each name that a cell uses the last cell before it that defines the name."""
    for name in names(cells[number], ast.Load):
        before = [place for place in range(number) if name in names(cells[place], ast.Store)]
        if before:
            yield before[-1]


def names(cell: NotebookNode, context: type[ast.expr_context]) -> set[str]:
    """Return the names that a cell uses, or with ast.Store those that it defines."""
    found = set()
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.add(node.id)
        if context is ast.Store and isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if context is ast.Store and isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found
