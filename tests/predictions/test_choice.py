"""One of a few texts, by hand and from code."""

import pytest

from tutorial_lib.predictions import measured, predict_choice

OPTIONS = ["conv1", "fc1", "fc3"]


@pytest.fixture
def question():
    return predict_choice("largest", OPTIONS, topic="parameters", asked="Which is the largest?")


def test_nothing_is_chosen_at_first(question):
    assert (question.radio.value, question.expected) == (None, None)
    assert question.radio.options == tuple(OPTIONS)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("fc1", "You expected fc1, and so it was."),
        ("fc3", "You expected fc1; it was fc3."),
        ("fc2", "You expected fc1; it was fc2, which was not among the choices."),
    ],
)
def test_the_sentence_says_what_was_expected_and_what_was_seen(question, seen, said):
    question.radio.value = "fc1"
    assert question.finish(seen) == said == question.page.spoken


def test_another_choice_takes_the_place_of_the_first(question):
    question.radio.value = "fc1"
    question.radio.value = "fc3"
    assert question.expected == "fc3"
    assert question.page.spoken == "You expect fc3. It counts when the run begins."


@pytest.mark.parametrize("bad", ["fc2", None, 1])
def test_code_can_expect_only_what_is_offered(question, bad):
    with pytest.raises(ValueError, match="largest must be one of conv1, fc1, fc3; got"):
        question.expect(bad)
    with pytest.raises(TypeError, match="sure is the margin of a number"):
        question.expect("fc1", sure=1)


def test_what_was_seen_must_be_a_text(question):
    with pytest.raises(TypeError, match="what was measured for largest must be a text; got 3"):
        measured("largest", 3)
    assert not question.is_locked


@pytest.mark.parametrize(
    "options", ["fc1", None, 3, ["one"], [], ["a", "a"], ["a", ""], ["a", 1], list("abcdefghijklm")]
)
def test_options_that_are_none_are_refused(options):
    with pytest.raises((TypeError, ValueError), match="options must be"):
        predict_choice("largest", options, topic="parameters")


def test_what_looks_like_html_is_shown_as_text():
    question = predict_choice("q", ["<b>a", "b"], topic="loss", asked="<script>alert(1)</script>?")
    assert "<script>" not in question.children[0].value
    question.expect("<b>a")
    assert "<b>a" not in question.status.value
