"""Warm processes that wait to train: started when they are first needed, ended when they idle."""

import contextlib
import functools
import os
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

IDLE_SECONDS = 60.0  # after so many without work, a process ends
LOOK_SECONDS = 0.2  # between two looks whether the parent is still there
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

_lock = threading.RLock()  # held while the pool is made, asked or ended
_pool: Executor | None = None
_size = 0  # processes of the pool
_started: list[Future] = []  # done, once its processes have loaded torch
_last_used = 0.0  # when work last began or ended there, by the monotonic clock
_is_leaving = False  # whether the interpreter ends, so that nothing new may begin
is_worker = False  # whether this process is one of a pool
folders: set[Path] = set()  # of the work at hand, in a worker: removed if the parent has gone


class PoolEnded(RuntimeError):
    """There is no pool any more, nor will there be one."""


def submit(size: int, work: Callable[..., None], *arguments: Any) -> Future:
    """Let one of so many processes do a piece of work; returns at once.

    Raises:
        PoolEnded: The interpreter ends.
        OSError, RuntimeError: No process can be started.
    """
    global _last_used
    with _lock, _interrupts_blocked():
        _last_used = time.monotonic()
        try:
            return _ready(size).submit(work, *arguments)
        except BrokenProcessPool:  # one was killed while it waited
            end()
            return _ready(size).submit(work, *arguments)


def warm(size: int) -> None:
    """Start so many processes, as far as they have not, and let them stay; returns at once."""
    with _lock:
        if _pool is not None and _size >= size and not _are_young():  # they may have ended
            _start()
        _ready(size)
        used()


def has_started() -> bool:
    """Say whether there are processes, warm or not."""
    return _pool is not None


def is_warm(size: int) -> bool:
    """Say whether so many processes wait that have loaded torch."""
    with _lock:
        loaded = all(each.done() and not each.exception() for each in _started)
        return _pool is not None and _size >= size and loaded and _are_young()


def _are_young() -> bool:
    """Say whether processes that had something to do have not idled until their end."""
    return time.monotonic() - _last_used < IDLE_SECONDS - 5


def _start() -> None:
    """Let all processes of the pool start that have not, or have ended."""
    with _interrupts_blocked():
        _started[:] = [_pool.submit(_started_up) for _ in range(_size)]


def wait_until_warm(size: int, seconds: float = 120.0) -> bool:
    """Start so many processes and wait for them; say whether they are there."""
    warm(size)
    with _lock:
        started = list(_started)
    deadline = time.monotonic() + seconds
    for each in started:
        each.exception(max(0.0, deadline - time.monotonic()))
    return is_warm(size)


def used() -> None:
    """Take note that work has ended: until they have idled for a minute, processes stay."""
    global _last_used
    with _lock:
        _last_used = time.monotonic()


def end() -> None:
    """End the processes, whatever they do, without waiting for them."""
    global _pool, _size
    with _lock:
        pool, _pool, _size = _pool, None, 0
        _started.clear()
    if pool is not None:
        pool.shutdown(wait=False, kill_workers=True)


def _ready(size: int) -> Executor:
    """Return a pool of at least so many processes, which start if there is none."""
    global _pool, _size, _last_used
    if _is_leaving:
        raise PoolEnded("the interpreter ends")
    if _pool is not None and _size < size:
        end()
    if _pool is None:
        _pool, _size, _last_used = _new_pool(size), size, time.monotonic()
        _start()
        _leave_at_exit()
    return _pool


def _new_pool(size: int) -> Executor:
    from loky import ProcessPoolExecutor  # a sixth of a second, for those who need it

    return ProcessPoolExecutor(
        size,
        timeout=IDLE_SECONDS,
        initializer=_begin_as_worker,
        initargs=(os.getpid(),),
        env=ONE_THREAD,
    )


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let processes that start within be deaf to an interrupt of the terminal, from the first."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- in a worker ----


def _begin_as_worker(parent: int) -> None:
    """Get ready to train, and end when the parent has gone, however that ends."""
    global is_worker
    from tutorial_lib.engine.drive import warm_up

    is_worker = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up(torch.device("cpu"))
    torch.set_num_threads(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    for folder in tuple(folders):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _started_up() -> None:
    """Do nothing: who does it has loaded torch."""


# ---- the ends of a process, and its children ----


@functools.cache  # once in a process
def _leave_at_exit() -> None:
    """See that a process ends whatever its workers do: what is asked for last is done first.

    Loky asks, when it first starts, to wait until all work has been done.
    """
    threading._register_atexit(_leave)


def _leave() -> None:
    global _is_leaving
    _is_leaving = True
    end()


def _forget() -> None:
    """Let a child of a fork have no part in the pool."""
    global _lock, _pool, _size
    _lock, _pool, _size = threading.RLock(), None, 0
    _started.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
