"""Which folders data, and what was measured, are kept in, as far as they can be used."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs


def named_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names, `~` expanded; None if it names none.

    Raises:
        ValueError: It begins with the home of somebody who has none.
    """
    return named_path(variable, "a folder")


def named_path(variable: str, what: str) -> Path | None:
    """Return the path that an environment variable names, as `named_folder` does.

    Args:
        what: It names, in a message: "a folder".
    """
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:
        home = Path(named).parts[0]
        raise ValueError(
            f"{variable} must name {what}; got {named!r}, and nothing is known of {home}"
        ) from error


def data_folder() -> Path | None:
    """Return the folder that TUTORIAL_DATA_DIR names, or else the user's cache folder, if any.

    Raises:
        ValueError: TUTORIAL_DATA_DIR cannot name a folder.
    """
    return named_folder("TUTORIAL_DATA_DIR") or cache_folder()


def cache_folder() -> Path | None:
    """Return the user's own folder for what can be had again; None for a user without a home."""
    return _of_user(platformdirs.user_cache_path)


def user_folder() -> Path | None:
    """Return the user's own folder for what is to be kept; None for a user without a home."""
    return _of_user(platformdirs.user_data_path)


def _of_user(find: Callable[..., Path]) -> Path | None:
    try:
        folder = find("tutorial_lib", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # older ones return "~/.cache/..." instead


def writable_folder() -> Path | None:
    """Return the data folder, or if it is read-only the user's cache folder, or else None."""
    for find in (data_folder, cache_folder):
        with contextlib.suppress(OSError, ValueError):
            folder = find()
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                if _may_be_written(folder):
                    return folder
    return None


def _may_be_written(folder: Path) -> bool:
    mode = folder.stat().st_mode  # root may do all, but not what nobody may
    return bool(os.access(folder, os.W_OK | os.X_OK) and mode & 0o222 and mode & 0o111)


def folders_to_search(store: Path | None) -> tuple[list[Path], list[str]]:
    """Return where to look for files, and why other folders cannot be used, in words.

    Args:
        store: The writable folder; the one that is named comes first.
    """
    folders: list[Path] = []
    complaints: list[str] = []
    try:
        named = data_folder()
    except ValueError as error:
        named = None
        complaints.append(str(error))
    for folder in dict.fromkeys((named, store)):
        if folder is not None:
            why = _why_unusable(folder)
            complaints += [f"{folder} cannot be used ({why})"] if why else []
            folders += [] if why else [folder]
    return folders, complaints


def _why_unusable(folder: Path) -> str:
    """Return why nothing can be looked for in a folder, in the system's words; "" if it can."""
    try:
        os.stat(os.path.join(folder, ""))  # the slash: it must be a folder, if it is there
        os.stat(folder / "MNIST")  # whatever is asked for: may it be entered?
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""
