"""The class as a table for spreadsheets, in which no cell is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from tutorial_lib.classroom.hand_in import HandIn
from tutorial_lib.classroom.summary import totals_of
from tutorial_lib.exercises import EXERCISES
from tutorial_lib.files import replacing
from tutorial_lib.learning_map import state_of

FIRST = ("name", "file", "handed in at", "solved", "tried", "tries", "hints", "predictions", "runs")
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # spreadsheets take such a beginning for one
START = ("\ufeff" + ",".join(FIRST)).encode()


def harmless(value: Any) -> Any:
    """Return what a cell shows as it stands: before what looks like a formula, an apostrophe."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if value.lstrip().startswith(FORMULA) or value[:1] in FORMULA else value


def table_text(hand_ins: Sequence[HandIn], more: dict[str, Sequence[Any]]) -> str:
    """Return the CSV: a line for each hand-in.

    Args:
        more: Head of a further column -> a value for each hand-in.
    """
    names = [name for exercises in EXERCISES.values() for name in exercises]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([*FIRST, *more, *names])
    for number, one in enumerate(hand_ins):
        values = [one.name, one.path.name, one.at, *astuple(totals_of(one))]
        values += [column[number] for column in more.values()]
        lines.writerow(map(harmless, [*values, *_states(one, names)]))
    return text.getvalue()


def _states(one: HandIn, names: Iterable[str]) -> list[str]:
    cells = []
    for name in names:
        exercise = one.record.exercises.get(name)
        state = state_of(exercise)
        tries = f" ({exercise.tries})" if exercise is not None and exercise.tries else ""
        cells.append("" if state == "not yet" else f"{state}{tries}")
    return cells


def write_table(path: Path, text: str) -> None:
    """Write the CSV, in the place of none or of an earlier one; UTF-8, which Excel is told.

    Raises:
        OSError: It cannot be written.
    """
    with replacing(path, start=START) as file:
        file.write(("\ufeff" + text).encode(errors="replace"))
