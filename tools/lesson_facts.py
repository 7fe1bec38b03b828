"""How long are the notebooks, and how are reading, guessing, running and looking spread over them?

Usage: python tools/lesson_facts.py [NOTEBOOK ...]

Prints a table. Minutes are for somebody who reads, guesses, runs and does the exercises: 180 words
a minute (people read plain prose with 238, Brysbaert 2019; this has formulas), 20 seconds for a
code cell, 45 for a prediction, 3 minutes for an exercise. For how long cells run, see
benchmarks/run_all.py.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
MARK = "◆"  # ends a heading that is on the short way
PREDICT = "**Predict first:**"
WORDS_A_MINUTE = 180
CELL_MINUTES = 20 / 60
PREDICTION_MINUTES = 45 / 60
EXERCISE_MINUTES = 3

_HEADING = re.compile(r"^(#{2,6}) +(.+?)\s*$", re.MULTILINE)
_NO_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$|```.*?```|<[^>]+>|\]\([^)]*\)", re.DOTALL)
_TRAINS = re.compile(r"\bprogress\(|\.run\(|\btrain\(|\bin run\b|list\(run\)|islice\(run")


class Part(NamedTuple):
    """A piece of markdown below one heading, or a code cell."""

    heading: str  # the last one before it, "" before the first
    source: str
    is_code: bool
    has_picture: bool
    cell: int

    @property
    def is_short(self) -> bool:
        """Whether it is on the short way."""
        return not self.heading or self.heading.endswith(MARK)

    @property
    def words(self) -> int:
        """Of prose; formulas and code are no words."""
        return 0 if self.is_code else len(re.findall(r"[\w'-]+", _NO_PROSE.sub(" ", self.source)))

    @property
    def is_exercise(self) -> bool:
        """Whether it is the cell of an exercise."""
        return self.is_code and "check(" in self.source

    @property
    def is_question(self) -> bool:
        """Whether it is the cell in which a prediction is answered."""
        return self.is_code and re.search(r"^predict_\w+\(", self.source, re.MULTILINE) is not None

    @property
    def minutes(self) -> float:
        """How long somebody is at it."""
        if self.is_question:
            return 0  # the prompt above it has the prediction's time
        if self.is_code:
            return EXERCISE_MINUTES if self.is_exercise else CELL_MINUTES
        return self.words / WORDS_A_MINUTE + self.source.count(PREDICT) * PREDICTION_MINUTES


def parts_of(path: Path) -> list[Part]:
    """Return what a notebook is made of, in order."""
    return list(_parts(path))


def _parts(path: Path) -> Iterator[Part]:
    heading = ""
    for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code":
            has_picture = any("image/png" in output.get("data", {}) for output in cell.outputs)
            yield Part(heading, cell.source, True, has_picture, index)
            continue
        start = 0
        for found in _HEADING.finditer(cell.source):
            if cell.source[start : found.start()].strip():
                yield Part(heading, cell.source[start : found.start()], False, False, index)
            heading, start = found[2], found.start()
        yield Part(heading, cell.source[start:], False, "![" in cell.source, index)


def num_predictions(parts: list[Part]) -> int:
    """Return how often the reader is asked for a prediction."""
    return sum(part.source.count(PREDICT) for part in parts if not part.is_code)


def first_training(parts: list[Part]) -> tuple[float, int] | None:
    """Return after how many minutes the first training begins, and in which cell; None: never."""
    minutes = 0.0
    for part in parts:
        if part.is_code and _TRAINS.search(part.source) and "def " not in part.source:
            return minutes, part.cell
        minutes += part.minutes
    return None


def longest_stretch(parts: list[Part]) -> int:
    """Return the most words that stand between two pictures."""
    longest = stretch = 0
    for part in parts:
        stretch = 0 if part.has_picture else stretch + part.words
        longest = max(longest, stretch)
    return longest


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="their numbers, as 01; all if none")
    names = parser.parse_args().notebooks or [""]
    paths = sorted({path for name in names for path in NOTEBOOKS.glob(f"{name}*.ipynb")})
    print("| notebook | words | code cells | predictions | first training | longest stretch |"
          " minutes, short way | minutes, all |")  # fmt: skip
    print("| --- " * 8 + "|")
    for path in paths:
        parts = parts_of(path)
        training = first_training(parts)
        short = sum(part.minutes for part in parts if part.is_short)
        cells = (
            path.stem,
            f"{sum(part.words for part in parts):,}",
            sum(part.is_code for part in parts),
            num_predictions(parts),
            "none" if training is None else "minute {:.0f}, cell {}".format(*training),
            longest_stretch(parts),
            f"{short:.0f}" if any(part.heading.endswith(MARK) for part in parts) else "",
            f"{sum(part.minutes for part in parts):.0f}",
        )
        print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
