"""LeNet, drawn with a digit that passes through it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor, nn

from tutorial_lib.evaluation import evaluating
from tutorial_lib.pictures.theme import BLUE, GRID, INK, MUTED, PAPER_GROUND, VERMILION

HEIGHT = 2.3  # of the longest strip; all lengths are about inches where the picture is 7.5 wide
SHADES = LinearSegmentedColormap.from_list("ink", [PAPER_GROUND, INK])
BAR = 0.5  # how long an output that is certain is


class Layer(NamedTuple):
    """How a layer is drawn."""

    does: str  # what leads to it, in a word or two
    columns: int  # of its maps, or of its numbers
    width: float  # of all of it
    space: float  # before it


LAYERS = {
    "digit": Layer("", 1, 0.84, 0.0),
    "conv1": Layer("filters\n5 x 5", 2, 1.0, 0.45),
    "pool1": Layer("largest\nof 2 x 2", 2, 0.52, 0.45),
    "conv2": Layer("filters\n5 x 5", 4, 1.0, 0.45),
    "pool2": Layer("largest\nof 2 x 2", 4, 0.56, 0.45),
    "fc1": Layer("dense", 1, 0.1, 0.38),
    "fc2": Layer("dense", 1, 0.1, 0.38),
    "outputs": Layer("dense", 1, 0.0, 0.38),
}


def layers_of(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Return what each layer of a LeNet makes of a digit.

    Args:
        model: A LeNet5, or anything whose parts are called as its parts are.
        image: (1, 32, 32).

    Returns:
        "digit" (1, 32, 32), "conv1" (6, 28, 28), "pool1" (6, 14, 14), "conv2" (16, 10, 10),
        "pool2" (16, 5, 5), "fc1" (120,), "fc2" (84,), and "outputs" (10,), the probabilities.
    """
    with evaluating(model):
        x = image[None]  # (1, 1, 32, 32)
        made = {"digit": x}
        for number, conv in enumerate((model.conv1, model.conv2), start=1):
            made[f"conv{number}"] = x = F.relu(conv(x))
            made[f"pool{number}"] = x = F.max_pool2d(x, 2)
        made["fc1"] = x = F.relu(model.fc1(x.flatten(1)))
        made["fc2"] = x = F.relu(model.fc2(x))
        made["outputs"] = model.fc3(x).softmax(dim=1)
    return {name: values[0].cpu() for name, values in made.items()}


def draw_lenet(axes: Axes, model: nn.Module, image: Tensor) -> None:
    """LeNet, from left to right, with a digit passing through it: the darker, the stronger.

    Each layer has its own scale, of square roots. The ten outputs are bars: how probable each
    digit is.

    Args:
        model: A LeNet5.
        image: The digit, (1, 32, 32).
    """
    made = layers_of(model, image)
    left = 0.0
    for name, values in made.items():
        looks = LAYERS[name]
        if looks.does:
            _arrow(axes, left, left + looks.space, looks.does)
        left += looks.space
        if name == "outputs":
            _bars(axes, values, left)
        else:
            bottom = _maps(axes, values.numpy(), looks, left)
            size = " x ".join(map(str, values.shape[values.shape[0] == 1 :]))
            axes.text(left + looks.width / 2, bottom - 0.06, size, ha="center", va="top", size=8)
        left += looks.width
    right = left + 0.2 + BAR + 0.4  # room for the share
    axes.set(xlim=(-0.05, right), ylim=(-HEIGHT / 2 - 0.3, HEIGHT / 2 + 0.1), aspect="equal")
    axes.set_axis_off()
    axes.set_label(_in_words(made))


def _maps(axes: Axes, values: np.ndarray, looks: Layer, left: float) -> float:
    """Draw the maps of a layer (C, H, W), or its numbers (N,) as a strip; return where it ends."""
    maps = values if values.ndim == 3 else values[None, :, None]
    maps = (maps - maps.min()) / ((maps.max() - maps.min()) or 1.0)
    if len(values) > 1:
        maps = np.sqrt(maps)  # what is weak is seen, too
    rows = len(maps) // looks.columns
    gap = 0.05 if len(maps) > 1 else 0.0
    side = (looks.width + gap) / looks.columns - gap
    # the strip of 120 numbers is as high as the picture, that of 84 in proportion
    tall = side if values.ndim == 3 else HEIGHT * len(values) / 120
    top = (rows * (tall + gap) - gap) / 2
    for index, one in enumerate(maps):
        row, column = divmod(index, looks.columns)
        x, y = left + column * (side + gap), top - row * (tall + gap)
        where = x, x + side, y - tall, y
        axes.imshow(one, cmap=SHADES, vmin=0, vmax=1, extent=where)
        corners = [x, x + side, x + side, x, x], [y, y, y - tall, y - tall, y]
        axes.plot(*corners, color=GRID, linewidth=0.6)
    return -top


def _arrow(axes: Axes, left: float, right: float, words: str) -> None:
    """Draw what leads from a layer to the next."""
    looks = {"arrowstyle": "->", "color": MUTED, "linewidth": 1, "shrinkA": 3, "shrinkB": 3}
    axes.annotate("", (right, 0), (left, 0), arrowprops=looks)
    middle = (left + right) / 2
    axes.text(middle, 0.07, words, ha="center", va="bottom", size=7.5, color=INK)


def _bars(axes: Axes, probabilities: Tensor, left: float) -> None:
    """Draw the ten outputs, the 0 above; the highest one in a colour of its own."""
    answer, high = int(probabilities.argmax()), HEIGHT / 10
    for digit, probability in enumerate(probabilities.tolist()):
        y = HEIGHT / 2 - (digit + 0.5) * high
        is_answer = digit == answer
        weight = "bold" if is_answer else "normal"
        axes.text(left + 0.02, y, str(digit), va="center", size=8, weight=weight)
        colour = VERMILION if is_answer else BLUE
        axes.barh(y, BAR * probability, 0.7 * high, left + 0.16, color=colour)
        if is_answer:
            words = f"{100 * probability:.0f} %"
            axes.text(left + 0.2 + BAR * probability, y, words, va="center", size=8)


def _in_words(made: Mapping[str, Tensor]) -> str:
    """Say how large the layers are, and what the answer is, for those who do not see it."""
    sizes = ", ".join(
        f"{name} {' x '.join(map(str, values.shape))}" for name, values in made.items()
    )
    outputs = made["outputs"]
    best = outputs.argsort(descending=True)[:3].tolist()
    shares = ", ".join(f"{digit}: {100 * outputs[digit]:.0f}%" for digit in best)
    return f"LeNet with a digit passing through it: {sizes}. The most probable answers: {shares}"
