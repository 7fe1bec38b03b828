"""The learning-rate range test: raise the rate from step to step, and see where it ends badly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from tutorial_lib.checks import check_number, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.models import copy_of
from tutorial_lib.random_state import seeded

EARLY_SHARE = 0.2  # of the steps: their rates are too low to matter, so they give the level
SPAN = 10  # about how many steps the smoothing spans
SAFETY_FACTOR = 10  # the suggested rate lies this many times below the one that ended badly


@dataclass(frozen=True, slots=True)
class LrRecord:
    """One step of a range test."""

    step: int  # from 1
    learning_rate: float
    loss: float  # of this batch, before the step
    smooth_loss: float  # without the jitter; at the early steps their median


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a range test advises, and why."""

    learning_rate: float | None  # None: the test says nothing
    reason: str
    level: float  # the loss before anything was learned, or lost
    lowest_at: float | None  # the rate at the lowest smoothed loss
    ended_at: float | None  # the rate that undid the learning, if any did


def lr_finder(
    model: nn.Module,
    data: Data,
    settings: Hyperparameters | None = None,
    *,
    lowest: float = 1e-4,
    highest: float = 10.0,
    num_steps: int = 100,
) -> Iterator[LrRecord]:
    """Train a copy of a model with a rate that grows by the same factor at each step.

    Stops before the highest rate when what was learned is lost again. The model, its optimizer,
    and torch's random state on every device are left as they are, bit for bit.

    Args:
        model: Maps images (B, 1, 32, 32) to logits (B, 10).
        settings: Whose learning rate is looked for; optimizer, momentum and batch size count.
        num_steps: Over which the rate grows from lowest to highest, 20 or more.

    Raises:
        ValueError: A number lies outside its range.

    Source: Smith, "Cyclical learning rates for training neural networks", 2017.
    """
    check_whole("num_steps", num_steps, low=20)
    check_number("lowest", lowest, "(0, inf)", lambda value: value > 0)
    check_number("highest", highest, f"({lowest:g}, inf)", lambda value: value > lowest)
    settings = (settings or Hyperparameters()).replace(epochs=num_steps)
    run = TrainingRun(copy_of(model), data, settings)
    return _take_steps(run, np.geomspace(lowest, highest, num_steps).tolist())


def _take_steps(run: TrainingRun, rates: Sequence[float]) -> Iterator[LrRecord]:
    num_early = max(5, round(EARLY_SHARE * len(rates)))
    keep, mean = 1 - 2 / (SPAN + 1), 0.0
    losses: list[float] = []
    records: list[LrRecord] = []
    for step, rate in enumerate(rates, start=1):
        run.adjust(learning_rate=rate)
        try:
            with seeded(step, run.data.device):  # a model may draw, and nobody notices
                loss = run.step().loss
        except Diverged as error:
            yield LrRecord(step, rate, error.loss, float("inf"))
            return
        losses.append(loss)
        mean = float(np.median(losses)) if step <= num_early else keep * mean + (1 - keep) * loss
        records.append(LrRecord(step, rate, loss, mean))
        yield records[-1]
        if suggest(records, num_early=num_early).ended_at is not None:
            return


def suggest(records: Sequence[LrRecord], *, num_early: int = 20) -> Suggestion:
    """Read a learning rate off a range test.

    It is a tenth of the rate at which the test ended badly: where the smoothed loss, having
    fallen, was back at its early level, or rose far above it. The first steps set that level by
    their median, so a spike among them counts for nothing.

    Args:
        num_early: How many steps, at rates too low to matter, set the level.
    """
    if len(records) <= num_early:
        return Suggestion(None, "Too few steps so far.", float("nan"), None, None)
    early = np.array([record.loss for record in records[:num_early]])
    level = float(np.median(early))
    jitter = 1.5 * float(np.median(np.abs(early - level)))  # 1.5: about a standard deviation
    best, learned = records[num_early], max(2 * jitter, 0.01 * level)
    for record in records[num_early:]:
        fallen = level - best.smooth_loss > learned
        risen = record.smooth_loss - level > max(5 * jitter, 0.1 * level)
        if risen or (fallen and record.smooth_loss >= level):
            rate, at = record.learning_rate / SAFETY_FACTOR, record.learning_rate
            lost = "the loss had risen far above" if risen else "all that was learned was lost:"
            end = "where it began" if risen else "the loss was back where it began"
            why = f"At {at:.2g} {lost} {end}. A tenth of that leaves room: {rate:.2g}."
            return Suggestion(rate, why, level, best.learning_rate, at)
        best = min(best, record, key=lambda one: one.smooth_loss)
    if level - best.smooth_loss > learned:
        rate = best.learning_rate / SAFETY_FACTOR
        why = f"The loss was lowest at {best.learning_rate:.2g}, and nothing ended badly. "
        why += f"A tenth of that leaves room: {rate:.2g}."
        return Suggestion(rate, why, level, best.learning_rate, None)
    why = "The loss neither fell nor rose: try higher rates, or more steps."
    return Suggestion(None, why, level, None, None)
