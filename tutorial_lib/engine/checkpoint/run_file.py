"""The file of a run as it was last written: what is new is appended to it.

A save appends the records of the steps since the last one, and the rest of the state as it is
now. Once the states that have had their day outweigh what is alive, the file is written anew, so
that it stays small and a save costs the same after a thousand steps and a million.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tutorial_lib.engine.checkpoint.frames import START, make_frame
from tutorial_lib.engine.checkpoint.places import check_place
from tutorial_lib.engine.checkpoint.reading import Contents
from tutorial_lib.engine.checkpoint.schema import ROW
from tutorial_lib.files import replacing

Identity = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Place:
    """Where the next frame goes."""

    identity: Identity  # of the file, as long as nobody else writes to it
    end: int
    digest: str


class RunFile:
    """A file, and what has been written to it so far.

    Args:
        path: None of its bytes count before the first `write`, or `go_on`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = [np.empty(0, ROW)]
        self._states: list[tuple[int, bytes]] = []  # the last two, after how many steps
        self._place: _Place | None = None  # None: the next one is written anew

    @property
    def num_steps(self) -> int:
        """How many records it holds."""
        return self._states[-1][0] if self._states else 0

    @property
    def last_row(self) -> np.ndarray:
        """The last record as rows (1,) of schema.ROW, (0,) if there is none."""
        return self._rows[-1][-1:]

    def go_on(self, there: Contents) -> bool:
        """Take up the file as it stands, if it can be appended to; return whether it can."""
        found = os.stat(self.path)
        whole = there.frame is not None and not there.damage and found.st_size == there.frame.end
        if not whole or found.st_nlink > 1:  # another name of it would change, too
            return False
        self._rows = [there.rows]
        self._states = [(len(there.rows), there.frame.content)]
        self._place = _Place(_identity(found), there.frame.end, there.frame.digest)
        return True

    def write(self, rows: np.ndarray, state: bytes, *, previous: Path | None) -> bool:
        """Bring a state to the disk, and the records since the last one.

        Args:
            rows: (N,) of schema.ROW.
            previous: Where the file as it stands moves to if it is written anew.

        Returns:
            Whether it was written anew.

        Raises:
            CheckpointError: Something that is not ours stands there now.
            OSError: It cannot be written; what was there is as it was.
        """
        state_now = self.num_steps + len(rows), state
        anew = not self._place or self._place.end > 2 * self._num_bytes_alive()
        try:
            if anew or not self._append(rows, state):
                anew = True
                self._write_anew(rows, state_now, previous)
        except OSError:  # there may be no room for two of them
            if not (anew and self._place and self._append(rows, state)):
                raise
            anew = False
        if len(rows):
            self._rows.append(rows)
        self._states = [*self._states[-1:], state_now]
        if anew:
            self._rows = [np.concatenate(self._rows)]
        return anew

    def _num_bytes_alive(self) -> int:
        rows = sum(len(rows) for rows in self._rows) * ROW.itemsize
        return rows + sum(len(state) for _, state in self._states)

    def _append(self, rows: np.ndarray, state: bytes) -> bool:
        """Write at the end of the file, if it is as it was left; return whether it is."""
        place = self._place
        pieces, digest = _frames([(rows, state)], place.digest)
        try:
            if _identity(os.stat(self.path)) != place.identity:
                return False
            with self.path.open("r+b", buffering=0) as file:
                if _identity(os.fstat(file.fileno())) != place.identity:
                    return False
                self._place = None  # until it is known how the file ends
                try:
                    file.seek(place.end)
                    _write_all(file, b"".join(pieces))
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(place.end)
                        identity = _identity(os.fstat(file.fileno()))
                        self._place = _Place(identity, place.end, place.digest)
                    raise
                end = file.tell()
                self._place = _Place(_identity(os.fstat(file.fileno())), end, digest)
        except FileNotFoundError:
            return False
        return True

    def _write_anew(
        self, rows: np.ndarray, state: tuple[int, bytes], previous: Path | None
    ) -> None:
        """Write all of the history, and the last two states of it."""
        check_place(self.path)
        rows, start, parts = np.concatenate([*self._rows, rows]), 0, []
        for stop, content in (*self._states[-1:], state):
            parts.append((rows[start:stop], content))
            start = stop
        pieces, digest = _frames(parts, "")
        with replacing(self.path, previous=previous, start=START) as file:
            file.writelines(pieces)
            end = file.tell()
        self._place = _Place(_identity(os.stat(self.path)), end, digest)


def _frames(parts: list[tuple[np.ndarray, bytes]], digest: str) -> tuple[list[bytes], str]:
    """Return pieces of a file for each history and the state after it, and the last digest."""
    pieces: list[bytes] = []
    for rows, state in parts:
        if len(rows):
            more, digest = make_frame("history", rows.tobytes(), digest)
            pieces += more
        more, digest = make_frame("state", state, digest)
        pieces += more
    return pieces, digest


def _write_all(file: BinaryIO, content: bytes) -> None:
    """Write to an unbuffered file, which may take a part at a time."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
