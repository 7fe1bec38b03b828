"""The picture of a race."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.checks import check_choice
from tutorial_lib.labs.race.measure import Lane, RaceRecord, band, lanes
from tutorial_lib.pictures import (
    MAX_LOSS,
    MUTED,
    X_LABELS,
    decimate,
    label_ends,
    plain_log_ticks,
    run_colours,
)

XS = ("steps", "images", "seconds")
YS = ("loss", "accuracy")


def draw_race(
    axes: Axes,
    records: Iterable[RaceRecord],
    *,
    x: str = "steps",
    y: str = "loss",
    target_loss: float | None = None,
    colours: Mapping[str, str] | None = None,
    x_max: float | None = None,
    noun: str = "digits",
) -> None:
    """Draw a curve for each runner: the mean over its starts bold, from lowest to highest a band.

    From one start alone, each batch is drawn faint instead of the band.

    Args:
        x: What lies along the axis: "steps", "images" or "seconds".
        y: "loss", of the training batches, smoothed; or "accuracy", on held-out images.
        target_loss: Drawn as a line.
        colours: Label -> colour; without it, the runners get the usual ones in turn.
        x_max: Where the axis ends, if that is known before the race has ended.
        noun: What the held-out images show, in the plural.
    """
    check_choice("x", x, XS)
    check_choice("y", y, YS)
    by_label = lanes(records)
    colours = colours or run_colours(by_label)
    draw = _draw_loss if y == "loss" else _draw_accuracy
    ends = [draw(axes, starts, label, x, colours[label]) for label, starts in by_label.items()]
    axes.set_xlabel(X_LABELS[x])
    if x_max is not None:
        axes.set_xlim(-0.02 * x_max, 1.02 * x_max)
    if y == "loss":
        axes.set_yscale("log")
        if target_loss is not None:
            axes.axhline(target_loss, color=MUTED, linewidth=1, linestyle=":")
            axes.annotate(f"target {target_loss:g}", (0, target_loss), xytext=(4, 3),
                          xycoords=("axes fraction", "data"), textcoords="offset points",
                          color=MUTED).set_in_layout(False)  # fmt: skip
        axes.set_ylim(top=min(axes.get_ylim()[1], MAX_LOSS))
        axes.set_ylabel("loss, smoothed")
        plain_log_ticks(axes)
    else:
        axes.set_xlim(left=0, right=x_max)
        axes.set(ylim=(0, 100), ylabel=f"held-out {noun} right (%)")
    label_ends(axes, [end for end in ends if end is not None])


def _draw_loss(
    axes: Axes, starts: Sequence[Lane], label: str, x: str, colour: str
) -> tuple[float, str, str] | None:
    curve = band(starts)
    place = getattr(curve, x)
    if not len(place):
        return None
    if len(starts) == 1:
        faint = np.minimum(starts[0].losses, 10 * MAX_LOSS)[: len(place)]
        axes.plot(*decimate(place, faint), color=colour, alpha=0.25, linewidth=0.8)
    else:
        axes.fill_between(place, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(*decimate(place, curve.mean), color=colour)
    dropped = [lane for lane in starts if lane.dropped is not None]
    for lane in dropped:
        if (last := min(len(lane.steps), len(place)) - 1) >= 0:
            axes.plot(place[last], lane.smoothed[last], "X", color=colour, markersize=8)
    return curve.mean[-1], _name(label, len(dropped), len(starts)), colour


def _draw_accuracy(
    axes: Axes, starts: Sequence[Lane], label: str, x: str, colour: str
) -> tuple[float, str, str] | None:
    dropped = sum(lane.dropped is not None for lane in starts)
    scored = [lane for lane in starts if lane.scores]
    if not scored:
        return None
    running = [len(lane.scores) for lane in scored if lane.dropped is None]
    count = min(running) if running else max(len(lane.scores) for lane in scored)
    scored = [lane for lane in scored if len(lane.scores) >= count]
    shares = np.array([[100 * s.accuracy for s in lane.scores[:count]] for lane in scored])
    place = [_place(scored, number, x) for number in range(count)]
    if len(scored) > 1:
        axes.fill_between(
            place, shares.min(axis=0), shares.max(axis=0), color=colour, alpha=0.18, linewidth=0
        )
    axes.plot(place, shares.mean(axis=0), "o-", color=colour, markersize=4)
    return shares[:, -1].mean(), _name(label, dropped, len(starts)), colour


def _place(scored: Sequence[Lane], number: int, x: str) -> float:
    """Return where score number so-and-so stands along the axis, mean over the starts."""
    score = scored[0].scores[number]
    if x == "seconds":
        return float(np.mean([lane.seconds[: score.step].sum() for lane in scored]))
    return score.step if x == "steps" else score.images_seen


def _name(label: str, num_dropped: int, num_starts: int) -> str:
    if not num_dropped:
        return label
    if num_starts == 1:
        return f"{label}:\ndiverged"
    return f"{label}:\n{num_dropped} of {num_starts} diverged"
