"""A number within the learner's own margin: typed, from code, and held against what was seen."""

import math
import re

import numpy as np
import pytest
import torch

from tutorial_lib.predictions import measured, predict_number
from tutorial_lib.predictions.number import is_inside, is_right


@pytest.fixture
def question():
    return predict_number("first_loss", low=0, topic="loss")


def write(question, guess: str, margin: str = "") -> None:
    question.guess_field.value = guess
    question.margin_field.value = margin


@pytest.mark.parametrize(
    ("expected", "sure", "seen", "said"),
    [
        (2.3, 0.2, 1.176, "give or take 0.2; it was 1.176: outside your margin; "
         "your guess was too high by 1.1."),
        (1, 0.5, 2.3026, "give or take 0.5; it was 2.303: outside your margin; "
         "your guess was too low by 1.3. "
         "One time in ten is meant to be outside."),
        (2.3, 0.2, 2.45, "give or take 0.2; it was 2.45: inside your margin; "
         "your guess was too low by 0.15."),
        (2.3, 0.2, 2.5, "give or take 0.2; it was 2.5: inside your margin; "
         "your guess was too low by 0.2."),
        (2.3, 0.2, 2.3026, "give or take 0.2; it was 2.303: inside your margin, right to the last "
         "digit that you gave."),
        (2.3, None, 2.3026, "it was 2.303: right to the last digit that you gave."),
        (2.3, None, 1.176, "it was 1.176: your guess was too high by 1.1."),
        (40, None, 2, "it was 2: your guess was about 20 times too high."),
        (0.01, None, 0.25, "it was 0.25: your guess was about 25 times too low."),
        (10, None, 1536.9, "it was 1,537: your guess was about 150 times too low."),
        (0, None, 0.25, "it was 0.25: your guess was too low by 0.25."),
        (5, None, -5, "it was -5: your guess was too high by 10."),
        (61000, 1000, 61706, "give or take 1000; it was 61,706: inside your margin; "
         "your guess was too low by "
         "706."),
        (2.3, 0.2, math.nan, "give or take 0.2; it was no number (NaN): the run has diverged."),
        (2.3, None, math.inf, "it grew beyond all numbers: the run has diverged."),
        (2.3, 0, 2.31, "give or take 0; it was 2.31: outside your margin; "
         "your guess was too low by 0.01."),
    ],
)  # fmt: skip
def test_the_sentence_says_how_far_off_and_whether_inside(expected, sure, seen, said):
    question = predict_number("x", topic="loss")
    question.expect(expected, sure=sure)
    written, _, rest = question.finish(seen).partition(", " if sure is not None else "; ")
    assert written == f"You expected {expected}"
    assert rest == said


def test_a_unit_stands_behind_each_number():
    question = predict_number("accuracy", unit="%", low=0, high=100, topic="accuracy")
    write(question, "97 %", "1")
    assert (question.expected, question.sure) == (97, 1)
    assert question.finish(93.4) == (
        "You expected 97 %, give or take 1; it was 93.4 %: outside your margin; "
        "your guess was too high by 3.6 "
        "points. One time in ten is meant to be outside."
    )


@pytest.mark.parametrize(
    "seen", [2, 2.0, np.float32(2), np.array(2.0), np.array([2]), torch.tensor(2.0),
             torch.tensor([2]), torch.tensor(2.0, requires_grad=True)]
)  # fmt: skip
def test_scalars_of_torch_and_numpy_are_numbers(question, seen):
    question.expect(2)
    assert (
        question.finish(seen) == "You expected 2; it was 2: right to the last digit that you gave."
    )


@pytest.mark.parametrize("seen", ["2", None, True, [2.0], torch.ones(2), np.ones(2), 2j])
def test_what_is_no_number_is_refused_and_locks_nothing(question, seen):
    question.expect(2)
    with pytest.raises(TypeError, match="measured for first_loss must be a number; got"):
        measured("first_loss", seen)
    assert not question.is_locked


@pytest.mark.parametrize(
    ("guess", "margin", "taken"),
    [
        ("2,5", "", (2.5, None)),
        ("5e-2", "1/20", (0.05, 0.05)),
        (" 2.5 ", "0", (2.5, 0)),
        ("", "0.2", (None, 0.2)),
        ("", "", (None, None)),
    ],
)
def test_numbers_are_typed_in_any_usual_spelling(question, guess, margin, taken):
    write(question, guess, margin)
    assert (question.expected, question.sure) == taken


def test_the_fields_show_how_a_number_was_understood(question):
    write(question, "2,50", "1/4")
    assert (question.guess_field.value, question.margin_field.value) == ("2.5", "0.25")
    assert (
        question.page.spoken == "You expect 2.5, give or take 0.25. It counts when the run begins."
    )


def test_skip_empties_the_fields_and_stays_until_something_is_typed(question):
    write(question, "2.3", "0.2")
    question.skip_button.click()
    assert (question.guess_field.value, question.margin_field.value) == ("", "")
    assert (question.expected, question.sure) == (None, None)
    assert question.page.spoken == "Skipped. Write a number, or skip."
    question.guess_field.value = "3"
    assert question.page.spoken.startswith("You expect 3.")


@pytest.mark.parametrize(
    ("guess", "margin", "words"),
    [
        ("two", "", "your guess must be a number, 0 or more; got 'two', which is no number."),
        ("-1", "", "your guess must be a number, 0 or more; got '-1'."),
        ("1,234", "", "your guess must be a number, 0 or more; got '1,234', which may mean"),
        ("3", "-1", "give or take must be a number, 0 or more; got '-1'."),
        ("3", "10 %", "give or take must be in the unit of your guess; got '10 %'."),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words_and_the_guess_stays(
    question, guess, margin, words
):
    write(question, "2.3", "0.2")
    if margin:
        question.margin_field.value = margin
    else:
        question.guess_field.value = guess
    said = question.page.spoken
    assert said.startswith(words)
    assert said.endswith("It stays 2.3, give or take 0.2.")
    assert (question.expected, question.sure) == (2.3, 0.2)
    shown = question.margin_field.value if margin else question.guess_field.value
    assert shown == (margin or guess)  # to be mended
    question.lock()
    assert (question.guess_field.value, question.margin_field.value) == ("2.3", "0.2")


def test_code_is_held_to_the_same_numbers(question):
    with pytest.raises(
        ValueError, match=re.escape("first_loss must be a finite number in [0, inf)")
    ):
        question.expect(-1)
    with pytest.raises(TypeError, match="first_loss must be a number; got '2'"):
        question.expect("2")
    with pytest.raises(ValueError, match="sure must be a finite number"):
        question.expect(2, sure=-0.1)
    assert question.expected is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"low": 2, "high": 1}, "low must lie below high; got 2 and 1"),
        ({"low": "0"}, r"low must be a finite number in \(-inf, inf\); got '0'"),
        ({"high": math.inf}, "high must be a finite number"),
        ({"unit": 3}, "unit must be a text"),
        ({"unit": "x" * 31}, "unit must be a text of at most 30 letters"),
    ],
)
def test_a_question_that_is_none_is_refused(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        predict_number("x", topic="loss", **arguments)


@pytest.mark.parametrize(
    ("expected", "seen", "right"),
    [(2.3, 2.26, True), (2.3, 2.24, False), (90, 90.4, True), (90, 91, False), (0, 0.1, False),
     (0, 0, True), (1e-3, 0.0012, True), (1e20, 1e300, False)],
)  # fmt: skip
def test_a_guess_is_right_to_the_digits_in_which_it_is_given(expected, seen, right):
    assert is_right(expected, seen) is right


def test_the_ends_of_a_margin_are_inside_it():
    assert is_inside(2.3, 0.2, 2.5)
    assert is_inside(2.5, 0.2, 2.3)
    assert not is_inside(2.5, 0.2, 2.299)


def test_no_margin_is_wider_than_all_that_may_be_guessed():
    question = predict_number("digits_read", unit="%", low=0, high=100, topic="accuracy")
    with pytest.raises(ValueError, match=r"sure must .*100"):
        question.expect(90, sure=101)
    question.guess_field.value, question.margin_field.value = "90", "1e30"
    assert (question.expected, question.sure) == (90, None)


def test_a_share_is_no_number_of_steps():
    question = predict_number("how_many", unit="steps", low=0, topic="loss")
    question.guess_field.value = "10 %"
    assert question.expected is None
    assert "must be in steps; got '10 %'" in question.status.value.replace("&#x27;", "'")
    question.expect(1)
    assert "You expect 1 step. " in question.status.value
