"""The picture of a learning-rate range test."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.labs.lr_finder.measure import LOWEST, SPREAD, LrRecord, Suggestion
from tutorial_lib.pictures import (
    BLUE,
    GREEN,
    MUTED,
    VERMILION,
    draw_noisy,
    note,
    text_width,
)
from tutorial_lib.pictures.labels import width_of

NUM_EARLY = 20  # steps that show at which height a test begins


def draw_lr_finder(
    axes: Axes, records: Sequence[LrRecord], suggestion: Suggestion | None = None
) -> None:
    """Draw the loss against the rate: each batch faint, smoothed bold, with what was read off it.

    Args:
        suggestion: From `suggest`; without one nothing is marked.
    """
    rates, losses, smoothed = (
        np.array([(record.learning_rate, record.loss, record.smooth_loss) for record in records])
        .reshape(-1, 3)
        .T
    )
    draw_noisy(axes, rates, losses, smoothed, BLUE)
    first = records[0].learning_rate if records else LOWEST
    last = max([SPREAD * first, *rates])
    axes.set(xscale="log", xlabel="learning rate of the step", ylabel="loss")
    axes.set_xlim(first, 1.2 * last)
    if not records or suggestion is None or suggestion.level != suggestion.level:
        _limit(axes, losses)
        return
    level = suggestion.level
    lowest = smoothed[np.isfinite(smoothed)].min()
    bottom = lowest - 0.5 * (level - lowest) - 0.04 * abs(level)
    if lowest >= 0:
        bottom = max(0, bottom)
    axes.set_ylim(bottom, level + 0.25 * (abs(level) or 1))
    axes.axhline(level, color=MUTED, lw=1, ls=":")
    note(axes, "where it began", (1.2 * first, level), (0, 8), color=MUTED)
    taken = -np.inf  # from the left up to here, in pixels, words stand on the lowest rows
    for rate, words, colour in (
        (suggestion.learning_rate, "use this", GREEN),
        (suggestion.ended_at, "lost again", VERMILION),
    ):
        if rate is not None:
            axes.axvline(rate, color=colour, lw=1.5)
            at = width_of(axes) * np.log(rate / first) / np.log(1.2 * last / first)
            up = 6 if at - text_width(words, 10) - 8 > taken else 34
            note(axes, f"{words}\n{rate:.2g}", (rate, bottom), (-4, up), ha="right", color=colour)
            taken = at


def _limit(axes: Axes, losses: np.ndarray) -> None:
    """Let the axis hold the losses at which a test begins, and half as much again."""
    if not len(losses):
        axes.set(ylim=(0, 1), yticks=[])  # nobody knows yet how high it must reach
        return
    level = float(np.median(losses[:NUM_EARLY]))
    height = 1.5 * (abs(level) or 1)
    low, high = min(0.0, losses[:NUM_EARLY].min()), losses[:NUM_EARLY].max()
    axes.set_ylim(low - 0.1 * height if low < 0 else 0, max(height, min(high, 2 * height)))
