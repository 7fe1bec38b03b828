"""Names at the ends of curves: none over another, none over the next picture, of any length."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from tutorial_lib.pictures.contrast import ink_of

SIZES = 8.5, 7.5  # points: what is tried first, and where there is little height
SMALLEST = 7  # points: no letters of a title are smaller
LINE = 1.35  # height of a line, in its size
BELOW, ABOVE = 3, 1.5  # points beyond the axes: ticks are below, a title above
ASIDE = 5  # points from the axes: past the marker at the end of a line
MOST_ROOM = 200  # pixels beside axes that make room for their labels
SHARE = 0.45  # of what is theirs, they give so much at most
BESIDE_NEXT = 56  # pixels that the ticks and the label of the next axes take
BREAKS = (  # where a line may end, the best places first, and what stood there
    (r"(?<=,) ", " "),
    (" ", " "),
    (r"(?<=[_/.-])", ""),
    (r"(?<=[^\\])", ""),  # anywhere, but not before the $ of a dollar
)
PIXELS = 100 / 72  # of the page, for a point
WIDER = 1.035  # on screens with other dots than on paper, letters may be so much wider
_MEASURE = Figure(dpi=100)


@lru_cache(10_000)
def text_width(words: str, size: float) -> float:
    """Return how many pixels of the page the widest line of a text takes.

    Args:
        size: Points.
    """
    text = Text(0, 0, words, size=size, figure=_MEASURE)
    return WIDER * text.get_window_extent().width


def width_of(axes: Axes) -> float:
    """Return how many pixels of the page axes are wide."""
    return axes.get_window_extent().width * 100 / axes.figure.dpi


def fit_title(axes: Axes) -> None:
    """Let the title be smaller where it would reach beyond the picture's right edge."""
    words, size = axes.get_title("left"), axes.title.get_fontsize()
    room = (axes.figure.bbox.x1 - axes.get_window_extent().x0) * 100 / axes.figure.dpi
    while text_width(words, size) > room and size > SMALLEST:
        size -= 0.5
    axes.set_title(words, loc="left", fontsize=size)


def wrapped(words: str, room: float, size: float, lines: int | None = None) -> str:
    """Break a text into lines that have room; what comes after the last of them is left out.

    Args:
        room: Pixels of the page.
        size: Points.
        lines: How many there may be.
    """
    broken = [part for line in words.split("\n") for part in _broken(line, room, size, BREAKS)]
    if lines is None or len(broken) <= lines:
        return "\n".join(broken)
    last = broken[lines - 1]
    while last and text_width(f"{last}…", size) > room:
        last = last[:-1]
    return "\n".join([*broken[: lines - 1], f"{last.rstrip(' ,;')}…"])


def _broken(line: str, room: float, size: float, breaks: Sequence[tuple[str, str]]) -> list[str]:
    """Break one line where it may be, at the first kind of places that there are."""
    if not breaks or is_math_text(line) or text_width(line, size) <= room:
        return [line]
    (place, between), *finer = breaks
    parts: list[str] = []
    for piece in filter(None, re.split(place, line)):
        if parts and text_width(longer := f"{parts[-1]}{between}{piece}", size) <= room:
            parts[-1] = longer
        else:
            parts += _broken(piece, room, size, finer)
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
    if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine | None):
        return min(MOST_ROOM, SHARE * box.width / pixels)
    others = [other.get_window_extent() for other in figure.axes]
    nexts = [o.x0 - BESIDE_NEXT * pixels for o in others
             if o.x0 >= box.x1 and o.y0 < box.y1 and box.y0 < o.y1]  # fmt: skip
    right = min([figure.bbox.x1, *nexts])
    return max(20.0, (right - box.x1) / pixels - ASIDE * PIXELS - 2)


class _Ends:
    """The names beside some axes, and how they share the room."""

    def __init__(self, axes: Axes, ends: Sequence[tuple[float, str, str]], room: float) -> None:
        self._axes, self._placed = axes, None
        self._heights = [height for height, _, _ in ends]  # in data units
        self._words = [words for _, words, _ in ends]
        first = [wrapped(words, room, SIZES[0]) for words in self._words]
        # As wide as these, for which axes make room, though smaller ones might use more of it.
        self._room = max((text_width(words, SIZES[0]) for words in first), default=0.0)
        aside = ScaledTranslation(ASIDE / 72, 0, axes.figure.dpi_scale_trans)
        looks = {"va": "center", "transform": axes.transAxes + aside, "size": SIZES[0]}
        self.texts: list[Text] = []
        for words, (_, _, colour) in zip(first, ends, strict=True):
            label = EndLabel(1, 0.5, words, self, color=ink_of(colour), **looks)
            self.texts.append(axes.add_artist(label))
            label.set_clip_on(False)

    def place(self) -> None:
        """Give each name its height, size and lines, as the axes are now."""
        axes = self._axes
        points = axes.get_window_extent().height * 72 / axes.figure.dpi
        state = points, axes.get_ylim(), axes.get_yscale()
        if state == self._placed:
            return
        self._placed = state
        size, words = _fitted(self._words, self._room, BELOW + points + ABOVE)
        low, high = sorted(axes.get_ylim())
        heights = [height if np.isfinite(height) else high for height in self._heights]
        inside = [(0, min(max(height, low), high)) for height in heights]
        heights = axes.transAxes.inverted().transform(axes.transData.transform(inside))[:, 1]
        kept = [number for number, text in enumerate(words) if text or not self._words[number]]
        lines = np.array([words[number].count("\n") + 1 for number in kept])
        ends = -BELOW / points, 1 + ABOVE / points
        heights[kept] = spread(heights[kept], lines * size * LINE / points, *ends)
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


class EndLabel(Text):
    """A name that finds its place when it is drawn."""

    def __init__(self, x: float, y: float, words: str, ends: _Ends, **looks: Any) -> None:
        super().__init__(x, y, words, **looks)
        self._ends = ends

    def draw(self, renderer: Any) -> None:
        """Find its place, and draw it there."""
        self._ends.place()
        super().draw(renderer)


def spread(
    heights: np.ndarray, sizes: np.ndarray, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Move ascending heights (N,) just so far apart that things of these sizes do not overlap.

    They stay between low and high, if they have room there.
    """
    heights, gaps = np.array(heights, dtype=float), (sizes[1:] + sizes[:-1]) / 2
    if not len(heights):
        return heights
    for index, gap in enumerate(gaps):
        heights[index + 1] = max(heights[index + 1], heights[index] + gap)
    # Too high: push down from the top, and up again from the bottom.
    heights[-1] = min(heights[-1], high - sizes[-1] / 2)
    for index in reversed(range(len(gaps))):
        heights[index] = min(heights[index], heights[index + 1] - gaps[index])
    heights[0] = max(heights[0], low + sizes[0] / 2)
    for index, gap in enumerate(gaps):
        heights[index + 1] = max(heights[index + 1], heights[index] + gap)
    return heights
