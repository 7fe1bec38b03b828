"""As a learner runs it: defaults against defaults, every way in processes of its own, in turn.

Nothing says how many threads to take: the loop by hand has as many as torch takes, ours as many as
it chooses. Of each pair all processes are new, and so is the folder for caches that is theirs
together: what a learner's first run finds out stands there for the second, but nothing of the busy
neighbour of the pair before. A figure is the mean of all steps in four windows of time, stalls
included, in which all take turns, every other time in the opposite order.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import nbformat
import peers
from fresh import wait_for
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from live_panel import execute, value
from pairs import CONTROL, Row, row, skipped
from startup import ROOT, TOKEN, fetch, lab

from tutorial_lib.panels.training import REST_SECONDS

SIZES = (32, 256)
SECONDS = 0.5  # of a window; of a panel's, which draws five times a second, twice that
ROUNDS = 2  # there and back
PEER_PAIRS = 3  # each of their epochs takes long
WORKER = Path(__file__).with_name("learner_worker.py")
FIXED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")  # what a learner has not set
LOOP, OURS, ONE, PANEL = "loop", "run", "one thread", "panel"
BUSY = {  # share of its time -> in words, and ours by itself on one thread, at most
    0.2: ("neighbour busy a fifth", 1.0),
    1.0: ("neighbour busy always", 1.1),
}
NEIGHBOUR = """
import os, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
busy = 0.1 * float(sys.argv[1])  # seconds of each tenth
while True:
    end = time.perf_counter() + busy
    while time.perf_counter() < end:
        pass
    if busy < 0.1:
        time.sleep(0.1 - busy)
"""
SETUP = """
import dataclasses
import time
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.hardware import threads
from tutorial_lib.panels import TrainingPanel, training
data = dataclasses.replace(load_digits("sample"), validation=None, test=None)
settings = Hyperparameters(epochs=1000)
panel = TrainingPanel(data, settings=settings)
panel
"""
MEASURED = "any(what.startswith('LeNet5') for what in threads._known)"
PROGRESS = "(time.perf_counter(), panel.last_run.step_number, panel.last_run.threads)"


class Window(NamedTuple):
    """The steps of a window of time."""

    seconds: float
    steps: int
    threads: int


class Way(Protocol):
    """A training that goes on when it is told to."""

    def take(self, batch_size: int, seconds: float) -> Window:
        """Let it take steps for about so long; the first time, it warms up before."""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return ratios to the loop by hand; beside busy neighbours, to ours on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        environment = clean(Path(folder))
        if dry:
            with processes(environment, base=LOOP, ours=OURS) as ways:
                return quiet_rows([in_turn(ways, SIZES[:1], seconds=0.05)], SIZES[:1])
        quiet, beside = [], {share: [] for share in BUSY}
        for number in range(pairs):
            own = environment | {"TUTORIAL_DATA_DIR": f"{folder}/data {number}"}
            for share, found in a_pair(own, number).items():
                (beside[share] if share else quiet).append(found)
        rows = quiet_rows(quiet, SIZES)
        rows += lab_rows(environment, Path(folder), pairs=pairs)
        for share, found in beside.items():
            rows += neighbour_rows(share, found)
        return rows + peer_rows(environment, pairs=min(pairs, PEER_PAIRS))


def clean(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing about threads is fixed, with caches of its own."""
    kept = {name: text for name, text in os.environ.items() if name not in FIXED}
    own = {
        "TUTORIAL_DATA_DIR": str(folder / "data"),  # and for what is measured about threads
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "TUTORIAL_RUNS_DIR": str(folder / "runs"),
        "TUTORIAL_OFFLINE": "1",
    }
    return kept | own


# ---- ways ----


class Process:
    """A way of learner_worker.py."""

    def __init__(self, way: str, environment: Mapping[str, str]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        self.process = subprocess.Popen(
            [sys.executable, WORKER, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
            text=True,
        )
        self.is_ready = False

    def wait_until_ready(self) -> None:
        """Wait until it has loaded what it needs."""
        if not self.is_ready:
            self._answer()
            self.is_ready = True

    def take(self, batch_size: int, seconds: float) -> Window:
        """Let it take steps for about so long; the first time, it warms up before."""
        self.wait_until_ready()
        print(batch_size, seconds, file=self.process.stdin, flush=True)
        return Window(**json.loads(self._answer()))

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"a worker has ended:\n{self.errors.read()[-3000:]}")
        return line


class PanelWay:
    """A panel in a kernel, which draws while its run is trained."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client, self.batch_size = client, 0

    def take(self, batch_size: int, seconds: float) -> Window:
        """Let it take steps for about so long; the first time, it warms up before."""
        if batch_size == self.batch_size:
            execute(self.client, "panel.pause()")  # it goes on
        else:
            self._begin(batch_size)
        wait_for(self.client, "panel.state == 'running'")
        start, before, _ = self._progress()
        time.sleep(2 * seconds)  # the window: nobody asks the kernel anything
        end, after, threads = self._progress()
        execute(self.client, "panel.pause()")
        wait_for(self.client, "panel.state == 'paused'")
        return Window(end - start, after - before, threads)

    def _begin(self, batch_size: int) -> None:
        if self.batch_size:
            execute(self.client, "panel.stop()")
            wait_for(self.client, "panel.state == 'stopped'")
        chosen = f"panel.choose(settings.replace(batch_size={batch_size}))"
        execute(self.client, f"{chosen}; panel.train()")
        wait_for(self.client, "panel.last_run.step_number >= 20")
        self.batch_size = batch_size

    def _progress(self) -> tuple[float, int, int]:
        return eval(value(self.client, PROGRESS))


@contextlib.contextmanager
def processes(environment: Mapping[str, str], **ways: str) -> Iterator[dict[str, Process]]:
    """Start a process for each way, all at once, yield them when all are ready, and end them."""
    started = {name: Process(way, environment) for name, way in ways.items()}
    try:
        for process in started.values():
            process.wait_until_ready()
        yield dict(started)
    finally:
        for process in started.values():
            process.close()


@contextlib.contextmanager
def kernel_panel(environment: Mapping[str, str]) -> Iterator[PanelWay]:
    """Yield a panel in a real kernel, without a browser, when both have come to rest.

    Till then the kernel is a busy neighbour to others, and they to it.
    """
    manager, client = start_new_kernel(stderr=subprocess.DEVNULL, env=dict(environment))
    try:
        execute(client, SETUP)
        wait_for(client, "training._warm.is_set()")
        time.sleep(2 * REST_SECONDS)  # it measures its number of threads; nobody asks it anything
        wait_for(client, MEASURED)
        yield PanelWay(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def neighbour(share: float) -> Iterator[None]:
    """Keep a core busy for a share of the time, in another process, which surely ends."""
    command = [sys.executable, "-c", NEIGHBOUR, str(share)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


# ---- in turn ----


class Measured(NamedTuple):
    """What a way did in a pair, at a batch size."""

    milliseconds: float  # a step, the mean
    threads: int


Found = dict[tuple[str, int], Measured]  # a pair: name of the way, batch size -> what it did
Pairs = list[Found]


def in_turn(ways: Mapping[str, Way], sizes: Sequence[int], *, seconds: float = SECONDS) -> Found:
    """Let the ways step in turn, there and back; return what each did, by name and batch size."""
    found = {}
    for size in sizes:
        windows = {name: [] for name in ways}
        for name in (*ways, *reversed(ways)) * ROUNDS:
            windows[name].append(ways[name].take(size, seconds))
        for name, own in windows.items():
            milliseconds = 1000 * sum(w.seconds for w in own) / sum(w.steps for w in own)
            found[name, size] = Measured(milliseconds, own[-1].threads)
    return found


def rotated(ways: Mapping[str, Way], number: int) -> dict[str, Way]:
    """Return the ways in another order for each pair: who begins takes turns."""
    names = list(ways)
    number %= len(names)
    return {name: ways[name] for name in (*names[number:], *names[:number])}


def ratios(
    what: str, pairs: Pairs, name: str, size: int, *, base: str = "base", **fields: float
) -> Row:
    """Return the row of a way at a batch size, in ratio to another of the same pair."""
    found = [pair[name, size].milliseconds / pair[base, size].milliseconds for pair in pairs]
    return row(f"{what}, batches of {size}", found, note=threads_of(pairs, name, size), **fields)


def threads_of(pairs: Pairs, name: str, size: int) -> str:
    """Return with how many threads a way stepped, in words."""
    counts = Counter(pair[name, size].threads for pair in pairs)
    (most, times), *others = counts.most_common()
    words = f"{most} thread{'s' if most > 1 else ''}"
    return f"{words} in {times} of {len(pairs)}" if others else words


# ---- conditions ----


def a_pair(environment: Mapping[str, str], number: int) -> dict[float, Found]:
    """Return what all ways do in new processes, by how busy a neighbour is; 0: there is none.

    Ours chooses its threads at its first step, so it is a new one beside each neighbour.
    """
    ways = {"base": LOOP, "again": LOOP, "one": ONE, "one again": ONE, "ours": OURS}
    ways |= {f"ours {share}": OURS for share in BUSY}
    found = {}
    with processes(environment, **ways) as started:
        with kernel_panel(environment) as panel:
            names = ("base", "ours", "again", "one")
            quiet = {name: started[name] for name in names} | {PANEL: panel}
            found[0] = in_turn(rotated(quiet, number), SIZES)
        for share in BUSY:
            names = ("one", "one again", "base")
            busy = {name: started[name] for name in names} | {"ours": started[f"ours {share}"]}
            with neighbour(share):
                found[share] = in_turn(rotated(busy, number), SIZES)
    return found


def quiet_rows(pairs: Pairs, sizes: Sequence[int]) -> list[Row]:
    """Return the rows of a machine that does nothing else."""
    known = {name for name, _ in pairs[0]}
    others = {  # name -> what it is
        "ours": ("TrainingRun", {"at_most": 0.95}),
        PANEL: ("a TrainingPanel that draws", {"at_most": 1.05}),
        "one": ("TrainingRun held to one thread", {}),
        "again": (CONTROL, {}),
    }
    rows = []
    for size in sizes:
        for name, (what, bar) in others.items():
            if name in known:
                rows.append(ratios(what, pairs, name, size, **bar))
        steps = [pair["base", size].milliseconds for pair in pairs]
        what, note = "a step of the loop by hand", threads_of(pairs, "base", size)
        rows.append(row(f"{what}, batches of {size}", steps, unit="ms", note=note))
    return rows


def neighbour_rows(share: float, pairs: Pairs) -> list[Row]:
    """Return the rows of a machine on which another program is busy, a share of the time.

    They are held against ours on one thread: that is the number of which a neighbour slows the
    steps least.
    """
    words, limit = BUSY[share]
    rows = []
    for size in SIZES:
        for what, name, bar in (
            (f"{words}: TrainingRun to one thread", "ours", {"at_most": limit}),
            (f"control, {words}: one thread to itself", "one again", {}),
            (f"{words}: the loop to one thread", "base", {}),
        ):
            rows.append(ratios(what, pairs, name, size, base="one", **bar))
    return rows


def peer_rows(environment: Mapping[str, str], *, pairs: int) -> list[Row]:
    """Return a row for each peer with its own defaults, or a word on why it is missing."""
    size, rows, missing = SIZES[0], [], []
    for name, (package, _) in peers.PEERS.items():
        if not peers.installed(package):
            missing.append(skipped(name, f"{package} is not installed"))
            continue
        found: Pairs = []
        for number in range(pairs):
            with processes(environment, base=LOOP, peer=name) as started:
                found.append(in_turn(rotated(started, number), (size,)))
        rows.append(ratios(name, found, "peer", size))
    return sorted(rows, key=lambda row: row.value) + missing


# ---- JupyterLab ----


def lab_rows(environment: Mapping[str, str], folder: Path, *, pairs: int) -> list[Row]:
    """Return the rows of a panel in JupyterLab that Chromium shows on the same machine."""
    what = "a panel in JupyterLab, and Chromium showing it"
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    try:
        from conftest import CHROMIUM_FLAGS, find_chromium
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        return [skipped(what, f"{error.name} is not installed")]
    path = find_chromium()
    if path is None:
        return [skipped(what, "no Chromium was found")]
    (folder / "notebooks").mkdir()
    options = {"folder": folder / "notebooks", "environment": environment}
    found: Pairs = []
    with (
        lab("--expose-app-in-browser", **options) as (address, _),
        sync_playwright() as playwright,
    ):
        fetch(f"{address}/api?token={TOKEN}")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        for number in range(pairs):
            shown = lab_panel(browser, address, folder, f"panel_{number}.ipynb")
            with processes(environment, base=LOOP) as started, shown as panel:
                ways = rotated({**started, PANEL: panel}, number)
                found.append(in_turn(ways, SIZES))
        browser.close()
    return [ratios(what, found, PANEL, size) for size in SIZES]


@contextlib.contextmanager
def lab_panel(browser, address: str, folder: Path, name: str) -> Iterator[PanelWay]:
    """Yield a panel that a notebook in JupyterLab shows."""
    from lab_page import open_notebook, run_all

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SETUP)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "notebooks" / name)
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{address}/lab?token={TOKEN}")  # from now on it has a cookie
    open_notebook(page, address, name)
    run_all(page)
    page.wait_for_selector(".widget-vbox img")
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext"
    key = page.evaluate(f"() => {kernel}.session.kernel.id")
    client = BlockingKernelClient(connection_file=str(folder / "runtime" / f"kernel-{key}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield PanelWay(client)
    finally:
        client.stop_channels()
        page.evaluate(f"() => {kernel}.shutdown()")
        page.close()
