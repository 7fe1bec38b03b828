"""Charts of a class, on axes that are given."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tutorial_lib.classroom.summary import ExerciseSummary, PredictionSummary
from tutorial_lib.pictures.labels import label_ends
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.plots import note, plain_log_ticks
from tutorial_lib.pictures.smoothing import loss_ceiling, smooth
from tutorial_lib.pictures.theme import (
    BLUE,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    run_colour,
)

PARTS = {"alone": BLUE, "with hints": SKY, "tried": ORANGE, "not yet": GRID}
JUDGEMENTS = {"right": BLUE, "too much": VERMILION, "too little": PURPLE, "another": MUTED}
SPAN = 25  # steps that smoothing spans
LOWEST = 1e-6  # loss that is drawn
NARROW = 5.0  # inches; wider pictures have room for longer names
FEWEST = 2  # runs that make a band


def draw_exercises(axes: Axes, summaries: Sequence[ExerciseSummary]) -> None:
    """Draw, for each exercise, how many solved it alone or with hints, tried it, or have not."""
    rows = [(one.alone, one.hinted, one.tried, one.not_yet) for one in summaries]
    _draw_parts(axes, [one.name for one in summaries], rows, PARTS)


def draw_judged(axes: Axes, summaries: Sequence[PredictionSummary]) -> None:
    """Draw, for each question, how many expected what came, more, less, or something else."""
    rows = [[one.counts.get(name, 0) for name in JUDGEMENTS] for one in summaries]
    _draw_parts(axes, [one.name for one in summaries], rows, JUDGEMENTS)


def _draw_parts(
    axes: Axes, names: Sequence[str], rows: Sequence[Sequence[int]], parts: Mapping[str, str]
) -> None:
    """Draw a bar of parts for each row, the first at the top."""
    counts, places = np.array(rows, float).reshape(len(rows), len(parts)), np.arange(len(rows))
    left = np.zeros(len(rows))
    for column, (part, colour) in zip(counts.T, parts.items(), strict=True):
        axes.barh(places, column, left=left, color=colour, height=0.72, label=part)
        left += column
    is_wide = axes.figure.get_figwidth() > NARROW
    axes.set_yticks(places, [plain_text(name, 30 if is_wide else 18) for name in names])
    axes.set(xlabel="learners", ylim=(len(rows) - 0.4, -0.6), xlim=(0, max(left, default=1) or 1))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    columns = len(parts) if is_wide else 2
    looks = {"handlelength": 0.9, "columnspacing": 1.2, "borderaxespad": 0.2}
    axes.figure.legend(loc="outside upper left", ncols=columns, **looks)


def draw_challenge(
    axes: Axes,
    losses: Sequence[Sequence[float]],
    best: Mapping[str, Sequence[float]],
    *,
    target: float | None = None,
    steps: int,
) -> None:
    """Draw the smoothed losses of all runs as a band, and those of the best as lines.

    The band reaches from the lowest tenth to the highest, with the middle half darker and the
    median as a line; it ends where fewer than two runs go on.

    Args:
        losses: Of each run, (S,), of any length.
        best: Label -> losses of the runs that are named.
        target: A loss to be reached.
        steps: At most so many may be taken.
    """
    curves = [_smoothed(run) for run in losses]
    longest = max(map(len, curves), default=0)
    if len(curves) >= FEWEST:
        table = np.full((len(curves), longest), np.nan)
        for row, curve in zip(table, curves, strict=True):
            row[: len(curve)] = curve
        table = table[:, np.isfinite(table).sum(axis=0) >= FEWEST]
        x = np.arange(1, table.shape[1] + 1)
        tenth, quarter, half, three, nine = np.nanquantile(
            table, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0
        )
        axes.fill_between(x, tenth, nine, color=GRID, alpha=0.6, lw=0)
        axes.fill_between(x, quarter, three, color=MUTED, alpha=0.35, lw=0)
        axes.plot(x, half, color=INK, lw=1.2, label="median")
    for number, (label, run) in enumerate(best.items()):
        curve = _smoothed(run)
        x = np.arange(1, len(curve) + 1)
        axes.plot(x, curve, color=run_colour(number), label=plain_text(label, 24))
    axes.set_yscale("log")
    firsts = [run[0] for run in losses if len(run)]
    axes.set_ylim(top=min(axes.get_ylim()[1], loss_ceiling(firsts)))
    axes.set(xlabel="steps", ylabel="loss", xlim=(0, max(longest, min(steps, 2 * longest), 1)))
    if target is not None:
        axes.set_ylim(bottom=min(axes.get_ylim()[0], 0.9 * target))
        axes.axhline(target, color=MUTED, lw=1, ls="--")
        note(axes, f"target {target:g}", (0, target), (4, 3), color=MUTED)
    plain_log_ticks(axes)
    label_ends(axes)


def _smoothed(losses: Sequence[float]) -> np.ndarray:
    """Return losses (S,) that a logarithmic axis can show."""
    return np.maximum(smooth(losses, SPAN), LOWEST)
