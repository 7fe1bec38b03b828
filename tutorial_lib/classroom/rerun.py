"""A run that was handed in, trained once more: does it come again, and how exactly?

Training is exact, so on such a machine with the same torch every loss comes again to the last
digit. Another processor, or another torch, rounds in other ways. A difference of rounding begins in
the seventh digit and grows: slowly where learning is calm, and by as much as forty times within a
step where the rate is high (measured). One that is there at once was not made by rounding.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from tutorial_lib.classroom.entries import RunEntry, Score
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.evaluation import evaluate
from tutorial_lib.hardware import use_threads
from tutorial_lib.models import LeNet5, make_model

FIRST = 2e-6  # share of a loss, or of 1 where that is more, that rounding may be off at first
GROWTH = 200  # so many times the largest difference before, a difference may be
DRIFTS = 1e-3  # share from which on losses have drifted apart, and are not compared any more
MOVED = 2  # held-out examples on the border between two classes may change sides by rounding


@dataclass(frozen=True)
class Verdict:
    """What became of a run when it was trained once more.

    "exact": every loss came again to the last digit. "rounding": but for rounding. "drifts": but
    for rounding until a step, where that had grown. "differs": it did not come again.
    "impossible": it cannot be trained.
    """

    kind: Literal["exact", "rounding", "drifts", "differs", "impossible"]
    said: str  # in words
    step: int | None = None  # the first that differs, or drifts
    here: RunEntry | None = None  # the run with the losses and the score that it had here

    @property
    def is_confirmed(self) -> bool:
        """Whether it came again, as far as that can be told."""
        return self.here is not None


def rerun(entry: RunEntry, data: Data, steps: Iterable[int] | None = None) -> Verdict:
    """Train a run once more, as it was handed in.

    Args:
        entry: Of a LeNet5, in the tutorial's own way, on data of this name.
        data: What the run should have learned from, on the CPU.
        steps: 0, 1, 2 ... as many as the run has, if they are watched.
    """
    if entry.data[2] not in ("", data.train.digest):
        return Verdict("differs", f"it learned from other examples than {data.name} has", 1)
    threads = torch.get_num_threads()
    try:
        return _compared(entry, data, range(entry.num_steps) if steps is None else steps)
    except (TypeError, ValueError) as error:  # a batch larger than the data, say
        return Verdict("impossible", f"it cannot be trained: {error}")
    finally:
        use_threads(threads)


def _compared(entry: RunEntry, data: Data, steps: Iterable[int]) -> Verdict:
    model = make_model(partial(LeNet5, init=entry.init or "torch"), entry.settings.seed)
    run = TrainingRun(model, data, entry.settings)
    run.use_threads(entry.threads[0] if entry.threads else 1)
    found: list[float] = []
    largest, drifts_at = 0.0, None
    for index, loss in zip(steps, _losses(run, entry), strict=False):
        found.append(loss)
        claimed = entry.losses[index]
        apart = abs(loss - claimed) / max(1.0, abs(loss))
        if drifts_at is None and apart > max(FIRST, GROWTH * largest):
            return Verdict("differs", _difference(index + 1, claimed, loss), index + 1)
        if drifts_at is None and apart > DRIFTS:
            drifts_at = index + 1
        largest = max(largest, apart)
    if len(found) < entry.num_steps:
        step = len(found) + 1
        return Verdict("differs", f"it ends before step {step:,}, and claims to go on", step)
    scored = evaluate(run.model, data.held_out, loss=entry.settings.loss)
    score = Score(scored.accuracy, scored.loss, len(data.held_out))
    here = dataclasses.replace(entry, losses=tuple(found), score=entry.score and score)
    if drifts_at is not None:
        words = (
            f"comes again to rounding until step {drifts_at - 1:,}; by then rounding had grown, "
            "and what it reached here counts"
        )
        return Verdict("drifts", words, drifts_at, here)
    if entry.score is not None and (words := _difference_of_scores(entry.score, score, largest)):
        return Verdict("differs", words)
    if largest == 0:
        return Verdict("exact", "comes again to the last digit", None, here)
    words = f"comes again to rounding: losses are at most {largest:.0e} apart"
    return Verdict("rounding", words, None, here)


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
    digits = 6
    while f"{claimed:.{digits}g}" == f"{found:.{digits}g}" and digits < 17:
        digits += 1
    words = f"it claims {claimed:.{digits}g}, and trains to {found:.{digits}g}"
    return f"differs from step {step:,} on: {words}"


def _difference_of_scores(claimed: Score, found: Score, largest: float) -> str:
    """Say how a score that is claimed differs from that of the run; "" if it does not."""
    allowed = MOVED / found.count if largest else 0
    if claimed.count == found.count and abs(claimed.accuracy - found.accuracy) <= allowed:
        return ""
    words = f"{claimed.accuracy:.1%} of {claimed.count:,} right, and has {found.accuracy:.1%}"
    return f"its losses come again, but it claims {words}"
