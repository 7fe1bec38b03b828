"""What passes through a network, layer by layer."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from tutorial_lib.theme import GRID, INK, MUTED


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
