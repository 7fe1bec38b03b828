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
LEAST = 0.22  # of their width, axes keep so much; then what is between them shrinks, too
LOWER = 0.8  # of their height, axes keep so much that stood side by side


def columns_or_rows(
    figure: Figure, num_axes: int, *, num_rows: int = 1, **looks: Any
) -> list[Axes]:
    """Return axes side by side, or where the picture is narrow one below the other.

    Args:
        num_rows: In how many they stand where the picture is wide.
        looks: As of `figure.subplots`; `width_ratios` are for those side by side.
    """
    if 100 * figure.get_figwidth() < NARROW:
        looks.pop("width_ratios", None)
        return list(figure.subplots(num_axes, 1, squeeze=False, **looks).flat)
    return list(figure.subplots(num_rows, num_axes // num_rows, squeeze=False, **looks).flat)


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
    rows = ((row, _squeezed(row, size[0], room[0])) for row in _rows(boxes))
    places = {
        box: place for row, squeezed in rows for box, place in zip(row, squeezed, strict=True)
    }
    return room, [places[box] for box in boxes]


def _stacked(
    size: Size, boxes: Sequence[Box], narrow_size: Size | None
) -> tuple[Size, Sequence[Box]]:
    """Put axes that stand side by side one below the other, with the same room to their sides."""
    width, height = size
    rows = _rows(boxes)
    if all(len(row) == 1 for row in rows):
        return narrow_size or size, boxes
    # In hundreds of pixels: what is above each row, and at last below the lowest one.
    edges = [height, *(height * edge for row in rows for edge in _ends(row)), 0.0]
    gaps = [upper - lower for upper, lower in zip(edges[::2], edges[1::2], strict=True)]
    places: dict[Box, tuple[float, float, float, float]] = {}
    depth = 0.0  # below the top
    for number, row in enumerate(rows):
        left, right = row[0][0], 1 - row[-1][0] - row[-1][2]
        between = [later[0] - box[0] - box[2] for box, later in pairwise(row)]
        right = max([right, *(gap - left for gap in between)])
        for place, box in enumerate(row):
            depth += gaps[number] + (gaps[number + 1] if place else 0.0)
            tall = height * box[3] * (LOWER if len(row) > 1 else 1.0)
            places[box] = left, depth, 1 - left - right, tall
            depth += tall
    total = depth + gaps[-1]
    stacked = [
        (left, 1 - (top + tall) / total, wide, tall / total)
        for left, top, wide, tall in (places[box] for box in boxes)
    ]
    return (width, narrow_size[1] if narrow_size else total), stacked


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Return what stands side by side, the highest first, each from left to right."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: -box[1] - box[3]):
        if rows and box[1] + box[3] > _ends(rows[-1])[1]:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [sorted(row) for row in rows]


def _ends(row: Sequence[Box]) -> tuple[float, float]:
    """Return how high and how low a row reaches."""
    return max(low + tall for _, low, _, tall in row), min(low for _, low, _, _ in row)


def _squeezed(boxes: Sequence[Box], width: float, room: float) -> list[Box]:
    """Make those of a row narrower, so that what is between them stays as wide as it is.

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
