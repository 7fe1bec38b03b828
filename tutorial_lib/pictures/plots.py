"""Pictures of digits and of runs, drawn on axes that are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tutorial_lib.checks import check_choice
from tutorial_lib.engine import StepRecord
from tutorial_lib.pictures.smoothing import MAX_LOSS, decimate, equal_span, smooth
from tutorial_lib.pictures.theme import COLOURS, run_colours

X_LABELS = {
    "epochs": "epochs",
    "steps": "steps",
    "images": "images seen",
    "seconds": "seconds of training",
}


def draw_runs(
    axes: Axes, runs: Mapping[str, Iterable[Any]], *, x: str = "epochs", span: float = 25
) -> None:
    """Draw the loss of several runs: each batch faint, the smoothed curve bold, named at its end.

    Args:
        runs: Label -> records of a run. Other records than StepRecords are passed over.
        x: What lies along the axis: "epochs", "steps", "images" or "seconds".
        span: About how many steps the smoothing spans. This is for batches of 32; for others it is
            as many images, but along an axis of steps as many steps.
    """
    check_choice("x", x, X_LABELS)
    ends, colours = [], run_colours(runs)
    for label, records in runs.items():
        steps = [record for record in records if isinstance(record, StepRecord)]
        position, loss = _positions(steps, x), np.array([record.loss for record in steps])
        sizes = [record.batch_size for record in steps]
        bold = smooth(loss, span if x == "steps" else equal_span(sizes, span))
        axes.plot(*decimate(position, loss), color=colours[label], alpha=0.25, lw=0.8)
        axes.plot(*decimate(position, bold), color=colours[label])
        if len(bold):
            ends.append((bold[-1], str(label), colours[label]))
    axes.set_yscale("log")
    axes.set_ylim(top=min(axes.get_ylim()[1], MAX_LOSS))
    axes.set(xlabel=X_LABELS[x], ylabel="loss")
    plain_log_ticks(axes)
    label_ends(axes, ends)


def _positions(steps: Sequence[StepRecord], x: str) -> np.ndarray:
    if x == "steps":
        return np.array([record.step for record in steps], dtype=float)
    if x == "images":
        return np.array([record.images_seen for record in steps], dtype=float)
    if x == "seconds":
        return np.cumsum([record.seconds for record in steps])
    return np.array([r.epoch + r.epoch_step / r.epoch_steps for r in steps], dtype=float)


def label_ends(axes: Axes, ends: Iterable[tuple[float, str, str]], *, size: float = 8.5) -> list:
    """Name curves to the right of the axes at the height of their ends, none over another.

    Args:
        ends: (y in data units, text, colour) for each curve.
        size: Of the letters, in points.

    Returns:
        The text artists.
    """
    if not (ends := sorted(ends, key=lambda end: end[0])):
        return []
    low, high = sorted(axes.get_ylim())
    inside = [(0, min(max(y, low), high)) for y, _, _ in ends]
    heights = axes.transAxes.inverted().transform(axes.transData.transform(inside))[:, 1]
    axes_points = axes.get_window_extent().height * 72 / axes.figure.dpi
    lines = np.array([text.count("\n") + 1 for _, text, _ in ends])
    places = spread(heights, lines * size * 1.35 / axes_points)
    return [
        axes.text(
            1.015, place, text, color=colour, size=size, va="center", transform=axes.transAxes
        )
        for place, (_, text, colour) in zip(places, ends, strict=True)
    ]


def spread(heights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move ascending heights (N,) just so far apart that things of these sizes do not overlap."""
    places = np.array(heights, dtype=float)
    gaps = (sizes[1:] + sizes[:-1]) / 2
    for index, gap in enumerate(gaps):
        places[index + 1] = max(places[index + 1], places[index] + gap)
    over = places[-1] + sizes[-1] / 2 - 1.05  # too high: push down from the top
    if over > 0:
        places[-1] -= over
        for index in range(len(gaps) - 1, -1, -1):
            places[index] = min(places[index], places[index + 1] - gaps[index])
    return places


def plain_log_ticks(axes: Axes) -> None:
    """Write the ticks of a logarithmic y axis, as far as it reaches now, as plain numbers."""
    low, high = axes.get_ylim()
    steps = (1, 2, 5) if high / low < 1000 else (1,)  # within each power of ten
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def draw_digits(
    axes: Axes, images: Any, titles: Sequence[Any] | None = None, *, columns: int = 10
) -> None:
    """Draw digits as a grid.

    Args:
        images: (N, 1, H, W) or (N, H, W), in any units: the lowest value is paper, the highest ink.
        titles: N short texts, each written above its digit.
        columns: Digits a row.
    """
    pixels = np.asarray(images).reshape(-1, *np.shape(images)[-2:])  # (N, H, W)
    count, height, width = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    head = 0 if titles is None else height // 3
    sheet = np.full((rows * (height + head), columns * width), pixels.min(), dtype=float)
    for index, digit in enumerate(pixels):
        top, left = index // columns * (height + head) + head, index % columns * width
        sheet[top : top + height, left : left + width] = digit
        if titles is not None:
            axes.text(left + width / 2, top - 1, titles[index], ha="center", va="bottom", size=9)
    axes.imshow(sheet, cmap="gray_r")
    axes.set_axis_off()


def draw_confusion(axes: Axes, confusion: Sequence[Sequence[int]]) -> None:
    """Draw a confusion matrix (10, 10): rows are true digits, columns the answers."""
    counts = np.asarray(confusion)
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    axes.imshow(mistakes, cmap="Oranges", vmax=max(1, mistakes.max()) * 1.3)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = COLOURS["muted"] if row == column else COLOURS["ink"]
            axes.text(column, row, counts[row, column], ha="center", va="center", color=colour)
    axes.set(xticks=range(10), yticks=range(10), xlabel="the net's answer", ylabel="true digit")
    axes.grid(visible=False)
