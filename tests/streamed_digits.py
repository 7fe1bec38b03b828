"""Digits that are read one by one, as a data set of one's own; what it draws, and how it breaks."""

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tutorial_lib.data import Data, Split
from tutorial_lib.data.streamed import StreamedSplit


class Digits(torch.utils.data.Dataset):
    """Items of a split; `noisy` ones draw from all three generators.

    `on_item` is called with the index of each item before it is read, where it is read.
    """

    def __init__(self, split: Split, *, noisy: bool = False, on_item=None):
        self.split, self.noisy, self.on_item = split, noisy, on_item

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        if self.on_item is not None:
            self.on_item(index)
        image = self.split.images[index]
        if self.noisy:
            image = image + torch.randn(1) + np.random.normal(0, 0.1) + random.random()
        return image.float(), int(self.split.labels[index])


class OnceAt:
    """Does something when an item is read for the first time in a run, in whatever process."""

    def __init__(self, index: int, folder: Path, action):
        self.index, self.action = index, action
        self.is_on, self.was_done = folder / "is_on", folder / "was_done"

    def __call__(self, index):
        if index == self.index and self.is_on.exists() and not self.was_done.exists():
            self.was_done.touch()
            self.action()


def streamed(data: Data, *, workers: int, **options) -> Data:
    """Return the same data, with training digits that are read as they are needed."""
    split = StreamedSplit(Digits(data.train, **options), data.train.labels, workers=workers)
    return replace(data, train=split)


def readers() -> list[multiprocessing.Process]:
    """Return the processes of this one that read ahead now."""
    return multiprocessing.active_children()
