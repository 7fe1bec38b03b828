"""The map shows what is solved, tried and not yet, and one line where nothing is kept."""

import re

import pytest

from tutorial_lib.exercises import EXERCISES
from tutorial_lib.learning_map import NOTHING, LearningMap, learning_map
from tutorial_lib.learning_record import (
    ExerciseRecord,
    LearningRecord,
    PredictionRecord,
    note_hint,
    note_try,
)


def predicted(name, notebook="01_hyperparameters", expected=1.0):
    return PredictionRecord(name, notebook, "number", "loss", "?", expected, None, 2.0, "Said.")


RECORD = LearningRecord(
    {
        "one_epoch": ExerciseRecord(tries=2, hints=1, solved="2026-11-27T09:30:00+00:00"),
        "two_digits": ExerciseRecord(tries=1, hints=1),
        "of_a_newer_tutorial": ExerciseRecord(tries=1),
    },
    [
        *(predicted("a"), predicted("a"), predicted("b", "01_hyperparameters-Copy1")),
        *(predicted("c", expected=None), predicted("d", "mine")),
    ],
)


def test_where_nothing_is_kept_it_is_one_line(monkeypatch):
    monkeypatch.delenv("TUTORIAL_LEARNING_RECORD", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert repr(learning_map()) == NOTHING
    assert learning_map()._repr_html_() is None
    assert len(NOTHING) < 90


def test_it_is_read_anew_each_time(monkeypatch, tmp_path):
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(tmp_path / "learning.json"))
    number = sum(map(len, EXERCISES.values()))
    assert repr(learning_map()).startswith(f"0 of {number} exercises solved; 0 hints, 0 predic")
    note_hint("brake")
    note_try("brake", solved=True)
    assert repr(learning_map()).startswith(f"1 of {number} exercises solved; 1 hint, 0 predic")


def test_as_text_it_fits_a_notebook():
    lines = repr(LearningMap(RECORD)).splitlines()
    assert re.match(r"1 of \d+ exercises solved, 1 tried; 2 hints, 3 predictions\.", lines[0])
    assert lines[1].startswith(
        "00_start_here       solved: one_epoch; tried: two_digits; not yet: "
    )
    assert lines[-1] == "And 1 prediction in other notebooks."
    assert max(map(len, lines)) <= 79


def test_as_html_each_exercise_says_its_state_in_words():
    html = LearningMap(RECORD)._repr_html_()
    assert re.search(r"<code>one_epoch</code><span[^>]*> \(solved\)</span>", html)
    assert re.search(r"<code>two_digits</code><span[^>]*> \(tried\)</span>", html)
    assert re.search(r"<code>brake</code><span[^>]*> \(not yet\)</span>", html)
    assert html.count('<th scope="row"') == len(EXERCISES)
    assert '<a href="03_optimizers.ipynb">' in html


def test_what_is_written_into_a_record_is_no_html():
    hostile = LearningRecord({"<b>": ExerciseRecord()}, [predicted("<b>", "<script>")])
    assert "<script>" not in LearningMap(hostile)._repr_html_()


@pytest.mark.parametrize("notebook", EXERCISES)
def test_every_notebook_has_its_row(notebook):
    assert notebook in repr(LearningMap(LearningRecord()))
