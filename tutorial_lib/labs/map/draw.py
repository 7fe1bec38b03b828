"""The picture of a map: a colour, a number and a letter for each cell, the ridge, and the rules."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from tutorial_lib.checks import check_choice
from tutorial_lib.labs.map.grid import POWERS, STATES, HyperparameterMap, MapCell
from tutorial_lib.pictures import (
    BLUE,
    COLOURS,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    label_ends,
    plain_log_ticks,
    wrapped,
)
from tutorial_lib.pictures.png import LIGHT
from tutorial_lib.table import Table, loss_text

BYS = ("loss", "accuracy")
# What tells the states apart besides the colour: a letter, a hatch, and a word.
MARKS: dict[str, tuple[str, str]] = {
    "learned": ("", ""),
    "slow": ("s", ".."),
    "unsteady": ("u", "//"),
    "dead": ("d", "xx"),
    "diverged": ("\N{INFINITY}", "|||"),
    "open": ("", ""),
}
RULES = {"linear": (ORANGE, (0, (5, 2))), "square root": (VERMILION, (0, (1.5, 1.5)))}
GREYS = {"dead": "#DDDDDD", "diverged": "#BBBBBB"}
LOWEST_SHARE = 0.04  # of the loss at the start: what has come down so far is as blue as can be
LEGEND_PIXELS = 110  # of the page, that a name in a legend takes
NUMBER_PIXELS = 38  # of the page; in narrower cells there is no number
BLUEST = 0.72  # share of the colour: ink on it can be read, on white and on dark ground


def draw_map(
    axes: Axes,
    the_map: HyperparameterMap,
    *,
    by: str = "loss",
    chosen: MapCell | None = None,
    numbers: bool = True,
    labels: bool = True,
) -> None:
    """Draw a map: batch sizes to the right, learning rates up; what is bluer is better.

    Args:
        by: "loss": of the held-out examples; or "accuracy", of the same.
        chosen: A cell with a frame around it.
        numbers: Whether the cells have theirs, where they are wide enough.
        labels: Whether the ridge and the rules are named beside the map.
    """
    check_choice("by", by, BYS)
    sizes, rates = the_map.batch_sizes, the_map.learning_rates
    axes.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(-0.5, len(rates) - 0.5))
    axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axes.set_yticks(range(len(rates)), [f"{rate:.3g}" for rate in rates])
    axes.set(xlabel="batch size", ylabel="learning rate")
    axes.grid(False)
    axes.tick_params(length=0)
    width = 100 / axes.figure.dpi * axes.get_window_extent().width / len(sizes)
    for (rate, size), cell in the_map.cells.items():
        place = sizes.index(size), rates.index(rate)
        _draw_cell(axes, place, cell, the_map, by, numbers and width >= NUMBER_PIXELS)
    lines = _draw_lines(axes, the_map)
    if labels and lines:
        label_ends(axes, lines)
    if chosen is not None:
        corner = sizes.index(chosen.batch_size) - 0.5, rates.index(chosen.learning_rate) - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, ec=INK, lw=2.4, zorder=6))
    axes.set_label(map_in_words(the_map, by=by))


def draw_maps(row: Sequence[Axes], maps: Sequence[HyperparameterMap]) -> None:
    """Draw maps with other budgets side by side, each with its ridge and the rules."""
    for number, (axes, the_map) in enumerate(zip(row, maps, strict=True)):
        draw_map(axes, the_map, numbers=False, labels=False)
        axes.set_title(f"{the_map.amount_text} each")
        axes.set_label(_briefly(the_map))
        if number:
            axes.set_ylabel("")
        axes.tick_params(axis="x", labelsize=7.5)
    if len(row):
        draw_legend(row[-1], [state for the_map in maps for state in _states(the_map)])


def draw_legend(axes: Axes, states: Iterable[str], *, lines: bool = True) -> None:
    """Say below a picture what its letters and hatches mean, and its lines.

    Args:
        lines: Whether the ridge and the rules are named, too.
    """
    there = set(states)
    parts: list[Artist] = [
        Patch(
            fc=GREYS.get(state, "white"),
            ec=MUTED,
            hatch=MARKS[state][1],
            lw=0.6,
            label=f"{MARKS[state][0]} {state}",
        )
        for state in STATES
        if state in there and MARKS[state][0]
    ]
    if lines:
        named = {"ridge: best rate": (INK, "-")} | RULES
        parts += [
            Line2D([], [], color=colour, ls=style, lw=2, label=name)
            for name, (colour, style) in named.items()
        ]
    if parts:
        room = int(100 * axes.figure.get_figwidth() // LEGEND_PIXELS)
        columns = max(1, min(len(parts), room))
        looks = {"loc": "outside lower center", "ncols": columns, "fontsize": 7.5}
        axes.figure.legend(handles=parts, **looks)


def draw_cell_curve(
    axes: Axes, cell: MapCell | None, the_map: HyperparameterMap, *, num_held_out: int = 0
) -> None:
    """Draw the loss of a cell's training, and its validation loss after each epoch."""
    start = _start_loss(the_map)
    axes.set(xlabel="epochs", ylabel="loss", yscale="log", ylim=(0.02 * start, 4 * start))
    axes.axhline(start, color=MUTED, lw=0.9, ls=":")
    if cell is None:
        axes.set_title("choose a cell")
        plain_log_ticks(axes)
        return
    title = f"rate {cell.learning_rate:.3g}, batch {cell.batch_size:,}: {cell.state}"
    room = 90 * axes.get_position().width * axes.figure.get_figwidth()
    axes.set_title(wrapped(title, room, axes.title.get_fontsize()))
    top = 10 * start
    if cell.curve:
        x, y = np.array(cell.curve).T
        axes.plot(x, np.minimum(y, top), color=COLOURS["train"], label="training")
    if cell.validation:
        whole = [min(number + 1.0, cell.epochs) for number in range(len(cell.validation))]
        looks = {"color": COLOURS["validation"], "ms": 5, "ls": "none", "label": "validation"}
        axes.plot(whole, np.minimum(cell.validation, top), "o", **looks)
    plain_log_ticks(axes)
    axes.set_xlim(left=0)
    if cell.curve:
        axes.legend(loc="lower left")


def map_in_words(the_map: HyperparameterMap, *, by: str = "loss") -> str:
    """Say in a few sentences what is on a map: how much is trained, the best, the ridge, states."""
    trained, cells = the_map.trained, the_map.cells
    words = [
        f"Map of {len(the_map.batch_sizes)} batch sizes and {len(the_map.learning_rates)} learning "
        f"rates, coloured by validation {by}: {len(trained)} of {len(cells)} cells trained, "
        f"{the_map.amount_text} each."
    ]
    best, ridge = the_map.best(), the_map.ridge()
    if best is not None:
        words.append(f"Lowest loss {loss_text(best.validation_loss)}: {_pair(best)}.")
    if ridge:
        told = ", ".join(f"{size:,}: {cell.learning_rate:.3g}" for size, cell in ridge.items())
        words.append(f"Best rate by batch size: {told}.")
    counts = Counter(cell.state for cell in trained)
    if counts:
        told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        words.append(f"{told}.")
    for rule in POWERS:
        missed = [row for row in the_map.scaled(rule) if row.cell is not row.best]
        if missed:
            told = ", ".join(f"{row.batch_size:,}: {_missed(row.cell)}" for row in missed)
            words.append(f"The rule {rule} gives {told}.")
    return " ".join(words)


def _briefly(the_map: HyperparameterMap) -> str:
    """Say in few words what is on a map: how many cells learned, and the ridge."""
    counts = Counter(cell.state for cell in the_map.trained)
    ridge = ", ".join(
        f"{size}: {cell.learning_rate:.2g} ({cell.validation_loss:.2f})"
        for size, cell in the_map.ridge().items()
    )
    words = f"{the_map.amount_text} each, {counts['learned']} of {len(the_map.cells)} cells learned"
    return f"{words}; best rates by batch size (loss): {ridge or 'none'}"


def map_table(the_map: HyperparameterMap) -> tuple[str, Table]:
    """Return a caption and a table: a row for each learning rate, a column for each batch size."""
    heads = ["learning rate", *(f"batch {size:,}" for size in the_map.batch_sizes)]
    rows = [
        [
            f"{rate:.3g}",
            *(cell_in_words(the_map.cells[rate, size]) for size in the_map.batch_sizes),
        ]
        for rate in reversed(the_map.learning_rates)
    ]
    return f"Validation loss, {the_map.amount_text} for each cell", Table(heads, rows)


def scaling_table(the_map: HyperparameterMap) -> Table:
    """Return what the rules of scaling say for each batch size, beside its best rate."""
    rules = {rule: {row.batch_size: row for row in the_map.scaled(rule)} for rule in POWERS}
    heads = ["batch size", "best rate", "loss"]
    heads += [words for rule in POWERS for words in (f"{rule}: rate", "loss there")]
    rows = []
    for size, best in the_map.ridge().items():
        cells = [f"{size:,}", f"{best.learning_rate:.3g}", loss_text(best.validation_loss)]
        for rule in POWERS:
            row = rules[rule].get(size)
            rate = the_map.scaled_rate(rule, size)
            told = "off the map" if row is None else cell_in_words(row.cell)
            cells += ["" if rate is None else f"{rate:.2g}", told]
        rows.append(cells)
    return Table(heads, rows)


def cell_in_words(cell: MapCell) -> str:
    """Return a cell's loss, and its state where it has not learned."""
    if cell.state == "open":
        return "\N{EN DASH}"
    if not math.isfinite(cell.validation_loss):
        return cell.state
    state = "" if cell.state == "learned" else f" {cell.state}"
    return f"{loss_text(cell.validation_loss)}{state}"


def _missed(cell: MapCell) -> str:
    return f"rate {cell.learning_rate:.3g}, {cell_in_words(cell)}"


def _pair(cell: MapCell) -> str:
    return f"rate {cell.learning_rate:.3g}, batch {cell.batch_size:,}"


def _states(the_map: HyperparameterMap) -> set[str]:
    return {cell.state for cell in the_map.trained}


def _start_loss(the_map: HyperparameterMap) -> float:
    """Return the loss with the first weights, or where a map does not say it, the highest one."""
    start = the_map.made_with.get("start_loss")
    if isinstance(start, int | float) and 0 < start < math.inf:
        return float(start)
    losses = [cell.validation_loss for cell in the_map.trained]
    return max((loss for loss in losses if math.isfinite(loss)), default=1.0) or 1.0


def goodness(cell: MapCell, the_map: HyperparameterMap, by: str) -> float:
    """Return how blue a cell is, 0 to 1: by how much of the way from a guess it has come."""
    if cell.state in GREYS:
        return 0.0
    if by == "accuracy":
        guess = 1 / max(2, the_map.made_with.get("num_outputs") or 2)
        share = (cell.accuracy - guess) / (1 - guess)
    else:
        start = _start_loss(the_map)
        loss = max(cell.validation_loss, LOWEST_SHARE * start)
        share = math.log(start / loss) / math.log(1 / LOWEST_SHARE)
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0


@cache
def tints() -> np.ndarray:
    """Return the shares of blue (N,), ascending, that small pictures have in their palette."""
    blue, light = 255 * np.array(to_rgb(BLUE)), LIGHT.astype(float)
    shares = (255 - light[:, 0]) / (255 - blue[0])
    differ = np.abs(255 - shares[:, None] * (255 - blue) - light).max(axis=1)
    return np.sort(shares[(differ <= 1.5) & (shares > 0) & (shares <= BLUEST)])


def tint(share: float) -> tuple[float, float, float]:
    """Return white that has so much blue in it, 0 to 1, as near as the palette allows."""
    shares = np.array([0.0, *tints()])
    blue = shares[np.abs(shares - BLUEST * share).argmin()]
    red, green, other = blue * np.array(to_rgb(BLUE)) + 1 - blue
    return float(red), float(green), float(other)


def _draw_cell(
    axes: Axes,
    place: tuple[int, int],
    cell: MapCell,
    the_map: HyperparameterMap,
    by: str,
    has_number: bool,
) -> None:
    x, y = place
    corner = x - 0.5, y - 0.5
    if cell.state == "open":
        axes.add_patch(Rectangle(corner, 1, 1, fc="none", ec="#DDDDDD", lw=0.6))
        return
    share = goodness(cell, the_map, by)
    colour = GREYS.get(cell.state) or tint(share)
    letter, hatch = MARKS[cell.state]
    axes.add_patch(Rectangle(corner, 1, 1, fc=colour, ec="#999999", lw=0.5, hatch=hatch or None))
    words = _number(cell, by) if has_number else ""
    words = f"{words} {letter}".strip()
    if words:
        text = axes.text(x, y - 0.31, words, ha="center", va="center", size=7, color=INK)
        if hatch:
            text.set_path_effects([withStroke(linewidth=2, foreground=colour)])
        text.set_zorder(5)


def _number(cell: MapCell, by: str) -> str:
    if cell.state in ("dead", "diverged"):
        return ""
    if by == "accuracy":
        return f"{100 * cell.accuracy:.0f}%"
    return f"{cell.validation_loss:.2f}" if cell.validation_loss < 9.995 else ">9"


def _draw_lines(axes: Axes, the_map: HyperparameterMap) -> list[tuple[float, str, str]]:
    """Draw the ridge and the rules; return where they end, what they are, and their colours."""
    sizes, rates = the_map.batch_sizes, the_map.learning_rates
    ridge = the_map.ridge()
    if not ridge:
        return []
    ends = []
    halo = [withStroke(linewidth=4, foreground="white")]
    steps = np.linspace(0, len(sizes) - 1, 100)
    between = np.exp(np.interp(steps, range(len(sizes)), np.log(sizes)))
    for rule, (colour, style) in RULES.items():
        wanted = [the_map.scaled_rate(rule, size) for size in between]
        if None in wanted or len(rates) < 2:
            continue
        y = _height(np.array(wanted), rates)
        inside = (y > -0.5) & (y < len(rates) - 0.5)
        looks = {"color": colour, "ls": style, "lw": 1.8, "path_effects": halo, "zorder": 3}
        axes.plot(steps[inside], y[inside], **looks)
        ends.append((float(y[inside][-1]), rule, colour))
    x = [sizes.index(size) for size in ridge]
    y = [rates.index(cell.learning_rate) for cell in ridge.values()]
    looks = {"color": INK, "lw": 2, "ms": 4.5, "mfc": "white", "mew": 1.6, "zorder": 4}
    axes.plot(x, y, "o-", path_effects=halo, **looks)
    return [*ends, (float(y[-1]), "ridge: best rate", INK)]


def _height(wanted: np.ndarray, rates: Sequence[float]) -> np.ndarray:
    """Return where rates lie along the map's axis, beyond its ends too."""
    logs = np.log(rates)
    y = np.interp(np.log(wanted), logs, range(len(rates)))
    step = np.diff(logs)
    below, above = np.log(wanted) < logs[0], np.log(wanted) > logs[-1]
    y[below] = (np.log(wanted[below]) - logs[0]) / step[0]
    y[above] = len(rates) - 1 + (np.log(wanted[above]) - logs[-1]) / step[-1]
    return y
