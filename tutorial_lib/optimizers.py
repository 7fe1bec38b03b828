"""Optimizers by name: what torch.optim is given, and the update rules written out.

The rules are for reading and for checking torch.optim against; training uses torch.optim.
In all of them `weight` and `gradient` are of any one shape, and so is what they remember.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.checks import check_choice


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


def adagrad_update(
    weight: Tensor,
    gradient: Tensor,
    square_sum: Tensor,
    *,
    learning_rate: float,
    epsilon: float = 1e-10,
) -> tuple[Tensor, Tensor]:
    """Divide by the size of all gradients so far: s <- s + g^2; w <- w - lr g / (sqrt(s) + eps).

    Returns (weight, s); s starts at 0.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", 2011.
    """
    square_sum = square_sum + gradient**2
    return weight - learning_rate * gradient / (square_sum**0.5 + epsilon), square_sum


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


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """All that is said of an optimizer anywhere: one more of them is one more entry below."""

    torch_class: type[torch.optim.Optimizer]
    rule: Callable[..., Any]  # rule(weight, gradient, *memory, [step,] **settings), one step
    colour: str  # of its curve in every picture, a name of pictures.theme.PALETTE
    memory: str = ""  # a symbol for each tensor that the rule remembers, which begin at 0
    momentum: str = ""  # what the setting "momentum" is to it: "mu", "beta1", or nothing
    is_adaptive: bool = False  # whether its rate is about the length of a step
    options: Callable[[float], dict[str, Any]] = lambda momentum: {}  # momentum -> torch's options


OPTIMIZERS = {
    "sgd": Optimizer(torch_class=torch.optim.SGD, rule=sgd_update, colour="blue"),
    "momentum": Optimizer(
        torch_class=torch.optim.SGD,
        rule=momentum_update,
        colour="vermilion",
        memory="v",
        momentum="mu",
        options=lambda momentum: {"momentum": momentum},
    ),
    "nesterov": Optimizer(
        torch_class=torch.optim.SGD,
        rule=nesterov_update,
        colour="green",
        memory="v",
        momentum="mu",
        options=lambda momentum: {"momentum": momentum, "nesterov": momentum > 0},
    ),
    "adagrad": Optimizer(
        torch_class=torch.optim.Adagrad,
        rule=adagrad_update,
        colour="brown",
        memory="s",
        is_adaptive=True,
    ),
    "rmsprop": Optimizer(
        torch_class=torch.optim.RMSprop,
        rule=rmsprop_update,
        colour="purple",
        memory="s",
        is_adaptive=True,
    ),
    "adam": Optimizer(
        torch_class=torch.optim.Adam,
        rule=adam_update,
        colour="orange",
        memory="ms",
        momentum="beta1",
        is_adaptive=True,
        options=lambda momentum: {"betas": (momentum, 0.999)},
    ),
    "adamw": Optimizer(
        torch_class=torch.optim.AdamW,
        rule=adamw_update,
        colour="sky",
        memory="ms",
        momentum="beta1",
        is_adaptive=True,
        options=lambda momentum: {"betas": (momentum, 0.999)},
    ),
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
        momentum: In [0, 1); what it is to this optimizer, its entry in OPTIMIZERS says.
    """
    check_choice("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name].torch_class(
        parameters, **torch_options(name, learning_rate, momentum, weight_decay)
    )


def adjust_optimizer(
    optimizer: torch.optim.Optimizer,
    name: str,
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Change the settings of a live optimizer; what it remembers stays."""
    for group in optimizer.param_groups:
        group.update(torch_options(name, learning_rate, momentum, weight_decay))


def torch_options(
    name: str, learning_rate: float, momentum: float, weight_decay: float
) -> dict[str, Any]:
    """Return these settings under the names that the torch.optim optimizer has for them."""
    settings = {"lr": learning_rate, "weight_decay": weight_decay}
    return settings | OPTIMIZERS[name].options(momentum)


def apply_rule(
    name: str, weight: Tensor, gradient: Tensor, memory: Sequence[Tensor], **settings: float
) -> tuple[Tensor, list[Tensor]]:
    """Take one step by the rule of that name.

    Args:
        memory: A tensor for each symbol of its entry's `memory`.
        settings: Of learning_rate, momentum, weight_decay and step, which counts from 1, the rule
            is given those that it takes.

    Returns:
        The new weight, and the new memory.
    """
    rule, taken = OPTIMIZERS[name].rule, inspect.signature(OPTIMIZERS[name].rule).parameters
    if OPTIMIZERS[name].momentum == "beta1":
        settings["beta1"] = settings.pop("momentum")
    result = rule(
        weight, gradient, *memory, **{key: settings[key] for key in taken if key in settings}
    )
    weight, *memory = result if isinstance(result, tuple) else (result,)
    return weight, memory


def names_in_words(holds: Callable[[Optimizer], Any]) -> str:
    """Return the names of the optimizers of which something holds, as words: "a, b and c"."""
    *most, last = [name for name, entry in OPTIMIZERS.items() if holds(entry)]
    return f"{', '.join(most)} and {last}" if most else last
