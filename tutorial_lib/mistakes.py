"""The digits that a model gets wrong, the hardest first."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tutorial_lib.data import Split
from tutorial_lib.evaluation import evaluating


@dataclass(frozen=True, slots=True)
class Mistake:
    """A digit that a model takes for another one."""

    index: int  # its place in the split
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
