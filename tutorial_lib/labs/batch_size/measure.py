"""What the batch size does to the gradient, to the clock, and to the loss."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, Split
from tutorial_lib.engine import TrainingRun
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.own import drawing_alike, held_still, loss_for, spread_over
from tutorial_lib.labs.race.measure import Dropped, RaceRecord, race
from tutorial_lib.losses import LossFunction
from tutorial_lib.panels.run_maker import NewRun

SIZES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
RACE_SIZES = (4, 32, 256, 1024)
SCALINGS = {"none": 0.0, "square root": 0.5, "linear": 1.0}  # powers of the batch size
BASE_SIZE = 32  # the batch size for which a learning rate is given, where rates are scaled
POINT_IMAGES = 1000  # about as many examples make one point of a curve; of few, half of them


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
    at_once: int = 1  # how many runs went side by side meanwhile


def sizes_for(num_examples: int) -> tuple[int, ...]:
    """Return the batch sizes, of those from 4 to 1,024, that a training set can fill."""
    return tuple(size for size in SIZES if size <= num_examples) or (1,)


def race_sizes_for(num_examples: int) -> tuple[int, ...]:
    """Return up to four batch sizes that a training set can fill, to be raced."""
    return tuple(spread_over(sizes_for(num_examples), len(RACE_SIZES)))


def measure_batches(
    model: nn.Module,
    split: Split,
    *,
    sizes: Sequence[int] | None = None,
    num_batches: int = 24,
    loss: str | LossFunction | None = None,
    seed: int = 0,
) -> Iterator[BatchRecord]:
    """Measure the gradients of random batches, one record for each size.

    The examples are drawn with replacement, so that they are independent and the variance is that
    of one example, divided by the batch size. The model is copied and left alone; the copy is in
    evaluation mode, for dropout and the statistics of a batch would add noise of their own.

    Args:
        model: Any network that can be copied and fits the split; best one that has begun to learn.
        split: Of any kind, on the model's device.
        sizes: None: those from 4 to 1,024 that the split can fill.
        num_batches: Of each size, 2 or more.
        loss: Its name, or loss(outputs, targets), the mean over a batch. None: cross-entropy of a
            classification, mean squared error of a regression.
        seed: Decides which examples are drawn.

    Raises:
        TypeError: The model is none, or the loss.
        ValueError: num_batches or a size lies outside its range, the model cannot be copied, has
            nothing that learns, or does not fit the split, or the loss does not.
    """
    check_whole("num_batches", num_batches, low=2)
    sizes = sizes_for(len(split)) if sizes is None else sizes
    for size in sizes:
        check_whole("batch size", size, low=1)
    model = held_still(model, split)
    loss_of, alike = loss_for(model, split, loss), drawing_alike(model)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError("the model must have weights that are trained; it has none")

    def measured() -> Iterator[BatchRecord]:
        optimizer = torch.optim.SGD(weights, lr=0.0)  # pays for a step, goes nowhere
        full = _full_gradient(weights, model, split, loss_of)  # (P,)
        draw = torch.Generator().manual_seed(seed)
        for size in sizes:
            squares, cosines, seconds = [], [], []
            for _ in range(num_batches):
                chosen = torch.randint(len(split), (size,), generator=draw).to(split.device)
                inputs, targets = split.take(chosen)
                with alike():
                    start = time.perf_counter()
                    optimizer.zero_grad()
                    loss_of(model(inputs), targets).backward()
                    optimizer.step()
                    gradient = _gradient(weights)  # (P,)
                    square = (gradient - full).square().sum().item()  # waits for the device
                    seconds.append(time.perf_counter() - start)
                squares.append(square)
                cosines.append(F.cosine_similarity(gradient, full, dim=0).item())
            yield BatchRecord(
                size, float(np.mean(squares)), float(np.mean(cosines)), median(seconds)
            )

    return measured()


def fit_slope(records: Sequence[BatchRecord]) -> float:
    """Return the slope of the straight line through log variance against log batch size.

    For independent examples it is -1: the variance falls as 1 / B. Two sizes or more are needed,
    at which gradients differ; else it is nan.
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
    sizes: Sequence[int] | None = None,
    new_model: Callable[..., nn.Module] | None = None,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
) -> Iterator[LossPoint]:
    """Race a network with each batch size, on as many examples, by plain SGD.

    Args:
        sizes: None: up to four, from 4 to 1,024, that the training set can fill.
        new_model, new_run, update, loss: As of `race`.

    Yields:
        A point about every 1,000 examples, or after every step where a step takes more. Of fewer
        than 2,000 examples, two points an epoch.
    """
    sizes = race_sizes_for(len(data.train)) if sizes is None else sizes
    settings = Hyperparameters(optimizer="sgd", epochs=epochs, loss=data.default_loss)
    rates = {size: scaled_rate(learning_rate, size, scaling) for size in sizes}
    runners = {
        f"batch {size}": settings.replace(batch_size=size, learning_rate=rate)
        for size, rate in rates.items()
    }
    records = race(
        data,
        runners,
        new_model=new_model,
        new_run=new_run,
        update=update,
        loss=loss,
        scores_an_epoch=0,
    )
    return _points(records, len(data.train))


def count_points(num_images: int, *, epochs: int, sizes: Sequence[int] | None = None) -> int:
    """Return how many points `race_batches` yields if no run diverges."""
    sizes = race_sizes_for(num_images) if sizes is None else sizes
    num_steps = {size: num_images // size * epochs for size in sizes}
    return sum(steps // _steps_per_point(size, num_images) for size, steps in num_steps.items())


def _points(records: Iterable[RaceRecord], num_images: int) -> Iterator[LossPoint]:
    losses: dict[int, list[float]] = defaultdict(list)  # by batch size, since its point before
    seconds: dict[int, float] = defaultdict(float)
    seen: dict[int, int] = defaultdict(int)
    for record in records:
        size, rate = record.settings.batch_size, record.settings.learning_rate
        if isinstance(record.event, Dropped):
            yield LossPoint(size, rate, seen[size], seconds[size], float("inf"), record.at_once)
            continue
        losses[size].append(record.event.loss)
        seconds[size] += record.event.seconds
        seen[size] = record.event.images_seen
        if len(losses[size]) == _steps_per_point(size, num_images):
            loss = float(np.mean(losses.pop(size)))
            yield LossPoint(size, rate, seen[size], seconds[size], loss, record.at_once)


def _steps_per_point(batch_size: int, num_images: int) -> int:
    return max(1, min(POINT_IMAGES, num_images // 2) // batch_size)


def _full_gradient(
    weights: Sequence[Tensor], model: nn.Module, split: Split, loss_of: Callable[..., Tensor]
) -> Tensor:
    """Return the gradient of the mean loss over all examples: (P,)."""
    alike = drawing_alike(model)
    model.zero_grad()
    for inputs, targets in split.chunks():
        with alike():
            (loss_of(model(inputs), targets) * (len(targets) / len(split))).backward()
    return _gradient(weights).clone()


def _gradient(weights: Sequence[Tensor]) -> Tensor:
    """Return all gradients in one row, 0 where nothing reached a weight: (P,)."""
    parts = [torch.zeros_like(w) if w.grad is None else w.grad.to_dense() for w in weights]
    return torch.cat([part.flatten() for part in parts])


def _fit(records: Sequence[BatchRecord]) -> np.ndarray:
    told = [record for record in records if 0 < record.variance < math.inf]
    if len({record.batch_size for record in told}) < 2:
        return np.array([np.nan, np.nan])
    sizes = np.log([record.batch_size for record in told])
    return np.polyfit(sizes, np.log([record.variance for record in told]), deg=1)
