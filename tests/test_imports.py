"""Imports point one way, and importing the library stays light."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tutorial_lib import labs

LIBRARY = Path(__file__).parents[1] / "tutorial_lib"
FLOORS = (  # a module imports from lines above its own, or from its own folder
    {"interrupts"},
    {"checks", "files", "folders", "random_state", "table", "waiting"},
    {"learning_record"},
    {"losses", "models", "optimizers"},
    {"hardware"},
    {"config"},
    {"data"},
    {"evaluation"},
    {"engine"},
    {"exercises", "pictures"},
    {"playing"},
    {"doctor", "learning_map", "panels"},
    {"classroom"},
    {"cli", "labs", "predictions"},
    {"__main__"},
)
LAB_FLOORS = ("measure", "draw", "panel")  # the same within a lab; other modules serve the panel
PATHS = [path for path in sorted(LIBRARY.rglob("*.py")) if path.name != "__init__.py"]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts)


MODULES = {name_of(path) for path in PATHS}


def imported_by(path: Path) -> set[str]:
    """Return the modules of the library that a file imports, as "engine.train"."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tutorial_lib"):
            base = node.module.split(".")[1:]
            inside = {".".join([*base, alias.name]) for alias in node.names} & MODULES
            names |= inside or ({".".join(base)} - {""})
    return names


def floor_of(name: str) -> int:
    part = name.split(".")[0]
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_imports_point_one_way(path):
    module = name_of(path)
    for name in imported_by(path):
        assert floor_of(name) < floor_of(module) or name.split(".")[0] == module.split(".")[0]


def test_no_modules_import_each_other_in_a_circle():
    graph = {name_of(path): imported_by(path) for path in PATHS}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(MODULES)


@pytest.mark.parametrize("path", sorted((LIBRARY / "labs").glob("*/*.py")), ids=name_of)
def test_what_a_lab_measures_knows_neither_its_picture_nor_its_panel(path):
    if path.stem in LAB_FLOORS:
        above = LAB_FLOORS[LAB_FLOORS.index(path.stem) + 1 :]
        assert not {name.split(".")[-1] for name in imported_by(path) if "labs" in name} & {*above}


@pytest.mark.parametrize(
    "lab", sorted(path.parent.name for path in LIBRARY.glob("labs/*/panel.py"))
)
def test_each_lab_hands_on_its_panel(lab):
    homes = {getattr(getattr(labs, name), "__module__", "") for name in dir(labs)}
    assert f"tutorial_lib.labs.{lab}.panel" in homes, "name it in labs/__init__.py"


def test_the_top_floor_has_few_rooms():
    assert len(list(LIBRARY.glob("*.py"))) <= 18


def test_importing_library_and_measurements_loads_neither_widgets_nor_pictures():
    measures = sorted(name for name in MODULES if name.endswith(".measure") and "labs" in name)
    assert len(measures) >= 9
    modules = ", ".join(f"tutorial_lib.{name}" for name in measures)
    code = (
        f"import sys, tutorial_lib, {modules};"
        "print({'ipywidgets', 'matplotlib', 'torchvision', 'mlxtend'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
