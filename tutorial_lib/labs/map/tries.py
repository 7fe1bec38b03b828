"""The tries of a search, marked on the picture of the map."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutorial_lib.labs.map.draw import draw_map
from tutorial_lib.labs.map.grid import HyperparameterMap
from tutorial_lib.labs.map.search import NAMES, Try, best_of, latest
from tutorial_lib.pictures import INK, VERMILION

POINTS = (13, 24)  # across a mark, of a try with one epoch, and of a whole training
LETTERS = 7  # points; the numbers in the marks


def draw_tries(axes: Axes, the_map: HyperparameterMap, tries: Sequence[Try]) -> None:
    """Mark tries on a map that `draw_map` has drawn: numbered, larger the more epochs they got.

    The whole training with the lowest loss has a mark that is filled.

    Args:
        tries: In the order of the search; of each number the last one counts.
    """
    best = best_of(tries)
    for each in latest(tries):
        cell = the_map.cell(*each.pair)
        x = the_map.batch_sizes.index(cell.batch_size)
        y = the_map.learning_rates.index(cell.learning_rate)
        is_best = best is not None and each.number == best.number
        looks = {"mfc": VERMILION if is_best else "white", "mec": INK, "mew": 1.2}
        size = size_of(each.epochs, int(the_map.amount))
        axes.plot(x, y, "o", ms=size, zorder=7, **looks)
        colour = "white" if is_best else INK
        axes.text(
            *(x, y - 0.02, str(each.number)),
            **{"size": LETTERS, "color": colour, "ha": "center", "va": "center", "zorder": 8},
        )


def draw_searches(
    figure: Figure, the_map: HyperparameterMap, searches: dict[str, Sequence[Try]]
) -> None:
    """Draw a map for each search, with its tries.

    Args:
        searches: Name of the method -> its tries.
    """
    row = figure.subplots(1, len(searches), sharey=True, squeeze=False)[0]
    for axes, (method, tries) in zip(row, searches.items(), strict=True):
        draw_map(axes, the_map, numbers=False, labels=False)
        for line in list(axes.lines):  # who searches sees neither the ridge nor the rules
            line.remove()
        draw_tries(axes, the_map, tries)
        spent = sum(each.epochs for each in latest(tries))
        axes.set_title(f"{NAMES[method]}: {len(latest(tries))} pairs, {spent} epochs", size=9)
        axes.tick_params(axis="x", labelsize=7.5)
        axes.set_label(tries_in_words(method, tries))
        if axes is not row[0]:
            axes.set_ylabel("")


def tries_in_words(method: str, tries: Sequence[Try]) -> str:
    """Say in a few sentences which pairs a search tried, and what it found."""
    told = latest(tries)
    words = [
        f"{NAMES[method].capitalize()}: {len(told)} pairs of learning rate and batch size, "
        f"{sum(each.epochs for each in told)} epochs in all."
    ]
    by_epochs = sorted({each.epochs for each in told})
    if len(by_epochs) > 1:
        counts = [f"{sum(t.epochs == e for t in told)} for {e}" for e in by_epochs]
        words.append(f"Epochs that they got: {', '.join(counts)}.")
    best = best_of(tries)
    if best is not None:
        words.append(
            f"The best is number {best.number}, rate {best.learning_rate:.3g}, batch "
            f"{best.batch_size:,}, with a loss of {best.loss:.3g}."
        )
    return " ".join(words)


def size_of(epochs: int, most: int) -> float:
    """Return how many points a mark is across: its area grows with the epochs."""
    low, high = POINTS
    share = (epochs - 1) / (most - 1) if most > 1 else 1.0
    return math.sqrt(low**2 + (high**2 - low**2) * share)
