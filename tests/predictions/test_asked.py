"""A guess counts as it stood when the cell began; without one, nothing is said."""

import asyncio
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets.widgets.widget import _instances

from tutorial_lib.learning_record import read
from tutorial_lib.panels import cells
from tutorial_lib.predictions import asked, measured, predict_choice, predict_number
from tutorial_lib.predictions.asked import UNANSWERED, prediction_named
from tutorial_lib.predictions.expected_page import answered

RATES = "0.01", "0.1", "2"


def ask(name: str = "which_rate"):
    return predict_choice(name, RATES, topic="learning rate")


def status(prediction) -> str:
    return prediction.page.spoken


def test_a_guess_of_the_hand_counts_as_it_stood_when_the_cell_began(cell, capsys):
    question = ask()
    question.radio.value = "2"

    def too_late():
        question.radio.value = "0.1"

    cell(too_late, lambda: measured("which_rate", "0.1"))
    assert question.expected == question.radio.value == "2"
    assert capsys.readouterr().out == "You expected 2; it was 0.1.\n"


def test_a_cell_that_will_measure_locks_the_question_as_it_begins(cell):
    question, other = ask(), ask("other_rate")
    question.radio.value = other.radio.value = "2"
    source, locks = 'loss = train()\nmeasured( "which_rate", loss)', []
    cell(lambda: locks.append((question.is_locked, other.is_locked)), source=source)
    assert locks == [(True, False)]
    assert question.radio.disabled
    assert "Locked" in status(question)


def test_a_guess_from_code_counts_at_once(cell, capsys):
    question = ask()
    cell(lambda: question.expect("0.1"), lambda: measured("which_rate", "0.1"))
    assert capsys.readouterr().out == "You expected 0.1, and so it was.\n"


def test_a_run_that_a_button_starts_locks_what_stands_now(cell):
    question = ask()
    cell()
    question.radio.value = "2"
    question.lock(by_hand=True)
    question.radio.value = "0.1"
    assert question.expected == question.radio.value == "2"


def test_a_locked_question_takes_no_guess_any_more(cell):
    question = ask()
    question.radio.value = "2"
    cell(question.lock)
    question.skip()
    assert question.expected == "2"
    assert question.skip_button.disabled
    with pytest.raises(ValueError, match="which_rate is locked: run its question's cell"):
        question.expect("0.1")


def test_skip_takes_the_guess_back_and_can_be_taken_back_itself(cell, capsys):
    question = ask()
    question.radio.value = "2"
    question.skip_button.click()
    assert (question.expected, question.radio.value) == (None, None)
    assert status(question).startswith("Skipped.")
    cell(lambda: measured("which_rate", "0.1"))
    assert capsys.readouterr().out == ""
    after_all = ask()
    after_all.skip()
    after_all.radio.value = "0.1"
    assert after_all.expected == "0.1"


@pytest.mark.parametrize("seen", ["0.1", 0.1, float("nan"), []])
def test_of_what_was_never_asked_nothing_is_said(seen, capsys):
    measured("never_asked", seen)
    assert capsys.readouterr().out == ""


def test_a_question_that_nobody_answered_says_nothing_but_in_its_widget(cell, capsys):
    question = ask()
    cell(lambda: measured("which_rate", "0.1"))
    assert capsys.readouterr().out == ""
    assert status(question) == UNANSWERED
    assert question.radio.disabled
    assert answered() == []


@pytest.mark.parametrize("name", ["never_asked", "which_rate"])
@pytest.mark.parametrize("seen", [None, {"loss": 1}, object(), True, [1, "two"]])
def test_what_no_prediction_could_be_compared_with_is_refused(name, seen):
    ask()
    with pytest.raises(TypeError, match=r"must be a (number|text); got"):
        measured(name, seen)


def test_where_it_is_measured_again_the_same_guess_is_compared_anew_and_noted_once(cell, capsys):
    question = ask()
    question.radio.value = "2"
    cell(lambda: measured("which_rate", "0.1"))
    cell(lambda: measured("which_rate", "2"))
    first, second = capsys.readouterr().out.splitlines()
    assert (first, second) == ("You expected 2; it was 0.1.", "You expected 2, and so it was.")
    assert status(question) == second
    assert [one.said for one in answered()] == [first]


def test_asked_anew_the_old_question_is_gone_and_what_was_answered_stays(cell, capsys):
    old = ask()
    old.radio.value = "2"
    cell(lambda: measured("which_rate", "0.1"))
    new = ask()
    old.close()  # as replace_previous does
    assert prediction_named("which_rate") is new
    assert (new.expected, new.is_locked) == (None, False)
    assert [one.expected for one in answered()] == ["2"]
    new.radio.value = "0.1"
    cell(lambda: measured("which_rate", "0.1"))
    assert [one.expected for one in answered()] == ["2"]  # it knew the result
    last = ask()
    last.expect("0.1")
    measured("which_rate", "2")  # a setting was changed, and the truth with it
    assert [one.expected for one in answered()] == ["2", "0.1"]


def test_what_was_expected_and_seen_is_kept(tmp_path, monkeypatch, cell):
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(tmp_path / "learning.json"))
    monkeypatch.setenv("JPY_SESSION_NAME", "course/01_hyperparameters.ipynb")
    question = predict_number("first_loss", topic="loss", asked="How large?", unit="nats")
    question.expect(2.5, sure=0.5)
    measured("first_loss", 2.3)
    measured("first_loss", 2.4)
    (one,) = read().predictions
    assert (one.name, one.notebook, one.kind) == ("first_loss", "01_hyperparameters", "number")
    assert (one.topic, one.asked, one.unit) == ("loss", "How large?", "nats")
    assert (one.expected, one.sure, one.seen) == (2.5, 0.5, 2.3)
    assert (
        one.said == "You expected 2.5 nats, give or take 0.5; it was 2.3 nats: inside "
        "your margin; your guess was too high by 0.2."
    )


def test_a_callback_of_another_thread_counts_and_the_main_loop_shows_it():
    async def play():
        question = ask()
        hand = threading.Thread(target=question.radio.set_trait, args=("value", "2"))
        hand.start()
        hand.join()
        counts, shown = question.expected, status(question)
        await asyncio.sleep(0)
        return counts, shown, status(question)

    counts, before, after = asyncio.run(play())
    assert counts == "2"
    assert before == "Choose one, or skip."
    assert after.startswith("You expect 2.")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    monkeypatch.setattr(cells, "_panels", {})
    yield shell
    asked._watched = None
    InteractiveShell.clear_instance()


def test_cells_of_ipython_begin_and_end_and_ask_anew(shell, capsys):
    run = shell.run_cell
    run("from tutorial_lib.predictions import measured, predict_choice")
    source = "question = predict_choice('q', ['yes', 'no'], topic='loss')"
    run(source, store_history=True)
    first = shell.user_ns["question"]
    first.radio.value = "yes"  # between two cells
    assert not asked._cell_runs
    run("question.radio.value = 'no'; measured('q', 'no')")
    assert capsys.readouterr().out == "You expected yes; it was no.\n"
    run(source, store_history=True)
    assert first.comm is None  # closed
    assert shell.user_ns["question"].expected is None
    registered = shell.events.callbacks
    assert registered["pre_run_cell"].count(asked._cell_begins) == 1
    assert registered["post_run_cell"].count(asked._cell_ends) == 1


def test_what_nbval_compares_stays_the_same_whatever_was_answered():
    question = ask()
    before = question._repr_mimebundle_()[0]["text/plain"]
    question.expect("2")
    measured("which_rate", "0.1")
    assert question._repr_mimebundle_()[0]["text/plain"] == before == repr(question)
    assert repr(question) == "predict_choice('which_rate'): answer it where this notebook runs."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": ""}, "name must be a text of 1 to 200 letters"),
        ({"name": 3}, "name must be a text; got 3"),
        ({"topic": " "}, "topic must be a text of 1 to 200 letters"),
        ({"asked": None}, "asked must be a text; got None"),
        ({"asked": "x" * 201}, "asked must be a text of at most 200 letters"),
    ],
)
@pytest.mark.parametrize("kind", [predict_choice, predict_number])
def test_a_question_without_words_is_refused(kind, arguments, words):
    given = {"name": "which_rate", "topic": "learning rate"} | arguments
    options = [RATES] if kind is predict_choice else []
    with pytest.raises((TypeError, ValueError), match=words):
        kind(given.pop("name"), *options, **given)
    assert asked._newest == {}


def test_a_closed_question_is_forgotten_with_all_its_widgets():
    before = set(_instances)
    question = ask()
    assert set(_instances) > before
    question.close()
    assert prediction_named("which_rate") is None
    measured("which_rate", "2")
    assert set(_instances) == before
