"""The picture of what the network reads."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.pictures import COLOURS, MUTED


def draw_probabilities(axes: Axes, probabilities: Sequence[float]) -> None:
    """Draw ten probabilities as bars with their digits; the highest stands out.

    Args:
        probabilities: (10,), 0 to 1; empty if there is no answer.
    """
    percent = 100 * np.asarray(probabilities or [0] * 10, dtype=float)
    best = percent.argmax() if probabilities else -1
    colours = [COLOURS["train"] if digit == best else MUTED for digit in range(10)]
    axes.barh(range(10), percent, color=colours, height=0.7)
    for digit, value in enumerate(percent if probabilities else []):
        axes.text(value + 1.5, digit, f"{value:.0f} %", va="center", color=colours[digit])
    axes.set(xlim=(0, 118), xticks=[], ylim=(9.6, -0.6), yticks=range(10))
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
