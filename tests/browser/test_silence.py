"""A panel whose kernel has ended, or is busy elsewhere, says so: the page itself sees to it."""

import os
import re
import signal
import time

import nbformat
import pytest
from lab_page import errors, open_notebook, panel, press, run_all, save_notebook, status
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

CELLS = (
    """import os
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
panel = TrainingPanel(data, settings=Hyperparameters(epochs=1000))""",
    "panel",
    "print('kernel', os.getpid())",
)
WORDS = "Nothing was heard from the kernel for 12 seconds"
MOST_SECONDS = 15
COUNT_WARNINGS = """() => {
    window.warnings = 0;
    document.addEventListener("animationstart", (event) => {
        window.warnings += event.animationName === "tutorial-silence";
    });
}"""
BUSY = """(path) => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({code: `while not os.path.exists(${JSON.stringify(path)}): pass`}); }"""


@pytest.fixture
def training(page: Page, lab: str) -> Locator:
    """Return a panel that trains, on a dark page without motion."""
    page.emulate_media(reduced_motion="reduce")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    save_notebook(page, lab, "silence.ipynb", notebook)
    open_notebook(page, lab, "silence.ipynb")
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
        "JupyterLab Dark",
    )
    run_all(page)
    assert errors(page) == []
    page.evaluate(COUNT_WARNINGS)
    live = panel(page)
    press(live, "Train")
    expect(live.locator(".widget-html-content")).to_contain_text("Training:", timeout=60_000)
    return live


def test_a_kernel_that_is_busy_and_one_that_has_ended_are_told(
    training: Locator, page: Page, tmp_path
) -> None:
    warning, box = training.get_by_text(WORDS), training.locator(".widget-html")
    height = box.bounding_box()["height"]
    expect(training.locator(".widget-html-content")).to_contain_text(
        re.compile(r"epoch ([3-9]|\d{2,}) of"), timeout=60_000
    )
    assert box.bounding_box()["height"] == height  # the words that wait take no room
    assert WORDS not in status(training)
    assert page.evaluate("() => window.warnings") == 0

    page.evaluate(BUSY, str(tmp_path / "enough"))
    expect(warning).to_be_visible(timeout=60_000)
    (tmp_path / "enough").touch()
    expect(warning).to_be_hidden()

    pid = int(page.locator(".jp-RenderedText", has_text="kernel ").inner_text().split()[-1])
    start = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    ended = training.locator(".tutorial-end")
    expect(ended).to_contain_text("The kernel has ended or was restarted", timeout=60_000)
    seconds = time.monotonic() - start
    print(f"killed to said: {seconds:.1f} s")
    assert seconds < MOST_SECONDS
    assert page.evaluate("() => window.warnings") == 1  # and never between
    expect(warning).to_be_hidden()  # what is known need not be guessed
    page.keyboard.press("Escape")  # JupyterLab's own dialog
    page.screenshot(path=tmp_path / "ended.png")
