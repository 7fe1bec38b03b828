"""What a learner has done: exercises and predictions, in one file among the user's data.

Nothing is sent anywhere. The file is text, `learning.json`, and is kept only where a learner sits:
in a notebook that a Jupyter server runs, and not in one of `solutions/`. TUTORIAL_LEARNING_RECORD
names another file, which is then kept by every program; "off" keeps nothing.
"""

import contextlib
import json
import math
import numbers
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tutorial_lib.files import move_aside, open_to_read, replacing, try_lock, unlock
from tutorial_lib.folders import named_path, user_folder

VARIABLE = "TUTORIAL_LEARNING_RECORD"
VERSION = 1  # raise it when what the file holds changes
WHAT = "learning record of tutorial_lib"
START = f'{{\n "what": "{WHAT}"'.encode()  # of every file that is written here
MOST_BYTES = 32_000_000
MOST_PREDICTIONS = 1000  # are kept, the newest
MOST_POINTS = 64  # of a curve
MOST_LETTERS = 1000  # of a text
MOST_MISTAKES = 40  # kinds of an exercise, the newest
MOST_WAITING = 1000  # notes that could not be written yet
PATIENCE = 5.0  # seconds that another program, which writes for a few milliseconds, is waited for
KINDS = ("choice", "number", "curve")
Value = str | float | list[list[float]] | None


class RecordError(ValueError):
    """A file is no learning record that can be read here; it says why."""


@dataclass(frozen=True)
class ExerciseRecord:
    """What became of an exercise, until it was solved."""

    tries: int = 0  # answers that were checked, the right one included
    hints: int = 0  # how often one was given, asked for or not
    solved: str | None = None  # when first, UTC, as in "2026-11-27T09:30:00+00:00"
    mistakes: dict[str, int] = field(default_factory=dict)  # what `check` said of them -> times


@dataclass(frozen=True)
class PredictionRecord:
    """What a learner expected, and what was seen then."""

    name: str
    notebook: str  # its name without a suffix, "01_hyperparameters"
    kind: Literal["choice", "number", "curve"]
    topic: str  # "momentum"
    asked: str  # the question, in words
    # A text (choice), a number (number), or a list of [share of the run 0 to 1, loss], at most 64
    # (curve). A number that is not finite is None, and such a point of a curve is left out.
    expected: Value
    sure: float | None  # the margin of a number, as the learner gave it, 0 or more
    seen: Value
    said: str  # how they differ, in a sentence
    at: str = ""  # when, UTC; "" is now
    unit: str = ""  # of a number


@dataclass(frozen=True)
class LearningRecord:
    """All that is kept."""

    exercises: dict[str, ExerciseRecord] = field(default_factory=dict)  # by name
    predictions: list[PredictionRecord] = field(default_factory=list)  # the oldest first


def first_answers(predictions: Iterable[PredictionRecord]) -> list[PredictionRecord]:
    """Return of the same question with the same result the first answer: then it is known."""
    first: dict[tuple[str, ...], PredictionRecord] = {}
    for one in predictions:
        first.setdefault((one.notebook, one.name, one.kind, repr(one.seen)), one)
    return list(first.values())


def num_answered(predictions: Iterable[PredictionRecord]) -> int:
    """Return how many questions were answered, once or more often."""
    answered = (one for one in predictions if one.expected is not None)
    return len({(one.notebook, one.name) for one in answered})


Note = Callable[[LearningRecord], LearningRecord]
_waiting: list[Note] = []  # notes that are not in the file yet
_in_use = threading.RLock()  # of what this process knows
_said: set[str] = set()


# ---- where it is kept ----


def record_file() -> Path | None:
    """Return the file of this user's record, be it there or not; None if none is to be kept.

    Raises:
        ValueError: TUTORIAL_LEARNING_RECORD cannot name a file.
    """
    if os.environ.get(VARIABLE, "").strip().lower() == "off":
        return None
    named = named_path(VARIABLE, 'a file, or be "off"')
    if named is None:
        folder = user_folder()
        named = None if folder is None else folder / "learning.json"
    return None if named is None else Path(os.path.realpath(named))  # where a link leads to


def file_kept_here() -> Path | None:
    """Return the file, if what is done in this program is a learner's; else None."""
    is_solution = Path(_session()).parent.name == "solutions"
    if is_solution or not (os.environ.get(VARIABLE) or (_session() and _in_kernel())):
        return None
    try:
        return record_file()
    except ValueError as error:
        _say_once(f"Nothing is noted of what you do: {error}.")
        return None


def this_notebook() -> str:
    """Return the name of the notebook that this kernel runs, without a suffix; "" if unknown."""
    return Path(_session()).stem


def _session() -> str:
    return os.environ.get("JPY_SESSION_NAME", "")  # Jupyter Server sets it for each kernel


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


# ---- what is read ----


def read() -> LearningRecord:
    """Return what the learner who sits here has done; nothing where none is kept, or readable."""
    path = file_kept_here()
    if path is None:
        return LearningRecord()
    with _in_use:
        try:
            record = read_file(path)
        except (OSError, RecordError) as error:
            _complain(path, error)
            record = LearningRecord()
        return _with(record, _waiting)


def read_file(path: Path) -> LearningRecord:
    """Return what a file holds; nothing if it is not there.

    Raises:
        OSError: It cannot be read.
        RecordError: It is damaged, too large, of a newer version, or something else.
    """
    try:
        with open_to_read(path) as file:
            is_large = os.fstat(file.fileno()).st_size > MOST_BYTES
            content = b"" if is_large else file.read(MOST_BYTES)
    except FileNotFoundError:
        return LearningRecord()
    if is_large:
        raise RecordError(f"it is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        held = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"it is damaged ({error!s:.80})") from error
    if not isinstance(held, dict) or held.get("what") != WHAT:
        raise RecordError("it is another program's file")
    version = held.get("version")
    if type(version) is int and version > VERSION:
        raise RecordError(f"it is of a newer tutorial_lib, in version {version}")
    try:
        return record_from(held, version=VERSION, what=WHAT)
    except RecordError as error:
        raise RecordError(f"it is damaged ({error})") from error


def record_from(held: Mapping[str, Any], **fixed: Any) -> LearningRecord:
    """Return the record that plain values of JSON hold.

    Args:
        held: "exercises", "predictions" and what is fixed, and nothing else.
        fixed: What other names must hold.

    Raises:
        RecordError: It holds something else; it says what.
    """
    _check_names("the record", held, {"exercises", "predictions", *fixed})
    for name, value in fixed.items():
        if held[name] != value or type(held[name]) is not type(value):
            raise RecordError(f"{name} is not {value!r}")
    exercises, predictions = held["exercises"], held["predictions"]
    if not isinstance(exercises, dict) or not isinstance(predictions, list):
        raise RecordError("exercises or predictions are of another kind")
    return LearningRecord(
        {_text("an exercise", name): _exercise(name, one) for name, one in exercises.items()},
        [_prediction(one) for one in predictions],
    )


def _exercise(name: str, held: Any) -> ExerciseRecord:
    _check_names(name, held, {one.name for one in fields(ExerciseRecord)})
    mistakes = held["mistakes"]
    if not isinstance(mistakes, dict):
        raise RecordError(f"mistakes of {name} are of another kind")
    counts = {_text("a mistake", words): _count(words, n) for words, n in mistakes.items()}
    solved = None if held["solved"] is None else _time("solved", held["solved"])
    return ExerciseRecord(
        _count("tries", held["tries"]), _count("hints", held["hints"]), solved, counts
    )


def _prediction(held: Any) -> PredictionRecord:
    _check_names("a prediction", held, {one.name for one in fields(PredictionRecord)})
    for name in ("name", "notebook", "topic", "asked", "said", "unit"):
        _text(name, held[name])
    if held["kind"] not in KINDS:
        raise RecordError(f"kind must be one of {', '.join(KINDS)}")
    values = {name: _value(name, held["kind"], held[name]) for name in ("expected", "seen")}
    sure = None if held["sure"] is None else _number("sure", held["sure"])
    if sure is not None and sure < 0:
        raise RecordError("sure is below 0")
    return PredictionRecord(**held | values | {"sure": sure, "at": _time("at", held["at"])})


def _value(name: str, kind: str, value: Any) -> Value:
    if value is None:
        return None
    if kind == "choice":
        return _text(name, value)
    if kind == "number":
        return _number(name, value)
    if not isinstance(value, list) or len(value) > MOST_POINTS:
        raise RecordError(f"{name} of a curve must be a list of at most {MOST_POINTS} points")
    points = [[_number(name, part) for part in point] for point in value if _is_pair(name, point)]
    if not all(0 <= share <= 1 for share, _ in points):
        raise RecordError(f"{name} of a curve has a point outside the run, 0 to 1")
    return points


def _is_pair(name: str, point: Any) -> bool:
    if not isinstance(point, list) or len(point) != 2:
        raise RecordError(f"{name} of a curve must be pairs of a share of the run and a loss")
    return True


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(f"{name} must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RecordError(f"{name} must be a finite number")
    return number


def _count(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise RecordError(f"{name:.80} must be counted, 0 or more")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_LETTERS:
        raise RecordError(f"{name} must be a text of at most {MOST_LETTERS:,} letters")
    return value


def _time(name: str, value: Any) -> str:
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{name} is no time") from error
    if when.tzinfo is None or len(value) > 40:
        raise RecordError(f"{name} is a time of no zone")
    return value


def _check_names(what: str, held: Any, names: set[str]) -> None:
    if not isinstance(held, Mapping) or set(held) != names:
        raise RecordError(f"{what:.80} must have {', '.join(sorted(names))}, and nothing else")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


# ---- what is noted ----


def note_try(name: str, solved: bool, mistake: str = "") -> None:
    """Note an answer to an exercise; what comes after it was solved is not counted.

    Args:
        name: Of the exercise.
        solved: Whether the answer was right.
        mistake: What `check` said of a wrong one, if it knew the mistake.
    """
    now = _now()
    mistake = mistake[:MOST_LETTERS]

    def change(one: ExerciseRecord) -> ExerciseRecord:
        mistakes = dict(one.mistakes)
        if mistake:
            mistakes[mistake] = mistakes.pop(mistake, 0) + 1  # now the newest
        mistakes = dict(list(mistakes.items())[-MOST_MISTAKES:])
        return replace(one, tries=one.tries + 1, solved=now if solved else None, mistakes=mistakes)

    _note(_on_exercise(name, change))


def note_hint(name: str) -> None:
    """Note that a hint of an exercise was given."""
    _note(_on_exercise(name, lambda one: replace(one, hints=one.hints + 1)))


def note_prediction(prediction: PredictionRecord) -> None:
    """Note what was expected and seen.

    Raises:
        ValueError: A field is of the wrong kind; it says which.
    """
    held = asdict(prediction) | {"at": prediction.at or _now()}
    if held["kind"] in KINDS[1:]:
        held |= {name: _plain(held[name]) for name in ("expected", "seen", "sure")}
    one = _prediction(held)
    _note(
        lambda record: replace(record, predictions=[*record.predictions, one][-MOST_PREDICTIONS:])
    )


def reset() -> Path | None:
    """Begin a new record; return where the old one is kept now, or None if there was none.

    Raises:
        OSError, ValueError: What is there cannot be moved, or is no record; nothing has changed.
    """
    path = record_file()
    if path is None or not os.path.lexists(path):
        return None
    with _in_use:
        lock = try_lock(path, patience=PATIENCE)
        if lock is None:
            raise OSError(f"another program is writing {path}")
        try:
            with open_to_read(path) as file:
                is_ours = WHAT.encode() in file.read(1000)
            if not is_ours:
                raise RecordError(f"{path} is no learning record, and stays as it is")
            kept = move_aside(path, path)
        finally:
            unlock(lock)
        _waiting.clear()
    return kept


def _on_exercise(name: str, change: Callable[[ExerciseRecord], ExerciseRecord]) -> Note:
    def note(record: LearningRecord) -> LearningRecord:
        one = record.exercises.get(name, ExerciseRecord())
        changed = one if one.solved else change(one)
        return replace(record, exercises=record.exercises | {name: changed})

    return note


def _with(record: LearningRecord, notes: Iterable[Note]) -> LearningRecord:
    for note in notes:
        record = note(record)
    return record


def _note(note: Note) -> None:
    """Write a note into the file, with those that could not be written before."""
    path = file_kept_here()
    if path is None:
        return
    with _in_use:
        _waiting.append(note)
        del _waiting[:-MOST_WAITING]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = try_lock(path, patience=PATIENCE)
            if lock is None:
                raise OSError("another program is writing it")
            try:
                before = read_file(path)
                after = _with(before, _waiting)
                if after != before:
                    _write(path, after)
                _waiting.clear()
            finally:
                unlock(lock)
        except (OSError, RecordError) as error:
            _complain(path, error)


def _write(path: Path, record: LearningRecord) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not os.stat(path).st_mode & stat.S_IWUSR:  # somebody has written-protected it
            raise PermissionError("it may not be written")
    with replacing(path, start=START) as file:
        file.write(text_of(record).encode(errors="backslashreplace"))  # half letters


def text_of(record: LearningRecord) -> str:
    """Return the text of the file."""
    return json_text({"what": WHAT, "version": VERSION} | plain_values(record))


def plain_values(record: LearningRecord) -> dict[str, Any]:
    """Return a record as JSON has it, which `record_from` takes."""
    return {
        "exercises": {name: asdict(one) for name, one in sorted(record.exercises.items())},
        "predictions": [asdict(one) for one in record.predictions],
    }


def json_text(held: Mapping[str, Any]) -> str:
    """Return JSON for people: a line for each name, and for each part of a list or a dict."""
    return (
        "{"
        + ",".join(f"\n {_line(name)}: {_parts(value)}" for name, value in held.items())
        + "\n}\n"
    )


def _parts(value: Any) -> str:
    if not value or not isinstance(value, dict | list):
        return _line(value)
    if isinstance(value, dict):
        lines = [f"{_line(name)}: {_line(part)}" for name, part in value.items()]
        return "{" + ",".join(f"\n  {line}" for line in lines) + "\n }"
    return "[" + ",".join(f"\n  {_line(part)}" for part in value) + "\n ]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return numbers as JSON has them, also numpy's; None for what is not finite."""
    if isinstance(value, list | tuple):
        pairs = [[_plain(part) for part in point] for point in value]
        return [pair for pair in pairs if None not in pair]
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _complain(path: Path, error: Exception) -> None:
    words = getattr(error, "strerror", None) or str(error)
    _say_once(f"Nothing is noted in {path}: {words}. The tutorial goes on without.")


def _say_once(words: str) -> None:
    line = " ".join(words.split()).encode(errors="backslashreplace").decode()
    if line not in _said:
        _said.add(line)
        print(line)
