"""A plane through the weights of a trained net: its loss there, and optimizers within it."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.side_by_side import side_by_side
from tutorial_lib.labs.own import drawing_alike, held_still, loss_for
from tutorial_lib.losses import LossFunction
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
    """The mean loss at trained weights + x * direction 1 + y * direction 2.

    The model is copied; what happens to it later does not matter here. The copy answers as in
    evaluation, so dropout and the statistics of a batch change nothing.

    Args:
        model: Trained; any network that can be copied and fits the split.
        split: On whose first examples the loss is taken; of any kind.
        num_examples: How many of them, 1 or more; of fewer, all. None: 200.
        loss: Its name, or loss(outputs, targets), the mean over a batch. None: cross-entropy of a
            classification, mean squared error of a regression.
        seed: Of the two random directions.
        num_digits: As num_examples.

    Raises:
        TypeError: The model, the split or the loss is none.
        ValueError: num_examples is less than 1, the model cannot be copied, has no weights in rows,
            or does not fit the split, or the loss does not.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets",
    2018.
    """

    def __init__(
        self,
        model: nn.Module,
        split: Split,
        *,
        num_examples: int | None = None,
        loss: str | LossFunction | None = None,
        seed: int = 0,
        num_digits: int | None = None,
    ) -> None:
        if isinstance(split, Data) or not hasattr(split, "first"):
            raise TypeError(f"split must be one of the data, data.train say; got {shown(split)}")
        count = num_digits if num_examples is None else num_examples
        count = check_whole("num_examples", 200 if count is None else count, low=1)
        self._has_own_loss = callable(loss)
        self._model = held_still(model, split)
        self._loss_of, self._alike = loss_for(self._model, split, loss), drawing_alike(self._model)
        self._weights = {n: w.detach() for n, w in self._model.named_parameters()}
        if not any(weight.dim() > 1 for weight in self._weights.values()):
            raise ValueError(
                "the model must have weights in rows, as those of a linear layer or a convolution, "
                "for a direction is made of them; it has none"
            )
        generator = torch.Generator().manual_seed(seed)
        self._directions = [filter_normalised(self._weights, generator) for _ in range(2)]
        self._inputs, self._targets = split.first(count)

    def loss(self, point: Tensor) -> Tensor:
        """Return the loss () at point (2,); autograd goes through to the point."""
        first, second = self._directions
        weights = {
            name: weight + point[0].to(weight) * first[name] + point[1].to(weight) * second[name]
            for name, weight in self._weights.items()
        }
        # What a network writes into its buffers, even so, is not there for the next point.
        weights |= {name: buffer.clone() for name, buffer in self._model.named_buffers()}
        with self._alike():
            outputs = functional_call(self._model, weights, self._inputs.clone())
            return self._loss_of(outputs, self._targets)

    def grid(self, size: int) -> Iterator[GridRow]:
        """Yield the loss on size x size points, a row at a time, from y = -REACH up."""
        for y in _ticks(size):
            yield from self.row(y, size)

    def row(self, y: float, size: int) -> Iterator[GridRow]:
        """Yield the one row of `grid` at this height."""
        with torch.no_grad():
            losses = tuple(self.loss(torch.tensor([x, y])).item() for x in _ticks(size))
        yield GridRow(y, losses)

    def seconds(self) -> float:
        """Return what the loss at a point takes, about."""
        start = time.perf_counter()
        with torch.no_grad():
            self.loss(torch.zeros(2))
        return time.perf_counter() - start

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
            if not loss.isfinite():  # it stays where it has got to
                continue
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
    """Yield the rows of the plane, and then the steps of one optimizer after the other.

    Rows and optimizers are measured side by side, on as many cores as there are, unless the loss is
    one of your own, or the plane cannot be sent to another process.
    """
    rates = {
        name: adaptive_rate if OPTIMIZERS[name].is_adaptive else learning_rate for name in names
    }
    makers = [partial(plane.row, y, size) for y in _ticks(size)]
    looks = {"momentum": momentum, "num_steps": num_steps}
    makers += [partial(plane.descend, name, learning_rate=rates[name], **looks) for name in rates]
    each = min(plane.seconds(), plane.seconds())  # the first one loads what has to be loaded
    seconds = [size * each] * size + [3 * num_steps * each] * len(rates)
    with contextlib.closing(
        side_by_side(makers, seconds=seconds, here=plane._has_own_loss)
    ) as records:
        for _, record in records:
            yield record


def _ticks(size: int) -> list[float]:
    return np.linspace(-REACH, REACH, size).tolist()
