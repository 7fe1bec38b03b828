"""Steps that a learner writes: update(run, inputs, targets) changes the model, returns the loss."""

import math

from torch import Tensor

from tutorial_lib.engine.run import Run
from tutorial_lib.engine.state import undo_on_error


def take_own_step(run: Run, inputs: Tensor, targets: Tensor) -> float:
    """Let the run's update change the model by one batch, or not at all; return the batch's loss.

    Args:
        inputs: (B, 1, 32, 32).
        targets: (B,).

    Raises:
        Diverged: The loss is NaN or infinite.
        TypeError: The update did not return a loss ().
    """
    with undo_on_error(run):
        loss = run.update(run, inputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise TypeError(f"update must return the loss, a tensor of one number; got {loss!r}")
        value = run.value_of(loss.detach())
        if not math.isfinite(value):
            raise run.divergence(value)
    return value
