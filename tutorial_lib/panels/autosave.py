"""The file that keeps a panel's last run."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine import CheckpointError, TrainingRun, checkpoint, in_background


class Autosave:
    """Saves the run that it is told to keep, and knows what could be restored.

    Args:
        path: The file. None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.offer: checkpoint.Checkpoint | None = None  # what was there when it was looked for
        self.notice = ""  # what went wrong with saving or restoring, in words
        self._run: TrainingRun | None = None  # the one that is kept
        self._step_saved = 0

    @property
    def keeps_run(self) -> bool:
        """Whether the present run is kept."""
        return self._run is not None

    @property
    def can_restore(self) -> bool:
        """Whether there is a file to try."""
        return self.path is not None and checkpoint.exists(self.path)

    def look(self) -> None:
        """See what could be restored."""
        self.offer = None
        if self.can_restore:
            try:
                self.offer = checkpoint.load(self.path)
            except CheckpointError as error:
                self.notice = f"The saved run cannot be used: {error}."

    def begin(self, run: TrainingRun, records: Iterable[Any], *, keep: bool) -> Iterable[Any]:
        """Return the run's records; if it is to be kept, it is saved as they are taken."""
        self._run = run if keep and self.path is not None else None
        self._step_saved = run.step_number
        if self._run is None:
            return records
        return checkpoint.autosaved(records, run, self.path, sink=self._complain)

    def save_soon(self) -> None:
        """Save the run that has just been held or ended, in the thread that takes its steps."""
        run = self._run
        if run is not None and run.step_number != self._step_saved:
            self._step_saved = run.step_number
            in_background(lambda: checkpoint.try_to_save(run, self.path, self._complain))

    def end(self, *, save: bool) -> None:
        """Let go of the run, which has come to rest if it is to be saved first."""
        run, self._run = self._run, None  # by the next call the file is another run's
        if run is not None and save:
            checkpoint.try_to_save(run, self.path, self._complain)

    def restore(self, new_run: Callable[[Hyperparameters], TrainingRun]) -> TrainingRun | None:
        """Return the run that was saved, where it stood, or None and a notice why not.

        Args:
            new_run: Makes a run with the settings that it is given, to take up the saved one.
        """
        try:
            saved = checkpoint.load(self.path)
            run = new_run(saved.hyperparameters)
            self.notice = checkpoint.restore(run, saved).notice
        except (CheckpointError, ValueError) as error:
            self.notice = f"Nothing was restored: {error}."
            return None
        return run

    def _complain(self, message: str) -> None:
        self.notice = f"Not saved: {message}"
