"""A test process, and processes that tests start, in which nobody has fixed the number of threads.

Else the tests fix it, by OMP_NUM_THREADS=1.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tutorial_lib.hardware import threads

PATIENCE = 120  # seconds
# Nets of 1,500 numbers wide are where the number of threads decides the last digits.
BEGIN = """
import itertools, json, os, sys, threading
import torch
from torch import nn
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, checkpoint, evaluate
from tutorial_lib import load_digits, script_of
data = load_digits("sample", "cpu")
def wide():
    torch.manual_seed(0)
    sizes = [nn.Linear(1024, 1500), nn.ReLU(), nn.Linear(1500, 1500), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *sizes, nn.Linear(1500, 10))
def new_run(model=None, *, batch_size=256, epochs=100, threads=None):
    settings = Hyperparameters(batch_size=batch_size, epochs=epochs)
    run = TrainingRun(model or wide(), data, settings)
    if threads is not None:
        run.use_threads(threads)
    return run
def losses(run, count):
    return [record.loss for record in itertools.islice(run, count)]
"""


@contextlib.contextmanager
def nothing_fixed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Let nobody have fixed the number in this process, and nothing be known of it.

    Args:
        folder: Where numbers are kept meanwhile.
    """
    before = torch.get_num_threads()
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(folder))
    monkeypatch.setattr(threads, "_known", {})
    monkeypatch.setattr(threads, "_by_hand", None)
    monkeypatch.setattr(threads, "_told", False)
    threads.use_threads(1)
    try:
        yield
    finally:
        threads.use_threads(before)


def told_by(
    code: str, folder: Path, *, prefix: tuple[str, ...] = (), begin: str = BEGIN, **variables: str
) -> Any:
    """Return what a script prints last, as JSON; it ends at once, not as Python does in a second.

    Args:
        folder: Where it keeps numbers, and is.
        prefix: What its command begins with.
        begin: What comes before its code.
        variables: Of its environment.
    """
    begin = f"import os, sys\n{begin}"
    clean = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", f"{begin}{code}\nsys.stdout.flush(), os._exit(0)"],
        env=clean | {"TUTORIAL_DATA_DIR": str(folder)} | variables,
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class SimulatedMachine:
    """Stands in for the clock: each step takes what it costs with torch's number of threads now.

    Args:
        cost: Seconds of a step with so many threads.
    """

    def __init__(self, cost: Callable[[int], float]) -> None:
        self.cost, self.now, self.num_steps = cost, 0.0, 0

    def step(self) -> None:
        self.num_steps += 1
        self.now += self.cost(torch.get_num_threads())

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter
