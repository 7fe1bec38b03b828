"""A drawn digit, made into what the network was trained on, and read."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor, nn

from tutorial_lib.data import normalise
from tutorial_lib.evaluation import evaluating
from tutorial_lib.labs.digit_pad.own_pictures import grey_levels, rescaled
from tutorial_lib.labs.own import copied
from tutorial_lib.random_state import seeded

BOX = 20  # pixels; the longer side of every MNIST digit
FIELD = 28  # pixels; the side of an MNIST image
MIDDLE = 14  # the pixel, counted from 0, on which the centre of mass of every MNIST digit lies

Stroke = Sequence[tuple[float, float]]  # points (x, y): the pen's way from touching to lifting

# One way to write each digit, on a sheet of 100 x 100 with (0, 0) at its top left.
STROKES: dict[int, tuple[Stroke, ...]] = {
    0: (((50, 18), (38, 23), (31, 36), (29, 52), (32, 67), (40, 79), (50, 82), (61, 78), (69, 65),
         (71, 50), (69, 34), (62, 22), (50, 18)),),
    1: (((43, 29), (52, 18), (50, 50), (48, 82)),),
    2: (((30, 34), (34, 24), (45, 18), (58, 19), (67, 28), (66, 41), (56, 55), (42, 69), (29, 81),
         (50, 80), (73, 80)),),
    3: (((32, 24), (44, 18), (58, 19), (66, 28), (63, 40), (54, 47), (44, 48), (58, 51), (68, 60),
         (67, 72), (57, 81), (43, 82), (30, 76)),),
    4: (((36, 20), (32, 38), (30, 53), (48, 54), (70, 52)), ((64, 20), (63, 50), (61, 83))),
    5: (((68, 20), (40, 20), (37, 46), (50, 43), (63, 47), (69, 59), (66, 73), (54, 82), (40, 81),
         (30, 74)),),
    6: (((60, 18), (46, 28), (36, 45), (32, 61), (36, 75), (48, 82), (60, 79), (66, 68), (62, 57),
         (51, 53), (40, 58), (34, 67)),),
    7: (((29, 23), (50, 22), (71, 21), (63, 42), (54, 62), (47, 83)),),
    8: (((62, 25), (50, 18), (38, 24), (38, 36), (50, 47), (62, 59), (65, 71), (57, 81), (44, 81),
         (36, 71), (40, 58), (53, 46), (63, 36), (62, 25)),),
    9: (((65, 34), (58, 22), (46, 19), (36, 27), (34, 40), (42, 50), (54, 49), (64, 38), (65, 34),
         (63, 55), (58, 83)),),
}  # fmt: skip


def as_mnist(pixels: np.ndarray) -> np.ndarray:
    """Return a drawing as MNIST's makers would have: scaled into a box, centred by its mass.

    The ink is scaled, with its aspect ratio kept, until its longer side is 20 pixels, and laid on
    a field of 28 x 28 so that its centre of mass falls on pixel (14, 14). An MNIST digit comes out
    as it went in.

    Args:
        pixels: (H, W), any size; 0 is paper, 255 is ink, greys lie between. Of booleans, and where
            no number is above 1, 1 is ink.

    Returns:
        (28, 28) uint8; all 0 if there is no ink.

    Raises:
        ValueError: pixels are not two-dimensional, or reach beyond their range.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits". That the centre
    is pixel 14 and no half is measured: for 5,000 digits it lies between 13.50 and 14.50.
    """
    pixels = grey_levels(pixels)
    field = np.zeros((FIELD, FIELD), np.uint8)
    box = Image.fromarray(pixels).getbbox()
    if box is None:
        return field
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    scale = BOX / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ink = rescaled(pixels, lambda image: image.resize(size, Image.Resampling.BOX, box))
    rows, columns = (_first_pixel(ink.sum(axis=axis, dtype=float)) for axis in (1, 0))
    field[rows : rows + ink.shape[0], columns : columns + ink.shape[1]] = ink
    return field


def _first_pixel(mass: np.ndarray) -> int:
    """Return where a row of masses (n,) must begin for its centre to lie in the middle."""
    centre = np.average(np.arange(len(mass)), weights=mass)
    return int(np.clip(round(MIDDLE - centre), 0, FIELD - len(mass)))


def as_input(digit: np.ndarray) -> Tensor:
    """Return a digit (28, 28) as the network wants it: (1, 1, 32, 32), normalised.

    Args:
        digit: 0 is paper, 255 is ink; of booleans, and where no number is above 1, 1 is ink.

    Raises:
        ValueError: It is of another shape or range.
    """
    levels = grey_levels(digit)
    if levels.shape != (FIELD, FIELD):
        raise ValueError(f"a digit must be of shape (28, 28); got {levels.shape}")
    return normalise(torch.from_numpy(levels)[None])


def read_digit(model: nn.Module, digit: np.ndarray) -> tuple[float, ...]:
    """Return the probabilities, one for each class, that a model gives to a digit (28, 28).

    A copy of the model answers, so that one that is being trained in another thread is neither
    held up nor switched out of training mode.

    Args:
        model: Any network that maps (1, 1, 32, 32) to logits (1, K).
        digit: As of `as_input`.

    Raises:
        ValueError: The model does not take that, or answers with something else, or with what is no
            number.
    """
    reader = copied(model)
    weights = [*reader.parameters(), *reader.buffers()]
    device = weights[0].device if weights else "cpu"
    with evaluating(reader), seeded(0, device):
        try:
            logits = reader(as_input(digit).to(device))  # (1, K)
        except Exception as error:  # whatever a learner's network does
            what = f"{type(error).__name__}: {error}"
            raise ValueError(
                f"the network must take one grey picture, of shape (1, 1, 32, 32): {what}"
            ) from error
    if not isinstance(logits, Tensor) or logits.dim() != 2 or logits.shape[0] != 1:
        gave = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"the network must give logits, of shape (1, classes); it gave {gave}")
    if logits.shape[1] < 2:
        raise ValueError("the network must give a logit for each of two classes or more; it has 1")
    if not logits.isfinite().all():
        raise ValueError("the network's logits are no numbers: has its training diverged?")
    return tuple(logits.softmax(dim=1)[0].tolist())


def on_paper(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return a picture (H, W), as of `as_mnist`, scaled to fit a square sheet: (side, side) uint8.

    Raises:
        ValueError: It is none, or a hundred times as long as wide, or more.
    """
    pixels = grey_levels(pixels)
    if max(pixels.shape) >= 100 * min(pixels.shape):
        raise ValueError(f"pixels must not be 100 times as long as wide; got {pixels.shape}")
    fit = partial(ImageOps.pad, size=(side, side), method=Image.Resampling.BILINEAR)
    return rescaled(pixels, fit)


def draw_strokes(strokes: Iterable[Stroke], side: int, pen: float) -> np.ndarray:
    """Return strokes as a round pen draws them: (side, side) uint8, 0 is paper and 255 is ink.

    Args:
        strokes: Points on a sheet of 100 x 100.
        pen: The width of the pen, in pixels of the drawing.
    """
    sheet = Image.new("L", (4 * side, 4 * side))  # drawn larger, for smooth edges
    draw, radius = ImageDraw.Draw(sheet), 2 * pen  # 4 * pen wide
    for stroke in strokes:
        points = [(x * 4 * side / 100, y * 4 * side / 100) for x, y in stroke]
        draw.line(points, fill=255, width=round(4 * pen))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(sheet.resize((side, side), Image.Resampling.BOX))
