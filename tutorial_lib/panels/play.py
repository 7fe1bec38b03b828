"""A picture that answers sliders at once: for what needs no training."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets

from tutorial_lib.panels.live import LivePanel
from tutorial_lib.pictures import PAPER, BlittedFigure, Box, Picture, Screen, Size, boxes_on

Draw = Callable[..., str]  # draw(axes, **values) draws, and returns a sentence about it


class PlayPanel(LivePanel):
    """Draws a function of its controls anew whenever one of them moves.

    Args:
        name: What the panel is called where only text can be shown.
        draw: Called as draw(axes, **values) with a list of empty axes and the controls' values;
            draws on them, and returns a sentence that says what is to be seen, for eyes and screen
            readers. What it wants of ticks, labels and titles it says each time.
        controls_by_name: Name -> widget; the names are those of draw's arguments.
        boxes: Where the axes stand: left, bottom, width and height, in shares of the picture.
        size: Of the picture, in hundreds of pixels.
        narrow_boxes, narrow_size: The same for a narrow screen. None: the axes stand one below the
            other.
    """

    from_code = "set(...) moves them and picture() shows it"

    def __init__(
        self,
        name: str,
        draw: Draw,
        controls_by_name: Mapping[str, widgets.Widget],
        *,
        boxes: Sequence[Box] = ((0.08, 0.14, 0.89, 0.8),),
        size: Size = (9, 3.5),
        narrow_boxes: Sequence[Box] | None = None,
        narrow_size: Size | None = None,
    ) -> None:
        self._draw, self._layout = draw, (size, boxes, narrow_size, narrow_boxes)
        self._figure = self._figure_for(PAPER)
        self._held = False  # whether more controls are about to move
        self._follows = False  # whether a drawing is on its way already
        self._drawn: dict[str, Any] | None = None  # the values on the picture
        super().__init__(name, controls_by_name)
        for control in self.controls.values():
            control.observe(lambda _: self._follow_soon(), "value")
        self.redraw()

    def set(self, **values: Any) -> None:
        """Move controls, as a hand would, and draw once."""
        with self.hold():
            super().set(**values)
        self.redraw()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Draw nothing while controls are moved; what follows draws."""
        held, self._held = self._held, True
        try:
            yield
        finally:
            self._held = held

    def redraw(self) -> None:
        """Draw what the controls say now, if that is not what is drawn."""
        values = self.values()
        if not self._held and values != self._drawn:
            self.image.value, words = self._figure.picture(partial(self._draw, **values))
            self._drawn = values
            self.say("", words)

    def draw_anew(self) -> None:
        """Draw the same values for `screen`."""
        self._figure, self._drawn = self._figure_for(self.screen), None
        self.redraw()

    def picture(self, **values: Any) -> Picture:
        """Return a plain picture of these values, which stays when the kernel is gone.

        Those that are left out are as the controls say; the panel stays as it is.
        """
        self.check_names(values)
        figure = self._figure if self.screen == PAPER else self._figure_for(PAPER)
        png, words = figure.picture(partial(self._draw, **self.values() | values))
        return Picture(png, width=PAPER.width, alt=words)

    def _figure_for(self, screen: Screen) -> BlittedFigure:
        return BlittedFigure(*boxes_on(screen, *self._layout), screen=screen)

    def _follow_soon(self) -> None:
        """Draw when the main loop gets to it: once, however many moves have come until then."""
        if not self._follows:
            self._follows = True
            self.on_main_thread(self._catch_up)

    def _catch_up(self) -> None:
        self._follows = False
        self.redraw()
