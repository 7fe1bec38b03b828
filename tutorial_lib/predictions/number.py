"""A guess of a number, with the learner's own margin."""

import math
import threading
from decimal import Decimal
from typing import Any

import ipywidgets as widgets
import traitlets

from tutorial_lib.checks import check_number
from tutorial_lib.panels.controls import ROW_LAYOUT
from tutorial_lib.panels.number_control import TOOLTIP
from tutorial_lib.panels.typed_numbers import Range, written
from tutorial_lib.predictions.asked import Guess, Prediction, check_text, plain_number

GUESS, MARGIN = "your guess", "give or take"
HOW_SURE = "How sure? Nine times in ten it should lie within what you give or take."
ONE_IN_TEN = "One time in ten is meant to be outside."
MARGINS = Range(0)
CLOSE = 5.0  # margins: a miss by no more is one of those that are meant
FACTOR = 3.0  # from here on a guess is so many times too high, rather than by so much
MOST_UNIT = 30  # letters


def predict_number(
    name: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    topic: str,
    asked: str = "",
) -> "NumberPrediction":
    """Ask for a number, and how sure it is; show what it returns by ending the cell with it.

    The margin is the learner's own: nine times in ten it should lie within so much of the guess.

    Args:
        name: Of what `measured(name, seen)` will tell: seen is a number in the same unit.
        unit: What it is measured in: "%", "steps"; "" for none.
        low, high: The lowest and the highest number that make sense; None for no end.
        topic: What it is about, in a word or two: "momentum".
        asked: The question in words; "" where it stands above the cell.

    Raises:
        TypeError, ValueError: It says which argument is wrong, and what it takes.
    """
    return NumberPrediction(name, unit=unit, low=low, high=high, topic=topic, asked=asked)


class NumberPrediction(Prediction):
    """A question whose answer is a number within a margin; see `predict_number`."""

    kind = "number"
    hint = "Write a number, or skip."

    def __init__(
        self,
        name: str,
        *,
        unit: str = "",
        low: float | None = None,
        high: float | None = None,
        topic: str,
        asked: str = "",
    ) -> None:
        name = check_text("name", name)
        self.unit = check_text("unit", unit, may_be_empty=True)
        if len(self.unit) > MOST_UNIT:
            raise ValueError(f"unit must be a text of at most {MOST_UNIT} letters; got {unit!r}")
        self.allowed = _range(low, high)
        # No margin is wider than all that may be guessed.
        self.margins = (
            MARGINS if low is None or high is None else Range(0, float(high) - float(low))
        )
        self._writer: int | None = None  # the thread that writes the fields, while it does
        about = check_text("asked", asked, may_be_empty=True) or name.replace("_", " ")
        takes = f"Takes {self.allowed.words}{f', in {self.unit}' if self.unit else ''}."
        self.guess_field = self._field(GUESS, f"{about} {takes}", "230px")
        self.margin_field = self._field(MARGIN, HOW_SURE, "190px")
        fields = widgets.HBox(
            [self.guess_field, self.margin_field], layout=ROW_LAYOUT | {"grid_gap": "4px 20px"}
        )
        sure = widgets.HTML(f"<small>{HOW_SURE}</small>")
        super().__init__(name, topic=topic, asked=asked, parts=[fields, sure])

    def _field(self, description: str, tooltip: str, width: str) -> widgets.Text:
        words = f"{description} ({self.unit})" if self.unit else description
        field = widgets.Text(
            description=words,
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": f"calc({width} + {len(words) - len(description)}ch)"},
            **{TOOLTIP: tooltip},
        )
        field.observe(self._typed, "value")
        return field

    def compare(self, seen: float) -> str:
        """Say whether it lay inside the margin, and how far off the guess was."""
        said = f"You expected {self.in_words(self._guess)}; "
        if math.isnan(seen):
            return f"{said}it was no number (NaN): the run has diverged."
        if math.isinf(seen):
            return f"{said}it grew beyond all numbers: the run has diverged."
        said += f"it was {self._with_unit(seen_text(seen))}: "
        is_near = is_right(self.expected, seen)
        if self.sure is not None and not is_inside(self.expected, self.sure, seen):
            is_close = is_inside(self.expected, CLOSE * self.sure, seen)  # else it would mock
            then = f" {ONE_IN_TEN}" if is_close else ""
            return f"{said}outside your margin; {self._off(seen)}.{then}"
        inside = "" if self.sure is None else "inside your margin"
        if is_near:
            return f"{said}{inside}{', ' * bool(inside)}right to the last digit that you gave."
        return f"{said}{inside}{'; ' * bool(inside)}{self._off(seen)}."

    def _off(self, seen: float) -> str:
        """Say how far off the guess was, and on which side."""
        expected = self.expected
        side, distance = "high" if expected > seen else "low", abs(expected - seen)
        larger, smaller = sorted((abs(expected), abs(seen)), reverse=True)
        if expected * seen > 0 and larger >= FACTOR * smaller:
            times = float(f"{larger / smaller:.2g}")
            return f"your guess was about {_short(times)} times too {side}"
        points = " points" if self.unit == "%" else ""
        return f"your guess was too {side} by {_short(distance)}{points}"

    def read_seen(self, seen: Any) -> float:
        """Return what was measured: a number, which may be NaN or infinite."""
        return plain_number(f"what was measured for {self.name}", seen)

    def read_expected(self, expected: Any, sure: Any = None) -> Guess:
        """Return a number, and a margin or None, as a guess."""
        expected = self.allowed.check(self.name, plain_number(self.name, expected))
        if sure is not None:
            sure = self.margins.check("sure", plain_number("sure", sure))
        return Guess(expected, sure)

    def in_words(self, guess: Guess) -> str:
        """Say what is expected, with the margin."""
        words = self._with_unit(written(guess.expected))
        if guess.sure is None:
            return words
        return f"{words}, give or take {written(guess.sure)}"

    def show_guess(self, guess: Guess, *, is_locked: bool) -> None:
        """Let the fields show it, as it was understood."""
        self._writer = threading.get_ident()
        try:
            for field, number in (
                (self.guess_field, guess.expected),
                (self.margin_field, guess.sure),
            ):
                field.value, field.disabled = "" if number is None else written(number), is_locked
        finally:
            self._writer = None

    def _typed(self, _: traitlets.Bunch) -> None:
        """Take what was typed, in the thread in which that has come, or say why not."""
        if self._writer == threading.get_ident():
            return
        try:
            expected = self._read(self.allowed, GUESS, self.guess_field.value)
            sure = self._read(self.margins, MARGIN, self.margin_field.value)
        except ValueError as error:
            stays = self._guess.expected
            then = f"It stays {self.in_words(self._guess)}." if stays is not None else ""
            self.warn(f"{error}. {then}".strip())
        else:
            self.take(Guess(expected, sure))

    def _read(self, allowed: Range, field: str, text: str) -> float | None:
        """Return the number in a field, with its unit or without; None for an empty one."""
        plain = text.strip()
        if self.unit and plain.lower().endswith(self.unit.lower()):
            plain = plain[: -len(self.unit)].rstrip()
        if plain.endswith("%") and (self.unit or allowed is self.margins):  # 10 % of what?
            unit = self.unit if self.unit and field == GUESS else "the unit of your guess"
            raise ValueError(f"{field} must be in {unit}; got {text.strip()!r}")
        return float(allowed.read(field, plain)) if plain else None

    def _with_unit(self, number: str) -> str:
        unit = self.unit.removesuffix("s") if number == "1" else self.unit  # "1 step"
        return f"{number} {unit}".rstrip()


def is_right(expected: float, seen: float) -> bool:
    """Say whether a guess is what was seen, rounded to the digits in which the guess is written."""
    if not expected:
        return seen == expected
    places = max(-Decimal(written(expected)).as_tuple().exponent, 0)
    return abs(seen - expected) < 0.5 * 10**-places


def is_inside(expected: float, sure: float, seen: float) -> bool:
    """Say whether what was seen lies within the margin of a guess, its ends included."""
    return abs(seen - expected) <= sure + 1e-9 * max(abs(expected), sure)  # 2.5 - 0.2 is not 2.3


def seen_text(value: float) -> str:
    """Write what was measured with four digits, and not as a power where it need not be."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return written(float(f"{value:.4g}"))


def _short(value: float) -> str:
    """Write a distance, or how many times, with two digits."""
    return f"{value:,.0f}" if 100 <= value < 1e6 else written(float(f"{value:.2g}"))


def _range(low: Any, high: Any) -> Range:
    """Return the numbers that make sense."""
    ends = [
        limit if end is None else check_number(field, end, "(-inf, inf)", lambda _: True)
        for field, end, limit in (("low", low, -math.inf), ("high", high, math.inf))
    ]
    if ends[0] >= ends[1]:
        raise ValueError(f"low must lie below high; got {low!r} and {high!r}")
    return Range(*ends)
