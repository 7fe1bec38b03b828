"""Pictures of what the batch size does."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from tutorial_lib.labs.batch_size.measure import (
    RACE_SIZES,
    SIZES,
    BatchRecord,
    LossPoint,
    fit_slope,
    fitted_variance,
)
from tutorial_lib.labs.own import at_a_time, spread_over
from tutorial_lib.pictures import (
    BLUE,
    MUTED,
    VERMILION,
    label_ends,
    note,
    plain_log_ticks,
    plain_text,
    run_colours,
    wrapped,
)


def draw_batch_sizes(
    row: Sequence[Axes],
    records: Sequence[BatchRecord],
    *,
    all_sizes: Sequence[int] = SIZES,
    unit: str = "images",
) -> None:
    """Draw variance, cosine and time of a step against the batch size, on three axes.

    Args:
        all_sizes: That there are to be.
        unit: What a batch is made of, in the plural.
    """
    unit = plain_text(unit, 20)
    sizes = [record.batch_size for record in records]
    variance, cosine, clock = row
    apart = [(one.batch_size, one.variance) for one in records if one.variance > 0]
    variance.loglog([size for size, _ in apart], [height for _, height in apart], "o", color=BLUE)
    if math.isfinite(slope := fit_slope(records)):
        variance.loglog(sizes, fitted_variance(records), color=MUTED, lw=1.2, zorder=1)
        title = f"variance of the gradient: slope {slope:.2f}"
        room = 120 * variance.get_position().width * variance.figure.get_figwidth()
        variance.set_title(wrapped(title, room, variance.title.get_fontsize()))
        plain_log_ticks(variance)
    cosine.semilogx(sizes, [record.cosine for record in records], "o-", color=BLUE)
    cosine.axhline(1, color=MUTED, lw=1)
    lowest = min([0.0, *(record.cosine for record in records)])  # of few examples, below 0
    cosine.set(ylim=(1.06 * lowest, 1.06), title="cosine to the full gradient")
    clock.loglog(sizes, [1000 * record.seconds for record in records], "o-", color=VERMILION)
    clock.set_title("milliseconds a step")
    if records:
        times = [1000 * record.seconds for record in records]
        # Four times as much from end to end at least: what jumps by less is noise.
        half = max(2.0, math.sqrt(max(times) / min(times)) ** 1.7)  # with room for the notes
        middle = math.sqrt(max(times) * min(times))
        clock.set_ylim(middle / half, middle * half)
        plain_log_ticks(clock)
        ends = [(records[0], (-4, -8), "left", "top"), (records[-1], (6, 7), "right", "bottom")]
        for record, offset, side, edge in ends[: len(records)]:
            words = f"{record.images_per_second:,.0f}\n{unit}/s"
            at = record.batch_size, 1000 * record.seconds
            note(clock, words, at, offset, ha=side, va=edge)
    for axes in row:
        axes.set(xlim=(0.75 * all_sizes[0], 1.37 * all_sizes[-1]))
        axes.set_xlabel(f"batch size B ({unit})")
        ticks = spread_over(all_sizes, 4)
        axes.set_xticks(ticks, map(str, ticks))
        axes.minorticks_off()


def draw_batch_race(
    pair: Sequence[Axes],
    points: Sequence[LossPoint],
    *,
    num_images: int | None = None,
    num_classes: int | None = 10,
    unit: str = "images",
    all_sizes: Sequence[int] = RACE_SIZES,
) -> None:
    """Draw the loss against examples seen and against seconds, a curve for each batch size.

    Args:
        num_images: How many each run will have seen at its end, where that is known.
        num_classes: Of what is learned by cross-entropy: what a guess costs is a line. None: there
            is no such line.
        unit: What is counted as a run goes on, in the plural.
        all_sizes: Batch sizes that there are to be.
    """
    by_size: dict[int, list[LossPoint]] = {}
    for point in points:
        by_size.setdefault(point.batch_size, []).append(point)
    colours = run_colours(map(str, sorted({*all_sizes, *by_size})))  # the same, whoever is ahead
    low, high, scale = _limits(points, num_classes)
    for axes, what in zip(pair, ("images_seen", "seconds"), strict=True):
        axes.set(yscale=scale, ylim=(low, high))
        for size, run in sorted(by_size.items()):
            x = [getattr(point, what) for point in run]
            loss = [min(point.loss, 2.5 * high) for point in run]
            looks = {"color": colours[str(size)], "ms": 2.5, "lw": 1.3}
            axes.plot(x, loss, "o-", label=f"{size}: rate {run[0].learning_rate:.2g}", **looks)
        if num_classes is not None:
            axes.axhline(math.log(num_classes), color=MUTED, lw=0.9, ls=":")
        if scale == "log":
            plain_log_ticks(axes)
        axes.set_xlim(left=0)
    left, right = pair
    left.set(xlabel=f"{plain_text(unit, 20)} seen", ylabel="loss")
    left.set_title(f"for the same {plain_text(unit, 20)}")
    left.set_xlim(right=num_images)
    label_ends(left)
    clock = "seconds of training" + at_a_time(max((point.at_once for point in points), default=1))
    right.set(xlabel=clock, title="for the same time")


def _limits(points: Sequence[LossPoint], num_classes: int | None) -> tuple[float, float, str]:
    """Return the ends of the axis of losses, and its scale."""
    losses = [point.loss for point in points if math.isfinite(point.loss)]
    if num_classes is not None:
        guess = math.log(num_classes)
        return min([0.1, *(0.8 * loss for loss in losses if loss > 1e-6)]), 1.7 * guess, "log"
    if not losses:
        return 0.1, 4, "log"
    first = [run.loss for run in {p.batch_size: p for p in reversed(points)}.values()]
    level = max((loss for loss in first if math.isfinite(loss)), default=max(losses))
    if min(losses) <= 0:
        return min(losses) - 0.1 * abs(level), level + 0.5 * (abs(level) or 1), "linear"
    return 0.8 * min(losses), 2 * level, "log"
