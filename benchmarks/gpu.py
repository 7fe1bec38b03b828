"""What does a GPU make of LeNet: the ten epochs, single steps and bursts, the panel, graphs?

    TUTORIAL_DATA_DIR=... python benchmarks/gpu.py [--device cuda] [--pairs 7] [--epochs 10]

Steps are measured in turn, in pairs, against steps taken one by one on the same device, each of
which waits for its loss. "bursts" is how the panel and the command line drive a GPU. A CUDA graph
and torch.compile are candidates: they are measured, and so is how far their losses are from the
plain ones; nothing in the library uses them. On a CPU it runs, too, to see that it does.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

import torch
from live_panel import measure as measure_panel
from machine import equal_threads
from pairs import CONTROL, Row, compare, row, skipped, stepping
from report import cells

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, evaluate, load_digits
from tutorial_lib.checks import check_whole
from tutorial_lib.data import Data
from tutorial_lib.engine.drive import in_bursts, iterate_for_device
from tutorial_lib.hardware import choose_device

ENDLESS = 1_000_000  # epochs
BATCH = 32
COMPARED = 50  # steps whose losses are compared
NewRun = Callable[[], TrainingRun]


def main() -> None:
    """Measure, and print a line a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=500, help="of each turn")
    parser.add_argument("--epochs", type=int, default=10, help="of the run on all of MNIST")
    options = parser.parse_args()
    for name in ("pairs", "steps", "epochs"):
        check_whole(name, getattr(options, name), low=1)
    device = choose_device(options.device)
    with equal_threads() as threads:
        print(f"{name_of(device)}, torch {torch.__version__}, {threads} threads")
        for found in rows(device, options.pairs, options.steps, options.epochs):
            print(cells(found).replace("**", ""), flush=True)


def name_of(device: torch.device) -> str:
    """Return what the device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def rows(device: torch.device, pairs: int, steps: int, epochs: int) -> Iterator[Row]:
    """Yield what is found, a row at a time."""
    data = load_digits("sample", device=device)
    yield from step_rows(data, pairs=pairs, steps=steps)
    yield from panel_rows(pairs, epochs)
    yield from whole_run(device, epochs)


def step_rows(data: Data, *, pairs: int, steps: int) -> Iterator[Row]:
    """Yield the seconds of each way to take steps, in ratio to one by one, and what differs."""

    def plain() -> TrainingRun:
        return new_run(LeNet5(), data)

    def compiled() -> TrainingRun:
        return new_run(torch.compile(LeNet5()), data)

    def graphed() -> TrainingRun:
        model = LeNet5().to(data.device)
        example = data.train.images[:BATCH].clone().requires_grad_(False)
        return new_run(torch.cuda.make_graphed_callables(model, (example,)), data)

    made: dict[str, NewRun] = {"bursts": plain, "torch.compile, bursts": compiled}
    if data.device.type == "cuda":
        made["CUDA graph of forward and backward, bursts"] = graphed
    ways, notes = {}, {}
    for name, make in made.items():
        try:
            gap = largest_gap(make(), plain())
        except Exception as error:  # a candidate that does not run here is no reason to stop
            yield skipped(name, f"{type(error).__name__}: {error}".splitlines()[0])
            continue
        notes[name] = f"{COMPARED} losses differ by {gap:.0e} at most"
        ways[name] = stepping(in_bursts(make()), steps)
    ratios = compare(ways, lambda: stepping(plain(), steps), pairs=pairs)
    control = ratios.pop(CONTROL)
    for name, values in ratios.items():
        yield row(f"{name}, against one by one", values, note=notes[name])
    yield row(CONTROL, control)
    once = stepping(in_bursts(plain()), steps)
    yield row("steps a second in bursts", [steps / once() for _ in range(pairs)], unit="")


def new_run(model: torch.nn.Module, data: Data) -> TrainingRun:
    """Return a run without end."""
    return TrainingRun(model, data, Hyperparameters(epochs=ENDLESS, batch_size=BATCH))


def largest_gap(one: TrainingRun, other: TrainingRun) -> float:
    """Return how far the losses of two runs part."""
    pairs = itertools.islice(zip(one, other, strict=True), COMPARED)
    return max(abs(a.loss - b.loss) for a, b in pairs)


def panel_rows(pairs: int, epochs: int) -> Iterator[Row]:
    """Yield what the live panel leaves of the steps a second."""
    found = measure_panel(pairs=pairs, epochs=epochs)
    yield row("steps a second with the panel drawing", found.panels, at_least=0.93)
    yield row(f"panel, {CONTROL}", found.controls)


def whole_run(device: torch.device, epochs: int) -> Iterator[Row]:
    """Yield the seconds of the original's run, and its accuracy."""
    data = load_digits("auto", device=device)
    run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=epochs))
    start = time.perf_counter()
    for _ in iterate_for_device(run):
        pass
    seconds = time.perf_counter() - start
    yield row(f"{epochs} epochs of {data.name}", [seconds], unit="s")
    yield row("their accuracy", [evaluate(run.model, data.test).accuracy], unit="")


if __name__ == "__main__":
    main()
