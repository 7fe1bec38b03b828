"""Every lab of a notebook, used as a learner uses it; long tests, so they begin first."""

import re

import nbformat
import pytest
from conftest import ROOT
from lab_cells import labs_alone
from lab_page import errors, labs, open_notebook, press_arrow, run_all, save_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
NOTEBOOKS = ROOT / "notebooks"


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("name", "num_labs"),
    [
        ("01_hyperparameters.ipynb", 8),
        ("02_losses.ipynb", 3),
        ("03_optimizers.ipynb", 5),
        ("04_training.ipynb", 2),
    ],
)
def test_each_lab_answers_the_hand(
    page: Page, lab: str, name: str, num_labs: int, tmp_path
) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    save_notebook(page, lab, f"labs_of_{name}", labs_alone(notebook))
    open_notebook(page, lab, f"labs_of_{name}")
    run_all(page)
    assert errors(page) == []
    assert labs(page).count() == num_labs

    for place in range(num_labs):
        panel = labs(page).nth(place)
        panel.scroll_into_view_if_needed()
        picture = panel.locator("> img")
        before = picture.get_attribute("src")
        start = panel.locator("button", has_text=re.compile("^ ?(Train|Race|Measure|Find)"))
        if start.count():
            start.click()
            expect(picture).not_to_have_attribute("src", before, timeout=60_000)
            panel.screenshot(path=tmp_path / f"{place}_growing.png")
            panel.locator("button", has_text="Stop").click()
            expect(panel).to_contain_text(re.compile("Stopped:|Measured:|Raced:"), timeout=60_000)
        else:
            press_arrow(panel.locator(".noUi-handle").first, 5)
            expect(picture).not_to_have_attribute("src", before)
        panel.screenshot(path=tmp_path / f"{place}.png")
