"""Several processes together take the steps that one process takes.

With `TUTORIAL_THOROUGH` set, four do so, too.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import torch

from tutorial_lib import Diverged, Hyperparameters, LeNet5, Session, TrainingRun
from tutorial_lib.engine import ranks
from tutorial_lib.engine.processes import ProcessesEnded, ProcessesRun

SETTINGS = Hyperparameters(epochs=1)
# With momentum 0.9 a change of a weight in its last digit grows to 0.6 of loss in a hundred steps;
# so slow a descent leaves it where it is.
CALM = Hyperparameters(epochs=1, optimizer="sgd", learning_rate=0.05)
THOROUGH = "TUTORIAL_THOROUGH" in os.environ
pytestmark = pytest.mark.usefixtures("warm_ranks")
needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")


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


@pytest.fixture(scope="module", params=[2, 4] if THOROUGH else [2])
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


def test_all_ranks_hold_the_same_bits(warm_python):
    script = Path(__file__).with_name("ranks_agree.py")
    with warm_python.torchrun("--nproc-per-node=3", script) as torchrun:
        out, error = torchrun.communicate()
    assert torchrun.returncode == 0, error
    assert out == "3 of 3 ranks agree after 60 steps\n"


def processes_of(run):
    return run._ranks._processes


@needs_signals
def test_a_killed_process_is_named_and_the_run_goes_on_from_what_was_fetched(sample, start):
    alone, run = TrainingRun(LeNet5(), sample, SETTINGS), start(2)
    list(islice(alone, 6))
    run.load_state_dict(alone.state_dict())  # begun by one process
    for rank, step in ((1, 9), (0, 12)):
        list(islice(run, 3))  # by new processes
        run.state_dict()  # brings the weights here
        list(islice(run, 2))
        processes = processes_of(run)
        processes[rank].kill()
        killed = time.perf_counter()
        words = (
            rf"^process {rank + 1} of 2 was ended by signal 9 \(SIGKILL\); "
            f"the run stands at step {step}, where its weights were last brought here$"
        )
        with pytest.raises(ProcessesEnded, match=words):
            list(run)
        print(f"said {time.perf_counter() - killed:.1f} s after process {rank + 1} was killed")
        assert all(process.poll() is not None for process in processes)
        assert run.step_number == step
    list(islice(alone, 6))
    losses = [record.loss for record in alone.history]
    assert [record.loss for record in run.history] == pytest.approx(losses, abs=1e-5)


@needs_signals
def test_a_stopped_process_is_named_and_all_end(sample, start, monkeypatch):
    monkeypatch.setattr(ranks, "STOPPED_SECONDS", 1.0)
    run = start(2)
    next(run)
    processes = processes_of(run)
    processes[1].send_signal(signal.SIGSTOP)
    words = r"^process 2 of 2 has been stopped by a signal \(as SIGSTOP\) for 1 seconds; "
    with pytest.raises(ProcessesEnded, match=f"{words}the run stands at step 0, "):
        Session(run).start().wait(60)
    assert all(process.poll() is not None for process in processes)


@needs_signals
def test_one_process_takes_the_very_same_steps_however_slow_and_ends_with_its_run(
    sample, monkeypatch
):
    """Its third step is longer than a process may stand still here."""

    def slow_step(run, inputs, targets):
        run.optimizer.zero_grad()
        loss = run.loss_function(run.model(inputs), targets)
        loss.backward()
        run.optimizer.step()
        time.sleep(1.5 if run.step_number == 2 else 0)  # the step that is waited for
        return loss

    monkeypatch.setattr(ranks, "STOPPED_SECONDS", 1.0)
    alone = TrainingRun(LeNet5(), sample, SETTINGS)
    run = ProcessesRun(LeNet5(), sample, SETTINGS, processes=1, update=slow_step)
    assert [next(run).loss for _ in range(5)] == [next(alone).loss for _ in range(5)]
    processes = processes_of(run)
    for process in processes:  # it stands still for a moment
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
    assert next(run).loss == next(alone).loss
    del run  # forgotten, not closed
    assert [process.wait(10) for process in processes] == [0]


def test_an_error_in_a_process_is_told_with_its_words(sample):
    def failing_step(run, inputs, targets):
        raise ValueError(f"no {len(inputs)} images, please")

    run = ProcessesRun(LeNet5(), sample, SETTINGS, processes=2, update=failing_step)
    with pytest.raises(ProcessesEnded, match=r"of 2 ended with ValueError: no 16 images, please"):
        next(run)
    assert run.step_number == 0


WORDS = (b"", b"\0\0\0", b"GET / HTTP/1.0\r\n\r\n", b"x" * 999)


def pester(over, spoken_to, pids):
    """Connect to every port on which this process listens, a child or one of these, and stay."""
    with contextlib.ExitStack() as connections:
        while not over.wait(0.1):
            here = psutil.Process()
            others = [psutil.Process(pid) for pid in list(pids) if psutil.pid_exists(pid)]
            for process in (here, *here.children(recursive=True), *others):
                with contextlib.suppress(psutil.Error):
                    ports = [
                        c.laddr for c in process.net_connections("tcp") if c.status == "LISTEN"
                    ]
                    for address in ports:
                        spoken_to.append(process.pid)
                        for words in WORDS:
                            with contextlib.suppress(OSError):
                                line = socket.create_connection(address, timeout=1)
                                connections.enter_context(line)
                                line.sendall(words)


@needs_signals
def test_strangers_at_their_ports_hold_nothing_up_and_closing_ends_what_was_stopped(
    start, warm_python
):
    over, spoken_to = threading.Event(), []
    strangers = threading.Thread(target=pester, args=(over, spoken_to, warm_python.pids))
    strangers.start()
    try:
        run = start(2)
        list(islice(run, 5))
        pids = {process.pid for process in processes_of(run)}
    finally:
        over.set()
        strangers.join()
    print(f"strangers came {len(spoken_to) * len(WORDS)} times")
    assert set(spoken_to) == pids  # at the ports of gloo, which are the only ones
    assert run.step_number == 5

    run.state_dict()
    processes = processes_of(run)
    processes[0].send_signal(signal.SIGSTOP)
    run.close()
    assert all(process.poll() is not None for process in processes)
    assert run.step_number == 5


PARENT = """
import os, signal
from tutorial_lib import Hyperparameters, LeNet5, ProcessesRun, load_digits
run = ProcessesRun(LeNet5(), load_digits("sample", "cpu"), Hyperparameters(), processes=2)
next(run)
print(*(process.pid for process in run._ranks._processes), flush=True)
os.kill(run._ranks._processes[1].pid, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_signals
def test_the_processes_do_not_outlive_a_killed_parent():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
    assert (parent.returncode, len(pids)) == (-signal.SIGKILL, 2)
    os.kill(pids[1], signal.SIGCONT)  # nothing but a SIGKILL reaches one that stands still
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], 15)
    assert alive == []


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


class Locked(LeNet5):
    def __reduce__(self):
        raise TypeError("it holds an open file")


def test_a_model_that_cannot_be_sent_is_refused(sample):
    words = "the model cannot be sent to another process: it holds an open file"
    with pytest.raises(TypeError, match=words):
        ProcessesRun(Locked(), sample, SETTINGS)
