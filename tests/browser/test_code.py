"""A learner takes a run home: the script lands in the clipboard."""

import pytest
from lab_page import errors, open_notebook, panel, press, run_all
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.timeout(400)
def test_copy_as_code_puts_the_script_into_the_clipboard(page: Page, lab: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook(page, lab, "00_start_here.ipynb")
    run_all(page)
    assert errors(page) == []

    live = panel(page)
    press(live, "Copy as code")
    box = live.locator(".code-box")
    box.locator("button").click()
    expect(box.locator("button")).to_have_text("Copied")
    script = page.evaluate("() => navigator.clipboard.readText()")
    assert script == box.locator("textarea").input_value()
    assert script.startswith("# LeNet5 on 4,000 images. Its 125 losses are")
    assert len(script.splitlines()) <= 40

    press(live, "Hide the code")
    expect(box).to_have_count(0)
