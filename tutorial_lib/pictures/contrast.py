"""Contrast by the rule of WCAG 2.2, and the cousins of a colour that keep it."""

from functools import cache
from typing import Any

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from tutorial_lib.pictures.theme import DARK_GROUND, DARK_INK, INK, PALETTE, PAPER_GROUND

OF_TEXT, OF_LINES = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
MARGIN = 1.03  # over them, so that rounding costs nothing


def contrast(colour: Any, other: Any) -> float:
    """Return the contrast of two colours, 1 to 21, whichever is the lighter one."""
    high, low = sorted((_luminance(colour), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def ink_of(colour: Any) -> str:
    """Return the colour for text that belongs to what has this colour: on white it can be read.

    It is the colour itself, or a darker cousin.

    Args:
        colour: Anything that matplotlib takes for one.
    """
    return _cousin(to_hex(colour), PAPER_GROUND, OF_TEXT)


def on_dark(colour: Any) -> str:
    """Return what a colour of a picture is where the picture stands on dark ground.

    Those of the theme have a cousin there; a grey is ink, thinned; others become lighter if need
    be, until text in them can be read.
    """
    wanted = to_hex(colour)
    for on_white, dark in PALETTE.values():
        if wanted in (to_hex(on_white), ink_of(on_white)):
            return dark
    red, green, blue = to_rgb(wanted)
    if red == green == blue:
        share = min(1.0, (1 - red) / (1 - to_rgb(INK)[0]))
        ink, ground = np.array(to_rgb(DARK_INK)), np.array(to_rgb(DARK_GROUND))
        return to_hex(share * ink + (1 - share) * ground)
    return _cousin(wanted, DARK_GROUND, OF_TEXT)


@cache
def _cousin(colour: str, ground: str, least: float) -> str:
    """Return the colour, moved as little towards black or white as its contrast wants."""
    end = "white" if _luminance(ground) < 0.2 else "black"
    for share in np.linspace(0, 1, 101):
        moved = to_hex((1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(end)))
        if contrast(moved, ground) >= least * MARGIN:
            return colour if share == 0 else moved
    raise AssertionError(f"no cousin of {colour} has a contrast of {least} on {ground}")


def _luminance(colour: Any) -> float:
    values = np.array(to_rgb(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
