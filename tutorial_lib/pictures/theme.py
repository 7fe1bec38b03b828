"""Colours by role, told apart by colour-blind eyes too, on light ground and on dark."""

from collections.abc import Iterable

from tutorial_lib.optimizers import OPTIMIZERS

# Source: six are near to those of Okabe and Ito, "Color universal design", 2008, of which three are
# too pale on white. They were searched for: on white each has a contrast of 3 to 1, on dark ground,
# where text has the same ones, of 4.5 to 1; and on both, in four kinds of sight, no two are closer
# than the closest two of Okabe and Ito. `tests/pictures/test_contrast.py` measures it.
PALETTE = {  # name -> on white, on dark ground
    "blue": ("#1063A8", "#3780D1"),
    "vermilion": ("#B74E07", "#D55E00"),
    "green": ("#028D5F", "#08A373"),
    "purple": ("#DF67AD", "#E75CB0"),
    "orange": ("#C78600", "#E69F00"),
    "sky": ("#189AE5", "#3BB6F4"),
    "brown": ("#813C11", "#FBCC9C"),
    "indigo": ("#332299", "#7F6DFF"),
}
RUN_COLOURS = tuple(on_white for on_white, _ in PALETTE.values())
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BROWN, INDIGO = RUN_COLOURS
INK, MUTED, GRID = "#222222", "#666666", "#DDDDDD"
COLOURS = {"train": BLUE, "validation": VERMILION, "muted": MUTED, "grid": GRID}
PAPER_GROUND, DARK_GROUND = "#FFFFFF", "#111111"  # the dark one is that of JupyterLab's cells
DARK_INK = "#E0E0E0"  # what INK is on dark ground
STYLE = "tutorial_lib.tutorial"  # for matplotlib.style.use


def run_colour(number: int) -> str:
    """Return the colour of run `number`, from 0; after the last of RUN_COLOURS they begin again."""
    return RUN_COLOURS[number % len(RUN_COLOURS)]


def run_colours(labels: Iterable[str]) -> dict[str, str]:
    """Return the colour of each run: one after the other, but an optimizer has always its own."""
    labels = list(labels)
    if set(labels) <= set(OPTIMIZERS):
        return {label: PALETTE[OPTIMIZERS[label].colour][0] for label in labels}
    return {label: run_colour(number) for number, label in enumerate(labels)}
