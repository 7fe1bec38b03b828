"""Where a page cannot load the scripts of our widgets, there is something plain in their place."""

import re

import nbformat
import pytest
from lab_page import errors, open_notebook, panel, press, run_all, save_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CELLS = (
    """from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.labs import DigitPad
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
run = TrainingRun(LeNet5(seed=0), data, Hyperparameters(epochs=3))
list(run)
TrainingPanel(data)""",
    "DigitPad(run.model)",
)


def test_digits_can_be_chosen_and_code_be_copied_without_a_script(page: Page, lab: str) -> None:
    page.route("**/extensions/anywidget/**", lambda route: route.abort())
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    save_notebook(page, lab, "plain.ipynb", notebook)
    open_notebook(page, lab, "plain.ipynb")
    run_all(page)
    assert errors(page) == []
    expect(page.locator(".digit-pad-paper, .tutorial-page")).to_have_count(0)

    plain = page.locator(".digit-pad-plain")
    expect(plain.get_by_text("This page could not load the pad's script")).to_be_visible()
    plain.get_by_label("show it a").select_option("7")
    expect(plain.get_by_text("The network reads a 7")).to_be_visible()
    before = plain.locator("img").get_attribute("src")
    plain.get_by_label("size").select_option("an eighth")
    expect(plain.locator("img")).not_to_have_attribute("src", before)

    press(panel(page), "Copy as code")
    expect(page.locator(".code-plain textarea")).to_have_value(re.compile("import torch"))
    boxes = page.locator(".jupyter-widgets-error-widget").filter(visible=True)
    expect(boxes).to_have_count(1)  # that of the panel's own part in the page
