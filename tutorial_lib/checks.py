"""Refuse a bad value at once, by field, value and range."""

import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any


def check_number(field: str, value: Any, interval: str, inside: Callable[[Any], bool]) -> None:
    """Refuse a value that is not a finite number inside the interval."""
    wanted = f"{field} must be a finite number in {interval}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{wanted}; got {value!r}, which is a {type(value).__name__}")
    if not math.isfinite(value) or not inside(value):
        raise ValueError(f"{wanted}; got {value!r}")


def check_whole(
    field: str, value: Any, *, low: int, high: int | None = None, why: str = ""
) -> None:
    """Refuse a value that is not a whole number from low to high, both included."""
    span = f"{low} or more" if high is None else f"from {low} to {high:,}"
    wanted = f"{field} must be a whole number, {span}{why}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{wanted}; got {value!r}, which is a {type(value).__name__}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{wanted}; got {value!r}")


def check_choice(field: str, value: Any, choices: Iterable[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{field} must be one of {', '.join(choices)}; got {value!r}")
