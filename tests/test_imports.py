"""Imports point one way, and importing the library stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "tutorial_lib"
LAYERS = (  # each module imports from lines above its own, or from its own line
    {"config", "files", "theme", "records", "series", "table"},
    {"fetch", "hardware", "losses", "models", "optimizers", "session", "monitor"},
    {"data"},
    {"batches", "evaluation", "handwriting", "mistakes", "state"},
    {"train", "trace", "plots", "png", "checkpoint"},
    {"labs", "curve", "drawings", "easel", "drive", "exercises", "script", "doctor", "distributed"},
    {"processes"},
    {"cli"},
    {"__main__"},
    {"panels"},
)


def imported_by(path: Path) -> set[str]:
    """Return the modules of the library that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tutorial_lib"):
            parts = node.module.split(".")[1:] or [alias.name for alias in node.names]
            names.add(parts[0])
    return names


def layer_of(module: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if module in layer)


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_point_one_way(path):
    module = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
    if module != "__init__":
        assert all(layer_of(name) <= layer_of(module) for name in imported_by(path))


def test_importing_library_and_labs_loads_neither_widgets_nor_pictures():
    labs = sorted(f"tutorial_lib.labs.{path.stem}" for path in (LIBRARY / "labs").glob("[a-z]*.py"))
    assert len(labs) >= 9
    code = (
        f"import sys, tutorial_lib, {', '.join(labs)};"
        "print({'ipywidgets', 'matplotlib', 'torchvision', 'mlxtend'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
