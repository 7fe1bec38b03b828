"""Make static pages of the notebooks, the reference and the guides; nothing is executed.

Usage: python tools/build_site.py [FOLDER]

Pages ask no other host for anything, and need no server. Where `make publish` has set a
repository, notebooks have links that open them on Binder, Colab and Kaggle.
"""

import argparse
import ast
import contextlib
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat

from tutorial_lib.playing.bundle import PANELS, path_of, place_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "tools" / "pages"
GUIDES = ("docs/teaching.md", "CONTRIBUTING.md", "CHANGELOG.md")
MODULES = {
    "tutorial_lib": "What notebooks begin with",
    "tutorial_lib.panels": "Panels",
    "tutorial_lib.labs": "Labs",
    "tutorial_lib.pictures": "Pictures",
    "tutorial_lib.exercises": "Exercises",
    "tutorial_lib.predictions": "Predictions",
}
PLAYED = {  # what makes a panel in a notebook -> the panel that plays it in a page
    "TrainingPanel": "training",
    "descent_panel": "parabola",
    "loss_panel": "losses",
    "softmax_panel": "softmax",
    "step_panel": "one_step",
    "paths_panel": "paths",
    "DigitPad": "pad",
    "MapPanel": "map",
    "map_panel": "map",
}
FIRST_PANEL = "<!-- the training panel -->"  # where it plays on the first page
SCRIPTS = "_static/playing/"  # in the site
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml")
MADE = ".buildinfo"  # Sphinx leaves it in what it has made
BADGE = re.compile(r"\[!\[([^\]]+)\]\([^)]+\)\]\((https://[^)]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!https?:)[^)\s]+)\)")


class Trouble(Exception):
    """Why no site can be made, in one line."""


def main(arguments: list[str] | None = None) -> int:
    """Make the site in the folder that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    folder = parser.parse_args(arguments).folder.expanduser().absolute()
    try:
        build(folder)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print(f"The first page is {folder / 'index.html'}.")
    return 0


def build(folder: Path) -> None:
    """Make the site; one that is there is replaced.

    Raises:
        Trouble: The folder has other things in it, Sphinx or what it needs is not installed, or
            Sphinx warns of something.
    """
    if folder.exists() and not (folder / MADE).is_file() and [*folder.iterdir()]:
        raise Trouble(f"{folder} has other things in it: name another folder")
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise Trouble(f"{', '.join(missing)} cannot be imported here: make site installs it.")
    with tempfile.TemporaryDirectory() as kept:
        source, made = Path(kept, "source"), Path(kept, "site")
        gather(source)
        command = [sys.executable, "-m", "sphinx", "--builder=html", "--quiet"]
        command += ["--fail-on-warning", "--keep-going", f"--conf-dir={PAGES}"]
        command += [f"--doctree-dir={kept}/doctrees", str(source), str(made)]
        if subprocess.run(command, check=False).returncode != 0:
            raise Trouble("No site was made: Sphinx says above what is wrong.")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(made, folder)


def gather(source: Path) -> None:
    """Write the sources of all pages into a folder that is not there yet."""
    (source / "api").mkdir(parents=True)
    (source / "docs").mkdir()
    place = place_of("training", base=SCRIPTS, within="article")
    first = (PAGES / "index.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(first.replace(FIRST_PANEL, place), encoding="utf-8")
    shutil.copy(ROOT / "docs" / "panel.png", source / "docs")
    for path in sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = nbformat.read(path, as_version=4)
        prepare(notebook)
        target = source / path.relative_to(ROOT)
        add_panels(notebook, "../" * len(path.relative_to(ROOT).parents[1].parts) + "../" + SCRIPTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    shutil.copy(PAGES / "solutions.md", source / "notebooks/solutions/index.md")
    for guide in GUIDES:
        text = (ROOT / guide).read_text(encoding="utf-8")
        (source / guide).write_text(kept_links(text, source, guide), encoding="utf-8")
    names = list(MODULES)
    contents = "\n".join(["# Reference\n", "```{toctree}", *names, "```\n"])
    (source / "api" / "index.md").write_text(contents, encoding="utf-8")
    for name, title in MODULES.items():
        (source / "api" / f"{name}.rst").write_text(reference(name, title), encoding="utf-8")


def prepare(notebook: nbformat.NotebookNode) -> None:
    """Change, in place, what is for JupyterLab or a host, and not for a page.

    Badges are pictures on other hosts: their links become words. The cell that installs the
    tutorial on a host goes. Links to headings take the form that MyST gives to anchors.
    """
    notebook.cells = [
        cell for cell in notebook.cells if "host" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            source = BADGE.sub(r"[\1](\2){.launch}", cell.source)
            cell.source = re.sub(r"\]\(#([^)]+)\)", lambda found: f"](#{slug(found[1])})", source)


def add_panels(notebook: nbformat.NotebookNode, base: str) -> None:
    """Put, in place, below the picture of each panel that can play what plays it in a page.

    The picture stands until the panel plays, and where it cannot.

    Args:
        base: The address of the scripts, from the notebook's page.
    """
    for cell, (panel, options) in panels_shown(notebook):
        if any("image/png" in output.get("data", {}) for output in cell.outputs) and has(panel):
            place = place_of(panel, options, base=base, within=".cell_output")
            cell.metadata["playing"] = panel
            cell.outputs.append(nbformat.v4.new_output("display_data", {"text/html": place}))


def has(panel: str) -> bool:
    """Say whether all scripts of a panel are there."""
    with contextlib.suppress(ValueError):
        return all(map(path_of, PANELS[panel]))
    return False


def panels_shown(
    notebook: nbformat.NotebookNode,
) -> Iterator[tuple[nbformat.NotebookNode, tuple[str, dict[str, Any]]]]:
    """Yield each cell that ends on a panel that plays, its name and where its controls stand."""
    names: dict[str, Any] = {}  # a variable -> the call that made it, or (panel, options)
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        lines = [line for line in cell.source.splitlines() if not line.startswith(("%", "!"))]
        tree = ast.parse("\n".join(lines)).body
        for line in tree:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                names[line.targets[0].id] = played(line.value, names) or line.value
            elif isinstance(line, ast.Expr) and isinstance(call := line.value, ast.Call):
                owner = getattr(call.func, "value", None)
                known = names.get(owner.id) if isinstance(owner, ast.Name) else None
                if isinstance(known, tuple) and call.func.attr == "set":
                    known[1].update(literals(call))
        if tree and isinstance(tree[-1], ast.Expr):
            last = tree[-1].value
            found = names.get(last.id) if isinstance(last, ast.Name) else played(last, names)
            if isinstance(found, tuple):
                yield cell, found


def played(value: ast.expr, names: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the panel that plays what an expression makes, and its options; None: none does.

    Args:
        names: Of variables, what they stand for.
    """
    panel = PLAYED.get(called(value))
    if panel != "training":
        return (panel, literals(value)) if panel else None
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    data = names.get(getattr(value.args[0], "id", "")) if value.args else None
    if called(data) != "load_digits" or given.keys() - {"settings"}:  # other data, an own network
        return None
    settings = given.get("settings")
    settings = names.get(settings.id) if isinstance(settings, ast.Name) else settings
    return panel, literals(settings)


def called(value: Any) -> str:
    """Return the name of the function that an expression calls; "" if it calls none."""
    return getattr(value.func, "id", "") if isinstance(value, ast.Call) else ""


def literals(call: Any) -> dict[str, Any]:
    """Return those keyword arguments of a call that are written as plain values."""
    keywords = call.keywords if isinstance(call, ast.Call) else []
    return {
        keyword.arg: keyword.value.value
        for keyword in keywords
        if isinstance(keyword.value, ast.Constant)
    }


def slug(title: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it, from its title or Jupyter's."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def kept_links(text: str, source: Path, guide: str) -> str:
    """Return a guide whose links to files that are no pages are words alone."""

    def kept(link: re.Match[str]) -> str:
        path = link[2].partition("#")[0]
        is_page = not path or (source / guide).parent.joinpath(path).exists() or path in GUIDES
        return link[0] if is_page else link[1]

    text = re.sub(r"```python(?=\n[^`]*^!)", "```ipython3", text, flags=re.MULTILINE)  # a cell's
    return LINK.sub(kept, text)


def reference(name: str, title: str) -> str:
    """Return the page of a module's public names, in reStructuredText."""
    module = importlib.import_module(name)
    lines = [title, "=" * len(title), "", f".. py:module:: {name}", "", f"``{name}``", ""]
    lines += [module.__doc__, ""]
    for public, thing in public_names(module):
        kind = "class" if inspect.isclass(thing) else "function"
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            lines += [f".. py:data:: {public}", *_value(thing), ""]
            continue
        lines += [f".. auto{kind}:: {name}.{public}"]
        lines += ["   :members:", ""] if kind == "class" else [""]
    return "\n".join(lines)


def public_names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield, in order, each public name of a module and what it stands for."""
    lazily = "__getattr__" in vars(module)
    names = set(dir(module)) | ({"ProcessesRun"} if module.__name__ == "tutorial_lib" else set())
    for name in sorted(names, key=str.lower):
        thing = None if name.startswith("_") else getattr(module, name)
        if name.startswith("_") or inspect.ismodule(thing) or name == "lazily":
            continue
        home = getattr(thing, "__module__", None) or ""
        if home.startswith("tutorial_lib") or (lazily and name not in vars(module)):
            yield name, thing


def _value(thing: Any) -> list[str]:
    text = repr(thing)
    return [f"   :value: {text}"] if len(text) < 80 and "<" not in text else []


if __name__ == "__main__":
    sys.exit(main())
