"""Pictures of descent on a parabola."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tutorial_lib.labs.parabola.measure import (
    behaviour,
    descent_path,
    factor_per_step,
    highest_rate,
)
from tutorial_lib.pictures import BLUE, GREEN, INK, MUTED, ORANGE, VERMILION, note
from tutorial_lib.pictures.labels import text_width, width_of

WIDTH = 3.0  # the weights shown reach from -3 to 3
WEIGHT_TICKS = (-2, 0, 2)
SIZE = 9  # points, of what rates do
BEHAVIOURS = {
    "converges": (GREEN, "comes down from one side"),
    "oscillates": (ORANGE, "oscillates about the lowest point, and arrives"),
    "diverges": (VERMILION, "never arrives"),
}


def draw_descent(
    three: Sequence[Axes],
    *,
    learning_rate: float,
    curvature: float,
    momentum: float,
    start: float,
    num_steps: int = 20,
) -> str:
    """Draw the steps on the parabola, the weight step by step, and which rates do what.

    Args:
        three: Axes for the parabola, the weights and the scale of rates.

    Returns:
        What happens, in a sentence or two.
    """
    settings = {"curvature": curvature, "momentum": momentum}
    path = descent_path(learning_rate=learning_rate, start=start, num_steps=num_steps, **settings)
    colour, words = BEHAVIOURS[behaviour(learning_rate, **settings)]
    ball, weights, rates = three
    draw_ball(ball, path, curvature, colour)
    _draw_weights(weights, path, colour)
    _draw_rates(rates, learning_rate, curvature, momentum)
    border = highest_rate(curvature, momentum)
    factor = factor_per_step(learning_rate, **settings)
    return (
        f"With {learning_rate:g} the ball {words}: in the long run each step multiplies its "
        f"distance by {factor:.3g}. It diverges from {border:.3g} on."
    )


def draw_ball(axes: Axes, path: Sequence[float], curvature: float, colour: str) -> None:
    """Draw the steps of a path on the loss curvature / 2 * w^2, as far as the picture reaches."""
    weights = np.linspace(-WIDTH, WIDTH, 121)
    top = curvature / 2 * WIDTH**2
    axes.plot(weights, curvature / 2 * weights**2, color=MUTED, lw=1)
    beyond = np.flatnonzero(np.abs(path) > WIDTH)  # the first of these is still drawn
    shown = np.array(path[: beyond[0] + 1] if len(beyond) else path)
    heights = curvature / 2 * shown**2
    axes.plot(shown, heights, "-", color=colour, lw=0.9)
    axes.scatter(shown, heights, s=22, color=colour, alpha=np.linspace(1, 0.35, len(shown)))
    axes.plot(shown[0], heights[0], "o", color=INK, ms=9, zorder=3, clip_on=False)
    axes.set(xlim=(-WIDTH, WIDTH), ylim=(-0.04 * top, 1.05 * top), xlabel="weight w")
    axes.set_xticks(WEIGHT_TICKS)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set(ylabel="loss", title="the ball; black is the start")


def _draw_weights(axes: Axes, path: Sequence[float], colour: str) -> None:
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.plot(np.clip(path, -10 * WIDTH, 10 * WIDTH), "o-", color=colour, lw=1, ms=4)
    axes.plot(0, path[0], "o", color=INK, ms=7, clip_on=False)
    axes.set(xlim=(-0.5, len(path) - 0.5), ylim=(-WIDTH, WIDTH), xticks=range(0, len(path), 5))
    axes.set(xlabel="step", ylabel="weight w", title="step by step", yticks=WEIGHT_TICKS)


def _draw_rates(axes: Axes, learning_rate: float, curvature: float, momentum: float) -> None:
    """Draw the scale of learning rates in the colours of what they do, with the borders."""
    low, high = 0.01, 10.0
    # Without complex roots, that is with momentum 0, both borders are 1 / curvature.
    swings, border = (1 - momentum**0.5) ** 2 / curvature, highest_rate(curvature, momentum)
    edges = np.clip([low, swings, border, high], low, high)
    decade = width_of(axes) / math.log10(high / low)
    for (verdict, (colour, _)), left, right in zip(
        BEHAVIOURS.items(), edges, edges[1:], strict=False
    ):
        if right > left:
            axes.axvspan(left, right, color=colour, alpha=0.3, lw=0)
        if decade * math.log10(right / left) > text_width(verdict, SIZE) + 8:
            middle = (left * right) ** 0.5
            axes.text(middle, 0.66, verdict, size=SIZE, ha="center", va="center", color=INK)
    if low <= border <= high:
        axes.axvline(border, color=VERMILION, lw=2)
        name = "2 (1 + momentum) / curvature" if momentum else "2 / curvature"
        right, side = (-4, "right") if border > 0.3 else (4, "left")
        looks = {"ha": side, "color": VERMILION, "annotation_clip": False}
        note(axes, f"{name} = {border:.3g}", (border, 1), (right, 3), **looks)
    axes.plot(learning_rate, 0.16, "^", color=BLUE, ms=11, clip_on=False, zorder=4)
    axes.set(xscale="log", xlim=(low, high), ylim=(0, 1), yticks=[], xlabel="learning rate")
    axes.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    axes.grid(visible=False)
