"""How well a model does on a whole set of digits, and which ones it gets wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tutorial_lib.data import Split
from tutorial_lib.losses import loss_function


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model does on a whole set of digits."""

    loss: float  # mean cross-entropy
    accuracy: float  # share of digits named right, 0 to 1
    confusion: tuple[tuple[int, ...], ...]  # 10 x 10: row = true digit, column = answer


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Let a model only answer, in evaluation mode and without gradients; then it is as it was."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def evaluate(
    model: nn.Module, split: Split, *, loss: str = "cross_entropy", chunk: int = 1000
) -> Evaluation:
    """Score a model on every image of a split; the model is left as it was.

    Args:
        split: Images (N, 1, 32, 32) float32 and labels (N,) int64, on the model's device.
        loss: The name of the loss to average over the images.
        chunk: Images per forward pass; it changes the memory used, not the result.
    """
    loss_of = loss_function(loss)
    total, confusion = 0.0, torch.zeros(100, dtype=torch.int64)
    chunks = zip(split.images.split(chunk), split.labels.split(chunk), strict=True)
    with evaluating(model):
        for images, labels in chunks:
            logits = model(images)  # (chunk, 10)
            total += loss_of(logits, labels).item() * len(labels)
            pairs = labels * 10 + logits.argmax(dim=1)  # (chunk,): true digit, answer
            confusion += pairs.bincount(minlength=100).cpu()
    table = confusion.view(10, 10)  # row = true digit, column = answer
    return Evaluation(
        loss=total / len(split),
        accuracy=table.diagonal().sum().item() / len(split),
        confusion=tuple(map(tuple, table.tolist())),
    )


@dataclass(frozen=True, slots=True)
class Mistake:
    """A digit that a model takes for another one."""

    index: int  # in the split
    label: int  # what it is
    answer: int  # what the model takes it for
    probability: float  # that the model gives to its answer, 0 to 1
    loss: float  # cross-entropy: -ln of the probability that it gives to the label


def hardest_mistakes(
    model: nn.Module, split: Split, *, count: int = 20, chunk: int = 1000
) -> tuple[Mistake, ...]:
    """Return the wrong answers with the highest loss, as many as there are; the model stays as is.

    Args:
        split: Images (N, 1, 32, 32) float32 and labels (N,) int64, on the model's device.
        count: How many to return at most.
        chunk: Images per forward pass; it changes the memory used, not the result.
    """
    with evaluating(model):
        logits = torch.cat([model(images) for images in split.images.split(chunk)])  # (N, 10)
        losses = F.cross_entropy(logits, split.labels, reduction="none")  # (N,)
        probabilities, answers = logits.softmax(dim=1).max(dim=1)  # (N,), (N,)
    by_loss = losses.argsort(descending=True, stable=True)  # (N,)
    wrong = by_loss[(answers != split.labels)[by_loss]][:count]  # (count or fewer,)
    return tuple(
        Mistake(i, int(split.labels[i]), int(answers[i]), float(probabilities[i]), float(losses[i]))
        for i in wrong.tolist()
    )
