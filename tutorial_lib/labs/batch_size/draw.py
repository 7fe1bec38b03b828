"""Pictures of what the batch size does."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.labs.batch_size.measure import (
    RACE_SIZES,
    BatchRecord,
    LossPoint,
    fit_slope,
    fitted_variance,
)
from tutorial_lib.pictures import BLUE, MUTED, VERMILION, label_ends, plain_log_ticks, run_colours


def draw_batch_sizes(row: Sequence[Axes], records: Sequence[BatchRecord]) -> None:
    """Draw variance, cosine and time of a step against the batch size, on three axes."""
    sizes = [record.batch_size for record in records]
    variance, cosine, clock = row
    variance.loglog(sizes, [record.variance for record in records], "o", color=BLUE)
    if len(records) > 1:
        variance.loglog(sizes, fitted_variance(records), color=MUTED, lw=1.2, zorder=1)
        variance.set_title(f"variance of the gradient: slope {fit_slope(records):.2f}")
        plain_log_ticks(variance)
    cosine.semilogx(sizes, [record.cosine for record in records], "o-", color=BLUE)
    cosine.axhline(1, color=MUTED, lw=1)
    cosine.set(ylim=(0, 1.06), title="cosine to the full gradient")
    clock.loglog(sizes, [1000 * record.seconds for record in records], "o-", color=VERMILION)
    clock.set_title("milliseconds a step")
    if records:
        plain_log_ticks(clock)
        for record in (records[0], records[-1]):
            clock.annotate(
                f"{record.images_per_second:,.0f}\nimages/s",
                (record.batch_size, 1000 * record.seconds),
                xytext=(4, -30) if record is records[0] else (-12, -4),
                textcoords="offset points",
                ha="left" if record is records[0] else "right",
            )
        clock.margins(y=0.35)
    for axes in row:
        axes.set(xlim=(3, 1400), xlabel="batch size B (images)")
        axes.set_xticks([4, 32, 256, 1024], ["4", "32", "256", "1024"])
        axes.minorticks_off()


def draw_batch_race(
    pair: Sequence[Axes], points: Sequence[LossPoint], *, num_images: int | None = None
) -> None:
    """Draw the loss against images seen and against seconds, a curve for each batch size.

    Args:
        num_images: How many each run will have seen at its end, where that is known.
    """
    by_size: dict[int, list[LossPoint]] = {}
    for point in points:
        by_size.setdefault(point.batch_size, []).append(point)
    colours = run_colours(map(str, sorted({*RACE_SIZES, *by_size})))  # the same, whoever is ahead
    for axes, what in zip(pair, ("images_seen", "seconds"), strict=True):
        axes.set(yscale="log", ylim=(0.1, 4))
        ends = []
        for size, run in sorted(by_size.items()):
            loss = np.minimum([point.loss for point in run], 10)
            x = [getattr(point, what) for point in run]
            axes.plot(x, loss, "o-", ms=2.5, lw=1.3, color=colours[str(size)])
            words = f"{size}: rate {run[0].learning_rate:.2g}"
            ends.append((loss[-1], words, colours[str(size)]))
        axes.axhline(np.log(10), color=MUTED, lw=0.9, ls=":")
        plain_log_ticks(axes)
        axes.set(xlabel="images seen" if what == "images_seen" else "seconds of training")
        if what == "images_seen":
            label_ends(axes, ends)
        axes.set_xlim(left=0, right=num_images if what == "images_seen" else None)
    pair[0].set(ylabel="loss", title="for the same images")
    pair[1].set_title("for the same time")
