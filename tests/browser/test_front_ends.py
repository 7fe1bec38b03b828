"""Panels live in other front ends, too: Notebook 7, the classic one, Voila, a Lab left as it is."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab_page import number_control, number_field, panel, press
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

SECTION = "# A section\n\nAn arrow key may fold it."
PANEL = """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs import DigitPad
from tutorial_lib.panels import TrainingPanel

panel = TrainingPanel(load_digits("sample"), settings=Hyperparameters(epochs=100))
panel"""
PAD = "DigitPad(lambda: panel.last_run and panel.last_run.model)"
SERVERS = {
    "notebook": ["notebook", "--no-browser", "--expose-app-in-browser"],
    "nbclassic": ["nbclassic", "--no-browser"],
    "lab": ["jupyterlab", "--no-browser", "--expose-app-in-browser"],
    "voila": ["voila", "--no-browser"],
}
IS_THOROUGH = "TUTORIAL_THOROUGH" in os.environ
OTHERS = SERVERS.keys() - {"lab"}  # that one as it comes: test_windowing.py has most of it
PAGES = {
    "notebook": "notebooks/panel.ipynb",
    "nbclassic": "nbclassic/notebooks/panel.ipynb",
    "lab": "lab/tree/panel.ipynb?reset",
    "voila": "voila/render/panel.ipynb",
}
PATIENCE = 60_000  # ms, until a kernel has loaded torch
CELLS = ".jp-Cell, div.cell"
RUN_ALL = {
    "notebook": "window.jupyterapp.commands.execute('notebook:run-all-cells')",
    "lab": "window.jupyterapp.commands.execute('notebook:run-all-cells')",
    "nbclassic": "Jupyter.notebook.execute_all_cells()",
}
IS_READY = {
    "notebook": "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel",
    "lab": "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel",
    "nbclassic": "window.Jupyter?.notebook?.kernel?.widget_manager",  # else nothing is shown
}


def wait_until_it_answers(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)  # between two looks at the condition
    pytest.fail(f"the front end does not answer; its log:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module", params=sorted(SERVERS if IS_THOROUGH else OTHERS))
def front_end(request, tmp_path_factory) -> Iterator[tuple[str, str]]:
    """Serve a notebook with a panel and a pad; yield the front end's name and the address."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    cells = [nbformat.v4.new_markdown_cell(SECTION)]
    cells += [nbformat.v4.new_code_cell(source) for source in (PANEL, PAD)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, folder / "panel.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module, *flags = SERVERS[name]
    command = [sys.executable, "-m", module, *flags, f"--port={port}"]
    if name == "voila":
        command += [str(folder), "--Voila.ip=127.0.0.1"]
    else:
        command += ["--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
        command += ["--ServerApp.port_retries=0"]
        if getattr(os, "geteuid", lambda: 1)() == 0:
            command.append("--allow-root")
    environment = os.environ | {
        "TUTORIAL_OFFLINE": "1",
        "TUTORIAL_DATA_DIR": str(folder / "data"),
        "TUTORIAL_RUNS_DIR": str(folder / "runs"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(folder / "config"),  # a front end as it comes
    }
    if name == "lab":
        environment.pop("JUPYTER_PATH", None)  # a kernel as it comes, too: it loads torch itself
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(address, server, folder / "log.txt")
        yield name, f"{address}/{PAGES[name]}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def page(front_end: tuple[str, str], browser: Browser) -> Iterator[Page]:
    """Yield the page with all its cells run."""
    name, address = front_end
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    deadline = time.monotonic() + 2 * PATIENCE / 1000
    while name in RUN_ALL and time.monotonic() < deadline:
        page.wait_for_function(f"() => Boolean({IS_READY[name]})")
        page.evaluate(f"() => {{ {RUN_ALL[name]}; }}")
        with contextlib.suppress(TimeoutError):  # the classic one shows no panel of cells that
            page.wait_for_selector(".digit-pad-paper", timeout=PATIENCE / 2)  # ran too early
            break
    expect(page.locator(".digit-pad-paper")).to_be_attached(timeout=PATIENCE)
    expect(panel(page)).to_be_visible(timeout=PATIENCE)
    yield page
    page.close()


@pytest.fixture
def training(page: Page) -> Iterator[Locator]:
    """Yield the panel while it trains."""
    found = panel(page)
    press(found, "Train")
    expect(found.locator(".widget-html-content").first).to_contain_text(
        "Training:", timeout=PATIENCE
    )
    yield found
    press(found, "Stop")
    expect(found.locator(".widget-html-content").first).to_contain_text("Stopped:")


def picture(panel: Locator) -> str:
    return panel.locator("> img").get_attribute("src")


def test_a_run_is_drawn_while_it_goes_on_and_arrow_keys_act_on_it(page, training):
    before = picture(training)
    expect(training.locator("> img")).not_to_have_attribute("src", before)
    cells = page.locator(CELLS).count()
    field = number_field(training, "learning rate")
    handle = number_control(training, "learning rate").locator(".noUi-handle, .ui-slider-handle")
    handle.focus()
    for key, shown in [("ArrowRight", "0.013"), ("ArrowLeft", "0.01"), ("ArrowLeft", "0.0079")]:
        page.keyboard.press(key)
        expect(field).to_have_value(shown)
    expect(training).to_be_visible()
    assert page.locator(CELLS).count() == cells


@pytest.mark.parametrize("keys", ["a", "b", "d d", "m", "y", "Space", "Enter", "ArrowUp", "x"])
def test_no_key_on_a_control_is_a_command_on_cells(page, keys):
    found = panel(page)
    cells = page.locator(CELLS).count()
    number_control(found, "momentum").locator(".noUi-handle, .ui-slider-handle").focus()
    for key in keys.split():
        page.keyboard.press(key)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator(CELLS).count() == cells
    expect(found).to_be_visible()
    expect(page.locator(".digit-pad")).to_be_attached()


def test_a_script_is_shown_and_can_be_copied(page):
    found = panel(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(found, "Copy as code")
    found.locator(".code-box button").click()
    expect(found.locator(".code-box button")).to_have_text("Copied")
    assert "import torch" in page.evaluate("() => navigator.clipboard.readText()")


def test_the_pad_answers(page, training):
    page.locator(".digit-pad-preset").select_option("7")
    expect(page.locator(".digit-pad-words")).to_contain_text("The network reads a")
