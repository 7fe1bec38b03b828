"""A run that was handed in, trained once more: does it come again, and how exactly?

Training is exact, so on the same machine with the same torch every loss comes again to the last
digit. Another processor, or another torch, rounds in other ways; each step multiplies such a
difference a little, so what is taken for rounding may grow: see `tolerance`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from tutorial_lib.classroom.entries import RunEntry
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.evaluation import evaluate
from tutorial_lib.hardware import use_threads
from tutorial_lib.models import LeNet5, make_model

FIRST_TOLERANCE = 2e-6  # of a loss near 2.3, at the first step; float32 rounds it by 1e-7
GROWTH = 1.02  # of the tolerance with each step
MOST_TOLERANCE = 0.02
ONE_MORE = 2  # held-out examples near the border between two classes may change sides


@dataclass(frozen=True)
class Verdict:
    """What became of a run when it was trained once more."""

    kind: Literal["exact", "rounding", "differs", "impossible"]
    said: str  # in words
    step: int | None = None  # the first that differs


def tolerance(step: int) -> float:
    """Return how far the loss of a step, from 1, may lie off and still be taken for rounding."""
    return min(MOST_TOLERANCE, FIRST_TOLERANCE * GROWTH ** min(step - 1, 2000))


def rerun(entry: RunEntry, data: Data, steps: Iterable[int] | None = None) -> Verdict:
    """Train a run once more, as it was handed in.

    Args:
        entry: Of a LeNet5, in the tutorial's own way, on data of this name.
        data: What the run should have learned from, on the CPU.
        steps: 0, 1, 2 ... as many as the run has, if they are watched.
    """
    if entry.data[2] not in ("", data.train.digest):
        words = f"it learned from other examples than {data.name} has"
        return Verdict("differs", words, 1)
    threads = torch.get_num_threads()
    try:
        return _compared(entry, data, range(entry.num_steps) if steps is None else steps)
    except (TypeError, ValueError) as error:  # a batch larger than the data, say
        return Verdict("impossible", f"it cannot be trained: {error}")
    finally:
        use_threads(threads)


def _compared(entry: RunEntry, data: Data, steps: Iterable[int]) -> Verdict:
    settings, losses = entry.settings, entry.losses
    model = make_model(partial(LeNet5, init=entry.init or "torch"), settings.seed)
    run = TrainingRun(model, data, settings)
    run.use_threads(entry.threads[0] if entry.threads else 1)
    largest = 0.0
    for index, loss in zip(steps, _losses(run, entry), strict=False):
        apart = abs(loss - losses[index])
        if not apart <= tolerance(index + 1):
            return Verdict("differs", _difference(index + 1, losses[index], loss), index + 1)
        largest = max(largest, apart)
    if run.step_number < entry.num_steps:
        step = run.step_number + 1
        return Verdict("differs", f"it ends before step {step:,}, and claims to go on", step)
    if entry.score is not None and (words := _score_differs(entry, run, largest)):
        return Verdict("differs", words)
    if largest == 0:
        return Verdict("exact", f"comes again to the last digit, {entry.num_steps:,} steps")
    return Verdict("rounding", f"comes again to rounding: losses at most {largest:.1g} apart")


def _losses(run: TrainingRun, entry: RunEntry) -> Iterator[float]:
    """Yield the losses of the run, changed on its way as the entry was."""
    due: dict[int, dict[str, float]] = {}
    for change in entry.changes:
        due.setdefault(change.step, {})[change.field] = change.after
    for field, values in (("learning_rate", entry.rates), ("batch_size", entry.batch_sizes)):
        for step, value in values:  # also what was changed without a mark
            due.setdefault(step, {})[field] = value
    for step in range(1, entry.num_steps + 1):
        changes = {
            field: value
            for field, value in due.get(step, {}).items()
            if value != getattr(run.hyperparameters, field)
        }
        if changes:
            run.adjust(**changes)
        try:
            yield run.step().loss
        except (Diverged, StopIteration):
            return


def _difference(step: int, claimed: float, found: float) -> str:
    return f"differs from step {step:,} on: it claims {claimed:.6g}, and trains to {found:.6g}"


def _score_differs(entry: RunEntry, run: TrainingRun, largest: float) -> str:
    """Say how the score that is claimed differs from that of the run; "" if it does not."""
    split = run.data.held_out
    found = evaluate(run.model, split, loss=entry.settings.loss)
    allowed = ONE_MORE / len(split) if largest else 0
    if entry.score.count == len(split) and abs(entry.score.accuracy - found.accuracy) <= allowed:
        return ""
    claimed = f"{entry.score.accuracy:.2%} of {entry.score.count:,}"
    return f"its losses come again, but it claims {claimed} right, and has {found.accuracy:.2%}"
