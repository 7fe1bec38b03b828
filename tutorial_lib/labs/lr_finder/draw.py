"""The picture of a learning-rate range test."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.labs.lr_finder.measure import LrRecord, Suggestion
from tutorial_lib.pictures import BLUE, GREEN, MUTED, VERMILION, draw_noisy, note


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
    axes.set(xscale="log", xlabel="learning rate of the step", ylabel="loss", xlim=(1e-4, 12))
    if not records or suggestion is None or suggestion.level != suggestion.level:
        axes.set_ylim(0, 3.5)
        return
    level = suggestion.level
    bottom = max(0, 1.5 * smoothed.min() - 0.5 * level - 0.1)
    axes.set_ylim(bottom, 1.25 * level)
    axes.axhline(level, color=MUTED, lw=1, ls=":")
    note(axes, "where it began", (1.2e-4, level), (0, 8), color=MUTED)
    for rate, words, colour in (
        (suggestion.learning_rate, "use this", GREEN),
        (suggestion.ended_at, "lost again", VERMILION),
    ):
        if rate is not None:
            axes.axvline(rate, color=colour, lw=1.5)
            note(axes, f"{words}\n{rate:.2g}", (rate, bottom), (-4, 6), ha="right", color=colour)
