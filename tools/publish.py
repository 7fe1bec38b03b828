"""Put Binder, Colab and Kaggle buttons, for a public copy on GitHub, into README and notebooks.

Usage: python tools/publish.py OWNER/REPO

Run it again after a move: the buttons are replaced. In each notebook a first cell installs the
tutorial where Colab or Kaggle runs it; anywhere else that cell does nothing. Its text is that of
host_cell.py.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"
BUTTONS = re.compile(r"(<!-- buttons -->\n).*?(<!-- /buttons -->)", re.DOTALL)
HOST_CELL = ROOT / "tools" / "host_cell.py"
SOURCE = "git+https://github.com/{repository}"  # what pip is told to install


def main() -> int:
    """Write the buttons for the repository that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", metavar="OWNER/REPO")
    repository = parser.parse_args().repository
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        parser.error(f"the repository must look like OWNER/REPO; got {repository!r}")
    publish(ROOT, repository)
    return 0


def publish(root: Path, repository: str) -> None:
    """Write the buttons into the README and the notebooks of the tree in ``root``."""
    first = "notebooks/00_start_here.ipynb"
    readme = root / "README.md"
    text, count = BUTTONS.subn(
        rf"\g<1>{buttons(repository, first)}\n\g<2>", readme.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(f"{readme} has no place for the buttons: <!-- buttons -->")
    readme.write_text(text, encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        put_into(notebook, repository, path.relative_to(root).as_posix())
        nbformat.write(notebook, path)


def buttons(repository: str, path: str) -> str:
    """Return the three buttons that open a file of the repository, in Markdown."""
    copy = path.replace("notebooks/", "my-notebooks/", 1)  # which binder/postBuild makes
    binder = f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?urlpath=lab/tree/{copy}"
    on_github = f"{repository}/blob/{BRANCH}/{path}"
    colab = f"https://colab.research.google.com/github/{on_github}"
    kaggle = f"https://kaggle.com/kernels/welcome?src=https://github.com/{on_github}"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]({kaggle})"
    )


def host_cell(source: str) -> str:
    """Return the cell that installs the tutorial from a source, such as a folder, as pip does."""
    text = HOST_CELL.read_text(encoding="utf-8").rstrip()
    return text.replace(SOURCE.format(repository="OWNER/REPO"), source)


def put_into(notebook: nbformat.NotebookNode, repository: str, path: str) -> None:
    """Put, in place, the buttons under the title, and the cell for hosts below that."""
    title, *rest = notebook.cells[0].source.split("\n\n")
    if rest[0].startswith("[![Open in Binder]"):
        rest = rest[1:]
    notebook.cells[0].source = "\n\n".join([title, buttons(repository, path), *rest])
    ours = {"host", "colab"}  # as it was called before
    cells = [cell for cell in notebook.cells if ours.isdisjoint(cell.metadata.get("tags", []))]
    install = nbformat.v4.new_code_cell(host_cell(SOURCE.format(repository=repository)))
    install.metadata["tags"] = ["host"]
    notebook.cells = [cells[0], install, *cells[1:]]


if __name__ == "__main__":
    sys.exit(main())
