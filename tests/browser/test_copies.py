"""In a learner's own copy no answer stands below its question, and its cells run."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from copies import Copies
from lab_page import errors, open_notebook, save_notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
NAME = "03_optimizers.ipynb"
RUN_NEXT = "() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
OUTPUTS = ".jp-Notebook .jp-OutputArea-child"


def test_a_fresh_copy_shows_no_output_and_its_cells_run(page, lab, tmp_path):
    copies = Copies(ROOT / "notebooks", tmp_path)
    copies.look_after()
    copy = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
    save_notebook(page, lab, "my_03_optimizers.ipynb", copy)
    open_notebook(page, lab, "my_03_optimizers.ipynb")
    assert page.locator(".jp-CodeCell").count() >= 10
    assert page.locator(OUTPUTS).count() == 0
    assert page.locator(".jp-Notebook img").count() == 0
    for _ in range(12):  # cells with words among them
        page.evaluate(RUN_NEXT)
    expect(page.locator(OUTPUTS).first).to_be_visible(timeout=120_000)
    assert errors(page) == []
