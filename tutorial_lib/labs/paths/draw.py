"""The pictures of the optimizer lab: ways down a surface."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib.style
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tutorial_lib.labs.paths.measure import Descent, StepInNumbers, Surface
from tutorial_lib.pictures import (
    INK,
    MUTED,
    STYLE,
    draw_ways,
    ink_of,
    label_ends,
    plain_text,
    run_colours,
)
from tutorial_lib.pictures.curve import TICK_WIDTH
from tutorial_lib.pictures.labels import text_width, width_of

_LOWEST, _HIGHEST = 1e-8, 1e4  # heights beyond these are drawn there
_COLUMNS = 0.0, 0.17, 0.33, 0.45, 0.75, 0.89  # where those of a wide table begin
_GAP = 8  # pixels between those of a narrow one, at least


def draw_descents(pair: Sequence[Axes], surface: Surface, descents: Mapping[str, Descent]) -> None:
    """Several ways down a surface seen from above, and beside it the height after each step.

    Args:
        pair: The left axes, for the map, and the right axes, for the heights.
        surface: What they walk on.
        descents: Name -> way; an optimizer has the same colour in every picture.
    """
    left, right = pair
    left.imshow(
        _map_of(surface, left.figure.dpi),
        extent=(*surface.xlim, *surface.ylim),
        aspect="auto",
        zorder=0,
    )
    ends, far = [], 10 * max(map(abs, (*surface.xlim, *surface.ylim)))
    ways = {name: np.clip(np.nan_to_num(way.points), -far, far) for name, way in descents.items()}
    draw_ways(left, ways, surface.lowest)
    for name, colour in run_colours(descents).items():
        heights = np.clip(descents[name].heights, _LOWEST, _HIGHEST)
        right.plot(heights, color=colour, linewidth=1.4)
        height = descents[name].heights[-1]
        end = "flew off" if descents[name].left else f"{height:.2g}"
        ends.append((height, (heights[-1], f"{plain_text(name)}: {end}", colour)))
    left.set(xlim=surface.xlim, ylim=surface.ylim, xlabel="weight 1", ylabel="weight 2")
    left.set_title(f"{surface.name}; square: start, star: lowest")
    right.set(yscale="log", xlabel="step", ylabel="height above the lowest point")
    most = min(5, max(1, int(width_of(right) / TICK_WIDTH)))
    right.xaxis.set_major_locator(MaxNLocator(most, integer=True))
    all_heights = [height for descent in descents.values() for height in descent.heights]
    above = not all(height <= _HIGHEST for height in all_heights)  # or no number
    below = any(height < _LOWEST for height in all_heights)
    notes = [f"above {_HIGHEST:g}: at the top"] * above
    notes += [f"below {_LOWEST:g}: at the bottom"] * below
    right.set_title("; ".join(notes))
    _set_decades(right)
    ends.sort()  # those that end on one line at the edge are named in their true order
    label_ends(right, [end for _, end in ends])


def _set_decades(axes: Axes) -> None:
    """Let a logarithmic y axis end at powers of ten, and write some of them as plain numbers."""
    low, high = np.log10(axes.get_ylim())
    powers = range(math.floor(low), math.ceil(high) + 1)
    axes.set_ylim(10.0 ** powers[0], 10.0 ** powers[-1])
    ticks = [10.0**power for power in powers][:: 1 + len(powers) // 7]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


@cache
def _map_of(surface: Surface, dpi: float) -> np.ndarray:
    """Return contour lines of a surface, drawn once for each kind of screen: (H, W, 4) uint8."""
    x, y = torch.linspace(*surface.xlim, 201), torch.linspace(*surface.ylim, 201)
    heights = surface.height(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))  # (201, 201)
    top = math.log10(float(heights.max()))
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.6, 3.0), dpi=dpi, layout="none")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.contour(x, y, heights, levels=np.logspace(top - 4, top - 0.1, 15),
                     colors=MUTED, linewidths=0.6, alpha=0.6)  # fmt: skip
        canvas.draw()
        return np.array(canvas.buffer_rgba())


def draw_step_table(axes: Axes, steps: Sequence[StepInNumbers]) -> None:
    """One row for each optimizer: weight, gradient, memory and step, ours and that of torch."""
    rows = [("optimizer", "weight before", "gradient", "memory after", "moved", "torch.optim")]
    for step in steps:
        memory = "  ".join(f"{symbol} = {value:.4g}" for symbol, value in step.memory) or "none"
        numbers = f"{step.weight:.4f}", f"{step.gradient:g}", memory
        rows.append((step.optimizer, *numbers, f"{step.moved:+.4f}", f"{step.torch_moved:+.4f}"))
    size, lefts, rows = _fitted(rows, width_of(axes))
    colours = {rows[0][0]: MUTED, **run_colours(step.optimizer for step in steps)}
    for number, row in enumerate(rows):
        height = 1 - (number + 0.5) / len(rows)
        for place, (left, text) in enumerate(zip(lefts, row, strict=True)):
            colour = INK if place else colours[text]
            axes.text(left, height, text, color=ink_of(colour), va="center", size=size)
    axes.axhline(1 - 1 / len(rows), color=MUTED, linewidth=0.8)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")


def _fitted(
    rows: Sequence[tuple[str, ...]], room: float
) -> tuple[float, Sequence[float], Sequence[tuple[str, ...]]]:
    """Return the size of letters, where columns begin, and the rows, broken if there is no room.

    Args:
        room: Pixels of the page for all columns.
    """
    in_two = [
        tuple(re.sub(" (?=before|after)|  |(?<=torch)(?=.)", "\n", text) for text in row)
        for row in rows
    ]
    for size, lines in ((10.5, rows), (9, rows), (10.5, in_two), (7, in_two), (6, in_two)):
        columns = zip(*lines, strict=True)
        widths = [max(text_width(text, size) for text in column) for column in columns]
        ends = np.add(_COLUMNS, np.divide(widths, room))
        if size > 10 and lines is rows and (ends <= [*_COLUMNS[1:], 1]).all():
            return size, _COLUMNS, lines
        gap = (room - sum(widths)) / (len(widths) - 1)
        if gap >= _GAP:
            break
    starts = np.cumsum([0, *widths[:-1]]) + gap * np.arange(len(widths))
    return size, starts / room, lines
