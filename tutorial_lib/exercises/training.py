"""Exercises on a whole training: its loop, its lines, its test."""

from itertools import starmap
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.config import Hyperparameters
from tutorial_lib.exercises import judging, trials
from tutorial_lib.exercises.judging import NotYet, is_nothing

GOOD_STEP = "loss zero_grad backward step return"
EXERCISES: dict[str, judging.Exercise] = {}

EXERCISES["monitor_mean"] = judging.number_exercise(
    1.5,
    "In loss:[a/b] one number is about this batch alone, the other about the epoch.",
    "b is the mean of all losses since the epoch began.",
    "Add the four losses and divide by 4.",
    right="The second number is the mean of the epoch so far; 0.6 is the first one.",
    mistakes={
        0.6: "That is a: the loss of this batch alone.",
        6: "That is the sum of the four. The mean was asked for.",
        1.55: "That is the middle of the four, the median. The mean was asked for.",
        1.8: "That is b of the third line. The fourth loss counts, too.",
        1.45: "That is the middle between the highest and the lowest. All four count.",
    },
)


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).double().mean()


EXERCISES["accuracy"] = judging.function_exercise(
    _accuracy,
    "The answer of the network is the class with the highest logit.",
    "logits.argmax(dim=1) has one answer for each image. Compare it with the labels.",
    "The mean of (logits.argmax(dim=1) == labels).float() is the share.",
    cases=lambda: [
        (torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), torch.tensor([0, 1, 1])),
        *((z - 1, y) for z, y in starmap(trials.random_logits, ((25, 4), (64, 10), (9, 2)))),
    ],
    returns=("accuracy",),
    right="The highest logit is the answer, and the mean of right and wrong is the accuracy.",
    mistakes=lambda z, y: {
        "That is how many are right. Divide by the number of images.": _accuracy(z, y) * len(y),
        "That is in per cent. Give a share, from 0 to 1.": 100 * _accuracy(z, y),
        "That is the share of mistakes.": 1 - _accuracy(z, y),
        "You divided by the number of logits. Divide by the number of images.": (
            _accuracy(z, y) * len(y) / z.numel()
        ),
        "You took the lowest logit. The highest one counts.": _accuracy(-z, y),
        "That is one right or wrong for each image. Take their mean.": z.argmax(dim=1) == y,
    },
)


_WRONG_WEIGHTS = {
    trials.stepper("loss backward step return"): (
        "Nothing clears the old gradients: they pile up from step to step."
    ),
    trials.stepper("loss backward zero_grad step return"): trials.STANDS_STILL,
    trials.stepper("loss zero_grad backward return"): trials.STANDS_STILL,
    trials.stepper("loss zero_grad step return"): trials.STANDS_STILL,
    trials.stepper("step loss zero_grad backward return"): trials.STEPS_FIRST,
    trials.stepper("loss zero_grad backward step step return"): (
        "Your step() comes twice for each batch."
    ),
    trials.stepper(GOOD_STEP, lambda z, y: F.cross_entropy(z.softmax(dim=1), y)): (
        "There is a softmax too many: cross_entropy takes the logits."
    ),
    trials.stepper(GOOD_STEP, lambda z, y: F.cross_entropy(z, y, reduction="sum")): (
        "Your loss is the sum over the batch. Take the mean."
    ),
}
_WRONG_LOSSES = {
    trials.stepper("loss zero_grad backward step"): (
        "The step is right, and its loss gets lost: end with return loss.item()."
    ),
    trials.stepper("loss zero_grad backward step loss return"): (
        "The step is right, but you return the loss after it, computed anew. Return the one that "
        "it went by: with the weights before."
    ),
}


def _observe_steps(step: Any) -> tuple[Tensor, Tensor]:
    """Return the weights after three steps, and the loss that each returned; nan for none."""
    weights, losses = trials.weights_after(step)
    none = torch.tensor(torch.nan, dtype=torch.float64)
    numbers = [none if is_nothing(loss) else judging.as_number(loss) for loss in losses]
    return weights, torch.stack(numbers)


def _judge_train_step(answer: Any) -> None:
    """Judge the weights first, whatever is returned, and then what is returned."""
    weights, losses = _observe_steps(answer)
    right_weights, right_losses = _observe_steps(trials.stepper(GOOD_STEP))
    if not judging.close(weights, right_weights):
        for mistake, message in _WRONG_WEIGHTS.items():
            if judging.close(weights, _observe_steps(mistake)[0]):
                raise NotYet(message)
        raise NotYet(
            "After three of your steps the weights are not those that the four lines give. "
            "Compare: loss, zero_grad, backward, step."
        )
    for mistake, message in _WRONG_LOSSES.items():
        if judging.close(losses, _observe_steps(mistake)[1]):
            raise NotYet(message)
    for number, (got, want) in enumerate(zip(losses, right_losses, strict=True), start=1):
        if not judging.close(got, want):
            raise NotYet(
                f"The weights are right, but what you return is not the loss of the batch: in step "
                f"{number} that is {want:.4g}, and you return {got:.4g}."
            )


EXERCISES["train_step"] = judging.judged_exercise(
    _judge_train_step,
    "Four things: how wrong, forget, which way, go.",
    "They are a loss, optimizer.zero_grad(), loss.backward() and optimizer.step().",
    "loss = F.cross_entropy(model(images), labels), then the other three in that order, "
    "and at last return loss.item().",
    right="Four lines, and everything else is bookkeeping.",
    mistakes=_WRONG_WEIGHTS | _WRONG_LOSSES,
)


def _judge_catch_up(answer: Any) -> None:
    settings = judging.as_settings(answer)
    if settings.batch_size != 256:
        raise NotYet(f"Your batch size is {settings.batch_size}. It has to be 256.")
    if settings.epochs > 3:
        raise NotYet(f"You train for {settings.epochs} epochs. Three have to be enough.")
    trials.check_accuracy(
        settings,
        enough=0.85,  # about that of batch 32 after one epoch
        usual={"weight_decay": 0.0},
        thrown="That is too high a rate for this optimizer.",
        slow="It is too slow: it has only 15 steps an epoch.",
    )


EXERCISES["catch_up"] = judging.judged_exercise(
    _judge_catch_up,
    "Try higher rates first. How far does momentum bring you?",
    "Momentum hardly gets there in 45 steps. Which optimizers walk about the rate "
    "itself, however small the gradient?",
    'optimizer="adam", and a rate a little above its usual 0.001.',
    right="45 steps instead of 125, and as good: with a rule that needs fewer steps.",
    mistakes={
        Hyperparameters(batch_size=256, epochs=3): "It is too slow",
        Hyperparameters(batch_size=256, epochs=3, learning_rate=5.0): "too high a rate",
        Hyperparameters(batch_size=32, epochs=1): "It has to be 256.",
        Hyperparameters(batch_size=256, epochs=10): "Three have to be enough.",
    },
)


def _judge_mismatched_labels(answer: Any) -> None:
    """Mark image i by the value i, so that it is known again wherever it went."""
    marks = torch.arange(200)
    images = marks.view(-1, 1, 1, 1).expand(-1, 1, 32, 32).float()  # (200, 1, 32, 32)
    labels = marks % 10
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    case = {"images": images.clone(), "labels": labels, "order": order}
    shuffled, given = judging.results_of(answer, case, ("images", "labels"))
    if shuffled.shape != images.shape or given.shape != labels.shape:
        raise NotYet("Some images or labels got lost. Give back all of them, in the same shape.")
    indices = shuffled[:, 0, 0, 0].long()
    if not torch.equal(indices.sort().values, marks):
        raise NotYet("Not all images are there any more. Give back each of them once.")
    if not torch.equal(given.sort().values, labels.sort().values.double()):
        raise NotYet("Not all labels are there any more. Give back each of them once.")
    share_right = (labels[indices] == given).double().mean().item()
    if share_right > 0.3:
        raise NotYet(
            f"{share_right:.0%} of your images still have a label that is theirs, so a network "
            "can learn from them. Tear them apart."
        )


EXERCISES["mismatched_labels"] = judging.judged_exercise(
    _judge_mismatched_labels,
    "Images and labels fit together by their place in the row alone.",
    "Bring the images into the new order. What would you then have to do with the labels?",
    "Exactly that, leave out: return images[order], labels.",
    right="All images are there, all labels are there, and no line complains. A loss that stays "
    "at 2.30 can mean this: look at some images beside their labels.",
    mistakes={
        lambda x, y, order: (x[order], y[order]): (
            "100% of your images still have a label that is theirs"
        ),
        lambda x, y, order: (x, y): "100% of your images still have a label that is theirs",
        lambda x, y, order: (x[order], torch.zeros_like(y)): "Not all labels are there any more.",
        lambda x, y, order: (x[:100], y[100:]): "Some images or labels got lost.",
        lambda x, y, order: (torch.zeros_like(x), y): "Not all images are there any more.",
    },
)
