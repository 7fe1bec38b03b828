"""Ratios of things measured side by side: interleaved, in pairs, the order rotated.

A way is a callable that does its work and returns the seconds of it. Everything is held against
one way, the base, which is measured again right beside each of the others; a control pairs the
base with itself in the same run, and shows how far a ratio may stray by chance.
"""

import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

Way = Callable[[], float]
CONTROL = "control: the base beside itself"


@dataclass(frozen=True)
class Row:
    """What was measured of one thing: its middle, or what is said instead, and its range."""

    what: str
    value: float | None  # None: it could not be measured, and `note` says why
    low: float | None = None
    high: float | None = None
    count: int = 0
    unit: str = "x"  # "x" is a ratio
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value is within its bar; None where either is missing."""
        if self.value is None or (self.at_most is None and self.at_least is None):
            return None
        high_enough = self.at_least is None or self.value >= self.at_least
        return high_enough and (self.at_most is None or self.value <= self.at_most)


def row(what: str, values: Iterable[float], **fields) -> Row:
    """Return the median, minimum and maximum of some values as a row."""
    values = list(values)
    return Row(what, statistics.median(values), min(values), max(values), len(values), **fields)


def skipped(what: str, why: str) -> Row:
    """Return the row of what could not be measured."""
    return Row(what, None, note=why)


def pair(way: Way, base: Way, *, blocks: int, base_first: bool) -> float:
    """Return the seconds of a way by those of the base: the median of so many blocks in turn."""
    ratios = []
    for block in range(blocks):
        if base_first == (block % 2 == 0):
            below, above = base(), way()
        else:
            above, below = way(), base()
        ratios.append(above / below)
    return statistics.median(ratios)


def compare(
    ways: Mapping[str, Way], new_base: Callable[[], Way], *, pairs: int, blocks: int = 1
) -> dict[str, list[float]]:
    """Return the ratios of each way to the base, and those of the control.

    Args:
        new_base: Makes a base. Each way has one of its own, at the same stage of its training: the
            time of a step depends on the numbers in it.
        pairs: How many ratios of each.
        blocks: How often way and base take turns within one ratio, which is then the median of
            theirs: drifts cancel, and what other programs do in between does not matter.
    """
    ways = {**ways, CONTROL: new_base()}
    bases = {name: new_base() for name in ways}
    for name, way in ways.items():  # to warm up
        way(), bases[name]()
    ratios = {name: [] for name in ways}
    names = deque(ways)
    for number in range(pairs):
        for name in names:
            ratio = pair(ways[name], bases[name], blocks=blocks, base_first=number % 2 == 0)
            ratios[name].append(ratio)
        names.rotate(1)
    return ratios


def stepping(steps: Iterator, count: int) -> Way:
    """Return a way that takes the next so many of an endless iterator's steps."""

    def seconds() -> float:
        start = time.perf_counter()
        deque(itertools.islice(steps, count), maxlen=0)
        return time.perf_counter() - start

    return seconds


def timed(call: Callable[[], object]) -> Way:
    """Return a way that makes the call."""

    def seconds() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return seconds
