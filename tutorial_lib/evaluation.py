"""How well a model does on a whole set of digits, and which ones it gets wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.data import Split
from tutorial_lib.losses import loss_function
from tutorial_lib.models import Kept
from tutorial_lib.random_state import seeded


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model does on a whole set of digits."""

    loss: float  # mean cross-entropy
    accuracy: float  # share of digits named right, 0 to 1
    confusion: tuple[tuple[int, ...], ...]  # K x K for K outputs: row = true class, column = answer


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Let a model only answer, in evaluation mode and without gradients; then it is as it was.

    That holds for each of its parts: one that was in evaluation mode before still is.
    """
    kept = Kept(model)
    copies = [buffer.clone() for buffer in kept.buffers]
    with_gradients = torch.is_grad_enabled()
    try:
        model.eval()
        torch.set_grad_enabled(False)  # inference_mode would leave tensors that cannot be trained
        yield
    finally:
        kept.put_back()
        for buffer, copy in zip(kept.buffers, copies, strict=True):
            buffer.copy_(copy)
        torch.set_grad_enabled(with_gradients)


def _answers(model: nn.Module, split: Split, chunk: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the model's outputs (chunk, K), and the labels (chunk,), for all images in turn.

    What a model draws at random when it answers is the same each time.

    Raises:
        ValueError: The split is empty, or the outputs do not fit the labels.
    """
    if not len(split):
        raise ValueError("the split must hold at least one image; it has none")
    chunks = zip(split.images.split(chunk), split.labels.split(chunk), strict=True)
    for number, (images, labels) in enumerate(chunks):
        with seeded(number, images.device):
            outputs = model(images)
        if outputs.dim() != 2 or len(outputs) != len(labels):
            shapes = f"{list(outputs.shape)} for {len(labels):,} images"
            raise ValueError(f"the model must answer with logits (images, classes); got {shapes}")
        largest = int(labels.max())
        if int(labels.min()) < 0 or largest >= outputs.shape[1]:
            span = f"{int(labels.min())} to {largest}"
            raise ValueError(
                f"the labels must lie in 0 to {outputs.shape[1] - 1}, for the model has "
                f"{outputs.shape[1]} outputs; they go from {span}"
            )
        yield outputs, labels


def evaluate(
    model: nn.Module, split: Split, *, loss: str = "cross_entropy", chunk: int = 1000
) -> Evaluation:
    """Score a model on every image of a split; the model is left as it was.

    Args:
        split: Images (N, 1, 32, 32) float32 and labels (N,) int64, on the model's device.
        loss: The name of the loss to average over the images.
        chunk: Images per forward pass; it changes the memory used, not the result.

    Raises:
        ValueError: The split is empty, or a label has no output of the model.
    """
    loss_of, total, pairs = loss_function(loss), 0.0, []
    with evaluating(model):
        for logits, labels in _answers(model, split, chunk):
            total += loss_of(logits, labels).item() * len(labels)
            pairs.append(labels * logits.shape[1] + logits.argmax(dim=1))  # (chunk,)
            count = logits.shape[1]
    confusion = torch.cat(pairs).bincount(minlength=count**2).view(count, count).cpu()
    return Evaluation(
        loss=total / len(split),
        accuracy=confusion.diagonal().sum().item() / len(split),
        confusion=tuple(map(tuple, confusion.tolist())),
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

    Raises:
        ValueError: The split is empty, or a label has no output of the model.
    """
    with evaluating(model):
        logits = torch.cat([logits for logits, _ in _answers(model, split, chunk)])  # (N, K)
        losses = F.cross_entropy(logits, split.labels, reduction="none")  # (N,)
        probabilities, answers = logits.softmax(dim=1).max(dim=1)  # (N,), (N,)
    by_loss = losses.argsort(descending=True, stable=True)  # (N,)
    wrong = by_loss[(answers != split.labels)[by_loss]][:count]  # (count or fewer,)
    return tuple(
        Mistake(i, int(split.labels[i]), int(answers[i]), float(probabilities[i]), float(losses[i]))
        for i in wrong.tolist()
    )
