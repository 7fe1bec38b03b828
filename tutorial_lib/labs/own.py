"""What a learner brings to a lab: a network, data, a loss; checked, and held still.

And what several runs of a lab share: processes, and a clock.
"""

import os
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.checks import check_choice, shown
from tutorial_lib.data import Data, Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.fit import SIGNATURES
from tutorial_lib.engine.network_state import make_lazy_layers
from tutorial_lib.engine.side_by_side import warm_up_processes
from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.losses import LossFunction, check_loss, check_outputs, loss_function
from tutorial_lib.models import copy_of, surely_draws_nothing
from tutorial_lib.random_state import seeded
from tutorial_lib.table import MOST_COUNTED, loss_text, share_text

READING_SECONDS = 2.0  # so long after a panel is shown its processes start


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of a model.

    Raises:
        TypeError: It is no model.
        ValueError: It cannot be copied; it says why.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module; got {shown(model)}")
    try:
        return copy_of(model)
    except Exception as error:  # whatever a learner's network does
        raise ValueError(
            "the model must be one that can be copied, for a lab leaves the one that it is given "
            f"alone: {type(error).__name__}: {error}"
        ) from error


def held_still(model: nn.Module, split: Split) -> nn.Module:
    """Return a copy of a model, on the split's device, that answers the same each time.

    It is in evaluation mode: dropout and the statistics of a batch would add noise of their own.

    Raises:
        TypeError, ValueError: It is no model, cannot be copied, or does not take the inputs.
    """
    inputs, _ = split.first(2)
    still = copied(model).to(split.device)
    with seeded(0, split.device):
        make_lazy_layers(still, inputs)
    still.eval()
    for part in still.modules():  # a GPU learns through these in training mode alone
        if isinstance(part, nn.RNNBase) and not part.dropout:
            part.train()
    return still


def loss_for(
    model: nn.Module, split: Split, loss: str | LossFunction | None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss by its name or as it is; None: by the task.

    Args:
        model: Asked for two examples, to see whether what it answers fits a loss of ours.

    Raises:
        TypeError, ValueError: The loss is none, or does not fit the task, or the model does not
            fit the split.
    """
    if loss is None:
        loss = "mse" if split.targets.is_floating_point() else "cross_entropy"
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss must be a name or {SIGNATURES['loss']}; got {shown(loss)}")
    chosen = loss_function(loss)
    check_loss(loss, split.targets)
    inputs, targets = split.first(2)
    with torch.no_grad(), seeded(0, split.device):
        try:
            outputs = model(inputs)
        except Exception as error:  # whatever a learner's network does
            what = f"{type(error).__name__}: {error}"
            raise ValueError(
                f"the model cannot take the inputs, {list(inputs.shape)} a batch: {what}"
            ) from error
    check_outputs(outputs, targets)
    return chosen


def drawing_alike(model: nn.Module) -> Callable[[], AbstractContextManager[None]]:
    """Return what makes contexts in which a model draws the same at random, if it draws at all."""
    if surely_draws_nothing(model):
        return nullcontext
    return lambda: seeded(0, next(model.parameters()).device)


def score_text(value: float | None, metric: ShownMetric, num_held_out: int) -> str:
    """Return a score in words: 93.4%, or of few examples 18 of 20; an error as a number.

    Args:
        value: As of `ShownMetric.of`; the mean of several starts may lie between two counts.
    """
    if value is None:
        return "\N{EN DASH}"
    if not metric.is_share:
        return loss_text(value)
    return share_text(value, num_held_out) if num_held_out <= MOST_COUNTED else f"{value:.1%}"


def spread_over(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many of a row of things, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    places = {-(-number * (len(items) - 1) // (most - 1)) for number in range(most)}  # rounded up
    return [items[place] for place in sorted(places)]


def check_y(y: Any, metric: ShownMetric) -> None:
    """Refuse what cannot be on the y axis of a picture of runs."""
    check_choice("y", y, ys_of(metric))


def ys_of(metric: ShownMetric) -> tuple[str, str]:
    """Return what the y axis of runs can show: "loss", and what held-out examples say."""
    if metric.field == "mean_absolute_error":
        return "loss", "error"
    return "loss", metric.name


def warm_up_soon(
    panel: Any, loop: AbstractEventLoop | None, data: Data, functions: Sequence[Any], number: int
) -> None:
    """Let processes load torch while a learner still reads, for so many runs side by side.

    Not where runs take turns all the same, nor where OMP_NUM_THREADS says that cores are scarce.

    Args:
        panel: What they are for: nothing starts once it is gone.
        loop: Of the kernel; None: there is no learner.
        functions: The learner's own, or None for each that there is not.
    """
    is_plain = not any(functions) and not isinstance(data.train, StreamedSplit)
    if loop is None or not is_plain or data.device.type != "cpu":
        return
    if os.environ.get("OMP_NUM_THREADS"):
        return
    its = weakref.ref(panel)

    def warm_up(*_: Any) -> None:
        if its() is not None and its().comm is not None:
            warm_up_processes(number)

    loop.call_later(READING_SECONDS, warm_up)
    for control in panel.controls.values():  # who has read for long, and now moves one
        control.observe(warm_up, "value")


def at_a_time(at_once: int) -> str:
    """Return what has to be said of seconds that were taken while others computed, too."""
    return f", {at_once} runs at a time" if at_once > 1 else ""
