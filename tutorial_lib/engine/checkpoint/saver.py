"""A run to disk, once or again and again; only what is ours is ever replaced."""

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import filelock

from tutorial_lib.engine.checkpoint.older import Older, look_at, move_aside
from tutorial_lib.engine.checkpoint.packing import pack
from tutorial_lib.engine.checkpoint.places import (
    CheckpointError,
    as_path,
    check_place,
    check_writable,
    previous_of,
)
from tutorial_lib.engine.checkpoint.reading import made_with, read
from tutorial_lib.engine.checkpoint.run_file import RunFile
from tutorial_lib.engine.checkpoint.schema import check_held, check_rows, rows_of
from tutorial_lib.engine.records import StepRecord
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.files import free_names, try_lock, unlock

LOCK_SECONDS = 10.0  # so long another program's save is waited for


class Saver:
    """Keeps one run in a file, which nobody else saves to meanwhile.

    It is made before training starts, and refuses then what is no place for a run: a folder, a
    device, another program's file, a folder that cannot be written to. A link stays one; the file
    that it leads to is written. A run that stood there, alike but not this one, is kept as the
    one before as long as this one is saved.

    Args:
        run: The run to keep, new or just restored, at rest.
        path: The file. Where another saver has it, a free name beside it is taken.
        move_aside: Whether a run of other settings that stands there moves to a free name;
            else it is kept as the one before, whatever it is.
        sink: Is told of each new kind of failure once, and when saving works again; training
            goes on meanwhile.

    Attributes:
        run: The run; another one that goes on with the same steps may take its place.
        path: The file that is really written.
        notice: What a person should know of that name: what was in its way; "" for nothing.
        step_saved: The step that the file holds, None as long as it holds none of this run.

    Raises:
        CheckpointError: Nothing can be saved there; it says why. No file was changed.
    """

    def __init__(
        self,
        run: TrainingRun,
        path: str | os.PathLike[str],
        *,
        move_aside: bool = True,
        sink: Callable[[str], object] = warnings.warn,
    ) -> None:
        asked = as_path(path)
        check_place(asked)
        self.run, self.notice = run, ""
        self.step_saved: int | None = None
        self._sink, self._failure = sink, ""
        self._busy = threading.Lock()  # one save at a time, and none once it is closed
        self._last: StepRecord | None = None  # the last record in the file
        self._older_here = self._older_before = False  # is the file, or the one before, another's?
        self.path, self._claims = _claim(asked)
        if self.path != asked:
            self.notice = f"{asked} is in use by another run; this one is saved as {self.path}."
        self._file = RunFile(self.path)
        try:
            check_writable(self.path)
            self._meet_older(aside=move_aside)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def save(self) -> bool:
        """Save the run now, from the thread that takes its steps; say whether it is on the disk."""
        with self._busy:
            try:
                self._write()
            except CheckpointError as error:
                if str(error) != self._failure:
                    self._sink(str(error))
                self._failure = str(error)
                return False
            if self._failure:
                self._sink(f"Saving works again: {self.path} holds step {self.step_saved:,}.")
            self._failure = ""
            return True

    def saving(self, records: Iterable[Any], *, seconds: float = 5.0) -> Iterator[Any]:
        """Pass the records of the run on, and save it every few seconds and at their end.

        A pause or a stop is not asking for the next record, so whoever pauses saves.

        Args:
            records: The run, or what wraps it.
            seconds: Between two saves, 0 or more. One that fails is tried again when the next is
                due.
        """
        due = time.monotonic()  # the first step is saved
        for record in records:
            yield record  # what follows runs when the next record is asked for: between two steps
            if time.monotonic() >= due:
                self.save()
                due = time.monotonic() + seconds
        self.save()

    def close(self) -> None:
        """Let others have the file; what is in it stays. It may be called again."""
        with self._busy:
            claims, self._claims = self._claims, []
            for claim in claims:
                unlock(claim)

    def _meet_older(self, *, aside: bool) -> None:
        """Go on with the run's own file, or see to it that another's is kept."""
        here, before = look_at(self.path, self.run), look_at(previous_of(self.path), self.run)
        self._older_here = here.relation in ("alike", "other")
        self._older_before = before.relation in ("alike", "other")
        if here.relation == "same":
            self._go_on(here)
        elif not aside:
            if here.contents is None and before.contents is not None:
                # A damaged file must not push out a good one.
                self._older_here, self._older_before = False, True
        elif here.relation == "other":
            name = self._move_aside(self.path)
            with contextlib.suppress(FileNotFoundError):
                previous_of(self.path).rename(previous_of(name))
            self._older_here = self._older_before = False
        elif here.relation == "alike":
            previous = previous_of(self.path)
            if before.relation in ("alike", "other") and not before.is_beginning_of(here):
                self._move_aside(previous)
                self._older_before = False
            steps = f"{len(here.contents.rows):,} steps with these settings"
            words = f"{self.path} held another run, of {steps}; it is kept as {previous}."
            self.notice = f"{self.notice} {words}".strip()

    def _go_on(self, here: Older) -> None:
        num_steps = len(here.contents.rows)
        if self._file.go_on(here.contents):
            self._last = self.run.history[num_steps - 1] if num_steps else None
            self.step_saved = num_steps

    def _move_aside(self, path: Path) -> Path:
        with _in_words(path):
            name = move_aside(path, self.path)
        words = f"{path} held another run, which is kept as {name}."
        self.notice = f"{self.notice} {words}".strip()
        return name

    def _write(self) -> None:
        if not self._claims:
            raise CheckpointError(f"{self.path} has been given back, and is not written any more")
        with _in_words(self.path):
            num_steps = self._file.num_steps
            history = self.run.history
            if num_steps > len(history) or (num_steps and history[num_steps - 1] != self._last):
                self._file, num_steps = RunFile(self.path), 0  # the run has been set back
            rows, state = content_of(self.run, num_steps, self._file.last_row)
            keep = self._older_here or not self._older_before
            previous = previous_of(self.path) if keep else None
            if self._file.write(rows, state, previous=previous):
                self._older_before |= self._older_here
                self._older_here = False
            self._last = history[-1] if history else None
            self.step_saved = self._file.num_steps


def save(run: TrainingRun, path: str | os.PathLike[str]) -> Path:
    """Write the run to `path`, once; what we wrote there before is kept as `previous_of(path)`.

    Call it between steps, from the thread that takes them. Killed at any moment, it leaves the
    new checkpoint or the one before it. For saving again and again, `Saver` costs less.

    Returns:
        The file: `path`, or what a link there leads to.

    Raises:
        CheckpointError: The folder cannot be written to, the disk is full, another program's file
            stands there, or another run is being saved there. What was there is as it was, and
            training can go on.
    """
    path = as_path(path)
    check_place(path)
    with _in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        claims = _try_locks(path, patience=LOCK_SECONDS)
        if not claims:
            raise ValueError("another run is being saved there")
        try:
            previous = previous_of(path)
            # A damaged file must not push out a good one.
            keep = _is_whole(path) or not _is_whole(previous)
            file = RunFile(path)
            rows, state = content_of(run, 0, file.last_row)
            file.write(rows, state, previous=previous if keep else None)
        finally:
            for claim in claims:
                unlock(claim)
    return path


def content_of(run: TrainingRun, start: int, last_row: Any) -> tuple[Any, bytes]:
    """Return a run as its file holds it: its records from `start` on, and all the rest.

    Args:
        last_row: The record before, as rows (1,) of schema.ROW, or (0,).

    Raises:
        ValueError: Something in it cannot be kept, or could not be read again.
    """
    state = run.state_dict(history_from=start)
    rows = rows_of(state.pop("history"))
    check_rows(rows, last_row)
    last = rows if len(rows) else last_row
    held = {"state": state, "saved_at": time.time(), "made_with": made_with(run)}
    check_held(held, start + len(rows), int(last[-1]["epoch"]) if len(last) else -1)
    return rows, pack(held)


def _try_locks(path: Path, *, patience: float = 0.0) -> list[filelock.BaseFileLock]:
    """Return the locks of a file and of the one before it; none if somebody else has either."""
    locks: list[filelock.BaseFileLock] = []
    for each in (path, previous_of(path)):
        lock = try_lock(each, patience=patience)
        if lock is None:
            for held in locks:
                unlock(held)
            return []
        locks.append(lock)
    return locks


def _claim(asked: Path) -> tuple[Path, list[filelock.BaseFileLock]]:
    """Return a path that nobody else saves to, the one asked for or a free one, and its locks."""
    with _in_words(asked):
        asked.parent.mkdir(parents=True, exist_ok=True)
    for path in free_names(asked):
        taken = path != asked and (os.path.lexists(path) or os.path.lexists(previous_of(path)))
        if not taken and (claims := _try_locks(path)):
            return path, claims
    raise AssertionError("names do not end")


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what goes wrong in saving a run into one error that a person can read."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"the run cannot be saved as {path}: {error.strerror or error}. Training can go on, "
            "and what was saved before is as it was; make room, or name another folder."
        ) from error
    except (TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise CheckpointError(
            f"the run cannot be saved as {path}: {error}. Training can go on, "
            "and what was saved before is as it was."
        ) from error


def _is_whole(path: Path) -> bool:
    try:
        return not read(path).damage
    except CheckpointError:
        return False
