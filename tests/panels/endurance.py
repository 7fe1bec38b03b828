"""A long class in one real kernel: short runs, a panel's cell run again, many panels.

`python tests/panels/endurance.py` does 1,000 runs, 100 re-runs and 10 panels, prints what was
counted on the way, and fails unless it stays flat. Memory is measured after a warm-up of a fifth
of the runs.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping

import numpy as np
from test_kernel import Kernel

SETUP = """
import asyncio, gc, os, tempfile, threading
runs = tempfile.TemporaryDirectory()
os.environ["JPY_SESSION_NAME"] = "class.ipynb"  # as Jupyter Server does: so runs are saved, too
os.environ["TUTORIAL_RUNS_DIR"] = runs.name
import psutil
from comm import get_comm_manager
from ipywidgets.widgets.widget import _instances
from matplotlib import pyplot
from matplotlib.figure import Figure
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.data import Data, Split
from tutorial_lib.panels import TrainingPanel

sample = load_digits("sample")
data = Data(
    sample.name,
    sample.notice,
    Split(sample.train.images[:400], sample.train.labels[:400]),
    Split(sample.test.images[:100], sample.test.labels[:100]),
    sample.device,
)
settings = Hyperparameters(epochs=1, batch_size=100)  # four steps and an accuracy

def counts():
    gc.collect()
    process = psutil.Process()
    return {
        "threads": process.num_threads(),
        "python threads": threading.active_count(),
        "files": process.num_fds(),
        "comms": len(get_comm_manager().comms),
        "widgets": len(_instances),
        "figures": sum(type(thing) is Figure for thing in gc.get_objects()),
        "pyplot figures": len(pyplot.get_fignums()),
        "tasks": len(asyncio.all_tasks()),
        "saved files": len(os.listdir(runs.name)),
        "memory": process.memory_info().rss / 2**20,
    }

async def train_as_by_click(panel):
    panel.train()
    while panel.state == "running" or not panel._poll.done():
        await asyncio.sleep(0.005)
    assert panel.state == "finished", panel.state
"""
PANEL_CELL = "panel = TrainingPanel(data, settings=settings)\npanel"
RUNS_CELL = """
for number in range({count}):
    if number % 2:
        panel.run()
    else:
        await train_as_by_click(panel)
"""
MANY_PANELS_CELL = """
panels = [TrainingPanel(data, settings=settings) for _ in range({count})]
display(*panels)
for each in panels:
    await train_as_by_click(each)
"""
FLAT = ["threads", "python threads", "files", "comms", "widgets", "figures", "pyplot figures"]

Counts = Mapping[str, float]


def short_runs(kernel: Kernel, *, runs: int, samples: int) -> list[Counts]:
    """Train so many runs on one panel; return what was counted after each portion of them."""
    kernel.execute(PANEL_CELL)
    counted = []
    for _ in range(samples):
        kernel.execute(RUNS_CELL.format(count=runs // samples))
        counted.append(kernel.value("counts()"))
    return counted


def run_the_cell_again(kernel: Kernel, *, reruns: int, samples: int) -> list[Counts]:
    """Run a panel's cell so often, each panel with a run on it; return what was counted."""
    counted = []
    for _ in range(samples):
        for _ in range(reruns // samples):
            kernel.execute(PANEL_CELL)
            kernel.execute("await train_as_by_click(panel)")
        counted.append(kernel.value("counts()"))
    return counted


def many_panels(kernel: Kernel, *, panels: int, times: int) -> list[Counts]:
    """Show and train so many panels in one cell, again and again; return what was counted."""
    counted = []
    for _ in range(times):
        kernel.execute(MANY_PANELS_CELL.format(count=panels))
        counted.append(kernel.value("counts()"))
    return counted


def not_flat(counted: Iterable[Counts]) -> dict[str, list[float]]:
    """Return those counts that are not the same all the time."""
    columns = {name: [counts[name] for counts in counted] for name in FLAT}
    return {name: column for name, column in columns.items() if len(set(column)) > 1}


def growth(counted: list[Counts], per_sample: float) -> float:
    """Return by how many kB the memory grows each time, by a straight line through the samples."""
    memory = [counts["memory"] * 1024 for counts in counted]
    return float(np.polyfit(np.arange(len(memory)) * per_sample, memory, 1)[0])


def report(title: str, counted: list[Counts], per_sample: float) -> None:
    """Print the first and last counts, and how the memory grows."""
    print(f"\n{title}")
    for name in [*FLAT, "tasks", "saved files", "memory"]:
        print(f"  {name:15s} {counted[0][name]:8.1f} -> {counted[-1][name]:8.1f}")
    print(f"  memory grows by {growth(counted, per_sample):.1f} kB each")


def main(arguments: list[str] | None = None) -> int:
    """Do it all, say what was counted, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--reruns", type=int, default=100)
    parser.add_argument("--panels", type=int, default=10)
    options = parser.parse_args(arguments)
    kernel = Kernel()
    try:
        kernel.execute(SETUP)
        parts = {
            f"{options.runs} short runs on one panel": (
                short_runs(kernel, runs=options.runs, samples=20)[4:],
                options.runs / 20,
            ),
            f"{options.reruns} re-runs of a panel's cell": (
                run_the_cell_again(kernel, reruns=options.reruns, samples=20)[4:],
                options.reruns / 20,
            ),
            f"{options.panels} panels in one cell, run 10 times": (
                many_panels(kernel, panels=options.panels, times=10)[2:],
                options.panels,
            ),
        }
    finally:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)
    failures = {}
    for title, (counted, per_sample) in parts.items():
        report(title, counted, per_sample)
        failures |= {f"{title}: {name}": column for name, column in not_flat(counted).items()}
    for what, column in failures.items():
        print(f"NOT FLAT, {what}: {column}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
