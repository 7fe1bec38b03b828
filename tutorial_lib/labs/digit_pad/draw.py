"""The picture of what the network reads."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.pictures import COLOURS, MUTED, plain_text

DIGITS = tuple("0123456789")
MOST_LETTERS = 14  # of the name of a class


def draw_probabilities(
    axes: Axes, probabilities: Sequence[float], names: Sequence[str] = DIGITS
) -> None:
    """Draw probabilities as bars with the names of their classes; the highest stands out.

    Args:
        probabilities: (K,), 0 to 1; empty if there is no answer.
        names: (K,).
    """
    percent = 100 * np.asarray(probabilities or [0] * len(names), dtype=float)
    rows = range(len(percent))
    best = percent.argmax() if probabilities else -1
    colours = [COLOURS["train"] if row == best else MUTED for row in rows]
    axes.barh(rows, percent, color=colours, height=0.7)
    for row, value in enumerate(percent if probabilities else []):
        axes.text(value + 1.5, row, f"{value:.0f} %", va="center", color=colours[row])
    axes.set(xlim=(0, 118), xticks=[], ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(rows, [plain_text(name, MOST_LETTERS) for name in names])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
