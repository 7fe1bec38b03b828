"""The picture of a race."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.checks import check_choice
from tutorial_lib.evaluation import ACCURACY, ShownMetric
from tutorial_lib.labs.own import at_a_time, check_y
from tutorial_lib.labs.race.measure import RaceRecord, RunCurve, band, run_curves
from tutorial_lib.pictures import (
    MAX_LOSS,
    MUTED,
    X_LABELS,
    decimate,
    draw_noisy,
    label_ends,
    note,
    plain_log_ticks,
    plain_text,
    run_colours,
)

XS = ("steps", "images", "seconds")


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
    unit: str = "images",
    metric: ShownMetric = ACCURACY,
) -> None:
    """Draw a curve for each runner: the mean over its starts bold, from lowest to highest a band.

    From one start alone, each batch is drawn faint instead of the band.

    Args:
        x: What the x axis counts: "steps", "images" or "seconds".
        y: "loss", of the training batches, smoothed; or what the held-out examples say: "accuracy",
            "error" of a regression, or the name of a metric of your own.
        target_loss: Drawn as a line; above 0.
        colours: Label -> colour; without it, the runners get the usual ones in turn.
        x_max: Where the axis ends, if that is known before the race has ended.
        noun: What the held-out examples are, in the plural.
        unit: What an x axis of images counts, in the plural.
        metric: What is told of the scores.
    """
    check_choice("x", x, XS)
    check_y(y, metric)
    by_label = run_curves(records)
    colours = colours or run_colours(by_label)
    for label, starts in by_label.items():
        _draw_runner(axes, label, starts, colours[label], x=x, y=y, metric=metric)
    axes.set_xlabel(f"{plain_text(unit, 20)} seen" if x == "images" else X_LABELS[x])
    if x == "seconds":
        most = max((run.at_once for starts in by_label.values() for run in starts), default=1)
        axes.set_xlabel(X_LABELS[x] + at_a_time(most))
    if x_max is not None:
        axes.set_xlim(-0.02 * x_max, 1.02 * x_max)
    if y == "loss":
        losses = {run.settings.loss for starts in by_label.values() for run in starts}
        units = "; units differ" if len(losses) > 1 else ""
        axes.set_ylabel(f"loss, smoothed{units}")
        _scale_losses(axes, by_label, target_loss)
    else:
        axes.set_xlim(left=0, right=x_max)
        _scale_scores(axes, metric, plain_text(noun, 20))
    label_ends(axes)


def _scale_losses(
    axes: Axes, by_label: Mapping[str, Sequence[RunCurve]], target_loss: float | None
) -> None:
    curves = [run for starts in by_label.values() for run in starts]
    top = max([MAX_LOSS, 2 * (target_loss or 0), *(run.ceiling for run in curves)])
    if any((run.losses < 0).any() for run in curves):  # those of a loss of the learner's own may be
        axes.set_ylim(top=min(axes.get_ylim()[1], top))
    else:
        axes.set_yscale("log")
    if target_loss is not None:
        if not by_label:  # matplotlib would put both ends of the axis there
            axes.set_ylim(target_loss / 10, target_loss * 10)
        axes.axhline(target_loss, color=MUTED, linewidth=1, linestyle=":")
        at, coords = (0, target_loss), ("axes fraction", "data")
        words = note(axes, f"target {target_loss:g}", at, (4, 3), xycoords=coords, color=MUTED)
        words.set_in_layout(False)
    if axes.get_yscale() == "log":
        axes.set_ylim(top=min(axes.get_ylim()[1], top))
        plain_log_ticks(axes)


def _scale_scores(axes: Axes, metric: ShownMetric, noun: str) -> None:
    if metric.is_share:
        axes.set(ylim=(0, 100), ylabel=f"held-out {noun} right (%)")
        return
    axes.set_ylabel(f"held-out {plain_text(metric.name)}")
    if metric.field == "mean_absolute_error":
        axes.set_ylim(bottom=0)


def _draw_runner(
    axes: Axes,
    label: str,
    starts: Sequence[RunCurve],
    colour: str,
    *,
    x: str,
    y: str,
    metric: ShownMetric,
) -> None:
    curve = band(starts, x=x, y=y, metric=metric)
    if not len(curve.x):
        return
    dropped = [run for run in starts if run.dropped is not None]
    share = f"{len(dropped)} of {len(starts)} " if len(starts) > 1 else ""
    name = plain_text(label)
    words = f"{name}:\n{share}diverged" if dropped else name
    if len(starts) > 1:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, lw=0)
    if y != "loss":
        axes.plot(curve.x, curve.mean, "o-", color=colour, markersize=4, label=words)
        return
    if len(starts) == 1:
        losses = np.minimum(starts[0].losses, 10 * starts[0].ceiling)
        draw_noisy(axes, curve.x, losses, curve.mean, colour, words)
    else:
        axes.plot(*decimate(curve.x, curve.mean), color=colour, label=words)
    for run in dropped:
        if (last := min(len(run.steps), len(curve.x)) - 1) >= 0:
            axes.plot(curve.x[last], run.smoothed[last], "X", color=colour, markersize=8)
