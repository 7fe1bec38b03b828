"""What a learner does in JupyterLab, in a few words."""

from playwright.sync_api import Locator, Page, expect

RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
READY = """() => {
    const widget = window.jupyterapp && window.jupyterapp.shell.currentWidget;
    return Boolean(widget && widget.sessionContext && widget.sessionContext.isReady
        && widget.sessionContext.session && widget.sessionContext.session.kernel);
}"""
PROMPTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim())
    .map(cell => [cell.model.executionCount,
        cell.node.querySelector('.jp-InputPrompt')?.innerText ?? '*'])
"""
PAUSE = 100  # ms between two looks; else Playwright looks, and the page is drawn, 60 times a second


def open_notebook(page: Page, lab: str, name: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(f"{lab}/lab/tree/{name}?reset")
    page.wait_for_function(READY, timeout=120_000, polling=PAUSE)


def save_notebook(page: Page, lab: str, name: str, notebook: dict) -> None:
    """Put a notebook of the test's own beside the others."""
    page.request.get(f"{lab}/lab")  # brings the cookie without which nothing can be written
    (token,) = (each["value"] for each in page.context.cookies(lab) if each["name"] == "_xsrf")
    content = {"type": "notebook", "format": "json", "content": notebook}
    answer = page.request.put(
        f"{lab}/api/contents/{name}", data=content, headers={"X-XSRFToken": token}
    )
    assert answer.ok, answer.text()


def run_all(page: Page, *, timeout: float = 240) -> None:
    """Run all cells and wait until the last one has its number."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate(RUN_ALL)
    page.wait_for_function(
        f"() => ({PROMPTS})().every(([count, text]) => count && !text.includes('*'))",
        timeout=timeout * 1000,
        polling=PAUSE,
    )


def change_theme(page: Page, theme: str) -> None:
    """Choose "JupyterLab Light" or "JupyterLab Dark", and wait until the page has it."""
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, theme)
    is_light = str("Light" in theme).lower()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)


def errors(page: Page) -> list[str]:
    """Return what cells printed as tracebacks."""
    selector = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
    return page.locator(selector).all_inner_texts()


def panel(page: Page) -> Locator:
    """Return the first training panel of the notebook."""
    has_train = page.locator("button", has_text="Train")
    return page.locator(".widget-vbox", has=has_train).first


def labs(page: Page) -> Locator:
    """Return all panels of the notebook: what has controls and, right below, a picture."""
    return page.locator(".widget-vbox:has(> img)")


def press(panel: Locator, text: str) -> None:
    """Press one of the panel's buttons."""
    panel.locator("button", has_text=text).click()


def status(panel: Locator) -> str:
    """Return the status line."""
    return panel.locator("> .widget-html > .widget-html-content").inner_text()


def turn_learning_rate(panel: Locator, presses: int) -> tuple[str, str]:
    """Press arrow keys on the slider; return what its field shows before and after."""
    field = number_field(panel, "learning rate")
    before = field.input_value()
    press_arrow(number_control(panel, "learning rate").locator(".noUi-handle"), presses)
    expect(field).not_to_have_value(before)
    return before, field.input_value()


def number_control(panel: Locator, label: str) -> Locator:
    """Return the slider with this label, and the field beside it."""
    return panel.locator(".number-control", has_text=label)


def number_field(panel: Locator, label: str) -> Locator:
    """Return the field into which a number is typed."""
    return number_control(panel, label).locator("input[type=text]")


def write_number(panel: Locator, label: str, text: str) -> None:
    """Type into the field."""
    field = number_field(panel, label)
    field.fill(text)
    field.press("Enter")


def press_arrow(handle: Locator, presses: int) -> None:
    """Move a slider by so many arrow keys, to the left if negative."""
    handle.focus()
    for _ in range(abs(presses)):
        handle.page.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")


def set_epochs(panel: Locator, epochs: int) -> None:
    """Type a number of epochs."""
    write_number(panel, "epochs", str(epochs))


def restart_kernel(page: Page) -> None:
    """Restart the kernel, and wait until it is there again."""
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
        " === 'idle'",
        polling=PAUSE,
    )
