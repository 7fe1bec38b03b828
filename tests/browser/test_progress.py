"""A cell that trains says in one line how far it is, and leaves nothing behind."""

import re

import nbformat
import pytest
from lab_page import open_notebook, save_notebook
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SET_UP = """from tutorial_lib import *
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
settings = Hyperparameters(epochs=6)"""
BY_HAND = """print("before")
for record in progress(TrainingRun(LeNet5(seed=0), data, settings)):
    pass
print("after")"""
BY_PANEL = "run = TrainingPanel(data, settings=settings).run()"
LEFT = """for record in progress(TrainingRun(LeNet5(seed=0), data, settings)):
    if record.step == 400:
        raise KeyboardInterrupt"""
LINE = re.compile(r"^[\d,]+ of 750 steps, (\d+ s|less than a second) left$")


@pytest.fixture
def notebook(page: Page, lab: str) -> Page:
    cells = [new_code_cell(source) for source in (SET_UP, BY_HAND, BY_PANEL, LEFT)]
    save_notebook(page, lab, "waits.ipynb", nbformat.from_dict(new_notebook(cells=cells)))
    open_notebook(page, lab, "waits.ipynb")
    return page


def test_the_line_is_there_while_a_cell_trains_and_takes_no_room_afterwards(notebook):
    page = notebook
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    for number, place in ((1, 1), (2, 0), (3, 0)):  # of the cell, and of the line in its output
        output = page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")
        expect(output.nth(place)).to_have_text(LINE, timeout=90_000)
        assert output.nth(place).get_attribute("data-mime-type") == "text/plain"
    left = page.locator(".jp-CodeCell").nth(3).locator(".jp-OutputArea")
    expect(left).to_contain_text("KeyboardInterrupt", timeout=90_000)
    area = page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea")
    assert area.locator(".jp-OutputArea-child").count() == 0  # as of a cell that shows nothing
    assert area.inner_text().strip() == ""
    by_hand = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea")
    assert by_hand.inner_text().split() == ["before", "after"]
    assert " of 750 steps" not in left.inner_text()
