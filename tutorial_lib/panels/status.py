"""What a panel says about its run, in words."""

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, EvaluationRecord, StepRecord
from tutorial_lib.evaluation import MetricFunction, ShownMetric, shown_metric
from tutorial_lib.table import loss_text, share_text, shortened
from tutorial_lib.waiting import duration_text

WINDOW_SECONDS = 3.0  # the speed is that of the last few seconds
LEAST_SECONDS = 0.3  # of which a speed is told


@dataclass(frozen=True)
class Scoring:
    """What runs are scored on as they go, and how that is said."""

    shown: ShownMetric
    num_held_out: int = 0  # 0: nothing is held out
    noun: str = "examples"  # what they are, in the plural
    unit: str = "examples"  # what is counted as a run goes on, in the plural

    def in_words(self, score: EvaluationRecord) -> str:
        """Say how a run does: "18 of 20 held-out wines right", or what else is shown of it."""
        count, value = self.num_held_out, self.shown.of(score)
        held_out = f"{count:,} held-out {shortened(self.noun, 30)}"
        if value is None:
            return f"loss {loss_text(score.loss)} on {held_out}"
        if not self.shown.is_share:
            return f"{shortened(self.shown.name, 30)} {loss_text(value)} on {held_out}"
        return f"{share_text(value, count)} held-out {shortened(self.noun, 30)} right"

    def in_few_words(self, score: EvaluationRecord) -> str:
        """Say the same without what it is counted on: "18 of 20 right"."""
        value = self.shown.of(score)
        if value is None:
            return f"held-out loss {loss_text(score.loss)}"
        if not self.shown.is_share:
            return f"{shortened(self.shown.name, 30)} {loss_text(value)}"
        return f"{share_text(value, self.num_held_out)} right"


def scoring_of(data: Data, metric: MetricFunction | None = None) -> Scoring:
    """Return how runs on such data are scored.

    Args:
        metric: Of the run, if it has one of its own.
    """
    held_out = 0 if data.held_out is None else len(data.held_out)
    return Scoring(shown_metric(data, metric), held_out, data.noun, data.unit)


@dataclass
class Progress:
    """How far a run has come, and how fast it goes."""

    scoring: Scoring
    num_steps: int = 0  # that the run plans to take in all
    threads: int | None = None  # that share a step; None: not known, or it is on a GPU
    last: StepRecord | None = None
    smoothed_loss: float = math.nan  # where the curve of the picture ends
    score: EvaluationRecord | None = None
    _ticks: deque[tuple[float, int, int]] = field(default_factory=deque)  # time, step, images seen

    def forget_pace(self) -> None:
        """Measure the speed anew, after a pause."""
        self._ticks.clear()

    def add(
        self,
        records: Iterable[StepRecord | EvaluationRecord],
        num_steps: int,
        smoothed_loss: float,
    ) -> None:
        """Take in new records, now.

        Args:
            num_steps: What the run plans to take in all.
            smoothed_loss: Where its curve ends.
        """
        self.num_steps, self.smoothed_loss = num_steps, smoothed_loss
        for record in records:
            if isinstance(record, StepRecord):
                self.last = record
            else:
                self.score = record
        if self.last is not None:
            self._ticks.append((time.monotonic(), self.last.step, self.last.images_seen))
            while self._ticks[-1][0] - self._ticks[0][0] > WINDOW_SECONDS:
                self._ticks.popleft()

    @property
    def step(self) -> int:
        """How many steps have been taken."""
        return self.last.step if self.last else 0

    def position(self) -> str:
        """Say where the run stands: epoch, step, loss and score."""
        last = self.last
        if last is None:
            return f"step 0 of {self.num_steps:,}"
        text = (
            f"epoch {last.epoch + 1} of {last.epochs}, step {last.step:,} of {self.num_steps:,}, "
            f"smoothed loss {loss_text(self.smoothed_loss)}"
        )
        if self.score is not None:
            text += f", {self.scoring.in_words(self.score)}"
        return text

    def in_few_words(self) -> str:
        """Say where the run stands, for those who listen while it goes on."""
        if self.last is None:
            return self.position()
        text = f"epoch {self.last.epoch + 1} of {self.last.epochs}"
        text += f", loss {loss_text(self.smoothed_loss)}"
        return f"{text}, {self.scoring.in_few_words(self.score)}" if self.score else text

    def pace(self) -> str:
        """Say how many examples a second, and how long it will take; "" while that is unknown."""
        if len(self._ticks) < 2 or self._ticks[-1][1] == self._ticks[0][1]:
            return ""
        (start, first_step, first_images), (now, step, images) = self._ticks[0], self._ticks[-1]
        seconds = now - start
        if seconds < LEAST_SECONDS:
            return ""
        left = (self.num_steps - step) * seconds / (step - first_step)
        rate = float(f"{(images - first_images) / seconds:.3g}")
        unit = shortened(self.scoring.unit, 30)
        pace = f"{rate:,.{0 if rate >= 10 else 1}f} {unit} a second"
        if self.threads is not None:
            pace += f" on {self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{pace}, {duration_text(left)} left"


def status_text(
    state: str,
    progress: Progress,
    *,
    error: BaseException | None,
    offer: str,
    warm: bool,
    waits_for: str = "",
    wanted: str = "running",
) -> tuple[str, str]:
    """Return the headline and the sentence about a run.

    Args:
        state: Of its session.
        offer: Where the run stands that was saved and could be restored; "" if there is none.
        warm: Whether torch has loaded what training needs.
        waits_for: What keeps the run from taking its next step; "" if nothing does.
        wanted: The state that was asked for last.
    """
    if not warm and progress.last is None:
        waiting = " Your run starts right after." if state == "running" else ""
        return "Getting ready.", f"torch loads its optimizers, once per kernel.{waiting}"
    position = progress.position()
    match state:
        case "ready" if progress.last is not None:
            return "Restored:", f"{position}. Press Resume to go on."
        case "ready" if offer:
            words = "Restore takes it up; Train begins anew."
            return "Ready.", f"A run was saved here: {offer}. {words}"
        case "ready":
            return "Ready.", "Set the sliders and press Train."
        case "running" if waits_for:
            then = f"; then it is {wanted}" if wanted != "running" else ""
            return "Starting:", f"{waits_for}; that takes about ten seconds{then}."
        case "running" if wanted == "stopped":
            return "Stopping:", f"{position}."
        case "running" if wanted == "paused":
            return "Pausing:", f"{position}."
        case "running":
            pace = progress.pace()
            return "Training:", f"{position}; {pace}." if pace else f"{position}."
        case "paused":
            return "Paused:", f"{position}. Press Resume to go on."
        case "stopped":
            return "Stopped:", f"{position}. The model keeps what it has learned."
        case "finished":
            return "Finished:", f"{position}."
    if isinstance(error, Diverged):
        return "Diverged:", f"{error}"
    return "Failed:", f"{type(error).__name__}: {error}"
