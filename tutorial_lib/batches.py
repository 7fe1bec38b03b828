"""The order in which a run sees its training images, and how far it has come in it."""

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.data import Split


class Batches:
    """Hands out the training images of one epoch after the other, in an order of its own for each.

    An order depends on (seed, epoch) alone, so a place is (epoch, images taken of it).

    Args:
        train: Images (N, 1, 32, 32) float32 and labels (N,) int64, on any device.
        seed: Of the run.
    """

    def __init__(self, train: Split, *, seed: int) -> None:
        self._train, self._seed = train, seed
        self.begin(0)

    def begin(self, epoch: int, *, taken: int = 0) -> None:
        """Stand in an epoch, from 0, so many of whose images have been taken."""
        self.epoch, self.taken = epoch, taken
        order = order_of_epoch(len(self._train), seed=self._seed, epoch=epoch)
        self._order = order.to(self._train.images.device)

    def left(self, batch_size: int) -> int:
        """Return how many whole batches this epoch still has."""
        return (len(self._train) - self.taken) // batch_size

    def look(self, batch_size: int, *, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """Return the next batch, or the one that many batches later: (B, 1, 32, 32) and (B,)."""
        start = self.taken + ahead * batch_size
        places = self._order[start : start + batch_size]  # (B,)
        # As images[places], in a third of the time.
        images = self._train.images.index_select(0, places)
        return images, self._train.labels.index_select(0, places)

    def take(self, batch_size: int) -> None:
        """Count the next batch as taken."""
        self.taken += batch_size


def order_of_epoch(num_images: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order in which a run takes its training images: (N,) int64, places in the set."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(num_images))
