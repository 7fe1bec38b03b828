"""Every lab of a notebook, used as a learner uses it; long tests, so they begin first."""

import re
from collections.abc import Callable

import nbformat
import pytest
from conftest import ROOT
from lab_cells import labs_alone
from lab_page import (
    errors,
    labs,
    number_control,
    number_field,
    open_notebook,
    press_arrow,
    run_all,
    save_notebook,
    write_number,
)
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
NOTEBOOKS = ROOT / "notebooks"
ALSO = {"06_your_own.ipynb": ("write_pictures(folder", "finder.run()")}  # what labs stand on
NOTEBOOK = ".jp-WindowedPanel-outer, .jp-NotebookPanel-notebook"  # where a notebook is seen


def choose_surfaces(page: Page) -> None:
    """Each surface brings the same start, wherever one comes from."""
    panel = labs(page).filter(has_text="start, weight 1")
    start = number_field(panel, "start, weight 1")
    steps = number_control(panel, "steps").locator(".noUi-handle")
    words, picture = panel.locator(".widget-html-content"), panel.locator("> img")
    for surface, place in (
        ("saddle", "1.5"), ("Rosenbrock", "-1.5"), ("saddle", "1.5"), ("Beale", "1"),
        ("ravine", "-4"), ("saddle", "1.5"),
    ):  # fmt: skip
        before = words.inner_text()
        panel.locator("select").select_option(surface)
        expect(words).not_to_have_text(before)
        expect(start).to_have_value(place)
        drawn = picture.get_attribute("src")
        press_arrow(steps, 1)  # is heard after what the page might have sent back
        expect(picture).not_to_have_attribute("src", drawn)
        expect(start).to_have_value(place)


def type_rates(page: Page) -> None:
    """A typed rate is the one in the words."""
    panel = labs(page).filter(has_text="curvature")
    rate = number_field(panel, "learning rate")
    for typed, value in (("1.8", "1.8"), ("2", "2"), ("0,5", "0.5"), ("4e0", "4"), ("1 %", "0.01")):
        write_number(panel, "learning rate", typed)
        expect(panel).to_contain_text(f"With {value} the ball")
        expect(rate).to_have_value(value)


def add_a_loss(page: Page) -> None:
    """A runner is added with a loss that the keyboard chose, on a narrow page, too."""
    panel = labs(page).filter(has_text="Another runner")
    panel.get_by_role("button", name="Another runner").click()
    loss = panel.get_by_role("combobox", name="loss", exact=True)
    expect(loss).to_have_value("cross_entropy")
    loss.press("ArrowDown")
    expect(loss).to_have_value("mse")
    panel.locator("button", has_text=re.compile("^ ?Add")).click()
    expect(panel).to_contain_text("lr 0.01, batch 32, mse, epochs 1")
    page.set_viewport_size({"width": 480, "height": 800})
    loss.scroll_into_view_if_needed()
    box, room = loss.bounding_box(), panel.bounding_box()
    assert room["x"] <= box["x"]
    assert box["x"] + box["width"] <= room["x"] + room["width"]


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("name", "num_labs", "then"),
    [
        ("01_hyperparameters.ipynb", 9, type_rates),
        ("02_losses.ipynb", 3, add_a_loss),
        ("03_optimizers.ipynb", 5, choose_surfaces),
        ("04_training.ipynb", 2, None),
        ("06_your_own.ipynb", 6, None),
    ],
)
def test_each_lab_answers_the_hand(
    page: Page, lab: str, name: str, num_labs: int, then: Callable[[Page], None] | None, tmp_path
) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    save_notebook(page, lab, f"labs_of_{name}", labs_alone(notebook, also=ALSO.get(name, ())))
    open_notebook(page, lab, f"labs_of_{name}")
    run_all(page)
    assert errors(page) == []
    assert labs(page).count() == num_labs

    page.set_viewport_size({"width": 1366, "height": 768})
    room = page.locator(NOTEBOOK).first.bounding_box()["height"]
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
            if name not in ALSO:  # there everything is learned in a moment
                panel.locator("button", has_text="Stop").click()
            ended = re.compile("Stopped:|Finished:|Measured:|Raced:")
            expect(panel).to_contain_text(ended, timeout=60_000)
        else:
            press_arrow(panel.locator(".noUi-handle").first, 5)
            expect(picture).not_to_have_attribute("src", before, timeout=60_000)
        panel.screenshot(path=tmp_path / f"{place}.png")
        low = picture.bounding_box()
        assert low["y"] + low["height"] - panel.bounding_box()["y"] <= room, "not seen together"
    if then is not None:
        then(page)
