"""How much of its speed does a run keep while the panel draws it?

    python benchmarks/live_panel.py [--pairs 7] [--epochs 10]

Real kernel, no browser beside it. The same run of LeNet on the sample is timed with nobody looking
and on a panel, in turn; each pair gives a ratio of steps a second. A control pairs nobody with
nobody.
"""

import argparse
import statistics
import subprocess
import time
from typing import NamedTuple

from jupyter_client.manager import start_new_kernel

SETUP = """
import threading, time
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
settings = Hyperparameters(epochs={epochs}, batch_size={batch_size})
panel = TrainingPanel(data, settings=settings)
done = []
refreshes = 0
drawing = 0.0  # seconds
refresh = TrainingPanel.refresh
def counting(self):
    global refreshes, drawing
    start = time.perf_counter()
    refresh(self)
    drawing += time.perf_counter() - start
    refreshes += 1
TrainingPanel.refresh = counting

def time_it(session, start):
    def wait():
        session.wait()
        done.append(time.perf_counter() - start)
    threading.Thread(target=wait).start()

def alone():
    start = time.perf_counter()
    run = TrainingRun(LeNet5(), data, settings)
    time_it(Session(with_accuracy(run, data.held_out)).start(), start)

def on_the_panel():
    start = time.perf_counter()
    panel.clear()
    panel.train()
    time_it(panel._session, start)
"""


class Found(NamedTuple):
    """What the pairs gave: one number for each of them, and how often was drawn in all."""

    panels: list[float]  # steps a second with the panel, by those without
    controls: list[float]
    shares: list[float]  # of the run's time, spent refreshing the panel
    refreshes: int
    threads: int


def main() -> None:
    """Time the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    found = measure(pairs=arguments.pairs, epochs=arguments.epochs)
    print(f"threads: {found.threads}")
    print(f"refreshes in all: {found.refreshes}")
    for name, ratios in (("panel drawing", found.panels), ("control", found.controls)):
        print(
            f"{name}: median {statistics.median(ratios):.3f} of the steps a second "
            f"({min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs)"
        )
    print(f"share of the time spent drawing: {statistics.median(found.shares):.3f}")


def measure(*, pairs: int, epochs: int, batch_size: int = 32) -> Found:
    """Time the runs in a kernel of their own."""
    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    try:
        execute(client, SETUP.format(epochs=epochs, batch_size=batch_size))
        for way in ("alone()", "on_the_panel()"):
            seconds(client, way)  # to warm up
        panels, controls, shares = [], [], []
        for number in range(pairs):
            execute(client, "drawing = 0.0")
            if number % 2:  # who begins takes turns
                watched, alone = seconds(client, "on_the_panel()"), seconds(client, "alone()")
            else:
                alone, watched = seconds(client, "alone()"), seconds(client, "on_the_panel()")
            panels.append(alone / watched)
            shares.append(float(value(client, "drawing")) / watched)
            controls.append(alone / seconds(client, "alone()"))
        threads = int(value(client, "__import__('torch').get_num_threads()"))
        return Found(panels, controls, shares, int(value(client, "refreshes")), threads)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def seconds(client, call: str) -> float:
    """Return how long a run took, while the kernel's main loop was free."""
    execute(client, "done.clear(); " + call)
    while value(client, "len(done)") == "0":
        time.sleep(0.5)
    time.sleep(0.5)  # let the last frame go
    return float(value(client, "done[0]"))


def execute(client, code: str) -> None:
    """Run code in the kernel."""
    reply = client.execute_interactive(code, timeout=300, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"]["traceback"]))


def value(client, expression: str) -> str:
    """Return an expression's value, as text."""
    reply = client.execute_interactive(
        "",
        silent=True,
        timeout=300,
        user_expressions={"value": expression},
        output_hook=lambda message: None,
    )
    return reply["content"]["user_expressions"]["value"]["data"]["text/plain"]


if __name__ == "__main__":
    main()
