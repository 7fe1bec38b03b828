"""Pictures as people have them, read as ink on paper: 0 is paper, 255 is ink."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

FAINTEST = 64  # of 255: paper and ink that differ by less are not told apart
RANGES = "pixels must lie between 0 and 1, between 0 and 255, or be uint16"
NORMALISED = "; images of load_digits are normalised: take 0.3081 * images + 0.1307"


def as_ink(picture: Any) -> np.ndarray:
    """Return a picture of a digit as ink on paper, whichever of them is the darker.

    What most of its border shows is its paper, and what differs no more than that does is, too.

    Args:
        picture: A PIL image; or an array or tensor (H, W), (H, W, C) or (C, H, W), any size, of 1
            to 4 channels: grey or red, green and blue, and how opaque. Booleans, numbers from 0
            to 1 or from 0 to 255, or all of uint16.

    Returns:
        (H, W) uint8; 0 is paper, 255 is ink.

    Raises:
        ValueError: It is none of these, or no ink can be told from its paper. Only where all is 0
            there is no ink.
    """
    pixels = grey_levels(_one_channel(picture)).astype(float)  # (H, W)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    paper = np.median(border)
    ink = np.maximum(0, paper - pixels if paper > 255 / 2 else pixels - paper)
    grain = 3 * np.quantile(np.abs(border - paper), 0.9)  # of a photograph; else 0
    ink[ink <= min(grain, FAINTEST)] = 0
    if ink.max() < FAINTEST and pixels.any():
        raise ValueError(
            "no ink can be told from the paper: they must differ by a quarter of the range, from "
            f"0 to 255; got {pixels.min():g} to {pixels.max():g}, and a paper of {paper:g}"
        )
    return ink.round().astype(np.uint8)


def grey_levels(pixels: Any) -> np.ndarray:
    """Return pixels (H, W) of booleans, of 0 to 1, of 0 to 255 or of uint16 as uint8, 0 to 255.

    Raises:
        ValueError: They are of another shape, kind or range.
    """
    array = _array(pixels)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"pixels must be of shape (H, W); got {array.shape}")
    low, high = array.min(), array.max()
    is_deep = array.dtype.kind == "u" and array.dtype.itemsize == 2 and high > 255
    top = 65535 if is_deep else 255
    if not (low >= 0 and high <= top):  # NaN is neither
        raise ValueError(
            f"{RANGES}; got {low:g} to {high:g}, {array.dtype}{NORMALISED if low < 0 else ''}"
        )
    levels = array.astype(float) * (255 if high <= 1 else 255 / top)
    return levels.round().astype(np.uint8)


def rescaled(pixels: np.ndarray, scale: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Return pixels (H, W) uint8 scaled by a function of images.

    Where lines are so thin that half of their darkness would be lost, they keep all of it.
    """
    image, darkest = Image.fromarray(pixels), pixels.max()
    result = np.asarray(scale(image))
    if result.max() < darkest / 2:
        result = np.asarray(scale(image.convert("F")))
        result = (result * (darkest / result.max())).clip(0, 255).round().astype(np.uint8)
    return result


def _array(pixels: Any) -> np.ndarray:
    """Return what holds numbers as an array of them."""
    if isinstance(pixels, Tensor):
        pixels = pixels.detach().cpu()
        pixels = (pixels.double() if pixels.is_floating_point() else pixels).numpy()
    try:
        array = np.asarray(pixels)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise ValueError(f"pixels must be numbers of shape (H, W): {error}") from None
    if array.dtype.kind not in "buif":
        raise ValueError(
            f"pixels must be booleans, whole numbers or floats; got a {type(pixels).__name__} of "
            f"{array.dtype}"
        )
    return array


def _one_channel(picture: Any) -> Any:
    """Return a picture's pixels (H, W): colours as grey, clear parts as the paper they need."""
    if isinstance(picture, Image.Image):
        return _grey(ImageOps.exif_transpose(picture))
    array = _array(picture)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] <= 4 < array.shape[2]:
        array = np.moveaxis(array, 0, 2)  # (C, H, W) -> (H, W, C)
    if array.ndim != 3 or array.size == 0 or array.shape[2] > 4:
        return array
    levels = grey_levels(array.reshape(len(array), -1)).reshape(array.shape)  # one range for all
    channels = [Image.fromarray(np.ascontiguousarray(part)) for part in np.moveaxis(levels, 2, 0)]
    return _grey(Image.merge(("L", "LA", "RGB", "RGBA")[len(channels) - 1], channels))


def _grey(image: Image.Image) -> np.ndarray:
    """Return an image's grey levels (H, W)."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        array = np.asarray(image)
        deep = array.dtype.kind in "iu" and array.size and 255 < array.max() < 2**16
        return array.astype(np.uint16) if deep and array.min() >= 0 else array
    try:
        red_green_blue_alpha = image.convert("RGBA")
    except ValueError as error:
        raise ValueError(f"pixels of mode {image.mode!r} cannot be read: {error}") from None
    grey = np.asarray(red_green_blue_alpha.convert("L"), dtype=float)
    opaque = np.asarray(red_green_blue_alpha.getchannel("A"), dtype=float) / 255
    if opaque.min(initial=1) == 1:
        return grey.astype(np.uint8)
    seen = grey[opaque > 0.5]
    paper = 255.0  # under what is clear: that of the rest, or what its ink is seen on
    if seen.size:
        paper = np.median(seen)
        if np.ptp(seen) < 255 / 2:
            paper = 255.0 if paper < 255 / 2 else 0.0
    return (opaque * grey + (1 - opaque) * paper).round().astype(np.uint8)
