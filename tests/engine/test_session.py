"""A run in the background goes through its states, and loses nothing on the way."""

import threading

import pytest
import torch

from tutorial_lib import Session
from tutorial_lib.engine.session import current_session, in_background

PATIENCE = 60  # seconds; only a broken test waits so long


class Valve:
    """Yields 0, 1, 2 ... each as soon as it is let through."""

    def __init__(self, count: int = 1000) -> None:
        self._left = threading.Semaphore(0)
        self._numbers = iter(range(count))

    def let(self, count: int) -> None:
        for _ in range(count):
            self._left.release()

    def __iter__(self):
        return self

    def __next__(self) -> int:
        assert self._left.acquire(timeout=PATIENCE)
        return next(self._numbers)


def until(condition) -> None:
    """Wait for a condition, not for the clock."""
    pause = threading.Event()
    for _ in range(PATIENCE * 100):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it never came true")


def test_a_session_takes_all_records_and_finishes(new_run):
    run = new_run()
    session = Session(run).start()
    assert session.wait(PATIENCE) == "finished"
    assert session.records() == tuple(run.history)
    assert len(session.records(since=25)) == 5


def test_a_session_gives_the_same_weights_as_a_loop(new_run):
    loop, run = new_run(), new_run()
    list(loop)
    session = Session(run).start()
    session.pause()
    session.resume()
    session.wait(PATIENCE)
    pairs = zip(loop.model.parameters(), run.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_stop_ends_after_the_step_being_taken():
    valve = Valve()
    session = Session(valve).start()
    valve.let(3)
    until(lambda: len(session.records()) == 3)
    session.stop()
    valve.let(1)
    assert session.wait(PATIENCE) == "stopped"
    assert session.records() == (0, 1, 2, 3)


def test_pause_holds_and_resume_goes_on_without_a_gap():
    valve = Valve(count=5)
    session = Session(valve).start()
    session.pause()
    valve.let(1)
    assert session.wait(PATIENCE) == "paused"
    session.resume()
    assert session.state == "running"
    valve.let(5)
    assert session.wait(PATIENCE) == "finished"
    assert session.records() == (0, 1, 2, 3, 4)


def test_another_session_can_run_while_one_is_paused():
    first, second = Valve(), Valve(count=1)
    paused = Session(first).start()
    paused.pause()
    first.let(1)
    paused.wait(PATIENCE)
    other = Session(second).start()
    second.let(2)
    assert other.wait(PATIENCE) == "finished"
    paused.stop()
    assert paused.state == "stopped"


def test_one_session_runs_at_a_time_and_the_next_waits_its_turn():
    first, second = Valve(count=1), Valve(count=1)
    one, two = Session(first).start(), Session(second).start()
    until(lambda: current_session() is one)
    second.let(2)
    first.let(2)
    assert two.wait(PATIENCE) == "finished"
    assert one.state == "finished"


def test_a_session_stopped_before_its_turn_never_runs():
    valve = Valve(count=1)
    first = Session(valve).start()
    second = Session(iter([1, 2, 3])).start()
    second.stop()
    assert second.state == "stopped"
    valve.let(2)
    first.wait(PATIENCE)
    done = threading.Event()
    in_background(done.set)
    assert done.wait(PATIENCE)
    assert second.records() == ()


def test_an_exception_reaches_whoever_waits():
    def broken():
        yield 1
        raise OSError("the disk is gone")

    session = Session(broken()).start()
    with pytest.raises(OSError, match="the disk is gone"):
        session.wait(PATIENCE)
    assert (session.state, session.records()) == ("failed", (1,))
    assert Session([1]).start().wait(PATIENCE) == "finished"


def test_a_session_starts_once():
    session = Session([]).start()
    session.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="a session starts once, and this one is finished"):
        session.start()


def test_calls_that_mean_nothing_do_nothing():
    session = Session([1])
    session.pause()
    session.resume()
    assert session.state == "ready"
    session.start().wait(PATIENCE)
    session.stop()
    session.pause()
    assert session.state == "finished"


def test_wait_gives_up_after_its_timeout():
    valve = Valve()
    session = Session(valve).start()
    assert session.wait(0.01) == "running"
    session.stop()
    valve.let(1)
    session.wait(PATIENCE)


def test_a_failing_background_job_leaves_the_thread_usable():
    in_background(lambda: 1 / 0)
    assert Session([1]).start().wait(PATIENCE) == "finished"


def test_all_sessions_share_one_thread():
    for _ in range(20):
        Session([1, 2]).start().wait(PATIENCE)
    assert sum(thread.name == "training" for thread in threading.enumerate()) == 1
