"""What the page tells a panel of its screen, and what the panel tells the page for its readers."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tutorial_lib.pictures.screen import NARROWEST, PAPER, WIDEST, Screen

PANEL_CLASS = "tutorial-panel"  # of a panel's element in the page
MOST_DOTS = 3.0


class PanelPage(anywidget.AnyWidget):
    """The part of a panel that lives in the page. It takes no room there.

    A panel works without it: where its script cannot be loaded, pictures are as on paper, and
    sliders have the names that ipywidgets gives them.
    """

    # As text: of a file, anywidget keeps every widget for ever, to tell it when the file changes.
    _esm = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")

    screen = traitlets.Dict(help="width, dots and dark, as the page measures them").tag(sync=True)
    panel = traitlets.Unicode(help="which one it is part of: its model_id").tag(sync=True)
    picture_words = traitlets.Unicode(help="what the picture shows").tag(sync=True)
    spoken = traitlets.Unicode(help="the state, for those who listen").tag(sync=True)
    ended_words = traitlets.Unicode(help="to be said once the kernel has ended").tag(sync=True)
    can_be_heard = traitlets.Bool(help="whether the picture is a curve, offered as a tone").tag(
        sync=True
    )
    hears = traitlets.Bool(help="whether somebody has asked for that").tag(sync=True)
    loss = traitlets.Float(help="where the curve ends; 0 is silence").tag(sync=True)

    def sound(self, loss: float) -> None:
        """Let a loss be heard, if somebody has asked for it; what is no number is silence."""
        if self.hears:
            self.loss = loss if math.isfinite(loss) else 0.0


def screen_of(told: Mapping[str, Any]) -> Screen:
    """Return the screen that a page told of; what is no number, or out of range, is as on paper."""
    width, dots = told.get("width"), told.get("dots")
    is_width = isinstance(width, int | float) and width > 0 and math.isfinite(width)
    is_dots = isinstance(dots, int | float) and dots > 0 and math.isfinite(dots)
    return Screen(
        width=min(max(int(width) // 10 * 10, NARROWEST), WIDEST) if is_width else PAPER.width,
        dots=min(max(math.ceil(4 * dots) / 4, 1.0), MOST_DOTS) if is_dots else PAPER.dots,
        dark=told.get("dark") is True,
    )
