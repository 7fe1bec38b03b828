"""Optimizers by name, and their update rules written out.

The rules are for reading and for checking torch.optim against; training uses torch.optim.
In all of them `weight` and `gradient` are of any one shape, and so is what they remember.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.config import OPTIMIZERS, check_choice

TORCH_CLASSES = {
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "nesterov": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def make_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Return the torch.optim optimizer of that name, on these parameters.

    Args:
        momentum: In [0, 1). mu of "momentum" and "nesterov", beta1 of "adam" and "adamw";
            "sgd" and "rmsprop" have none.
    """
    check_choice("optimizer", name, OPTIMIZERS)
    options = torch_options(
        name, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay
    )
    return TORCH_CLASSES[name](parameters, **options)


def adjust_optimizer(
    optimizer: torch.optim.Optimizer,
    name: str,
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Change the settings of a live optimizer; what it remembers stays."""
    options = torch_options(
        name, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay
    )
    for group in optimizer.param_groups:
        group.update(options)


def torch_options(
    name: str, *, learning_rate: float, momentum: float, weight_decay: float
) -> dict[str, Any]:
    """Return these settings under the names that the torch.optim optimizer has for them."""
    options: dict[str, Any] = {"lr": learning_rate, "weight_decay": weight_decay}
    if name in ("momentum", "nesterov"):
        options |= {"momentum": momentum, "nesterov": name == "nesterov" and momentum > 0}
    if name in ("adam", "adamw"):
        options |= {"betas": (momentum, 0.999)}
    return options


def sgd_update(weight: Tensor, gradient: Tensor, *, learning_rate: float) -> Tensor:
    """Take one step downhill: w <- w - lr g."""
    return weight - learning_rate * gradient


def momentum_update(
    weight: Tensor, gradient: Tensor, velocity: Tensor, *, learning_rate: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """Let the gradient push a velocity: v <- mu v + g; w <- w - lr v.

    Returns (weight, velocity); the velocity starts at 0.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964,
    in the form of torch.optim.SGD: the learning rate stands outside the velocity.
    """
    velocity = momentum * velocity + gradient
    return weight - learning_rate * velocity, velocity


def nesterov_update(
    weight: Tensor, gradient: Tensor, velocity: Tensor, *, learning_rate: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """Look one step ahead along the velocity: v <- mu v + g; w <- w - lr (g + mu v).

    Returns (weight, velocity); the velocity starts at 0.

    Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum
    in deep learning", 2013, in the form of torch.optim.SGD.
    """
    velocity = momentum * velocity + gradient
    return weight - learning_rate * (gradient + momentum * velocity), velocity


def rmsprop_update(
    weight: Tensor,
    gradient: Tensor,
    square_average: Tensor,
    *,
    learning_rate: float,
    alpha: float = 0.99,
    epsilon: float = 1e-8,
) -> tuple[Tensor, Tensor]:
    """Divide by the recent size: s <- alpha s + (1 - alpha) g^2; w <- w - lr g / (sqrt(s) + eps).

    Returns (weight, s); s starts at 0.

    Source: Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012.
    """
    square_average = alpha * square_average + (1 - alpha) * gradient**2
    return weight - learning_rate * gradient / (square_average**0.5 + epsilon), square_average


def adam_update(
    weight: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square_average: Tensor,
    step: int,
    *,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:
    """Divide a mean gradient by its recent size, both freed of their start at 0.

    m <- b1 m + (1 - b1) g; s <- b2 s + (1 - b2) g^2; with t the step, which counts from 1:
    w <- w - lr (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps). Returns (weight, m, s).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """
    mean = beta1 * mean + (1 - beta1) * gradient
    square_average = beta2 * square_average + (1 - beta2) * gradient**2
    mean_hat = mean / (1 - beta1**step)
    square_hat = square_average / (1 - beta2**step)
    weight = weight - learning_rate * mean_hat / (square_hat**0.5 + epsilon)
    return weight, mean, square_average


def adamw_update(
    weight: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square_average: Tensor,
    step: int,
    *,
    learning_rate: float,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:
    """Shrink the weights, w <- (1 - lr lambda) w, and then take the step of Adam.

    Returns (weight, m, s).

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """
    weight = weight * (1 - learning_rate * weight_decay)
    return adam_update(
        weight,
        gradient,
        mean,
        square_average,
        step,
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
    )
