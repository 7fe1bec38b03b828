"""What a learner waits for: imports, the first Train, the first point, Stop, JupyterLab."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from fresh import kernel, python, wait_for
from live_panel import execute, value
from pairs import CONTROL, Row, compare, row, timed

ROOT = Path(__file__).parents[1]
FIRST = "notebooks/00_start_here.ipynb"
TOKEN = "bench"
SETUP = """
import time
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel, training
data = load_digits("sample")
panel = TrainingPanel(data, settings=Hyperparameters(epochs=1000))
drawn = []

def click():
    "Press Train; the first picture with a step on it puts its seconds into drawn."
    drawn.clear()
    start = time.perf_counter()
    def see(change):
        if panel._display.progress.step and not drawn:
            drawn.append(time.perf_counter() - start)
    panel.image.unobserve_all()
    panel.image.observe(see, "value")
    panel.train()
"""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return a row for each wait."""
    if dry:
        return [*in_a_kernel(clicks=1, stops=3), *of_the_lab(1)]
    return [*imports(pairs), *first_trains(2), *in_a_kernel(pairs, stops=100), *of_the_lab(3)]


def imports(pairs: int) -> list[Row]:
    """Return what `import tutorial_lib` takes, in ratio to `import torch`."""
    torch, ours = (
        timed(lambda name=name: python(f"import {name}")) for name in ("torch", "tutorial_lib")
    )
    ratios = compare({"ours": ours}, lambda: torch, pairs=pairs)
    return [
        row("import tutorial_lib, against import torch", ratios["ours"]),
        row(CONTROL, ratios[CONTROL]),
        row("import torch, once", [torch()], unit="s"),
    ]


def first_trains(times: int) -> list[Row]:
    """Return what the first Train of a kernel takes, with the warm-up still to come, and after."""
    cold = [first_train(wait=False) for _ in range(times)]
    warm = [1000 * first_train(wait=True) for _ in range(times)]
    return [
        row("a kernel's first Train, pressed at once, to the first point drawn", cold, unit="s"),
        row("the same after the warm-up", warm, unit="ms", at_most=300),
    ]


def first_train(*, wait: bool) -> float:
    """Return the seconds from the first click to its first point, in a fresh kernel."""
    with kernel() as client:
        execute(client, SETUP)
        if wait:
            wait_for(client, "training._warm.is_set()")
        return click_seconds(client)


def click_seconds(client) -> float:
    """Press Train in the kernel, and Stop once a point is drawn."""
    execute(client, "click()")
    wait_for(client, "drawn")
    execute(client, "panel.stop()")
    wait_for(client, "panel.state == 'stopped'")
    return float(value(client, "drawn[0]"))


def in_a_kernel(clicks: int, stops: int) -> list[Row]:
    """Return what Train and Stop take in a kernel that is warm."""
    with kernel() as client:
        execute(client, SETUP)
        wait_for(client, "training._warm.is_set()")
        times = [1000 * click_seconds(client) for _ in range(clicks)]
        folder = str(ROOT / "tests" / "engine")
        execute(client, f"import sys; sys.path.insert(0, {folder!r}); import latency")
        execute(client, f"seconds = latency.stops(data, {stops})")
        seconds = np.array(eval(value(client, "seconds"))) * 1000
    low, high = float(seconds.min()), float(seconds.max())
    late = float(np.percentile(seconds, 99))
    return [
        row("any later Train, to the first point drawn", times, unit="ms", at_most=300),
        Row("Stop, to stopped, 99th percentile", late, low, high, stops, unit="ms", at_most=100),
    ]


def of_the_lab(times: int) -> list[Row]:
    """Return what JupyterLab takes to start."""
    what = "JupyterLab started, to the first notebook served"
    return [row(what, [lab_seconds() for _ in range(times)], unit="s")]


def lab_seconds() -> float:
    """Return the seconds from the start of JupyterLab until it serves the first notebook."""
    with lab() as (address, start):
        for path in ("api", f"lab/tree/{FIRST}", f"api/contents/{FIRST}"):
            fetch(f"{address}/{path}?token={TOKEN}")
        return time.perf_counter() - start


@contextlib.contextmanager
def lab(
    *flags: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, float]]:
    """Start JupyterLab as `make lab` does, or in another folder; yield its address and when."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--log-level=ERROR",
        f"--IdentityProvider.token={TOKEN}",
        *flags,
    ]
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--port={port}"]
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [*command, *options], cwd=folder, env=environment, start_new_session=True, **quiet
    )
    try:
        yield f"http://127.0.0.1:{port}", start
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def fetch(address: str, *, patience: float = 120) -> None:
    """Ask until the server answers."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=patience) as answer:
                answer.read()
                return
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
