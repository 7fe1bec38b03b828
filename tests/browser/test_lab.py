"""What a learner sees and does in JupyterLab."""

import re

import pytest
from lab_page import (
    errors,
    open_notebook,
    panel,
    press,
    restart_kernel,
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
@pytest.mark.parametrize("name", ["00_start_here.ipynb", "04_training.ipynb"])
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


@pytest.mark.timeout(400)
def test_a_paused_run_is_there_again_after_a_kernel_restart(page: Page, lab: str) -> None:
    open_notebook(page, lab, "00_start_here.ipynb")
    run_all(page)
    live = panel(page)
    words = live.locator(".widget-html-content")
    set_epochs(live, 100)
    press(live, "Train")
    expect(words).to_contain_text("Training:", timeout=60_000)
    press(live, "Pause")
    expect(words).to_contain_text("Paused:", timeout=30_000)
    position = re.search(r"step ([\d,]+) of", words.inner_text()).group(1)

    restart_kernel(page)
    run_all(page)
    live = panel(page)
    words = live.locator(".widget-html-content")
    press(live, "Restore")
    expect(words).to_contain_text(
        re.compile(rf"Restored: epoch \d+ of 100, step {position} of"), timeout=30_000
    )
    press(live, "Resume")
    expect(words).to_contain_text("Training:", timeout=60_000)
    press(live, "Stop")
    expect(words).to_contain_text("Stopped:", timeout=30_000)
