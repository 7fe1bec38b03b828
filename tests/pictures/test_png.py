"""A picture of 256 colours looks like the one that was drawn."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from tutorial_lib.pictures import ink_of, on_dark, png
from tutorial_lib.pictures.plots import draw_pictures
from tutorial_lib.pictures.png import encode, png_of
from tutorial_lib.pictures.theme import DARK_GROUND, GRID, INK, MUTED, RUN_COLOURS


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
    light, dark = png._palette().astype(int)
    assert len(light) == len(dark) == 256
    for colour in [*colours, INK]:
        assert abs(light - ImageColor.getrgb(colour)).max(axis=1).min() <= 1
        assert abs(dark - ImageColor.getrgb(on_dark(colour))).max(axis=1).min() <= 1


# ---- dark ground ----


def drawn_dark(figure: Figure) -> np.ndarray:
    picture = Image.open(io.BytesIO(png_of(figure, dark=True)))
    return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "colour", [*RUN_COLOURS, *map(ink_of, RUN_COLOURS), INK, MUTED, GRID, "#FFFFFF"]
)
def test_on_dark_ground_a_colour_is_its_cousin_in_both_kinds_of_picture(colour):
    wanted = ImageColor.getrgb(on_dark(colour))
    few = Image.open(io.BytesIO(encode(flat(colour), dark=True))).convert("RGB")
    all_colours = drawn_dark(Figure(figsize=(0.1, 0.1), facecolor=colour))
    assert abs(np.asarray(few).astype(int) - wanted).max() <= 4
    assert abs(all_colours - wanted).max() <= 6


def test_the_ground_is_that_of_the_page_to_the_last_bit():
    assert (drawn_dark(Figure(figsize=(0.1, 0.1))) == ImageColor.getrgb(DARK_GROUND)).all()


def test_both_kinds_of_picture_look_alike_on_dark_ground():
    figure = Figure(figsize=(9, 3.5))
    axes = figure.add_subplot(title="Loss")
    for number, colour in enumerate(RUN_COLOURS):
        axes.plot([0, 9], [number, number + 1], color=colour, alpha=1 - number / 10)
    drawn = drawn_dark(figure)
    few = encode(np.asarray(figure.canvas.buffer_rgba()), dark=True)
    few = Image.open(io.BytesIO(few)).convert("RGB")
    assert (abs(np.asarray(few).astype(int) - drawn).max(axis=2) > 30).mean() < 0.01


def test_photographs_keep_their_colours_on_dark_ground_and_digits_swap_ink_and_paper():
    photograph, digit = np.full((1, 3, 4, 4), 0.5), np.zeros((1, 4, 4))
    photograph[0, 0, 0, 0], photograph[0, 2] = 1.0, 0.0  # the lowest is black, the highest white
    for images, wanted in ((photograph, (128, 128, 0)), (digit, ImageColor.getrgb(DARK_GROUND))):
        figure = Figure(figsize=(1, 1), layout="none")
        draw_pictures(figure.add_axes((0, 0, 1, 1)), images, ink=images is digit)
        assert abs(drawn_dark(figure)[60, 60] - wanted).max() <= 2
