"""Exercises on how a gradient becomes a step."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.exercises.judging import (
    Case,
    Exercise,
    NotYet,
    YourTurn,
    call,
    function_exercise,
    is_nothing,
    matching,
    number_exercise,
)
from tutorial_lib.exercises.trials import STANDS_STILL, batches, weights_after
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import momentum_update, nesterov_update

Updated = tuple[Tensor, Tensor]  # the weight, and what the rule remembers


def _momentum_step(w: Tensor, g: Tensor, v: Tensor, lr: float, mu: float) -> Updated:
    return momentum_update(w, g, v, learning_rate=lr, momentum=mu)


def _rate_inside(w: Tensor, g: Tensor, v: Tensor, lr: float, mu: float) -> Updated:
    v = mu * v + lr * g
    return w - v, v


def _momentum_cases(generator: torch.Generator) -> Iterator[Case]:
    yield {
        "weight": torch.tensor([1.0]),
        "gradient": torch.tensor([0.5]),
        "velocity": torch.tensor([2.0]),
        "learning_rate": 0.1,
        "momentum": 0.9,
    }
    for momentum in (0.0, 0.5, 0.95):
        weight, gradient, velocity = torch.randn(3, 7, generator=generator)
        yield {
            "weight": weight,
            "gradient": gradient,
            "velocity": velocity,
            "learning_rate": 0.03,
            "momentum": momentum,
        }


def _lion_step(
    w: Tensor, g: Tensor, m: Tensor, lr: float, *, beta1: float = 0.9, beta2: float = 0.99
) -> Updated:
    return w - lr * torch.sign(beta1 * m + (1 - beta1) * g), beta2 * m + (1 - beta2) * g


def _lion_memory_first(w: Tensor, g: Tensor, m: Tensor, lr: float) -> Updated:
    m = 0.99 * m + 0.01 * g
    return w - lr * torch.sign(0.9 * m + 0.1 * g), m


def _lion_cases(generator: torch.Generator) -> Iterator[Case]:
    yield {
        "weight": torch.tensor([1.0]),
        "gradient": torch.tensor([-0.5]),
        "mean": torch.tensor([0.2]),
        "learning_rate": 0.1,
    }
    for size in (-0.117, 0.1, 1.0):  # in the first one only the sign of the OLD mean is right
        weight, gradient, other = torch.randn(3, 20, generator=generator)
        mean = size * (gradient if size < 0 else other)
        yield {"weight": weight, "gradient": gradient, "mean": mean, "learning_rate": 0.02}


def _layer_trainer(
    frozen: Callable[[str], bool], *, learning_rate: float = 0.1, num_steps: int | None = None
) -> Callable[[nn.Module, list[tuple[Tensor, Tensor]]], None]:
    """Return a function that trains a model on batches with some of its parameters frozen."""

    def train(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> None:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not frozen(name))
        optimizer = torch.optim.SGD(
            [p for p in model.parameters() if p.requires_grad], lr=learning_rate
        )
        for images, labels in batches[:num_steps]:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()

    return train


def _judge_train_last_layer(answer: Any) -> None:
    model, given = LeNet5(seed=0), batches(10)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss_before = _mean_loss(model, given)
    returned = call(answer, {"model": model, "batches": given})
    if isinstance(returned, LeNet5):
        model = returned
    moved = {n for n, p in model.named_parameters() if not torch.equal(p.detach(), before[n])}
    last = {"fc3.weight", "fc3.bias"}
    if not moved and is_nothing(returned):
        raise YourTurn("So far nothing moves.")
    if not moved:
        raise NotYet("Nothing moved. Take a step for each batch.")
    if last.isdisjoint(moved):
        raise NotYet("The wrong way round: fc3 stood still, and others moved.")
    if moved - last:
        raise NotYet(f"Other layers moved, too: {', '.join(sorted(moved - last))}. Freeze them.")
    if moved != last:
        raise NotYet(f"Of fc3 only {moved.pop()} moved. Let its weight and its bias learn.")
    if not _mean_loss(model, given) < loss_before:
        raise NotYet("Only fc3 moved, but the loss has not fallen. Go downhill, in smaller steps.")


def _mean_loss(model: nn.Module, given: list[tuple[Tensor, Tensor]]) -> float:
    with torch.no_grad():
        losses = [F.cross_entropy(model(images), labels).item() for images, labels in given]
    return sum(losses) / len(losses)


def _careless_step(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()


def _careful_step(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad()
    _careless_step(model, optimizer, images, labels)


def _clears_before_the_step(
    model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor
) -> None:
    F.cross_entropy(model(images), labels).backward()
    optimizer.zero_grad()
    optimizer.step()


def _never_steps(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    F.cross_entropy(model(images), labels).backward()


def _steps_first(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    optimizer.step()
    F.cross_entropy(model(images), labels).backward()


EXERCISES: dict[str, Exercise] = {
    "velocity_end": number_exercise(
        20,
        tolerance=1e-3,
        right="1 / (1 - 0.95) = 20. With so much momentum, one rate acts like twenty.",
        hints=(
            "At the end the velocity no longer changes. What does its rule say then?",
            "If v is the same before and after: v = 0.95 v + 1.",
            "So 0.05 v = 1.",
        ),
        mistakes={
            10: "That is for a momentum of 0.9.",
            19: "You left out the newest gradient: it counts whole.",
            0.05: "That is 1 - mu. The velocity ends at one over that.",
            1.95: "That is the velocity after two steps. It goes on growing.",
            1 / 0.95: "You divided by mu. Divide by 1 - mu.",
        },
    ),
    "momentum_step": function_exercise(
        _momentum_step,
        cases=_momentum_cases,
        returns=("weight", "velocity"),
        right="The old velocity fades, the gradient adds to it, and the weight follows.",
        hints=(
            "Two lines: first a new velocity, then a new weight.",
            "The new velocity is the momentum times the old one, plus the gradient.",
            "velocity = momentum * velocity + gradient; the weight moves by the rate times that.",
        ),
        mistakes={
            lambda w, g, v, lr, mu: (w - lr * g, g): (
                "Your velocity ignores the old one: it forgets."
            ),
            lambda w, g, v, lr, mu: _momentum_step(w, (1 - mu) * g, v, lr, mu): (
                "Your velocity is a moving mean. In momentum the gradient counts whole, without "
                "1 - mu."
            ),
            _rate_inside: (
                "You put the rate inside the velocity. Here it stands outside, as in torch."
            ),
            lambda w, g, v, lr, mu: _momentum_step(w, g, v, -lr, mu): (
                "Your step goes uphill: subtract."
            ),
            lambda w, g, v, lr, mu: _momentum_step(w, g, v, 1.0, mu): (
                "Your step leaves out the learning rate."
            ),
            lambda w, g, v, lr, mu: (w - lr * v, mu * v + g): (
                "Your weight moves by the old velocity. Renew the velocity first."
            ),
            lambda w, g, v, lr, mu: nesterov_update(w, g, v, learning_rate=lr, momentum=mu): (
                "That is Nesterov: it looks a step ahead. Plain momentum does not."
            ),
            lambda w, g, v, lr, mu: _momentum_step(w, g, v, lr, mu)[::-1]: (
                "Return the weight first, then the velocity."
            ),
            lambda w, g, v, lr, mu: _momentum_step(w, g, v, lr, 1.0): (
                "Your velocity never fades: multiply the old one by the momentum."
            ),
        },
    ),
    "lion_step": function_exercise(
        _lion_step,
        cases=_lion_cases,
        returns=("weight", "mean"),
        right="Every weight walks exactly the learning rate, however small its gradient.",
        hints=(
            "Two lines: the weight by the old memory, then the memory.",
            "The sign sees 0.9 of the old memory and 0.1 of the gradient. The memory is renewed "
            "by 0.99 and 0.01.",
            "torch.sign(0.9 * mean + 0.1 * gradient) is the direction. Only afterwards "
            "mean = 0.99 * mean + 0.01 * gradient.",
        ),
        mistakes={
            _lion_memory_first: ("You renewed the memory first. The sign has to see the old one."),
            lambda w, g, m, lr: (w - lr * (0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g): (
                "You left out the sign."
            ),
            lambda w, g, m, lr: _lion_step(w, g, m, lr, beta1=0.99, beta2=0.9): (
                "You swapped the two betas: 0.9 belongs to the step, 0.99 to the memory."
            ),
            lambda w, g, m, lr: _lion_step(w, g, m, lr, beta2=0.9): (
                "Your memory fades too fast: it has a beta of its own, 0.99."
            ),
            lambda w, g, m, lr: _lion_step(w, g, m, -lr): "Your step goes uphill: subtract.",
            lambda w, g, m, lr: (_lion_step(w, g, m, lr)[0], m): (
                "The weight is right. The memory is still the old one: renew it, too."
            ),
            lambda w, g, m, lr: (w - lr * torch.sign(g), 0.99 * m + 0.01 * g): (
                "Your sign sees the gradient alone. Mix it with the memory."
            ),
        },
    ),
    "train_last_layer": Exercise(
        judge=_judge_train_last_layer,
        right="Only fc3 moved, and the loss fell.",
        hints=(
            "Each parameter has a switch, requires_grad. Set it before you make the optimizer.",
            "Switch the whole model off by model.requires_grad_(False), and fc3 on again. Then "
            "an optimizer, and a step for each batch.",
            "A step is the four lines that you know: loss, zero_grad, backward, step. "
            "torch.optim.SGD(model.fc3.parameters(), lr=0.1) will do.",
        ),
        mistakes={
            _layer_trainer(lambda name: False): "Other layers moved, too",
            _layer_trainer(lambda name: name.startswith("fc3")): "The wrong way round",
            _layer_trainer(lambda name: name != "fc3.weight"): "Of fc3 only fc3.weight moved",
            _layer_trainer(lambda name: not name.startswith("fc3"), learning_rate=300.0): (
                "the loss has not fallen"
            ),
            lambda model, batches: model: "Nothing moved. Take a step for each batch.",
        },
    ),
    "forgotten_zero_grad": matching(
        _careless_step,
        lambda step: [weights_after(step)[0]],
        lambda seen, expected: (
            "After three of your steps the weights are not those that a forgotten zero_grad "
            "gives. Leave everything else as it was: loss, backward, step."
        ),
        right="Broken as asked: all old gradients stay in the sum, like momentum with mu = 1.",
        hints=(
            "Which of the four lines of a step clears the old gradients?",
            "Keep the loss, backward() and step(), in this order.",
            "F.cross_entropy(model(images), labels).backward(), then optimizer.step().",
        ),
        mistakes={
            _careful_step: "This step clears its gradients: it is a good one. Break it.",
            _clears_before_the_step: STANDS_STILL,
            _steps_first: (
                "Your step comes before backward: it goes by the gradient of the batch before."
            ),
            _never_steps: STANDS_STILL,
        },
    ),
}
