"""Exercises on losses and on what they push."""

from itertools import starmap
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.config import Hyperparameters
from tutorial_lib.exercises import judging, trials
from tutorial_lib.exercises.judging import NotYet

EXERCISES: dict[str, judging.Exercise] = {}

EXERCISES["know_nothing"] = judging.number_exercise(
    4.60517,
    "What probability does each of the 100 classes get?",
    "The loss is minus the natural logarithm of the probability of the true class.",
    "Compute -ln(1/100), for instance by math.log(100).",
    tolerance=2e-3,
    right="ln 100, twice ln 10: each class gets a probability of 1/100.",
    mistakes={
        2.302585: "That is for ten classes.",
        2: "You took the logarithm to base 10. The natural one is meant: math.log.",
        -4.60517: "The sign: the logarithm of 1/100 is negative, and the loss is minus that.",
        0.01: "That is the probability of each class. The loss is minus its logarithm.",
        23.02585: "Ten times the classes do not cost ten times as much.",
        6.643856: "You took the logarithm to base 2. The natural one is meant: math.log.",
    },
)

EXERCISES["stuck_loss"] = judging.choice_exercise(
    "softmax twice",
    "The network is nearly always right, so it does learn. What keeps the loss up?",
    "Where in this notebook have you met a number just below 1.47?",
    "Mistake 1: even a perfect answer costs 1.4612 there.",
    right="With a second softmax the loss of ten classes cannot go below 1.4612.",
    mistakes={
        "learning rate": "Not that: with such a rate the accuracy would not be fine.",
        "label type": "Not that: torch would have refused it.",
        "dead network": "Not that: a dead network reads one digit in ten, and stays at 2.30.",
    },
)


def _smooth_l1(error: Tensor, beta: float) -> Tensor:
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=beta)


def _smooth_l1_mistakes(e: Tensor, b: float) -> dict[str, Tensor]:
    is_near, near, far = e.abs() < b, e**2 / (2 * b), e.abs() - b / 2
    return {
        "Your far part leaves out beta / 2, so the two parts meet with a step.": (
            torch.where(is_near, near, e.abs())
        ),
        "Your near part does not divide by beta.": torch.where(is_near, e**2 / 2, far),
        "Your near part multiplies by beta: 2 * beta stands below the line, so it needs "
        "parentheses.": torch.where(is_near, e**2 / 2 * b, far),
        "Your far part takes off beta, and not its half.": torch.where(is_near, near, e.abs() - b),
        "You have the two cases the wrong way round.": torch.where(is_near, far, near),
        "You forgot that errors can be negative: their size decides which case it is.": (
            torch.where(e < b, near, e - b / 2)
        ),
        "That is the Huber loss: SmoothL1 times beta.": b * _smooth_l1(e, b),
        "You returned the mean. Return the loss of each element.": _smooth_l1(e, b).mean(),
        "Your threshold is always 1. Use beta.": _smooth_l1(e, 1.0),
    }


EXERCISES["smooth_l1"] = judging.function_exercise(
    _smooth_l1,
    "The formula has two cases: |error| below beta, and the rest.",
    "Compute both cases for all elements, and let torch.where choose.",
    "Near: error**2 / (2 * beta). Far: error.abs() - beta / 2.",
    cases=lambda: [
        (torch.tensor([0.0, 1.0, -3.0]), 2.0),
        *((2 * torch.randn(50), beta) for beta in (0.5, 1.0, 2.5)),
    ],
    returns=("loss",),
    right="A soft landing near 0, and a fair vote far away.",
    mistakes=_smooth_l1_mistakes,
)


def _logit_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    leaf = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(leaf, labels), leaf)
    return gradient


def _logit_gradient_mistakes(z: Tensor, y: Tensor) -> dict[str, Tensor]:
    one_hot, powers = F.one_hot(y, z.shape[1]), z.exp()
    slopes = z.softmax(dim=1) - one_hot  # for each image: the gradient of the sum
    unshifted = powers / powers.sum(dim=1, keepdim=True)
    return {
        "That is the gradient of the sum. The loss is the mean over the images, so divide by "
        "their number.": slopes,
        "You divided by the batch size twice.": slopes / len(y) ** 2,
        "You divided by the number of logits. The mean runs over images alone.": slopes / z.numel(),
        "The sign: that is the push, which goes against the gradient.": -slopes / len(y),
        "You left out what is true: subtract the one-hot rows.": z.softmax(dim=1) / len(y),
        "Those are logits minus one-hot. Make probabilities of them first: softmax.": (
            (z - one_hot) / len(y)
        ),
        "Your softmax runs over the images. The classes of one image share a whole: dim=1.": (
            (z.softmax(dim=0) - one_hot) / len(y)
        ),
        "Right for small logits. For large ones your exponentials overflow, and the gradient is "
        "nan. Use softmax of torch, or shift the logits first.": (unshifted - one_hot) / len(y),
    }


EXERCISES["logit_gradient"] = judging.function_exercise(
    _logit_gradient,
    "For one image it is probabilities minus one-hot.",
    "The loss is a mean over the images, so the gradient is divided by their number.",
    "Take logits.softmax(dim=1), subtract F.one_hot(labels, logits.shape[1]), and divide "
    "by len(labels).",
    cases=lambda: [
        (torch.zeros(2, 2), torch.tensor([1, 0])),
        *starmap(trials.random_logits, ((1, 3), (8, 10, 3.0), (5, 10, 200.0))),
    ],
    returns=("gradient",),
    right="Probabilities minus one-hot, shared among the images. It never overflows, either.",
    mistakes=_logit_gradient_mistakes,
)


def _judge_mse_settings(answer: Any) -> None:
    settings = judging.as_settings(answer)
    if settings.loss != "mse":
        raise NotYet(f'Your loss is "{settings.loss}". Take loss="mse".')
    if settings.epochs != 1:
        raise NotYet(f"You train for {settings.epochs} epochs. Make do with epochs=1.")
    trials.check_accuracy(
        settings,
        enough=0.8,
        usual={"weight_decay": 0.0, "batch_size": 32},
        thrown="Your steps are too long.",
        slow="Its steps are too short: the mean runs over ten outputs for each image.",
    )


EXERCISES["mse_settings"] = judging.judged_exercise(
    _judge_mse_settings,
    "Only the length of the steps is wrong.",
    "The mean of MSE runs over ten numbers for each image, so it divides the gradient by ten "
    "times as much as a mean over images.",
    "Ten times the usual rate: learning_rate=0.1.",
    right="The loss was never at fault: the rate did not fit it.",
    mistakes={
        Hyperparameters(loss="mse", epochs=1): "Its steps are too short",
        Hyperparameters(loss="mse", epochs=1, learning_rate=50.0): "Your steps are too long",
        Hyperparameters(epochs=1): 'Take loss="mse".',
        Hyperparameters(loss="mse", epochs=3): "Make do with epochs=1.",
    },
)

EXERCISES["sum_for_mean"] = judging.function_exercise(
    lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
    "F.cross_entropy takes the mean unless it is told otherwise.",
    "The argument that tells it is called reduction.",
    'F.cross_entropy(logits, labels, reduction="sum")',
    cases=lambda: [
        (torch.zeros(2, 2), torch.tensor([1, 0])),
        *(trials.random_logits(batch_size, 10) for batch_size in (32, 7, 1)),
    ],
    returns=("loss",),
    right="Well broken: with 32 images, every step is 32 times as long, and a rate of 0.1 acts "
    "like 3.2. The cure is the mean.",
    mistakes=lambda z, y: {
        "That is the mean, and the network learns with it. Break it.": F.cross_entropy(z, y),
        "That is the sum only if there are 32 images. Other batches have other sizes.": (
            32 * F.cross_entropy(z, y)
        ),
        "That is one loss for each image. Add them up.": F.cross_entropy(z, y, reduction="none"),
        "You multiplied by the number of classes. The sum runs over the images.": (
            z.shape[1] * F.cross_entropy(z, y)
        ),
        "You left out the softmax and its logarithm: F.nll_loss expects them done.": (
            F.nll_loss(z, y, reduction="sum")
        ),
    },
)
