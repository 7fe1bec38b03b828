"""One line that says how far something is that takes its time, and how many seconds are left."""

import io
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Self

from tqdm import tqdm

DELAY_SECONDS = 0.5  # what is over sooner shows no line
PAUSE_SECONDS = 0.25  # between two drawings, at least
SMOOTHING = 0.1  # how much the last drawing's pace counts in what is told of the time left
PERCENT = "%"  # the unit of what is counted in parts of different sizes


class Waiting:
    """The line, as long as it is needed; used as a context, it goes at the end.

    In a notebook it is plain text below the cell that waits, in a terminal it stands on the way of
    errors; where nobody looks, in a script whose output goes to a file say, there is none. Of
    several within each other the one that came first is shown. TQDM_DISABLE=1 in the environment
    keeps all away. Only the main thread shows one: others wait for nobody.

    Args:
        unit: What is counted, as "steps", or PERCENT.
        done: How many there are already.
        total: How many there will be, if that is known.
        words: Said in front.
        at_once: Whether it stands there from the start; else it comes after half a second.
        is_quiet: Whether it is not shown at all.
    """

    def __init__(
        self,
        unit: str,
        *,
        done: int = 0,
        total: int | None = None,
        words: str = "",
        at_once: bool = False,
        is_quiet: bool = False,
    ) -> None:
        self._unit, self._words = unit, words
        self._line: Any = None
        self._is_quiet = is_quiet or _is_unwanted() or not _is_first(self)
        if at_once and not self._is_quiet:
            self._line = self._new_line(done, total, delay=0)
        self._waits_for_first = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reach(self, done: int, total: int | None = None) -> None:
        """Say how many are done, of how many; it is drawn a few times a second.

        The time left is judged from the first call on: what came before may have been a start.
        """
        if self._is_quiet:
            return
        if self._line is None:
            self._line = self._new_line(done, total, delay=DELAY_SECONDS)
        elif self._waits_for_first:
            self._line.n = self._line.initial = self._line.last_print_n = done
            self._line.unpause()
        self._waits_for_first = False
        self._line.total = total
        if done != self._line.n:
            self._line.update(done - self._line.n)
        else:
            self._line.wait()

    def close(self) -> None:
        """Take the line away; it does not come back."""
        self._is_quiet = True
        if _open and _open[-1]() is self:
            _open.pop()
        if self._line is not None:
            self._line.close()

    def _new_line(self, done: int, total: int | None, *, delay: float) -> Any:
        new_line = _LineInCell if in_notebook() else _Line
        return new_line(self._unit, self._words, initial=done, total=total, delay=delay)


def in_notebook() -> bool:
    """Say whether what is displayed here goes to a front end, rather than to a terminal."""
    return hasattr(_shell(), "kernel")


def duration_text(seconds: float) -> str:
    """Return a time that is left in words."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def how_far(
    done: int, total: int | None, unit: str, *, started: int = 0, seconds: float = 0.0,
    rate: float | None = None,
) -> str:  # fmt: skip
    """Return the words of the line, as "1,250 of 3,750 steps, 12 s left".

    Args:
        started: How many were done when the line came.
        seconds: That have passed since.
        rate: How many a second; None: as many as have been done since.
    """
    if total is None:
        return f"{done:,} {unit}, {duration_text(seconds)} so far" if done else f"0 {unit}"
    share = f"{done / max(total, 1):.0%} done"
    if unit != PERCENT:
        share = f"{done:,} of {total:,} {unit}"
    rate = rate or ((done - started) / seconds if seconds else 0.0)
    is_told = rate > 0 and done < total
    return f"{share}, {duration_text((total - done) / rate)} left" if is_told else share


# ---- which line is shown, and where ----


_open: list[weakref.ref[Waiting]] = []  # the one that is shown, or may be next


def _is_unwanted() -> bool:
    asked = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return asked or threading.current_thread() is not threading.main_thread()


def _is_first(waiting: Waiting) -> bool:
    """Say whether no other line is there; then this one is."""
    if _open and _open[-1]() is not None:
        return False
    _open[:] = [weakref.ref(waiting)]
    return True


def _close_after_cell(*_: object) -> None:
    """Take away a line that a loop left behind: its iterator may be kept in a variable."""
    if _open and (waiting := _open[-1]()) is not None:
        waiting.close()
    _open.clear()


def _shell() -> Any:
    """Return IPython's shell, if this is one: who has not loaded IPython need not."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


class _Line(tqdm):
    """tqdm's line in our words; of itself it shows on a terminal alone."""

    monitor_interval = 0  # no thread of its own
    _lock = threading.RLock()  # none of several processes either

    waited = 0.0  # seconds since the last one, where none has come

    def __init__(self, unit: str, words: str, **options: Any) -> None:
        self.words = words
        fixed = {"miniters": 0, "mininterval": PAUSE_SECONDS, "smoothing": SMOOTHING}
        looks = {"leave": False, "bar_format": "{how_far}", "dynamic_ncols": True, "unit": unit}
        super().__init__(**{"disable": None} | fixed | looks | options)

    def wait(self) -> None:
        """Draw anew though none has come: how long they take counts such times, too."""
        if self.disable:
            return
        last = self.last_print_t
        self.waited = self._time() - last
        self.update(0)
        self.last_print_t, self.waited = last, 0.0

    @property
    def format_dict(self) -> dict[str, Any]:
        """What a format may name: besides tqdm's own numbers, our words."""
        known = super().format_dict
        rate = known["rate"]
        if rate and self.total and self.waited:  # as long again as the one that is on its way took
            rate = min(rate, (self.total - self.n) / self.waited)
        so_far = {"started": self.initial, "seconds": known["elapsed"], "rate": rate}
        return known | {"how_far": self.words + how_far(self.n, self.total, self.unit, **so_far)}


class _LineInCell(_Line):
    """The same in the output of a cell, as text, which takes on the page's colours."""

    def __init__(self, unit: str, words: str, **options: Any) -> None:
        self._handle: Any = None
        callbacks = _shell().events.callbacks["post_run_cell"]
        if _close_after_cell not in callbacks:
            callbacks.append(_close_after_cell)
        super().__init__(unit, words, disable=False, file=io.StringIO(), **options)

    def status_printer(self, _: object) -> Callable[[str], None]:
        """Return what shows a text in the place of the one before."""
        return self._show

    def _show(self, text: str) -> None:
        from IPython.display import display

        data = {"text/plain": text} if text else {}  # which takes no room on a page
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
