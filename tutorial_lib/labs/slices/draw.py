"""The picture of a plane through the weights of a net, and of optimizers within it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tutorial_lib.labs.slices.measure import REACH, GridRow, PlaneStep
from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.pictures import (
    MUTED,
    draw_ways,
    label_ends,
    loss_ceiling,
    plain_log_ticks,
    run_colours,
)
from tutorial_lib.pictures.screen import NARROW
from tutorial_lib.table import loss_text


def draw_plane(pair: Sequence[Axes], records: Sequence[GridRow | PlaneStep]) -> None:
    """The loss in a plane seen from above, the ways within it, and the loss along each way.

    Args:
        pair: The left axes, for the plane, and the right axes, for the loss at each step.
        records: As `measure_plane` yields them, as many as there are.
    """
    left, right = pair
    rows = [record for record in records if isinstance(record, GridRow)]
    if len(rows) > 1:
        x = np.linspace(-REACH, REACH, len(rows[0].losses))
        heights = np.array([row.losses for row in rows])  # (rows, columns)
        if len(levels := _levels(heights)):
            lines = left.contour(x, [row.y for row in rows], heights, levels=levels,
                                 colors=MUTED, linewidths=0.8, alpha=0.7)  # fmt: skip
            for text in left.clabel(lines, lines.levels[1::3], fmt=_height_text, fontsize=7.5):
                inside = max(map(abs, text.get_position())) < 0.85 * REACH
                text.set_visible(inside)  # one on the edge would stand across the frame
    steps = [record for record in records if isinstance(record, PlaneStep)]
    ways = {name: [s for s in steps if s.optimizer == name] for name in OPTIMIZERS}
    ways = {name: way for name, way in ways.items() if way}
    draw_ways(left, {name: [(step.x, step.y) for step in way] for name, way in ways.items()})
    is_narrow = 100 * left.figure.get_figwidth() < NARROW
    ticks = (-1, 0, 1) if is_narrow else (-1, -0.5, 0, 0.5, 1)
    left.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=ticks)
    left.set(xlabel="x, along direction 1", ylabel="y, along direction 2")
    wide = "loss; square: start, star: the trained net"
    left.set_title("loss; ■ start, ★ trained" if is_narrow else wide)
    right.set(xlabel="step", ylabel="loss")
    right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    right.set_visible(bool(ways))  # it has nothing to show while the plane is measured
    if not ways:
        return
    for name, colour in run_colours(ways).items():
        loss = [step.loss for step in ways[name]]
        right.plot(loss, color=colour, linewidth=1.4, label=f"{name}: {loss_text(loss[-1])}")
    losses = np.array([step.loss for step in steps])
    top = loss_ceiling([way[0].loss for way in ways.values()])
    if (losses[np.isfinite(losses)] > 0).all():
        right.set_yscale("log")
        right.set_ylim(top=min(right.get_ylim()[1], top))
        plain_log_ticks(right)
    label_ends(right)


def _levels(heights: np.ndarray) -> np.ndarray:
    """Return the losses at which lines are drawn, from the lowest to the highest; none on a plain.

    Args:
        heights: (rows, columns); not all need be finite.
    """
    finite = heights[np.isfinite(heights)]
    if not finite.size or finite.max() <= finite.min():
        return np.array([])
    low, high = finite.min(), finite.max()
    if low < 0:  # a loss of the learner's own may be
        return np.linspace(low, high, 14)
    return np.geomspace(max(low, min(1e-3, 1e-4 * high)), high, 14)


def _height_text(height: float) -> str:
    return f"{height:.2g}" if abs(height) < 100 else f"{float(f'{height:.2g}'):,.0f}"
