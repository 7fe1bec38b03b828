"""An end for what a learner's function does without one."""

import _thread
import contextlib
import signal
import threading
from collections.abc import Iterator

LIMIT_SECONDS = 60.0  # many times what any answer takes on a slow machine


class TookTooLong(Exception):
    """What ran within a deadline was ended by it."""


@contextlib.contextmanager
def deadline(seconds: float = LIMIT_SECONDS) -> Iterator[None]:
    """Interrupt what runs within after so many seconds, as the kernel's interrupt would.

    An interrupt that comes from elsewhere stays one. Only the main thread can be interrupted; in
    another one there is no deadline.

    Raises:
        TookTooLong: It was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    lock, state = threading.Lock(), "running"

    def end() -> None:
        nonlocal state
        with lock:
            if state == "running":
                state = "interrupted"
                _interrupt_main_thread()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
        with lock:  # from here on nothing is interrupted; what was, raises before the next line
            state = state.replace("running", "over")
    except KeyboardInterrupt:
        if state != "interrupted":
            raise
        raise TookTooLong(f"it has not ended after {seconds:g} s") from None
    finally:
        timer.cancel()


def _interrupt_main_thread() -> None:
    """Raise KeyboardInterrupt in the main thread, even if it waits for something."""
    if hasattr(signal, "pthread_kill"):  # not on Windows
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()
