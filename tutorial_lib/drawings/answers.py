"""Pictures of what a trained network answers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from tutorial_lib.mistakes import Mistake
from tutorial_lib.plots import draw_digits
from tutorial_lib.theme import COLOURS, GRID, MUTED


def draw_accuracy_per_digit(axes: Axes, accuracies: Sequence[float]) -> None:
    """Draw the accuracy of each digit as a dot, and all ten together as a line.

    Args:
        accuracies: (10,), 0 to 1: the share of the zeros, the ones ... that are read right.
    """
    percent = 100 * np.asarray(accuracies, dtype=float)
    mean = percent.mean()
    axes.axhline(mean, color=MUTED, lw=1, ls=":")
    axes.annotate(f"mean {mean:.1f} %", (1.01, mean), xycoords=("axes fraction", "data"),
                  va="center", color=MUTED)  # fmt: skip
    axes.vlines(range(10), mean, percent, color=GRID, lw=3)
    axes.plot(range(10), percent, "o", color=COLOURS["validation"], ms=6)
    for digit, value in enumerate(percent):
        above = value >= mean
        axes.annotate(f"{value:.1f}", (digit, value), xytext=(0, 6 if above else -6),
                      textcoords="offset points", ha="center",
                      va="bottom" if above else "top")  # fmt: skip
    room = max(0.5, 0.2 * np.ptp(percent))
    axes.set_ylim(percent.min() - room, percent.max() + room)
    axes.set_xticks(range(10))
    axes.grid(visible=False, axis="x")
    axes.set(xlabel="true digit", ylabel="read right (%)")


def draw_mistakes(axes: Axes, images: Tensor, mistakes: Sequence[Mistake]) -> None:
    """Draw wrongly read digits: above each what it is, the answer, and how sure the net was.

    Args:
        images: (N, 1, H, W), the split that the mistakes were made on.
        mistakes: At least one.
    """
    titles = [f"{m.label}→{m.answer} {100 * m.probability:.0f} %" for m in mistakes]
    draw_digits(axes, images[[m.index for m in mistakes]].cpu(), titles)


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
