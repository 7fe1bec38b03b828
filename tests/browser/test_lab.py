"""What a learner sees and does in JupyterLab."""

import pytest
from lab_page import (
    errors,
    open_notebook,
    panel,
    press,
    run_all,
    set_epochs,
    turn_learning_rate,
)
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

COLLECT_PICTURES = """(image) => {
    window.pictures = new Set();
    new MutationObserver(() => window.pictures.add(image.src))
        .observe(image, {attributes: true, attributeFilter: ["src"]});
}"""


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "name", ["00_start_here.ipynb", "01_hyperparameters.ipynb", "04_training.ipynb"]
)
def test_a_learner_moves_a_slider_trains_and_stops(page: Page, lab: str, name: str) -> None:
    open_notebook(page, lab, name)
    run_all(page)
    assert errors(page) == []

    live = panel(page)
    live.scroll_into_view_if_needed()
    before, after = turn_learning_rate(live, presses=-2)
    assert float(after) < float(before)

    set_epochs(live, 100)
    live.locator("img").evaluate(COLLECT_PICTURES)
    press(live, "Train")
    expect(live.locator(".widget-html-content")).to_contain_text("Training:", timeout=60_000)
    page.wait_for_function("() => window.pictures.size >= 5", timeout=60_000)

    press(live, "Stop")
    expect(live.locator(".widget-html-content")).to_contain_text("Stopped:", timeout=30_000)
    expect(live.locator("button", has_text="Train")).to_be_enabled()
