"""Exercises on a whole training: its loop, its lines, its test."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.exercises.judging import (
    Case,
    Exercise,
    NotYet,
    as_number,
    as_settings,
    function_exercise,
    is_nothing,
    matching,
    number_exercise,
    results_of,
)
from tutorial_lib.exercises.trials import STANDS_STILL, outcome, weights_after

TARGET = 0.85  # accuracy that "catch_up" asks for, about that of batch 32 after one epoch
NO_LOSS = torch.tensor(torch.nan, dtype=torch.float64)  # where a step returned none


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).double().mean()


def _accuracy_cases(generator: torch.Generator) -> Iterator[Case]:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    yield {"logits": logits, "labels": torch.tensor([0, 1, 1])}
    for batch_size, num_classes in ((25, 4), (64, 10), (9, 2)):
        yield {
            "logits": torch.randn(batch_size, num_classes, generator=generator) - 1,
            "labels": torch.randint(num_classes, (batch_size,), generator=generator),
        }


def _stepper(
    order: str, loss_function: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
) -> Callable[[nn.Module, Any, Tensor, Tensor], float]:
    """Return a training step that does these things after the forward pass, in this order."""

    def step(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> float:
        loss = loss_function(model(images), labels)
        actions = {"clear": optimizer.zero_grad, "back": loss.backward, "step": optimizer.step}
        for action in order.split():
            actions[action]()
        return loss.item()

    return step


def _steps_first(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> float:
    optimizer.step()
    return _stepper("clear back")(model, optimizer, images, labels)


def _step_without_return(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    _stepper("clear back step")(model, optimizer, images, labels)


def _observe_steps(step: Any) -> list[Tensor]:
    weights, losses = weights_after(step)
    return [weights, *(NO_LOSS if is_nothing(loss) else as_number(loss) for loss in losses)]


def _judge_catch_up(answer: Any) -> None:
    settings = as_settings(answer)
    if settings.batch_size != 256:
        raise NotYet(f"Your batch size is {settings.batch_size}. It has to be 256.")
    if settings.epochs > 3:
        raise NotYet(f"You train for {settings.epochs} epochs. Three have to be enough.")
    result = outcome(settings)
    if result.accuracy < TARGET:
        cause = (
            "It was thrown about: too high a rate for this optimizer."
            if result.thrown
            else "It is too slow: it has only 15 steps an epoch."
        )
        raise NotYet(f"Your network reads {result.accuracy:.0%} of the test digits. {cause}")


def _judge_mismatched_labels(answer: Any) -> None:
    """Mark image i by the value i, so that it is known again wherever it went."""
    marks = torch.arange(200)
    images = marks.view(-1, 1, 1, 1).expand(-1, 1, 32, 32).float()  # (200, 1, 32, 32)
    labels = marks % 10
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    case = {"images": images.clone(), "labels": labels, "order": order}
    shuffled, given = results_of(answer, case, ("images", "labels"))
    if shuffled.shape != images.shape or given.shape != labels.shape:
        raise NotYet("Some images or labels got lost. Give back all of them, in the same shape.")
    places = shuffled[:, 0, 0, 0].long()
    if not torch.equal(places.sort().values, marks):
        raise NotYet("Not all images are there any more. Give back each of them once.")
    if not torch.equal(given.sort().values, labels.sort().values.double()):
        raise NotYet("Not all labels are there any more. Give back each of them once.")
    share_right = (labels[places] == given).double().mean().item()
    if share_right > 0.3:
        raise NotYet(
            f"{share_right:.0%} of your images still have a label that is theirs, so a network "
            "can learn from them. Tear them apart."
        )


EXERCISES: dict[str, Exercise] = {
    "monitor_mean": number_exercise(
        1.5,
        right="The second number is the mean of the epoch so far; 0.6 is the first one.",
        hints=(
            "In loss:[a/b] one number is about this batch alone, the other about the epoch.",
            "b is the mean of all losses since the epoch began.",
            "Add the four losses and divide by 4.",
        ),
        mistakes={
            0.6: "That is a: the loss of this batch alone.",
            6: "That is the sum of the four. The mean was asked for.",
            1.55: "That is the middle of the four, the median. The mean was asked for.",
            1.8: "That is b of the third line. The fourth loss counts, too.",
            1.45: "That is the middle between the highest and the lowest. All four count.",
        },
    ),
    "accuracy": function_exercise(
        _accuracy,
        cases=_accuracy_cases,
        returns=("accuracy",),
        right="The highest logit is the answer, and the mean of right and wrong is the accuracy.",
        hints=(
            "The answer of the network is the class with the highest logit.",
            "logits.argmax(dim=1) has one answer for each image. Compare it with the labels.",
            "The mean of (logits.argmax(dim=1) == labels).float() is the share.",
        ),
        mistakes={
            lambda z, y: _accuracy(z, y) * len(y): (
                "That is how many are right. Divide by the number of images."
            ),
            lambda z, y: 100 * _accuracy(z, y): ("That is in per cent. Give a share, from 0 to 1."),
            lambda z, y: 1 - _accuracy(z, y): "That is the share of mistakes.",
            lambda z, y: _accuracy(z, y) * len(y) / z.numel(): (
                "You divided by the number of logits. Divide by the number of images."
            ),
            lambda z, y: _accuracy(-z, y): "You took the lowest logit. The highest one counts.",
            lambda z, y: z.argmax(dim=1) == y: (
                "That is one right or wrong for each image. Take their mean."
            ),
        },
    ),
    "train_step": matching(
        _stepper("clear back step"),
        _observe_steps,
        lambda seen, expected: (
            "After three of your steps the weights are not those that the four lines give. "
            "Compare: loss, zero_grad, backward, step."
        ),
        right="Four lines, and everything else is bookkeeping.",
        hints=(
            "Four things: how wrong, forget, which way, go.",
            "They are a loss, optimizer.zero_grad(), loss.backward() and optimizer.step().",
            "loss = F.cross_entropy(model(images), labels), then the other three in that order, "
            "and at last return loss.item().",
        ),
        mistakes={
            _stepper("back step"): (
                "Nothing clears the old gradients: they pile up from step to step."
            ),
            _stepper("back clear step"): STANDS_STILL,
            _stepper("clear back"): STANDS_STILL,
            _stepper("clear step"): STANDS_STILL,
            _steps_first: (
                "Your step comes before backward: it goes by the gradient of the batch before."
            ),
            _stepper("clear back step", lambda z, y: F.cross_entropy(z.softmax(dim=1), y)): (
                "There is a softmax too many: cross_entropy takes the logits."
            ),
            _stepper("clear back step", lambda z, y: F.cross_entropy(z, y, reduction="sum")): (
                "Your loss is the sum over the batch. Take the mean."
            ),
            _step_without_return: (
                "The step is right, and its loss gets lost: end with return loss.item()."
            ),
        },
    ),
    "catch_up": Exercise(
        judge=_judge_catch_up,
        right="45 steps instead of 125, and as good: with a rule that needs fewer steps.",
        hints=(
            "Try higher rates first. How far does momentum bring you?",
            "Momentum hardly gets there in 45 steps. Which optimizers walk about the rate "
            "itself, however small the gradient?",
            'optimizer="adam", and a rate a little above its usual 0.001.',
        ),
        mistakes={
            Hyperparameters(batch_size=256, epochs=3): "It is too slow",
            Hyperparameters(batch_size=256, epochs=3, learning_rate=5.0): "too high a rate",
            Hyperparameters(batch_size=32, epochs=1): "It has to be 256.",
            Hyperparameters(batch_size=256, epochs=10): "Three have to be enough.",
        },
    ),
    "mismatched_labels": Exercise(
        judge=_judge_mismatched_labels,
        right=(
            "All images are there, all labels are there, and no line complains. A loss that "
            "stays at 2.30 can mean this: look at some images beside their labels."
        ),
        hints=(
            "Images and labels fit together by their place in the row alone.",
            "Bring the images into the new order. What would you then have to do with the labels?",
            "Exactly that, leave out: return images[order], labels.",
        ),
        mistakes={
            lambda images, labels, order: (images[order], labels[order]): (
                "100% of your images still have a label that is theirs"
            ),
            lambda images, labels, order: (images, labels): (
                "100% of your images still have a label that is theirs"
            ),
            lambda images, labels, order: (images[order], torch.zeros_like(labels)): (
                "Not all labels are there any more."
            ),
            lambda images, labels, order: (images[:100], labels[100:]): (
                "Some images or labels got lost."
            ),
            lambda images, labels, order: (torch.zeros_like(images), labels): (
                "Not all images are there any more."
            ),
        },
    ),
}
