"""Put Binder and Colab buttons, for a public copy on GitHub, into README.md and the notebooks.

Usage: python tools/publish.py OWNER/REPO

Run it again after a move: the buttons are replaced. In each notebook a first cell installs the
tutorial where Colab runs it; anywhere else that cell does nothing.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"
BUTTONS = re.compile(r"(<!-- buttons -->\n).*?(<!-- /buttons -->)", re.DOTALL)
INSTALL = """import sys

if "google.colab" in sys.modules:
    %pip install --quiet "git+https://github.com/{repository}"
    from google.colab import output

    output.enable_custom_widget_manager()"""


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
    """Return the two buttons that open a file of the repository, in Markdown."""
    binder = f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?urlpath=lab/tree/{path}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{path}"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )


def put_into(notebook: nbformat.NotebookNode, repository: str, path: str) -> None:
    """Put, in place, the buttons under the title, and the cell for Colab below that."""
    title, *rest = notebook.cells[0].source.split("\n\n")
    if rest[0].startswith("[![Open in Binder]"):
        rest = rest[1:]
    notebook.cells[0].source = "\n\n".join([title, buttons(repository, path), *rest])
    cells = [cell for cell in notebook.cells if "colab" not in cell.metadata.get("tags", [])]
    install = nbformat.v4.new_code_cell(INSTALL.format(repository=repository))
    install.metadata["tags"] = ["colab"]
    notebook.cells = [cells[0], install, *cells[1:]]


if __name__ == "__main__":
    sys.exit(main())
