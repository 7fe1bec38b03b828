"""A class in numbers, worked by hand."""

import dataclasses

import pytest
from made_up_class import AT, FORMULA, HOSTILE

from tutorial_lib.classroom.hand_in import HandIn
from tutorial_lib.classroom.summary import exercises_of, judged, predictions_of
from tutorial_lib.learning_record import ExerciseRecord, LearningRecord, PredictionRecord

ONE_EPOCH = "That is one epoch. Ten were asked for."
NUMBER = PredictionRecord(
    "n", "01_hyperparameters", "number", "loss", "How large?", 2.0, None, 2.1, "Said.", AT
)


def handed_in(exercises=None, predictions=()):
    return HandIn("Ada", AT, LearningRecord(exercises or {}, list(predictions)))


def of(name, hand_ins):
    return next(one for one in exercises_of(hand_ins) if one.name == name)


def test_how_a_class_got_on_with_an_exercise():
    records = [
        ExerciseRecord(tries=1, solved=AT),
        ExerciseRecord(tries=4, hints=3, solved=AT, mistakes={ONE_EPOCH: 3}),
        ExerciseRecord(tries=3, hints=2, mistakes={ONE_EPOCH: 1}),
        ExerciseRecord(hints=1),  # only looked
    ]
    found = of("num_steps", [handed_in({"num_steps": one}) for one in records] + [handed_in()])
    assert (found.alone, found.hinted, found.tried, found.not_yet) == (1, 1, 1, 2)
    assert (found.tries, found.mean_tries) == (8, 8 / 3)
    assert found.struggle == (1 + 0.5) / 3
    assert found.mistakes == ((ONE_EPOCH, 2),)  # to two learners


def test_what_check_never_said_is_not_counted():
    words = {HOSTILE: 9, FORMULA: 9, "Your answer stopped with <b>.": 9}
    words |= {"Your answer stopped with TypeError.": 1, "Your answer stopped with print.": 1}
    found = of("num_steps", [handed_in({"num_steps": ExerciseRecord(tries=9, mistakes=words)})])
    assert found.mistakes == (("Your answer stopped with TypeError.", 1),)


@pytest.mark.parametrize(
    ("kind", "expected", "sure", "seen", "judgement"),
    [
        ("number", 2.0, None, 2.1, "right"),
        ("number", 1.8, None, 2.1, "too little"),
        ("number", 1.75, 0.5, 2.1, "right"),
        ("number", 2.11, 0.0, 2.1, "too much"),
        ("number", 0.0, None, 0.0, "right"),
        ("choice", "0.1", None, "0.1", "right"),
        ("choice", "0.1", None, "2", "another"),
        ("curve", [[0, 2.0], [1, 1.0]], None, [[0, 2.2], [1, 1.1]], "right"),
        ("curve", [[0, 2.0], [1, 1.0]], None, [[0, 2.0], [1, 0.1]], "too much"),
        ("curve", [[0, 2.0], [0.4, 1.0]], None, [[0.5, 2.0], [1, 0.1]], "another"),
        ("curve", [[0, 0.0]], None, [[0, 1.0]], "too little"),
        ("curve", [], None, [[0, 1.0]], "another"),
    ],
)
def test_a_prediction_is_judged(kind, expected, sure, seen, judgement):
    one = dataclasses.replace(NUMBER, kind=kind, expected=expected, sure=sure, seen=seen)
    assert judged(one) == judgement


def test_the_first_answer_of_each_learner_counts_also_in_a_copy():
    first, again = NUMBER, dataclasses.replace(NUMBER, expected=9.0)
    copy = dataclasses.replace(NUMBER, expected=9.0, notebook="01_hyperparameters-Copy1")
    skipped = dataclasses.replace(NUMBER, expected=None)
    (found,) = predictions_of([handed_in(predictions=p) for p in ([skipped, first, again], [copy])])
    assert found.counts == {"right": 1, "too much": 1}
    assert (found.answered, found.right, found.tendency) == (2, 0.5, "1 expected too much")


def test_the_worst_come_first_and_other_notebooks_not_at_all():
    worse = dataclasses.replace(NUMBER, name="worse", expected=9.0)
    elsewhere = dataclasses.replace(NUMBER, notebook="mine")
    found = predictions_of([handed_in(predictions=[NUMBER, worse, elsewhere])])
    assert [one.name for one in found] == ["worse", "n"]


def test_in_a_larger_class_what_one_alone_was_asked_is_left_out():
    own = dataclasses.replace(NUMBER, name="own")
    hand_ins = [handed_in(predictions=[NUMBER]) for _ in range(4)]
    hand_ins[0] = handed_in(predictions=[NUMBER, own])
    assert [one.name for one in predictions_of(hand_ins)] == ["n"]


def test_of_choices_the_commonest_wrong_one_is_named():
    answers = [
        dataclasses.replace(NUMBER, kind="choice", seen="0.1", expected=expected)
        for expected in ("2", "0.01", "2", "0.1")
    ]
    (found,) = predictions_of([handed_in(predictions=[one]) for one in answers])
    assert (found.right, found.tendency) == (0.25, "2 chose 2")
