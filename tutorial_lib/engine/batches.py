"""The order in which a run sees its training examples, and how far it has come in it."""

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.data import Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.reader import WHOLE, Reader


class Batches:
    """Hands out the training examples of one epoch after the other, each in an order of its own.

    An order depends on (seed, epoch) alone, so a position is (epoch, examples taken of it). What
    the batches of this epoch have cost so far is added up beside it.

    Args:
        train: On any device; one that is streamed is read ahead, in the same order.
        seed: Of the run.
    """

    def __init__(self, train: Split | StreamedSplit, *, seed: int) -> None:
        self._train, self._seed = train, seed
        self._reader: Reader | None = None
        if isinstance(train, StreamedSplit):
            self._reader = Reader(train, seed=seed, order_of=order_of_epoch)
        self.begin(0)

    def begin(self, epoch: int, steps: int = 0, taken: int = 0, total_loss: float = 0.0) -> None:
        """Stand in an epoch, from 0, after so many steps, examples and summed losses of it."""
        order = order_of_epoch(len(self._train), seed=self._seed, epoch=epoch)
        order = order.to(self._train.device)
        position = epoch, steps, taken, total_loss, order
        # In one line: an interrupt comes before or after it.
        self.epoch, self.steps, self.taken, self.total_loss, self._order = position

    def num_left(self, batch_size: int) -> int:
        """Return how many whole batches this epoch still has."""
        return (len(self._train) - self.taken) // batch_size

    def peek(
        self, batch_size: int, *, ahead: int = 0, share: slice = WHOLE
    ) -> tuple[Tensor, Tensor]:
        """Return the next batch, or the one that many batches later: (B, ...) and (B, ...).

        Args:
            share: Which of its examples.
        """
        if self._reader is not None:
            return self._reader.read(self.epoch, self.taken, batch_size, ahead, share)
        start = self.taken + ahead * batch_size
        return self._train.take(self._order[start : start + batch_size][share])

    def close(self) -> None:
        """End the processes that read ahead, if there are some; the next batch starts them anew."""
        if self._reader is not None:
            self._reader.close()

    def advance(self, batch_size: int, loss: float) -> None:
        """Count the next batch as taken, at this loss."""
        self.steps += 1
        self.taken += batch_size
        self.total_loss += loss


def order_of_epoch(num_examples: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order in which a run takes its training examples: (N,) int64, their indices."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(num_examples))
