"""Losses by name: each takes logits and integer labels, and returns one number."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.checks import check_choice

LossFunction = Callable[[Tensor, Tensor], Tensor]


def mse(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error between logits (B, 10) and the one-hot labels (B,)."""
    return F.mse_loss(logits, one_hot(logits, labels))


def l1(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean absolute error between logits (B, 10) and the one-hot labels (B,)."""
    return F.l1_loss(logits, one_hot(logits, labels))


def one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the labels (B,) as rows (B, 10) of one 1 and nine 0, of the logits' dtype."""
    return F.one_hot(labels, logits.shape[1]).to(logits.dtype)


LOSSES: dict[str, LossFunction] = {"cross_entropy": F.cross_entropy, "mse": mse, "l1": l1}


def loss_function(name: str) -> LossFunction:
    """Return the loss of that name: "cross_entropy", "mse" or "l1".

    Each is the mean over the batch of f(logits (B, 10), labels (B,) int64), of shape ().
    """
    check_choice("loss", name, LOSSES)
    return LOSSES[name]
