"""The picture of a learning-rate range test."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from tutorial_lib.labs.lr_finder.measure import LrRecord, Suggestion
from tutorial_lib.pictures import BLUE, GREEN, MUTED, VERMILION


def draw_lr_finder(
    axes: Axes, records: Sequence[LrRecord], suggestion: Suggestion | None = None
) -> None:
    """Draw the loss against the rate: each batch faint, smoothed bold, with what was read off it.

    Args:
        suggestion: From `suggest`; without one nothing is marked.
    """
    rates = [record.learning_rate for record in records]
    axes.plot(rates, [record.loss for record in records], color=BLUE, alpha=0.3, lw=0.9)
    axes.plot(rates, [record.smooth_loss for record in records], color=BLUE)
    axes.set(xscale="log", xlabel="learning rate of the step", ylabel="loss", xlim=(1e-4, 12))
    if not records or suggestion is None or suggestion.level != suggestion.level:
        axes.set_ylim(0, 3.5)
        return
    level = suggestion.level
    lowest = min(record.smooth_loss for record in records)
    axes.set_ylim(max(0, 1.5 * lowest - 0.5 * level - 0.1), 1.25 * level)
    axes.axhline(level, color=MUTED, lw=1, ls=":")
    axes.annotate("where it began", (1.2e-4, level), xytext=(0, 8), textcoords="offset points",
                  color=MUTED)  # fmt: skip
    for rate, words, colour in (
        (suggestion.learning_rate, "use this", GREEN),
        (suggestion.ended_at, "lost again", VERMILION),
    ):
        if rate is not None:
            axes.axvline(rate, color=colour, lw=1.5)
            axes.annotate(f"{words}\n{rate:.2g}", (rate, axes.get_ylim()[0]), xytext=(-4, 6),
                          textcoords="offset points", ha="right", color=colour)  # fmt: skip
