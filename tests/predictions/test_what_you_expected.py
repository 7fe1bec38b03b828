"""Predictions beside results: which count, what they add up to, and how that is drawn."""

import dataclasses
import io
import math

import numpy as np
import PIL.Image
import pytest

from tutorial_lib.learning_record import PredictionRecord, note_prediction
from tutorial_lib.predictions import measured, predict_choice, predict_number, what_you_expected
from tutorial_lib.predictions.draw import place_of
from tutorial_lib.predictions.expected_page import (
    answered,
    page_in_words,
    picture_of,
    side_of,
    topic_in_words,
)

LOSS = PredictionRecord(
    name="first_loss",
    notebook="01_hyperparameters",
    kind="number",
    topic="loss",
    asked="",
    expected=1.0,
    sure=None,
    seen=2.0,
    said="You expected 1; it was 2: your guess was too low by 1.",
)
RATE = dataclasses.replace(
    LOSS,
    name="which_rate",
    kind="choice",
    topic="learning rate",
    expected="2",
    seen="0.1",
    said="You expected 2; it was 0.1.",
)
FALLING = [[0.0, 2.3], [0.5, 1.0], [1.0, 0.3]]
CURVE = dataclasses.replace(LOSS, kind="curve", topic="momentum", expected=FALLING, seen=FALLING)


def number(expected, seen, sure=None, topic="momentum"):
    return dataclasses.replace(
        LOSS, name=f"{expected} {seen} {sure}", expected=expected, seen=seen, sure=sure, topic=topic
    )


def test_without_predictions_nothing_is_shown(capsys):
    predict_choice("which_rate", ["0.1", "2"], topic="learning rate")
    measured("which_rate", "2")
    assert what_you_expected() is None
    assert what_you_expected("01_hyperparameters") is None
    assert capsys.readouterr().out == ""


def test_a_page_says_each_prediction_and_what_they_add_up_to(capsys):
    predict_choice("which_rate", ["0.1", "2"], topic="learning rate").expect("2")
    measured("which_rate", "0.1")
    predict_number("first_loss", topic="loss", asked="How large is the first loss?").expect(1)
    measured("first_loss", 2.0)
    capsys.readouterr()
    picture = what_you_expected("01_hyperparameters")
    assert capsys.readouterr().out.splitlines() == [
        "Two predictions in 01_hyperparameters.",
        "- which rate: You expected 2; it was 0.1.",
        "- How large is the first loss: You expected 1; it was 2: your guess was too low",
        "  by 1.",
        "learning rate: one choice not right.",
        "loss: once too little.",
    ]
    assert picture.alt == (
        "What you expected beside what was seen. learning rate: one choice not right. "
        "loss: once too little."
    )


def test_what_is_on_the_disk_counts_by_notebook_and_each_result_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(tmp_path / "learning.json"))
    monkeypatch.setenv("JPY_SESSION_NAME", "02_losses.ipynb")
    note_prediction(LOSS)
    note_prediction(dataclasses.replace(LOSS, expected=2.0))  # the result was known
    note_prediction(dataclasses.replace(LOSS, seen=3.0))  # with another setting
    predict_choice("q", ["yes", "no"], topic="loss").expect("yes")
    measured("q", "no")
    assert [one.expected for one in answered("01_hyperparameters")] == [1.0, 1.0]
    assert [one.name for one in answered("02_losses")] == ["q"]
    assert len(answered()) == 3
    assert answered("03_optimizers") == []


@pytest.mark.parametrize(
    ("one", "side"),
    [
        (number(1.0, 2.0), -1),
        (number(2.0, 1.0), 1),
        (number(1.95, 2.0), 0),
        (number(1.0, 2.0, sure=1.0), 0),
        (number(1.95, 2.0, sure=0.01), -1),
        (number(0.0, 0.0), 0),
        (number(1.0, -1.0), 1),
        (number(1.0, None), None),
        (RATE, None),
        (dataclasses.replace(CURVE, said="Well expected: the first half of the fall"), 0),
        (dataclasses.replace(CURVE, said="Another shape: the loss hardly fell"), 2),
        (dataclasses.replace(CURVE, expected=[[0, 2.3], [1, 2.3]]), 1),
        (dataclasses.replace(CURVE, expected=[[0.2, 0.1], [0.8, 0.1]]), -1),
        (dataclasses.replace(CURVE, seen=[]), None),
        (dataclasses.replace(CURVE, expected=[[0.0, 1], [0.1, 1]], seen=[[0.5, 1], [1, 1]]), None),
    ],
)
def test_too_little_is_outside_the_margin_and_below(one, side):
    assert side_of(one) == side


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        ([number(1, 2)], "once too little"),
        ([number(1, seen) for seen in (2, 3, 4, 5, 1)], "four of five times too little"),
        ([number(9, 2), number(9, 3)], "both times too much"),
        ([number(1, 2), number(2, 1)], "one too little, one too much"),
        ([RATE, dataclasses.replace(RATE, expected="0.1")], "one of two choices right"),
        ([number(1, 2), RATE], "once too little; one choice not right"),
        ([number(1, None)], "one where the run diverged"),
    ],
)
def test_a_topic_says_what_is_expected_too_much_or_too_little_of(predictions, words):
    assert topic_in_words(predictions) == words


@pytest.mark.parametrize(
    ("held", "outside", "words"),
    [
        (2, 0, "Both results lay inside your margin; of so few, nothing can be said"),
        (0, 2, "Neither of the two results lay inside your margin; of so few, nothing can be said"),
        (1, 1, "One of two results lay inside your margin; of so few, nothing can be said"),
        (
            2,
            2,
            "Two of four results lay inside your margin; nine in ten are meant, so give or take",
        ),
        (4, 0, "Four of four results lay inside your margin; nine in ten are meant: you know"),
        (9, 1, "nine of ten results lay inside your margin; nine in ten are meant: you know"),
        (10, 0, "Ten of ten results lay inside your margin; nine in ten are meant, so you may"),
    ],
)
def test_margins_are_held_against_nine_in_ten(held, outside, words):
    inside = [number(1.0 + k, 1.5 + k, sure=1.0) for k in range(held)]
    others = [number(1.0 + k, 5.0 + k, sure=1.0) for k in range(outside)]
    text = " ".join(page_in_words([*inside, *others]))
    assert words.lower() in text.lower()


@pytest.mark.parametrize(
    ("expected", "seen", "place"),
    [(1, 2, -0.5), (2, 1, 0.5), (1, 1, 0), (0, 0, 0), (0, 3, -1), (3, 0, 1), (-1, 1, -1),
     (-2, -1, -0.5), (10, 1, 0.9)],
)  # fmt: skip
def test_half_and_twice_are_as_far_from_the_middle(expected, seen, place):
    assert place_of(expected, seen) == pytest.approx(place)


@pytest.mark.parametrize(
    "predictions",
    [
        [LOSS],
        [RATE],
        [number(1, None)],
        [RATE, CURVE, number(2.3, 1.2, sure=0.2), number(0, 0), number(3, -2, sure=9)],
        [
            number(1, k + 1, topic=f"a topic of ${k} with a long name that goes on")
            for k in range(9)
        ],
    ],
)
def test_whatever_was_predicted_is_drawn(predictions):
    picture = picture_of(predictions)
    with PIL.Image.open(io.BytesIO(picture.data)) as image:
        assert image.width == 900
        assert 100 < image.height < 800
        assert np.ptp(np.asarray(image.convert("L"))) > 100  # it is not blank
    assert len(picture.alt) <= 600
    assert math.isfinite(picture.width)


@pytest.mark.parametrize("bad", [3, "", ["01_hyperparameters"]])
def test_what_names_no_notebook_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match="notebook must be a text"):
        what_you_expected(bad)
