"""Whatever asks a program to end: Ctrl-C, SIGTERM, a closed terminal, a reader that has gone."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self, TextIO

BROKEN_PIPE = 13  # SIGPIPE, which Python turns into errors, and Windows has not
ENDING = [  # Windows has no SIGHUP
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Ended(KeyboardInterrupt):
    """The program was asked to end, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Within its block, what asks the program to end raises `Ended`, or waits where it must.

    Args:
        patient: Whether a second one waits, too, while things are held; else it raises.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.number = 0  # of the first signal that came, 0 for none
        self._silent: list[TextIO] = []  # streams that nobody reads
        self._patient, self._holds = patient, 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _heeded():
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a first signal wait within; whoever holds looks at `number` when it can."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def ask(self, number: int) -> None:
        """Ask to end, as the signal of this number does."""
        is_first, self.number = not self.number, self.number or number
        if number == BROKEN_PIPE and not is_first:
            return  # it is on its way out
        if not self._holds or not (is_first or self._patient):
            raise Ended(number)

    def say(self, line: str) -> None:
        """Print a line at once; where that cannot be written any more, it asks to end."""
        if not self._print(line, sys.stdout):
            self._print(line, sys.stderr)
            self.ask(BROKEN_PIPE)

    def warn(self, line: str) -> None:
        """Print a line on the way of errors; where that cannot be written, it asks to end."""
        if not self._print(line, sys.stderr):
            self.ask(BROKEN_PIPE)

    def _print(self, line: str, stream: TextIO | None) -> bool:
        """Print a line above the progress bar, if there is one; return whether it was written."""
        from tqdm import tqdm

        if stream in self._silent:
            return False
        try:
            with tqdm.external_write_mode(file=stream):
                print(line, file=stream, flush=True)
        except OSError as error:
            silence(stream)
            self._silent.append(stream)
            if not isinstance(error, BrokenPipeError):
                self._print(f"What is printed cannot be written: {error.strerror}.", sys.stderr)
            return False
        return True

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.ask(number)


def exit_at_once() -> None:
    """Let the program end without a word while it is still being loaded: nothing can be lost."""
    for number in _heeded():
        signal.signal(number, lambda number, _: os._exit(128 + number))


def ignore() -> None:
    """Let another process decide when this one ends."""
    for number in _heeded():
        signal.signal(number, signal.SIG_IGN)


def silence(stream: TextIO) -> None:
    """Let what is still written to a stream whose reader has gone be lost, without an error."""
    with contextlib.suppress(OSError, ValueError):  # it may be no file of the system's
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def is_held_here(lock: threading.RLock) -> bool:
    """Say whether this thread holds the lock: what threading.Condition asks of it, too.

    An interrupt may come when a lock is taken and no line of Python knows it yet. So it is the
    lock that tells whether it has to be given back, not what a line has noted.
    """
    return lock._is_owned()


def let_go(lock: threading.RLock) -> None:
    """Release the lock as often as this thread has taken it, if it has."""
    while is_held_here(lock):
        lock.release()


def _heeded() -> list[int]:
    """Return the signals that act here: what nohup has switched off stays off."""
    if threading.current_thread() is not threading.main_thread():
        return []  # only the main thread is told
    is_off = {number: signal.getsignal(number) == signal.SIG_IGN for number in ENDING}
    return [number for number in ENDING if number == signal.SIGINT or not is_off[number]]
