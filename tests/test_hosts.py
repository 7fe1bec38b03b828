"""Hosts that run notebooks, Colab and Kaggle: the tutorial is installed beside what they run.

TUTORIAL_THOROUGH=1 builds what they run, with gigabytes of PyTorch, and drives the notebooks in it.
"""

import contextlib
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import time
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HOSTS = Path(__file__).with_name("hosts")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PYTHONS = {"colab-2026-08": "3.13", "kaggle-2026-08": "3.12"}
# What tyro asks for, and what IPython does: Colab comes without.
MAY_COME = {"shtab", "docstring-parser", "typeguard", "jedi", "parso"}
VIEW = "application/vnd.jupyter.widget-view+json"
matrix = runpy.run_path(str(ROOT / "tools" / "matrix.py"))
host_cell = runpy.run_path(str(ROOT / "tools" / "publish.py"))["host_cell"]
found = runpy.run_path(str(ROOT / "tests" / "browser" / "conftest.py"))
thorough = pytest.mark.skipif("TUTORIAL_THOROUGH" not in os.environ, reason="takes many minutes")


def packages_of(name: str) -> dict[str, str]:
    """Return package -> version of what a host runs."""
    lines = (HOSTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(package): version for package, version in pairs}


@pytest.mark.parametrize("name", PYTHONS)
def test_what_a_host_has_is_new_enough_and_little_is_missing(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    here = packages_of(name)
    assert {line.name for line in wanted if line.name not in here} == {"tyro", "loky"}
    for line in wanted:
        assert line.name not in here or line.specifier.contains(here[line.name])


@dataclass
class Host:
    """What a host runs, after the cell has been run there."""

    name: str
    python: Path
    folder: Path
    before: dict[str, str]  # package -> version
    complaints: set[str]  # of pip, before
    said: str  # by the cell
    seconds: float

    def pip(self, *arguments: str) -> str:
        command = [self.python, "-m", "pip", *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.fixture(scope="module", params=PYTHONS)
def host(request, tmp_path_factory):
    """Build what a host runs, and run the cell there, as the first one of a notebook."""
    python = matrix["find_python"](PYTHONS[request.param])
    if python is None:
        pytest.skip(f"no Python {PYTHONS[request.param]} was found")
    folder = tmp_path_factory.mktemp(request.param)
    listed = HOSTS / f"{request.param}.txt"
    torch = f"torch=={packages_of(request.param)['torch']}"
    own = matrix["new_environment"](folder / "environment", python)
    matrix["install"](own, torch, "--constraint", listed)  # with its libraries, which no list names
    matrix["install"](own, "--no-deps", "--requirement", listed)
    host = Host(request.param, own, folder, {}, set(), "", 0)
    host.before, host.complaints = installed(host), complaints_on(host)
    cell = nbformat.v4.new_code_cell(host_cell(ROOT.as_posix()))
    (cell,) = run_on(host, nbformat.v4.new_notebook(cells=[cell])).cells
    outputs, host.seconds = cell.outputs, seconds_of(cell)
    host.said = "".join(output.text for output in outputs if output.name == "stdout")
    assert all(output.name == "stdout" for output in outputs)  # nothing in red
    yield host
    shutil.rmtree(folder)  # gigabytes


def seconds_of(cell: nbformat.NotebookNode) -> float:
    """Return how long a cell took, without the start of its kernel."""
    times = cell.metadata.execution
    ends = times["iopub.execute_input"], times["shell.execute_reply"]
    start, end = (datetime.fromisoformat(time) for time in ends)
    return (end - start).total_seconds()


def installed(host: Host) -> dict[str, str]:
    lines = json.loads(host.pip("list", "--format=json"))
    return {canonicalize_name(line["name"]): line["version"] for line in lines}


def complaints_on(host: Host) -> set[str]:
    return set(host.pip("check").splitlines()) - {"No broken requirements found."}


def run_on(host: Host, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in the host's kernel; an error in a cell is raised."""
    is_colab = host.name.startswith("colab")
    kernel = host.folder / "kernels" / "host"
    kernel.mkdir(parents=True, exist_ok=True)
    launch = [str(host.python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f"]
    launch.append("{connection_file}")
    if is_colab:
        launch.append("--IPKernelApp.exec_lines=import google.colab.output")
    spec = {"argv": launch, "display_name": "host", "env": environment_of(host)}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(host.folder))
        client = NotebookClient(notebook, kernel_name="host", timeout=300)
        return client.execute(cwd=str(ROOT / "notebooks"))


def environment_of(host: Host) -> dict[str, str]:
    """Return the variables that make a process think that it runs on the host."""
    colab = {"PYTHONPATH": str(HOSTS)}  # where Colab's own package is played
    kaggle = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}
    return {
        "TUTORIAL_OFFLINE": "1",
        "TUTORIAL_DATA_DIR": str(host.folder / "data"),
        "TUTORIAL_RUNS_DIR": str(host.folder / "runs"),
        "PATH": f"{host.python.parent}{os.pathsep}{os.environ['PATH']}",
        **(colab if host.name.startswith("colab") else kaggle),
    }


@thorough
@pytest.mark.timeout(900)
def test_the_cell_changes_nothing_that_runs_there(host):
    print(f"\n{host.name}: the cell took {host.seconds:.1f} s and said:\n{host.said}")
    after = installed(host)
    assert {name: after.get(name) for name in host.before} == host.before
    assert after.keys() - host.before - MAY_COME == {"tutorial-lib", "tyro", "loky"}
    assert complaints_on(host) <= host.complaints
    assert re.search(r"^Ready: tutorial_lib \S+, torch ", host.said, re.MULTILINE)


@thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_notebooks_run_there_and_their_panels_are_live(host, path):
    start = time.monotonic()
    notebook = run_on(host, nbformat.read(path, as_version=4))
    print(f"\n{host.name}: {path.name} took {time.monotonic() - start:.0f} s")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    views = [output for output in outputs if VIEW in output.get("data", {})]
    # A progress bar, where a loop is slow, has a view, too, but no picture.
    live = [view for view in views if "image/png" in view.data]
    assert len(live) >= num_panels(path)
    if host.name.startswith("colab"):  # else its page would not fetch what draws the pad
        assert all("custom_widget_manager" in str(view.metadata) for view in views)


def num_panels(path: Path) -> int:
    """Return how many panels a notebook was saved with."""
    outputs = [cell.get("outputs", "") for cell in nbformat.read(path, as_version=4).cells]
    return json.dumps(outputs).count("its controls cannot be shown here")


@thorough
@pytest.mark.timeout(900)
def test_notebook_00_is_driven_in_the_front_end_that_is_there(host):
    if not host.name.startswith("colab"):
        pytest.skip("Kaggle's front end is its own, and cannot be had")
    chromium = found["find_chromium"]()
    if chromium is None:
        pytest.skip("no Chromium was found")
    with notebook_6(host) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=found["CHROMIUM_FLAGS"])
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/notebooks/00_start_here.ipynb")
        page.wait_for_function(
            "() => window.Jupyter?.notebook?.kernel?.info_reply?.status === 'ok'"
        )
        panel = page.locator(".tutorial-panel:not(.tutorial-prediction)")
        page.evaluate("() => { Jupyter.notebook.clear_all_output(); }")
        page.evaluate("() => { Jupyter.notebook.execute_cell_range(0, 20); }")
        drive(panel, page)
        browser.close()


def drive(panel, page):
    """Train, turn the learning rate by the arrow keys, and stop."""
    status, image = panel.locator(".widget-html-content").first, panel.locator("> img")
    rate = panel.locator(".number-control", has_text="learning rate").first
    number = panel.locator(".number-control", has_text="epochs").last.locator("input")
    number.fill("60")
    number.press("Tab")
    panel.locator("button", has_text="Train").click()
    expect(status).to_contain_text("Training", timeout=60_000)
    before = image.get_attribute("src")
    expect(image).not_to_have_attribute("src", before)
    rate.locator(".ui-slider-handle").press("ArrowRight")
    expect(rate.locator("input")).to_have_value("0.013")
    panel.locator("button", has_text="Stop").click()
    expect(status).to_contain_text("Stopped")
    if folder := os.environ.get("TUTORIAL_SCREENSHOTS"):
        page.screenshot(path=Path(folder, "notebook-6.png"))


@contextlib.contextmanager
def notebook_6(host):
    """Serve notebook 00 by the host's own Notebook; yield the address."""
    notebooks, log = host.folder / "notebooks", host.folder / "log.txt"
    notebooks.mkdir()
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", notebooks)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f"port={port}", "ip=127.0.0.1", "token=", "password=", f"notebook_dir={notebooks}"]
    command = [host.python, "-m", "notebook", "--no-browser", "--allow-root"]
    command += [f"--NotebookApp.{setting}" for setting in settings]
    environment = os.environ | environment_of(host) | {"JUPYTER_PREFER_ENV_PATH": "1"}
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        found["wait_until_served"](f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)
