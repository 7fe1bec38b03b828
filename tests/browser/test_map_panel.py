"""The map of learning rate and batch size in JupyterLab: by mouse, by keys, and for readers."""

import re
from collections.abc import Iterator

import nbformat
import pytest
from axe import load_axe, violations
from conftest import new_page
from lab_page import change_theme, errors, open_notebook, run_all, save_notebook
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

CELLS = (
    """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs import MapPanel, map_panel, recorded_map
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
trainer = TrainingPanel(data, settings=Hyperparameters(epochs=1))
trainer""",
    """the_map = map_panel(data, panel=trainer)
for cell in recorded_map("epochs").trained[:49]:  # all but the last seven
    the_map.maps["epochs"].add(cell)
the_map.redraw()
the_map""",
)
PANEL = ".tutorial-map"


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: str) -> Iterator[Page]:
    """Yield a notebook with a training panel, and a map that is nearly whole."""
    for page in new_page(browser):
        page.emulate_media(reduced_motion="reduce")
        cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
        save_notebook(page, lab, "map.ipynb", nbformat.v4.new_notebook(cells=cells))
        open_notebook(page, lab, "map.ipynb")
        run_all(page)
        assert errors(page) == []
        load_axe(page)
        expect.set_options(timeout=90_000)  # other tests may compute beside it
        yield page
        expect.set_options(timeout=5_000)  # as it was


@pytest.fixture
def panel(notebook: Page) -> Locator:
    return notebook.locator(PANEL).last


def words(panel: Locator) -> Locator:
    return panel.locator("> .widget-html .widget-html-content").first


def place_of(panel: Locator, column: int, row: int) -> dict[str, float]:
    """Return where a cell is on the picture, in pixels: columns from the left, rows from below.

    The map begins and ends where its alternative text cannot tell: about as in the picture.
    """
    box = panel.locator("> img").bounding_box()
    left, right, top, bottom = 73 / 900, 502 / 900, 25 / 390, 318 / 390  # looked at, on paper
    x = left + (right - left) * (column + 0.5) / 7
    y = bottom - (bottom - top) * (row + 0.5) / 8
    return {"x": x * box["width"], "y": y * box["height"]}


def test_a_cell_is_chosen_by_the_keyboard_alone(notebook: Page, panel: Locator) -> None:
    panel.scroll_into_view_if_needed()
    expect(words(panel)).to_contain_text("49 of 56 cells, 2 epochs each")
    rate = panel.get_by_role("slider", name="learning rate")
    size = panel.get_by_role("slider", name="batch size")
    rate.focus()
    notebook.keyboard.press("ArrowRight")
    size.focus()
    notebook.keyboard.press("ArrowLeft")
    said = rate.get_attribute("aria-valuetext"), size.get_attribute("aria-valuetext")
    expect(words(panel)).to_contain_text(f"Chosen: rate {said[0]}, batch {said[1]}")
    panel.get_by_role("button", name="Use these settings").focus()
    notebook.keyboard.press("Enter")
    expect(words(panel)).to_contain_text(f"has rate {said[0]}, batch {said[1]} now")


def test_the_mouse_shows_a_cell_and_a_click_sets_the_training_panel(
    notebook: Page, panel: Locator, tmp_path
) -> None:
    picture = panel.locator("> img")
    picture.scroll_into_view_if_needed()
    picture.hover(position=place_of(panel, 1, 2))
    expect(words(panel)).to_contain_text("Chosen: rate 0.05, batch 16")
    picture.click(position=place_of(panel, 2, 3))
    expect(words(panel)).to_contain_text("has rate 0.1, batch 32 now")
    trainer = notebook.locator(".tutorial-panel").first
    expect(trainer.get_by_role("textbox", name="learning rate")).to_have_value("0.1")
    expect(trainer.get_by_role("textbox", name="batch size")).to_have_value("32")
    expect(trainer.get_by_role("combobox", name="optimizer")).to_have_value("sgd")
    notebook.screenshot(path=tmp_path / "clicked.png")


def test_go_on_trains_what_is_missing_and_stop_ends_it(
    notebook: Page, panel: Locator, tmp_path
) -> None:
    panel.get_by_role("button", name="Measure", exact=True).click()
    expect(words(panel)).to_contain_text(re.compile(r"Training: [1-9]\d* of 56 cells"))
    panel.screenshot(path=tmp_path / "growing.png")
    panel.get_by_role("button", name="Stop", exact=True).click()
    expect(words(panel)).to_contain_text("Stopped:")
    before = int(re.search(r"(\d+) of 56", words(panel).inner_text())[1])
    panel.get_by_role("button", name="Go on", exact=True).click()
    expect(words(panel)).to_contain_text("Training:")
    expect(words(panel)).not_to_contain_text(f" {before} of 56 cells")
    panel.get_by_role("button", name="Stop", exact=True).click()
    expect(words(panel)).to_contain_text("Stopped:")
    assert int(re.search(r"(\d+) of 56", words(panel).inner_text())[1]) > before


def test_readers_have_its_words_and_its_table(notebook: Page, panel: Locator) -> None:
    expect(panel.locator("> img")).to_have_attribute(
        "alt", re.compile("Map of 7 batch sizes and 8 learning rates, .* Best rate by batch size")
    )
    panel.get_by_role("slider", name="batch size").focus()
    notebook.keyboard.press("t")
    table = panel.get_by_role("table")
    expect(table.get_by_role("columnheader", name="batch 512")).to_be_visible()
    expect(table.get_by_role("rowheader", name="0.1", exact=True)).to_be_visible()
    assert violations(notebook, PANEL) == []
    notebook.keyboard.press("Escape")
    expect(table).to_have_count(0)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_in_it(notebook: Page, panel: Locator, theme: str, tmp_path) -> None:
    change_theme(notebook, theme)
    panel.scroll_into_view_if_needed()
    assert violations(notebook, PANEL) == []
    panel.screenshot(path=tmp_path / f"{theme[-5:]}.png")


def test_it_fits_a_laptop_and_a_narrow_page_at_two_dots(
    browser: Browser, lab: str, notebook: Page, tmp_path
) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, device_scale_factor=2)
    page = context.new_page()
    open_notebook(page, lab, "map.ipynb")
    run_all(page)
    panel = page.locator(PANEL).last
    panel.scroll_into_view_if_needed()
    picture = panel.locator("> img")
    expect(picture).to_have_js_property("naturalWidth", 1800)
    light = picture.get_attribute("src")
    change_theme(page, "JupyterLab Dark")
    expect(picture).not_to_have_attribute("src", light)
    panel.screenshot(path=tmp_path / "dark_two_dots.png")
    assert panel.bounding_box()["height"] < 768
    page.set_viewport_size({"width": 680, "height": 1200})
    expect(picture).not_to_have_js_property("naturalWidth", 1800)
    expect(picture).to_have_js_property("naturalHeight", 1520)
    panel.scroll_into_view_if_needed()
    panel.screenshot(path=tmp_path / "narrow.png")
    box, room = picture.bounding_box(), panel.bounding_box()
    assert box["width"] <= room["width"]
    context.close()
