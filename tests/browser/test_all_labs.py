"""Every lab of a notebook, used as a learner uses it; long tests, so they begin first."""

import re
from collections.abc import Callable

import nbformat
import pytest
from conftest import ROOT
from lab_cells import labs_alone
from lab_page import errors, labs, open_notebook, press_arrow, run_all, save_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
NOTEBOOKS = ROOT / "notebooks"
MINUS = "\N{MINUS SIGN}"  # as sliders write it


def choose_surfaces(page: Page) -> None:
    """Each surface brings the same start, wherever one comes from."""
    panel = labs(page).filter(has_text="start, weight 1")
    start = panel.locator(".widget-hslider", has_text="start, weight 1").locator(".widget-readout")
    steps = panel.locator(".widget-hslider", has_text="steps").locator(".noUi-handle")
    words, picture = panel.locator(".widget-html-content"), panel.locator("> img")
    for surface, place in (
        ("saddle", "1.500"), ("Rosenbrock", "-1.500"), ("saddle", "1.500"), ("Beale", "1.000"),
        ("ravine", "-4.000"), ("saddle", "1.500"),
    ):  # fmt: skip
        before = words.inner_text()
        panel.locator("select").select_option(surface)
        expect(words).not_to_have_text(before)
        expect(start).to_have_text(place.replace("-", MINUS))
        drawn = picture.get_attribute("src")
        press_arrow(steps, 1)  # is heard after what the page might have sent back
        expect(picture).not_to_have_attribute("src", drawn)
        expect(start).to_have_text(place.replace("-", MINUS))


def type_rates(page: Page) -> None:
    """A typed rate is the one in the words."""
    panel = labs(page).filter(has_text="curvature")
    rate = panel.locator(".widget-hslider", has_text="learning rate").locator(".widget-readout")
    for typed in ("1.8", "2", "0.5", "4", "0.01", "10"):
        rate.fill(typed)
        rate.press("Enter")
        expect(panel).to_contain_text(f"With {typed} the ball")
        assert float(rate.inner_text()) == float(typed)


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("name", "num_labs", "then"),
    [
        ("01_hyperparameters.ipynb", 8, type_rates),
        ("02_losses.ipynb", 3, None),
        ("03_optimizers.ipynb", 5, choose_surfaces),
        ("04_training.ipynb", 2, None),
    ],
)
def test_each_lab_answers_the_hand(
    page: Page, lab: str, name: str, num_labs: int, then: Callable[[Page], None] | None, tmp_path
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
    if then is not None:
        then(page)
