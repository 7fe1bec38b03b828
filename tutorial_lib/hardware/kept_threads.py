"""The numbers of threads that were found to be fastest, kept for later processes of the user."""

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import torch

from tutorial_lib.files import locked, obstacle, open_to_read, replacing
from tutorial_lib.folders import writable_folder
from tutorial_lib.hardware.devices import processor

MOST = 500  # numbers that are kept, the newest ones
START = b'{"threads": '  # what the file begins with
LARGEST = 1_000_000  # bytes that are read of it
PATIENCE = 1.0  # seconds that another process is waited for which is keeping one


def kept_threads(what: str) -> int | None:
    """Return the number that is kept for steps of this kind on such a machine; None: there is none.

    Args:
        what: Of what kind they are.
    """
    count = _read().get(_name(what))
    return count if type(count) is int and 1 <= count <= 4096 else None


def keep_threads(what: str, count: int) -> None:
    """Keep a number, where data is kept, too, if anything can be written there.

    A file of that name that another program wrote stays as it is.
    """
    if (path := _path()) is None:
        return
    with contextlib.suppress(OSError, ValueError), locked(path, patience=PATIENCE):
        if obstacle(path, lambda start: start.startswith(START)):
            return  # it is measured again, then
        numbers = _read()
        numbers.pop(_name(what), None)  # the newest is the last
        numbers[_name(what)] = count
        newest = dict(list(numbers.items())[-MOST:])
        with replacing(path, start=START) as file:
            file.write(json.dumps({"threads": newest}).encode())


def _path() -> Path | None:
    folder = writable_folder()
    return None if folder is None else folder / "threads.json"


def _read() -> dict[str, Any]:
    """Return all that is kept; nothing if that is no file of ours."""
    try:
        with open_to_read(_path()) as file:
            return dict(json.loads(file.read(LARGEST))["threads"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _name(what: str) -> str:
    return f"{what} | {_machine()}"


@functools.cache
def _machine() -> str:
    """Return what decides which number is fastest, besides what else goes on."""
    import joblib

    return f"{processor()}, {joblib.cpu_count()} cores, torch {torch.__version__}"
