"""The panel that measures a plane through a trained net."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.labs.slices.draw import draw_plane
from tutorial_lib.labs.slices.measure import START, LossPlane, PlaneStep, measure_plane
from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.panels import MeasurePanel, controls
from tutorial_lib.pictures import columns_or_rows
from tutorial_lib.table import loss_text


def plane_panel(plane: LossPlane, *, size: int = 17, num_steps: int = 25) -> MeasurePanel:
    """Return a panel that measures the loss in a plane and lets optimizers down in it.

    Args:
        plane: Through the weights of a trained net, any that a LossPlane takes.
        size: Points a side of the grid, 2 or more.
        num_steps: Steps of each optimizer, 1 or more.
    """
    if not isinstance(plane, LossPlane):
        raise TypeError(f"plane must be a LossPlane(model, data.validation); got {shown(plane)}")
    check_whole("size", size, low=2)
    check_whole("num_steps", num_steps, low=1)
    plain, adaptive = f"Rate of {controls.NOT_ADAPTIVE}.", f"Rate of {controls.ADAPTIVE}."
    kept = "How much of the last step's velocity is kept. For the next measurement."
    rate = _usual_rate(plane)
    low = min(-4, math.floor(math.log10(rate)) - 1)
    by_name = {
        "learning_rate": controls.play_rate_slider("learning rate", rate, plain, low=low),
        "adaptive_rate": controls.play_rate_slider("adaptive rate", 0.05, adaptive),
        "momentum": controls.momentum_slider(0.8, kept),
    }
    measure = partial(measure_plane, plane, size=size, num_steps=num_steps)
    num_records = size + len(OPTIMIZERS) * (num_steps + 1)
    looks = {"size": (9, 3.9), "narrow_size": (9, 8)}
    return MeasurePanel(
        "loss in a plane", measure, _draw, lambda **_: num_records, by_name, **looks
    )


def _usual_rate(plane: LossPlane) -> float:
    """Return a rate for steps along the gradient: less of it where the loss is in large units."""
    with torch.no_grad():
        height = plane.loss(torch.tensor(START)).item()
    if not 100 < height < math.inf:
        return 0.02
    return max(float(f"{0.02 * 10 / height:.0e}"), 1e-30)


def _draw(figure: Figure, records: Sequence[Any], **_: float) -> str:
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    ends = {"left": 0.72 / width, "right": 1 - 1.44 / width, "wspace": 0.27}
    ends |= {"bottom": 0.47 / height, "top": 1 - 0.31 / height, "hspace": 0.3}
    pair = columns_or_rows(figure, 2, width_ratios=(1.1, 1), gridspec_kw=ends)
    draw_plane(pair, records)
    last = {record.optimizer: record for record in records if isinstance(record, PlaneStep)}
    if not last:
        return f"the loss along line {len(records)} of the plane, from the bottom up."
    return (
        "Loss: " + ", ".join(f"{name} {loss_text(step.loss)}" for name, step in last.items()) + "."
    )
