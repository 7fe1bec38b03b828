"""Numbers as people write them: taken in any usual spelling, and never guessed.

`TUTORIAL_THOROUGH=10` tries ten times as many.
"""

import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutorial_lib.panels.typed_numbers import Range, number_from, written

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
RATES = Range(0, above=True)
SIZES = Range(1, 4000, whole=True)
TWENTIETH = (
    "0.05", "0,05", ".05", ",05", " 0.05 ", "+0.05", "0.050", "5e-2", "5E-2", "0,5e-1", "5 %", "5%",
    "1/20", "1 / 20", "5x10^-2", "5 \u00d7 10\u207b\u00b2", "5\u00b710^\u22122", "5*10**-2",
    "\uff10\uff0e\uff10\uff15", "\u0660\u066b\u0660\u0665", "\u0660.\u0660\u0665",
    "\u0966.\u0966\u096b", "0\u300205", "\u200e0.05", "\u0665\u066a", "\uff15\uff05", "\u00a00.05",
)  # fmt: skip
THOUSANDS = (
    "1234.5", "1,234.5", "1.234,5", "1 234.5", "1 234,5", "1_234.5", "1'234.5", "1\u2019234,5",
    "1\u202f234,5", "1\u066c234\u066b5", "1.2345e3", "12345/10",
)  # fmt: skip
COUNTS = ("1024", "1,024", "1 024", "1_024", "1'024", "1024.0", "1024,0", "1.024e3")
NO_NUMBERS = (
    "", " ", "abc", "nan", "inf", "-", ".", ",", "%", "e5", "1e", "1..2", "1.5.", "1 0", "1,23.4",
    "1.23,4,5", "1,2,3", "--1", "1-2", "0x10", "1/0", "1/2/3", "5%%", "%5", "\u00bd", "5\u00b2",
    "one", "1 or 2", "0.05 0.1", "1e99999", "9" * 5000, "<b>1</b>", "$1$", "1k", "\u4e94",
)  # fmt: skip


@pytest.mark.parametrize("text", TWENTIETH)
def test_a_twentieth_in_any_usual_spelling(text):
    assert RATES.read("rate", text) == 0.05


@pytest.mark.parametrize("text", THOUSANDS)
def test_thousands_with_a_fraction(text):
    assert RATES.read("rate", text) == 1234.5


@pytest.mark.parametrize("text", COUNTS)
def test_a_count_of_thousands(text):
    count = SIZES.read("size", text)
    assert (count, type(count)) == (1024, int)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10^-3", 1e-3), ("10\u207b\u00b3", 1e-3), ("-1,5", -1.5), ("\u22121.5", -1.5), ("5.", 5.0),
        ("1,000,000", 1e6), ("1.000.000", 1e6), ("12,34,567.5", 1234567.5), ("0,125", 0.125),
        ("1234,567", 1234.567), ("1 000,125", 1000.125), ("1e9", 1e9), ("-0", 0.0),
    ],
)  # fmt: skip
def test_other_numbers(text, value):
    assert number_from(text) == value


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("allowed", [RATES, SIZES], ids=["rate", "size"])
def test_what_is_no_number_is_refused_by_field_text_and_range(text, allowed):
    with pytest.raises(ValueError, match="field must be ") as caught:
        allowed.read("field", text)
    assert allowed.words in str(caught.value)
    assert (text.strip()[:3] or "got nothing") in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("allowed", "text", "why"),
    [
        (RATES, "1,024", "1024 or 1.024: write one of these"),
        (RATES, "1,000", "1000 or 1.000"),
        (RATES, "12,345e-3", "12345 or 12.345"),
        (SIZES, "1.024", "may mean 1024: write it so"),
        (SIZES, "2.000", "may mean 2000: write it so"),
        (SIZES, "2.5", "not whole"),
        (SIZES, "50%", "no number"),
        (RATES, "1e400", "too large"),
        (RATES, "1e-400", "too near to 0"),
    ],
)
def test_what_could_be_two_numbers_or_none_is_answered_with_why(allowed, text, why):
    with pytest.raises(ValueError, match=why):
        allowed.read("field", text)


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        (RATES, "0"), (RATES, "-1"), (SIZES, "0"), (SIZES, "4001"), (SIZES, "1e9"),
        (Range(0, 1, below=True), "1"), (Range(0, 1, below=True), "100 %"), (Range(-3, 3), "3.01"),
    ],
)  # fmt: skip
def test_a_number_outside_the_range_is_refused(allowed, text):
    with pytest.raises(ValueError, match=r"field must be a .*number .*; got '"):
        allowed.read("field", text)


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (RATES, "a number above 0"),
        (SIZES, "a whole number from 1 to 4,000"),
        (Range(1, whole=True), "a whole number, 1 or more"),
        (Range(0, 1, below=True), "a number from 0 to below 1"),
        (Range(-3, 3), "a number from -3 to 3"),
        (Range(-math.inf, 3), "a number, 3 or less"),
        (Range(-math.inf), "a number"),
    ],
)
def test_a_range_in_words(allowed, words):
    assert allowed.words == words


@settings(max_examples=200 * TIMES, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_read_as_the_same_float(value):
    assert number_from(written(value)) == value


@settings(max_examples=100 * TIMES, deadline=None)
@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_what_is_written_is_read_as_the_same_count(value):
    assert number_from(written(value), whole=True) == value
    assert number_from(f"{value:_}", whole=True) == value


@settings(max_examples=200 * TIMES, deadline=None)
@given(st.decimals(0, 10**6, places=4), st.sampled_from([" ", "_", "'", ".", ","]))
def test_spellings_of_one_number_agree(value, parts):
    mark = "," if parts == "." else "."
    text = f"{value:,f}".translate({ord(","): parts, ord("."): mark})
    wide = text.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert number_from(text) == number_from(wide) == float(value)


@settings(max_examples=500 * TIMES, deadline=None)
@given(st.text("0123456789.,-+eE%/ _'^*x\u0665\u066b\u2212\u00b2abc", max_size=12), st.booleans())
def test_any_text_gives_a_finite_number_or_a_reason(text, whole):
    try:
        value = number_from(text, whole=whole)
    except ValueError:
        return
    assert math.isfinite(value)
    assert number_from(written(value), whole=whole) == value
