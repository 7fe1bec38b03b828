"""The claims table: what the notebooks say that a run does, and how it is measured.

A claim is a function of a seed that trains or computes by the library's public names, as the
notebook's cell does, and says whether the sentence held, and what was seen:

    @claim("01", "Step for step, the cleaner gradient wins")
    def large_batch_wins_step_for_step(seed):
        \"\"\"The training loss of B = 256 after 375 steps against that of B = 32.\"\"\"
        ...
        return Seen(large < small, f"{large:.2f} < {small:.2f}")

`make claims` measures every claim for all its seeds, with one thread and with two; the test suite
measures the quick ones for one seed, and holds that every sentence stands in its notebook.
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SEEDS = range(5)


class Seen(NamedTuple):
    """What was measured for one seed."""

    holds: bool
    numbers: str  # in a few words, as "0.24 < 0.31"


class Claim(NamedTuple):
    """A sentence of a notebook, and how it is measured."""

    notebook: str  # its number, as "01"
    sentence: str  # a piece of its text, word for word; line breaks count as spaces
    measure: Callable[[int], Seen]
    seeds: Sequence[int]
    at_least: int  # for so many seeds it has to hold: fewer than all where the text says so
    is_quick: bool  # takes about a second for a seed: one seed is measured by the test suite

    @property
    def name(self) -> str:
        return f"{self.notebook} {self.measure.__name__}"

    @property
    def how(self) -> str:
        """How it is measured, in one line."""
        return (self.measure.__doc__ or "").split("\n\n")[0].strip()


CLAIMS: list[Claim] = []


def claim(
    notebook: str,
    sentence: str,
    *,
    seeds: Iterable[int] = SEEDS,
    at_least: int | None = None,
    quick: bool = True,
) -> Callable[[Callable[[int], Seen]], Callable[[int], Seen]]:
    """Enter the function below into the table.

    Args:
        notebook: The number of the notebook that says it.
        sentence: What it says, word for word.
        seeds: Five at least, unless nothing in the measurement is drawn: then one.
        at_least: For so many seeds it has to hold; all of them unless the sentence says otherwise.
        quick: Whether one seed takes about a second, no more.
    """
    chosen = tuple(seeds)
    needed = len(chosen) if at_least is None else at_least

    def enter(measure: Callable[[int], Seen]) -> Callable[[int], Seen]:
        CLAIMS.append(Claim(notebook, sentence, measure, chosen, needed, quick))
        return measure

    return enter


def all_claims() -> list[Claim]:
    """Return the claims of every notebook, in order."""
    for path in sorted(Path(__file__).parent.glob("notebook_*.py")):
        importlib.import_module(f"claims.{path.stem}")
    return sorted(CLAIMS, key=lambda each: each.notebook)


def text_of(notebook: str) -> str:
    """Return the markdown of the notebook with that number, with single spaces between words."""
    path = next(NOTEBOOKS.glob(f"{notebook}_*.ipynb"))
    cells = nbformat.read(path, as_version=4).cells
    return " ".join(" ".join(c.source.split()) for c in cells if c.cell_type == "markdown")
