"""A picture of 256 colours looks like the one that was drawn."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from tutorial_lib.pictures import png
from tutorial_lib.pictures.png import encode
from tutorial_lib.pictures.theme import GRID, INK, MUTED, RUN_COLOURS


def seen(rgba: np.ndarray) -> np.ndarray:
    """Return what a reader of the PNG sees: (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(encode(rgba))).convert("RGB")).astype(int)


def flat(colour: str) -> np.ndarray:
    return np.full((2, 2, 4), (*ImageColor.getrgb(colour), 255), dtype=np.uint8)


def test_white_stays_white():
    assert (seen(flat("#FFFFFF")) == 255).all()


@pytest.mark.parametrize("colour", [*RUN_COLOURS, INK, MUTED, GRID])
def test_the_themes_colours_stay_what_they_are(colour):
    assert abs(seen(flat(colour)) - ImageColor.getrgb(colour)).max() <= 4


def test_soft_edges_and_faint_lines_look_as_drawn():
    figure = Figure(figsize=(9, 3.5), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(title="faint and bold")
    for number, colour in enumerate(RUN_COLOURS):
        zigzag = number + np.arange(100) % 2
        axes.plot(zigzag, color=colour, alpha=0.3, lw=0.8)
        axes.plot([0, 99], [number, number + 1], color=colour)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())
    differences = abs(seen(drawn) - drawn[..., :3]).max(axis=2)
    assert (differences > 24).mean() < 0.01  # where lines of two colours cross


def test_a_picture_is_small():
    drawn = np.full((350, 900, 4), 255, dtype=np.uint8)
    assert len(encode(drawn)) < 4_000


@pytest.mark.parametrize("number", [1, 7, 8, 20])
def test_a_palette_holds_any_number_of_curve_colours(monkeypatch, number):
    colours = [f"#{7 * k:02X}{255 - 9 * k:02X}80" for k in range(number)]
    monkeypatch.setattr(png, "RUN_COLOURS", colours)
    palette = np.array(png._palette().getpalette()).reshape(-1, 3)
    assert len(palette) == 256
    for colour in [*colours, INK]:
        assert abs(palette - ImageColor.getrgb(colour)).max(axis=1).min() <= 1
