"""The notebooks as web pages: every picture has its words, headings are in order."""

import base64
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import bs4
import nbformat
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "tools" / "nbconvert"
THOROUGH = bool(os.environ.get("TUTORIAL_THOROUGH"))
ALL = [*sorted(ROOT.glob("notebooks/0*.ipynb")), *sorted(ROOT.glob("notebooks/solutions/*.ipynb"))]
NOTEBOOKS = ALL if THOROUGH else [ROOT / "notebooks/02_losses.ipynb", ALL[-1]]


def name_of(notebook: Path) -> str:
    return notebook.relative_to(ROOT / "notebooks").with_suffix("").as_posix()


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Return what makes a page of a notebook, once, and what nbconvert said meanwhile."""
    made: dict[Path, tuple[bs4.BeautifulSoup, str]] = {}

    def make(notebook: Path) -> tuple[bs4.BeautifulSoup, str]:
        if notebook not in made:
            folder = tmp_path_factory.mktemp("pages")
            command = [sys.executable, "-m", "nbconvert", "--to", "html", "--template", "tutorial"]
            command += [f"--TemplateExporter.extra_template_basedirs={TEMPLATES}"]
            command += ["--output-dir", folder, notebook]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            page = (folder / f"{notebook.stem}.html").read_text(encoding="utf-8")
            made[notebook] = bs4.BeautifulSoup(page, "html.parser"), done.stderr
        return made[notebook]

    return make


@pytest.fixture(params=NOTEBOOKS, ids=name_of)
def notebook(request) -> Path:
    return request.param


def test_no_text_is_missing(export, notebook):
    assert "WARNING" not in export(notebook)[1]


def test_every_picture_of_the_notebook_is_there_with_its_words(export, notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    words = [output.metadata["image/png"]["alt"] for output in pictures]
    assert [picture["alt"] for picture in export(notebook)[0].select("img")] == words


def test_headings_are_in_order_and_the_language_is_said(export, notebook):
    page = export(notebook)[0]
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile(r"h[1-6]"))]
    assert levels.count(1) == 1 == levels[0]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.html["lang"] == "en"
    assert page.title.string


def test_words_with_signs_of_html_stay_as_they_are(export, tmp_path):
    image = nbformat.v4.new_output(
        "display_data", {"image/png": "aGk="}, metadata={"image/png": {"alt": 'a "b" <i> & c'}}
    )
    notebook = tmp_path / "signs.ipynb"
    cells = [nbformat.v4.new_code_cell("picture", outputs=[image])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    assert export(notebook)[0].img["alt"] == 'a "b" <i> & c'


@pytest.mark.skipif(not shutil.which("myst"), reason="npm install mystmd, and put it on the PATH")
def test_myst_takes_every_notebook_without_a_word_of_warning(tmp_path):
    """Its own pages need a theme from the network; what is read and checked before does not."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=lambda *_: [".ruff.toml"])
    (tmp_path / "myst.yml").write_text("version: 1\nproject: {}\nsite: {}\n")
    done = subprocess.run(
        ["myst", "build", "--site"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert f"Built {len(ALL)} pages" in said
    assert not re.search("⚠|⛔|warning", said.split("Querying template")[0])


def test_template_and_extension_are_installed_with_the_package():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared["tools/nbconvert/tutorial"] == "share/jupyter/nbconvert/templates/tutorial"
    assert shared["tutorial_lib/labextensions"] == "share/jupyter/labextensions"
    assert all((ROOT / source).exists() for source in shared)


def test_saving_a_notebook_keeps_ids_and_words_and_drops_what_only_a_kernel_shows():
    spec = importlib.util.spec_from_file_location("saving", ROOT / "tools/save_notebooks.py")
    saving = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(saving)
    view = nbformat.v4.new_output("display_data", {saving.WIDGET_VIEW: {}, "text/plain": "a bar"})
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "png")
    data = {"image/png": base64.b64encode(pixel.getvalue()).decode()}
    picture = nbformat.v4.new_output("display_data", data)
    picture.metadata = {"image/png": {"alt": "one pixel"}}
    asks = {saving.WIDGET_VIEW: {}, "text/plain": "predict_choice('which'): answer it"}
    question = nbformat.v4.new_output("display_data", asks)
    outputs = [view, picture, question]
    cell = nbformat.v4.new_code_cell("picture", id="my-cell", outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    saving.tidy(notebook)
    assert notebook.cells[0].id == "my-cell"
    kept, words = notebook.cells[0].outputs
    assert kept.metadata["image/png"]["alt"] == "one pixel"
    assert words.data == {"text/plain": "predict_choice('which'): answer it"}
