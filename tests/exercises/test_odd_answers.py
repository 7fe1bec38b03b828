"""Whatever a learner's answer does, check says it in words, and the kernel goes on."""

import threading

import pytest
import torch

from tutorial_lib import exercises
from tutorial_lib.exercises import check, deadline
from tutorial_lib.exercises import judging as judging_module
from tutorial_lib.exercises.deadline import TookTooLong


@pytest.fixture(autouse=True)
def fresh_kernel():
    exercises._wrong_tries.clear()


@pytest.fixture
def said(capsys):
    def ask(name, answer):
        check(name, answer)
        return " ".join(capsys.readouterr().out.split())

    return ask


def fails(kind, text="oh"):
    class Sad(kind):
        def __str__(self):
            return text() if callable(text) else text

        def __repr__(self):
            return self.__str__()

    def answer(*arguments):
        raise Sad

    return answer


def raises():
    raise ValueError("no words")


def exits():
    raise SystemExit


STOPPED = "Not yet. Your answer stopped with "
ERRORS = {
    "its words raise": (fails(Exception, raises), "Sad: <exception str() failed>"),
    "its words exit": (fails(Exception, exits), "Sad: <exception str() failed>"),
    "its words are a number": (fails(Exception, lambda: 7), "Sad: <exception str() failed>"),
    "its words are none": (fails(Exception, lambda: None), "Sad: <exception str() failed>"),
    "it has no words": (fails(Exception, ""), "Sad:"),
    "half a letter": (fails(Exception, "\ud800"), r"Sad: \ud800"),
    "a key error": (fails(KeyError, raises), "Sad: <exception str() failed>"),
    "an exit": (lambda *_: exit_now(), "SystemExit: 3"),
    "a generator's exit": (fails(GeneratorExit), "Sad: oh"),
    "any base": (fails(BaseException), "Sad: oh"),
    "a group": (lambda *_: group(), "ExceptionGroup: two (2 sub-exceptions)"),
    "no end of calls": (lambda *_: endless_calls(), "RecursionError: maximum recursion depth"),
    "a stop": (fails(StopIteration), "Sad: oh"),
}


def exit_now():
    raise SystemExit(3)


def group():
    raise ExceptionGroup("two", [ValueError("a"), TypeError("b")])


def endless_calls():
    return endless_calls()


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("name", ["momentum_step", "train_last_layer"])
def test_every_error_is_said(kind, name, said):
    answer, words = ERRORS[kind]
    assert said(name, answer).startswith(f"{STOPPED}{words}")


def test_a_long_error_is_shortened(said):
    words = said("lion_step", fails(Exception, 10_000 * "x"))
    assert 200 < len(words) < 500


class Prickly:
    """An object that fails at whatever is done to it."""

    def _refuse(self, *others):
        raise RuntimeError("hands off")

    __eq__ = __ne__ = __lt__ = __gt__ = __len__ = __iter__ = __getitem__ = __float__ = _refuse
    __bool__ = __str__ = __repr__ = __int__ = __index__ = __array__ = __hash__ = _refuse


class PricklyText(str):
    def strip(self, *_):
        raise SystemExit

    __repr__ = lower = strip


ANSWERS = {
    "object": Prickly(),
    "text": PricklyText("1"),
    "list": [Prickly()],
    "complex": torch.ones(2) * 1j,
}
RESULTS = ANSWERS | {"pair": [Prickly(), Prickly()], "large": 10**400, "endless": 10**5000}
HUGE = {"int": 10**5000, "negative": -(10**400), "infinite": 1e400, "text": "x" * 10_000}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    "name", ["num_steps", "stuck_loss", "mse_settings", "catch_up", "momentum_step", "brake"]
)
def test_an_object_that_fails_at_everything_is_a_wrong_answer(name, kind, said):
    assert said(name, ANSWERS[kind]).startswith("Not yet. ")


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("name", ["accuracy", "momentum_step", "train_step", "mismatched_labels"])
def test_a_result_that_fails_at_everything_is_a_wrong_answer(name, kind, said):
    assert said(name, lambda *_: RESULTS[kind]).startswith("Not yet. ")


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_answer_is_described_in_a_line(kind, said):
    words = said("num_steps", HUGE[kind])
    assert words.startswith("Not yet. ")
    assert len(words) < 250


@pytest.mark.parametrize("name", [Prickly(), None, 3 * "lion_step"], ids=["thing", "none", "long"])
def test_an_odd_name_is_no_exercise(name):
    with pytest.raises(ValueError, match="there is no exercise named"):
        check(name, 1)


# ---- what never ends ----


@pytest.fixture
def soon(monkeypatch):
    """Let a learner's function have a fifth of a second."""
    monkeypatch.setattr(judging_module, "deadline", lambda: deadline.deadline(0.2))


def loops(*arguments):
    while True:
        pass


def waits(*arguments):
    threading.Event().wait()


def yields(*arguments):
    while True:
        yield


@pytest.mark.parametrize(
    ("name", "answer"), [("momentum_step", loops), ("train_step", waits), ("brake", yields)]
)
def test_an_answer_that_never_ends_is_stopped(name, answer, said, soon):
    words = said(name, answer)
    assert words.startswith("Not yet. Your answer was stopped: it has not ended after 0.2 s.")
    assert said("accuracy", lambda z, y: 1j).startswith("Not yet. Return accuracy")  # goes on


def test_an_interrupt_from_elsewhere_stays_one(soon):
    with pytest.raises(KeyboardInterrupt), deadline.deadline(60):
        raise KeyboardInterrupt


def test_what_ends_in_time_leaves_no_clock_behind():
    with deadline.deadline(60):
        timer = next(t for t in threading.enumerate() if isinstance(t, threading.Timer))
    timer.join(10)
    assert not timer.is_alive()


def test_a_thread_beside_has_no_deadline():
    results = []

    def run():
        with deadline.deadline(0):
            results.append("ended")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results == ["ended"]
    with pytest.raises(TookTooLong), deadline.deadline(0.01):
        waits()
