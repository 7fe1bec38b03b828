"""The global random states of torch, numpy and Python, which all threads share: lent to one."""

import contextlib
import functools
import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from tutorial_lib.interrupts import is_held_here, let_go

RANDOM_STATE = (
    threading.RLock()
)  # held by whoever seeds the global generators, until they are as before
FORK_SECONDS = 5.0  # so long a fork waits for whoever holds it
_FOR_NUMPY = np.random.MT19937(0)  # numpy draws from it while it is seeded here
_BLOCK = 64  # steps
Result = TypeVar("Result")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Let what is drawn within depend on the seed alone; then all random states are as before.

    The global generators of torch, numpy and Python are seeded. Threads that seed wait for each
    other. Within, a second seed may be set.

    Args:
        seed: 0 to 2**63 - 1.
        device: Whose generator is seeded besides the CPU's.
    """
    device = torch.device(device)
    with RANDOM_STATE:
        before = _states(device)
        try:
            seed_all(seed, device)
            yield
        finally:
            _give_back(before, device)


def call_seeded(action: Callable[[], Result], seed: int, device: torch.device) -> Result:
    """Return what an action returns that is called as within `seeded`.

    Wherever an exception cuts it short, an interrupt say, the random states are given back. One
    may come when the lock is taken and no line here knows it yet: so the lock itself is asked.
    """
    is_outermost, before = not is_held_here(RANDOM_STATE), None
    try:
        try:
            if is_outermost:
                RANDOM_STATE.acquire()
            before = _states(device)
            seed_all(seed, device)
            return action()
        finally:
            _leave(is_outermost, before, device)
    except BaseException:
        _leave(is_outermost, before, device)  # the first time may have been cut short
        raise


def _leave(is_outermost: bool, before: tuple[Any, ...] | None, device: torch.device) -> None:
    if before is not None and is_held_here(RANDOM_STATE):
        _give_back(before, device)
    if is_outermost:
        let_go(RANDOM_STATE)


def _states(device: torch.device) -> tuple[Any, ...]:
    """Return the states that `_give_back` takes: torch's, the device's, Python's and numpy's."""
    of_torch = torch.default_generator.get_state()
    of_device = None if device.type == "cpu" else _module(device).get_rng_state(*_index(device))
    # numpy forgets the second one of two normal numbers when it is given another generator.
    of_numpy = np.random.get_bit_generator(), np.random.get_state(legacy=False)
    return of_torch, of_device, random.getstate(), of_numpy


def seed_all(seed: int, device: torch.device) -> None:
    """Seed the global generators of torch, numpy and Python, for good.

    That is for processes of our own alone; elsewhere a learner's generators are given back.
    """
    torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every device, and is slow
    if device.type == "mps":
        torch.mps.manual_seed(seed)
    elif device.type != "cpu":
        with _module(device).device(device):  # it seeds the one that is current
            _module(device).manual_seed(seed)
    random.seed(seed)
    np.random.set_bit_generator(_FOR_NUMPY)
    np.random.seed(seed % 2**32)  # it takes no more bits


def _give_back(states: tuple[Any, ...], device: torch.device) -> None:
    of_torch, of_device, of_python, of_numpy = states
    torch.default_generator.set_state(of_torch)
    if of_device is not None:
        _module(device).set_rng_state(of_device, *_index(device))
    random.setstate(of_python)
    generator, state = of_numpy
    np.random.set_bit_generator(generator)
    if state["has_gauss"]:
        np.random.set_state(state)


def _index(device: torch.device) -> tuple[torch.device, ...]:
    """Return what names a device to its module: there is one mps alone, and it has no name."""
    return () if device.type == "mps" else (device,)


def _module(device: torch.device) -> Any:
    return getattr(torch, device.type)


def seed_of_step(seed: int, step: int) -> int:
    """Return what a run of this seed seeds the generators with for step number `step`, from 0."""
    return _seeds_of_block(seed, step // _BLOCK)[step % _BLOCK]


@functools.lru_cache(maxsize=8)
def _seeds_of_block(seed: int, block: int) -> list[int]:
    """Return the seeds of many steps at once: one by one, each would take ten times as long."""
    steps = range(_BLOCK * block, _BLOCK * (block + 1))
    return [int(np.random.default_rng((seed, step, 1)).integers(2**63)) for step in steps]


def random_states(device: torch.device) -> tuple[Any, ...]:
    """Return the states of all global generators, the device's among them, to be compared."""
    of_torch, of_device, of_python, of_numpy = _states(device)
    tensors = [state.tolist() for state in (of_torch, of_device) if state is not None]
    with np.printoptions(threshold=1_000_000):  # every number of its key
        return tensors, of_python, str(of_numpy[1])


# ---- a child process has the lock free, and the states as they are then ----

_forking = threading.local()  # .had_it: whether the thread that forks held the lock before


def _before_fork() -> None:
    _forking.had_it = is_held_here(RANDOM_STATE)
    if not _forking.had_it:
        RANDOM_STATE.acquire(timeout=FORK_SECONDS)


def _after_fork() -> None:
    if not _forking.had_it:
        let_go(RANDOM_STATE)


def _after_fork_in_child() -> None:
    if not is_held_here(RANDOM_STATE):
        RANDOM_STATE._at_fork_reinit()  # its holder is not here
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )
