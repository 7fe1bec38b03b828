"""A run on disk and back: exact, whole or not at all, and never a program.

A checkpoint is one line of text (what it is, its version, the length and the SHA-256 of the rest),
and then the state of a run as torch.save writes it: tensors and plain values. It takes the place
of the one before it in a single step, and that one is kept beside it.
"""

import dataclasses
import hashlib
import io
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.files import locked, replacing

VERSION = 1  # raise it when what a file holds changes
LOCK_SECONDS = 10.0  # so long another program's save is waited for
_HEADER = re.compile(
    rb"tutorial_lib checkpoint (\d{1,9}): (\d{1,15}) bytes, sha256 ([0-9a-f]{64})\n"
)
_HEADER_LIMIT = 200  # bytes; no header is longer


class CheckpointError(Exception):
    """A checkpoint could not be written, read or taken up; the run is as it was."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run as a file held it."""

    state: dict[str, Any]  # what TrainingRun.load_state_dict takes
    path: Path  # the file it came from
    saved_at: float  # seconds since 1970
    made_with: dict[str, Any]  # torch version, device and threads
    notice: str = ""  # what the learner should know, such as why this is the one before the newest

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The settings that were in force."""
        return Hyperparameters(**self.state["hyperparameters"])

    @property
    def step_number(self) -> int:
        """How many steps had been taken."""
        return len(self.state["history"]["step"])

    def __str__(self) -> str:
        saved = time.strftime("%d %B at %H:%M", time.localtime(self.saved_at))
        settings = labels_by_difference([self.hyperparameters])[0]
        epoch = self.state["history"]["epoch"][-1] + 1 if self.step_number else 1
        place = f"step {self.step_number:,}, in epoch {epoch} of {self.hyperparameters.epochs}"
        return f"{place}, with {settings}, saved on {saved}"

    def __repr__(self) -> str:
        return f"Checkpoint({self.path.name!r}, {self})"


def save(run: TrainingRun, path: str | os.PathLike[str]) -> Path:
    """Write the run to `path`; what stood there is kept as `previous_of(path)`.

    Call it between steps, from the thread that takes them. Killed at any moment, it leaves the
    new checkpoint or the one before it.

    Raises:
        CheckpointError: The folder cannot be written to, or the disk is full. What was saved
            before is still there, and training can go on.
    """
    path = Path(path)
    content = _to_bytes(run)
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "that is a folder; name a file in it")
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path, patience=LOCK_SECONDS):
            previous = previous_of(path)
            # A damaged file must not push out a good one; a file that is not ours is not lost.
            keep = _is_whole(path) or not _is_whole(previous)
            with replacing(path, previous=previous if keep else None) as file:
                file.write(content)
    except OSError as error:
        raise CheckpointError(
            f"the run cannot be saved as {path}: {error.strerror or error}. Training can go on, "
            "and what was saved before is as it was; make room, or name another folder."
        ) from error
    return path


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Return the checkpoint at `path`, or the one before it if that one is missing or damaged.

    No file can make this run code: it holds numbers, and anything else in it is an error.

    Returns:
        The checkpoint; its `notice` says so if it is the one before.

    Raises:
        CheckpointError: Neither is there and whole; it says what is wrong.
    """
    path = Path(path)
    with locked(path, patience=LOCK_SECONDS):
        try:
            return _read(path)
        except CheckpointError as error:
            newest = error
        if not previous_of(path).exists():
            raise newest
        try:
            earlier = _read(previous_of(path))
        except CheckpointError as error:
            raise CheckpointError(f"{newest}; and {error}") from error
    return dataclasses.replace(earlier, notice=f"{newest}; this is the one before it: {earlier}.")


def autosaved(
    records: Iterable[Any],
    run: TrainingRun,
    path: str | os.PathLike[str],
    *,
    seconds: float = 5.0,
    sink: Callable[[str], object] = warnings.warn,
) -> Iterator[Any]:
    """Pass the records of a run on, and save it every few seconds and at its end.

    A pause or a stop is not asking for the next record, so whoever pauses saves.

    Args:
        records: The run, or what wraps it.
        seconds: Between two saves, 0 or more.
        sink: Is told once if saving fails; training goes on without.
    """
    due, works = time.monotonic(), True  # the first step is saved: the run before stays beside it
    for record in records:
        yield record  # what follows runs when the next record is asked for: between two steps
        if works and time.monotonic() >= due:
            works = try_to_save(run, path, sink)
            due = time.monotonic() + seconds
    if works:
        try_to_save(run, path, sink)


def try_to_save(
    run: TrainingRun, path: str | os.PathLike[str], sink: Callable[[str], object]
) -> bool:
    """Save the run, or tell the sink why that failed; say whether it worked."""
    try:
        save(run, path)
    except CheckpointError as error:
        sink(str(error))
        return False
    return True


class Saver:
    """Keeps one run in a file, which nobody else saves to meanwhile.

    It is made before training starts, and refuses then what is no place for a run: a folder, a
    device, another program's file, a folder that cannot be written to.

    Args:
        run: The run to keep, new or just restored, at rest.
        path: The file. Where another saver has it, a free name beside it is taken.
        move_aside: Whether an older run of other settings that stands there moves to a free name;
            else it becomes the one before the newest, whatever it is.
        sink: Is told of each new kind of failure once, and when saving works again; training
            goes on meanwhile.

    Attributes:
        path: The file that is really written.
        notice: What a person should know of that name: what was in its way; "" for nothing.
        step_saved: The step that the file holds, None before the first save that worked.

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
        self.path, self.notice = Path(path), ""
        self.step_saved: int | None = None
        self._run, self._sink = run, sink

    def save(self) -> bool:
        """Save the run now, from the thread that takes its steps; say whether it is on the disk."""
        if not try_to_save(self._run, self.path, self._sink):
            return False
        self.step_saved = self._run.step_number
        return True

    def saving(self, records: Iterable[Any], *, seconds: float = 5.0) -> Iterator[Any]:
        """Pass the records of the run on, and save it every few seconds and at their end."""
        due = time.monotonic()  # the first step is saved
        for record in records:
            yield record  # what follows runs when the next record is asked for: between two steps
            if time.monotonic() >= due:
                self.save()
                due = time.monotonic() + seconds
        self.save()

    def close(self) -> None:
        """Let others have the file; what is in it stays."""


def restore(run: TrainingRun, source: str | os.PathLike[str] | Checkpoint) -> Checkpoint:
    """Let the run go on exactly where the checkpoint stood.

    Args:
        run: Not running now; its model, data, optimizer and loss must be those of the run saved.
        source: A path, or what `load` returned.

    Returns:
        The checkpoint; its `notice`, if there is one, is for the learner.

    Raises:
        CheckpointError: There is no whole checkpoint, or it is of another run; it lists in what
            they differ. The run is as it was.
    """
    checkpoint = source if isinstance(source, Checkpoint) else load(source)
    try:
        run.load_state_dict(checkpoint.state)
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.path} cannot be taken up here: {error}") from error
    there = checkpoint.made_with
    changed = [
        f"{name} {there.get(name)}, now {value}"
        for name, value in _made_with(run).items()
        if there.get(name) != value
    ]
    if not changed:
        return checkpoint
    words = f"It was saved with {' and '.join(changed)}: the last digits may differ from here on."
    return dataclasses.replace(checkpoint, notice=f"{checkpoint.notice} {words}".strip())


def exists(path: str | os.PathLike[str]) -> bool:
    """Say whether there is a file to try, be it the newest or the one before."""
    return Path(path).is_file() or previous_of(Path(path)).is_file()


def previous_of(path: Path) -> Path:
    """Return where the checkpoint before the newest stands."""
    return path.with_name(f"{path.name}.previous")


# ---- what a file holds ----


def _to_bytes(run: TrainingRun) -> bytes:
    state = run.state_dict()
    state["history"] = {  # as tensors: fifty times faster to read than lists
        name: torch.from_numpy(np.array(column)) for name, column in state["history"].items()
    }
    buffer = io.BytesIO()
    torch.save({"state": state, "saved_at": time.time(), "made_with": _made_with(run)}, buffer)
    payload = buffer.getvalue()
    return _header(payload) + payload


def _header(payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).hexdigest()
    return f"tutorial_lib checkpoint {VERSION}: {len(payload)} bytes, sha256 {digest}\n".encode()


def _made_with(run: TrainingRun) -> dict[str, Any]:
    """Return what besides the state decides the last digits of the steps to come."""
    return {
        "torch": str(torch.__version__),
        "device": run.data.device.type,
        "threads": torch.get_num_threads(),
    }


def _read(path: Path) -> Checkpoint:
    """Return what the file holds, if every bit of it is as it was written."""
    payload = _read_payload(path)
    try:
        held = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        state = held["state"]
        state["history"] = {name: column.tolist() for name, column in state["history"].items()}
        return Checkpoint(state, path, held["saved_at"], held["made_with"])
    except Exception as error:  # torch.load raises what it likes
        raise CheckpointError(
            f"the checkpoint {path} holds something else than the numbers of a run, "
            "and was not opened"
        ) from error


def _read_payload(path: Path) -> bytes:
    """Return what comes after the header of a file that is a whole checkpoint of this version."""
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_LIMIT)
            header = _HEADER.match(start)
            if header is None:
                raise CheckpointError(
                    f"{path} is not a checkpoint of a run, or its start is damaged"
                )
            version, length = int(header[1]), int(header[2])
            if version != VERSION:
                age = "a newer" if version > VERSION else "an older"
                raise CheckpointError(
                    f"the checkpoint {path} has format {version}, of {age} tutorial_lib; "
                    f"this one reads format {VERSION}"
                )
            found = os.fstat(file.fileno()).st_size - header.end()
            if found != length:
                raise CheckpointError(
                    f"the checkpoint {path} is cut short or glued together: "
                    f"it should have {length:,} bytes after its first line and has {found:,}"
                )
            payload = start[header.end() :] + file.read()
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    if _header(payload) != header[0]:
        raise CheckpointError(f"the checkpoint {path} is damaged: its SHA-256 is wrong")
    return payload


def _is_whole(path: Path) -> bool:
    try:
        _read_payload(path)
    except CheckpointError:
        return False
    return True
