"""Refuse a bad value at once, by field, value and range."""

import math
import numbers
import os
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

LARGEST_FLOAT = 1e30  # fits into a float32 with much to spare
LARGEST = 2**63 - 1  # of whole numbers: what torch takes for a seed, and a file gives back
SHOWN_LETTERS = 60  # of a value, in a message


def check_number(field: str, value: Any, interval: str, inside: Callable[[float], bool]) -> float:
    """Return a value as the float that is computed with, which must lie inside the interval.

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite, above LARGEST_FLOAT, or outside.
    """
    wanted = f"{field} must be a finite number in {interval}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{wanted}; got {shown(value)}, which is a {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not inside(number):
        raise ValueError(f"{wanted}; got {shown(value)}")
    if abs(number) > LARGEST_FLOAT:
        raise ValueError(f"{wanted}, and not above {LARGEST_FLOAT:g}; got {shown(value)}")
    return number


def check_whole(field: str, value: Any, *, low: int, high: int | None = None, why: str = "") -> int:
    """Return a value as an int, which must lie from low to high, both included.

    Args:
        high: None: LARGEST.
        why: What follows the range in a message.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is outside.
    """
    too_large = isinstance(value, numbers.Integral) and value > LARGEST
    open_ended = high is None and not too_large
    high = LARGEST if high is None else high
    span = f"{low} or more" if open_ended else f"from {low} to {high:,}"
    wanted = f"{field} must be a whole number, {span}{why}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{wanted}; got {shown(value)}, which is a {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{wanted}; got {shown(value)}")
    return int(value)


def check_choice(field: str, value: Any, choices: Iterable[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{field} must be one of {', '.join(choices)}; got {shown(value)}")


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and where it is long, its beginning."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # whatever its class does; Python itself writes no int of 4,300 digits
        return f"one that cannot be shown ({type(value).__name__})"
    if len(text) <= SHOWN_LETTERS:
        return text
    return f"{text[:SHOWN_LETTERS]}... ({len(text):,} letters)"


def suspect_other_packages() -> None:
    """Let a command that cannot be loaded say in words, not by a traceback, what may be why.

    That is so where PYTHONPATH is set: it puts packages of another Python, say, before our own.
    """
    folders = os.environ.get("PYTHONPATH")

    def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        is_loaded = hasattr(sys.modules.get("tutorial_lib.cli"), "main")
        if not folders or is_loaded or not issubclass(kind, Exception):
            sys.__excepthook__(kind, error, trace)
            return
        print(
            f"problem  The tutorial cannot be loaded ({kind.__name__}: {error}).\n"
            f"         PYTHONPATH lets Python look for packages in {folders} first.\n"
            "         Cure: unset PYTHONPATH",
            file=sys.stderr,
        )

    sys.excepthook = say
