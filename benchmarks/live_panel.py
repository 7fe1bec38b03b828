"""How much of its speed does a run keep while the panel draws it?

    python benchmarks/live_panel.py [--pairs 7] [--epochs 10]

Real kernel, no browser beside it. The same run of LeNet on the sample is timed with nobody looking
and on a panel, in turn; each pair gives a ratio of steps a second. A control pairs nobody with
nobody.
"""

import argparse
import statistics
import time

from jupyter_client.manager import start_new_kernel

SETUP = """
import threading, time
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.train import with_accuracy
data = load_digits("sample")
settings = Hyperparameters(epochs={epochs})
panel = TrainingPanel(data, settings=settings)
done = []
frames = 0
draw = TrainingPanel._draw
def counting(self):
    global frames
    frames += 1
    draw(self)
TrainingPanel._draw = counting

def time_it(session, start):
    def wait():
        session.wait()
        done.append(time.perf_counter() - start)
    threading.Thread(target=wait).start()

def alone():
    start = time.perf_counter()
    run = TrainingRun(LeNet5(), data, settings)
    time_it(Session(with_accuracy(run, data.test)).start(), start)

def on_the_panel():
    start = time.perf_counter()
    panel.clear()
    panel.train()
    time_it(panel._session, start)
"""


def main() -> None:
    """Time the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    manager, client = start_new_kernel()
    try:
        execute(client, SETUP.format(epochs=arguments.epochs))
        for way in ("alone()", "on_the_panel()"):
            seconds(client, way)  # to warm up
        panels, controls = [], []
        for _ in range(arguments.pairs):
            alone = seconds(client, "alone()")
            panels.append(alone / seconds(client, "on_the_panel()"))
            controls.append(alone / seconds(client, "alone()"))
        threads = value(client, "__import__('torch').get_num_threads()")
        print(f"threads: {threads}")
        print(f"frames drawn in all: {value(client, 'frames')}")
        for name, ratios in (("panel drawing", panels), ("control", controls)):
            print(
                f"{name}: median {statistics.median(ratios):.3f} of the steps a second "
                f"({min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs)"
            )
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
