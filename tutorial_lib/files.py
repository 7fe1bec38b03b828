"""Files that are replaced whole or not at all, by one program at a time, and never another's."""

import contextlib
import errno
import itertools
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import filelock

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a link"),
)
START_LENGTH = 4096  # bytes from which a file is known


@contextlib.contextmanager
def replacing(
    path: Path, *, previous: Path | None = None, start: bytes = b""
) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` at the end, whole or not at all.

    Its content is on the disk, not only on its way there, before anything is renamed.

    Args:
        previous: What stands at `path` until then moves here; None lets go of it.
        start: What such a file begins with. Half a file that a kill left is cleared if it begins
            so; another one of that name is not touched.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    file = create(part, start=start)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the names, too, where a folder can be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def part_of(path: Path) -> Path:
    """Return where the next content of a file is gathered; one name, so that no litter grows."""
    return path.with_name(f".{path.name}.part")


def create(path: Path, *, start: bytes = b"") -> BinaryIO:
    """Open a new file for writing, in the place of none or of half a file that begins with `start`.

    Raises:
        FileExistsError: Another file has that name.
    """
    with contextlib.suppress(FileNotFoundError):
        there = os.lstat(path)
        beginning = b""
        if stat.S_ISREG(there.st_mode) and start:
            with open_to_read(path) as file:
                beginning = file.read(len(start))
        if not stat.S_ISREG(there.st_mode) or not start.startswith(beginning):
            words = f"{path} is in the way, and no file of this program"
            raise FileExistsError(errno.EEXIST, words)
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def open_to_read(path: Path) -> BinaryIO:
    """Open a file for reading, and nothing else: a FIFO would wait, a device act.

    Raises:
        OSError: It is none, or cannot be read.
    """
    _refuse_other_kinds(os.stat(path).st_mode)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _refuse_other_kinds(os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def obstacle(path: Path, is_ours: Callable[[bytes], bool]) -> str:
    """Say in words what stands at a path that this program must not replace; "" for nothing.

    Args:
        is_ours: Is given the first bytes of a file, up to START_LENGTH.

    Raises:
        OSError: That cannot be found out.
    """
    try:
        if words := _kind(os.lstat(path).st_mode):
            return words
        with open_to_read(path) as file:
            content = file.read(START_LENGTH)
    except FileNotFoundError:
        return ""
    if is_ours(content):
        return ""
    return "another program's file" if content else "an empty file of another program"


def check_folder(path: Path) -> None:
    """Refuse a path whose folder cannot be made, or whose name is too long; nothing is made.

    Raises:
        OSError: It says so.
    """
    there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
    for name in path.absolute().relative_to(there).parts:
        with contextlib.suppress(FileNotFoundError):
            os.lstat(there / name)


def checked_place(
    path: Path, *, suffix: str, is_ours: Callable[[bytes], bool], beside: Iterable[Path] = ()
) -> Path:
    """Refuse a path where no file of a kind of ours can be written; nothing is changed.

    Args:
        suffix: What its name must end in, ".png" say.
        is_ours: As of `obstacle`.
        beside: Files that are written, too, or read.

    Returns:
        The file that is meant: a user's folder for ~, what a link points to for a link.

    Raises:
        ValueError: It says why.
    """
    if path.suffix != suffix:
        raise ValueError(f"it must name a {suffix} file")
    try:
        there = Path(os.path.realpath(path.expanduser()))
        if any(_is_same_file(there, other) for other in beside):
            raise ValueError("that is the file of the run; name another one")
        check_folder(there)
        if words := obstacle(there, is_ours):
            raise ValueError(f"that is {words}, which stays as it is; name another file")
        if not os.access(next(f for f in there.parents if f.exists()), os.W_OK):
            raise ValueError("its folder cannot be written to")
    except (OSError, RuntimeError) as error:
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error
    return there


def _is_same_file(one: Path, other: Path) -> bool:
    """Say whether two names mean one file, on some system at least: R.png and r.png do on macOS."""
    names = {
        unicodedata.normalize("NFC", os.path.realpath(path.expanduser())).casefold()
        for path in (one, other)
    }
    return len(names) == 1 or (one.exists() and other.exists() and one.samefile(other))


def free_names(path: Path) -> Iterator[Path]:
    """Yield the path, and then others beside it: a.run, a-2.run, a-3.run and so on."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def move_aside(
    path: Path, beside: Path, *, is_taken: Callable[[Path], bool] = os.path.lexists
) -> Path:
    """Give a file a free name, like that of the one beside it, and nobody else's; return the name.

    Args:
        is_taken: Which names are not free.

    Raises:
        OSError: That cannot be done; nothing has moved.
    """
    for name in free_names(beside):
        if is_taken(name):
            continue
        try:
            os.link(path, name)  # which takes nobody else's name, as a renaming would
        except FileExistsError:
            continue
        except OSError:  # a disk without links
            path.rename(name)
        else:
            path.unlink()
        return name
    raise AssertionError("names do not end")


def try_lock(path: Path, *, patience: float = 0.0) -> filelock.BaseFileLock | None:
    """Return the lock of a file, to be given to `unlock`, or None if another program keeps it.

    Where nothing can be locked, or the folder is not there, it locks nothing.

    Args:
        patience: So many seconds another program is waited for.
    """
    lock = _lock_of(path)
    if path.parent.is_dir():  # it would make one
        try:
            lock.acquire(timeout=patience, poll_interval=0.02)
        except filelock.Timeout:
            return None
        except (OSError, NotImplementedError):  # nothing can be written there, or nothing locked
            pass
    return lock


def unlock(lock: filelock.BaseFileLock) -> None:
    """Give a lock back; from any thread, and more than once if need be."""
    if lock.is_locked:
        with contextlib.suppress(OSError):  # Windows removes it at the release
            # Whoever waits sees that it has gone, and begins anew.
            if os.stat(lock.lock_file).st_size == 0:  # not another program's
                os.unlink(lock.lock_file)
        lock.release()


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
    lock = try_lock(path, patience=patience)
    if lock is None:
        wait(lock := _lock_of(path))
    try:
        yield
    finally:
        unlock(lock)


def _lock_of(path: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)


def _kind(mode: int) -> str:
    return next((words for test, words in _KINDS if test(mode)), "")


def _refuse_other_kinds(mode: int) -> None:
    if words := _kind(mode):
        raise OSError(errno.EINVAL, f"that is {words}")
