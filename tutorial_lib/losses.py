"""Losses by name: each takes what a network answers and the targets, and returns one number."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.checks import check_choice

LossFunction = Callable[[Tensor, Tensor], Tensor]


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of outputs (B, T); of logits (B, K) against the one-hot labels (B,)."""
    return F.mse_loss(outputs, as_values(outputs, targets))


def l1(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of outputs (B, T); of logits (B, K) against the one-hot labels (B,)."""
    return F.l1_loss(outputs, as_values(outputs, targets))


def huber(outputs: Tensor, targets: Tensor) -> Tensor:
    """Huber loss with delta 1 of outputs (B, T), or of logits against one-hot labels.

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    return F.huber_loss(outputs, as_values(outputs, targets))


def as_values(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return targets of the outputs' shape: numbers (B, T) as they are, labels (B,) one-hot.

    Torch would spread outputs (B,) and targets (B, 1) over a square (B, B), and train on that.
    """
    if targets.is_floating_point():
        return targets.reshape(outputs.shape)
    return one_hot(outputs, targets)


def one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the labels (B,) as rows (B, K) of one 1 and else 0, of the logits' dtype."""
    return F.one_hot(labels, logits.shape[1]).to(logits.dtype)


LOSSES: dict[str, LossFunction] = {
    "cross_entropy": F.cross_entropy,
    "mse": mse,
    "l1": l1,
    "huber": huber,
}
OF_TASK = {  # the losses that each task may be learned by
    "classification": tuple(LOSSES),
    "regression": tuple(name for name in LOSSES if name != "cross_entropy"),
}


def loss_function(name: str) -> LossFunction:
    """Return the loss of that name: "cross_entropy", "mse", "l1" or "huber".

    Each is the mean over the batch of f(outputs (B, K or T), targets), of shape (); targets are
    labels (B,) int64 or numbers (B, T) float.
    """
    check_choice("loss", name, LOSSES)
    return LOSSES[name]


def task_of(targets: Tensor) -> str:
    """Return "classification" for labels, which are whole numbers, "regression" for floats."""
    return "regression" if targets.is_floating_point() else "classification"


def check_loss(name: str, targets: Tensor) -> None:
    """Refuse a loss that targets cannot be learned by.

    Raises:
        ValueError: It says which ones there are.
    """
    task = task_of(targets)
    if name not in OF_TASK[task]:
        raise ValueError(
            f"loss must be one of {', '.join(OF_TASK[task])} for a {task}, whose targets are "
            f"floats; got {name!r}: Hyperparameters(loss='mse'), or --loss mse, names one of them"
        )


def check_outputs(outputs: Tensor, targets: Tensor) -> None:
    """Refuse outputs of a network that do not fit the targets of the same examples.

    Args:
        outputs: Of a classification (B, K), with a number for each class; of a regression (B, T),
            or (B,) where T is 1.
        targets: (B,) int64 or (B, T) float.

    Raises:
        ValueError: It says what was wanted, and what there is.
    """
    if not isinstance(outputs, Tensor):
        raise ValueError(f"the model must answer with a tensor; it gave a {type(outputs).__name__}")
    shapes = f"{list(outputs.shape)} for {len(targets):,} examples"
    if targets.is_floating_point():
        if outputs.shape != targets.shape and outputs.shape != targets.squeeze(1).shape:
            wanted = list(targets.shape)
            raise ValueError(f"the model must answer with numbers {wanted}; got {shapes}")
        return
    if outputs.dim() != 2 or len(outputs) != len(targets):
        raise ValueError(f"the model must answer with logits (examples, classes); got {shapes}")
    lowest, largest = int(targets.min()), int(targets.max())
    if lowest < 0 or largest >= outputs.shape[1]:
        raise ValueError(
            f"the labels must lie in 0 to {outputs.shape[1] - 1}, for the model has "
            f"{outputs.shape[1]} outputs; they go from {lowest} to {largest}"
        )
