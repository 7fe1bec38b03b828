"""Numbers as people write them, and the numbers that a field takes."""

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tutorial_lib.checks import check_number, check_whole, shown

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2013", "-"),  # minus, hyphens, a dash
        **dict.fromkeys("\u066b\u3002", "."),  # before the fraction in Arabic; a Chinese full stop
        **dict.fromkeys("\u066c\u2019'_", " "),  # they part groups of digits, as a space does
        "\u066a": "%",
        **dict.fromkeys("\u2044\u2215", "/"),
        **dict.fromkeys("\u00d7\u00b7\u22c5", "*"),
    }
)
MOST_LETTERS = 400
MOST = 10**15  # of a whole number: below that all are exact in a browser, too
_RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b"  # 0 to 9, +, -
_UNRAISED = str.maketrans(_RAISED, "0123456789+-")


@dataclass(frozen=True)
class Range:
    """The numbers that a field takes.

    Args:
        low: The lowest; -inf for no end.
        high: The highest; inf for no end.
        whole: Whether they are whole.
        above: Whether low itself is left out.
        below: Whether high itself is left out.
    """

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False
    below: bool = False

    @property
    def words(self) -> str:
        """What is taken: "a whole number from 1 to 4,000"."""
        kind = "a whole number" if self.whole else "a number"
        low, high = (f"{end:,}" if self.whole else written(end) for end in (self.low, self.high))
        if math.isinf(self.low):
            return kind if math.isinf(self.high) else f"{kind}, {high} or less"
        if math.isinf(self.high):
            return f"{kind} above {low}" if self.above else f"{kind}, {low} or more"
        if self.below:
            return f"{kind} from {low} to below {high}"
        return f"{kind} above {low}, up to {high}" if self.above else f"{kind} from {low} to {high}"

    def check(self, field: str, value: Any) -> float:
        """Return the value as a plain int or float.

        Raises:
            TypeError: It is not a number, or not a whole one where whole ones are taken.
            ValueError: It lies outside. Both name field, value and range.
        """
        if self.whole:
            high = None if math.isinf(self.high) else self.high
            return check_whole(field, value, low=self.low, high=high)
        left, right = (
            "(" if self.above or math.isinf(self.low) else "[",
            ")" if self.below or math.isinf(self.high) else "]",
        )
        interval = f"{left}{written(self.low)}, {written(self.high)}{right}"
        return check_number(field, value, interval, self._has) + 0.0  # no -0.0

    def _has(self, number: float) -> bool:
        over = number > self.low if self.above else number >= self.low
        return over and (number < self.high if self.below else number <= self.high)

    def read(self, field: str, text: str) -> float:
        """Return the number that a person has typed.

        Raises:
            ValueError: It is none, or can be read in two ways, or lies outside. Names field, text
                and range.
        """
        why = ""
        try:
            number = number_from(text, whole=self.whole)
            if self._has(number):
                return number + 0
        except _Unreadable as error:
            why = f", {error}"
        typed = shown(text) + why if text.strip() else "nothing"
        raise ValueError(f"{field} must be {self.words}; got {typed}")


class _Unreadable(ValueError):
    """Why a text is no number, or more than one: the end of a sentence."""


def number_from(text: str, *, whole: bool = False) -> int | float:
    """Read a number in any usual spelling, and nothing else.

    A point or a comma before the fraction; groups of three digits; a power of ten, a percentage,
    a fraction; digits and signs of any script. So 0.05 is also 0,05 and .05, 5e-2, 5 x 10^-2, 5 %
    and 1/20. Never guesses: as a count 1,024 is 1024, but where fractions are usual it could be
    two numbers.

    Args:
        text: What was typed.
        whole: Whether a count is meant. Returns an int then.

    Raises:
        ValueError: The text is not a number, or can be read in two ways, or is not a whole one.
    """
    if len(text) > MOST_LETTERS:
        raise _Unreadable("which is too long")
    plain = _plain(text)
    over, slash, under = plain.partition("/")
    if slash:
        divisor = _exact(under.strip(), whole=whole)
        if not divisor:
            raise _Unreadable("which divides by 0")
        value = _exact(over.strip(), whole=whole) / divisor
    elif plain.endswith("%") and not whole:
        value = _exact(plain[:-1].rstrip(), whole=whole) / 100
    else:
        value = _exact(plain, whole=whole)
    return _whole(value) if whole else _float(value)


def written(value: float) -> str:
    """Write a number in few characters that give it back exactly: 0.05, 32, 1e-5."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:g}"
    text = text if float(text) == value else repr(value)
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _plain(text: str) -> str:
    """Write digits and signs of other scripts as those of ASCII; leave out marks of direction."""
    raised = f"(?<=10)[{_RAISED}]+"
    text = re.sub(raised, lambda power: "^" + power[0].translate(_UNRAISED), text)
    signs = []
    for sign in text.replace("**", "^"):
        kind = unicodedata.category(sign)
        if kind == "Nd":
            sign = str(unicodedata.decimal(sign))
        elif kind != "No":  # not those that are raised, or half of something
            sign = unicodedata.normalize("NFKC", sign)
        signs.append("" if kind == "Cf" else " " if sign.isspace() else sign)
    return "".join(signs).translate(_SIGNS).lower().strip()


def _exact(plain: str, *, whole: bool) -> Fraction:
    """Read a decimal number, with a power of ten or without."""
    power = re.fullmatch(r"([+-]?) ?(?:(.+?) ?[*x] ?)?10\^ ?([+-]?\d{1,4})", plain)
    if power:
        plain = f"{power[1]}{power[2] or 1}e{power[3]}"
    found = re.fullmatch(r"([+-]?) ?([\d., ]*\d[\d.,]*)(?: ?e ?([+-]?\d{1,4}))?", plain)
    if not found:
        raise _Unreadable("which is no number")
    sign, digits, exponent = found.groups()
    return Fraction(f"{sign}{_ungrouped(digits, whole=whole and not exponent)}e{exponent or 0}")


def _ungrouped(digits: str, *, whole: bool) -> str:
    """Return digits with a point at most: without what parts groups of three.

    The last of two kinds of signs stands before the fraction, and so does a sign that stands
    alone, unless it could as well part thousands.
    """
    if " " in digits:
        head, _, tail = digits.replace(",", ".").partition(".")
        return _joined(head, " ") + "." + tail + "0"
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    head, mark, tail = digits[:last], digits[last], digits[last + 1 :]
    if mark in head:
        return _joined(digits, mark)
    if other := re.search("[.,]", head):
        return f"{_joined(head, other[0])}.{tail}0"
    if len(tail) == 3 and re.fullmatch(r"[1-9]\d{0,2}", head):
        if whole and mark == ",":
            return head + tail
        if whole:
            raise _Unreadable(f"which may mean {head}{tail}: write it so")
        if mark == ",":
            raise _Unreadable(f"which may mean {head}{tail} or {head}.{tail}: write one of these")
    return f"{head or 0}.{tail}0"


def _joined(digits: str, sign: str) -> str:
    """Join groups of three digits; before these, in India, there are groups of two."""
    head, *groups = digits.split(sign)
    sizes = [len(group) for group in groups]
    by_three, by_two = {*sizes} == {3}, sizes[-1:] == [3] and {*sizes[:-1]} == {2}
    if not digits.replace(sign, "").isdecimal() or not (
        (by_three and 1 <= len(head) <= 3) or (by_two and 1 <= len(head) <= 2)
    ):
        raise _Unreadable("which is no number")
    return "".join([head, *groups])


def _whole(value: Fraction) -> int:
    if value.denominator != 1:
        raise _Unreadable("which is not whole")
    if abs(value.numerator) >= MOST:
        raise _Unreadable("which is too large")
    return value.numerator


def _float(value: Fraction) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise _Unreadable("which is too large") from None
    if value and not number:
        raise _Unreadable("which is too near to 0")
    return number
