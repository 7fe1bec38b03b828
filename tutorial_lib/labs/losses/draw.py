"""The pictures of the loss lab: shapes of losses, and softmax with cross-entropy."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator

from tutorial_lib.labs.losses.measure import SoftmaxView
from tutorial_lib.pictures import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    SKY,
    VERMILION,
    ink_of,
    label_ends,
    plain_text,
    run_colour,
)

REACHES = (3, 5, 8, 12, 20, 30, 50, 80, 120, 200)


def draw_losses_at(
    pair: Sequence[Axes],
    errors: Sequence[float],
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    error: float,
    marks: Mapping[str, tuple[float, float]],
) -> None:
    """Losses against the error, beside them their slopes, and one error marked on all.

    Args:
        pair: The left axes, for the loss, and the right axes, for the slope.
        errors: N errors, rising.
        curves: The N losses and N slopes for each name.
        error: The error that is marked.
        marks: Its loss and slope for each name.
    """
    styles = ("-", "-", "-", "--")  # where two lie on each other, both are to be seen
    for part, axes in enumerate(pair):
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.axvline(error, color=INK, linewidth=1)
        axes.set(xlim=(1.05 * errors[0], 1.05 * errors[-1]), ylim=((-0.4, 9.4), (-6.5, 6.5))[part])
        axes.yaxis.set_major_locator(MultipleLocator(2))
        axes.set(xlabel="error e = guess - target", ylabel=("loss", "slope of the loss")[part])
        axes.set_title("numbers: at the upright line")
        for number, (name, curve) in enumerate(curves.items()):
            colour, value = run_colour(number), marks[name][part]
            words = f"{plain_text(name)}\n{value:.3g}"
            axes.plot(errors, curve[part], styles[number % 4], color=colour, label=words)
            size = 10 - 2 * number  # those at one point are rings
            axes.plot(error, value, "o", color=colour, markersize=size, zorder=3, clip_on=False)
        label_ends(axes)


def draw_softmax(three: Sequence[Axes], view: SoftmaxView, label: int) -> None:
    """Logits, probabilities against their target, and the loss beside that of knowing nothing.

    Args:
        three: Axes for the logits, the probabilities and the loss.
        view: What is drawn.
        label: The true class.
    """
    logits, probabilities, loss = three
    classes = np.arange(len(view.logits))
    for axes, values in ((logits, view.logits), (probabilities, view.probabilities)):
        colours = [BLUE if index == label else SKY for index in classes]
        axes.vlines(classes, 0, values, colors=colours, linewidth=120 / len(classes))
        axes.set(xlim=(-0.7, len(classes) - 0.3), xticks=classes)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(f"class (the true one is {label})")
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.grid(False)
    low, high = _reach(-min(view.logits)), _reach(max(view.logits))
    logits.set(title="logits, as they go in", ylim=(-1.05 * low, 1.05 * high))
    probabilities.hlines(view.target, classes - 0.45, classes + 0.45, color=INK, linewidth=2)
    probabilities.set(title="probabilities; strokes: the target", ylim=(-0.03, 1.05))
    _draw_loss(loss, view)


def rounded(value: float) -> str:
    """Write a number to three decimals; one that would read 0.000 is told by two digits."""
    value += 0.0  # a zero has no sign
    return f"{value:.3f}" if value == 0 or not abs(value) < 0.001 else f"{value:.2g}"


def _reach(value: float) -> float:
    """Return where an axis ends that is to hold a value: in few steps, so that it seldom jumps."""
    return next((reach for reach in REACHES if value <= reach), value)


def _draw_loss(axes: Axes, view: SoftmaxView) -> None:
    count = len(view.logits)
    rows = {
        "loss": (view.loss, BLUE),
        f"knows nothing:\nln {count}": (view.blind_loss, MUTED),
        "least possible": (view.least_loss, GREEN),
        "exp without\nthe shift": (view.plain_loss, VERMILION),
    }
    right = _reach(view.loss)
    for row, (value, colour) in enumerate(rows.values()):
        shown = value if math.isfinite(value) else 0.0
        axes.hlines(row, 0, shown, color=colour, linewidth=22)
        axes.text(
            min(shown, right) + 0.02 * right, row, rounded(value), color=ink_of(colour), va="center"
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set(xlim=(0, 1.3 * right), ylim=(len(rows) - 0.5, -0.5), xlabel="cross-entropy (nats)")
    axes.set_title("loss")
    axes.grid(False)
