"""Text and lines of every picture can be seen, and told apart, on light and on dark ground."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from tutorial_lib.pictures.contrast import OF_LINES, OF_TEXT, contrast, ink_of, on_dark
from tutorial_lib.pictures.plots import DARKEST
from tutorial_lib.pictures.theme import (
    DARK_GROUND,
    INK,
    MUTED,
    PALETTE,
    PAPER_GROUND,
    RUN_COLOURS,
)

OKABE_ITO = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
# Source: Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color
# vision deficiency", 2009, severity 1; they act on linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE_POINT = 0.9505, 1.0, 1.089


def closest(colours: tuple[str, ...]) -> float:
    """Return how far the closest two colours are from each other, in the sight where they are."""
    return min(
        np.linalg.norm(one - other)
        for sight in SIGHTS.values()
        for one, other in combinations([as_lab(colour, sight) for colour in colours], 2)
    )


def as_lab(colour: str, sight: object) -> np.ndarray:
    """Return a colour as an eye sees it, in CIE L*a*b*."""
    values = np.array(to_rgb(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = np.array(TO_XYZ) @ (np.array(sight) @ linear).clip(0, 1) / WHITE_POINT
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_contrast_is_that_of_wcag():
    assert contrast("black", "white") == contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("colour", RUN_COLOURS)
def test_lines_and_text_in_every_colour_can_be_seen_on_both_grounds(colour):
    assert contrast(colour, PAPER_GROUND) >= OF_LINES
    assert contrast(ink_of(colour), PAPER_GROUND) >= OF_TEXT
    for drawn in (colour, ink_of(colour)):
        assert contrast(on_dark(drawn), DARK_GROUND) >= OF_TEXT


@pytest.mark.parametrize("colour", [INK, MUTED, "#444444"])
def test_grey_text_can_be_read_on_both_grounds(colour):
    assert contrast(colour, PAPER_GROUND) >= OF_TEXT
    assert contrast(on_dark(colour), DARK_GROUND) >= OF_TEXT


def test_counts_of_mistakes_can_be_read_on_their_colour():
    assert contrast(INK, colormaps["Oranges"](1 / DARKEST)) >= OF_TEXT
    assert contrast(MUTED, colormaps["Oranges"](0.0)) >= OF_TEXT


@pytest.mark.parametrize("ground", [0, 1], ids=["on white", "on dark ground"])
def test_no_two_colours_are_closer_than_those_of_okabe_and_ito_in_any_sight(ground):
    assert closest(tuple(pair[ground] for pair in PALETTE.values())) >= closest(OKABE_ITO)


def test_a_colour_of_a_learners_own_can_be_read_too():
    for colour in ("yellow", "#FFEEAA", (1.0, 0.9, 0.9)):
        assert contrast(ink_of(colour), PAPER_GROUND) >= OF_TEXT
    for colour in ("navy", "#331100"):
        assert contrast(on_dark(colour), DARK_GROUND) >= OF_TEXT


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert ink_of("#1063A8") == "#1063a8"
    assert on_dark("#FFEEAA") == "#ffeeaa"
