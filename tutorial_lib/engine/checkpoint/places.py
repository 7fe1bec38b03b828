"""Where a run may be saved: never in the place of what is not ours."""

import os
from pathlib import Path

from tutorial_lib.engine.checkpoint.frames import START
from tutorial_lib.files import check_folder, create, obstacle, part_of


class CheckpointError(Exception):
    """A checkpoint could not be written, read or taken up; the run is as it was."""


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return the file that a name means: a user's folder for ~, what a link points to for a link.

    Raises:
        CheckpointError: There is no such user, or no home.
    """
    try:
        path = Path(path).expanduser()
    except RuntimeError as error:
        raise CheckpointError(f"{path} names no file: {error}") from error
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def previous_of(path: Path) -> Path:
    """Return where the checkpoint before the newest stands."""
    return path.parent / f"{path.name}.previous"  # also of ".", which has no name


def is_ours(content: bytes) -> bool:
    """Say whether a file that begins so is a checkpoint, be it damaged."""
    return content.startswith(START)


def check_place(path: Path) -> None:
    """Refuse a path where a run cannot be saved; nothing is changed.

    Raises:
        CheckpointError: It says why.
    """
    refusal = f"the run cannot be saved as {path}"
    try:
        if path.is_dir() or path.name in ("", ".."):
            raise CheckpointError(f"{refusal}: that is a folder; name a file in it")
        check_folder(previous_of(path))
        for place in (path, previous_of(path)):
            if words := obstacle(place, is_ours):
                which = "that" if place == path else place
                raise CheckpointError(
                    f"{refusal}: {which} is {words}, which stays as it is; name another file"
                )
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{refusal}: {words}") from error


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written to, by a file that is written beside it and removed.

    Raises:
        CheckpointError: It says why.
    """
    try:
        create(part_of(path), start=START).close()
        part_of(path).unlink()
    except OSError as error:
        words = error.strerror or error
        raise CheckpointError(f"the run cannot be saved as {path}: {words}") from error
