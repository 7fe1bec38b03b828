"""Several optimizer steps at once, for devices that compute by themselves."""

import math
import time
from functools import partial

import torch
from torch import Tensor

from tutorial_lib.checks import check_whole
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.run import Run


def take_steps(run: Run, count: int) -> list[StepRecord]:
    """Take up to so many optimizer steps, the same as one by one, and wait for the losses once.

    A step needs its loss only to tell it, so a device that computes by itself, a GPU, need not
    be waited for at every step. Steps of one call never reach into the next epoch. Those after
    a loss that is NaN or infinite are taken back: the next call raises Diverged.

    Args:
        count: 1 or more.

    Returns:
        Their records, at least one; the seconds of each are an equal share of all.

    Raises:
        Diverged: The first loss is NaN or infinite; weights and position are those before.
        StopIteration: All epochs are done.
    """
    check_whole("count", count, low=1)
    run.begin_step()
    count = min(count, run.batches.num_left(run.hyperparameters.batch_size))
    try:
        return run.whole_or_not(lambda: _take(run, count))
    except Diverged as error:
        good = error.step - run.step_number - 1  # steps before it; they were taken back with it
        if not good:
            raise run.divergence(error.loss) from None
        return run.whole_or_not(lambda: _take(run, good))


def _take(run: Run, count: int) -> list[StepRecord]:
    start = time.perf_counter()
    losses = update_without_waiting(run, count).tolist()  # here the device is waited for
    for ahead, loss in enumerate(losses):
        if not math.isfinite(loss):
            rate = run.hyperparameters.learning_rate
            raise Diverged(run.step_number + ahead + 1, loss, rate)
    seconds = (time.perf_counter() - start) / count
    return [run.record_step(loss, seconds) for loss in losses]


def update_without_waiting(run: Run, count: int) -> Tensor:
    """Move the weights by the next batches, whatever their losses; return these (count,)."""
    losses = []
    for ahead in range(count):
        batch = run.next_batch(ahead)  # (B, ...), (B, ...)
        losses.append(run.call_seeded(partial(_update, run, *batch), ahead))
    return torch.stack(losses)


def _update(run: Run, inputs: Tensor, targets: Tensor) -> Tensor:
    loss = run.loss_function(run.model(inputs), targets)  # ()
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()
    return loss.detach()
