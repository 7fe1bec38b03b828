"""Small trainings that exercises are judged by: on the sample, on the CPU, with own randomness."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, Split, load_digits
from tutorial_lib.engine import Diverged, TrainingRun, progress
from tutorial_lib.evaluation import evaluate
from tutorial_lib.exercises.judging import NotYet, YourTurn, call, is_nothing
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import make_optimizer

JUMP = 1.15  # times the first loss: where no step is too long, all batches stay below
STANDS_STILL = (
    "Your weights never move. Are backward() and step() there, and does zero_grad() not stand "
    "between the two?"
)
STEPS_FIRST = "Your step comes before backward: it goes by the gradient of the batch before."


class Outcome(NamedTuple):
    """What became of a training."""

    first_loss: float
    highest_loss: float  # of a batch; infinite if the run diverged
    last_loss: float  # mean of the last 25 steps, or fewer
    accuracy: float  # on the validation digits, 0 to 1

    @property
    def thrown(self) -> bool:
        """Whether the loss jumped clearly above where it began: the steps were too long."""
        return self.highest_loss > JUMP * self.first_loss

    @property
    def learned(self) -> bool:
        """Whether the loss is clearly lower at the end than at the start."""
        return self.last_loss < 0.9 * self.first_loss


@functools.cache
def digits() -> Data:
    """Return the sample, on the CPU."""
    return load_digits("sample", device="cpu")


@functools.cache
def outcome(settings: Hyperparameters) -> Outcome:
    """Train LeNet5(seed=0) on the sample, and say what became of it."""
    run = TrainingRun(LeNet5(seed=0), digits(), settings)
    try:
        losses = [record.loss for record in progress(run)]
    except Diverged:
        losses = [*(record.loss for record in run.history), math.inf]
    return Outcome(
        first_loss=losses[0],
        highest_loss=max(losses),
        last_loss=sum(losses[-25:]) / len(losses[-25:]),
        accuracy=evaluate(run.model, digits().validation).accuracy,
    )


def check_accuracy(
    settings: Hyperparameters, *, enough: float, usual: dict[str, Any], thrown: str, slow: str
) -> None:
    """Train with a learner's settings; raise NotYet, with the cause, if too few digits are read.

    Args:
        enough: Share of the validation digits, 0 to 1.
        usual: Field -> its usual value. Where that alone would be enough, it is the cause.
        thrown: What is said where the loss jumped up on the way.
        slow: What is said where it did not.
    """
    result = outcome(settings)
    if result.accuracy >= enough:
        return
    reads = f"Your network reads {result.accuracy:.0%} of the validation digits."
    for field, value in usual.items():
        other = settings.replace(**{field: value})
        if other != settings and (accuracy := outcome(other).accuracy) >= enough:
            yours = f"{field}={getattr(settings, field):g}"
            raise NotYet(f"{reads} With {field}={value:g} it reads {accuracy:.0%}: mind {yours}.")
    if result.thrown:
        jump = f"from {result.first_loss:.2g} to {result.highest_loss:.2g}"
        raise NotYet(f"{reads} On the way its loss jumped {jump}: it was thrown about. {thrown}")
    way = f"from {result.first_loss:.3g} to {result.last_loss:.3g}"
    raise NotYet(f"{reads} Its loss went {way}, without a jump: it was not thrown about. {slow}")


def first_digits(num_images: int) -> Split:
    """Return so many training digits of the sample, copied: a learner may change them."""
    train = digits().train
    return Split(train.images[:num_images].clone(), train.labels[:num_images].clone())


def batches(num_batches: int, batch_size: int = 16) -> list[tuple[Tensor, Tensor]]:
    """Return batches of the sample: images (B, 1, 32, 32) float32 and labels (B,) int64."""
    few = first_digits(num_batches * batch_size)
    parts = few.images.split(batch_size), few.labels.split(batch_size)
    return list(zip(*parts, strict=True))


def random_logits(batch_size: int, num_classes: int, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw logits (B, C) float32, of that standard deviation, and labels (B,) int64."""
    return size * torch.randn(batch_size, num_classes), torch.randint(num_classes, (batch_size,))


def stepper(
    lines: str, loss_function: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
) -> Callable[[nn.Module, Any, Tensor, Tensor], float | None]:
    """Return a training step of these lines, in this order: loss zero_grad backward step return."""

    def step(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> float | None:
        for line in lines.split():
            if line == "loss":
                loss = loss_function(model(images), labels)
            elif line == "backward":
                loss.backward()
            elif line == "return":
                return loss.item()
            else:
                getattr(optimizer, line)()

    return step


def weights_after(step: Callable) -> tuple[Tensor, list[Any]]:
    """Let a learner's step(model, optimizer, images, labels) train a LeNet with plain SGD.

    Returns all weights in one row after three steps, (61706,), and what each step returned.

    Raises:
        YourTurn: The first step neither asked the model nor returned anything.
        NotYet: The step changes weights that backward still needs.
    """
    model, asked = LeNet5(seed=0), []
    model.register_forward_hook(lambda *_: asked.append(True))
    optimizer = make_optimizer("sgd", model.parameters(), learning_rate=0.1)
    returned = []
    for images, labels in batches(3):
        given = {"model": model, "optimizer": optimizer, "images": images, "labels": labels}
        try:
            returned.append(call(step, given))
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            raise NotYet("Your step() stands before backward(). Change the order.") from None
        if not asked and is_nothing(returned[-1]):
            raise YourTurn("So far your step does nothing.")
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach(), returned
