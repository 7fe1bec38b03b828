"""Steps that a learner writes: update(run, inputs, targets) changes the model, returns the loss."""

from torch import Tensor

from tutorial_lib.engine.run import Run


def take_own_step(run: Run, inputs: Tensor, targets: Tensor) -> float:
    """Let the run's update change the model by one batch; return the batch's loss.

    Args:
        inputs: (B, ...).
        targets: (B,), or (B, T) of a regression.

    Raises:
        Diverged: The loss is NaN or infinite.
        TypeError: The update did not return a loss ().
    """
    loss = run.update(run, inputs, targets)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise TypeError(f"update must return the loss, a tensor of one number; got {loss!r}")
    value = run.value_of(loss.detach())
    run.check_loss(value)
    return value
