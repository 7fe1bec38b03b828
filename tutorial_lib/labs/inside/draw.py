"""The picture of what goes on inside a network while it trains."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.engine import StepRecord
from tutorial_lib.labs.inside.measure import (
    MOST_LAYERS,
    InsideRecord,
    drawn_layers,
    short_name,
)
from tutorial_lib.pictures import (
    INK,
    MUTED,
    draw_noisy,
    label_ends,
    loss_ceiling,
    plain_log_ticks,
    plain_text,
    run_colour,
    smooth,
)

RULE_OF_THUMB = 1e-3  # updates / weights; source: Karpathy, notes of Stanford's CS231n, part 3
LOWEST = 1e-6  # shorter gradients and updates leave the picture, as those of dead layers do
ROWS = {
    "loss": "loss",
    "gradient_norm": r"gradient $\|g\|$",
    "update_ratio": r"update $\|\Delta w\| \,/\, \|w\|$",
    "dead_share": "dead ReLUs (%)",
}


def draw_inside(
    grid: np.ndarray,
    runs: Mapping[str, Sequence[StepRecord | InsideRecord]],
    *,
    num_classes: int | None = 10,
) -> None:
    """Draw loss, gradients, updates and dead ReLUs against the step; a line for each layer.

    Of more than eight layers, eight are drawn.

    Args:
        grid: Axes (4, R): a column for each run; what stands in a row has the same scale.
        runs: Title -> records, as `looking_inside` yields them, as many as there are.
        num_classes: Of what is learned by cross-entropy: what a guess costs is a line. None: there
            is no such line.
    """
    for column, (title, records) in zip(grid.T, runs.items(), strict=True):
        steps = [record for record in records if isinstance(record, StepRecord)]
        looks = [record for record in records if isinstance(record, InsideRecord)]
        _draw_loss(column[0], steps, num_classes)
        for axes, field in zip(column[1:], list(ROWS)[1:], strict=True):
            _draw_layers(axes, looks, field)
        for axes in column:
            axes.set(xlabel="step", xlim=(0, max(len(steps), 1)))
        column[0].set_title(plain_text(title))
        if looks and (count := len(looks[0].layers)) > MOST_LAYERS:
            column[1].set_title(f"{MOST_LAYERS} of {count} layers")
    words = [_in_words(title, records) for title, records in runs.items()]
    grid[0, 0].figure.set_label(" ".join(words))  # for those who do not see it
    for row, label in zip(grid, ROWS.values(), strict=True):
        row[0].set_ylabel(label)
        limits = np.array([axes.get_ylim() for axes in row])
        for axes in row:  # all on the scale that holds their lines
            axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
            if axes.get_yscale() == "log":
                plain_log_ticks(axes)
            label_ends(axes)


def _in_words(title: str, records: Sequence[StepRecord | InsideRecord]) -> str:
    """Say how the loss went, and between what the layers lay at the last look."""
    losses = [record.loss for record in records if isinstance(record, StepRecord)]
    looks = [record for record in records if isinstance(record, InsideRecord)]
    words = f"{title}: nothing yet."
    if losses:
        words = f"{title}: loss from {losses[0]:.3g} to {smooth(np.array(losses))[-1]:.3g}."
    if looks:
        layers = looks[-1].layers
        gradients = [layer.gradient_norm for layer in layers]
        dead = [layer.dead_share for layer in layers if layer.dead_share is not None]
        words += f" At the end gradients from {min(gradients):.2g} to {max(gradients):.2g} long"
        words += f", at most {100 * max(dead):.0f}% of a layer's ReLUs dead." if dead else "."
    return words


def _draw_loss(axes: Axes, steps: Sequence[StepRecord], num_classes: int | None) -> None:
    x, loss = np.array([step.step for step in steps]), np.array([step.loss for step in steps])
    draw_noisy(axes, x, loss, smooth(loss), INK)
    if not len(loss):
        loss = np.array([0.5, 4])
    low, high = loss.min(), min(loss.max(), loss_ceiling(loss[:1]))
    if low < 0:  # a loss of the learner's own may be
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        return
    if num_classes is not None:  # so a plateau looks as flat as it is
        guess = math.log(num_classes)
        low, high = min(low, 0.22 * guess), max(high, 1.74 * guess)
        words = f"ln {num_classes}"
        axes.axhline(guess, color=MUTED, linewidth=1.2, linestyle=":", label=words)
    axes.set(yscale="log", ylim=(0.8 * max(low, 1e-9 * high), 1.25 * high))


def _draw_layers(axes: Axes, looks: Sequence[InsideRecord], field: str) -> None:
    """Draw one line a layer."""
    scale = 100 if field == "dead_share" else 1
    by_layer = list(zip(*(look.layers for look in looks), strict=True))
    drawn = drawn_layers(looks[0].layers) if looks else []
    for number, layers in enumerate(by_layer[place] for place in drawn):
        values = [getattr(layer, field) for layer in layers]
        if None not in values:  # that is, a ReLU follows this layer
            x, y = [look.step for look in looks], scale * np.array(values)
            name = plain_text(short_name(layers[0].layer))
            axes.plot(x, y, color=run_colour(number), linewidth=1.3, label=name)
    if field == "dead_share":
        axes.set_ylim(-3, 103)
    else:
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], LOWEST))
    if field == "update_ratio" and looks:
        words = f"rule of thumb:\n{RULE_OF_THUMB}"
        axes.axhline(RULE_OF_THUMB, color=MUTED, linewidth=1.2, linestyle=":", label=words)
