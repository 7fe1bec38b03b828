"""Names at the ends of curves: none over another, none over the next picture, of any length."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from tutorial_lib.pictures.contrast import ink_of

SIZES = 8.5, 7.5  # points: what is tried first, and where there is little height
LINE = 1.35  # height of a line, in its size
LOWEST, HIGHEST = -0.02, 1.02  # of the height of the axes: ticks are below, a title above
ASIDE = 5  # points from the axes: past the marker at the end of a line
MOST_ROOM = 200  # pixels beside axes that make room for their labels
SHARE = 0.45  # of what is theirs, they give so much at most
BESIDE_NEXT = 56  # pixels that the ticks and the label of the next axes take
PIXELS = 100 / 72  # of the page, for a point
_MEASURE = Figure(dpi=72)


@lru_cache(10_000)
def text_width(words: str, size: float) -> float:
    """Return how many pixels of the page the widest line of a text takes.

    Args:
        size: Points.
    """
    text = Text(0, 0, words, size=size, figure=_MEASURE)
    return text.get_window_extent().width * PIXELS


def wrapped(words: str, room: float, size: float, lines: int | None = None) -> str:
    """Break a text into lines that have room; what comes after the last of them is left out.

    Args:
        room: Pixels of the page.
        size: Points.
        lines: How many there may be.
    """
    broken = [part for line in words.split("\n") for part in _broken(line, room, size)]
    if lines is None or len(broken) <= lines:
        return "\n".join(broken)
    last = broken[lines - 1]
    while last and text_width(f"{last}…", size) > room:
        last = last[:-1]
    return "\n".join([*broken[: lines - 1], f"{last.rstrip(' ,;')}…"])


def _broken(line: str, room: float, size: float) -> list[str]:
    """Break one line at its spaces, and a word that is too long wherever it must be."""
    if is_math_text(line):
        return [line]
    parts = [""]
    for word in line.split(" "):
        if parts[-1] and text_width(longer := f"{parts[-1]} {word}", size) <= room:
            parts[-1] = longer
            continue
        if parts[-1]:
            parts.append("")
        while len(word) > 1 and text_width(word, size) > room:
            fits = (n for n in range(len(word) - 1, 1, -1) if word[n - 1] != "\\"
                    and text_width(word[:n], size) <= room)  # fmt: skip
            end = next(fits, 1)
            parts[-1], word = word[:end], word[end:]
            parts.append("")
        parts[-1] = word
    return parts


def label_ends(
    axes: Axes,
    ends: Iterable[tuple[float, str, str]] | None = None,
    *,
    room: float | None = None,
) -> list[Text]:
    """Name curves to the right of the axes at the height of their ends, none over another.

    Long names are broken into lines; where there is little height they are smaller, and then
    shorter. Where they stand is found when they are drawn, so the axes may still change.

    Args:
        ends: (y in data units, text, colour) for each curve; else those of all lines with a label.
        room: Pixels of the page beside the axes. None: up to the next axes, or what is fitting
            where axes make room for their labels.
    """
    if ends is None:
        lines = [line for line in axes.lines if len(line.get_ydata())]
        ends = [(line.get_ydata()[-1], line.get_label(), line.get_color()) for line in lines]
        ends = [end for end in ends if end[1] and not end[1].startswith(("_child", "_nolegend_"))]
    ends = sorted(ends, key=lambda end: end[0])
    return _Ends(axes, ends, _room_beside(axes) if room is None else room).texts


def _room_beside(axes: Axes) -> float:
    """Return how many pixels of the page there are for names beside axes."""
    figure, pixels = axes.figure, axes.figure.dpi / 100  # of the picture, for one of the page
    box = axes.get_window_extent()
    if figure.get_layout_engine() is not None:
        return min(MOST_ROOM, SHARE * box.width / pixels)
    others = [other.get_window_extent() for other in figure.axes]
    nexts = [o.x0 - BESIDE_NEXT * pixels for o in others
             if o.x0 >= box.x1 and o.y0 < box.y1 and box.y0 < o.y1]  # fmt: skip
    right = min([figure.bbox.x1, *nexts])
    return max(20.0, (right - box.x1) / pixels - ASIDE * PIXELS - 2)


class _Ends:
    """The names beside some axes, and how they share the room."""

    def __init__(self, axes: Axes, ends: Sequence[tuple[float, str, str]], room: float) -> None:
        self._axes, self._room, self._placed = axes, room, None
        self._heights = [height for height, _, _ in ends]  # in data units
        self._words = [words for _, words, _ in ends]
        aside = ScaledTranslation(ASIDE / 72, 0, axes.figure.dpi_scale_trans)
        looks = {"va": "center", "transform": axes.transAxes + aside, "size": SIZES[0]}
        self.texts: list[Text] = []
        for _, words, colour in ends:
            words = wrapped(words, room, SIZES[0])
            label = _EndLabel(1, 0.5, words, self, color=ink_of(colour), **looks)
            self.texts.append(axes.add_artist(label))
            label.set_clip_path(None)

    def place(self) -> None:
        """Give each name its height, size and lines, as the axes are now."""
        axes = self._axes
        points = axes.get_window_extent().height * 72 / axes.figure.dpi
        state = points, axes.get_ylim(), axes.get_yscale()
        if state == self._placed:
            return
        self._placed, room = state, (HIGHEST - LOWEST) * points
        size, words = _fitted(self._words, self._room, room)
        low, high = sorted(axes.get_ylim())
        heights = [height if np.isfinite(height) else high for height in self._heights]
        inside = [(0, min(max(height, low), high)) for height in heights]
        heights = axes.transAxes.inverted().transform(axes.transData.transform(inside))[:, 1]
        lines = np.array([text.count("\n") + 1 for text in words])
        heights = spread(heights, lines * size * LINE / points)
        for text, line, height in zip(self.texts, words, heights, strict=True):
            text.set(text=line, size=size, y=height)


def _fitted(words: Sequence[str], room: float, height: float) -> tuple[float, list[str]]:
    """Return a size in points, and names as lines that fit.

    Args:
        room: Pixels of the page from left to right.
        height: Points for all of them.
    """
    for size in SIZES:
        broken = [wrapped(text, room, size) for text in words]
        lines, most = [text.count("\n") + 1 for text in broken], int(height / (size * LINE))
        if sum(lines) <= most:
            return size, broken
    while sum(lines) > most and max(lines) > 1:  # the longest one becomes shorter
        lines[lines.index(max(lines))] -= 1
    broken = [wrapped(text, room, size, count) for text, count in zip(words, lines, strict=True)]
    if len(broken) > most:  # some are left out: those in the middle
        keep = max(most - 1, 1)
        kept = {round(k * (len(broken) - 1) / max(keep - 1, 1)) for k in range(keep)}
        broken = [text if number in kept else "" for number, text in enumerate(broken)]
    return size, broken


class _EndLabel(Text):
    """A name that finds its place when it is drawn."""

    def __init__(self, x: float, y: float, words: str, ends: _Ends, **looks: Any) -> None:
        super().__init__(x, y, words, **looks)
        self._ends = ends

    def draw(self, renderer: Any) -> None:
        self._ends.place()
        super().draw(renderer)


def spread(heights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move ascending heights (N,) just so far apart that things of these sizes do not overlap.

    They stay between LOWEST and HIGHEST, if they have room there.
    """
    heights, gaps = np.array(heights, dtype=float), (sizes[1:] + sizes[:-1]) / 2
    for index, gap in enumerate(gaps):
        heights[index + 1] = max(heights[index + 1], heights[index] + gap)
    # Too high: push down from the top, and up again from the bottom.
    heights[-1] = min(heights[-1], HIGHEST - sizes[-1] / 2)
    for index in reversed(range(len(gaps))):
        heights[index] = min(heights[index], heights[index + 1] - gaps[index])
    heights[0] = max(heights[0], LOWEST + sizes[0] / 2)
    for index, gap in enumerate(gaps):
        heights[index + 1] = max(heights[index + 1], heights[index] + gap)
    return heights
