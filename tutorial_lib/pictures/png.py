"""Pictures as PNG: small, soon encoded, and dark where the page is dark.

A picture is always drawn light. For dark ground its colours are exchanged: each colour of the theme
for its cousin there, and each colour between one of them and white for what lies as far between its
cousin and the ground.
"""

import io
from functools import cache

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from tutorial_lib.pictures.contrast import ink_of, on_dark
from tutorial_lib.pictures.theme import DARK_GROUND, INK, PAPER_GROUND, RUN_COLOURS

SIZE = 256  # as many colours as a palette holds
FAINTEST = 0.07  # share of a colour; anything fainter and Pillow would take white for it
GRID_SIZE = 33  # along each channel, how many colours are exchanged exactly; those between follow
PHOTOGRAPH = "photograph"  # the gid of an image that keeps its colours on dark ground


def _palette() -> np.ndarray:
    """Return the colours of the theme, each in steps to white: (2, 256, 3) uint8, light and dark.

    Lines are drawn on white, thin, faint or with soft edges: each pixel is one of the colours,
    thinned. A palette that is known beforehand is applied in an eighth of the time that it takes
    to look for the best one.
    """
    colours = list(dict.fromkeys([*RUN_COLOURS, *map(ink_of, RUN_COLOURS)]))
    steps = SIZE // (len(colours) + 2)  # from a colour towards white; the rest from ink
    rest, grounds = SIZE - 1 - steps * len(colours), (PAPER_GROUND, DARK_GROUND)
    grounds = np.array([to_rgb(ground) for ground in grounds])[:, None]  # (2, 1, 3)
    parts = [grounds]
    for colour, count in [(INK, rest), *((colour, steps) for colour in colours)]:
        pair = np.array([to_rgb(colour), to_rgb(on_dark(colour))])[:, None]
        share = np.linspace(1, FAINTEST, count)[:, None]  # (count, 1), of the colour
        parts.append(share * pair + (1 - share) * grounds)
    return (255 * np.concatenate(parts, axis=1)).round().astype(np.uint8)


LIGHT, DARK = _palette()
_LIGHT = Image.new("P", (1, 1))
_LIGHT.putpalette(LIGHT.tobytes())


def encode(pixels: np.ndarray, *, dark: bool = False) -> bytes:
    """Return pixels (H, W, 4) uint8, RGBA and opaque, as a PNG of 256 colours.

    Args:
        dark: Exchange its colours for those on dark ground.
    """
    few = Image.fromarray(pixels).convert("RGB")
    few = few.quantize(palette=_LIGHT, dither=Image.Dither.NONE)
    if dark:
        few.putpalette(DARK.tobytes())
    return _png_of(few, level=4)  # a quarter smaller than by 1, for 2 ms at two dots a pixel


def png_of(figure: Figure, *, dark: bool = False) -> bytes:
    """Draw a figure and return it as PNG in all its colours.

    Args:
        dark: Exchange its colours for those on dark ground, but for photographs.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height()
    drawn = Image.frombuffer("RGBA", size, canvas.buffer_rgba()).convert("RGB")
    if not dark:
        return _png_of(drawn)
    exchanged = drawn.filter(_exchange())
    if photographs := figure.findobj(lambda artist: artist.get_gid() == PHOTOGRAPH):
        renderer = RendererAgg(*size, figure.dpi)
        for photograph in photographs:
            photograph.draw(renderer)
        covered = np.asarray(renderer.buffer_rgba())[..., 3]
        exchanged.paste(drawn, mask=Image.fromarray(covered))
    return _png_of(exchanged)


def _png_of(image: Image.Image, *, level: int = 1) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=level)
    return buffer.getvalue()


@cache
def _exchange() -> ImageFilter.Color3DLUT:
    """Return what exchanges any colour: it moves as those of the theme that are near to it do."""
    ends = np.linspace(0, 255, GRID_SIZE)
    grid = np.stack(np.meshgrid(ends, ends, ends, indexing="ij"), axis=-1)[..., ::-1]
    grid = grid.reshape(-1, 3)  # red changes fastest
    light, moves = LIGHT.astype(float), DARK.astype(float) - LIGHT
    squares = (grid**2).sum(1)[:, None] - 2 * grid @ light.T + (light**2).sum(1)  # of distances
    near = 1 / np.maximum(squares, 1) ** 2  # Shepard's weights
    near /= near.sum(axis=1, keepdims=True)
    moved = (grid + near @ moves).clip(0, 255) / 255
    return ImageFilter.Color3DLUT(GRID_SIZE, moved.ravel())
