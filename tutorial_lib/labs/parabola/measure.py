"""Gradient descent on one weight, where everything can be worked by hand."""

import cmath

from tutorial_lib.checks import check_number, check_whole


def descent_path(
    *,
    learning_rate: float,
    curvature: float = 1.0,
    momentum: float = 0.0,
    start: float = -1.5,
    num_steps: int = 20,
) -> list[float]:
    """Return the weight before each step on the loss curvature / 2 * w^2, and after the last one.

    Without momentum the weight after t steps is (1 - learning_rate * curvature)^t * start. With it
    the step is that of torch.optim.SGD: v <- momentum v + slope; w <- w - learning_rate v.

    Args:
        curvature: How steep the parabola is, above 0: its slope is curvature * w.
        momentum: In [0, 1).

    Raises:
        ValueError: A number lies outside its range.
    """
    _check(learning_rate, curvature, momentum)
    check_whole("num_steps", num_steps, low=1)
    weight, velocity = start, 0.0
    path = [weight]
    for _ in range(num_steps):
        velocity = momentum * velocity + curvature * weight
        weight -= learning_rate * velocity
        path.append(weight)
    return path


def highest_rate(curvature: float, momentum: float = 0.0) -> float:
    """Return the learning rate from which descent diverges: 2 (1 + momentum) / curvature.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    """
    return 2 * (1 + momentum) / curvature


def factor_per_step(learning_rate: float, curvature: float, momentum: float = 0.0) -> float:
    """Return by what the distance to the lowest point is multiplied at each step, in the long run.

    Without momentum that is |1 - learning_rate * curvature|. With it, the larger of the two roots
    of z^2 - (1 + momentum - learning_rate * curvature) z + momentum = 0, in absolute value.
    """
    return max(abs(root) for root in _roots(learning_rate, curvature, momentum))


def behaviour(learning_rate: float, curvature: float, momentum: float = 0.0) -> str:
    """Say what descent does: "converges" from one side, "oscillates" about 0, or "diverges"."""
    _check(learning_rate, curvature, momentum)
    if learning_rate >= highest_rate(curvature, momentum):
        return "diverges"
    swings = any(root.imag or root.real < 0 for root in _roots(learning_rate, curvature, momentum))
    return "oscillates" if swings else "converges"


def _roots(learning_rate: float, curvature: float, momentum: float) -> tuple[complex, complex]:
    middle = (1 + momentum - learning_rate * curvature) / 2
    reach = cmath.sqrt(middle**2 - momentum)
    return middle + reach, middle - reach


def _check(learning_rate: float, curvature: float, momentum: float) -> None:
    check_number("learning_rate", learning_rate, "(0, inf)", lambda value: value > 0)
    check_number("curvature", curvature, "(0, inf)", lambda value: value > 0)
    check_number("momentum", momentum, "[0, 1)", lambda value: 0 <= value < 1)
