"""The pictures of the optimizer lab: ways down a surface."""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib.style
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tutorial_lib.labs.paths.measure import Descent, Surface
from tutorial_lib.labs.paths.one_step import StepInNumbers
from tutorial_lib.pictures import INK, MUTED, STYLE, label_ends, run_colours

_LOWEST, _HIGHEST = 1e-8, 1e4  # heights beyond these are drawn there


def draw_descents(pair: Sequence[Axes], surface: Surface, descents: Mapping[str, Descent]) -> None:
    """Several ways down a surface seen from above, and beside it the height after each step.

    Args:
        pair: The left axes, for the map, and the right axes, for the heights.
        surface: What they walk on.
        descents: Name -> way; an optimizer has the same colour in every picture.
    """
    left, right = pair
    left.imshow(_map_of(surface), extent=(*surface.xlim, *surface.ylim), aspect="auto", zorder=0)
    left.grid(False)
    colours = run_colours(descents)
    ends, far = [], 10 * max(map(abs, (*surface.xlim, *surface.ylim)))
    for name, descent in descents.items():
        colour = colours[name]
        x, y = np.clip(np.nan_to_num(np.array(descent.points)), -far, far).T
        left.plot(x, y, "o-", color=colour, markersize=2.5, linewidth=1.2)
        heights = [min(max(height, _LOWEST), _HIGHEST) for height in descent.heights]
        right.plot(heights, color=colour, linewidth=1.4)
        end = f"{name}: {descent.heights[-1]:.2g}" if not descent.left else f"{name}: flew off"
        ends.append((descent.heights[-1], (heights[-1], end, colour)))
    left.plot(*zip(*surface.lowest, strict=True), "*", color=INK, markersize=11, zorder=4)
    if descents:
        start = next(iter(descents.values())).points[0]
        left.plot(*start, "s", color=INK, markersize=6, clip_on=False)
    left.set(xlim=surface.xlim, ylim=surface.ylim, xlabel="weight 1", ylabel="weight 2")
    left.set_title(f"{surface.name}; square: start, star: lowest")
    right.set(yscale="log", xlabel="step", ylabel="height above the lowest point")
    right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    all_heights = [height for descent in descents.values() for height in descent.heights]
    notes = []
    if not all(height <= _HIGHEST for height in all_heights):
        notes.append(f"above {_HIGHEST:g}: at the top")
    if any(height < _LOWEST for height in all_heights):
        notes.append(f"below {_LOWEST:g}: at the bottom")
    right.set_title("; ".join(notes))
    _set_decades(right)
    ends.sort()  # those that end on one line at the edge are named in their true order
    label_ends(right, [end for _, end in ends])


def _set_decades(axes: Axes) -> None:
    """Let a logarithmic y axis end at powers of ten, and write some of them as plain numbers."""
    low, high = (math.log10(place) for place in axes.get_ylim())
    powers = range(math.floor(low), math.ceil(high) + 1)
    axes.set_ylim(10.0 ** powers[0], 10.0 ** powers[-1])
    places = [10.0**power for power in powers][:: 1 + len(powers) // 7]
    axes.set_yticks(places, [f"{place:g}" for place in places])
    axes.minorticks_off()


@cache
def _map_of(surface: Surface) -> np.ndarray:
    """Return contour lines of a surface, drawn once: (rows, columns, 4) uint8."""
    x, y = torch.linspace(*surface.xlim, 201), torch.linspace(*surface.ylim, 201)
    heights = surface.height(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))  # (201, 201)
    top = math.log10(float(heights.max()))
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.6, 3.0), dpi=100)
        figure.set_layout_engine("none")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.contour(x, y, heights, levels=np.logspace(top - 4, top - 0.1, 15),
                     colors=MUTED, linewidths=0.6, alpha=0.6)  # fmt: skip
        canvas.draw()
        return np.array(canvas.buffer_rgba())


def draw_step_table(axes: Axes, steps: Sequence[StepInNumbers]) -> None:
    """One row for each optimizer: weight, gradient, memory and step, ours and that of torch."""
    heads = "optimizer", "weight before", "gradient", "memory after", "moved", "torch.optim"
    places = 0.0, 0.17, 0.33, 0.45, 0.75, 0.89
    rows = [heads]
    for step in steps:
        memory = "  ".join(f"{symbol} = {value:.4g}" for symbol, value in step.memory) or "none"
        numbers = f"{step.weight:.4f}", f"{step.gradient:g}", memory
        rows.append((step.optimizer, *numbers, f"{step.moved:+.4f}", f"{step.torch_moved:+.4f}"))
    colours = {heads[0]: MUTED, **run_colours(step.optimizer for step in steps)}
    for number, row in enumerate(rows):
        height = 1 - (number + 0.5) / len(rows)
        for column, (place, text) in enumerate(zip(places, row, strict=True)):
            axes.text(place, height, text, color=INK if column else colours[text], va="center",
                      size=10.5)  # fmt: skip
    axes.axhline(1 - 1 / len(rows), color=MUTED, linewidth=0.8)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
