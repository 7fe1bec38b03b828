"""Surfaces over two weights, the ways of optimizers down them, and one step in numbers."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.optimizers import OPTIMIZERS, apply_rule, make_optimizer

_FAR = 1e3  # a path that gets as far out as this has left the map for good


@dataclass(frozen=True, slots=True)
class Surface:
    """A loss of two weights that can be drawn, with 0 as its lowest height."""

    name: str
    height: Callable[[Tensor], Tensor]  # points (..., 2) -> heights (...)
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    start: tuple[float, float]  # where to set out from
    lowest: tuple[tuple[float, float], ...]  # where the height is 0
    learning_rate: float  # that suits those that go by the gradient's length
    adaptive_rate: float  # that suits those that go by its recent size


@dataclass(frozen=True, slots=True)
class Descent:
    """The way of one optimizer down a surface; N steps, or fewer where it left the map."""

    points: tuple[tuple[float, float], ...]  # before the first step, and after each
    heights: tuple[float, ...]
    left: bool  # whether it flew off


def ravine(points: Tensor) -> Tensor:
    """Return (x^2 + 20 y^2) / 2: steep across, flat along."""
    x, y = points.unbind(dim=-1)
    return (x**2 + 20 * y**2) / 2


def rosenbrock(points: Tensor) -> Tensor:
    """Return (1 - x)^2 + 100 (y - x^2)^2: a bent valley with a nearly flat floor.

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a
    function", 1960.
    """
    x, y = points.unbind(dim=-1)
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def beale(points: Tensor) -> Tensor:
    """Return the sum of (c_k - x (1 - y^k))^2, k = 1, 2, 3: a plateau between steep walls.

    Source: Beale, "On an iterative method for finding a local minimum of a function of more than
    one variable", 1958; c = 1.5, 2.25, 2.625.
    """
    x, y = points.unbind(dim=-1)
    return sum((c - x * (1 - y**k)) ** 2 for k, c in enumerate((1.5, 2.25, 2.625), start=1))


def saddle(points: Tensor) -> Tensor:
    """Return x^2 / 2 - y^2 / 2 + y^4 / 4 + 1/4: flat at (0, 0), but lowest at (0, -1), (0, 1)."""
    x, y = points.unbind(dim=-1)
    return x**2 / 2 - y**2 / 2 + y**4 / 4 + 0.25


SURFACES = {
    surface.name: surface
    for surface in (
        Surface("ravine", ravine, (-5, 3), (-2.5, 2.5), (-4.0, 1.5), ((0, 0),), 0.06, 0.3),
        Surface("Rosenbrock", rosenbrock, (-2, 2), (-1, 3), (-1.5, 2.0), ((1, 1),), 0.0005, 0.1),
        Surface("Beale", beale, (-4.5, 4.5), (-4.5, 4.5), (1.0, 1.5), ((3, 0.5),), 0.005, 0.1),
        Surface("saddle", saddle, (-2, 2), (-2, 2), (1.5, 0.001), ((0, -1), (0, 1)), 0.1, 0.1),
    )
}


def descend(
    surface: Surface,
    names: Iterable[str] = OPTIMIZERS,
    *,
    start: tuple[float, float] | None = None,
    learning_rate: float | None = None,
    adaptive_rate: float | None = None,
    momentum: float = 0.9,
    num_steps: int = 60,
) -> dict[str, Descent]:
    """Let optimizers of torch.optim walk down a surface, with gradients by autograd.

    Args:
        names: Of the optimizers.
        start: Where all of them set out; else that of the surface.
        learning_rate: Of those that are not adaptive; else that of the surface.
        adaptive_rate: Of those that are; else that of the surface.
        momentum: In [0, 1); also beta1 of adam and its like.
        num_steps: How many steps each of them takes, 0 or more.
    """
    check_whole("num_steps", num_steps, low=0)
    rate = surface.learning_rate if learning_rate is None else learning_rate
    adaptive = surface.adaptive_rate if adaptive_rate is None else adaptive_rate
    weights, optimizers = {}, {}
    for name in names:
        check_choice("optimizer", name, OPTIMIZERS)
        point = torch.tensor(start or surface.start, dtype=torch.float64)  # (2,)
        weights[name] = point.requires_grad_()
        own = adaptive if OPTIMIZERS[name].is_adaptive else rate
        optimizers[name] = make_optimizer(name, [point], learning_rate=own, momentum=momentum)
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in weights}
    heights: dict[str, list[float]] = {name: [] for name in weights}
    walking = list(weights)
    for step in range(num_steps + 1):
        if not walking:
            break
        at = surface.height(torch.stack([weights[name] for name in walking]))  # (walking,)
        for name, height in zip(walking, at.tolist(), strict=True):
            points[name].append(tuple(weights[name].tolist()))
            heights[name].append(height)
        walking = [n for n in walking if all(-_FAR < w < _FAR for w in points[n][-1])]  # no NaN
        if step < num_steps:
            at.sum().backward()  # each path's height depends on its own weights alone
            for name in walking:
                optimizers[name].step()
                weights[name].grad = None
    return {
        name: Descent(tuple(points[name]), tuple(heights[name]), left=name not in walking)
        for name in weights
    }


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
