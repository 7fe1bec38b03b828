"""How many seconds does Run All of a notebook take?

    python benchmarks/run_all.py [NOTEBOOK ...] [--times 1]

Notebooks 01 to 05 of this tree unless some are named, by path or name, each in a fresh kernel,
without a browser. Nothing is written back, and nothing is downloaded. The kernel's start is not
counted, its imports are.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CELL_SECONDS = 900


def main() -> None:
    """Run them, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*")
    parser.add_argument("--times", type=int, default=1, help="how often each is run")
    options = parser.parse_args()
    paths = [find(name) for name in options.notebooks] or sorted(NOTEBOOKS.glob("0[1-5]*.ipynb"))
    os.environ["TUTORIAL_OFFLINE"] = "1"
    before = os.environ.get("PYTHONPATH")  # this tree's library, whichever is installed
    os.environ["PYTHONPATH"] = os.pathsep.join([str(NOTEBOOKS.parent), *filter(None, [before])])
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TUTORIAL_DATA_DIR", folder)
        os.environ["TUTORIAL_RUNS_DIR"] = folder
        for path in paths:
            seconds = [seconds_of(path) for _ in range(options.times)]
            print(f"{path.stem:20s}", *(f"{each:6.1f} s" for each in seconds), flush=True)


def find(name: str) -> Path:
    """Return the notebook called so: a path, or a name in notebooks/, suffix or not."""
    for path in (Path(name), NOTEBOOKS / name, NOTEBOOKS / f"{name}.ipynb"):
        if path.is_file():
            return path
    raise SystemExit(f"No notebook {name!r} here or in {NOTEBOOKS}.")


def seconds_of(path: Path) -> float:
    """Run all of a notebook's cells in a fresh kernel, and return the seconds."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=CELL_SECONDS, resources=resources
    )
    with client.setup_kernel():
        start = time.perf_counter()
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
