"""Pictures as PNG: small, and soon encoded."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from tutorial_lib.pictures.theme import INK, RUN_COLOURS

SIZE = 256  # as many colours as a palette holds
FAINTEST = 0.07  # share of a colour; anything fainter and Pillow would take white for it
WHITE = np.array([255, 255, 255])


def _palette() -> Image.Image:
    """Return the colours of the theme, each in steps to white: all that a picture is made of.

    Lines are drawn on white, thin, faint or with soft edges: each pixel is one of the colours,
    thinned. A palette that is known beforehand is applied in an eighth of the time that it takes
    to look for the best one.
    """
    steps = SIZE // (len(RUN_COLOURS) + 2)  # from a run's colour towards white; the rest from ink
    colours, rest = [WHITE[None]], SIZE - 1 - steps * len(RUN_COLOURS)
    for colour, steps in [(INK, rest), *((colour, steps) for colour in RUN_COLOURS)]:
        share = np.linspace(1, FAINTEST, steps)[:, None]  # (steps, 1), of the colour
        colours.append(share * np.array(ImageColor.getrgb(colour)) + (1 - share) * WHITE)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate(colours).round().astype(np.uint8).tobytes())  # 256 x RGB
    return palette


_PALETTE = _palette()


def encode(pixels: np.ndarray) -> bytes:
    """Return pixels (H, W, 4) uint8, RGBA and opaque, as a PNG of 256 colours."""
    few = (
        Image.fromarray(pixels).convert("RGB").quantize(palette=_PALETTE, dither=Image.Dither.NONE)
    )
    buffer = io.BytesIO()
    few.save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def png_of(figure: Figure) -> bytes:
    """Draw a figure and return it as PNG in all its colours."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    pixels = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    pixels.convert("RGB").save(buffer, "png", compress_level=1)
    return buffer.getvalue()
