"""Training, one optimizer step at a time."""

import time
from functools import partial
from typing import Any, Self

from torch import Tensor

from tutorial_lib.engine.bursts import take_steps
from tutorial_lib.engine.own_steps import take_own_step
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.run import Run
from tutorial_lib.engine.state import load_state, state_of


class TrainingRun(Run):
    """A model, the data it learns from, and the hyperparameters: iterate to train.

    Each record that is asked for is one optimizer step; not asking for the next one is stopping.
    The order of the data depends on (seed, epoch) alone, and what a step draws at random, dropout
    say, on (seed, step), so nothing that is drawn from the global random states of torch, numpy
    and Python changes a run. A step happens whole or not at all, whatever interrupts it. The last
    examples of an epoch that do not fill a batch are left out, as in the original tutorial.

    Args:
        model: Maps inputs (B, ...) to logits (B, K) of a classification, to numbers (B, T) of a
            regression. Moved to the data's device and trained in place.
        data: From `load_digits`, `from_tensors`, `from_dataset` or `from_folder`.
        hyperparameters: The defaults are those of the original tutorial; of a regression, the loss
            is "mse" where none are given.
        update: A step of your own, called as update(run, inputs (B, ...), targets (B, ...)): it
            changes run.model by run.optimizer, as `step` does, and returns the loss (). If that is
            no number, or an exception is raised, what it did to the two is taken back.
        loss: A loss of your own, called as loss(outputs, targets), that returns (); it takes the
            place of the one that the hyperparameters name.
        metric: A number of your own, called as metric(outputs (N, ...), targets (N, ...)): the run
            is scored by it on held-out examples.

    Raises:
        TypeError: update, loss or metric cannot be called, or model or data are none.
        ValueError: batch_size exceeds the training set, a lazy layer cannot be given its shape, or
            what the model answers does not fit the targets.
    """

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StepRecord:
        return self.step()

    def step(self) -> StepRecord:
        """Take one optimizer step and say what happened.

        Raises:
            Diverged: The loss is NaN or infinite; weights and position are those before this step.
            StopIteration: All epochs are done.
        """
        self.begin_step()
        try:
            self._habits = self.habits()
            return self.whole_or_not(
                self._take_step,
                with_weights=not self.update_is_safe(),
                with_rest=not self._habits.keeps_nothing,
            )
        except Diverged as error:  # weights and position are those before the step again
            raise self.divergence(error.loss) from None

    def _take_step(self) -> StepRecord:
        inputs, targets = self.next_batch()  # (B, ...), (B,) or (B, T)
        start = time.perf_counter()
        update = partial(self._update, inputs, targets)
        loss = self.call_seeded(update, habits=self._habits)
        return self.record_step(loss, time.perf_counter() - start)

    def _update(self, inputs: Tensor, targets: Tensor) -> float:
        """Change the weights by one batch, and return its loss."""
        if self.update is not None:
            return take_own_step(self, inputs, targets)
        loss = self.loss_function(self.model(inputs), targets)  # ()
        value = self.value_of(loss)
        self.check_loss(value)
        self.optimizer.zero_grad()
        loss.backward()
        self.signals.hold()  # until the step is recorded
        self.optimizer.step()
        return value

    def take(self, count: int) -> list[StepRecord]:
        """Take up to so many optimizer steps, and wait for their losses once; see `take_steps`.

        An update of your own is waited for step by step.
        """
        return take_steps(self, count) if self.update is None else [self.step()]

    def state_dict(self, *, history_from: int = 0) -> dict[str, Any]:
        """Return a copy of all that is needed to go on exactly; call it between steps.

        Args:
            history_from: The first record of `history` that it holds; the earlier ones are left
                out for whoever has them already.

        Raises:
            ValueError: Something of the run cannot be held exactly; it says what.
        """
        self.apply_changes()
        return state_of(self, history_from=history_from)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the run whose `state_dict` this is, where it stood; see `load_state`."""
        load_state(self, state)
        self.pending_changes.clear()
