"""The file that keeps a panel's last run."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine import CheckpointError, TrainingRun, checkpoint, in_background
from tutorial_lib.engine.checkpoint import Checkpoint
from tutorial_lib.engine.checkpoint.places import as_path, check_place
from tutorial_lib.panels.cells import file_for_code, files_elsewhere, notebook_of

NewRun = Callable[[Hyperparameters], TrainingRun]  # makes a run of the panel with these settings


class Autosave:
    """Saves the run that it is given, and knows what could be restored.

    Args:
        path: The file. None keeps nothing.
        path_for_code: The file of runs from code, if it is another one.
        moves_aside: Whether a run that stood there before the panel moves to a name beside it.
        others: Files of the same cell in other notebooks, the newest first.
        on_save: Called in the training thread after a save that was asked for here.
        problem: Why nothing is saved at all.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        path_for_code: Path | None = None,
        moves_aside: bool = False,
        others: Sequence[Path] = (),
        on_save: Callable[[], object] = lambda: None,
        problem: str = "",
    ) -> None:
        self._paths = {"hand": path, "code": path_for_code or path}
        self._problem = problem
        self.said = ""  # what is to be known of the last look or restoring, in words
        self._moves_aside, self._others, self._on_save = moves_aside, others, on_save
        self._offer: Checkpoint | None = None  # what is in the file, if it fits
        self._saver: checkpoint.Saver | None = None  # of the run that is kept
        self._began_at = 0  # the step that it began at, here
        self._asked: Any = None  # at which state and step of the run a save was asked for
        self._trouble: tuple[str, int | None] | None = None  # why saving failed, with step_saved

    @property
    def keeps(self) -> bool:
        """Whether there is a file."""
        return self._paths["hand"] is not None

    @property
    def offer(self) -> str:
        """What could be restored besides the run that is kept, in words; "" for nothing."""
        if self._offer is None:
            return ""
        words = f"{self._offer}, trained by {self._offer.hyperparameters.optimizer}"
        elsewhere = self._offer.path in self._others
        return f"{words} in {notebook_of(self._offer.path)}" if elsewhere else words

    @property
    def can_restore(self) -> bool:
        """Whether there is something to restore, if only the run that is kept, as it was saved."""
        return self._offer is not None or self.step_saved is not None

    @property
    def step_saved(self) -> int | None:
        """The step at which the run that is kept is on the disk; None if it is not."""
        return None if self._saver is None else self._saver.step_saved

    def in_words(self, state: str, *, idle: bool) -> str:
        """Say what the learner should know of saving and restoring.

        Args:
            state: Of the panel's session.
            idle: Whether there has been none yet.
        """
        words = [self._problem, self.said, self._saver.notice if self._saver else ""]
        if self._offer is not None and not idle:
            words.append(f"Restore takes up what was saved here: {self.offer}.")
        if self._trouble is not None and self._trouble[1] == self.step_saved:
            words.append(f"Not saved: {self._trouble[0]}")
        elif self.step_saved is not None and state != "running":
            words.append(f"Saved at step {self.step_saved:,}.")
        return " ".join(filter(None, words))

    def look(self, new_run: NewRun) -> None:
        """See what could be restored: only what fits the runs of this panel.

        Of the panel's two files that one is offered whose run has steps left, or else the newer.
        """
        self._offer, self.said = None, ""
        tried = [_try(path, new_run) for path in self._own_paths if checkpoint.exists(path)]
        whys = [why for _, why in tried if why]
        fitting = [saved for saved, why in tried if not why]
        elsewhere = (_try(path, new_run) for path in self._others if checkpoint.exists(path))
        if fitting:
            self._offer = max(fitting, key=lambda saved: (not _is_over(saved), saved.saved_at))
            self.said = self._offer.notice
        else:
            self.said = f"What was saved here is not offered: {'; '.join(whys)}." if whys else ""
            self._offer = next((saved for saved, why in elsewhere if not why), None)

    @property
    def _own_paths(self) -> list[Path]:
        return list(dict.fromkeys(filter(None, self._paths.values())))

    def begin(
        self, run: TrainingRun, records: Iterable[Any], *, started_by: Literal["hand", "code"]
    ) -> Iterable[Any]:
        """Return the run's records; it is saved as they are taken, if that can be."""
        self.end()
        self._trouble, self._asked, self._began_at = None, None, run.step_number
        asked, aside, sink = self._paths[started_by], self._moves_aside, self._complain
        if asked is None:
            return records
        try:
            self._saver = checkpoint.Saver(run, asked, move_aside=aside, sink=sink)
        except CheckpointError as error:
            self._complain(str(error))
            return records
        if self._offer and self._offer.path in (asked, checkpoint.previous_of(asked)):
            self._offer = None  # it will be replaced
        # From here on what stands there is the panel's own, and the last run's.
        path, self._moves_aside = self._saver.path, False
        self._paths = {by: path if there == asked else there for by, there in self._paths.items()}
        return self._saver.saving(records)

    def save_soon(self, state: str) -> None:
        """Save the run, which has come to rest so, in the thread that takes its steps."""
        rest = self._saver and (state, self._saver.run.step_number)
        if rest != self._asked:
            self._asked = rest
            in_background(lambda: self._save(self._saver))

    def end(self, *, at_rest: bool = True) -> None:
        """Save the run and let others have its file, now or, if it takes a last step, after it."""
        saver, self._saver = self._saver, None

        def save_and_close() -> None:
            try:
                self._save(saver)
            finally:
                saver.close()

        if saver is not None:
            save_and_close() if at_rest else in_background(save_and_close)

    def restore(self, new_run: NewRun) -> TrainingRun | None:
        """Return the run that was saved, where it stood, or None and a notice why not."""
        self._save(self._saver)  # the run at rest, whose last steps may not be on the disk yet
        try:
            there = self._offer or self._saver  # each has a path
            run, saved = _taken_up(there.path if there else self._paths["hand"], new_run)
            self.said = saved.notice
        except Exception as error:  # the learner's own network or run may fail in any way
            self.said = f"Nothing was restored: {_words(error)}."
            return None
        return run

    def _save(self, saver: checkpoint.Saver | None) -> None:
        if saver is not None and saver.run.step_number not in (self._began_at, saver.step_saved):
            saver.save()
            self._on_save()

    def _complain(self, message: str) -> None:
        """Remember why saving failed, until it has worked; then the message says that."""
        before, step_saved = self._trouble, self.step_saved
        has_worked = before is not None and before[1] != step_saved
        self._trouble = None if has_worked else (message, step_saved)


def named_file(save_to: Any) -> Path | None:
    """Return the file that a person names for a run, wherever the process goes from here on.

    Raises:
        TypeError, ValueError: save_to is no path, or no place for a run; it says why.
    """
    if save_to is None:
        return None
    if not isinstance(save_to, str | os.PathLike):
        raise TypeError(f"save_to must be a path; got {save_to!r}")
    try:
        return _place(save_to)
    except CheckpointError as error:
        raise ValueError(f"save_to must name a file for runs: {error}") from error


def own_autosave(file: Path | None, on_save: Callable[[], object]) -> Autosave:
    """Return what keeps the runs of a panel in its own file, or says why it cannot."""
    if file is None:
        return Autosave(None)
    try:
        file = _place(file)
        paths = {"path_for_code": file_for_code(file), "others": files_elsewhere(file)}
        return Autosave(file, **paths, on_save=on_save)
    except CheckpointError as error:
        return Autosave(None, problem=f"Runs are not saved: {error}.")


def _place(path: str | os.PathLike[str]) -> Path:
    """Return a path where a run may be saved, absolute, or raise CheckpointError."""
    place = Path(os.path.abspath(as_path(path)))
    check_place(place)
    return place


def _taken_up(path: Path, new_run: NewRun) -> tuple[TrainingRun, Checkpoint]:
    """Return a run where the one in a file stood, and what was in the file."""
    saved = checkpoint.load(path)
    try:
        run = new_run(saved.hyperparameters)
    except (TypeError, ValueError) as error:  # of other data, say, where they do not fit
        name, count, *_ = saved.state["data"]
        raise ValueError(f"it learned from {count:,} of {name!r}, and here {error}") from error
    return run, checkpoint.restore(run, saved)


def _try(path: Path, new_run: NewRun) -> tuple[Checkpoint | None, str]:
    """Return what a file holds, or else in words why the panel cannot take it up."""
    try:
        run, saved = _taken_up(path, new_run)
        run.close()
        return saved, ""
    except Exception as error:  # the learner's own network or run may fail in any way
        return None, _words(error)


def _is_over(saved: Checkpoint) -> bool:
    """Say whether a saved run has taken its last step."""
    last = {name: column[-1] for name, column in saved.state["history"].items() if column}
    epochs = saved.hyperparameters.epochs
    return bool(last) and last["epoch"] + 1 >= epochs and last["epoch_step"] >= last["epoch_steps"]


def _words(error: Exception) -> str:
    ours = isinstance(error, CheckpointError | ValueError)
    return f"{error}" if ours else f"{type(error).__name__}: {error}"
