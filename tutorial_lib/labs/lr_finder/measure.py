"""The learning-rate range test: raise the rate from step to step, and see where it ends badly."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tutorial_lib.checks import check_number, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.own import copied
from tutorial_lib.losses import LossFunction
from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.panels.run_maker import NewRun, RunMaker
from tutorial_lib.random_state import seeded

EARLY_SHARE = 0.2  # of the steps: their rates are too low to matter, so they give the level
SPAN = 10  # about how many steps the smoothing spans
LOWEST = 1e-4
SPREAD = 1e5  # the highest rate is so many times the lowest
SHORTEST = 1e-3  # so long a step, as a share of the weights, is too short to matter
MOST = 0.95  # of how far the loss fell: then it counts as fallen
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
    lowest: float | None = None,
    highest: float | None = None,
    num_steps: int = 100,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
) -> Iterator[LrRecord]:
    """Train a copy of a model with a rate that grows by the same factor at each step.

    Stops before the highest rate when what was learned is lost again. The model, its optimizer,
    and torch's random state on every device are left as they are, bit for bit.

    Args:
        model: Any network that can be copied and fits the data.
        data: Of any kind, from `load_digits`, `from_tensors`, `from_dataset` or `from_folder`.
        settings: Whose learning rate is looked for; optimizer, momentum, loss and batch size count.
            None: those that suit the data.
        lowest: None: 0.0001; or less, by powers of ten, where the gradient is so long that a step
            of that rate would already matter, as it may be of a squared error in large units.
        highest: None: 100,000 times the lowest.
        num_steps: Over which the rate grows from lowest to highest, 20 or more.
        new_run: Called with model, data and settings, and with those of the next two that there
            are, by name.
        update, loss: A step and a loss of your own, as of TrainingRun.

    Raises:
        TypeError: Something is not of the kind that is wanted here.
        ValueError: A number lies outside its range, the model cannot be copied, or does not fit.

    Source: Smith, "Cyclical learning rates for training neural networks", 2017.
    """
    check_whole("num_steps", num_steps, low=20)
    for field, rate in (("lowest", lowest), ("highest", highest)):
        if rate is not None:
            check_number(field, rate, "(0, inf)", lambda value: value > 0)
    make_run = RunMaker(data, None, new_run, update=update, loss=loss)
    settings = (settings or make_run.first_settings()).replace(epochs=num_steps)
    run = make_run.run_of(copied(model), settings)
    lowest = _lowest_rate(run) if lowest is None else lowest
    highest = SPREAD * lowest if highest is None else highest
    check_number("highest", highest, f"({lowest:g}, inf)", lambda value: value > lowest)
    return _take_steps(run, np.geomspace(lowest, highest, num_steps).tolist())


def _lowest_rate(run: TrainingRun) -> float:
    """Return LOWEST, or as many tenths of it as make a first step too short to matter."""
    settings, inputs = run.hyperparameters, run.data.train.first(run.hyperparameters.batch_size)
    if OPTIMIZERS[settings.optimizer].is_adaptive:  # its steps are as long as the rate says
        return LOWEST
    weights = [weight for weight in run.model.parameters() if weight.requires_grad]
    asked = copied(run.model)
    trained = [weight for weight in asked.parameters() if weight.requires_grad]
    try:
        with seeded(settings.seed, run.data.device), torch.enable_grad():
            loss = run.loss_function(asked(inputs[0]), inputs[1])
            gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    except Exception:  # a step of the learner's own may be made of other parts
        return LOWEST
    length = _length([gradient for gradient in gradients if gradient is not None])
    share = LOWEST * length / (1 - settings.momentum) / (_length(weights) or 1.0)
    if not math.isfinite(share) or share <= SHORTEST:
        return LOWEST
    return LOWEST * 10.0 ** -math.ceil(math.log10(share / SHORTEST))


def _length(tensors: Sequence[torch.Tensor]) -> float:
    return math.hypot(*(float(tensor.detach().double().to_dense().norm()) for tensor in tensors))


def _take_steps(run: TrainingRun, rates: Sequence[float]) -> Iterator[LrRecord]:
    num_early = max(5, round(EARLY_SHARE * len(rates)))
    keep, mean = 1 - 2 / (SPAN + 1), 0.0
    losses: list[float] = []
    records: list[LrRecord] = []
    try:
        for step, rate in enumerate(rates, start=1):
            run.adjust(learning_rate=rate)
            try:
                with seeded(step, run.data.device):  # a model may draw, and nobody notices
                    loss = run.step().loss
            except Diverged as error:
                yield LrRecord(step, rate, error.loss, float("inf"))
                return
            losses.append(loss)
            is_early = step <= num_early
            mean = float(np.median(losses)) if is_early else keep * mean + (1 - keep) * loss
            records.append(LrRecord(step, rate, loss, mean))
            yield records[-1]
            if suggest(records, num_early=num_early).ended_at is not None:
                return
    finally:
        run.close()


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
    size = abs(level)  # a loss of the learner's own may be below 0
    best, learned = records[num_early], max(2 * jitter, 0.01 * size)
    for record in records[num_early:]:
        fallen = level - best.smooth_loss > learned
        risen = record.smooth_loss - level > max(5 * jitter, 0.1 * size)
        if risen or (fallen and record.smooth_loss >= level):
            rate, at = record.learning_rate / SAFETY_FACTOR, record.learning_rate
            lost = "the loss had risen far above" if risen else "all that was learned was lost:"
            end = "where it began" if risen else "the loss was back where it began"
            why = f"At {at:.2g} {lost} {end}. A tenth of that leaves room: {rate:.2g}."
            return Suggestion(rate, why, level, best.learning_rate, at)
        best = min(best, record, key=lambda one: one.smooth_loss)
    if (fall := level - best.smooth_loss) > learned:
        # Once a loss is near 0, so are the gradients: higher rates say nothing any more.
        enough = (one for one in records[num_early:] if level - one.smooth_loss >= MOST * fall)
        at = next(enough).learning_rate
        rate = at / SAFETY_FACTOR
        why = f"At {at:.2g} the loss was at its lowest, or near it, and nothing ended badly. "
        why += f"A tenth of that leaves room: {rate:.2g}."
        return Suggestion(rate, why, level, best.learning_rate, None)
    why = "The loss neither fell nor rose: try higher rates, or more steps."
    return Suggestion(None, why, level, None, None)
