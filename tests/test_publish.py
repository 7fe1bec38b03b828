"""Buttons that open the tutorial elsewhere are written for the repository that is named."""

import runpy
import shutil
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
publish = runpy.run_path(str(ROOT / "tools" / "publish.py"))["publish"]


@pytest.fixture
def tree(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def cells_of(tree, name):
    return nbformat.read(tree / "notebooks" / name, as_version=4).cells


def test_readme_and_notebooks_get_buttons_that_open_them(tree):
    publish(tree, "ada/digits")
    lab = "https://mybinder.org/v2/gh/ada/digits/main?urlpath=lab/tree/my-notebooks/"
    colab = "https://colab.research.google.com/github/ada/digits/blob/main/notebooks/"
    kaggle = (
        "https://kaggle.com/kernels/welcome?src=https://github.com/ada/digits/blob/main/notebooks/"
    )
    assert f"({lab}00_start_here.ipynb)" in (tree / "README.md").read_text(encoding="utf-8")
    title = cells_of(tree, "02_losses.ipynb")[0].source
    assert f"({lab}02_losses.ipynb)" in title
    assert f"({colab}02_losses.ipynb)" in title
    assert f"({kaggle}02_losses.ipynb)" in title


def test_hosts_install_the_tutorial_and_elsewhere_nothing_happens(tree, capsys, monkeypatch):
    publish(tree, "ada/digits")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    for path in sorted((tree / "notebooks").glob("*.ipynb")):
        cell = cells_of(tree, path.name)[1]
        assert '"git+https://github.com/ada/digits"' in cell.source
        exec(cell.source, {})
        nbformat.validate(nbformat.read(path, as_version=4))
    assert capsys.readouterr().out == ""


def test_the_cell_of_an_earlier_version_is_replaced(tree):
    path = tree / "notebooks" / "02_losses.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("...", metadata={"tags": ["colab"]}))
    nbformat.write(notebook, path)
    publish(tree, "ada/digits")
    assert [cell for cell in cells_of(tree, path.name) if cell.source == "..."] == []


def test_the_cell_of_hosts_reads_like_those_of_the_tutorial():
    lines = (ROOT / "tools" / "host_cell.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 79


def test_a_second_time_replaces_the_first(tree):
    publish(tree, "ada/digits")
    before = len(cells_of(tree, "04_training.ipynb"))
    publish(tree, "grace/digits")
    assert len(cells_of(tree, "04_training.ipynb")) == before
    for path in [tree / "README.md", *(tree / "notebooks").glob("*.ipynb")]:
        assert "ada/digits" not in path.read_text(encoding="utf-8")
