"""One file that a learner hands in: written by him, read by a teacher who does not trust it."""

import json
import math
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tutorial_lib.classroom.entries import RunEntry, entry_from
from tutorial_lib.classroom.schema import HAND_IN, MOST_NAME, MOST_RUNS, VERSION, WHAT
from tutorial_lib.config import labels_by_difference
from tutorial_lib.files import check_folder, obstacle, open_to_read, replacing
from tutorial_lib.learning_record import (
    LearningRecord,
    RecordError,
    json_text,
    num_answered,
    plain_values,
    record_from,
)
from tutorial_lib.table import counted, shortened

START = f'{{\n "what": "{WHAT}"'.encode()  # of every hand-in that is written here
MOST_BYTES = 8_000_000
MOST_FILES = 2000  # are looked at in a folder
DEEPEST = 3  # folders within folders: learning platforms make one for each learner
JOINERS = "\u200c\u200d"  # letters without a form of their own that names are written with


class OddHandIn(ValueError):
    """A file is no hand-in that can be taken; it says why."""


@dataclass(frozen=True)
class HandIn:
    """What a learner has handed in."""

    name: str  # as the learner typed it
    at: str  # when it was written, UTC, by the learner's clock
    record: LearningRecord
    runs: tuple[RunEntry, ...] = ()
    path: Path = Path()  # where it was read


# ---- written by a learner ----


def checked_name(name: str) -> str:
    """Return a name without the spaces around it.

    Raises:
        ValueError: It is empty, too long, or holds what cannot be seen.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MOST_NAME:
        raise ValueError(f"name must have 1 to {MOST_NAME} letters; got {len(name):,}")
    if unseen := [letter for letter in name if _is_unseen(letter)]:
        raise ValueError(f"name must be letters that can be seen; got {unseen[0]!a} among them")
    return name


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "CZ" and letter not in (" ", *JOINERS)


def usual_file(name: str) -> Path:
    """Return the file that a hand-in is written to if no other is named: hand-in-ada.json."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    while len("-".join(words).encode()) > 100:
        words[-1] = words[-1][:-1]
        words = [word for word in words if word]
    return Path("-".join(["hand-in", *words]) + ".json")


def check_place(path: Path, start: bytes = START) -> None:
    """Refuse a path where no such file can be written; nothing is changed.

    Args:
        start: Of a file that may be replaced.

    Raises:
        ValueError: It says why.
    """
    try:
        check_folder(path)
        words = obstacle(path, lambda content: content.startswith(start))
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from error
    if words:
        raise ValueError(f"{path} is {words}, which stays as it is; name another file")


def write_hand_in(path: Path, hand_in: HandIn) -> int:
    """Write a hand-in, in the place of none or of an older one; return how many bytes it has.

    Raises:
        OSError, ValueError: It cannot be written there.
    """
    check_place(path)
    if len(hand_in.runs) > MOST_RUNS:
        raise ValueError(f"run must be given at most {MOST_RUNS} times")
    held = {"what": WHAT, "version": VERSION, "name": hand_in.name, "at": hand_in.at}
    held |= plain_values(hand_in.record) | {"runs": [run.plain() for run in hand_in.runs]}
    content = json_text(held).encode(errors="backslashreplace")
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"it would have {len(content):,} bytes, and may have {MOST_BYTES:,}: hand in fewer "
            "or shorter runs"
        )
    with replacing(path, start=START) as file:
        file.write(content)
    return len(content)


def in_words(hand_in: HandIn) -> list[str]:
    """Say in lines what a hand-in holds, all of it."""
    exercises = hand_in.record.exercises.values()
    solved = sum(one.solved is not None for one in exercises)
    tries, hints = sum(one.tries for one in exercises), sum(one.hints for one in exercises)
    mistakes = sum((Counter(one.mistakes) for one in exercises), Counter())
    lines = [
        f"Name: {hand_in.name}",
        f"Exercises: {solved} solved, {len(exercises) - solved} others; "
        f"{tries:,} tried answers, {counted(hints, 'hint')}, and "
        f"{counted(mistakes.total(), 'mistake')} that check knew",
        f"Predictions: {num_answered(hand_in.record.predictions)}, with what was seen then",
    ]
    for run in hand_in.runs:
        settings = labels_by_difference([run.settings])[0]
        score = f"; {run.score.accuracy:.1%} of {run.score.count:,} right" if run.score else ""
        lines.append(
            f"Run {run.file}: {counted(run.num_steps, 'step')} of {run.network} on {run.data[0]}, "
            f"{run.settings.optimizer}, {settings}, {counted(len(run.changes), 'change')} on the "
            f"way; its losses, not its weights{score}"
        )
    return lines


def now() -> str:
    """Return the time as a hand-in has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---- read by a teacher ----


def read_folder(
    folder: Path, *, without: Collection[Path] = ()
) -> tuple[list[HandIn], list[tuple[str, str]]]:
    """Return the hand-ins in a folder and the folders in it, and what was left out, and why.

    Args:
        without: Files that are the teacher's own.

    Returns:
        Hand-ins by name and path; (path within the folder, reason).

    Raises:
        OSError: The folder cannot be read.
    """
    found, odd = [], []
    own = {os.path.realpath(path) for path in without}
    for number, path in enumerate(_files(folder, own)):
        place = printable(str(path.relative_to(folder)), 120)
        if number == MOST_FILES:
            odd.append((place, f"only {MOST_FILES:,} files are looked at, and it comes after them"))
            break
        try:
            found.append(read_hand_in(path))
        except OddHandIn as error:
            odd.append((place, str(error)))
    found.sort(key=lambda one: (one.name.casefold(), str(one.path)))
    return found, odd


def _files(folder: Path, own: Collection[str], depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or os.path.realpath(path) in own:
            continue
        if path.is_dir() and not path.is_symlink():
            if depth < DEEPEST:
                yield from _files(path, own, depth + 1)
        else:
            yield path


def read_hand_in(path: Path) -> HandIn:
    """Return the hand-in in a file.

    Raises:
        OddHandIn: It is none, or cannot be taken; it says why.
    """
    held = _values(_content(path))
    if not isinstance(held, dict) or held.get("what") != WHAT:
        raise OddHandIn("it is no hand-in of this tutorial")
    version = held.get("version")
    if type(version) is int and version > VERSION:
        raise OddHandIn(f"it is of a newer tutorial_lib, in version {version}")
    error = next(_validator().iter_errors(held), None)
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the whole"
        raise OddHandIn(f"{shortened(place, 60)} is not as it should be: {_in_short(error)}")
    try:
        if datetime.fromisoformat(held["at"]).tzinfo is None:
            raise ValueError("its time has no zone")
        parts = {name: held[name] for name in ("exercises", "predictions")}
        runs = tuple(entry_from(run) for run in held["runs"])
        if checked_name(held["name"]) != held["name"]:
            raise ValueError("there are spaces around its name")
        return HandIn(held["name"], held["at"], record_from(parts), runs, path)
    except (RecordError, TypeError, ValueError, OverflowError) as error:
        raise OddHandIn(f"it holds what cannot be: {printable(str(error), 200)}") from error


def _content(path: Path) -> bytes:
    """Return what is in a file, if it is a plain one and not too large."""
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OddHandIn("it is a link")
        with open_to_read(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= MOST_BYTES:
                content = file.read(MOST_BYTES + 1)  # it may be growing
                size = len(content)
    except OSError as error:
        raise OddHandIn(f"it cannot be read: {error.strerror or error}") from error
    if size > MOST_BYTES:
        most = f"{MOST_BYTES // 1_000_000} MB"
        raise OddHandIn(f"it has {size / 1e6:,.0f} MB, and a hand-in has at most {most}")
    return content


def _values(content: bytes) -> Any:
    try:
        return json.loads(
            content.decode(),
            parse_float=_finite,
            parse_constant=_finite,
            object_pairs_hook=_without_repeats,
        )
    except (ValueError, RecursionError, MemoryError) as error:
        words = "it lies too deep" if isinstance(error, RecursionError) else str(error)
        raise OddHandIn(f"it is no JSON of ours: {printable(words, 100)}") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shortened(text)} is no finite number")
    return number


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) != len(pairs):
        raise ValueError("a name stands in it twice")
    return held


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators  # slow, and not always needed

    strict = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, v: type(v) is int)
    return validators.extend(Draft202012Validator, type_checker=strict)(HAND_IN)


def _in_short(error: Any) -> str:
    """Return what a validator says, without what a hostile file may have put into its words."""
    limits = {"const": "the value", "enum": "the values", "required": "a name is missing",
              "additionalProperties": "a name is unknown", "minimum": "below", "maximum": "above",
              "type": "no", "maxItems": "more parts than", "minItems": "fewer parts than",
              "items": "more parts than expected", "minLength": "shorter than",
              "maxLength": "longer than", "maxProperties": "more names than"}  # fmt: skip
    words = limits.get(error.validator, error.validator)
    if error.validator in ("required", "additionalProperties", "items"):
        return words
    return f"{words} {printable(json.dumps(error.validator_value), 60)}"


def printable(text: str, most: int) -> str:
    """Return a text that no terminal takes for orders, on one line."""
    seen = "".join(letter if letter.isprintable() else " " for letter in text)
    return shortened(re.sub(r"\s+", " ", seen).strip(), most)
