"""How a picture takes the room that there is: side by side, or one below the other."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutorial_lib.pictures.screen import NARROW, Screen

Box = tuple[float, float, float, float]  # left, bottom, width, height, in shares of the picture
Size = tuple[float, float]  # width and height, in hundreds of pixels
LEAST = 0.25  # of their width, axes keep so much; then what is between them shrinks, too
LOWER = 0.8  # of its height, a row has so much where several stand one below the other


def columns_or_rows(figure: Figure, num_axes: int, **looks: Any) -> list[Axes]:
    """Return axes side by side, or where the picture is narrow one below the other.

    Args:
        looks: As of `figure.subplots`; `width_ratios` are for those side by side.
    """
    if 100 * figure.get_figwidth() < NARROW:
        looks.pop("width_ratios", None)
        return list(figure.subplots(num_axes, 1, squeeze=False, **looks).flat)
    return list(figure.subplots(1, num_axes, squeeze=False, **looks).flat)


def size_on(screen: Screen, size: Size, narrow_size: Size | None = None) -> Size:
    """Return the size of a picture on a screen: as wide as it may be, and as there is room.

    Args:
        narrow_size: What it may be where the screen is narrow. None: the same.
    """
    width, height = narrow_size if screen.is_narrow and narrow_size else size
    return min(width, screen.width / 100), height


def boxes_on(
    screen: Screen,
    size: Size,
    boxes: Sequence[Box],
    narrow_size: Size | None = None,
    narrow_boxes: Sequence[Box] | None = None,
) -> tuple[Size, list[Box]]:
    """Return the size of a picture on a screen, and where its axes stand.

    Letters keep their size, so what lies between axes does: the axes are what gets narrower.

    Args:
        narrow_boxes: Where they stand on a narrow screen. None: one below the other.
    """
    if screen.is_narrow and narrow_boxes is None:
        size, boxes = _stacked(size, boxes, narrow_size)
    elif screen.is_narrow:
        size, boxes = narrow_size or size, narrow_boxes
    room = size_on(screen, size)
    return room, _squeezed(boxes, size[0], room[0])


def _stacked(
    size: Size, boxes: Sequence[Box], narrow_size: Size | None
) -> tuple[Size, Sequence[Box]]:
    """Put axes one below the other, the first one highest, with the same room to their sides."""
    if len(boxes) == 1:
        return narrow_size or size, boxes
    width, height = size
    edges = sorted((left, left + box_width) for left, _, box_width, _ in boxes)
    left, right = edges[0][0], 1 - max(end for _, end in edges)
    gaps = [later[0] - before[1] for before, later in pairwise(edges)]
    right = max([right, *(gap - left for gap in gaps)])
    rows = [LOWER * height for _ in boxes]  # in hundreds of pixels, as all from here
    total = sum(rows)
    places, top = [], total
    for row, (_, bottom, _, box_height) in zip(rows, boxes, strict=True):
        above = height * (1 - bottom - box_height)
        at = top - row + height * bottom
        places.append((left, at / total, 1 - left - right, (top - above - at) / total))
        top -= row
    return (width, narrow_size[1] if narrow_size else total), places


def _squeezed(boxes: Sequence[Box], width: float, room: float) -> list[Box]:
    """Make boxes narrower, so that what is between them stays as wide as it is.

    Args:
        width: Of the picture, in hundreds of pixels, for which the boxes are meant.
        room: The width that there is.
    """
    if room == width:
        return list(boxes)
    edges = sorted({0.0, 1.0, *(edge for left, _, box, _ in boxes for edge in (left, left + box))})
    is_axes = [
        any(left <= start and end <= left + box for left, _, box, _ in boxes)
        for start, end in pairwise(edges)
    ]
    lengths = width * np.diff(edges)
    axes, between = lengths[is_axes].sum(), lengths[np.invert(is_axes)].sum()
    share = max(LEAST, (room - between) / axes)  # of what the axes were wide
    lengths *= np.where(is_axes, share, (room - share * axes) / (between or 1.0))
    places = dict(zip(edges, [0.0, *np.cumsum(lengths) / room], strict=True))
    return [
        (places[left], bottom, places[left + box] - places[left], height)
        for left, bottom, box, height in boxes
    ]
