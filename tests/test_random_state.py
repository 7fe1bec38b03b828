"""The global random states are lent to one at a time, and given back as they were."""

import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_lib import LeNet5, random_state
from tutorial_lib.engine import session
from tutorial_lib.interrupts import is_held_here
from tutorial_lib.models import draws_at_random
from tutorial_lib.random_state import (
    RANDOM_STATE,
    call_seeded,
    random_states,
    seed_of_step,
    seeded,
)

CPU = torch.device("cpu")


def draw() -> list[float]:
    return [torch.rand(()).item(), float(np.random.rand()), random.random(), random.gauss(0, 1)]


def test_what_is_drawn_depends_on_the_seed_and_disturbs_nobody():
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = [draw(), draw()]
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    found = [draw()]
    within = []
    for seed in (3, 3, 4):
        with seeded(seed):
            within.append([draw(), draw()])
            np.random.seed(0), random.seed(0)
    found.append(draw())
    assert found == expected
    assert within[0] == within[1] != within[2]


def test_the_second_of_two_normal_numbers_is_not_lost():
    np.random.seed(0), random.seed(0)
    expected = [np.random.randn(), random.gauss(0, 1), np.random.randn(), random.gauss(0, 1)]
    np.random.seed(0), random.seed(0)
    found = [np.random.randn(), random.gauss(0, 1)]
    with seeded(5):
        np.random.randn(), random.gauss(0, 1)
    assert [*found, np.random.randn(), random.gauss(0, 1)] == expected


def test_a_seed_within_a_seed_is_given_back_too():
    def twice():
        with seeded(5):
            first = torch.rand(2), random.random()
            with seeded(6):
                draw()
            return *first, torch.rand(2), random.random()

    assert str(twice()) == str(twice())


def test_after_an_exception_the_states_are_as_before():
    before = torch.get_rng_state().tolist(), random.getstate(), np.random.get_bit_generator()
    with pytest.raises(ValueError, match="mine"), seeded(1):
        raise ValueError("mine")
    after = torch.get_rng_state().tolist(), random.getstate(), np.random.get_bit_generator()
    assert after == before


def test_the_seed_of_a_step_is_what_it_always_was():
    expected = [int(np.random.default_rng((7, step, 1)).integers(2**63)) for step in range(200)]
    assert [seed_of_step(7, step) for step in range(200)] == expected


@pytest.mark.parametrize(
    ("part", "draws"),
    [
        (nn.Dropout(0.5), True),
        (nn.Dropout(0.5).eval(), False),
        (nn.RReLU(), True),
        (nn.LSTM(8, 8, 2, dropout=0.5), True),
        (nn.LSTM(8, 8, 2), False),
        (nn.Linear(8, 8), False),
    ],
)
def test_a_network_that_draws_is_known(part, draws):
    before = torch.get_rng_state()
    assert draws_at_random(part, -torch.ones(2, 8)) == draws
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_somebody_draws_is_not_locked_out():
    over = threading.Event()

    def draw_on():
        while not over.is_set():
            with seeded(1):
                torch.rand(100_000)
            over.wait(1e-4)

    drawing = threading.Thread(target=draw_on)
    drawing.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # or else it would wait for ever
                LeNet5(seed=1)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        over.set()
        drawing.join()
    assert RANDOM_STATE.acquire(timeout=20)
    RANDOM_STATE.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(random_state, "FORK_SECONDS", 0.01)
    held, over = threading.Event(), threading.Event()

    def hold_on():
        with seeded(1):
            held.set()
            over.wait()

    holding = threading.Thread(target=hold_on)
    holding.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        LeNet5(seed=1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not is_held_here(RANDOM_STATE)
    over.set()
    holding.join()
    assert code == 0


class InterruptedOnceTaken:
    """A lock that an interrupt hits right after it was taken, before a line knows of it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def acquire(self, **options: float) -> bool:
        self._lock.acquire(**options)
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> object:
        return getattr(self._lock, name)

    def is_free(self) -> bool:
        with ThreadPoolExecutor(1) as other:
            return other.submit(self._lock.acquire, blocking=False).result()


def test_an_interrupt_right_after_the_lock_is_taken_leaves_it_free(monkeypatch):
    lock = InterruptedOnceTaken()
    monkeypatch.setattr(random_state, "RANDOM_STATE", lock)
    before = random_states(CPU)
    with pytest.raises(KeyboardInterrupt):
        call_seeded(lambda: None, 1, CPU)
    assert lock.is_free()
    assert random_states(CPU) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("module", "name"), [(random_state, "RANDOM_STATE"), (session, "_at_work")]
)
def test_an_interrupt_while_a_process_forks_leaves_the_lock_free(monkeypatch, module, name):
    lock = InterruptedOnceTaken()
    monkeypatch.setattr(module, name, lock)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert lock.is_free()


def test_within_a_block_that_is_seeded_the_lock_stays_held():
    with seeded(1):
        call_seeded(lambda: None, 2, CPU)
        assert is_held_here(RANDOM_STATE)
    assert not is_held_here(RANDOM_STATE)
