"""A plane through the weights of a trained net: its loss there, and optimizers within it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from tutorial_lib.data import Split
from tutorial_lib.models import copy_of
from tutorial_lib.optimizers import OPTIMIZERS, make_optimizer

REACH = 1.0  # the plane is measured from -1 to 1 in both directions
START = (0.8, 0.7)


@dataclass(frozen=True, slots=True)
class GridRow:
    """The loss along one line of the plane."""

    y: float
    losses: tuple[float, ...]  # at x evenly spaced from -REACH to REACH


@dataclass(frozen=True, slots=True)
class PlaneStep:
    """Where an optimizer stands in the plane after so many steps."""

    optimizer: str
    step: int
    x: float
    y: float
    loss: float


class LossPlane:
    """The mean cross-entropy at trained weights + x * direction 1 + y * direction 2.

    The model is copied; what happens to it later does not matter here.

    Args:
        model: Trained; maps images (B, 1, 32, 32) to logits (B, 10).
        digits: On whose first images the loss is taken.
        num_digits: How many of them, 1 or more.
        seed: Of the two random directions.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets",
    2018.
    """

    def __init__(
        self, model: nn.Module, digits: Split, *, num_digits: int = 200, seed: int = 0
    ) -> None:
        self._model = copy_of(model)
        self._weights = {n: w.detach() for n, w in self._model.named_parameters()}
        generator = torch.Generator().manual_seed(seed)
        self._directions = [filter_normalised(self._weights, generator) for _ in range(2)]
        self._images, self._labels = digits.images[:num_digits], digits.labels[:num_digits]

    def loss(self, point: Tensor) -> Tensor:
        """Return the loss () at point (2,); autograd goes through to the point."""
        first, second = self._directions
        weights = {
            name: weight + point[0] * first[name] + point[1] * second[name]
            for name, weight in self._weights.items()
        }
        return F.cross_entropy(functional_call(self._model, weights, self._images), self._labels)

    def grid(self, size: int) -> Iterator[GridRow]:
        """Yield the loss on size x size points, a row at a time, from y = -REACH up."""
        ticks = np.linspace(-REACH, REACH, size).tolist()
        for y in ticks:
            with torch.no_grad():
                losses = tuple(self.loss(torch.tensor([x, y])).item() for x in ticks)
            yield GridRow(y, losses)

    def descend(
        self,
        name: str,
        *,
        learning_rate: float,
        momentum: float = 0.9,
        num_steps: int = 25,
        start: tuple[float, float] = START,
    ) -> Iterator[PlaneStep]:
        """Let an optimizer change x and y alone; yield its start and each of its steps."""
        point = torch.tensor(start, requires_grad=True)  # (2,)
        optimizer = make_optimizer(name, [point], learning_rate=learning_rate, momentum=momentum)
        for step in range(num_steps + 1):
            loss = self.loss(point)
            yield PlaneStep(name, step, *point.tolist(), loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def filter_normalised(weights: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Return a random direction in which each filter is as long as that of the weights.

    A filter is what makes one output of a layer: weights[name][i]. Biases stay as they are (0).
    """
    direction = {}
    for name, weight in weights.items():
        if weight.dim() < 2:
            direction[name] = torch.zeros_like(weight)
            continue
        noise = torch.randn(weight.shape, generator=generator).to(weight)
        inner = tuple(range(1, weight.dim()))  # all but the filters
        lengths = [torch.linalg.vector_norm(of, dim=inner, keepdim=True) for of in (weight, noise)]
        direction[name] = noise * lengths[0] / lengths[1]
    return direction


def measure_plane(
    plane: LossPlane,
    *,
    learning_rate: float,
    adaptive_rate: float,
    momentum: float,
    size: int = 17,
    num_steps: int = 25,
    names: Iterable[str] = OPTIMIZERS,
) -> Iterator[GridRow | PlaneStep]:
    """Yield the rows of the plane, and then the steps of one optimizer after the other."""
    yield from plane.grid(size)
    for name in names:
        rate = adaptive_rate if OPTIMIZERS[name].is_adaptive else learning_rate
        yield from plane.descend(name, learning_rate=rate, momentum=momentum, num_steps=num_steps)
