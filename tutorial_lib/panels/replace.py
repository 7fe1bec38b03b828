"""Running a cell again replaces the panels that it made before."""

import hashlib
from typing import Protocol


class Closable(Protocol):
    """Something that can be closed."""

    def close(self) -> None:
        """Give everything back."""


_panels: dict[str, tuple[int, list[Closable]]] = {}  # cell -> (its execution count, its panels)


def replace_earlier(panel: Closable) -> None:
    """Close what an earlier execution of this cell made; outside IPython, do nothing."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None:
        return
    cell, count = _this_cell(shell), shell.execution_count
    earlier_count, panels = _panels.get(cell, (count, []))
    if earlier_count != count:
        for earlier in panels:
            earlier.close()
        panels = []
    _panels[cell] = (count, [*panels, panel])


def _this_cell(shell: object) -> str:
    """Return the cell's id where the frontend tells it, else a digest of its source."""
    parent = getattr(shell, "get_parent", dict)() or {}
    if cell_id := parent.get("metadata", {}).get("cellId"):
        return cell_id
    source = parent.get("content", {}).get("code", "")
    return hashlib.sha256(source.encode()).hexdigest()
