"""Pictures of runs, of digits and of what a trained network answers, on axes that are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from torch import Tensor

from tutorial_lib.checks import check_choice
from tutorial_lib.engine import EvaluationRecord, StepRecord
from tutorial_lib.evaluation import Mistake
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.smoothing import MAX_LOSS, decimate, equal_span, smooth
from tutorial_lib.pictures.theme import COLOURS, GRID, INK, MUTED, run_colour, run_colours

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
    colours = run_colours(runs)
    for label, records in runs.items():
        steps = [record for record in records if isinstance(record, StepRecord)]
        loss = np.array([record.loss for record in steps])
        sizes = [record.batch_size for record in steps]
        bold = smooth(loss, span if x == "steps" else equal_span(sizes, span))
        draw_noisy(axes, positions(steps, x), loss, bold, colours[label], plain_text(label))
    axes.set_yscale("log")
    axes.set_ylim(top=min(axes.get_ylim()[1], MAX_LOSS))
    axes.set(xlabel=X_LABELS[x], ylabel="loss")
    plain_log_ticks(axes)
    label_ends(axes)


def draw_learning_rates(axes: Axes, runs: Mapping[str, Sequence[StepRecord]]) -> None:
    """Loss against epoch, one curve a run: each batch faint, the median of 25 steps bold.

    A median lets a single huge loss pass without a trace; where a run leaves the picture at the
    top, its largest loss is written there.
    """
    top = 6
    axes.set(xlabel="epochs", ylabel="loss", ylim=(0, top))
    for number, (label, steps) in enumerate(runs.items()):
        x, loss = positions(steps), np.array([step.loss for step in steps])
        bold = np.array([np.median(loss[max(0, i - 12) : i + 13]) for i in range(len(loss))])
        colour = run_colour(number)
        shown = np.minimum(loss, 1.5 * top), np.minimum(bold, 1.5 * top)
        draw_noisy(axes, x, *shown, colour, plain_text(label))
        if loss.max() > 1.5 * top:
            words = f"up to $10^{{{np.log10(loss.max()):.0f}}}$"
            note(axes, words, (x[loss.argmax()], top), (6, -4), va="top", color=colour)
    label_ends(axes)
    axes.axhline(np.log(10), color=MUTED, linewidth=1, linestyle=":")
    at = axes.get_xlim()[1], np.log(10)
    note(axes, "knows nothing: ln 10 = 2.303", at, (-4, 6), ha="right", color=MUTED)


def draw_overfitting(
    pair: Sequence[Axes], training: Sequence[float], scores: Sequence[EvaluationRecord]
) -> None:
    """Loss on training and on test digits after each epoch, and beside it the test accuracy.

    Args:
        pair: The left axes, for the losses, and the right axes, for the accuracy.
        training: The mean training loss of each epoch.
        scores: What the test digits said after each epoch.
    """
    left, right = pair
    train, held_out = COLOURS["train"], COLOURS["validation"]
    epochs = np.arange(1, len(training) + 1)
    test = [score.loss for score in scores]
    best = int(np.argmin(test))
    left.semilogy(epochs, training, color=train, label="training")
    left.semilogy(epochs, test, color=held_out, label="test")
    left.plot(epochs[best], test[best], "o", color=held_out, markersize=7)
    note(left, "lowest", (epochs[best], test[best]), (8, -13), color=held_out)
    plain_log_ticks(left)
    label_ends(left)
    left.set(xlabel="epochs", ylabel="loss")
    right.plot(epochs, [100 * score.accuracy for score in scores], color=held_out)
    right.set(ylim=(0, 100), xlabel="epochs", ylabel="test digits right (%)")


def positions(steps: Sequence[StepRecord], x: str = "epochs") -> np.ndarray:
    """Return where steps (S,) lie along an axis of epochs, steps, images or seconds."""
    if x == "seconds":
        return np.cumsum([step.seconds for step in steps])
    if x == "epochs":
        return np.array([step.epoch + step.epoch_step / step.epoch_steps for step in steps])
    return np.array([step.step if x == "steps" else step.images_seen for step in steps], float)


def draw_noisy(
    axes: Axes, x: np.ndarray, raw: np.ndarray, bold: np.ndarray, colour: str, label: str = ""
) -> None:
    """Draw what jumps from step to step, (S,): as it is, faint, and smoothed, bold."""
    axes.plot(*decimate(x, raw), color=colour, alpha=0.25, lw=0.8)
    axes.plot(*decimate(x, bold), color=colour, label=label)


def draw_ways(
    axes: Axes, ways: Mapping[str, Any], lowest: Sequence[tuple[float, float]] = ((0, 0),)
) -> None:
    """Draw ways over two weights, each (steps + 1, 2), with their starts and the lowest points."""
    colours = run_colours(ways)
    for name, points in ways.items():
        looks = {"color": colours[name], "ms": 2.5, "lw": 1.2, "label": plain_text(name)}
        axes.plot(*np.transpose(points), "o-", **looks)
    for points in ways.values():
        axes.plot(*points[0], "s", color=INK, ms=6, clip_on=False)
    axes.plot(*np.transpose(lowest), "*", color=INK, ms=12, zorder=4)
    axes.grid(False)


def note(axes: Axes, text: str, at: Any, offset: tuple[float, float], **looks: Any) -> Annotation:
    """Write a note so many points to the right of and above a point; looks as of `annotate`."""
    return axes.annotate(text, at, offset, textcoords="offset points", **looks)


def label_ends(axes: Axes, ends: Iterable[tuple[float, str, str]] | None = None) -> list[Text]:
    """Name curves to the right of the axes at the height of their ends, none over another.

    Args:
        ends: (y in data units, text, colour) for each curve; else those of all lines with a label.
    """
    if ends is None:
        lines = [line for line in axes.lines if len(line.get_ydata())]
        ends = [(line.get_ydata()[-1], line.get_label(), line.get_color()) for line in lines]
        ends = [end for end in ends if end[1] and not end[1].startswith(("_child", "_nolegend_"))]
    if not (ends := sorted(ends, key=lambda end: end[0])):
        return []
    size = 8.5  # points
    low, high = sorted(axes.get_ylim())
    inside = [(0, min(max(y, low), high)) for y, _, _ in ends]
    heights = axes.transAxes.inverted().transform(axes.transData.transform(inside))[:, 1]
    axes_points = axes.get_window_extent().height * 72 / axes.figure.dpi
    lines = np.array([text.count("\n") + 1 for _, text, _ in ends])
    heights = spread(heights, lines * size * 1.35 / axes_points)
    looks = {"size": size, "va": "center", "transform": axes.transAxes}
    return [
        axes.text(1.015, height, text, color=colour, **looks)
        for height, (_, text, colour) in zip(heights, ends, strict=True)
    ]


def spread(heights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move ascending heights (N,) just so far apart that things of these sizes do not overlap."""
    heights, gaps = np.array(heights, dtype=float), (sizes[1:] + sizes[:-1]) / 2
    for index, gap in enumerate(gaps):
        heights[index + 1] = max(heights[index + 1], heights[index] + gap)
    # Too high: push down from the top.
    heights[-1] = min(heights[-1], 1.05 - sizes[-1] / 2)
    for index in reversed(range(len(gaps))):
        heights[index] = min(heights[index], heights[index + 1] - gaps[index])
    return heights


def plain_log_ticks(axes: Axes) -> None:
    """Write the ticks of a logarithmic y axis, as far as it reaches now, as plain numbers."""
    low, high = axes.get_ylim()
    steps = (1, 2, 5) if high / low < 1000 else (1,)  # within each power of ten
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(tick_text))
    axes.yaxis.set_minor_formatter(NullFormatter())


def tick_text(value: float, _: object = None) -> str:
    """Write a number below an axis: 0.05, 20,000, 1e-6."""
    return f"{value:,g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def draw_digits(
    axes: Axes, images: Any, titles: Sequence[Any] | None = None, *, columns: int = 10
) -> None:
    """Draw digits as a grid.

    Args:
        images: (N, 1, H, W) or (N, H, W), in any units: the lowest value is paper, the highest ink.
        titles: N short texts, each written above its digit.
        columns: Data a row.
    """
    pixels = np.asarray(images, float).reshape(-1, *np.shape(images)[-2:])  # (N, H, W)
    _, height, width = pixels.shape
    columns = min(columns, len(pixels))
    head = 0 if titles is None else height // 3
    axes.imshow(_tiled(pixels, columns, above=head), cmap="gray_r")
    for index, title in enumerate([] if titles is None else titles):
        left, top = index % columns * width, index // columns * (height + head) + head
        words = plain_text(title)
        axes.text(left + width / 2, top - 1, words, ha="center", va="bottom", size=9)
    axes.set_axis_off()


def _tiled(pixels: np.ndarray, columns: int, *, above: int, beside: int = 0) -> np.ndarray:
    """Lay pictures (N, H, W) on one sheet, row by row, with paper above and beside each."""
    count, height, width = pixels.shape
    sheet = np.full((-(-count // columns) * columns, height + above, width + beside), pixels.min())
    sheet[:count, above:, beside:] = pixels
    rows = sheet.reshape(-1, columns, height + above, width + beside).swapaxes(1, 2)
    return rows.reshape(-1, columns * (width + beside))


def draw_confusion(axes: Axes, confusion: Sequence[Sequence[int]]) -> None:
    """Draw a confusion matrix (10, 10): rows are true digits, columns the answers."""
    counts = np.asarray(confusion)
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    axes.imshow(mistakes, cmap="Oranges", vmax=max(1, mistakes.max()) * 1.3)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = MUTED if row == column else INK
            axes.text(column, row, counts[row, column], ha="center", va="center", color=colour)
    axes.set(xticks=range(10), yticks=range(10), xlabel="the net's answer", ylabel="true digit")
    axes.grid(visible=False)


def draw_accuracy_per_digit(axes: Axes, accuracies: Sequence[float]) -> None:
    """Draw the accuracy of each digit as a dot, and all ten together as a line.

    Args:
        accuracies: (10,), 0 to 1: the share of the zeros, the ones ... that are read right.
    """
    percent = 100 * np.asarray(accuracies, dtype=float)
    mean = percent.mean()
    axes.axhline(mean, color=MUTED, lw=1, ls=":", label=f"mean {mean:.1f} %")
    room = max(0.5, 0.2 * np.ptp(percent))
    axes.set_ylim(percent.min() - room, percent.max() + room)
    label_ends(axes)
    axes.vlines(range(10), mean, percent, color=GRID, lw=3)
    axes.plot(range(10), percent, "o", color=COLOURS["validation"], ms=6)
    for digit, value in enumerate(percent):
        up, side = (6, "bottom") if value >= mean else (-6, "top")
        note(axes, f"{value:.1f}", (digit, value), (0, up), ha="center", va=side)
    axes.set_xticks(range(10))
    axes.grid(visible=False, axis="x")
    axes.set(xlabel="true digit", ylabel="read right (%)")


def draw_mistakes(axes: Axes, images: Tensor, mistakes: Sequence[Mistake]) -> None:
    """Draw wrongly read digits: above each what it is, the answer, and how sure the net was.

    Args:
        images: (N, 1, H, W), the split that the mistakes were made on.
        mistakes: At least one.
    """
    titles = [f"{m.label}→{m.answer} {100 * m.probability:.0f} %" for m in mistakes]
    draw_digits(axes, images[[m.index for m in mistakes]].cpu(), titles)


def draw_activations(axes: Axes, activations: Mapping[str, Tensor]) -> None:
    """Draw what each layer makes of one digit, from left to right: the darker, the stronger.

    Feature maps stand side by side, long vectors are folded into columns, and the ten logits have
    their digits beside them. Each layer has its own scale.

    Args:
        activations: Name -> (1, C, H, W) or (1, N).
    """
    left = 0.0
    for name, values in activations.items():
        values = values[0].detach().cpu().numpy()  # (C, H, W) or (N,)
        if values.ndim == 3:  # near to a square, with white lines between
            columns = int(np.ceil(np.sqrt(len(values))))
            sheet = _tiled(values, columns, above=1, beside=1)[1:, 1:]
        else:  # a column of ten rows, and more beside it for a longer vector
            sheet = _tiled(values[:, None, None], 10, above=0).T
        width = sheet.shape[1] / sheet.shape[0]  # every layer is 1 high
        axes.imshow(sheet, cmap="gray_r", extent=(left, left + width, 0, 1))
        corners = [left, left + width, left + width, left, left], [0, 0, 1, 1, 0]
        axes.plot(*corners, color=GRID, lw=0.8)
        shape = " x ".join(map(str, values.shape))
        middle = left + width / 2
        words = plain_text(name)
        axes.text(middle, 1.05, words, ha="center", va="bottom", color=INK, weight="bold")
        axes.text(middle, -0.05, shape, ha="center", va="top", color=MUTED)
        if values.shape == (10,):
            _name_digits(axes, values, left + width)
        left += max(width, 0.5) + 0.25
    axes.set(xlim=(-0.03, left), ylim=(-0.22, 1.22), aspect="equal")
    axes.set_axis_off()


def _name_digits(axes: Axes, logits: np.ndarray, left: float) -> None:
    for digit in range(10):
        weight = "bold" if digit == logits.argmax() else "normal"
        words = f"{digit}   {logits[digit]:.1f}"
        axes.text(left + 0.04, 0.95 - digit / 10, words, va="center", size=8, weight=weight)
