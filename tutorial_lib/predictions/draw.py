"""What was expected beside what was seen, a line for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tutorial_lib.pictures.labels import wrapped
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.theme import INK, MUTED, run_colours

ROW_HEIGHT = 0.5  # of the picture, in hundreds of pixels, for each topic
TOPIC_WIDTH = 130  # pixels of the page for its name
SIZE = 9  # points of that
FEWEST = 3  # choices for which there is room
SPREAD = 0.56  # of a row, over which the marks of several predictions are spread
TICKS = {-0.9: "a tenth", -0.5: "half", 0.0: "as it was", 0.5: "twice", 0.9: "ten times"}


@dataclass(frozen=True)
class Beside:
    """What is drawn of one prediction."""

    topic: str
    is_right: bool | None = None  # of a choice
    # Of a number or a curve: from -1, which is nothing of what was seen, over 0, as it was, to 1.
    place: float | None = None
    ends: tuple[float, float] | None = None  # of its margin, on the same scale


def place_of(expected: float, seen: float) -> float:
    """Return where a guess lies beside what was seen: -0.5 is half of it, 0.5 twice.

    Returns:
        -1 to 1; 1 also where the two have different signs and the guess is the larger one.
    """
    larger = max(abs(expected), abs(seen))
    return max(-1.0, min(1.0, (expected - seen) / larger)) if larger else 0.0


def draw_choices(axes: Axes, drawn: Sequence[Beside], topics: Sequence[str]) -> None:
    """One bar for each topic: how many choices were right, and how many not."""
    colours = run_colours(topics)
    for row, topic in enumerate(topics):
        answers = [one.is_right for one in drawn if one.topic == topic and one.is_right is not None]
        if not answers:
            continue
        num_right, colour = sum(answers), colours[topic]
        axes.barh(row, num_right, color=colour, height=0.5)
        rest = len(answers) - num_right
        looks = {"color": "none", "edgecolor": colour, "hatch": "////", "linewidth": 1}
        axes.barh(row, rest, left=num_right, height=0.5, **looks)
        words = f"{num_right} of {len(answers)}"
        axes.annotate(words, (len(answers), row), (5, 0), textcoords="offset points", va="center")
    most = max(FEWEST, *(sum(one.topic == topic for one in drawn) for topic in topics))
    axes.set(xlim=(0, 1.35 * most), xticks=[], title="Choices")
    axes.legend(
        handles=[
            Patch(color=MUTED, label="as expected"),
            Patch(facecolor="none", edgecolor=MUTED, hatch="////", label="another"),
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=2,
        frameon=False,
        fontsize=SIZE,
        handlelength=1.2,
        columnspacing=1,
    )


def draw_numbers(axes: Axes, drawn: Sequence[Beside], topics: Sequence[str]) -> None:
    """One mark for each number or curve, left of the middle where too little was expected."""
    colours = run_colours(topics)
    axes.axvline(0, color=INK, linewidth=1, zorder=1)
    for row, topic in enumerate(topics):
        mine = [one for one in drawn if one.topic == topic and one.is_right is None]
        placed = [one for one in mine if one.place is not None]
        if mine and not placed:
            looks = {"ha": "center", "va": "center", "color": MUTED, "fontsize": SIZE}
            axes.text(0, row, "the run diverged", backgroundcolor="white", **looks)
        heights = row + np.linspace(-SPREAD / 2, SPREAD / 2, len(placed) + 2)[1:-1]
        for one, height in zip(placed, heights, strict=True):
            if one.ends is not None:
                axes.plot(one.ends, [height] * 2, color=colours[topic], linewidth=2, alpha=0.5)
            axes.plot(one.place, height, "o", color=colours[topic], markersize=7, clip_on=False)
    axes.set_xticks([*TICKS], TICKS.values())
    axes.set(xlim=(-1.06, 1.06), title="Numbers and curves: what you expected was …")


def draw_topics(axes: Axes, topics: Sequence[str], *, is_first: bool) -> None:
    """Give each topic its line, and its name where these are the first axes from the left."""
    names = [wrapped(plain_text(topic), TOPIC_WIDTH, SIZE, 2) for topic in topics]
    axes.set_yticks(range(len(topics)), names if is_first else [""] * len(topics), fontsize=SIZE)
    axes.set_ylim(len(topics) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    for row in range(1, len(topics)):
        axes.axhline(row - 0.5, color=MUTED, linewidth=0.4, alpha=0.6, zorder=0)
