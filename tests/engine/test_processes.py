"""Several processes together take the steps that one process takes."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tutorial_lib import Diverged, Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.engine.processes import ProcessesEnded, ProcessesRun

SETTINGS = Hyperparameters(epochs=1)
# With momentum 0.9 a change of a weight in its last digit grows to 0.6 of loss in a hundred steps;
# so slow a descent leaves it where it is.
CALM = Hyperparameters(epochs=1, optimizer="sgd", learning_rate=0.05)


@pytest.fixture
def start(sample):
    """Start a run on several processes; it ends with the test."""
    runs = []

    def start(processes=2, settings=SETTINGS):
        run = ProcessesRun(LeNet5(), sample, settings, processes=processes)
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.close()


class Pair(NamedTuple):
    """A run on one process, the same on several, and the gap between their losses at each step."""

    alone: TrainingRun
    together: ProcessesRun
    gaps: list[float]


@pytest.fixture(scope="module", params=[2, 4])
def hundred_steps(request, sample):
    """Return a pair of runs after a hundred steps, with two knobs turned on the way."""
    alone = TrainingRun(LeNet5(), sample, CALM)
    together = ProcessesRun(LeNet5(), sample, CALM, processes=request.param)
    gaps = []
    for step in range(100):
        if step == 50:  # 33 images cannot be shared evenly
            alone.adjust(batch_size=33, learning_rate=0.02)
            together.adjust(batch_size=33, learning_rate=0.02)
        gaps.append(abs(next(alone).loss - next(together).loss))
    yield Pair(alone, together, gaps)
    together.close()


def test_a_hundred_steps_agree_with_those_of_one_process(hundred_steps):
    alone, together, gaps = hundred_steps
    print(f"{together.processes} processes: largest difference of a loss {max(gaps):.1e}")
    assert max(gaps) < 1e-4
    assert largest_difference(alone, together) < 1e-4
    assert together.changes == alone.changes


def test_divergence_ends_all_and_leaves_the_last_good_weights(hundred_steps):
    run = hundred_steps.together
    run.adjust(learning_rate=1e4)
    with pytest.raises(Diverged, match="learning rate 10000"):
        list(run)
    assert run._ranks is None
    assert all(torch.isfinite(weight).all() for weight in run.model.parameters())


def largest_difference(one, other):
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def test_all_ranks_hold_the_same_bits():
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=3"]
    command = [*torchrun, Path(__file__).with_name("ranks_agree.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "3 of 3 ranks agree after 60 steps\n"


def test_one_process_takes_the_very_same_steps_and_ends_with_its_run(sample):
    alone = TrainingRun(LeNet5(), sample, SETTINGS)
    run = ProcessesRun(LeNet5(), sample, SETTINGS, processes=1)
    assert [next(run).loss for _ in range(6)] == [next(alone).loss for _ in range(6)]
    torchrun = run._ranks._torchrun
    del run  # forgotten, not closed
    assert torchrun.wait(10) is not None


def ranks_of(run):
    """Return the process ids of the ranks: torchrun's children."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(run._ranks._torchrun.pid)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(line) for line in listed.stdout.split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes with Linux's ps")
def test_a_killed_process_ends_all_and_the_run_goes_on_from_what_was_fetched(sample, start):
    alone, run = TrainingRun(LeNet5(), sample, SETTINGS), start(2)
    list(islice(alone, 6))
    run.load_state_dict(alone.state_dict())  # begun by one process
    list(islice(run, 3))
    run.state_dict()  # brings the weights of step 9 here
    list(islice(run, 2))
    torchrun, ranks = run._ranks._torchrun, ranks_of(run)
    assert len(ranks) == 2
    os.kill(max(ranks), signal.SIGKILL)
    killed = time.perf_counter()
    with pytest.raises(ProcessesEnded, match="a process of the run has ended"):
        list(run)
    torchrun.wait(10)
    print(f"all had ended {time.perf_counter() - killed:.1f} s after one was killed")
    assert not any(alive(pid) for pid in ranks)
    assert run.step_number == 9
    list(islice(run, 5))  # by new processes
    list(islice(alone, 8))
    losses = [record.loss for record in alone.history]
    assert [record.loss for record in run.history] == pytest.approx(losses, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"processes": 0}, "processes must be a whole number, 1 or more; got 0"),
        ({"processes": 9, "settings": SETTINGS.replace(batch_size=8)}, "batch_size must be"),
    ],
)
def test_bad_values_are_refused_before_anything_starts(start, options, words):
    with pytest.raises(ValueError, match=words):
        start(**options)


def test_data_that_the_processes_could_not_load_are_refused(few):
    with pytest.raises(ValueError, match="data must come from load_digits"):
        ProcessesRun(LeNet5(), few, SETTINGS)


def test_a_model_that_cannot_be_sent_is_refused(sample):
    class Local(LeNet5):
        pass

    with pytest.raises(TypeError, match="cannot be sent to another process"):
        ProcessesRun(Local(), sample, SETTINGS)
