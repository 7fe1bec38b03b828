"""A real JupyterLab on a free port, and a real Chromium looking at it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# With nbformat, for a second, it builds 38 grammars of addresses; jsonschema can do without.
sys.modules.setdefault("rfc3987_syntax", None)

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {
        "autoStartDefaultKernel": True,
        "windowingMode": "none",
    },
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        if os.environ.get("TUTORIAL_REQUIRE_BROWSER"):
            pytest.fail("TUTORIAL_REQUIRE_BROWSER is set, and no Chromium was found")
        pytest.skip("no Chromium was found")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a copy of the notebooks; yield the address."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(
        ROOT / "notebooks",
        folder / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
    )
    for name, values in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder / 'notebooks'}",
        f"--LabApp.user_settings_dir={folder / 'settings'}",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}",
        f"--LabApp.extra_labextensions_path={ROOT / 'tutorial_lib' / 'labextensions'}",
    ]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")
    environment = {
        "TUTORIAL_OFFLINE": "1",
        "TUTORIAL_DATA_DIR": str(folder / "data"),  # no full MNIST, which would take minutes
        "TUTORIAL_RUNS_DIR": str(folder / "runs"),
        "TUTORIAL_LEARNING_RECORD": str(folder / "learning.json"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    address = f"http://127.0.0.1:{port}"
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env=os.environ | environment,
        )
    try:
        wait_until_served(address, server, folder / "log.txt")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_served(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)  # between two looks at the condition
    pytest.fail(f"JupyterLab does not answer; its log:\n{log.read_text()[-3000:]}")


def new_page(browser: Browser) -> Iterator[Page]:
    """Yield a page as large as a laptop's."""
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(60_000)
    yield page
    page.close()


page = pytest.fixture(new_page, name="page")
shared_page = pytest.fixture(new_page, name="shared_page", scope="module")
