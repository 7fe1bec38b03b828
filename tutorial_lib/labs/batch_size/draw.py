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
from tutorial_lib.pictures import (
    BLUE,
    MUTED,
    VERMILION,
    label_ends,
    note,
    plain_log_ticks,
    run_colours,
)


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
        notes = [(records[0], (4, -30), "left"), (records[-1], (-12, -4), "right")]
        for record, offset, side in notes[: len(records)]:
            words = f"{record.images_per_second:,.0f}\nimages/s"
            note(clock, words, (record.batch_size, 1000 * record.seconds), offset, ha=side)
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
        for size, run in sorted(by_size.items()):
            x, loss = [getattr(point, what) for point in run], [min(p.loss, 10) for p in run]
            looks = {"color": colours[str(size)], "ms": 2.5, "lw": 1.3}
            axes.plot(x, loss, "o-", label=f"{size}: rate {run[0].learning_rate:.2g}", **looks)
        axes.axhline(np.log(10), color=MUTED, lw=0.9, ls=":")
        plain_log_ticks(axes)
        axes.set_xlim(left=0)
    left, right = pair
    left.set(xlabel="images seen", ylabel="loss", title="for the same images")
    left.set_xlim(right=num_images)
    label_ends(left)
    right.set(xlabel="seconds of training", title="for the same time")
