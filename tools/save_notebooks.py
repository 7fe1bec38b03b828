"""Run the notebooks and save their outputs, without widget state.

Usage: python tools/save_notebooks.py [NOTEBOOK ...]

Nothing is downloaded. Where TUTORIAL_DATA_DIR names a folder with the full MNIST, notebook 04 is
saved with it, as it is committed; elsewhere it falls back to the sample. A notebook that fails is
left as it was.
"""

import argparse
import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from tqdm import tqdm

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ASKS = "predict_"  # begins the words that stand for a question
CELL_TIMEOUT_SECONDS = 900  # ten epochs on the full MNIST take minutes


def main() -> int:
    """Run the named notebooks, or all of them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="names or paths; all of notebooks/ if none")
    names = parser.parse_args().notebooks
    paths = [find(name) for name in names] or all_notebooks()

    os.environ["TUTORIAL_OFFLINE"] = os.environ["TQDM_DISABLE"] = "1"  # in the kernels
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TUTORIAL_DATA_DIR", folder)
        for path in tqdm(paths, unit="notebook"):
            try:
                run_and_save(path)
            except CellExecutionError as error:
                failed.append(path.name)
                tqdm.write(f"{path.name} failed and is left as it was:\n{error}")
    if failed:
        print("failed:", ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


def all_notebooks() -> list[Path]:
    """Return the notebooks in order, and then those with the solutions of their exercises."""
    return [*sorted(NOTEBOOKS.glob("*.ipynb")), *sorted(NOTEBOOKS.glob("solutions/*.ipynb"))]


def find(name: str) -> Path:
    """Return the notebook called ``name``: a path, or a name in notebooks/, suffix or not."""
    for path in (Path(name), NOTEBOOKS / name, NOTEBOOKS / f"{name}.ipynb"):
        if path.is_file():
            return path
    raise SystemExit(f"No notebook {name!r} here or in {NOTEBOOKS}.")


def run_and_save(path: Path) -> None:
    """Run one notebook in a fresh kernel, in its own folder, and write it back."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    tidy(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop, in place, what a reader does not see and what differs from machine to machine."""
    kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernelspec, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_only_a_widget(output)]
            for output in cell.outputs:
                data = output.get("data", {})
                data.pop(WIDGET_VIEW, None)
                if "image/png" in data:
                    data["image/png"] = smaller(data["image/png"])


def smaller(picture: str) -> str:
    """Return a PNG in base64 with 64 colours at most, a quarter of the size: none is missed."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    buffer = io.BytesIO()
    image = image.quantize(64, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    image.save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def is_only_a_widget(output: nbformat.NotebookNode) -> bool:
    """Tell whether ``output`` shows nothing, or a bar that stands still, without its widget."""
    data = output.get("data", {})
    is_question = data.get("text/plain", "").startswith(ASKS)
    return WIDGET_VIEW in data and data.keys() <= {WIDGET_VIEW, "text/plain"} and not is_question


if __name__ == "__main__":
    sys.exit(main())
