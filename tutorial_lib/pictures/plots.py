"""Pictures of runs, of digits and of what a trained network answers, on axes that are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from torch import Tensor

from tutorial_lib.checks import check_choice
from tutorial_lib.data import Split
from tutorial_lib.engine import EvaluationRecord, StepRecord
from tutorial_lib.evaluation import Mistake
from tutorial_lib.pictures.contrast import ink_of
from tutorial_lib.pictures.labels import label_ends
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.png import PHOTOGRAPH
from tutorial_lib.pictures.smoothing import decimate, equal_span, loss_ceiling, smooth
from tutorial_lib.pictures.theme import COLOURS, GRID, INK, MUTED, run_colour, run_colours
from tutorial_lib.table import loss_text

MAX_NAMED = 26  # classes that have their names on a picture
DARKEST = 1.6  # of the most mistakes, where the darkest colour would be: counts can be read on it
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
    colours, firsts = run_colours(runs), []
    for label, records in runs.items():
        steps = [record for record in records if isinstance(record, StepRecord)]
        firsts += [record.loss for record in steps[:1]]
        loss = np.array([record.loss for record in steps])
        sizes = [record.batch_size for record in steps]
        bold = smooth(loss, span if x == "steps" else equal_span(sizes, span))
        draw_noisy(axes, positions(steps, x), loss, bold, colours[label], plain_text(label))
    axes.set_yscale("log")
    axes.set_ylim(top=min(axes.get_ylim()[1], loss_ceiling(firsts)))
    axes.set(xlabel=X_LABELS[x], ylabel="loss")
    plain_log_ticks(axes)
    label_ends(axes)


def draw_learning_rates(
    axes: Axes, runs: Mapping[str, Sequence[StepRecord]], *, num_classes: int | None = 10
) -> None:
    """Loss against epoch, one curve a run: each batch faint, the median of 25 steps bold.

    A median lets a single huge loss pass without a trace; where a run leaves the picture at the
    top, its largest loss is written there.

    Args:
        num_classes: Of a classification by cross-entropy, K: a line at ln K says what a network
            that knows nothing has. None: there is no such line.
    """
    firsts = [steps[0].loss for steps in runs.values() if steps]
    nothing = np.log(num_classes) if num_classes else float(np.median(firsts or [1.0]))
    top = round(2.6 * nothing, 1) if num_classes else 2.6 * nothing
    axes.set(xlabel="epochs", ylabel="loss", ylim=(0, top))
    axes.yaxis.set_major_formatter(FuncFormatter(tick_text))
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
    if num_classes:
        axes.axhline(nothing, color=MUTED, linewidth=1, linestyle=":")
        words = f"knows nothing: ln {num_classes} = {nothing:.3f}"
        note(axes, words, (axes.get_xlim()[1], nothing), (-4, 6), ha="right", color=MUTED)


def draw_overfitting(
    pair: Sequence[Axes],
    training: Sequence[float],
    scores: Sequence[EvaluationRecord],
    *,
    noun: str = "digits",
) -> None:
    """Loss on training and on held-out examples after each epoch, and beside it the accuracy.

    Of a regression, the mean absolute error stands there.

    Args:
        pair: The left axes, for the losses, and the right axes, for the accuracy.
        training: The mean training loss of each epoch.
        scores: What the held-out examples said after each epoch.
        noun: What they are, in the plural.
    """
    left, right = pair
    train, held_out = COLOURS["train"], COLOURS["validation"]
    epochs = np.arange(1, len(training) + 1)
    losses = [score.loss for score in scores]
    best = int(np.argmin(losses))
    left.semilogy(epochs, training, color=train, label="training")
    left.semilogy(epochs, losses, color=held_out, label="held out")
    left.plot(epochs[best], losses[best], "o", color=held_out, markersize=7)
    note(left, "lowest", (epochs[best], losses[best]), (8, -13), color=held_out)
    plain_log_ticks(left)
    label_ends(left)
    left.set(xlabel="epochs", ylabel="loss")
    noun = plain_text(noun, 20)
    if scores[0].accuracy is not None:
        right.plot(epochs, [100 * score.accuracy for score in scores], color=held_out)
        right.set(ylim=(0, 100), xlabel="epochs", ylabel=f"held-out {noun} right (%)")
    else:
        right.plot(epochs, [score.mean_absolute_error for score in scores], color=held_out)
        right.set(xlabel="epochs", ylabel=f"mean absolute error\nof held-out {noun}")
        right.set_ylim(bottom=0)
    for axes in pair:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


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
    if "color" in looks:
        looks["color"] = ink_of(looks["color"])
    return axes.annotate(text, at, offset, textcoords="offset points", **looks)


def plain_log_ticks(axes: Axes) -> None:
    """Write the ticks of a logarithmic y axis, as far as it reaches now, as plain numbers."""
    axes.yaxis.set_major_locator(plain_log_locator(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(FuncFormatter(tick_text))
    axes.yaxis.set_minor_formatter(NullFormatter())


def plain_log_locator(low: float, high: float) -> LogLocator:
    """Return where a logarithmic axis that reaches so far has its ticks."""
    steps = (1, 2, 5) if high / low < 1000 else (1,)  # within each power of ten
    return LogLocator(subs=steps, numticks=12)


def tick_text(value: float, _: object = None) -> str:
    """Write a number beside an axis, in few letters: 0.05, 20,000, 1e-6."""
    if value == 0 or 0.001 <= abs(value) < 1e5:
        return f"{value:,g}"
    digits, power = f"{value:.3e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def draw_pictures(
    axes: Axes,
    images: Any,
    titles: Sequence[Any] | None = None,
    *,
    columns: int = 10,
    ink: bool = False,
) -> None:
    """Draw pictures as a grid, grey or in colour.

    Args:
        images: (N, C, H, W) with 1, 3 or 4 channels, or (N, H, W), in any units: the lowest value
            of all is black, the highest white. A fourth channel is left out.
        titles: N short texts, each written above its picture.
        columns: Pictures a row.
        ink: Whether grey ones are drawn the other way round, ink on paper.
    """
    pixels = np.asarray(images, float)
    if pixels.ndim == 3:
        pixels = pixels[:, None]  # (N, 1, H, W)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3, 4):
        raise ValueError(f"images must be (N, 1 or 3, H, W); got {list(np.shape(images))}")
    pixels = pixels[:, :3]
    is_grey, (num_pictures, _, height, width) = pixels.shape[1] == 1, pixels.shape
    texts = [plain_text(title) for title in ([] if titles is None else titles)]
    lines = max((text.count("\n") + 1 for text in texts), default=0)
    gap = 0 if ink and is_grey else max(1, width // 16)  # paper between them
    head = height // 3 if lines == 1 else int(lines * height * columns / 10) // 3
    head = max(head, gap)
    columns = min(columns, num_pictures)
    place = {"above": head, "beside": gap}
    plural = "s" * (num_pictures > 1)
    label = f"{num_pictures} picture{plural} of {height} x {width}"  # for those who do not see them
    if ink and is_grey:
        sheet = _tiled(pixels[:, 0], columns, **place)
        axes.imshow(sheet, cmap="gray_r", label=label)
    elif is_grey:
        sheet = _tiled(pixels[:, 0], columns, **place, paper=np.nan)  # nothing is drawn there
        axes.imshow(sheet, cmap="gray", gid=PHOTOGRAPH, label=label)
    else:
        low, high = pixels.min(), pixels.max()
        scaled = (pixels - low) / ((high - low) or 1.0)
        sheets = [_tiled(scaled[:, channel], columns, **place, paper=1.0) for channel in range(3)]
        covered = _tiled(np.ones_like(scaled[:, 0]), columns, **place, paper=0.0)
        sheet = np.stack([*sheets, covered], axis=-1)  # (rows, columns, 4)
        axes.imshow(sheet, gid=PHOTOGRAPH, label=label)
    for index, text in enumerate(texts):
        left, top = index % columns * (width + gap) + gap, index // columns * (height + head) + head
        axes.text(left + width / 2, top - 1, text, ha="center", va="bottom", size=9)
    axes.set_axis_off()


def draw_digits(
    axes: Axes, images: Any, titles: Sequence[Any] | None = None, *, columns: int = 10
) -> None:
    """Draw digits as a grid: ink on paper; pictures with colours as they are.

    Args:
        images: (N, 1, H, W) or (N, H, W), in any units: the lowest value is paper, the highest ink.
        titles: N short texts, each written above its digit.
        columns: Digits a row.
    """
    draw_pictures(axes, images, titles, columns=columns, ink=True)


def _tiled(
    pixels: np.ndarray, columns: int, *, above: int, beside: int = 0, paper: float | None = None
) -> np.ndarray:
    """Lay pictures (N, H, W) on one sheet, row by row, with paper above and beside each."""
    count, height, width = pixels.shape
    shape = -(-count // columns) * columns, height + above, width + beside
    sheet = np.full(shape, pixels.min() if paper is None else paper)
    sheet[:count, above:, beside:] = pixels
    rows = sheet.reshape(-1, columns, height + above, width + beside).swapaxes(1, 2)
    return rows.reshape(-1, columns * (width + beside))


def draw_confusion(
    axes: Axes, confusion: Sequence[Sequence[int]], classes: Sequence[Any] | None = None
) -> None:
    """Draw a confusion matrix (K, K): rows are true classes, columns the answers.

    Up to 26 classes have their names and counts; of more, the colours alone tell.

    Args:
        classes: Their names. None: digits, if there are ten, or else numbers.
    """
    counts = np.asarray(confusion)
    num_classes = len(counts)
    mistakes = np.where(np.eye(num_classes, dtype=bool), 0, counts)
    label = f"{counts.trace()} of {counts.sum()} right"  # for those who do not see it
    axes.imshow(mistakes, cmap="Oranges", vmax=max(1, mistakes.max()) * 1.3, label=label)
    looks = {"ha": "center", "va": "center"}
    if num_classes > MAX_NAMED:
        axes.set_title("Mistakes: the darker, the more", color=INK)
    else:
        if num_classes > 10:  # small ones, as far as they can be read
            looks["size"] = max(5.5, 90 / num_classes)
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                colour = MUTED if row == column else INK
                axes.text(column, row, counts[row, column], color=colour, **looks)
    _name_classes(axes, num_classes, classes, both=True)
    axes.set(xlabel="the net's answer", ylabel=f"true {_kind(num_classes, classes)}")
    axes.grid(visible=False)


def draw_accuracy_by_class(
    axes: Axes,
    accuracies: Sequence[float],
    classes: Sequence[Any] | None = None,
    *,
    right: str = "named right",
) -> None:
    """Draw the accuracy of each class as a dot, and their mean as a line.

    Args:
        accuracies: (K,), 0 to 1: the share of each class that is named right; nan where there are
            none of a class.
        classes: Their names. None: digits, if there are ten, or else numbers.
        right: What the share is of, as the axis says it.
    """
    percent = 100 * np.asarray(accuracies, dtype=float)
    mean, few = np.nanmean(percent), len(percent) <= MAX_NAMED
    axes.axhline(mean, color=MUTED, lw=1, ls=":", label=f"mean {mean:.1f} %")
    low, high = np.nanmin(percent), np.nanmax(percent)
    room = max(0.5, 0.2 * (high - low))
    axes.set_ylim(low - room, high + room)
    label_ends(axes)
    places = np.arange(len(percent))
    axes.vlines(places, mean, percent, color=GRID, lw=3)
    axes.plot(places, percent, "o", color=COLOURS["validation"], ms=6 if few else 3)
    size = 9 if len(percent) <= 10 else 7
    for place, value in enumerate(percent):
        if few and np.isfinite(value):
            up, side = (6, "bottom") if value >= mean else (-6, "top")
            words = f"{value:.1f}" if len(percent) <= 15 else f"{value:.0f}"
            note(axes, words, (place, value), (0, up), ha="center", va=side, size=size)
    _name_classes(axes, len(percent), classes)
    axes.grid(visible=False, axis="x")
    axes.set(xlabel=f"true {_kind(len(percent), classes)}", ylabel=f"{right} (%)")


def draw_accuracy_per_digit(axes: Axes, accuracies: Sequence[float]) -> None:
    """Draw the accuracy of each digit as a dot, and all ten together as a line.

    Args:
        accuracies: (10,), 0 to 1: the share of the zeros, the ones ... that are read right.
    """
    draw_accuracy_by_class(axes, accuracies, right="read right")


def _kind(num_classes: int, classes: Sequence[Any] | None) -> str:
    names = list(range(10)) if classes is None else classes
    is_digits = num_classes == 10 and [str(name) for name in names] == list("0123456789")
    return "digit" if is_digits else "class"


def _name_classes(
    axes: Axes, num_classes: int, classes: Sequence[Any] | None, *, both: bool = False
) -> None:
    """Write the names of classes along the x axis, or along both; of too many, a few numbers."""
    if classes is not None and len(classes) != num_classes:
        raise ValueError(f"classes must be {num_classes} names; got {len(classes)}")
    directions = [axes.xaxis, axes.yaxis] if both else [axes.xaxis]
    if num_classes > MAX_NAMED:
        for axis in directions:
            axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        return
    names = [plain_text(name, 14) for name in (range(num_classes) if classes is None else classes)]
    for axis in directions:
        axis.set_ticks(range(num_classes), names)
        axis.set_tick_params(labelsize=8.5 if num_classes <= 12 else 7)
    if max(map(len, names)) > 2:
        looks = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        for label in axes.get_xticklabels():
            label.set(**looks)


def draw_mistakes(
    axes: Axes,
    images: Tensor | Split,
    mistakes: Sequence[Mistake],
    classes: Sequence[Any] | None = None,
    *,
    ink: bool = True,
) -> None:
    """Draw pictures taken for others: above each what it is, the answer, and how sure the net was.

    Args:
        images: (N, C, H, W), those of the split that the mistakes were made on, or that split.
        mistakes: At least one.
        classes: The names of the classes. None: their numbers.
        ink: Whether grey ones are drawn as ink on paper.
    """
    indices = [mistake.index for mistake in mistakes]
    if not isinstance(images, Tensor):
        shown, _ = images.take(torch.tensor(indices, device=images.device))
    else:
        shown = images[indices]
    names = None if classes is None else [plain_text(name, 12) for name in classes]
    if names is None or max(map(len, names)) <= 2:
        words = [(m.label, m.answer) if names is None else (names[m.label], names[m.answer])
                 for m in mistakes]  # fmt: skip
        lines, columns = [f"{label}→{answer} " for label, answer in words], 10
    else:
        lines = [f"{names[m.label]}\n→ {names[m.answer]}\n" for m in mistakes]
        columns = 6
    titles = [
        f"{line}{100 * mistake.probability:.0f} %"
        for line, mistake in zip(lines, mistakes, strict=True)
    ]
    draw_pictures(axes, shown.cpu(), titles, columns=columns, ink=ink)


def draw_predictions(
    axes: Axes, predictions: Any, targets: Any, *, what: str = "", names: Sequence[str] = ()
) -> None:
    """Draw predicted numbers against the true ones; where they agree, they lie on the diagonal.

    Args:
        predictions: (N, T), or (N,), as `predict` returns them.
        targets: Of the same shape, or (N, 1).
        what: What the numbers are, with their unit.
        names: Of the T targets, if there are several.
    """
    predicted, true = _pairs(predictions, targets)
    low, high = _ends(predicted, true)
    axes.plot([low, high], [low, high], color=MUTED, lw=1, ls="--")
    at = low + 0.97 * (high - low)
    note(axes, "right", (at, at), (-4, 2), ha="right", va="bottom", color=MUTED)
    _draw_targets(axes, true, predicted, names)
    what = plain_text(what) or "value"
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set(xlabel=f"true {what}", ylabel=f"predicted {what}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(tick_text))


def draw_residuals(
    axes: Axes | Sequence[Axes],
    predictions: Any,
    targets: Any,
    *,
    what: str = "",
    names: Sequence[str] = (),
) -> None:
    """Draw by how much predictions are too high, against what was predicted.

    A cloud around 0, equally wide everywhere, is all that can be hoped for; a bow or a funnel is
    something that the network has not learned.

    Args:
        axes: One, or a pair: then the left one shows the predictions against the true numbers.
        predictions: (N, T), or (N,), as `predict` returns them.
        targets: Of the same shape, or (N, 1).
        what: What the numbers are, with their unit.
        names: Of the T targets, if there are several.
    """
    if not isinstance(axes, Axes):
        left, axes = axes
        draw_predictions(left, predictions, targets, what=what, names=names)
    predicted, true = _pairs(predictions, targets)
    residuals = predicted - true
    axes.axhline(0, color=MUTED, lw=1, ls="--")
    _draw_targets(axes, predicted, residuals, names)
    error, what = np.abs(residuals).mean(), plain_text(what) or "value"
    axes.axhspan(-error, error, color=COLOURS["grid"], alpha=0.45, lw=0, zorder=0)
    words = f"mean absolute error {loss_text(error)}"
    axes.set_title(words, color=INK)
    limit = 1.1 * (np.abs(residuals).max() or 1.0)
    axes.set(ylim=(-limit, limit), xlabel=f"predicted {what}", ylabel="predicted - true")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(tick_text))


def _pairs(predictions: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and targets, both (N, T)."""
    predicted, true = (
        np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, float)
        for values in (predictions, targets)
    )
    if predicted.size != true.size or not true.size or len(predicted) != len(true):
        shapes = f"{list(predicted.shape)} and {list(true.shape)}"
        raise ValueError(f"predictions and targets must be of one shape, (N, T); got {shapes}")
    return predicted.reshape(len(predicted), -1), true.reshape(len(true), -1)


def _ends(*values: np.ndarray) -> tuple[float, float]:
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _draw_targets(axes: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> None:
    """Draw points (N, T), each of the T targets in a colour of its own."""
    alpha = 0.7 if len(x) <= 300 else 0.35
    for number in range(x.shape[1]):
        name = plain_text(names[number] if names else f"target {number + 1}")
        looks = {"color": run_colour(number), "ms": 4, "alpha": alpha, "mew": 0, "label": name}
        axes.plot(x[:, number], y[:, number], "os^Dv<>P"[number % 8], **looks)
    if x.shape[1] > 1:
        axes.legend(loc="best")


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
