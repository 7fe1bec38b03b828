"""Which cell of which notebook a panel stands in: it replaces the one before it, and has a file."""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import platformdirs
from IPython import get_ipython

from tutorial_lib.data import named_folder

_panels: dict[
    str, tuple[int, list[widgets.Widget]]
] = {}  # cell -> (its execution count, its panels)


def replace_previous(panel: widgets.Widget) -> Path | None:
    """Close what an earlier execution of this cell made, and say where this panel keeps its run.

    Returns:
        A file of its own for each panel of each cell of each notebook; None outside a notebook
        whose path Jupyter tells (in scripts, and where notebooks are run as tests).
    """
    shell = get_ipython()
    if shell is None:
        return None
    cell, count = _this_cell(shell), shell.execution_count
    earlier_count, panels = _panels.get(cell, (count, []))
    if earlier_count != count:
        for earlier in panels:
            earlier.close()
            _forget_output(shell, earlier)
        panels = []
    _panels[cell] = (count, [*panels, panel])
    return _file_of(cell, len(panels))


def in_ipython() -> bool:
    """Say whether this is a kernel or IPython in a terminal, rather than a script or a test."""
    return get_ipython() is not None


def in_kernel() -> bool:
    """Say whether a front end shows widgets, rather than a terminal lines."""
    return hasattr(get_ipython(), "kernel")


def _file_of(cell: str, number: int) -> Path | None:
    """Name a file in the folder that TUTORIAL_RUNS_DIR names, or in one among the user's data."""
    notebook = os.environ.get("JPY_SESSION_NAME")  # Jupyter Server sets it for each kernel
    if not notebook:
        return None
    try:
        folder = named_folder("TUTORIAL_RUNS_DIR")
        folder = folder or platformdirs.user_data_path("tutorial_lib", False) / "runs"
    except ValueError:  # whoever tries to save there says why not
        folder = Path(os.environ["TUTORIAL_RUNS_DIR"])
    except RuntimeError:  # a user without a home
        return None
    parts = _digest(f"{cell} {number}"), _digest(notebook), Path(notebook).stem[:40]
    return folder / f"{'-'.join(parts)}.run"


def file_for_code(file: Path) -> Path:
    """Return a panel's second file: of runs from code, which replace none that a hand started."""
    cell, notebook, name = file.name.split("-", 2)
    return file.with_name(f"{cell}-{_digest(f'{notebook} code')}-{name}")


def files_elsewhere(file: Path) -> list[Path]:
    """Return the files of the same panel in other notebooks, the newest first.

    A cell keeps its id when its notebook is renamed or copied. So a renamed notebook finds its
    run, and a copied one that of its original, over which it does not write.
    """
    cell = file.name.split("-")[0]
    own = file, file_for_code(file)
    found = (path for path in file.parent.glob(f"{cell}-*.run") if path not in own)
    with contextlib.suppress(OSError):  # one may vanish meanwhile
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return []


def notebook_of(file: Path) -> str:
    """Return the name of the notebook that a panel's own file is of."""
    return file.stem.split("-", 2)[-1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _forget_output(shell: Any, panel: widgets.Widget) -> None:
    """Take a panel out of `Out`, which would keep its picture and its run, megabytes, for ever."""
    outputs = shell.user_ns.get("_oh", {})
    for number in [number for number, output in outputs.items() if output is panel]:
        del outputs[number]
        for names in (shell.user_ns, shell.user_ns_hidden):
            names.pop(f"_{number}", None)


def _this_cell(shell: object) -> str:
    """Return the cell's id where the frontend tells it, else a digest of its source."""
    parent = getattr(shell, "get_parent", dict)() or {}
    if cell_id := parent.get("metadata", {}).get("cellId"):
        return cell_id
    source = parent.get("content", {}).get("code", "")
    return hashlib.sha256(source.encode()).hexdigest()
