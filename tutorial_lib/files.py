"""Files that are replaced whole or not at all, by one program at a time."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import filelock


@contextlib.contextmanager
def replacing(path: Path, *, previous: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` at the end, whole or not at all.

    Its content is on the disk, not only on its way there, before anything is renamed.

    Args:
        previous: What stands at `path` until then moves here; None lets go of it.
    """
    part = path.with_name(f".{path.name}.part")  # one name: the next write clears what a kill left
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        part.replace(path)
        with contextlib.suppress(OSError):  # the names, too, where a folder can be opened
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    patience: float,
    wait: Callable[[filelock.BaseFileLock], object] = lambda lock: None,
) -> Iterator[None]:
    """Keep other programs from this file meanwhile, where it lies in a folder that has locks.

    Args:
        patience: So many seconds another program is waited for.
        wait: Called with the lock when they are over; it may acquire it. Then it goes on.
    """
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    if path.parent.is_dir():  # it would make one
        try:
            lock.acquire(timeout=patience, poll_interval=0.02)
        except filelock.Timeout:
            wait(lock)
        except (OSError, NotImplementedError):  # nothing can be written there, or nothing locked
            pass
    try:
        yield
    finally:
        if lock.is_locked:
            with contextlib.suppress(OSError):  # Windows removes it at the release
                os.unlink(lock.lock_file)  # whoever waits sees that it has gone, and begins anew
            lock.release()
