"""What the batch size does to the gradient, to the clock, and to the loss."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, Split
from tutorial_lib.labs.race.measure import Dropped, RaceRecord, race
from tutorial_lib.models import copy_of

SIZES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
RACE_SIZES = (4, 32, 256, 1024)
SCALINGS = {"none": 0.0, "square root": 0.5, "linear": 1.0}  # powers of the batch size
BASE_SIZE = 32  # the batch size for which a learning rate is given, where rates are scaled
POINT_IMAGES = 1000  # about as many images make one point of a curve


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What batches of one size are like, on a model that is held still."""

    batch_size: int
    variance: float  # mean squared length of (gradient of a batch - gradient of all images)
    cosine: float  # between the two, mean over the batches: 1 is the same direction
    seconds: float  # a step, median: forward, backward and update

    @property
    def images_per_second(self) -> float:
        """How many images go through in a second."""
        return self.batch_size / self.seconds


@dataclass(frozen=True, slots=True)
class LossPoint:
    """How far a run with one batch size has come."""

    batch_size: int
    learning_rate: float
    images_seen: int
    seconds: float  # of training
    loss: float  # mean over the steps since the point before; infinite once it has diverged


def measure_batches(
    model: nn.Module,
    split: Split,
    *,
    sizes: Sequence[int] = SIZES,
    num_batches: int = 24,
    seed: int = 0,
) -> Iterator[BatchRecord]:
    """Measure the gradients of random batches, one record for each size.

    The images are drawn with replacement, so that they are independent and the variance is that
    of one image, divided by the batch size. The model is copied and left alone.

    Args:
        model: Maps images (B, 1, 32, 32) to logits (B, 10); best one that has begun to learn.
        split: Images (N, 1, 32, 32) and labels (N,), on the model's device.
        num_batches: Of each size, 2 or more.
        seed: Decides which images are drawn.

    Raises:
        ValueError: num_batches or a size lies outside its range.
    """
    check_whole("num_batches", num_batches, low=2)
    for size in sizes:
        check_whole("batch size", size, low=1)
    model = copy_of(model)

    def measured() -> Iterator[BatchRecord]:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # pays for a step, goes nowhere
        full = _full_gradient(model, split)  # (P,)
        draw = torch.Generator().manual_seed(seed)
        for size in sizes:
            squares, cosines, seconds = [], [], []
            for _ in range(num_batches):
                chosen = torch.randint(len(split), (size,), generator=draw).to(split.labels.device)
                images, labels = split.images[chosen], split.labels[chosen]
                start = time.perf_counter()
                optimizer.zero_grad()
                F.cross_entropy(model(images), labels).backward()
                optimizer.step()
                gradient = _gradient(model)  # (P,)
                squares.append((gradient - full).square().sum().item())  # item waits for the device
                seconds.append(time.perf_counter() - start)
                cosines.append(F.cosine_similarity(gradient, full, dim=0).item())
            yield BatchRecord(
                size, float(np.mean(squares)), float(np.mean(cosines)), median(seconds)
            )

    return measured()


def fit_slope(records: Sequence[BatchRecord]) -> float:
    """Return the slope of the straight line through log variance against log batch size.

    For independent images it is -1: the variance falls as 1 / B. Two sizes or more are needed.
    """
    return float(_fit(records)[0])


def fitted_variance(records: Sequence[BatchRecord]) -> np.ndarray:
    """Return the line of `fit_slope` at the batch sizes of the records: (R,)."""
    slope, height = _fit(records)
    return np.exp(height + slope * np.log([record.batch_size for record in records]))


def scaled_rate(learning_rate: float, batch_size: int, scaling: str) -> float:
    """Return the learning rate for a batch size, given the one for 32 images.

    Source: Goyal and others, "Accurate, large minibatch SGD", 2017, for "linear"; Krizhevsky,
    "One weird trick for parallelizing convolutional neural networks", 2014, for "square root".
    """
    check_choice("scaling", scaling, SCALINGS)
    return learning_rate * (batch_size / BASE_SIZE) ** SCALINGS[scaling]


def race_batches(
    data: Data,
    *,
    learning_rate: float = 0.1,
    scaling: str = "none",
    epochs: int = 2,
    sizes: Sequence[int] = RACE_SIZES,
) -> Iterator[LossPoint]:
    """Race LeNet with each batch size, on as many images, by plain SGD.

    Yields:
        A point about every 1,000 images, or after every step where a step takes more.
    """
    settings = Hyperparameters(optimizer="sgd", epochs=epochs)
    rates = {size: scaled_rate(learning_rate, size, scaling) for size in sizes}
    runners = {
        f"batch {size}": settings.replace(batch_size=size, learning_rate=rate)
        for size, rate in rates.items()
    }
    return _points(race(data, runners, scores_an_epoch=0))


def count_points(num_images: int, *, epochs: int, sizes: Sequence[int] = RACE_SIZES) -> int:
    """Return how many points `race_batches` yields if no run diverges."""
    num_steps = {size: num_images // size * epochs for size in sizes}
    return sum(steps // _steps_per_point(size) for size, steps in num_steps.items())


def _points(records: Iterable[RaceRecord]) -> Iterator[LossPoint]:
    losses: dict[int, list[float]] = defaultdict(list)  # by batch size, since its point before
    seconds: dict[int, float] = defaultdict(float)
    seen: dict[int, int] = defaultdict(int)
    for record in records:
        size, rate = record.settings.batch_size, record.settings.learning_rate
        if isinstance(record.event, Dropped):
            yield LossPoint(size, rate, seen[size], seconds[size], float("inf"))
            continue
        losses[size].append(record.event.loss)
        seconds[size] += record.event.seconds
        seen[size] = record.event.images_seen
        if len(losses[size]) == _steps_per_point(size):
            yield LossPoint(size, rate, seen[size], seconds[size], float(np.mean(losses.pop(size))))


def _steps_per_point(batch_size: int) -> int:
    return max(1, POINT_IMAGES // batch_size)


def _full_gradient(model: nn.Module, split: Split) -> Tensor:
    """Return the gradient of the mean loss over all images: (P,)."""
    model.zero_grad()
    for images, labels in zip(split.images.split(1000), split.labels.split(1000), strict=True):
        (F.cross_entropy(model(images), labels, reduction="sum") / len(split)).backward()
    return _gradient(model).clone()


def _gradient(model: nn.Module) -> Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def _fit(records: Sequence[BatchRecord]) -> np.ndarray:
    sizes = np.log([record.batch_size for record in records])
    return np.polyfit(sizes, np.log([record.variance for record in records]), deg=1)
