"""The same run on several processes, by PyTorch's DistributedDataParallel.

Started by `torchrun`, each process (a *rank*) holds a replica of the model and computes the
gradient of its share of every batch; DistributedDataParallel averages the gradients, so that all
replicas take the same step. The global batch and the order of the data are those of the run on one
process.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tutorial_lib.config import Hyperparameters, check_whole
from tutorial_lib.data import Digits
from tutorial_lib.records import StepRecord
from tutorial_lib.train import ADJUSTABLE, Diverged, TrainingRun


def started_by_torchrun() -> bool:
    """Say whether this process is one of those that `torchrun` started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank_device() -> str:
    """Return the device of this rank: a GPU of its own if there is one for each, else the CPU."""
    count, local = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    return f"cuda:{local}" if count >= int(os.environ["LOCAL_WORLD_SIZE"]) else "cpu"


@contextlib.contextmanager
def process_group() -> Iterator[int]:
    """Join the ranks of this run, and leave them at the end; yields this process's rank."""
    device = torch.device(rank_device())
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # A run may be paused for days, and nobody hears of it before the next step.
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(days=30))
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


class DistributedRun(TrainingRun):
    """A TrainingRun on several ranks: every rank makes one, and asks it for the same records.

    Rank 0 decides. Its `adjust` and its `leave` hold for all; on the others they do nothing. The
    records, the history and the state are the same on every rank, and those of a run on one process
    but for rounding. A state may be taken up with another number of ranks.

    Args:
        model: With the same weights on every rank. Layers that look at a whole batch, such as batch
            normalisation, see the rank's share alone.
        data: The same on every rank, on `rank_device()`.
        hyperparameters: batch_size is that of all ranks together.

    Raises:
        ValueError: There are more ranks than images in a batch.
    """

    def __init__(
        self, model: nn.Module, data: Digits, hyperparameters: Hyperparameters | None = None
    ) -> None:
        self._rank, self._num_ranks = dist.get_rank(), dist.get_world_size()
        super().__init__(model, data, hyperparameters)
        self._replicas = DistributedDataParallel(self.model)
        self._left = False

    def step(self) -> StepRecord:
        """Take one optimizer step on all ranks together; see TrainingRun.step."""
        if not self._left:
            self._agree(going_on=True)
        if self._left:
            raise StopIteration
        try:
            return super().step()
        except (StopIteration, Diverged):  # on all ranks alike
            self._left = True
            raise

    def leave(self) -> None:
        """End the run on all ranks: the others are waiting for rank 0's next step."""
        if self._rank == 0 and not self._left:
            self._agree(going_on=False)
        self._left = True

    def _agree(self, *, going_on: bool) -> None:
        """Let rank 0 tell the others whether it goes on, and with which settings."""
        self._apply_changes()
        settings = [float(getattr(self.hyperparameters, name)) for name in ADJUSTABLE]
        told = torch.tensor([float(going_on), *settings], dtype=torch.float64)  # exact for floats
        told = told.to(self.data.device)
        dist.broadcast(told, src=0)
        going_on, *theirs = told.tolist()
        self._left = not going_on
        if self._rank != 0 and theirs != settings:
            changes = dict(zip(ADJUSTABLE, theirs, strict=True))
            super().adjust(**changes | {"batch_size": int(changes["batch_size"])})

    def adjust(self, **changes: Any) -> None:
        """Change settings from the next step on, on all ranks; see TrainingRun.adjust."""
        if self._rank == 0:
            super().adjust(**changes)

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        images, labels = super()._next_batch()
        share = slice(self._rank, None, self._num_ranks)  # every num_ranks-th image
        return images[share], labels[share]

    def _loss_of(self, images: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        # DistributedDataParallel takes the mean over the ranks. A share may have one image more
        # than another, so each loss is weighted to make that the mean over the images.
        weight = len(labels) * self._num_ranks / self.hyperparameters.batch_size
        loss = weight * self._loss_function(self._replicas(images), labels)  # ()
        value = loss.detach() / self._num_ranks
        dist.all_reduce(value)  # a sum
        return loss, value.item()

    def _check_batch_size(self, hyperparameters: Hyperparameters) -> None:
        super()._check_batch_size(hyperparameters)
        check_shares(hyperparameters.batch_size, self._num_ranks)


def check_shares(batch_size: int, num_ranks: int) -> None:
    """Refuse a batch of fewer images than ranks."""
    why = f" (each of {num_ranks} processes needs an image)"
    check_whole("batch_size", batch_size, low=num_ranks, why=why)
