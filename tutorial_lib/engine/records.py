"""What a training tells about itself: plain, immutable numbers, and that it has diverged."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one optimizer step did."""

    step: int  # of the run, from 1
    epoch: int  # from 0
    epochs: int  # how many are planned
    epoch_step: int  # within the epoch, from 1
    epoch_steps: int  # how many the epoch has, at this batch size
    images_seen: int  # by the run, this batch included
    batch_size: int
    learning_rate: float
    loss: float  # of this batch, before the update
    mean_loss: float  # of the epoch's batches so far
    seconds: float  # for forward, backward and update; fetching the batch is not in it


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """How well the model did on held-out examples after an epoch; see `Evaluation`."""

    step: int
    epoch: int
    images_seen: int
    loss: float
    accuracy: float | None = None  # of a classification: share named right, 0 to 1
    mean_absolute_error: float | None = None  # of a regression
    r2: float | None = None  # of a regression; None if all targets are equal
    metric: float | None = None  # of the run's own metric, if it has one


@dataclass(frozen=True, slots=True)
class Change:
    """A hyperparameter changed mid-run; `step` is the first one that used the new value."""

    step: int
    images_seen: int  # before that step
    field: str
    before: float
    after: float


class Diverged(ArithmeticError):
    """The loss became NaN or infinite; the weights are those before that step.

    Args:
        cause: In words, if it is not the length of the steps.
    """

    def __init__(self, step: int, loss: float, learning_rate: float, cause: str = "") -> None:
        super().__init__(step, loss, learning_rate, cause)
        self.step, self.loss, self.learning_rate, self.cause = step, loss, learning_rate, cause

    def __str__(self) -> str:
        cause = self.cause or "the steps were too long. Try a tenth of that rate"
        return (
            f"the loss became {self.loss} at step {self.step:,} with learning rate "
            f"{self.learning_rate:g}: {cause}."
        )
