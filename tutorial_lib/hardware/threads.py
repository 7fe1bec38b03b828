"""How many threads share a step: what a user has fixed, or else what is measured to be fastest.

More threads are not always faster. Those of a step wait for each other many times, so a core that
another program keeps busy holds up all of them: beside one, two threads on two cores take two to
three times as long as a single one. With nothing beside it they take two thirds. That is not to be
known beforehand, so it is measured.
"""

import functools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch
import torch.nn.functional as F

from tutorial_lib.hardware.forks import on_forked_thread
from tutorial_lib.hardware.freed_memory import keep_freed_memory
from tutorial_lib.hardware.kept_threads import keep_threads, kept_threads
from tutorial_lib.models import LeNet5
from tutorial_lib.random_state import seeded

GAIN = 0.95  # more threads have to take this share of the seconds at most, or they do not pay
STAY = 0.9  # a number in use gives way to one that takes this share of its seconds at most
STAY_FROM_BEFORE = 0.95  # and one that an earlier process used, at another hour, to such a one
FRESH_SECONDS = 20.0  # for so long what was measured is not measured again
LEAST_SECONDS = 0.04  # that are measured of each number, and
LEAST_STEPS = 4
LONG_SECONDS = 0.25  # of a step: one is enough
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # by which a user fixes the number
USUAL = "LeNet, batch 32"
USUAL_BATCH = 32


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """With how many threads to compute."""

    count: int
    why: str  # in words


def usable_cores() -> int:
    """Return how many cores this process may use.

    In a container torch counts those of the host; what counts is the CPU affinity and the quota.
    """
    import joblib  # its cpu_count knows both, on every platform

    return joblib.cpu_count()


# ---- the number that torch computes with: each thread of a process has one of its own ----


class _Set(threading.local):
    count: int | None = None  # what was set here last, in this thread


def _of_torch() -> set[int]:
    """Return the numbers that torch may begin with by itself."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {os.cpu_count(), affinity, psutil.cpu_count(logical=False)} - {None}


_set = _Set()
_last_set: int | None = None  # in any thread: of that, MKL's number is
_were_set: set[int] = set()  # in any thread: a new one begins with the last of them
_by_variable = torch.get_num_threads()  # what one of VARIABLES says, if there is one
_by_hand: int | None = None  # what a learner set
_told = False  # whether torch.set_num_threads was called by anybody else


_set_in_torch = torch.set_num_threads


@functools.wraps(_set_in_torch)
def _set_by_hand(count: int) -> None:
    """Do as torch.set_num_threads does, and know of it: what a user says wins."""
    global _by_hand, _last_set, _told
    _set_in_torch(count)
    _told = True
    _by_hand = _set.count = count
    _last_set = None  # so runs in other threads see it at their next step


torch.set_num_threads = _set_by_hand  # else a number that is in force already could not be fixed


def use_threads(count: int) -> None:
    """Let torch compute with so many threads, from this thread; in a forked one, alone."""
    global _last_set
    count = 1 if on_forked_thread() else count
    _set_in_torch(count)
    _set.count = _last_set = count
    _were_set.add(count)


def is_in_force(count: int) -> bool:
    """Say whether `use_threads` has set this number here, and nobody another one since.

    It is asked before each step: to set a number anew costs a small network a fortieth of it.
    """
    return torch.get_num_threads() == _set.count == _last_set == count


def fixed_threads() -> int | None:
    """Return the number that the user has fixed; None if the choice is free.

    It is fixed by OMP_NUM_THREADS, or by a call of torch.set_num_threads; one before this module
    was imported is known if it said another number than torch begins with. The answer is the same
    in every thread, whatever was set in it before.
    """
    global _by_hand
    is_variable = any(map(os.environ.get, VARIABLES))
    there = torch.get_num_threads()
    of_torch = {_by_variable} if is_variable else _of_torch()
    ours = of_torch | _were_set if _set.count is None else {_set.count}
    if there not in ours:
        _by_hand = _set.count = there
    return _by_variable if _by_hand is None and is_variable else _by_hand


def _begin_as_child() -> None:
    global _by_variable
    _set.count = _by_variable = 1  # the thread that forked computes alone, and others as it does


if hasattr(os, "register_at_fork"):  # after that of `forks`, which sets it
    os.register_at_fork(after_in_child=_begin_as_child)


# ---- the choice ----


def choose_threads(
    what: str, step: Callable[[], object], *, cores: int | None = None
) -> ThreadChoice:
    """Return with how many threads steps go fastest, now; torch then has that number here.

    It is the same number as before for twenty seconds, and after them too, unless another one is
    clearly faster: the same training gives the same bits as long as the machine is as it was. The
    number is kept for later processes.

    Args:
        what: Of what kind the steps are: those of one kind share what is measured.
        step: Takes one; it is called a few times where nothing is known, or nothing new.
        cores: As many threads, at most; None: those that may be used.
    """
    if (fixed := _fixed_choice()) is not None:
        return fixed
    cores = usable_cores() if cores is None else cores
    if cores == 1 or on_forked_thread():
        use_threads(1)
        return ThreadChoice(1, "there is one core" if cores == 1 else "in a child of a fork")
    if (known := _known.get(what)) and time.monotonic() - known[1] < FRESH_SECONDS:
        use_threads(known[0].count)
        return known[0]
    kept = known[0].count if known else kept_threads(what)
    before = torch.get_num_threads()
    try:
        step()  # loads what has to be loaded
        count, seconds = fastest_count(
            lambda count: _seconds(step, count),
            cores,
            kept=kept,
            stay=STAY if known else STAY_FROM_BEFORE,
        )
    except BaseException:
        use_threads(before)
        raise
    use_threads(count)
    times = ", ".join(
        f"{1000 * each:.3g} ms with {number}" for number, each in sorted(seconds.items())
    )
    why = f"measured: a step takes {times}"
    if kept not in (None, count):
        why += f"; until now it was {kept}, so last digits may differ from earlier runs"
    choice = ThreadChoice(count, why)
    _known[what] = choice, time.monotonic()
    if kept != count:
        keep_threads(what, count)
    return choice


def _fixed_choice() -> ThreadChoice | None:
    if (count := fixed_threads()) is None:
        return None
    says = [name for name in VARIABLES if os.environ.get(name) == str(count)]
    by = f"{says[0]} says" if says and not _told else "torch.set_num_threads was told"
    return ThreadChoice(count, f"as {by}")


def fastest_count(
    seconds_of: Callable[[int], float], cores: int, *, kept: int | None = None, stay: float = STAY
) -> tuple[int, dict[int, float]]:
    """Return which number of threads is fastest, and the seconds of those that were tried.

    The number is doubled for as long as that gains a twentieth of the time: what gains less keeps
    cores from others, and waits for them.

    Args:
        seconds_of: Measures a step with so many threads.
        cores: As many, at most; 1 or more.
        kept: The number in use until now, if there is one. It stays unless another is clearly
            faster,
        stay: That is, takes so much of its seconds at most, twice.
    """
    best, seconds = 1, {1: seconds_of(1)}
    while best < cores:
        more = min(2 * best, cores)
        seconds[more] = seconds_of(more)
        if seconds[more] > GAIN * seconds[best]:
            break
        best = more
    if kept and kept != best and kept <= cores:
        if kept not in seconds:
            seconds[kept] = seconds_of(kept)
        if seconds[best] <= stay * seconds[kept]:  # once more: it may have been a single stall
            seconds |= {count: seconds_of(count) for count in (kept, best)}
        if seconds[best] > stay * seconds[kept]:
            best = kept
    return best, seconds


_known: dict[str, tuple[ThreadChoice, float]] = {}  # what -> the choice, and when it was measured


def _seconds(step: Callable[[], object], count: int) -> float:
    """Return what a step takes with so many threads: the mean, for a stall is what counts."""
    use_threads(count)
    start = time.perf_counter()
    step()  # starts the threads
    if (first := time.perf_counter() - start) > LONG_SECONDS:
        return first
    num_steps, start = 0, time.perf_counter()
    while num_steps < LEAST_STEPS or time.perf_counter() - start < LEAST_SECONDS:
        step()
        num_steps += 1
    return (time.perf_counter() - start) / num_steps


def use_usual_threads() -> ThreadChoice:
    """Let torch compute here with as many threads as suit a LeNet, and return their number.

    That is for what a learner computes by hand, too; a run then asks for its own network. To
    measure it takes a tenth of a second.
    """
    keep_freed_memory()
    with torch.inference_mode(False), torch.enable_grad(), seeded(0):
        return choose_threads(USUAL, lambda: _usual_step()())


@functools.cache
def _usual_step() -> Callable[[], None]:
    """Return what takes a step, but for the update, of a LeNet of 32 digits."""
    model = LeNet5().to("cpu", torch.float32)
    images = torch.randn(USUAL_BATCH, 1, 32, 32, device="cpu", dtype=torch.float32)
    labels = torch.arange(USUAL_BATCH, device="cpu") % 10

    def step() -> None:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()

    return step
