"""A picture that is drawn again and again: what stands still is rendered once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tutorial_lib.pictures.labels import fit_title
from tutorial_lib.pictures.layout import Box, Size
from tutorial_lib.pictures.png import encode
from tutorial_lib.pictures.screen import PAPER, Screen
from tutorial_lib.pictures.theme import STYLE


class BlittedFigure:
    """Axes whose frames, that is ticks, labels, titles and borders, are kept between pictures.

    Two thirds of the time that a small picture takes go into its frames, most of it into letters.
    So a frame is rendered anew only when it differs from the one before; lines, bars and texts on
    the axes are drawn over it. They lie above the borders, which no eye can tell.

    Args:
        size: Of the picture, in hundreds of pixels.
        boxes: Where the axes stand.
        screen: What it is drawn for.
    """

    def __init__(self, size: Size, boxes: Iterable[Box], *, screen: Screen = PAPER) -> None:
        self.frames_rendered, self._dark = 0, screen.dark
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=size, dpi=100 * screen.dots, layout="none")
            self._canvas = FigureCanvasAgg(figure)
            self.axes = [figure.add_axes(box) for box in boxes]
        self._frames: Any = None  # those in the background
        self._background: Any = None

    def picture(self, draw: Callable[[Sequence[Axes]], str]) -> tuple[bytes, str]:
        """Draw on the axes, which are empty and have the frames of the picture before.

        Args:
            draw: Draws on the axes, and returns words about it. What it wants of ticks, labels,
                titles and limits it must say each time; limits that it leaves out fit the data.

        Returns:
            The picture as PNG, and the words.
        """
        with matplotlib.style.context(STYLE):
            for axes in self.axes:
                _empty(axes)
            words = draw(self.axes)
            frames = [_frame(axes) for axes in self.axes]
            if frames != self._frames:
                self._render_background()
                self._frames = frames
            self._canvas.restore_region(self._background)
            for axes in self.axes:
                for artist in sorted(_contents(axes), key=Artist.get_zorder):
                    axes.draw_artist(artist)
            pixels = np.asarray(self._canvas.buffer_rgba())  # (H, W, 4) uint8
            return encode(pixels, dark=self._dark), words

    def _render_background(self) -> None:
        self.frames_rendered += 1
        for axes in self.axes:
            fit_title(axes)
            for artist in _contents(axes):
                artist.set_animated(True)  # not drawn with the rest
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._canvas.figure.bbox)


def _contents(axes: Axes) -> list[Artist]:
    """Return what was drawn on the axes, without their frame."""
    return [*axes.images, *axes.patches, *axes.collections, *axes.lines, *axes.texts]


def _empty(axes: Axes) -> None:
    """Take everything off the axes, begin with the first colour, let limits follow what comes."""
    for artist in _contents(axes):
        artist.remove()
    axes.relim()
    axes.set(xlim=(0.1, 1), ylim=(0.1, 1))  # where nothing comes
    axes.autoscale()
    axes.set_prop_cycle(None)


def _frame(axes: Axes) -> tuple[Any, ...]:
    """Return all that the looks of the frame follow from."""
    return axes.get_title("left"), axes.axison, _along(axes.xaxis), _along(axes.yaxis)


def _along(axis: Axis) -> tuple[Any, ...]:
    positions = axis.get_majorticklocs()
    ticks = zip(positions, axis.get_major_formatter().format_ticks(positions), strict=True)
    limits = axis.get_scale(), *axis.get_view_interval()
    return axis.get_label_text(), *limits, tuple(ticks), tuple(axis.get_minorticklocs())
