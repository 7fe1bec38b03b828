"""Colours by role, told apart by colour-blind eyes too."""

from collections.abc import Iterable

from tutorial_lib.config import OPTIMIZERS

# Source: Okabe and Ito, "Color universal design", 2008; the yellow is left out, being too pale.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
INK, MUTED, GRID = "#222222", "#666666", "#DDDDDD"

RUN_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
COLOURS = {
    "train": BLUE,
    "validation": VERMILION,
    "right": GREEN,
    "wrong": VERMILION,
    "ink": INK,
    "muted": MUTED,
    "grid": GRID,
}
STYLE = "tutorial_lib.tutorial"  # for matplotlib.style.use


def run_colour(number: int) -> str:
    """Return the colour of run `number`, from 0; after six runs they begin again."""
    return RUN_COLOURS[number % len(RUN_COLOURS)]


def run_colours(labels: Iterable[str]) -> dict[str, str]:
    """Return the colour of each run: one after the other, but an optimizer has always its own."""
    labels = list(labels)
    order = list(OPTIMIZERS if set(labels) <= set(OPTIMIZERS) else labels)
    return {label: run_colour(order.index(label)) for label in labels}
