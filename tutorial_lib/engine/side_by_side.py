"""Several iterators at once, each a training by itself, told as if they took turns.

They go side by side on a pool of warm processes, one thread each. What is told is the same, and in
the same order, as if they went one after the other here; where they cannot be sent, they do.
"""

import contextlib
import os
import pickle
import shutil
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch

from tutorial_lib.checks import check_whole
from tutorial_lib.engine import pool
from tutorial_lib.engine.entries import (
    AT_WORK,
    END,
    ERROR,
    ITEM,
    LINE,
    PACKED,
    UNKNOWN,
    Entry,
    Order,
    work,
)
from tutorial_lib.engine.packing import pack
from tutorial_lib.engine.session import Stopped, stop_is_asked
from tutorial_lib.hardware import fixed_threads, free_memory, usable_cores, use_threads

Item = TypeVar("Item")
Makers = Sequence[Callable[[], Iterator[Item]]]
WORTH_SECONDS = 8.0  # what takes less in line is over before a cold pool is warm
START_SECONDS = 120.0  # so long a process may take to load torch
LOOK_SECONDS = 0.02  # between two looks whether it is to stop, while an item is waited for
BEAT_SECONDS = 0.1  # between two signs that somebody asks
MOST_LOST = 2  # after so many processes that ended before their time, it goes on here
PROCESS_BYTES = 600 << 20  # of memory, for each process


class SideBySide(Generic[Item]):
    """What several iterators yield; see `side_by_side`."""

    def __init__(
        self, makers: Makers, turn: int | None, seconds: Sequence[float] | None, here: bool
    ) -> None:
        self.at_once = 1  # how many iterators go side by side now
        self._makers, self._turn, self._seconds = tuple(makers), turn, seconds
        self._told = [0] * len(self._makers)  # entries of each
        self._may_share, self._lost = not here, 0
        self._source: _Here | _Workers | None = None
        self._steps = self._tell()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, Item]:
        return next(self._steps)

    def close(self) -> None:
        """End them all, without waiting for the step that each is taking."""
        self._steps.close()
        self._let_go()

    def _tell(self) -> Iterator[tuple[int, Item]]:
        field = deque(range(len(self._makers)))
        try:
            while field:
                number, taken = field.popleft(), 0
                while (entry := self._next_of(number)).kind != END:
                    yield number, entry.value
                    taken += 1
                    if taken == self._turn:
                        field.append(number)
                        break
        finally:
            self._let_go()

    def _next_of(self, number: int) -> Entry:
        """Return the next entry of an iterator, from wherever it goes on."""
        while True:
            if self._source is None:
                self._source = self._new_source()
            try:
                entry = self._source.next_of(number)
                break
            except _Lost as lost:  # what it has told is known, and the rest is made again
                self._let_go()
                pool.end()  # the others end with one of them
                self._lost += 1
                self._may_share = lost.may_go_on and self._lost < MOST_LOST
        self._told[number] += 1
        for words, file in zip(entry.words, (sys.stdout, sys.stderr), strict=True):
            if words:
                print(words, end="", file=file)
        if entry.kind == ERROR:
            raise entry.value
        return entry

    def _new_source(self) -> "_Here | _Workers":
        self.at_once = 1
        size = _processes(len(self._makers)) if self._may_share else 1
        is_long = self._seconds is None or sum(self._seconds) > WORTH_SECONDS
        if size > 1 and (is_long or self._lost or pool.is_warm(size)):
            with contextlib.suppress(TypeError, OSError, RuntimeError):
                shares = _shares(len(self._makers), size, self._seconds)
                workers = _Workers(self._makers, shares, self._turn, self._told)
                self.at_once = size
                return workers
        return _Here(self._makers, self._told)

    def _let_go(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = None


def side_by_side(
    makers: Makers,
    *,
    turn: int | None = None,
    seconds: Sequence[float] | None = None,
    here: bool = False,
) -> SideBySide[Item]:
    """Yield what several iterators yield, so many items of each in turn.

    They go side by side on as many processes as there are cores, each computing with one thread, or
    here, one item at a time and with one thread too, where there is one core, where they cannot be
    sent, or are over before processes have started. What is told is the same. Close it to end
    early; that takes no time.

    Args:
        makers: Each makes an iterator, when its turn comes, in the process that runs it. What they
            yield depends on nothing else, and not on each other.
        turn: How many items, 1 or more; None: all of the first, and then those of the next.
        seconds: That each takes by itself, about. None: many.
        here: Whether they are to go in this process, in any case: they may write to variables, say.

    Yields:
        The maker's number, from 0, and the item.

    Raises:
        Exception: What an iterator raises, in its turn.
    """
    if turn is not None:
        check_whole("turn", turn, low=1)
    return SideBySide(makers, turn, seconds, here)


def warm_up_processes(number: int) -> None:
    """Start the processes on which so many iterators go side by side; returns at once."""
    if (size := _processes(number)) > 1:
        with contextlib.suppress(OSError, RuntimeError):
            pool.warm(size)


def _processes(number: int) -> int:
    """Return on how many processes so many iterators go; 1: in this one."""
    if pool.is_worker or not hasattr(socket, "AF_UNIX"):
        return 1
    return max(1, min(number, usable_cores(), free_memory() // PROCESS_BYTES))


def _shares(number: int, size: int, seconds: Sequence[float] | None) -> list[tuple[int, ...]]:
    """Return which iterators each process runs: the longest first, to whoever has least to do."""
    if seconds is None:
        return [tuple(range(first, number, size)) for first in range(size)]
    shares: list[list[int]] = [[] for _ in range(size)]
    loads = [0.0] * size
    for each in sorted(range(number), key=lambda each: -seconds[each]):
        least = loads.index(min(loads))
        shares[least].append(each)
        loads[least] += seconds[each]
    return [tuple(sorted(share)) for share in shares if share]


class _Lost(Exception):
    """A process has ended before its time, or cannot make what was sent."""

    def __init__(self, *, may_go_on: bool = True) -> None:
        super().__init__()
        self.may_go_on = may_go_on  # whether others may do better


class _Here:
    """Makes entries in this thread, with one thread of torch."""

    def __init__(self, makers: Makers, told: Sequence[int]) -> None:
        self._to_skip = list(told)
        with one_thread():
            self._items = [_made(make) for make in makers]

    def next_of(self, number: int) -> Entry:
        while self._to_skip[number]:
            self._to_skip[number] -= 1
            self._take(number)
            if stop_is_asked():
                raise Stopped
        return self._take(number)

    def close(self) -> None:
        for items in self._items:
            if hasattr(items, "close"):
                items.close()

    def _take(self, number: int) -> Entry:
        with one_thread():
            try:
                return Entry(ITEM, next(self._items[number]))
            except StopIteration:
                return Entry(END)


def _made(make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Return what makes entries, or raises in its turn why there are none."""
    try:
        return iter(make())
    except Exception as error:
        return _raising(error)


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread here."""
    fixed_threads()  # takes note of what the user fixed, before it is another number
    before = torch.get_num_threads()
    use_threads(1)
    try:
        yield
    finally:
        use_threads(before)


class _Workers:
    """Hears entries from processes of the pool, and keeps what comes before its turn."""

    def __init__(
        self,
        makers: Makers,
        shares: Sequence[tuple[int, ...]],
        turn: int | None,
        told: Sequence[int],
    ) -> None:
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="tutorial_lib_"))
        self._server = socket.socket(socket.AF_UNIX)
        self._sockets: dict[int, socket.socket] = {}  # of the processes that have spoken
        self._lines: dict[Connection, int] = {}
        self._shares = shares
        self._entries: list[deque[Entry]] = [deque() for _ in makers]
        self._is_over = [False] * len(makers)  # whether all its entries have been heard
        self._work: list[Future] = []
        self._last_beat = 0.0
        self._deadline = time.monotonic() + START_SECONDS
        try:
            self._server.bind(str(self._folder / LINE))
            self._server.listen(len(shares))
            pack(list(makers), self._folder / PACKED)
            for number, share in enumerate(shares):
                order = Order(share, turn, tuple(told), tuple(sys.path))
                self._work.append(pool.submit(len(shares), work, self._folder, number, order))
        except BaseException:
            self.close()
            raise

    def next_of(self, number: int) -> Entry:
        if os.getpid() != self._owner:  # a child of a fork, that has no part in them
            raise _Lost(may_go_on=False)
        entries = self._entries[number]
        self._beat()
        while not entries:
            if stop_is_asked():
                raise Stopped
            self._listen()
        return entries.popleft()

    def close(self) -> None:
        """Hang up: each process notices when it has something to tell."""
        for each in self._sockets.values():
            if os.getpid() == self._owner:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # copies of it, in children of a fork, too
            each.close()
        for line in self._lines:
            line._handle = None
        self._sockets, self._lines = {}, {}
        self._server.close()
        if os.getpid() == self._owner:
            for each in self._work:
                each.cancel()
            shutil.rmtree(self._folder, ignore_errors=True)
            pool.used()

    def _beat(self) -> None:
        """Say, now and then, that somebody asks, and hear what there is."""
        if (now := time.monotonic()) - self._last_beat < BEAT_SECONDS:
            return
        self._last_beat = now
        for each in self._sockets.values():
            with contextlib.suppress(OSError):
                each.send(AT_WORK, socket.MSG_DONTWAIT)
        self._listen(0)

    def _listen(self, seconds: float = LOOK_SECONDS) -> None:
        self._beat()
        ready = wait([self._server, *self._lines], seconds)
        for each in ready:
            if each is self._server:
                self._accept()
            else:
                self._hear(each)
        if not ready:
            self._look()

    def _accept(self) -> None:
        theirs, _ = self._server.accept()
        line = Connection(theirs.fileno())
        number = line.recv()
        self._sockets[number], self._lines[line] = theirs, number
        self._last_beat = 0.0

    def _hear(self, line: Connection) -> None:
        try:
            entries = pickle.loads(line.recv_bytes())
        except (EOFError, OSError):
            number = self._lines.pop(line)
            line._handle = None
            self._sockets.pop(number).close()
            if not all(self._is_over[each] for each in self._shares[number]):
                raise _Lost from None
            return
        for number, entry in entries:
            if entry.kind == UNKNOWN:
                raise _Lost(may_go_on=False)
            self._entries[number].append(entry)
            self._is_over[number] = entry.kind in (END, ERROR)

    def _look(self) -> None:
        """See that those who have not spoken yet will."""
        late = time.monotonic() > self._deadline
        for number, each in enumerate(self._work):
            silent = number not in self._sockets
            over = all(self._is_over[one] for one in self._shares[number])
            if silent and not over and (late or each.done()):
                raise _Lost(may_go_on=not late)
