"""Exercises on how a gradient becomes a step."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.evaluation import evaluate
from tutorial_lib.exercises import judging, trials
from tutorial_lib.exercises.judging import NotYet, YourTurn
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import momentum_update, nesterov_update

Updated = tuple[Tensor, Tensor]  # the weight, and what the rule remembers
EXERCISES: dict[str, judging.Exercise] = {}

EXERCISES["velocity_end"] = judging.number_exercise(
    20,
    "At the end the velocity no longer changes. What does its rule say then?",
    "If v is the same before and after: v = 0.95 v + 1.",
    "So 0.05 v = 1.",
    tolerance=1e-3,
    right="1 / (1 - 0.95) = 20. With so much momentum, one rate acts like twenty.",
    mistakes={
        10: "That is for a momentum of 0.9.",
        19: "You left out the newest gradient: it counts whole.",
        0.05: "That is 1 - mu. The velocity ends at one over that.",
        1.95: "That is the velocity after two steps. It goes on growing.",
        1 / 0.95: "You divided by mu. Divide by 1 - mu.",
    },
)


def _momentum_mistakes(w: Tensor, g: Tensor, v: Tensor, lr: float, mu: float) -> dict[str, Updated]:
    def stepped(gradient: Tensor, learning_rate: float, momentum: float) -> Updated:
        return momentum_update(w, gradient, v, learning_rate=learning_rate, momentum=momentum)

    rate_inside = mu * v + lr * g
    return {
        "Your velocity ignores the old one: it forgets.": (w - lr * g, g),
        "Your velocity is a moving mean. In momentum the gradient counts whole, without 1 - mu.": (
            stepped((1 - mu) * g, lr, mu)
        ),
        "You put the rate inside the velocity. Here it stands outside, as in torch.": (
            (w - rate_inside, rate_inside)
        ),
        "Your step goes uphill: subtract.": stepped(g, -lr, mu),
        "Your step leaves out the learning rate.": stepped(g, 1.0, mu),
        "Your weight moves by the old velocity. Renew that first.": (w - lr * v, mu * v + g),
        "That is Nesterov: it looks a step ahead. Plain momentum does not.": (
            nesterov_update(w, g, v, learning_rate=lr, momentum=mu)
        ),
        "Return the weight first, then the velocity.": stepped(g, lr, mu)[::-1],
        "Your velocity never fades: multiply the old one by the momentum.": stepped(g, lr, 1.0),
    }


EXERCISES["momentum_step"] = judging.function_exercise(
    momentum_update,
    "Two lines: first a new velocity, then a new weight.",
    "The new velocity is the momentum times the old one, plus the gradient.",
    "velocity = momentum * velocity + gradient; the weight moves by the rate times that.",
    cases=lambda: [
        (torch.tensor([1.0]), torch.tensor([0.5]), torch.tensor([2.0]), 0.1, 0.9),
        *((*torch.randn(3, 7), 0.03, momentum) for momentum in (0.0, 0.5, 0.95)),
    ],
    returns=("weight", "velocity"),
    right="The old velocity fades, the gradient adds to it, and the weight follows.",
    mistakes=_momentum_mistakes,
)


def _lion_step(
    weight: Tensor,
    gradient: Tensor,
    mean: Tensor,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
) -> Updated:
    direction = torch.sign(beta1 * mean + (1 - beta1) * gradient)
    return weight - learning_rate * direction, beta2 * mean + (1 - beta2) * gradient


def _lion_mistakes(w: Tensor, g: Tensor, m: Tensor, lr: float) -> dict[str, Updated]:
    weight, mean = _lion_step(w, g, m, lr)
    return {
        "You renewed the memory first. The sign has to see the old one.": (
            (_lion_step(w, g, mean, lr)[0], mean)
        ),
        "You left out the sign.": (w - lr * (0.9 * m + 0.1 * g), mean),
        "You swapped the two betas: 0.9 belongs to the step, 0.99 to the memory.": (
            _lion_step(w, g, m, lr, 0.99, 0.9)
        ),
        "Your memory fades too fast: its own beta is 0.99.": _lion_step(w, g, m, lr, beta2=0.9),
        "Your step goes uphill: subtract.": _lion_step(w, g, m, -lr),
        "The weight is right. The memory is still the old one: renew it, too.": (weight, m),
        "Your sign sees the gradient alone. Mix in the memory.": (w - lr * torch.sign(g), mean),
    }


def _lion_cases() -> Iterator[tuple]:
    yield torch.tensor([1.0]), torch.tensor([-0.5]), torch.tensor([0.2]), 0.1
    for size in (-0.117, 0.1, 1.0):  # in the first one only the sign of the OLD mean is right
        weight, gradient, other = torch.randn(3, 20)
        yield weight, gradient, size * (gradient if size < 0 else other), 0.02


EXERCISES["lion_step"] = judging.function_exercise(
    _lion_step,
    "Two lines: the weight by the old memory, then the memory.",
    "The sign sees 0.9 of the old memory and 0.1 of the gradient. The memory is renewed "
    "by 0.99 and 0.01.",
    "torch.sign(0.9 * mean + 0.1 * gradient) is the direction. Only afterwards "
    "mean = 0.99 * mean + 0.01 * gradient.",
    cases=_lion_cases,
    returns=("weight", "mean"),
    right="Every weight walks exactly the learning rate, however small its gradient.",
    mistakes=_lion_mistakes,
)


def _layer_trainer(
    learns: Callable[[str], bool], *, learning_rate: float = 0.1
) -> Callable[[nn.Module, list[tuple[Tensor, Tensor]]], None]:
    """Return a function that trains those parameters of a model whose names are chosen."""

    def train(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> None:
        chosen = [p for name, p in model.named_parameters() if learns(name)]
        optimizer = torch.optim.SGD(chosen, lr=learning_rate)
        for images, labels in batches:
            trials.stepper("loss zero_grad backward step")(model, optimizer, images, labels)

    return train


def _judge_train_last_layer(answer: Any) -> None:
    model, digits = LeNet5(seed=0), trials.first_digits(160)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss_before = evaluate(model, digits).loss
    returned = judging.call(answer, {"model": model, "batches": trials.batches(10)})
    model = returned if isinstance(returned, LeNet5) else model
    if before.keys() != dict(model.named_parameters()).keys():
        raise NotYet("The network has other parameters now. Leave its layers as they are.")
    moved = {n for n, p in model.named_parameters() if not torch.equal(p.detach(), before[n])}
    last = {"fc3.weight", "fc3.bias"}
    if not moved and judging.is_nothing(returned):
        raise YourTurn("So far nothing moves.")
    if not moved:
        raise NotYet("Nothing moved. Take a step for each batch.")
    if last.isdisjoint(moved):
        raise NotYet("The wrong way round: fc3 stood still, and others moved.")
    if moved - last:
        raise NotYet(f"Other layers moved, too: {', '.join(sorted(moved - last))}. Freeze them.")
    if moved != last:
        raise NotYet(f"Of fc3 only {moved.pop()} moved. Let its weight and its bias learn.")
    if not evaluate(model, digits).loss < loss_before:
        raise NotYet("Only fc3 moved, but the loss has not fallen. Go downhill, in smaller steps.")


EXERCISES["train_last_layer"] = judging.judged_exercise(
    _judge_train_last_layer,
    "Each parameter has a switch, requires_grad. Set it before you make the optimizer.",
    "Switch the whole model off by model.requires_grad_(False), and fc3 on again. Then "
    "an optimizer, and a step for each batch.",
    "A step is the four lines that you know: loss, zero_grad, backward, step. "
    "torch.optim.SGD(model.fc3.parameters(), lr=0.1) will do.",
    right="Only fc3 moved, and the loss fell.",
    mistakes={
        _layer_trainer(lambda name: True): "Other layers moved, too",
        _layer_trainer(lambda name: "fc3" not in name): "The wrong way round",
        _layer_trainer(lambda name: name == "fc3.weight"): "Of fc3 only fc3.weight moved",
        _layer_trainer(lambda name: "fc3" in name, learning_rate=300.0): "the loss has not fallen",
        lambda model, batches: model: "Nothing moved. Take a step for each batch.",
    },
)

EXERCISES["forgotten_zero_grad"] = judging.matching(
    trials.stepper("loss backward step"),
    "Which of the four lines of a step clears the old gradients?",
    "Keep the loss, backward() and step(), in this order.",
    "F.cross_entropy(model(images), labels).backward(), then optimizer.step().",
    observe=lambda step: [trials.weights_after(step)[0]],
    explain=lambda seen, expected: (
        "After three of your steps the weights are not those that a forgotten zero_grad "
        "gives. Leave everything else as it was: loss, backward, step."
    ),
    right="Broken as asked: all old gradients stay in the sum, like momentum with mu = 1.",
    mistakes={
        trials.stepper("zero_grad loss backward step"): (
            "This step clears its gradients: it is a good one. Break it."
        ),
        trials.stepper("loss backward zero_grad step"): trials.STANDS_STILL,
        trials.stepper("step loss backward"): trials.STEPS_FIRST,
        trials.stepper("loss backward"): trials.STANDS_STILL,
    },
)
