"""Reads a streamed training set in the order of a run, some batches ahead of it."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

from tutorial_lib.data.streamed import Asked, StreamedSplit, Workers

WHOLE = slice(None)  # of a batch
IDLE_SECONDS = 20.0  # a reader that was not asked for so long gives way to one that begins

Batch = tuple[Tensor, Tensor]  # inputs (B, ...), targets (B,) or (B, T)
Key = tuple[int, int, int]  # epoch, first example, size: a batch of a run


class Reader:
    """Hands out the batches of a run, whichever is asked for; it is ready where they follow on.

    Its processes live until `close`, or until this is forgotten; a batch asked for later starts
    them anew. A batch is what (seed, epoch, first example, size) make it, so nothing depends on
    that.

    Args:
        train: What is read.
        seed: Of the run.
        order_of: Called with (N, seed=..., epoch=...), it returns the indices of an epoch (N,).
    """

    def __init__(self, train: StreamedSplit, *, seed: int, order_of: Callable[..., Tensor]) -> None:
        self._train = train
        self._plan = _Plan(len(train), seed, order_of)
        self._kept: dict[Key, tuple[Batch, tuple[int, ...]]] = {}  # until the run is past them
        self._lock = threading.RLock()
        self._workers: Workers | None = None
        self._used = 0.0  # when, last
        _readers.add(self)

    def read(
        self, epoch: int, start: int, size: int, ahead: int = 0, share: slice = WHOLE
    ) -> Batch:
        """Return the batch that lies so many ahead of the one that begins there, or a share of it.

        Raises:
            Unreadable: An example cannot be read, or a process that reads has ended.
        """
        with self._lock:
            if share != self._plan.share:
                self.close()  # what was read ahead is of another share
                self._plan.share = share
            wanted = epoch, start + ahead * size, size
            batch, versions = self._kept.get(wanted, (None, ()))
            if batch is None or versions != _versions(batch):  # the learner's step changed it
                for key in [key for key in self._kept if key[:2] < (epoch, start)]:
                    del self._kept[key]
                batch = self._read(wanted)
                self._kept[wanted] = batch, _versions(batch)
            self._used = time.monotonic()
            return batch

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._end()
            self._kept.clear()

    def _read(self, wanted: Key) -> Batch:
        plan = self._plan
        if not self._train.workers or wanted[1] + wanted[2] > len(self._train):
            return self._train.read(plan.asked(wanted))
        try:
            if self._workers is None:
                _close_idle_readers()
                plan.begin(wanted)
                self._workers = Workers(self._train, plan)
            elif wanted not in plan.on_the_way:
                plan.next = wanted  # what is on the way is read, and left
            while True:
                batch, key = self._workers.next(), plan.on_the_way.popleft()
                if key == wanted:
                    return batch
        except BaseException:  # an interrupt, too: nobody knows what it has cut short
            self._end()
            raise

    def _end(self) -> None:
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def _close_if_idle(self) -> None:
        if time.monotonic() - self._used > IDLE_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _begin_anew(self) -> None:
        """Leave the processes to the one that this process was forked from."""
        if self._workers is not None:
            _of_others.append(self._workers)  # forgotten, it would end them
        self._workers, self._lock = None, threading.RLock()


class _Plan:
    """What the processes are to read: from a batch on all that follow it, from epoch to epoch."""

    def __init__(self, count: int, seed: int, order_of: Callable[..., Tensor]) -> None:
        self._count, self._seed, self._order_of = count, seed, order_of
        self._order: tuple[int, np.ndarray] | None = None  # of the epoch that was asked for last
        self.share = WHOLE  # of each batch, that is read here
        self.begin((0, 0, 1))

    def begin(self, key: Key) -> None:
        """Go on from a batch, with nothing on the way."""
        self.next = key
        self.on_the_way: deque[Key] = deque()  # what was asked for and is not handed out

    def __iter__(self) -> Iterator[Asked]:
        while True:
            epoch, start, size = key = self.next
            asked = self.asked(key)
            self.on_the_way.append(key)
            is_last = start + 2 * size > self._count
            self.next = (epoch + 1, 0, size) if is_last else (epoch, start + size, size)
            yield asked

    def asked(self, key: Key) -> Asked:
        """Return what a batch of the run is: what its draws depend on, and its indices (B,)."""
        epoch, start, size = key
        if self._order is None or self._order[0] != epoch:
            order = self._order_of(self._count, seed=self._seed, epoch=epoch)
            self._order = epoch, order.numpy()
        return (self._seed, epoch, start), self._order[1][start : start + size][self.share].tolist()


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()
_of_others: list[Any] = []


def _versions(batch: Batch) -> tuple[int, ...]:
    """Return what is another one after a change in place."""
    return tuple(tensor._version for tensor in batch)


def _close_idle_readers() -> None:
    """End processes that nobody asks, those of panels that were left behind say."""
    for reader in list(_readers):
        reader._close_if_idle()


def _leave_them_to_the_parent() -> None:
    for reader in list(_readers):
        reader._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_them_to_the_parent)
