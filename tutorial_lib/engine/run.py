"""What a run is: a model, its data and its settings, and how far it has come with them."""

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Digits
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.records import Change, Diverged, EvaluationRecord, StepRecord
from tutorial_lib.hardware import use_available_cores
from tutorial_lib.losses import loss_function
from tutorial_lib.optimizers import adjust_optimizer, make_optimizer
from tutorial_lib.random_state import has_dropout, seed_of_step, seeded

ADJUSTABLE = ("learning_rate", "momentum", "weight_decay", "batch_size")
Update = Callable[[Any, Tensor, Tensor], Tensor]  # update(run, inputs, targets) -> loss ()


class Run:
    """Everything about a training but its steps, which TrainingRun takes; see there."""

    processes = 1  # that take its steps together
    waits_for = ""  # what keeps it from taking its next step, in words

    def __init__(
        self,
        model: nn.Module,
        data: Digits,
        hyperparameters: Hyperparameters | None = None,
        *,
        update: Update | None = None,
    ) -> None:
        self.threads = use_available_cores()
        self.data = data
        self.model = model.to(data.device)
        self.hyperparameters = hyperparameters or Hyperparameters()
        check_batch_size(self.hyperparameters.batch_size, data, processes=self.processes)
        if update is not None and not callable(update):
            raise TypeError(
                f"update must be a function, update(run, inputs, targets); got {update!r}"
            )
        self.update = update
        self.loss_function = loss_function(self.hyperparameters.loss)
        self.optimizer = make_optimizer(
            self.hyperparameters.optimizer,
            self.model.parameters(),
            **self.hyperparameters.optimizer_settings,
        )
        self.history: list[StepRecord] = []
        self.changes: list[Change] = []
        self.scores: list[EvaluationRecord] = []  # filled by `with_accuracy`
        self.batches = Batches(data.train, seed=self.hyperparameters.seed)
        self.pending_changes: deque[tuple[dict[str, Any], bool]] = deque()  # from any thread
        self._draws = update is not None or has_dropout(self.model)

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
        left_in_epoch = self.batches.num_left(self.hyperparameters.batch_size)
        whole_epochs = self.hyperparameters.epochs - self.batches.epoch - 1
        return self.step_number + max(0, left_in_epoch + whole_epochs * self.steps_per_epoch)

    def adjust(self, *, mark: bool = True, **changes: Any) -> None:
        """Change learning_rate, momentum, weight_decay or batch_size from the next step on.

        Safe to call from any thread while the run is going on. Bad values are refused at once
        and change nothing.

        Args:
            mark: Whether to note it in `changes`, and so on the curve. A plan for the rate of every
                step leaves that out; `history` has each step's rate all the same.
        """
        for name in changes:
            check_choice("the field to adjust", name, ADJUSTABLE)
        size = self.hyperparameters.replace(**changes).batch_size
        check_batch_size(size, self.data, processes=self.processes)
        self.pending_changes.append((changes, mark))

    def extend(self, epochs: int) -> None:
        """Plan so many epochs in all, at least those that have begun; call it between steps."""
        begun = self.history[-1].epoch + 1 if self.history else 1
        check_whole("epochs", epochs, low=begun, why=f" ({begun} have begun)")
        self.hyperparameters = self.hyperparameters.replace(epochs=epochs)

    def close(self) -> None:
        """Give back what the run holds besides memory: nothing, unless a subclass says so."""

    def begin_step(self) -> None:
        """Apply changes asked for; begin an epoch if that is due, or raise StopIteration."""
        self.apply_changes()
        if not self.batches.num_left(self.hyperparameters.batch_size):
            self.batches.begin(self.batches.epoch + 1)
        if self.batches.epoch >= self.hyperparameters.epochs:
            raise StopIteration

    def apply_changes(self) -> None:
        """Let what was asked for by `adjust` act from here on."""
        while self.pending_changes:
            changes, mark = self.pending_changes.popleft()
            before, after = self.hyperparameters, self.hyperparameters.replace(**changes)
            for name in ADJUSTABLE if mark else ():
                old, new = getattr(before, name), getattr(after, name)
                if old != new:
                    change = Change(self.step_number + 1, self.images_seen, name, old, new)
                    self.changes.append(change)
            self.hyperparameters = after  # last: whoever reads both sees no change without its mark
            adjust_optimizer(self.optimizer, after.optimizer, **after.optimizer_settings)

    def next_batch(self, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """Return the next batch, or the one that many steps later: (B, 1, 32, 32) and (B,)."""
        return self.batches.peek(self.hyperparameters.batch_size, ahead=ahead)

    def random_state(self, ahead: int = 0) -> contextlib.AbstractContextManager[None]:
        """Let what a step draws at random depend on (seed, step) alone."""
        if not self._draws:
            return contextlib.nullcontext()
        step = self.step_number + ahead
        return seeded(seed_of_step(self.hyperparameters.seed, step), self.data.device)

    def value_of(self, loss: Tensor) -> float:
        """Return a loss () as a number; waits for the device."""
        return loss.item()

    def divergence(self, loss: float) -> Diverged:
        """Return what to raise where this is the loss of the next step."""
        return Diverged(self.step_number + 1, loss, self.hyperparameters.learning_rate)

    def record_step(self, loss: float, seconds: float) -> StepRecord:
        """Count a step that has been taken, and return what is told of it."""
        settings, at = self.hyperparameters, self.batches
        at.advance(settings.batch_size, loss)
        record = StepRecord(
            step=self.step_number + 1,
            epoch=at.epoch,
            epochs=settings.epochs,
            epoch_step=at.steps,
            epoch_steps=at.steps + at.num_left(settings.batch_size),
            images_seen=self.images_seen + settings.batch_size,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            loss=loss,
            mean_loss=at.total_loss / at.steps,
            seconds=seconds,
        )
        self.history.append(record)
        return record


def check_batch_size(size: int, data: Digits, *, processes: int) -> None:
    """Refuse a batch that is larger than the training set, or smaller than its processes."""
    count = len(data.train)
    why = f" (the training set of {data.name!r} has {count:,} images)"
    check_whole("batch_size", size, low=1, high=count, why=why)
    why = f" (each of {processes} processes needs an image)"
    check_whole("batch_size", size, low=processes, why=why)
