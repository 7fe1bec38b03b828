"""One step of each optimizer in numbers: gradient, memory, step, by our rules and by torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tutorial_lib import optimizers
from tutorial_lib.config import OPTIMIZERS
from tutorial_lib.optimizers import make_optimizer

_MEMORY = {"momentum": "v", "nesterov": "v", "rmsprop": "s", "adam": "ms", "adamw": "ms"}


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
    settings = (learning_rate, momentum, weight_decay)
    return {name: list(_steps(name, gradients, weight, *settings)) for name in OPTIMIZERS}


def _steps(
    name: str, gradients: Sequence[float], weight: float, rate: float, mu: float, decay: float
) -> Iterator[StepInNumbers]:
    rule: Callable[..., Any] = getattr(optimizers, f"{name}_update")
    settings: dict[str, float] = {"learning_rate": rate}
    settings |= {"momentum": mu} if name in ("momentum", "nesterov") else {}
    settings |= {"beta1": mu} if name in ("adam", "adamw") else {}
    settings |= {"weight_decay": decay} if name == "adamw" else {}
    theirs = torch.tensor([weight], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer(
        name,
        [theirs],
        learning_rate=rate,
        momentum=mu,
        weight_decay=decay if name == "adamw" else 0.0,
    )
    ours = torch.tensor([weight], dtype=torch.float64)
    symbols = _MEMORY.get(name, "")
    memory = [torch.zeros_like(ours) for _ in symbols]
    for step, gradient in enumerate(gradients, start=1):
        before, before_theirs = ours.item(), theirs.item()
        given = torch.tensor([gradient], dtype=torch.float64)
        theirs.grad = given.clone()
        optimizer.step()
        count = [step] if "m" in symbols else []
        result = rule(ours, given, *memory, *count, **settings)
        ours, *memory = result if isinstance(result, tuple) else (result,)
        yield StepInNumbers(
            optimizer=name,
            step=step,
            weight=before,
            gradient=gradient,
            memory=tuple((s, value.item()) for s, value in zip(symbols, memory, strict=True)),
            moved=ours.item() - before,
            torch_moved=theirs.item() - before_theirs,
        )
