"""Colours by role, told apart by colour-blind eyes too."""

from collections.abc import Iterable

from tutorial_lib.optimizers import OPTIMIZERS

# Source: six are of Okabe and Ito, "Color universal design", 2008, whose yellow is too pale; the
# last two, in four kinds of sight, are further from each than the closest two of these are.
PALETTE = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "brown": "#7F3B08",
    "indigo": "#332288",
}
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BROWN, INDIGO = RUN_COLOURS = tuple(PALETTE.values())
INK, MUTED, GRID = "#222222", "#666666", "#DDDDDD"
COLOURS = {"train": BLUE, "validation": VERMILION, "muted": MUTED, "grid": GRID}
STYLE = "tutorial_lib.tutorial"  # for matplotlib.style.use


def run_colour(number: int) -> str:
    """Return the colour of run `number`, from 0; after the last of RUN_COLOURS they begin again."""
    return RUN_COLOURS[number % len(RUN_COLOURS)]


def run_colours(labels: Iterable[str]) -> dict[str, str]:
    """Return the colour of each run: one after the other, but an optimizer has always its own."""
    labels = list(labels)
    if set(labels) <= set(OPTIMIZERS):
        return {label: PALETTE[OPTIMIZERS[label].colour] for label in labels}
    return {label: run_colour(number) for number, label in enumerate(labels)}
