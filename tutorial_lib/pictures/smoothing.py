"""What is done to a long row of numbers before it is drawn."""

import math
from collections.abc import Sequence

import numpy as np

MAX_LOSS = 100.0  # higher losses leave the picture at the top: see `loss_ceiling`


def loss_ceiling(losses: Sequence[float]) -> float:
    """Return from where on losses leave the picture at the top: only a diverging run has them.

    That is 100, or ten times what runs begin with where that is more: a squared error in the
    targets' own unit may be 26,000.

    Args:
        losses: The first loss of each run, before it could diverge; those not finite do not count.
    """
    return max([MAX_LOSS, *(10 * loss for loss in losses if math.isfinite(loss))])


class MovingMean:
    """The exponential moving mean of values as they come, bias-corrected as in Adam."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float, span: float) -> float:
        """Take in a value and return the mean; about `span` values count, 1 or more."""
        keep = 1 - 2 / (span + 1)
        self._sum = keep * self._sum + (1 - keep) * value
        self._weight = keep * self._weight + (1 - keep)
        return self._sum / self._weight


def smooth(values: Sequence[float], span: float | np.ndarray = 25) -> np.ndarray:
    """Return the moving mean at each of values (N,).

    Args:
        span: About how many values count, 1 or more; or (N,), another number at each.
    """
    mean, spans = MovingMean(), np.broadcast_to(span, len(values))
    pairs = zip(values, spans.tolist(), strict=True)
    return np.array([mean.add(value, span) for value, span in pairs], dtype=float)


def equal_span(batch_sizes: Sequence[int], span: float = 25) -> np.ndarray:
    """Return how many steps (N,), 1 or more, see as many images as `span` steps of 32 images.

    Smoothed over equally many images, curves of small and of large batches are equally noisy, and
    lag equally far behind. Over equally many steps, large batches would seem to learn later.
    """
    return np.maximum(1, span * 32 / np.asarray(batch_sizes, dtype=float))


def decimate(x: np.ndarray, y: np.ndarray, bins: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Thin a long curve: the lowest and the highest point of each bin of neighbours stay.

    Args:
        x, y: Of shape (N,). Up to 4 * bins points are returned as they are.
    """
    if len(y) <= 4 * bins:
        return x, y
    size = -(-len(y) // bins)  # values a bin, rounded up
    whole = len(y) // size * size
    rows = y[:whole].reshape(-1, size)  # (bins, size)
    starts = np.arange(0, whole, size)
    picked = np.concatenate(
        [starts + rows.argmin(axis=1), starts + rows.argmax(axis=1), np.arange(whole, len(y))]
    )
    picked = np.unique(np.append(picked, len(y) - 1))
    return x[picked], y[picked]
