"""The same run on several processes, by PyTorch's DistributedDataParallel.

Started by `torchrun`, each process (a *rank*) holds a replica of the model and computes the
gradient of its share of every batch; DistributedDataParallel averages the gradients, so that all
replicas take the same step. The global batch and the order of the data are those of the run on one
process.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tutorial_lib.engine.fit import check_batch_size
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.run import ADJUSTABLE
from tutorial_lib.engine.sending import (
    Broadcast,
    GetData,
    as_code,
    items_draw_at_random,
    loaded_by_name,
    of_code,
    streamed,
)
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.hardware import fixed_threads, usable_cores


def started_by_torchrun() -> bool:
    """Say whether this process is one of those that `torchrun` started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank_device() -> str:
    """Return the device of this rank: a GPU of its own if there is one for each, else the CPU."""
    count, local = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    return f"cuda:{local}" if count >= int(os.environ["LOCAL_WORLD_SIZE"]) else "cpu"


@contextlib.contextmanager
def process_group(store: dist.Store | None = None) -> Iterator[int]:
    """Join the ranks of this run, and leave them at the end; yields this process's rank.

    Args:
        store: Where they find each other; None: where `torchrun` says.
    """
    device = torch.device(rank_device())
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # What rank 0 decides goes from CPU to CPU: a GPU would be busy with waiting for it.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    # A run may be paused for days, and nobody hears of it before the next step.
    dist.init_process_group(
        backend,
        store=store,
        timeout=timedelta(days=30),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


class DistributedRun(TrainingRun):
    """A TrainingRun on several ranks: every rank makes one, and asks it for the same records.

    Rank 0 decides. Its `adjust` and its `close` hold for all; on the others they do nothing. The
    records, the history and the state are the same on every rank, and those of a run on one process
    but for rounding. A state may be taken up with another number of ranks.

    Args:
        model: With the same weights on every rank. Layers that look at a whole batch, such as batch
            normalisation, see the rank's share alone; dropout drops the same in every share.
        data: The same on every rank, on `rank_device()`.
        hyperparameters: batch_size is that of all ranks together.
        update: Is given the rank's share of the batch. A loss that it takes from
            run.loss_function is weighted by the share; of others, the ranks' plain mean counts.
        loss: The mean over the examples that it is given; it is weighted by the share.

    Raises:
        ValueError: There are more ranks than examples in a batch.
    """

    def __init__(self, *run: Any, **options: Any) -> None:
        self._rank, self.processes = dist.get_rank(), dist.get_world_size()
        self._in_step = self._over = False
        super().__init__(*run, **options)
        self._replica = DistributedDataParallel(self.model)
        self._whole_loss, self.loss_function = self.loss_function, self._loss_of_share
        # What items draw at random is that of the whole batch: then each rank reads all of it.
        self._reads_whole = items_draw_at_random(self.data.train)

    @property
    def model(self) -> nn.Module:
        """The network; within a step, the replica whose backward pass averages the gradients."""
        return self._replica if self._in_step else self._model

    @model.setter
    def model(self, model: nn.Module) -> None:
        self._model = model

    def step(self) -> StepRecord:
        """Take one optimizer step on all ranks together; see TrainingRun.step."""
        if not self._over:
            self._agree(going_on=True)
        if self._over:
            raise StopIteration
        self._in_step = True
        try:
            return super().step()
        except (StopIteration, Diverged):  # on all ranks alike
            self._over = True
            raise
        finally:
            self._in_step = False

    def settle_threads(self) -> None:
        """See that the steps have a number of threads: this process's share of the cores."""
        if self.threads is None and fixed_threads() is None:
            here = int(os.environ.get("LOCAL_WORLD_SIZE", self.processes))
            count = max(1, usable_cores() // here)
            self.use_threads(count, f"for each of {here} processes")
        super().settle_threads()

    def take(self, count: int) -> list[StepRecord]:
        """Take one step, whatever the count: the ranks agree before each."""
        return [self.step()]

    def close(self) -> None:
        """End the run on all ranks: the others are waiting for rank 0's next step."""
        if self._rank == 0 and not self._over:
            self._agree(going_on=False)
        self._over = True
        super().close()

    def _agree(self, *, going_on: bool) -> None:
        """Let rank 0 tell the others whether it goes on, and with which settings."""
        if not self._is_prepared:
            self.apply_changes()
        settings = [float(getattr(self.hyperparameters, name)) for name in ADJUSTABLE]
        told = torch.tensor([float(going_on), *settings], dtype=torch.float64)  # exact for floats
        dist.broadcast(told, src=0)
        going_on, *theirs = told.tolist()
        self._over = not going_on
        if self._rank != 0 and theirs != settings:
            changes = dict(zip(ADJUSTABLE, theirs, strict=True))
            super().adjust(**changes | {"batch_size": int(changes["batch_size"])})

    def adjust(self, **changes: Any) -> None:
        """Change settings from the next step on, on all ranks; see TrainingRun.adjust."""
        if self._rank == 0:
            super().adjust(**changes)

    def next_batch(self, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """Return this rank's share of a batch: with 2 ranks, every second example."""
        share = slice(self._rank, None, self.processes)
        if self._reads_whole:
            inputs, targets = super().next_batch(ahead)
            return inputs[share], targets[share]
        return self.batches.peek(self.hyperparameters.batch_size, ahead=ahead, share=share)

    def _loss_of_share(self, outputs: Tensor, targets: Tensor) -> Tensor:
        # DistributedDataParallel takes the mean over the ranks. A share may have one example more
        # than another, so each loss is weighted to make that the mean over the examples.
        weight = len(targets) * self.processes / self.hyperparameters.batch_size
        return weight * self._whole_loss(outputs, targets)  # ()

    def value_of(self, loss: Tensor) -> float:
        """Return the mean loss of all ranks."""
        value = loss.detach() / self.processes
        dist.all_reduce(value)  # a sum
        return value.item()


def lead(make_run: Callable[[], TrainingRun], *, get_data: GetData | None = None) -> DistributedRun:
    """Let all ranks take up the run that rank 0 has made; the others `follow`.

    Digits the others load by their name; other data are sent to them. Network, update and loss are
    sent, with their code where a notebook or a script defines them.

    Args:
        make_run: Called on rank 0 alone. If it raises, there is nothing to follow.
        get_data: How the others get the data, if they can by themselves.

    Raises:
        TypeError: Something of the run cannot be sent.
    """
    try:
        run = make_run()
        size = run.hyperparameters.batch_size
        check_batch_size(size, run.data, processes=dist.get_world_size())
        get_data = get_data or loaded_by_name(run.data) or streamed(run.data) or Broadcast(run.data)
        state = run.state_dict()
        parts = run.model, run.hyperparameters, {"update": run.update, "loss": run.own_loss}
        sent = as_code((*parts, get_data, state), "the run")
    except BaseException:
        _share(None)
        raise
    _share(sent)
    if isinstance(get_data, Broadcast):
        get_data.send(run.data)
    together = DistributedRun(
        run.model,
        run.data,
        run.hyperparameters,
        update=run.update,
        loss=run.own_loss,
        metric=run.metric,
    )
    together.load_state_dict(state)
    return together


def follow() -> None:
    """Take part in the run that rank 0 leads, until its end."""
    sent = _share(None)
    if sent is None:
        return
    model, hyperparameters, functions, get_data, state = of_code(sent)
    run = DistributedRun(model, get_data(rank_device()), hyperparameters, **functions)
    run.load_state_dict(state)
    with contextlib.suppress(Diverged):
        for _ in run:
            pass
    run.close()


def _share(thing: Any) -> Any:
    """Return rank 0's thing on every rank."""
    things = [thing]
    dist.broadcast_object_list(things, src=0)
    return things[0]
