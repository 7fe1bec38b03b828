"""What each loss says to one error, and what softmax with cross-entropy says to logits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.checks import check_whole


def losses_and_slopes(
    errors: Sequence[float], *, beta: float = 1.0, delta: float = 1.0
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the loss of single elements with these errors, and its slope, for each loss.

    Args:
        errors: Guess minus target, N of them.
        beta: Threshold of SmoothL1, above 0, in the unit of the error.
        delta: Threshold of Huber, above 0, in the unit of the error.

    Returns:
        "L1", "MSE", "SmoothL1" and "Huber" -> (N losses, N slopes), by torch and autograd.
    """
    losses: dict[str, Callable[..., Tensor]] = {
        "L1": F.l1_loss,
        "MSE": F.mse_loss,
        "SmoothL1": partial(F.smooth_l1_loss, beta=beta),
        "Huber": partial(F.huber_loss, delta=delta),
    }
    curves = {}
    for name, loss in losses.items():
        guess = torch.tensor(errors, dtype=torch.float64, requires_grad=True)  # (N,)
        values = loss(guess, torch.zeros_like(guess), reduction="none")  # (N,)
        (slopes,) = torch.autograd.grad(values.sum(), guess)  # (N,)
        curves[name] = (values.tolist(), slopes.tolist())
    return curves


@dataclass(frozen=True, slots=True)
class SoftmaxView:
    """What softmax and cross-entropy make of one row of K logits."""

    logits: tuple[float, ...]  # as they go in
    probabilities: tuple[float, ...]  # softmax, with the largest logit subtracted first
    target: tuple[float, ...]  # what the probabilities should be
    slopes: tuple[float, ...]  # of the loss against each logit: probability - target
    loss: float  # cross-entropy, nats
    least_loss: float  # what no answer can go below: the entropy of the target
    blind_loss: float  # of equal logits, which know nothing: ln K
    plain_powers: tuple[float, ...]  # exp of each logit in float32, nothing subtracted
    plain_loss: float  # -ln of the plain probability, in float32: may be nan or infinite


def softmax_view(
    logits: Sequence[float], label: int, *, added: float = 0.0, smoothing: float = 0.0
) -> SoftmaxView:
    """Work out softmax and cross-entropy for one image.

    Args:
        logits: One for each of K classes.
        label: The true class, 0 to K - 1.
        added: Added to every logit; mathematically without effect.
        smoothing: In [0, 1]; the share of the target that is spread evenly over all classes.

    Source: of label smoothing: Szegedy and others, "Rethinking the Inception architecture for
    computer vision", 2016.
    """
    count = len(logits)
    check_whole("label", label, low=0, high=count - 1)
    row = torch.tensor([logits], dtype=torch.float64) + added  # (1, K)
    row.requires_grad_()
    loss = F.cross_entropy(row, torch.tensor([label]), label_smoothing=smoothing)
    (slopes,) = torch.autograd.grad(loss, row)  # (1, K)
    target = [smoothing / count + (1 - smoothing) * (index == label) for index in range(count)]
    row = row.detach()[0]  # (K,)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        powers = np.exp(row.numpy().astype(np.float32))  # (K,)
        logs = np.log(powers / powers.sum())  # (K,)
        parts = [share * float(log) for share, log in zip(target, logs, strict=True) if share]
    return SoftmaxView(
        logits=tuple(row.tolist()),
        probabilities=tuple(row.softmax(dim=0).tolist()),
        target=tuple(target),
        slopes=tuple(slopes[0].tolist()),
        loss=loss.item(),
        least_loss=sum(share * math.log(1 / share) for share in target if share),
        blind_loss=math.log(count),
        plain_powers=tuple(powers.tolist()),
        plain_loss=-sum(parts),
    )
