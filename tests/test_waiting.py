"""One line that says how far something is: what it says, where, when, and that it goes."""

import functools
import io
import threading

import pytest

from tutorial_lib import waiting
from tutorial_lib.waiting import PERCENT, Waiting, duration_text, how_far


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("tqdm.std.time", clock)
    monkeypatch.setattr(waiting, "_open", [])
    return clock


@pytest.fixture
def terminal(clock, monkeypatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(waiting, "_Line", functools.partial(waiting._Line, file=terminal))
    return terminal


@pytest.fixture
def shown(clock, monkeypatch) -> list[str]:
    """Return what a notebook shows, in turn."""
    shown, shell = [], type("Shell", (), {"kernel": None})()
    events = type("Events", (), {"callbacks": {"post_run_cell": []}})
    shell.events = events()
    monkeypatch.setattr(waiting, "_shell", lambda: shell)

    class Handle:
        def update(self, data, raw):
            shown.append(data.get("text/plain", ""))

    def display(data, raw, display_id):
        Handle().update(data, raw)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def lines(terminal: Terminal) -> list[str]:
    return [line.strip() for line in terminal.getvalue().split("\r") if line.strip()]


@pytest.mark.parametrize(
    ("words", "done", "total", "unit", "rate"),
    [
        ("1,250 of 3,750 steps, 25 s left", 1250, 3750, "steps", 100.0),
        ("0 of 3,750 steps", 0, 3750, "steps", None),
        ("3,750 of 3,750 steps", 3750, 3750, "steps", 100.0),
        ("25% done, 2 min left", 30, 120, PERCENT, 0.75),
        ("7 steps, 9 s so far", 7, None, "steps", None),
        ("0 of 0 steps", 0, 0, "steps", None),
    ],
)
def test_the_line_says_how_many_of_how_many_and_how_long(words, done, total, unit, rate):
    assert how_far(done, total, unit, seconds=9 if done else 0, rate=rate) == words


def test_of_a_run_taken_up_only_what_came_since_tells_the_pace():
    assert how_far(110, 210, "steps", started=100, seconds=5) == "110 of 210 steps, 50 s left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "less than a second"), (89, "89 s"), (100, "2 min"), (9000, "2.5 h")],
)
def test_a_time_in_words(seconds, words):
    assert duration_text(seconds) == words


def test_what_is_over_soon_shows_nothing(terminal, clock):
    with Waiting("steps") as line:
        for done in range(5):
            line.reach(done, 5)
            clock.now += 0.1
    assert terminal.getvalue() == ""


def test_it_is_drawn_by_the_clock_and_not_by_the_count(terminal, clock):
    with Waiting("steps") as line:
        for done in range(10_001):  # ten seconds
            line.reach(done, 10_000)
            clock.now += 0.001
    drawn = lines(terminal)
    assert 10 / waiting.PAUSE_SECONDS * 0.8 < len(drawn) <= 10 / waiting.PAUSE_SECONDS
    assert drawn[1].endswith("of 10,000 steps, 9 s left")


def test_in_the_end_the_terminals_line_is_empty(terminal, clock):
    with Waiting("steps") as line:
        for done in range(5):
            line.reach(done, 5)
            clock.now += 1
    last, after = terminal.getvalue().split("\r")[-2:]
    assert (last.strip(), after) == ("", "")


def test_a_total_that_changes_is_the_one_that_is_told(terminal, clock):
    with Waiting("steps") as line:
        for done, total in enumerate([100, 100, 400, 400]):
            line.reach(done, total)
            clock.now += 1
    assert lines(terminal)[-1].startswith("3 of 400 steps")


def test_the_time_before_the_first_one_is_no_measure_of_the_pace(terminal, clock):
    with Waiting("steps", total=11, at_once=True, words="2 processes: ") as line:
        assert lines(terminal) == ["2 processes: 0 of 11 steps"]
        clock.now += 30
        for done in range(1, 4):
            line.reach(done, 11)
            clock.now += 1
    assert lines(terminal)[-1] == "2 processes: 3 of 11 steps, 8 s left"


def test_the_time_in_which_none_comes_counts(terminal, clock):
    with Waiting("sizes") as line:
        for done in (0, 1, 2):
            line.reach(done, 9)
            clock.now += 1
        for _ in range(5):
            line.reach(2, 9)
            assert "2 of 9 sizes" in terminal.getvalue()
            clock.now += 4
    told = [int(part.split(" s left")[0]) for part in terminal.getvalue().split(", ")[1:]]
    assert told[:2] == [8, 7]
    assert told[-1] == 17  # as long again as it has been at the third


def test_a_file_gets_no_line(clock, monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(waiting, "_Line", functools.partial(waiting._Line, file=file))
    with Waiting("steps", total=5, at_once=True) as line:
        line.reach(1, 5)
    assert file.getvalue() == ""


@pytest.mark.parametrize("asked", ["1", "true"])
def test_who_asks_for_quiet_gets_it(terminal, clock, monkeypatch, asked):
    monkeypatch.setenv("TQDM_DISABLE", asked)
    with Waiting("steps", total=5, at_once=True):
        pass
    assert terminal.getvalue() == ""


def test_a_line_within_another_one_is_not_shown(terminal, clock):
    with Waiting("steps", total=5, at_once=True):
        with Waiting("examples", total=9, at_once=True):
            pass
        assert lines(terminal) == ["0 of 5 steps"]
    with Waiting("examples", total=9, at_once=True):
        assert lines(terminal)[-1] == "0 of 9 examples"


def test_another_thread_shows_none(terminal, clock):
    def wait() -> None:
        with Waiting("steps", total=5, at_once=True):
            pass

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert terminal.getvalue() == ""


def test_a_notebook_shows_text_and_in_the_end_nothing(shown, clock, capsys):
    with Waiting("steps") as line:
        for done in range(3):
            line.reach(done, 4)
            clock.now += 1
    assert shown == ["1 of 4 steps, 3 s left", "2 of 4 steps, 2 s left", ""]
    assert capsys.readouterr() == ("", "")


def test_a_notebook_never_keeps_a_line_whose_loop_was_left(shown, clock):
    line = Waiting("steps", total=5, at_once=True)  # kept in a variable
    for close in waiting._shell().events.callbacks["post_run_cell"]:
        close(None)
    assert shown[-1] == ""
    line.reach(3, 5)
    assert shown[-1] == ""
    with Waiting("steps", total=7, at_once=True):
        assert shown[-1] == "0 of 7 steps"
