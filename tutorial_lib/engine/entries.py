"""What iterators do in a process of the pool, told to the one that started it, bit by bit."""

import contextlib
import io
import pickle
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle

from tutorial_lib.engine import pool
from tutorial_lib.engine.packing import unpack

FLUSH_SECONDS = 0.03  # entries are told together that were made within these
LEASE_SECONDS = 0.5  # so long it goes on when nobody asks
LINE, PACKED = "line", "packed"  # files in the folder of a call: a socket, and what is to be done
AT_WORK = b"!"  # what is heard from whoever asks, many times a second
ITEM, END, ERROR, UNKNOWN = "item", "end", "error", "unknown"


class Entry(NamedTuple):
    """What an iterator did when it was asked for its next item."""

    kind: str  # ITEM, END, ERROR, or UNKNOWN: what was sent cannot be made here
    value: Any = None  # the item, or the exception
    words: tuple[str, str] = ("", "")  # that were written meanwhile, as output and as errors


class Order(NamedTuple):
    """What one process has to do."""

    numbers: tuple[int, ...]  # of the makers whose iterators are its own
    turn: int | None
    told: tuple[int, ...]  # of each maker, how many entries are known already
    path: tuple[str, ...]  # where modules are looked for


def work(folder: Path, number: int, order: Order) -> None:
    """Iterate, so many items of each in turn, until all have ended or nobody asks any more.

    Args:
        folder: Where LINE and PACKED are.
        number: Says on the line who speaks.
    """
    pool.folders.add(folder)
    try:
        with _Line(folder / LINE, number) as line:
            sys.path[:] = order.path
            try:
                makers: Sequence[Callable[[], Iterator[Any]]] = unpack(folder / PACKED)
            except Exception as error:  # whatever a learner's object does
                line.tell(order.numbers[0], Entry(UNKNOWN, str(error)))
                return
            for each, entry in _entries(makers, order):
                line.tell(each, entry)
    except (EOFError, OSError):  # hung up
        pass
    finally:
        pool.folders.discard(folder)


def _entries(makers: Sequence[Callable[[], Iterator[Any]]], order: Order) -> Iterator[Any]:
    """Yield a maker's number and an entry, except those that are known."""
    field = deque((number, entries_of(makers[number])) for number in order.numbers)
    left = list(order.told)
    while field:
        number, entries = field.popleft()
        for taken, entry in enumerate(entries, 1):
            if left[number]:
                left[number] -= 1
            else:
                yield number, entry
            if taken == order.turn and entry.kind == ITEM:
                field.append((number, entries))
                break


def entries_of(make: Callable[[], Iterator[Any]]) -> Iterator[Entry]:
    """Yield what becomes of an iterator, to its end or its error; what it writes goes along."""
    items = None
    while True:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                items = iter(make()) if items is None else items
                kind, value = ITEM, next(items)
            except StopIteration:
                kind, value = END, None
            except BaseException as error:
                kind, value = ERROR, error
        yield Entry(kind, value, (out.getvalue(), err.getvalue()))
        if kind != ITEM:
            return


class _Line:
    """The line to whoever asks; to tell something raises EOFError or OSError once it hung up."""

    def __init__(self, path: Path, number: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._line = Connection(self._socket.fileno())
        self._waiting: list[tuple[int, Entry]] = []
        self._last_flush = self._last_heard = time.monotonic()
        self._line.send(number)
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._flusher = threading.Thread(target=self._flush_on, name="flush", daemon=True)
        self._flusher.start()

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: Any) -> None:
        self._is_over.set()
        self._flusher.join()
        try:
            with contextlib.suppress(OSError, EOFError):
                self._flush()
        finally:
            self._line._handle = None  # the socket's own
            self._socket.close()

    def tell(self, number: int, entry: Entry) -> None:
        """Tell an entry, soon; wait while nobody asks."""
        with self._lock:
            self._waiting.append((number, entry))
        now = time.monotonic()
        if now - self._last_flush < FLUSH_SECONDS:
            return
        self._flush()
        with contextlib.suppress(BlockingIOError):
            self._hear(socket.MSG_DONTWAIT)
        if now - self._last_heard > LEASE_SECONDS:
            self._hear(0)

    def _hear(self, flags: int) -> None:
        if not self._socket.recv(1 << 12, flags):
            raise EOFError
        self._last_heard = time.monotonic()

    def _flush(self) -> None:
        with self._lock:
            self._last_flush = time.monotonic()
            if self._waiting:
                self._line.send_bytes(_as_bytes(self._waiting))
                self._waiting = []

    def _flush_on(self) -> None:
        """Tell what is waiting while the next step takes its time."""
        with contextlib.suppress(OSError, EOFError):  # the next to tell hears it, too
            while not self._is_over.wait(2 * FLUSH_SECONDS):
                self._flush()


def _as_bytes(entries: list[tuple[int, Entry]]) -> bytes:
    entries = [
        (number, entry._replace(value=_error(entry.value)) if entry.kind == ERROR else entry)
        for number, entry in entries
    ]
    try:
        return pickle.dumps(entries)
    except Exception:  # of a class that a notebook defines
        return cloudpickle.dumps(entries)


def _error(error: BaseException) -> BaseException:
    """Return an exception that can be sent, the same if it can; with its traceback, in words."""
    words = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"\nIt was raised in another process:\n{words}")
        pickle.loads(cloudpickle.dumps(error))
        return error
    except Exception:  # it holds what cannot be sent, or is made of other arguments
        return RuntimeError(f"{type(error).__name__}: {error}")
