"""What a learner sees and does in JupyterLab, in the first notebook."""

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
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

COLLECT_PICTURES = """(image) => {
    window.pictures = new Set();
    new MutationObserver(() => window.pictures.add(image.src))
        .observe(image, {attributes: true, attributeFilter: ["src"]});
}"""


@pytest.fixture(scope="module")
def notebook(shared_page: Page, lab: str) -> Page:
    """Open the first notebook and run all of it."""
    open_notebook(shared_page, lab, "00_start_here.ipynb")
    run_all(shared_page)
    assert errors(shared_page) == []
    return shared_page


@pytest.fixture
def live(notebook: Page) -> Locator:
    """Return the panel of the notebook; what trained on it has stopped."""
    live = panel(notebook)
    live.scroll_into_view_if_needed()
    return live


def words(live: Locator) -> Locator:
    return live.locator("> .widget-html > .widget-html-content")


def test_copy_as_code_puts_the_script_into_the_clipboard(notebook: Page, live: Locator) -> None:
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(live, "Copy as code")
    box = live.locator(".code-box")
    box.locator("button").click()
    expect(box.locator("button")).to_have_text("Copied")
    script = notebook.evaluate("() => navigator.clipboard.readText()")
    assert script == box.locator("textarea").input_value()
    assert re.match(r"# LeNet5 on 4,000 images. Its [\d,]+ losses are", script)
    assert len(script.splitlines()) <= 40

    shown_at = notebook.evaluate("() => performance.now()")  # a double click would be one click
    notebook.wait_for_function("start => performance.now() > start + 500", arg=shown_at)
    press(live, "Hide the code")
    expect(box).to_have_count(0)


def test_a_double_click_is_one_click(live: Locator) -> None:
    set_epochs(live, 100)
    live.locator("button", has_text="Train").dblclick()
    expect(words(live)).to_contain_text("Training:", timeout=60_000)
    live.locator("button", has_text="Pause").dblclick()
    expect(words(live)).to_contain_text("Paused:", timeout=30_000)
    live.locator("button", has_text="Copy as code").dblclick()  # is heard after both
    expect(live.locator(".code-box")).to_have_count(1)
    expect(words(live)).to_contain_text("Paused:")
    press(live, "Stop")
    expect(words(live)).to_contain_text("Stopped:", timeout=30_000)
    expect(live.locator(".code-box")).to_have_count(1)
    live.page.wait_for_timeout(1000)  # sooner, one more click would count with the double one
    press(live, "Hide the code")
    expect(live.locator(".code-box")).to_have_count(0)


def test_a_learner_moves_a_slider_trains_and_stops(notebook: Page, live: Locator) -> None:
    before, after = turn_learning_rate(live, presses=-2)
    assert float(after) < float(before)

    set_epochs(live, 100)
    live.locator("img").evaluate(COLLECT_PICTURES)
    press(live, "Train")
    expect(words(live)).to_contain_text("Training:", timeout=60_000)
    notebook.wait_for_function("() => window.pictures.size >= 5", timeout=60_000)

    press(live, "Stop")
    expect(words(live)).to_contain_text("Stopped:", timeout=30_000)
    expect(live.locator("button", has_text="Train")).to_be_enabled()


@pytest.mark.timeout(400)
def test_a_paused_run_is_there_again_after_a_kernel_restart(notebook: Page, live: Locator) -> None:
    set_epochs(live, 100)
    press(live, "Train")
    expect(words(live)).to_contain_text("Training:", timeout=60_000)
    press(live, "Pause")
    expect(words(live)).to_contain_text("Paused:", timeout=30_000)
    position = re.search(r"step ([\d,]+) of", words(live).inner_text()).group(1)

    restart_kernel(notebook)
    run_all(notebook)
    press(live, "Restore")
    expect(words(live)).to_contain_text(
        re.compile(rf"Restored: epoch \d+ of 100, step {position} of"), timeout=30_000
    )
    press(live, "Resume")
    expect(words(live)).to_contain_text("Training:", timeout=60_000)
    press(live, "Stop")
    expect(words(live)).to_contain_text("Stopped:", timeout=30_000)
