"""What a run is: a model, its data and its settings, and how far it has come with them."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.fit import check_batch_size, check_kinds, check_model
from tutorial_lib.engine.network_state import make_lazy_layers
from tutorial_lib.engine.records import Change, Diverged, EvaluationRecord, StepRecord
from tutorial_lib.engine.snapshot import Snapshot, WaitingSignals, update_is_safe
from tutorial_lib.engine.thread_count import threads_for
from tutorial_lib.evaluation import MetricFunction
from tutorial_lib.hardware import fixed_threads, is_in_force, keep_freed_memory, use_threads
from tutorial_lib.losses import LossFunction, check_loss, loss_function
from tutorial_lib.models import UNKNOWN, Habits, habits_of
from tutorial_lib.optimizers import adjust_optimizer, make_optimizer
from tutorial_lib.random_state import call_seeded, seed_of_step, seeded

ADJUSTABLE = ("learning_rate", "momentum", "weight_decay", "batch_size")
LARGE_TARGETS = 10.0  # a rate that suits targets of about 1 is too high then
Result = TypeVar("Result")
Update = Callable[[Any, Tensor, Tensor], Tensor]  # update(run, inputs, targets) -> loss ()


class Run:
    """Everything about a training but its steps, which TrainingRun takes; see there."""

    processes = 1  # that take its steps together
    waits_for = ""  # what keeps it from taking its next step, in words

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        hyperparameters: Hyperparameters | None = None,
        *,
        update: Update | None = None,
        loss: LossFunction | None = None,
        metric: MetricFunction | None = None,
    ) -> None:
        self.threads: int | None = None  # that share a step; settled by the first one
        self.why_threads = ""  # in words
        self._fixed_threads = fixed_threads()  # by the user
        check_kinds(model, data, update=update, loss=loss, metric=metric)
        self.data = data
        self.hyperparameters = hyperparameters or Hyperparameters(loss=data.default_loss)
        check_batch_size(self.hyperparameters.batch_size, data, processes=self.processes)
        if loss is None:
            check_loss(self.hyperparameters.loss, data.train.targets)
        self.model = model.to(data.device)
        self.update, self.own_loss, self.metric = update, loss, metric
        with seeded(self.hyperparameters.seed, data.device):
            make_lazy_layers(self.model, data.train.first(2)[0])
        if update is None and loss is None:  # with one's own, outputs may be of any kind
            check_model(self.model, data, batch_size=self.hyperparameters.batch_size)
        self.loss_function = loss or loss_function(self.hyperparameters.loss)
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
        self._is_prepared = False  # whether `prepare` has settled what the next step is
        self._before = Snapshot(with_gradients=update is not None)
        self.signals = WaitingSignals()  # held while the weights are being changed
        self.first_digest = ""  # of the training set that the first step saw
        self.thread_counts: set[int] = set()  # with which torch took the steps

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
        """How many examples the steps so far have used."""
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
            mark: Whether to note a new rate in `changes`, and so on the curve. A plan for the rate
                of every step leaves that out; `history` has each step's rate all the same.
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

    def use_threads(self, count: int, why: str = "as it was told") -> None:
        """Let so many threads share each step from here on, whatever is fastest.

        Args:
            count: 1 or more.
            why: In words.
        """
        self.threads, self.why_threads = check_whole("count", count, low=1), why

    def settle_threads(self) -> None:
        """See that the steps have a number of threads, and that torch computes with it here.

        A run keeps its number from its first step to its last, for it decides the last digits. If
        the user fixes another one on the way, that counts.
        """
        if self.threads is not None and is_in_force(self.threads):
            return
        keep_freed_memory()  # a step needs what the one before has freed
        fixed, before = fixed_threads(), self._fixed_threads
        self._fixed_threads = fixed
        if self.threads is None:
            size = self.hyperparameters.batch_size
            choice = threads_for(self.model, self.data, batch_size=size, num_steps=self.num_steps)
            self.use_threads(choice.count, choice.why)
        elif fixed is not None and fixed != before:
            self.use_threads(fixed, "as it was fixed on the way")
        use_threads(self.threads)

    def fixed_count(self) -> int | None:
        """Return the number that the user has fixed for this run's steps; None: it is free."""
        return fixed_threads()

    def threads_in_force(self) -> int:
        """Return how many threads share what this one computes, or each process of the run."""
        return torch.get_num_threads()

    def close(self) -> None:
        """Give back what the run holds besides memory: processes that read its data ahead."""
        self.batches.close()

    def prepare(self) -> bool:
        """Settle what the next step is: what is asked for later acts on the one after it.

        Returns:
            Whether it begins an epoch, as it may earlier than planned: the images left have to
            fill a batch of the size in force.
        """
        self.apply_changes()
        self._is_prepared = True
        return not self.batches.num_left(self.hyperparameters.batch_size)

    def begin_step(self) -> None:
        """Apply changes asked for; begin an epoch if that is due, or raise StopIteration."""
        if not self._is_prepared:
            self.apply_changes()
        self._is_prepared = False
        self.settle_threads()
        if not self.history:
            self.first_digest = self.data.train.digest
        if not self.batches.num_left(self.hyperparameters.batch_size):
            self.batches.begin(self.batches.epoch + 1)
        if self.batches.epoch >= self.hyperparameters.epochs:
            self.batches.close()
            raise StopIteration

    def check_data(self) -> str:
        """Return the digest of the training set.

        Raises:
            ValueError: It is not that which the steps so far have learned from.
        """
        digest = self.data.train.digest
        if self.first_digest and digest != self.first_digest:
            raise ValueError(
                f"the training examples of {self.data.name!r} were changed after the first "
                "step, so the run is no longer one on data that can be named: begin a new one"
            )
        return digest

    def apply_changes(self) -> None:
        """Let what was asked for by `adjust` act from here on."""
        while self.pending_changes:
            changes, mark = self.pending_changes[0]  # cut short, it is done again from here
            before, after = self.hyperparameters, self.hyperparameters.replace(**changes)
            adjust_optimizer(self.optimizer, after.optimizer, **after.optimizer_settings)
            marks = [
                Change(self.step_number + 1, self.images_seen, name, old, new)
                for name in ADJUSTABLE
                if (mark or name != "learning_rate")
                and (old := getattr(before, name)) != (new := getattr(after, name))
            ]
            if self.changes[-len(marks) :] != marks:
                self.changes += marks
            self.hyperparameters = after  # last: whoever reads both sees no change without its mark
            self.pending_changes.popleft()

    def next_batch(self, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """Return the next batch, or the one that many steps later: (B, ...) and (B, ...)."""
        return self.batches.peek(self.hyperparameters.batch_size, ahead=ahead)

    def habits(self) -> Habits:
        """Return what a step surely does not do."""
        is_usual = self.update is None and self._has_usual_loss()
        return habits_of(self.model) if is_usual else UNKNOWN

    def call_seeded(
        self, action: Callable[[], Result], ahead: int = 0, *, habits: Habits | None = None
    ) -> Result:
        """Return what an action of a step returns; what it draws depends on (seed, step) alone.

        Args:
            habits: As they are now, if they are known.
        """
        if (habits or self.habits()).draws_nothing:
            return action()  # seeding would take a fiftieth of a small network's step
        seed = seed_of_step(self.hyperparameters.seed, self.step_number + ahead)
        return call_seeded(action, seed, self.data.device)

    def _has_usual_loss(self) -> bool:
        return self.loss_function is loss_function(self.hyperparameters.loss)

    def whole_or_not(
        self, action: Callable[[], Result], *, with_weights: bool = True, with_rest: bool = True
    ) -> Result:
        """Return what an action returns that changes the run, or take back what it did.

        It is taken back if it ends in any exception; an interrupt, at any moment, is one.

        Args:
            with_weights: Whether it may leave the weights, or what the optimizer remembers,
                changed when it does.
            with_rest: Whether it may leave anything else of the network changed.
        """
        with_gradients = torch.is_grad_enabled()  # much of torch switches them off for a while
        thread_counts = self.thread_counts.copy()
        is_kept = is_whole = False
        try:
            try:
                self._before.take(
                    self.model,
                    self.optimizer,
                    self.batches,
                    self.history,
                    with_weights=with_weights,
                    with_rest=with_rest,
                )
                is_kept = True
                result = action()
                is_whole = True
                return result
            finally:
                self.signals.release()
        except BaseException:
            while True:
                try:
                    torch.set_grad_enabled(with_gradients)
                    if is_kept and not is_whole:
                        self._before.put_back()
                        self.thread_counts = thread_counts
                    self.signals.release()  # that above may have been cut short
                    break
                except KeyboardInterrupt:  # one more; the first is raised below
                    continue
            raise

    def update_is_safe(self) -> bool:
        """Say whether an update of the weights cannot end halfway, for signals are held there."""
        return self.update is None and bool(self.optimizer.state) and update_is_safe(self.optimizer)

    def value_of(self, loss: Tensor) -> float:
        """Return a loss () as a number; waits for the device."""
        return loss.item()

    def check_loss(self, loss: float) -> None:
        """Refuse a loss of the next step that is NaN or infinite, by Diverged."""
        if not math.isfinite(loss):
            raise Diverged(self.step_number + 1, loss, self.hyperparameters.learning_rate)

    def divergence(self, loss: float) -> Diverged:
        """Return what to raise where this is the loss of the next step, with its cause.

        It is looked for in the batch and in the weights, which must be those before that step.
        """
        inputs, targets = self.batches.peek(self.hyperparameters.batch_size)
        names = [name for name, w in self.model.named_parameters() if not w.isfinite().all()]
        cause = ""
        told = [values for values in (inputs, targets) if values.is_floating_point()]
        if not all(values.isfinite().all() for values in told):
            cause = "its batch holds numbers that are not finite. Mend the data"
        elif names:
            cause = f"{names[0].removeprefix('module.')} held such numbers before that step"
        elif self.data.task == "regression" and (size := _size(targets)) > LARGE_TARGETS:
            cause = (
                f"the targets of its batch are about {size:.3g} large, and gradients grow with "
                "them. Scale them, (y - mean) / std, or take adam, or a far lower rate"
            )
        elif not self.history:
            cause = "no step had been taken, so look at the first weights, the inputs and the loss"
        rate = self.hyperparameters.learning_rate
        return Diverged(self.step_number + 1, loss, rate, cause)

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
        self.thread_counts.add(self.threads_in_force())
        self.history.append(record)
        return record


def _size(targets: Tensor) -> float:
    """Return the root mean square of targets (B, T)."""
    return targets.double().square().mean().sqrt().item()
