"""The teacher's table has a line for each learner, and no formula."""

import csv
import io

import pytest
from made_up_class import AT

from tutorial_lib.classroom.csv_table import harmless, table_text, write_table
from tutorial_lib.classroom.hand_in import HandIn
from tutorial_lib.learning_record import ExerciseRecord, LearningRecord


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1", "\t=1"])
def test_what_looks_like_a_formula_is_made_harmless(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Ada", "a=1", "", 3, -1, -0.5, None])
def test_the_rest_stays_as_it_is(value):
    assert harmless(value) == value


def test_a_learner_is_a_line(tmp_path):
    exercises = {
        "one_epoch": ExerciseRecord(tries=2, hints=1, solved=AT),
        "two_digits": ExerciseRecord(tries=3),
    }
    one = HandIn('=Ada "A", L', AT, LearningRecord(exercises), path=tmp_path / "ada.json")
    write_table(tmp_path / "class.csv", table_text([one], {"rerun": ["-exact"]}))
    text = (tmp_path / "class.csv").read_bytes().decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["name"] == '\'=Ada "A", L'
    assert (line["solved"], line["tried"], line["tries"], line["hints"]) == ("1", "1", "5", "1")
    assert (line["one_epoch"], line["two_digits"]) == ("solved (2)", "tried (3)")
    assert (line["right_set"], line["rerun"]) == ("", "'-exact")
