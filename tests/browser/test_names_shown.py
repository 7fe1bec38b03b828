"""In JupyterLab, names in tables and on panels are plain text: no formula, no tag."""

import nbformat
import pytest
from lab_page import errors, open_notebook, run_all, save_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

NAMES = (r"$x^2$", r"\(x\)", "<b>bold</b>")
CELLS = (
    f"from tutorial_lib.table import Table\nTable(['name'], [[name] for name in {NAMES!r}])",
    f"""from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs import RacePanel
settings = Hyperparameters(epochs=1, batch_size=2000)
race = RacePanel(load_digits("sample"), {{name: settings for name in {NAMES!r}}}, target_loss=9)
list(race.run()) and race.table()""",
    "race",
    'from IPython.display import HTML\nHTML("<p>$y^2$</p>")',
)


def test_names_are_shown_as_they_stand(page: Page, lab: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    save_notebook(page, lab, "names.ipynb", notebook)
    open_notebook(page, lab, "names.ipynb")
    run_all(page)
    assert errors(page) == []
    expect(page.locator("mjx-container")).to_have_count(1)  # y: formulas are drawn by now
    outputs = page.locator(".jp-OutputArea-output")
    for number in (0, 1):
        for name in NAMES:
            expect(outputs.nth(number).get_by_text(name).first).to_be_visible()
    expect(page.get_by_text(r"$x^2$ was the first at a loss of 9")).to_be_visible()
