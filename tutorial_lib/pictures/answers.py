"""Pictures of what a trained network answers, and of what passes through it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from tutorial_lib.evaluation import Mistake
from tutorial_lib.pictures.plots import draw_digits
from tutorial_lib.pictures.theme import COLOURS, GRID, INK, MUTED


def draw_accuracy_per_digit(axes: Axes, accuracies: Sequence[float]) -> None:
    """Draw the accuracy of each digit as a dot, and all ten together as a line.

    Args:
        accuracies: (10,), 0 to 1: the share of the zeros, the ones ... that are read right.
    """
    percent = 100 * np.asarray(accuracies, dtype=float)
    mean = percent.mean()
    axes.axhline(mean, color=MUTED, lw=1, ls=":")
    axes.annotate(f"mean {mean:.1f} %", (1.01, mean), xycoords=("axes fraction", "data"),
                  va="center", color=MUTED)  # fmt: skip
    axes.vlines(range(10), mean, percent, color=GRID, lw=3)
    axes.plot(range(10), percent, "o", color=COLOURS["validation"], ms=6)
    for digit, value in enumerate(percent):
        above = value >= mean
        axes.annotate(f"{value:.1f}", (digit, value), xytext=(0, 6 if above else -6),
                      textcoords="offset points", ha="center",
                      va="bottom" if above else "top")  # fmt: skip
    room = max(0.5, 0.2 * np.ptp(percent))
    axes.set_ylim(percent.min() - room, percent.max() + room)
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
        sheet = _maps_in_a_grid(values) if values.ndim == 3 else _folded(values)
        width = sheet.shape[1] / sheet.shape[0]  # every layer is 1 high
        axes.imshow(sheet, cmap="gray_r", extent=(left, left + width, 0, 1))
        axes.plot([left, left + width, left + width, left, left], [0, 0, 1, 1, 0],
                  color=GRID, lw=0.8)  # fmt: skip
        shape = " x ".join(map(str, values.shape))
        middle = left + width / 2
        axes.text(middle, 1.05, name, ha="center", va="bottom", color=INK, weight="bold")
        axes.text(middle, -0.05, shape, ha="center", va="top", color=MUTED)
        if values.shape == (10,):
            _name_digits(axes, values, left + width)
        left += max(width, 0.5) + 0.25
    axes.set(xlim=(-0.03, left), ylim=(-0.22, 1.22), aspect="equal")
    axes.set_axis_off()


def _maps_in_a_grid(maps: np.ndarray) -> np.ndarray:
    """Return feature maps (C, H, W) on one sheet, near to a square, with white lines between."""
    count, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), maps.min())
    for index, one in enumerate(maps):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        sheet[top : top + height, left : left + width] = one
    return sheet


def _folded(vector: np.ndarray) -> np.ndarray:
    """Return a vector (N,) as a column of ten rows, and more columns beside it if it is longer."""
    columns = -(-len(vector) // 10)
    sheet = np.full(10 * columns, vector.min())
    sheet[: len(vector)] = vector
    return sheet.reshape(columns, 10).T  # (10, columns)


def _name_digits(axes: Axes, logits: np.ndarray, left: float) -> None:
    for digit in range(10):
        weight = "bold" if digit == logits.argmax() else "normal"
        axes.text(left + 0.04, 0.95 - digit / 10, f"{digit}   {logits[digit]:.1f}",
                  va="center", size=8, weight=weight)  # fmt: skip
