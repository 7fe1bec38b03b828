"""The runs on a panel's picture and in its words, and how much of them has been taken in."""

from collections.abc import Sequence
from typing import Any

from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, Session, TrainingRun
from tutorial_lib.evaluation import MetricFunction
from tutorial_lib.panels.status import Progress, scoring_of
from tutorial_lib.pictures import LiveCurve, Screen


class RunsOnDisplay:
    """Reads a session's records as they come, into the curve and the progress.

    Args:
        metric: Of the runs, if they have one of their own.
    """

    def __init__(self, data: Data, metric: MetricFunction | None = None) -> None:
        self._run: TrainingRun | None = None  # the last one
        self.scoring = scoring_of(data, metric)
        count, shown = self.scoring.num_held_out, self.scoring.shown
        self.curve = LiveCurve(len(data.train), count, noun=data.noun, shown=shown)
        self.clear()

    def begin(self, run: TrainingRun) -> None:
        """Give a run a curve of its own, with what it has done already, if it was restored.

        It takes the place of its own earlier or later part, if that is the last one there.
        """
        if self._run is not None and _is_same(self._run, run):
            self.drop_last()
        self._run, self.has_ended = run, False  # whether its end has been taken in
        self._num_records = self._num_changes = 0  # taken in so far
        self.curve.begin("", run.hyperparameters.epochs)
        runs_before = self._settings[len(self._settings) + 1 - len(self.curve.runs) :]
        self._settings = [*runs_before, run.first_hyperparameters]  # changes are marked
        self.curve.relabel(labels_by_difference(self._settings))
        self.progress = Progress(self.scoring, run.num_steps)
        self._take_in([*run.history, *run.scores])

    def follow(self, session: Session) -> bool:
        """Take in what is new, and the end; say whether the picture has changed."""
        state = session.state  # before the records: then none is missed at the end
        records = session.records(since=self._num_records)
        self._num_records += len(records)
        changed = self._take_in(records)
        if state in ("finished", "stopped", "failed") and not self.has_ended:
            self.has_ended = changed = True
            self.curve.end(diverged=isinstance(session.error, Diverged))
        return changed

    def show_on(self, screen: Screen) -> None:
        """Draw for another screen from now on."""
        self.curve = self.curve.on(screen)

    def drop_last(self) -> None:
        """Take the last run off the picture."""
        if self.curve.runs:
            self.curve.drop_last()
            self._settings.pop()

    def clear(self) -> None:
        """Forget every run."""
        self.curve.clear()
        self._settings: list[Hyperparameters] = []  # of the runs on the picture
        self.progress = Progress(self.scoring)

    def _take_in(self, records: Sequence[Any]) -> bool:
        changes = self._run.changes[self._num_changes :]
        self._num_changes += len(changes)
        self.curve.add(records)
        self.progress.add(records, self._run.num_steps, self.curve.last_smoothed)
        if self._run.processes == 1 and self._run.data.device.type == "cpu":
            self.progress.threads = self._run.threads
        for change in changes:
            self.curve.mark(change)
        return bool(records or changes)


def _is_same(one: TrainingRun, other: TrainingRun) -> bool:
    """Say whether one of two runs is the other one at a later step."""
    steps = min(one.step_number, other.step_number)
    return steps > 0 and one.history[:steps] == other.history[:steps]
