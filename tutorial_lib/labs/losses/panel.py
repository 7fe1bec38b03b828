"""The panels of the loss lab."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from tutorial_lib.checks import check_whole
from tutorial_lib.labs.losses.draw import draw_losses_at, draw_softmax, rounded
from tutorial_lib.labs.losses.measure import SoftmaxView, losses_and_slopes, softmax_view
from tutorial_lib.panels import PlayPanel
from tutorial_lib.panels.controls import NumberControl, dropdown, play_slider

_ERRORS = tuple(index / 50 for index in range(-150, 151))  # -3 to 3


def loss_panel() -> PlayPanel:
    """Return a panel that shows four losses and their slopes at an error that can be moved."""
    near = "where near the target ends."
    by_name = {
        "error": play_slider("error", 2.0, -3, 3, "Guess minus target, of one element."),
        "beta": play_slider("beta", 1.0, 0.05, 3, f"Threshold of SmoothL1: {near}"),
        "delta": play_slider("delta", 2.0, 0.05, 3, f"Threshold of Huber: {near}"),
    }
    boxes = (0.06, 0.13, 0.351, 0.8), (0.559, 0.13, 0.351, 0.8)
    return PlayPanel("losses against the error", _draw_losses, by_name, boxes=boxes)


def softmax_panel(num_classes: int = 10) -> PlayPanel:
    """Return a panel with a slider for each logit: softmax, cross-entropy and what breaks exp.

    Args:
        num_classes: How many logits there are, 2 or more. They start at 0, knowing nothing.
    """
    check_whole("num_classes", num_classes, low=2)
    label = "The label: which class is the right one."
    added = "A constant added to all logits. It changes nothing, on paper."
    smoothing = "Label smoothing: the share of the target that is spread over all classes."
    by_name = {f"logit_{index}": _logit_slider(index) for index in range(num_classes)} | {
        "label": dropdown("true class", range(num_classes), min(3, num_classes - 1), label),
        "added": play_slider("add to all", 0.0, -150, 150, added, step=1),
        "smoothing": play_slider("smoothing", 0.0, 0, 0.5, smoothing, step=0.01),
    }
    boxes = (0.05, 0.13, 0.255, 0.78), (0.37, 0.13, 0.255, 0.78), (0.76, 0.13, 0.225, 0.78)
    narrow = (0.18, 0.725, 0.79, 0.236), (0.18, 0.392, 0.79, 0.236), (0.18, 0.059, 0.79, 0.236)
    looks = {"boxes": boxes, "narrow_boxes": narrow, "narrow_size": (6.3, 8)}
    return PlayPanel("softmax and cross-entropy", _draw_softmax, by_name, **looks)


def _logit_slider(index: int) -> NumberControl:
    looks = {"orientation": "vertical", "width": "62px", "label_width": "auto", "step": 0.1}
    return play_slider(f"z{index}", 0.0, -10, 10, f"The logit of class {index}.", **looks)


def _draw_losses(pair: Sequence[Axes], error: float, beta: float, delta: float) -> str:
    curves = losses_and_slopes(_ERRORS, beta=beta, delta=delta)
    marks = {
        name: (values[0], slopes[0])
        for name, (values, slopes) in losses_and_slopes([error], beta=beta, delta=delta).items()
    }
    draw_losses_at(pair, _ERRORS, curves, error, marks)
    words = [f"{name} {loss:.3g}, slope {slope:.3g}" for name, (loss, slope) in marks.items()]
    return f"At error {error:g}: " + "; ".join(words) + "."


def _draw_softmax(
    three: Sequence[Axes], label: int, added: float, smoothing: float, **logits: float
) -> str:
    view = softmax_view(list(logits.values()), label, added=added, smoothing=smoothing)
    draw_softmax(three, view, label)
    words = (
        f"Class {label} gets probability {view.probabilities[label]:.4f}: loss {rounded(view.loss)}"
        f"{', against the smoothed target' if smoothing else ''}, "
        f"where knowing nothing costs {view.blind_loss:.3f}."
    )
    if math.isclose(view.plain_loss, view.loss, rel_tol=0.01, abs_tol=1e-6):
        return words
    return f"{words} Without the shift, {_what_broke(view)}."


def _what_broke(view: SoftmaxView) -> str:
    powers = view.plain_powers
    if math.isfinite(view.plain_loss):
        wrong = rounded(view.plain_loss)
        return f"exp keeps too few digits in float32, and the loss comes out as {wrong}"
    if math.inf in powers:
        return "exp overflows in float32, and infinity / infinity is nan"
    if not any(powers):
        return "every exp is 0 in float32, and 0 / 0 is nan"
    return "the probability is rounded to 0 in float32, and -ln 0 is infinite"
