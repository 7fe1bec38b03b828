"""What does a class need of one server: memory, steps a second, and how long Stop takes?

    TUTORIAL_DATA_DIR=... python benchmarks/classroom.py [--kernels 1 4 8 16] [--seconds 8]

Starts so many real kernels, as JupyterHub would. All train LeNet on the sample at once: first each
with one thread, told by OMP_NUM_THREADS=1, then each with as many as it has measured to be fastest
while the others begin. Each holds the full MNIST, too, where it is on disk: memory-mapped, so that
all of them share it. Memory is PSS, which counts a page that N processes share as 1/N for each.
Stop is timed from here, so the way to the kernel and back is in it. Linux only.
"""

import argparse
import collections
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_kernel

SETUP = """
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
from tutorial_lib.data import DataUnavailable
from tutorial_lib.panels import TrainingPanel  # what every notebook loads
data = load_digits("sample", device="cpu")
try:
    mnist = load_digits("mnist", device="cpu")
    sum(image.sum() for image in mnist.train.images[::8])  # so that its pages are there
except DataUnavailable:
    mnist = None
run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=10_000))
next(run)
session = Session(run)
"""
PATIENCE = 600  # seconds
HEADER = (
    "| kernels | threads of each | PSS of a kernel, MB | in all, GB | steps a second of a kernel "
    "| in all | Stop, ms (median, longest) |"
)


class Found(NamedTuple):
    """What a class of a certain size needed, one number for each kernel."""

    megabytes: list[float]
    steps_a_second: list[float]
    stop_milliseconds: list[float]
    threads: list[float]


def main() -> None:
    """Measure classes of several sizes, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=8.0, help="that all train together")
    options = parser.parse_args()
    os.environ["TUTORIAL_OFFLINE"] = "1"
    print(f"{HEADER}\n|---|---|---|---|---|---|---|", flush=True)
    for number in options.kernels:
        for is_told in (True, False):
            found = measure(number, options.seconds, is_told=is_told)
            print(row(number, found, is_told=is_told), flush=True)


def measure(number: int, seconds: float, *, is_told: bool) -> Found:
    """Let so many kernels train together for so long.

    Args:
        is_told: Whether OMP_NUM_THREADS=1 holds for each.
    """
    env = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    env |= {"OMP_NUM_THREADS": "1"} if is_told else {}
    kernels = [start_new_kernel(kernel_name="python3", env=env) for _ in range(number)]
    try:
        with ThreadPoolExecutor(number) as pool:
            list(pool.map(lambda kernel: execute(kernel[1], SETUP), kernels))
        for _, client in kernels:
            execute(client, "session.start()")
        time.sleep(1)  # all of them train
        before = [counted(client) for _, client in kernels]
        time.sleep(seconds)
        after = [counted(client) for _, client in kernels]
        threads = [value(client, "run.threads") for _, client in kernels]
        megabytes = [pss(manager) for manager, _ in kernels]
        stops = [1000 * seconds_to_stop(client) for _, client in kernels]
    finally:
        for manager, client in kernels:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    pairs = zip(before, after, strict=True)
    speeds = [(steps - first) / (end - start) for (first, start), (steps, end) in pairs]
    return Found(megabytes, speeds, stops, threads)


def execute(client: BlockingKernelClient, code: str, **options: Any) -> dict[str, Any]:
    """Run a cell to its end and return the reply."""
    content = client.execute_interactive(
        code, timeout=PATIENCE, output_hook=lambda message: None, **options
    )["content"]
    if content["status"] != "ok":
        raise RuntimeError("\n".join(content["traceback"]))
    return content


def value(client: BlockingKernelClient, expression: str) -> float:
    """Return what an expression is worth in the kernel."""
    reply = execute(client, "", silent=True, user_expressions={"value": f"float({expression})"})
    return float(reply["user_expressions"]["value"]["data"]["text/plain"])


def counted(client: BlockingKernelClient) -> tuple[float, float]:
    """Return how many steps a kernel has taken, and when that was."""
    return value(client, "run.step_number"), time.perf_counter()


def seconds_to_stop(client: BlockingKernelClient) -> float:
    """Stop a kernel's training, while the others go on."""
    start = time.perf_counter()
    execute(client, "session.stop(); session.wait()")
    return time.perf_counter() - start


def pss(manager: KernelManager) -> float:
    """Return the proportional set size of a kernel, in MB."""
    lines = Path(f"/proc/{manager.provisioner.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def row(number: int, found: Found, *, is_told: bool) -> str:
    """Return a line of the table."""

    def both(numbers: Sequence[float]) -> str:
        return f"{statistics.median(numbers):.0f}, {max(numbers):.0f}"

    counts = collections.Counter(map(int, found.threads))
    threads = ", ".join(f"{count} (of {times})" for count, times in sorted(counts.items()))
    return (
        f"| {number} | {'told: 1' if is_told else f'measured: {threads}'} "
        f"| {statistics.median(found.megabytes):.0f} "
        f"| {sum(found.megabytes) / 1000:.1f} | {statistics.median(found.steps_a_second):.0f} "
        f"| {sum(found.steps_a_second):.0f} | {both(found.stop_milliseconds)} |"
    )


if __name__ == "__main__":
    main()
