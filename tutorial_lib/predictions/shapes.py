"""Where an expected loss curve and a run's differ, in plain numbers and in a sentence.

A curve is points (epoch, loss) from left to right, with lines between them on a logarithmic axis
of losses, as a learner draws it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tutorial_lib.checks import check_number, shown
from tutorial_lib.table import loss_text

MOST_POINTS = 64  # of a curve that is kept
MOST_TAKEN = 1000  # of one that code or the page hands over
LEAST_LOSS, MOST_LOSS = 1e-12, 1e12
LIKE = 1.5  # factor: what is closer counts as met, as a hand cannot draw it better
FALLS = 1.25  # factor: what falls by less stays where it is
RISES = 2.0  # factor over the lowest loss; the noise of a run is less, once it is levelled
WINDOW = 1 / 6  # of the time since the run began: to each side, noise is levelled over so much
FINEST = 200  # of so many parts of a run, a hand can draw none
STANDS = 0.1  # share of the fall, which is over late where a curve first stands still: after
STANDS_SHARE = 0.1  # this share of the run, and
STANDS_OF_HALF = 0.5  # this share of the time that half of the fall takes
APART = 1.26  # factor, in the mean: then two curves that begin and end alike have other shapes
EDGE = 0.05  # share of a run: a curve that begins or ends closer to its ends reaches them
LEAST_SHARE = 0.1  # of a run that is compared
WELL_EXPECTED = "Well expected:"  # begins what is said of a curve that was met
COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class SeenCurve:
    """What a run did."""

    points: Points  # (epoch, smoothed loss)
    epochs: float  # that it planned
    is_diverged: bool = False


@dataclass(frozen=True)
class Shape:
    """What is told of a curve; losses are log10, times in epochs."""

    times: np.ndarray  # (N,)
    losses: np.ndarray  # (N,)
    first: float = field(init=False)
    low: float = field(init=False)
    high: float = field(init=False)
    last: float = field(init=False)
    end: float = field(init=False)  # the mean towards the end

    def __post_init__(self) -> None:
        for name, value in (
            ("first", self.losses[0]),
            ("low", self.losses.min()),
            ("high", self.losses.max()),
            ("last", self.losses[-1]),
            ("end", _means(self.times, self.losses)[-1]),
        ):
            object.__setattr__(self, name, float(value))

    def levelled(self) -> "Shape":
        """Return it without its noise: what falls or rises in a straight line stays as it is."""
        return Shape(self.times, _means(self.times, self.losses))

    @property
    def falls(self) -> bool:
        """Whether it falls at all."""
        return self.first - self.low >= math.log10(FALLS)

    @property
    def rises(self) -> bool:
        """Whether it ends well above its lowest point."""
        return self.last - self.low >= math.log10(RISES)

    @property
    def climbs(self) -> bool:
        """Whether it first climbs well above where it begins, and comes back."""
        return self.high - max(self.first, self.last) >= math.log10(RISES)

    def time_of(self, share: float) -> float:
        """Return when it has fallen this share of its own way down, on the logarithmic axis."""
        level = self.first - share * (self.first - self.low)
        after = int(np.argmax(self.losses <= level))
        if after == 0:
            return float(self.times[0])
        before = after - 1
        way = (self.losses[before] - level) / (self.losses[before] - self.losses[after])
        return float(self.times[before] + way * (self.times[after] - self.times[before]))

    def stands_until(self, epochs: float) -> float:
        """Return until when it first stands still before it falls; 0 if it falls at once."""
        if not self.falls:
            return 0.0
        until = self.time_of(STANDS)
        stands = until >= STANDS_SHARE * epochs and until >= STANDS_OF_HALF * self.time_of(0.5)
        return until if stands else 0.0

    def high_at(self) -> float:
        """Return when it is at its highest."""
        return float(self.times[np.argmax(self.losses)])

    def low_at(self) -> float:
        """Return when it is at its lowest."""
        return float(self.times[np.argmin(self.losses)])


def check_curve(points: Any, epochs: float) -> list[tuple[float, float]]:
    """Return points as pairs of floats.

    Args:
        points: Pairs (epoch, loss) from left to right, each epoch in [0, epochs].

    Raises:
        TypeError: They are no sequence of pairs of numbers.
        ValueError: They are too few or too many, out of order or out of range.
    """
    wanted = f"a curve must be 2 to {MOST_TAKEN:,} points (epoch, loss) from left to right"
    try:
        count = len(points)
    except TypeError:
        raise TypeError(f"{wanted}; got {shown(points)}") from None
    if isinstance(points, str | bytes | dict | set):
        raise TypeError(f"{wanted}; got {shown(points)}")
    if not 2 <= count <= MOST_TAKEN:
        raise ValueError(f"{wanted}; got {count:,}")
    checked: list[tuple[float, float]] = []
    for number, point in enumerate(points, 1):
        try:
            epoch, loss = point
        except (TypeError, ValueError):
            raise TypeError(f"{wanted}; point {number} is {shown(point)}") from None
        epoch = check_number(
            f"the epoch of point {number}", epoch, f"[0, {epochs:g}]", lambda x: 0 <= x <= epochs
        )
        loss = check_number(
            f"the loss of point {number}", loss, f"[{LEAST_LOSS:g}, {MOST_LOSS:g}]", _is_loss
        )
        if checked and epoch <= checked[-1][0]:
            places = f"epoch {epoch:g} comes after {checked[-1][0]:g}"
            raise ValueError(f"{wanted}; at point {number}, {places}")
        checked.append((epoch, loss))
    return checked


def _is_loss(loss: float) -> bool:
    return LEAST_LOSS <= loss <= MOST_LOSS


def thinned(points: Points, most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """Return the points of a curve, at most so many, between which lines come closest to it.

    Args:
        points: Of positive losses.
    """
    if len(points) <= most:
        return [(float(x), float(y)) for x, y in points]
    x, y = (np.array(values, float) for values in zip(*points, strict=True))
    log = np.log10(y)
    kept = [0, len(x) - 1]
    while len(kept) < most:
        distance = np.abs(np.interp(x, x[kept], log[kept]) - log)
        distance[kept] = -1
        kept = sorted([*kept, int(distance.argmax())])
    return [(float(x[at]), float(y[at])) for at in kept]


def factor_text(factor: float) -> str:
    """Return a factor of LIKE or more as words: "ten", "one and a half", "13", "more than 100"."""
    if factor > 100:
        return "more than 100"
    if factor < 1.75:
        return "one and a half"
    whole = round(factor)
    return COUNTS[whole - 2] if whole <= 10 else str(whole)


def epoch_text(epoch: float) -> str:
    """Return a number of epochs with two digits behind its point, or where it is small, three."""
    return f"{epoch:.2f}".rstrip("0").rstrip(".") if epoch >= 0.1 else f"{epoch:.2g}"


def difference_in_words(expected: Points, seen: SeenCurve) -> str:
    """Say where a run differs from what was expected of it.

    Told is, in this order, whether it diverged, first climbs, rises or first stands still where
    that was not expected, or the other way round; when each curve has half of its own fall behind
    it, on the logarithmic axis; where they are towards the end, in the mean over its last sixth;
    and where all this is alike, whether they are apart between.

    Args:
        expected: Two points or more, of positive losses.
    """
    points = [(x, y) for x, y in seen.points if y > 0 and math.isfinite(y)]
    if seen.is_diverged:
        return _of_diverged(expected, points, seen.epochs)
    if len(points) < 2:
        return "The run told no losses above 0, so there is nothing to compare your curve with."
    mine = _reaching(expected, points[0][0], seen.epochs)
    start, end = max(mine[0][0], points[0][0]), min(mine[-1][0], points[-1][0])
    is_stopped = points[-1][0] < (1 - EDGE) * seen.epochs
    if end - start < LEAST_SHARE * seen.epochs:
        if points[-1][0] < mine[-1][0]:
            return (
                f"The run ended at epoch {epoch_text(points[-1][0])} of {epoch_text(seen.epochs)}, "
                "too early to compare it with your curve."
            )
        return "Your curve is too short to compare it with the run."
    mine, its = _on_one_grid(mine, points, start, end)
    raw, its = its, its.levelled()
    is_whole = end >= (1 - EDGE) * seen.epochs
    at_end = "towards the end" if is_whole else f"towards epoch {epoch_text(end)}"
    said = _of_climb(mine, raw, at_end) or _of_shapes(mine, its, seen.epochs, at_end)
    if start > EDGE * seen.epochs:
        said.append(f"This compares from epoch {epoch_text(start)} on, where your curve begins.")
    if is_stopped and end == points[-1][0]:
        whole = epoch_text(seen.epochs)
        said.append(f"This compares what was run: up to epoch {epoch_text(end)} of {whole}.")
    elif not is_whole:
        said.append(f"This compares up to epoch {epoch_text(end)}, where your curve ends.")
    return " ".join(said)


def _of_diverged(expected: Points, points: Points, epochs: float) -> str:
    """Say what was expected of a run that diverged."""
    shape = _shape(expected)
    at = epoch_text(points[-1][0]) if points else "0"
    if shape.rises or shape.last - shape.first >= math.log10(RISES):
        return f"You expected the loss to rise, and it did: the run diverged at epoch {at}."
    return f"You expected the loss {_course(shape)}; the run diverged at epoch {at}."


def _of_climb(mine: Shape, its: Shape, at_end: str) -> list[str]:
    """Return sentences if one of two curves climbs first: then no half of a fall can be told."""
    if not (mine.climbs or its.climbs):
        return []
    my_last, its_last = 10**mine.end, 10**its.end
    level = my_last / its_last
    words = f"{at_end} you expected a loss of {_text(mine.end)}, and the run had {_text(its.end)}"
    if not 1 / LIKE < level < LIKE:
        times = factor_text(max(level, 1 / level))
        words += f": your curve is {times} times too {'high' if level > 1 else 'low'}"
    words = _capital(words + ".")
    if mine.climbs and its.climbs:
        return [
            f"The loss climbed first, as you expected: to {_text(its.high)} at epoch "
            f"{epoch_text(its.high_at())}; you drew {_text(mine.high)} at "
            f"{epoch_text(mine.high_at())}. {words}"
        ]
    one = mine if mine.climbs else its
    climb = f"climb first, to {_text(one.high)} at epoch {epoch_text(one.high_at())}"
    if mine.climbs:
        return [f"Another shape: you expected the loss to {climb}; it did not. {words}"]
    return [f"Another shape: you did not expect the loss to {climb}. {words}"]


def _of_shapes(mine: Shape, its: Shape, epochs: float, at_end: str) -> list[str]:
    """Return sentences about two curves over the same epochs, of which the run's is levelled."""
    my_last, its_last = _text(mine.end), _text(its.last)
    if mine.falls != its.falls:
        return [f"You expected the loss {_course(mine)}; it {_course(its, 'past')}."]
    said = _of_rise(mine, its) + _of_standing(mine, its, epochs)
    finest = epochs / FINEST
    level = 10 ** (mine.end - its.last)
    is_level = 1 / LIKE < level < LIKE
    words = f"{at_end} you expected a loss of {my_last}, and the run had {its_last}: "
    side = "high" if level > 1 else "low"
    too = f"your curve is {factor_text(max(level, 1 / level))} times too {side}."
    if not mine.falls:
        if is_level and not said:
            return [f"{WELL_EXPECTED} the loss {_course(its, 'past')}."]
        return said or [_capital(words + too)]
    my_half, its_half = (max(shape.time_of(0.5), finest) for shape in (mine, its))
    ratio = my_half / its_half
    is_timed = 1 / LIKE < ratio < LIKE
    half = "the first half of the fall"
    if not is_timed:
        side = "later" if ratio > 1 else "earlier"
        said.append(
            f"You expected {half} {factor_text(max(ratio, 1 / ratio))} times {side} than it came: "
            f"by epoch {epoch_text(my_half)}, and it came by {epoch_text(its_half)}."
        )
    if not is_level:
        if is_timed and not said:
            said.append(f"{_capital(half)} came about when you expected it.")
        said.append(_capital(words + too))
    elif not is_timed:
        said.append(f"The loss {at_end}, {its_last}, is about what you expected.")
    return said or [_of_between(mine, its, at_end)]


def _of_rise(mine: Shape, its: Shape) -> list[str]:
    if mine.rises == its.rises:
        return []
    one = mine if mine.rises else its
    rise = (
        f"to rise again, from {_text(one.low)} at epoch {epoch_text(one.low_at())} to "
        f"{_text(one.last)}"
    )
    if mine.rises:
        return [f"Another shape: you expected the loss {rise}; it did not."]
    return [f"Another shape: you did not expect the loss {rise}."]


def _of_standing(mine: Shape, its: Shape, epochs: float) -> list[str]:
    my_end, its_end = (shape.stands_until(epochs) for shape in (mine, its))
    if (my_end > 0) == (its_end > 0):
        return []
    other = (its if my_end else mine).time_of(STANDS)
    if other * LIKE > max(my_end, its_end):  # hardly sooner
        return []
    until = f"until epoch {epoch_text(my_end or its_end)}"
    if my_end:
        return [f"Another shape: you expected the loss hardly to fall {until}; it fell sooner."]
    return [f"Another shape: the loss hardly fell {until}; you expected it to fall sooner."]


def _of_between(mine: Shape, its: Shape, at_end: str) -> str:
    """Say how close two curves are that fall and end alike."""
    times = np.linspace(mine.times[0], mine.times[-1], 401)
    mine_there, its_there = (np.interp(times, shape.times, shape.losses) for shape in (mine, its))
    distance = np.abs(mine_there - its_there)
    if distance.mean() >= math.log10(APART):
        at = int(distance.argmax())
        return (
            "Another shape: the first half of the fall and the loss "
            f"{at_end} are about as you expected, but at epoch {epoch_text(times[at])} you "
            f"expected {_text(mine_there[at])}, and the run had {_text(its_there[at])}."
        )
    return (
        f"{WELL_EXPECTED} the first half of the fall, by epoch {epoch_text(its.time_of(0.5))}, and "
        f"the loss {at_end}, {_text(its.last)}, are about where you drew them."
    )


def _course(shape: Shape, tense: str = "") -> str:
    """Say how a curve goes: "to fall to 0.3", or in the past "fell to 0.3"."""
    if shape.falls:
        verb, level = ("fell", "to fall"), f"to {_text(shape.low)}"
    elif shape.last - shape.first >= math.log10(RISES):
        verb, level = ("rose", "to rise"), f"to {_text(shape.last)}"
    else:
        verb, level = ("stayed", "to stay"), f"near {_text(shape.first)}"
    return f"{verb[0] if tense else verb[1]} {level}"


def _reaching(points: Points, start: float, end: float) -> list[tuple[float, float]]:
    """Let a curve that all but reaches the ends of a run reach them, level."""
    reaching, edge = list(points), EDGE * end
    if start < reaching[0][0] <= start + edge:
        reaching.insert(0, (start, reaching[0][1]))
    if end - edge <= reaching[-1][0] < end:
        reaching.append((end, reaching[-1][1]))
    return reaching


def _on_one_grid(one: Points, other: Points, start: float, end: float) -> tuple[Shape, Shape]:
    """Return two curves between two epochs, with the corners of both."""
    fine = np.geomspace((end - start) / 1000, end - start, 300) + start
    corners = [x for x, _ in (*one, *other)]
    times = np.unique(np.concatenate([[start, end], corners, fine, np.linspace(start, end, 300)]))
    times = times[(start <= times) & (times <= end)]
    shapes = []
    for points in (one, other):
        x, y = (np.array(values, float) for values in zip(*points, strict=True))
        shapes.append(Shape(times, np.interp(times, x, np.log10(y))))
    return shapes[0], shapes[1]


def _means(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of values (N,) around each time, over WINDOW to each side as far as it goes.

    The window is narrow in the beginning, where a loss falls soonest.
    """
    parts = np.diff(times) * (values[1:] + values[:-1]) / 2
    areas = np.concatenate([[0.0], np.cumsum(parts)])
    low, high = ((times * (1 + side * WINDOW)).clip(times[0], times[-1]) for side in (-1, 1))
    widths = high - low
    means = (np.interp(high, times, areas) - np.interp(low, times, areas)) / np.where(
        widths > 0, widths, 1
    )
    return np.where(widths > 0, means, values)


def _shape(points: Points) -> Shape:
    x, y = (np.array(values, float) for values in zip(*points, strict=True))
    return Shape(x, np.log10(y))


def _text(log: float) -> str:
    return loss_text(float(f"{10**log:.3g}"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
