"""Training, one optimizer step at a time."""

import contextlib
import copy
import dataclasses
import math
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from tutorial_lib.batches import Batches
from tutorial_lib.config import Hyperparameters, check_choice, check_whole
from tutorial_lib.data import Digits
from tutorial_lib.hardware import use_available_cores
from tutorial_lib.losses import loss_function
from tutorial_lib.models import RANDOM_STATE, LeNet5
from tutorial_lib.optimizers import adjust_optimizer, make_optimizer
from tutorial_lib.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.state import checked_position, differences

ADJUSTABLE = ("learning_rate", "momentum", "weight_decay", "batch_size")
_STEP_FIELDS = [field.name for field in dataclasses.fields(StepRecord)]


class Diverged(ArithmeticError):
    """The loss became NaN or infinite; the weights are those before that step."""

    def __init__(self, step: int, loss: float, learning_rate: float) -> None:
        super().__init__(step, loss, learning_rate)
        self.step, self.loss, self.learning_rate = step, loss, learning_rate

    def __str__(self) -> str:
        return (
            f"the loss became {self.loss} at step {self.step:,} with learning rate "
            f"{self.learning_rate:g}: the steps were too long. Try a tenth of that rate."
        )


class TrainingRun:
    """A model, the data it learns from, and the hyperparameters: iterate to train.

    Each record that is asked for is one optimizer step; not asking for the next one is stopping.
    The order of the data depends on (seed, epoch) alone and what nn.Dropout drops on (seed, step),
    so nothing that is drawn from torch's or numpy's global random state changes a run. The last
    images of an epoch that do not fill a batch are left out, as in the original tutorial.

    Args:
        model: Maps images (B, 1, 32, 32) float32 to logits (B, 10). Moved to the data's device
            and trained in place.
        data: From `load_digits`.
        hyperparameters: The defaults are those of the original tutorial.

    Raises:
        ValueError: batch_size exceeds the training set.
    """

    processes = 1  # that take its steps together
    waits_for = ""  # what keeps it from taking its next step, in words

    def __init__(
        self, model: nn.Module, data: Digits, hyperparameters: Hyperparameters | None = None
    ) -> None:
        self.threads = use_available_cores()
        self.data = data
        self.model = model.to(data.device)
        self.hyperparameters = hyperparameters or Hyperparameters()
        self._check_batch_size(self.hyperparameters)
        self._loss_function = loss_function(self.hyperparameters.loss)
        self.optimizer = make_optimizer(
            self.hyperparameters.optimizer, self.model.parameters(), **self._optimizer_settings()
        )
        self._drops = any(isinstance(part, _DropoutNd) for part in self.model.modules())
        self.history: list[StepRecord] = []
        self.changes: list[Change] = []
        self.scores: list[EvaluationRecord] = []  # filled by `with_accuracy`
        self._asked: deque[dict[str, Any]] = deque()  # filled by any thread, emptied between steps
        self._batches = Batches(data.train, seed=self.hyperparameters.seed)
        self._epoch_step = 0
        self._epoch_loss = 0.0  # summed over this epoch's steps

    def __repr__(self) -> str:
        done = f"{self.step_number:,} of {self.num_steps:,} steps"
        return f"TrainingRun({type(self.model).__name__} on {self.data.name}, {done})"

    @property
    def step_number(self) -> int:
        """How many steps have been taken."""
        return len(self.history)

    @property
    def first_hyperparameters(self) -> Hyperparameters:
        """The hyperparameters of the first step, before any change."""
        settings = self.hyperparameters
        for change in reversed(tuple(self.changes)):  # the run may be going on in another thread
            settings = settings.replace(**{change.field: change.before})
        return settings

    @property
    def images_seen(self) -> int:
        """How many images the steps so far have used."""
        return self.history[-1].images_seen if self.history else 0

    @property
    def steps_per_epoch(self) -> int:
        """Steps in a whole epoch at the batch size in force."""
        return len(self.data.train) // self.hyperparameters.batch_size

    @property
    def num_steps(self) -> int:
        """Steps taken and still to come, at the batch size in force."""
        left_in_epoch = self._batches.left(self.hyperparameters.batch_size)
        whole_epochs = self.hyperparameters.epochs - self._batches.epoch - 1
        return self.step_number + max(0, left_in_epoch + whole_epochs * self.steps_per_epoch)

    def __iter__(self) -> Iterator[StepRecord]:
        return self

    def __next__(self) -> StepRecord:
        return self.step()

    def step(self) -> StepRecord:
        """Take one optimizer step and say what happened.

        Raises:
            Diverged: The loss is NaN or infinite; weights and position are those before this step.
            StopIteration: All epochs are done.
        """
        self._apply_changes()
        self._reach_next_batch()
        return self._record(*self._update())

    def take(self, count: int) -> list[StepRecord]:
        """Take up to so many optimizer steps, the same as one by one, and wait for the losses once.

        A step needs its loss only to tell it, so a device that computes by itself, a GPU, need not
        be waited for at every step. Steps of one call never reach into the next epoch. Those after
        a loss that is NaN or infinite are taken back: the next call raises Diverged.

        Args:
            count: 1 or more.

        Returns:
            Their records, at least one; the seconds of each are an equal share of all.

        Raises:
            Diverged: The first loss is NaN or infinite; weights and position are those before.
            StopIteration: All epochs are done.
        """
        check_whole("count", count, low=1)
        self._apply_changes()
        self._reach_next_batch()
        count = min(count, self._batches.left(self.hyperparameters.batch_size))
        start = time.perf_counter()
        before = copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict()))
        try:
            losses = self._update_unseen(count).tolist()  # here the device is waited for
        except BaseException:  # an interrupt, too: weights and history stay those of one step
            self._put_back(*before)
            raise
        good = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), count)
        if good < count:
            self._put_back(*before)
            if good == 0:
                raise self._diverged(losses[0])
            self._update_unseen(good)
        seconds = (time.perf_counter() - start) / count
        return [self._record(loss, seconds) for loss in losses[:good]]

    def _update(self) -> tuple[float, float]:
        """Move the weights by the next batch; return its loss and the seconds that it took."""
        images, labels = self._next_batch()  # (B, 1, 32, 32), (B,)
        start = time.perf_counter()
        with self._own_randomness():
            loss, value = self._loss_of(images, labels)  # (), and as a number
        if not math.isfinite(value):
            raise self._diverged(value)
        self._descend(loss)
        return value, time.perf_counter() - start

    def _update_unseen(self, count: int) -> Tensor:
        """Move the weights by the next batches, whatever their losses; return these (count,)."""
        losses = []
        for ahead in range(count):
            images, labels = self._next_batch(ahead)  # (B, 1, 32, 32), (B,)
            with self._own_randomness(ahead):
                loss = self._loss_function(self.model(images), labels)  # ()
            self._descend(loss)
            losses.append(loss.detach())
        return torch.stack(losses)

    def _put_back(self, model: dict[str, Any], optimizer: dict[str, Any]) -> None:
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _diverged(self, loss: float) -> Diverged:
        return Diverged(self.step_number + 1, loss, self.hyperparameters.learning_rate)

    def adjust(self, **changes: Any) -> None:
        """Change learning_rate, momentum, weight_decay or batch_size from the next step on.

        Safe to call from any thread while the run is going on. Bad values are refused at once
        and change nothing.
        """
        for name in changes:
            check_choice("the field to adjust", name, ADJUSTABLE)
        self._check_batch_size(self.hyperparameters.replace(**changes))
        self._asked.append(changes)

    def close(self) -> None:
        """Give back what the run holds besides memory: nothing, unless a subclass says so."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on exactly: tensors and plain values, copied.

        Call it between steps, from the thread that takes them.
        """
        self._apply_changes()
        return self._state()

    def _state(self) -> dict[str, Any]:
        columns = {
            name: [getattr(record, name) for record in self.history] for name in _STEP_FIELDS
        }
        return {
            "hyperparameters": dataclasses.asdict(self.hyperparameters),
            "model": copy.deepcopy(self.model.state_dict()),
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "position": [
                self._batches.epoch,
                self._epoch_step,
                self._batches.taken,
                self._epoch_loss,
            ],
            "history": columns,
            "changes": [dataclasses.astuple(change) for change in self.changes],
            "scores": [dataclasses.astuple(score) for score in self.scores],
            "data": [self.data.name, len(self.data.train)],
            "threads": self.threads,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the run whose `state_dict` this is, where it stood.

        The model, the data, the optimizer and the loss must be those of that run; everything else
        comes from the state, which is copied.

        Raises:
            ValueError: They are not, or the state is not whole. All differences are named, and
                this run is left as it was.
        """
        try:
            hyperparameters = Hyperparameters(**state["hyperparameters"])
            found = differences(
                state,
                model=self.model,
                data=self.data,
                theirs=hyperparameters,
                ours=self.hyperparameters,
            )
            position = checked_position(state["position"])
            rows = zip(*(state["history"][name] for name in _STEP_FIELDS), strict=True)
            history = [StepRecord(*row) for row in rows]
            changes = [Change(*row) for row in state["changes"]]
            scores = [EvaluationRecord(*row) for row in state["scores"]]
            optimizer = make_optimizer(
                hyperparameters.optimizer, self.model.parameters(), **settings_of(hyperparameters)
            )
            if not found:
                self._check_batch_size(hyperparameters)
                memory = copy.deepcopy(state["optimizer"])  # the optimizer keeps what it is given
                optimizer.load_state_dict(memory)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"this is not the whole state of a run ({what})") from error
        if found:
            raise ValueError(f"the state is of another run: {'; '.join(found)}")

        self.model.load_state_dict(state["model"])
        self.optimizer, self.hyperparameters = optimizer, hyperparameters
        epoch, self._epoch_step, taken, self._epoch_loss = position
        self._batches = Batches(self.data.train, seed=hyperparameters.seed)
        self._batches.begin(epoch, taken=taken)
        self.history, self.changes, self.scores = history, changes, scores
        self._asked.clear()

    @contextlib.contextmanager
    def _own_randomness(self, ahead: int = 0) -> Iterator[None]:
        """Let dropout draw from (seed, step), and give torch's random state back as it was."""
        if not self._drops:
            yield
            return
        device = self.data.device
        devices = [] if device.type == "cpu" else [device]  # the CPU's state is always kept
        with RANDOM_STATE, torch.random.fork_rng(devices, device_type=device.type):
            draw = np.random.default_rng((self.hyperparameters.seed, self.step_number + ahead, 1))
            torch.manual_seed(int(draw.integers(2**63)))
            yield

    def _loss_of(self, images: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        loss = self._loss_function(self.model(images), labels)
        return loss, loss.item()

    def _next_batch(self, ahead: int = 0) -> tuple[Tensor, Tensor]:
        return self._batches.look(self.hyperparameters.batch_size, ahead=ahead)

    def _record(self, loss: float, seconds: float) -> StepRecord:
        settings = self.hyperparameters
        self._epoch_step += 1
        self._epoch_loss += loss
        self._batches.take(settings.batch_size)
        record = StepRecord(
            step=self.step_number + 1,
            epoch=self._batches.epoch,
            epochs=settings.epochs,
            epoch_step=self._epoch_step,
            epoch_steps=self._epoch_step + self._batches.left(settings.batch_size),
            images_seen=self.images_seen + settings.batch_size,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            loss=loss,
            mean_loss=self._epoch_loss / self._epoch_step,
            seconds=seconds,
        )
        self.history.append(record)
        return record

    def _apply_changes(self) -> None:
        while self._asked:
            before = self.hyperparameters
            after = before.replace(**self._asked.popleft())
            for name in ADJUSTABLE:
                old, new = getattr(before, name), getattr(after, name)
                if old != new:
                    change = Change(self.step_number + 1, self.images_seen, name, old, new)
                    self.changes.append(change)
            self.hyperparameters = after  # last: whoever reads both sees no change without its mark
            adjust_optimizer(
                self.optimizer, self.hyperparameters.optimizer, **self._optimizer_settings()
            )

    def _optimizer_settings(self) -> dict[str, float]:
        return settings_of(self.hyperparameters)

    def _check_batch_size(self, hyperparameters: Hyperparameters) -> None:
        count = len(self.data.train)
        why = f" (the training set of {self.data.name!r} has {count:,} images)"
        check_whole("batch_size", hyperparameters.batch_size, low=1, high=count, why=why)

    def _reach_next_batch(self) -> None:
        """Begin the next epoch if it is due, or raise StopIteration after the last one."""
        if not self._batches.left(self.hyperparameters.batch_size):
            self._batches.begin(self._batches.epoch + 1)
            self._epoch_step, self._epoch_loss = 0, 0.0
        if self._batches.epoch >= self.hyperparameters.epochs:
            raise StopIteration


def settings_of(hyperparameters: Hyperparameters) -> dict[str, float]:
    """Return what an optimizer is given besides its name and the parameters."""
    return {
        "learning_rate": hyperparameters.learning_rate,
        "momentum": hyperparameters.momentum,
        "weight_decay": hyperparameters.weight_decay,
    }


def warm_up(device: torch.device) -> None:
    """Pay now for what torch loads when it first trains (seconds, once per process)."""
    use_available_cores()
    model = LeNet5().to(device)
    optimizer = make_optimizer("momentum", model.parameters(), learning_rate=0.01)
    F.cross_entropy(
        model(torch.zeros(2, 1, 32, 32, device=device)), torch.tensor([0, 1], device=device)
    ).backward()
    optimizer.step()
