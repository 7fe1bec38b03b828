"""What a notebook's labs need, and no more: the whole notebook has its test under nbval."""

import ast
import dis
from collections.abc import Iterator
from types import CodeType

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

IS_LAB = "its controls cannot be shown here"  # what a panel says in text, so in a saved notebook


def labs_alone(notebook: NotebookNode, *, also: tuple[str, ...] = ()) -> NotebookNode:
    """Return a notebook of the lines that show a lab, and of those that define what these use.

    Args:
        also: Words of lines that are needed, too: what they do has no name.
    """
    lines, shown = [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for line in ast.parse(cell.source).body:
                shown += [len(lines)] * any(words in ast.unparse(line) for words in also)
                lines.append(line)
            if shows_a_lab(cell):
                shown.append(len(lines) - 1)
    codes = [compile(ast.Module([line], []), "<line>", "exec") for line in lines]
    needed, waiting = set(), set(shown)
    while waiting:
        number = waiting.pop()
        needed.add(number)
        waiting |= set(definers(codes, number)) - needed
    cells = [new_code_cell(ast.unparse(lines[number])) for number in sorted(needed)]
    return new_notebook(cells=cells, metadata=notebook.metadata)


def shows_a_lab(cell: NotebookNode) -> bool:
    """Say whether a saved cell shows a panel."""
    return any(IS_LAB in out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def definers(codes: list[CodeType], number: int) -> Iterator[int]:
    """Yield for each name that a line uses the last line before it that defines the name.

    A function that it uses finds its names as they are by then.
    """
    names, waiting = set(), used(codes[number])
    while waiting:
        name = waiting.pop()
        names.add(name)
        before = [place for place in range(number) if name in defined(codes[place])]
        if before:
            yield before[-1]
            waiting |= used_within(codes[before[-1]]) - names


def defined(code: CodeType) -> set[str]:
    """Return the names that a line defines for the lines after it."""
    return {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_NAME"}


def used(code: CodeType) -> set[str]:
    """Return the names that a line, or a function in it, takes from the lines before it."""
    taken, own = set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            own.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            taken |= {step.argval} - own
    return taken | used_within(code)


def used_within(code: CodeType) -> set[str]:
    """Return the names that the functions in a line take from outside."""
    parts = (part for part in code.co_consts if isinstance(part, CodeType))
    return set().union(*map(used, parts))
