"""Several processes together take the steps that one process takes."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch

from tutorial_lib import Diverged, Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.processes import ProcessesEnded, ProcessesRun

SETTINGS = Hyperparameters(epochs=1)
# With momentum 0.9 a change of a weight in its last digit grows to 0.6 of loss in a hundred steps;
# so slow a descent leaves it where it is.
CALM = Hyperparameters(epochs=1, optimizer="sgd", learning_rate=0.05)


@pytest.fixture
def start(sample):
    """Start a run on several processes; it ends with the test."""
    runs = []

    def start(processes=2, settings=SETTINGS, **options):
        run = ProcessesRun(LeNet5(**options), sample, settings, processes=processes)
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.close()


def largest_difference(one, other):
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize("processes", [2, 4])
def test_a_hundred_steps_agree_with_those_of_one_process(sample, start, processes):
    alone, together = TrainingRun(LeNet5(), sample, CALM), start(processes, CALM)
    gaps = []
    for step in range(100):
        if step == 50:  # 33 images cannot be shared evenly
            alone.adjust(batch_size=33, learning_rate=0.02)
            together.adjust(batch_size=33, learning_rate=0.02)
        gaps.append(abs(next(alone).loss - next(together).loss))
    print(f"{processes} processes: largest difference of a loss {max(gaps):.1e}")
    assert max(gaps) < 1e-4
    assert largest_difference(alone, together) < 1e-4
    assert together.changes == alone.changes


def test_all_ranks_hold_the_same_bits():
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=3"]
    command = [*torchrun, Path(__file__).with_name("ranks_agree.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "3 of 3 ranks agree after 60 steps\n"


def test_a_run_goes_on_with_another_number_of_processes(sample, start):
    alone, first, second = TrainingRun(LeNet5(), sample, SETTINGS), start(1), start(2)
    losses = [record.loss for record in islice(alone, 12)]
    assert [record.loss for record in islice(first, 6)] == losses[
        :6
    ]  # of one process: the very same
    second.load_state_dict(first.state_dict())
    list(islice(second, 6))
    assert [record.loss for record in second.history] == pytest.approx(losses, abs=1e-5)


def test_divergence_ends_all_and_leaves_the_last_good_weights(start):
    run = start(2, SETTINGS.replace(learning_rate=1e4, optimizer="sgd"))
    with pytest.raises(Diverged, match="learning rate 10000"):
        list(run)
    assert run._ranks is None
    assert all(torch.isfinite(weight).all() for weight in run.model.parameters())


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
    losses = [record.loss for record in islice(alone, 8)]
    list(islice(run, 3))
    run.state_dict()  # brings the weights of step 3 here
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
    assert run.step_number == 3
    list(islice(run, 5))  # by new processes
    assert [record.loss for record in run.history] == pytest.approx(losses, abs=1e-5)


def test_who_forgets_the_run_ends_its_processes(sample):
    run = ProcessesRun(LeNet5(), sample, SETTINGS, processes=1)
    next(run)
    torchrun = run._ranks._torchrun
    del run
    assert torchrun.wait(10) is not None


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
