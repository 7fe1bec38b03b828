"""A run from disk: what a file holds, checked, and given to a run that it fits."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.engine.checkpoint.format_1 import read_format_1
from tutorial_lib.engine.checkpoint.frames import (
    HEADER,
    HEADER_LIMIT,
    VERSION,
    WRONG_DIGEST,
    Damaged,
    Frame,
    read_frames,
)
from tutorial_lib.engine.checkpoint.packing import unpack
from tutorial_lib.engine.checkpoint.places import CheckpointError, as_path, previous_of
from tutorial_lib.engine.checkpoint.schema import ROW, check_held, check_rows
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.files import open_to_read

STATES_TRIED = 3  # of one file, the newest first
NO_NUMBERS = "holds something else than the numbers of a run, and was not opened"


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


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds, up to the last whole state in it."""

    held: dict[str, Any]  # "state" without its history, "saved_at", "made_with"
    rows: np.ndarray  # the history until then, (N,) of schema.ROW
    frame: Frame | None = None  # of that state; None in a file of format 1
    damage: str = ""  # what is wrong with the file behind it

    def checkpoint(self, path: Path) -> Checkpoint:
        """Return it as it is handed out."""
        history = {name: self.rows[name].tolist() for name in ROW.names}
        state = self.held["state"] | {"history": history}
        found = Checkpoint(state, path, float(self.held["saved_at"]), self.held["made_with"])
        if not self.damage:
            return found
        notice = f"{self.damage}; this is the one before it: {found}."
        return dataclasses.replace(found, notice=notice)


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Return the checkpoint at `path`, or the one before it if that one is missing or damaged.

    No file can make this run code, or fill the memory: it holds numbers, and is checked.

    Returns:
        The checkpoint; its `notice` says so if it is the one before.

    Raises:
        CheckpointError: Neither is there and whole; it says what is wrong.
    """
    path = as_path(path)
    earlier = previous_of(path)
    try:
        return read(path).checkpoint(path)
    except CheckpointError as error:
        newest = error
    if not os.path.lexists(earlier):
        raise newest
    try:
        found = read(earlier).checkpoint(earlier)
    except CheckpointError as error:
        raise CheckpointError(f"{newest}; and {error}") from error
    return dataclasses.replace(found, notice=f"{newest}; this is the one before it: {found}.")


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
        for name, value in made_with(run).items()
        if there.get(name) != value and not (name == "threads" and run.threads is None)
    ]
    if not changed:
        return checkpoint
    words = f"It was saved with {' and '.join(changed)}: the last digits may differ from here on."
    return dataclasses.replace(checkpoint, notice=f"{checkpoint.notice} {words}".strip())


def exists(path: str | os.PathLike[str]) -> bool:
    """Say whether there is a file to try, be it the newest or the one before."""
    path = as_path(path)  # isfile, unlike Path.is_file, says no where it may not look
    return os.path.isfile(path) or os.path.isfile(previous_of(path))


def made_with(run: TrainingRun) -> dict[str, Any]:
    """Return what besides the state decides the last digits of the steps to come."""
    return {
        "torch": str(torch.__version__),
        "device": run.data.device.type,
        "threads": run.threads or torch.get_num_threads(),
    }


def read(path: Path) -> Contents:
    """Return what the file holds, if it is whole up to a state at least.

    Raises:
        CheckpointError: It is not; it says why.
    """
    try:
        with open_to_read(path) as file:
            size = os.fstat(file.fileno()).st_size
            header = HEADER.match(file.read(HEADER_LIMIT))
            if header is None:
                raise CheckpointError(
                    f"{path} is not a checkpoint of a run, or its start is damaged"
                )
            file.seek(0)
            version = int(header[1])
            if version == 1:
                return _read_format_1(file, size)
            if version != VERSION:
                age = "a newer" if version > VERSION else "an older"
                raise Damaged(
                    f"has format {version}, of {age} tutorial_lib; this one reads formats 1 and 2"
                )
            return _read_states(file, size, path)
    except Damaged as error:
        raise CheckpointError(f"the checkpoint {path} {error}") from error
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read: {words}") from error
    except MemoryError as error:
        raise CheckpointError(f"{path} is too large for the memory that there is") from error


def _read_states(file: BinaryIO, size: int, path: Path) -> Contents:
    """Return what is held by the newest state of the file that is whole."""
    pieces = [np.empty(0, ROW)]
    states: list[tuple[int, Frame]] = []  # the newest ones, and how many steps came before each
    num_steps, damage = 0, ""
    try:
        for frame in read_frames(file, size):
            if frame.kind == "state":
                states = [*states[1 - STATES_TRIED :], (num_steps, frame)]
            elif len(frame.content) % ROW.itemsize:
                raise Damaged(NO_NUMBERS)
            else:
                pieces.append(np.frombuffer(frame.content, ROW))
                num_steps += len(pieces[-1])
        if not states or states[-1][1].end != size:
            raise Damaged(f"is cut short: it ends after {size:,} bytes, where a state should be")
    except Damaged as error:
        damage = str(error)
    rows = np.concatenate(pieces)
    for num_steps, frame in reversed(states):
        try:
            found = _checked(unpack, frame.content, rows[:num_steps])
        except Damaged as error:
            damage = damage or str(error)
        else:
            damage = damage and f"the checkpoint {path} {damage}"
            return dataclasses.replace(found, frame=frame, damage=damage)
    raise Damaged(damage)


def _read_format_1(file: BinaryIO, size: int) -> Contents:
    """Return what is held by a file that is one header and a run as torch.save writes it."""
    header = HEADER.match(file.read(HEADER_LIMIT))
    wanted, found = int(header[2]), size - header.end()
    if found != wanted:
        raise Damaged(
            "is cut short or glued together: it should have "
            f"{wanted:,} bytes after its first line and has {found:,}"
        )
    file.seek(header.end())
    payload = file.read()
    if hashlib.sha256(payload).hexdigest() != header[3].decode():
        raise Damaged(WRONG_DIGEST)
    return _checked(read_format_1, payload)


def _checked(
    decode: Callable[[bytes], Any], content: bytes, rows: np.ndarray | None = None
) -> Contents:
    """Return the values that a file holds and its history, if a run can have them.

    Args:
        decode: Makes values of the content; the history with them, if no rows are given.
    """
    try:
        held = decode(content)
        if rows is None:
            held, rows = held
        check_rows(rows, rows[:0])
        check_held(held, len(rows), int(rows[-1]["epoch"]) if len(rows) else -1)
    except MemoryError:
        raise
    except Exception as error:  # of any kind: the file may hold anything
        raise Damaged(f"{NO_NUMBERS} ({error!s:.200})") from error
    return Contents(held, rows)
