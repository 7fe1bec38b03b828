"""One step of each optimizer in numbers: gradient, memory, step, by our rules and by torch."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from tutorial_lib.optimizers import OPTIMIZERS, apply_rule, make_optimizer


@dataclass(frozen=True, slots=True)
class StepInNumbers:
    """What one optimizer does to one weight in one step."""

    optimizer: str
    step: int  # from 1
    weight: float  # before the step
    gradient: float
    memory: tuple[tuple[str, float], ...]  # after the step: ("v", ...), ("m", ...), ("s", ...)
    moved: float  # new weight - weight, by our rule
    torch_moved: float  # the same by torch.optim


def steps_in_numbers(
    gradients: Sequence[float],
    *,
    weight: float = 1.0,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 0.01,
) -> dict[str, list[StepInNumbers]]:
    """Let every optimizer meet these gradients with one weight; float64.

    Args:
        gradients: One for each step, the first one first.
        weight: Before the first step.
        momentum: In [0, 1); also beta1 of adam and adamw.
        weight_decay: Of adamw alone.
    """
    settings = {"momentum": momentum, "weight_decay": weight_decay, "learning_rate": learning_rate}
    return {name: list(_steps(name, gradients, weight, settings)) for name in OPTIMIZERS}


def _steps(
    name: str, gradients: Sequence[float], weight: float, settings: Mapping[str, float]
) -> Iterator[StepInNumbers]:
    decays = "weight_decay" in inspect.signature(OPTIMIZERS[name].rule).parameters
    theirs = torch.tensor([weight], dtype=torch.float64, requires_grad=True)
    of_torch = settings if decays else settings | {"weight_decay": 0.0}
    optimizer = make_optimizer(name, [theirs], **of_torch)
    ours = torch.tensor([weight], dtype=torch.float64)
    symbols = OPTIMIZERS[name].memory
    memory = [torch.zeros_like(ours) for _ in symbols]
    for step, gradient in enumerate(gradients, start=1):
        before, before_theirs = ours.item(), theirs.item()
        given = torch.tensor([gradient], dtype=torch.float64)
        theirs.grad = given.clone()
        optimizer.step()
        ours, memory = apply_rule(name, ours, given, memory, step=step, **settings)
        yield StepInNumbers(
            optimizer=name,
            step=step,
            weight=before,
            gradient=gradient,
            memory=tuple((s, value.item()) for s, value in zip(symbols, memory, strict=True)),
            moved=ours.item() - before,
            torch_moved=theirs.item() - before_theirs,
        )
