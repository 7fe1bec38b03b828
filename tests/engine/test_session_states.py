"""Whatever is called in whatever order, a session is in a legal state and alone in its thread.

`TUTORIAL_THOROUGH=10` makes ten times as many calls.
"""

import contextlib
import itertools
import os
import random
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from torch import nn

from tutorial_lib import Hyperparameters, Session, TrainingRun
from tutorial_lib.engine.session import STATES, in_background

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
PATIENCE = 60  # seconds; only a deadlock takes so long
LEGAL = {
    ("ready", "running"),
    ("ready", "stopped"),
    ("running", "paused"),
    ("running", "stopped"),
    ("running", "finished"),
    ("running", "failed"),
    ("paused", "running"),
    ("paused", "stopped"),
}
FINAL = ("stopped", "finished", "failed")
calls = {"made": 0}


class Broken(Exception):
    """Raised by a step on purpose."""


class OneAtATime:
    """Notices when two sessions step at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.violations = 0

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.violations += 1
            self._lock.acquire(timeout=PATIENCE)

    def __exit__(self, *exception) -> None:
        self._lock.release()


class Watched(Session):
    """A session that notes each of its transitions, and who steps beside it."""

    def __init__(self, run: TrainingRun, alone: OneAtATime, fails_at: int | None) -> None:
        self.transitions: list[tuple[str, str]] = []
        self.run, self.fails_at = run, fails_at
        super().__init__(self._steps(alone))

    def _steps(self, alone: OneAtATime):
        for number in itertools.count():
            with alone:
                if number == self.fails_at:
                    raise Broken(number)
                record = next(self.run, None)
            if record is None:
                return
            yield record

    def _set_state(self, state: str) -> None:
        self.transitions.append((self._state, state))
        super()._set_state(state)


def new_run(few, epochs: int) -> TrainingRun:
    """Return a run of 10 very short steps an epoch."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    return TrainingRun(
        model, few, Hyperparameters(epochs=epochs, batch_size=10, learning_rate=1e-4)
    )


def let_the_thread_come_to_rest() -> None:
    """Wait until the worker has been through all that it was given before."""
    reached = threading.Event()
    in_background(reached.set)
    assert reached.wait(PATIENCE), "the training thread hangs"


def check(session: Watched) -> None:
    """Check what holds at any time, seen from any thread."""
    assert session.state in STATES
    illegal = set(session.transitions) - LEGAL
    assert not illegal
    records = session.records()
    assert [record.step for record in records] == list(range(1, len(records) + 1))


def end(session: Watched) -> None:
    """Stop a session, and check how it ended; an exception in a step reaches `wait`."""
    if session.state == "ready":
        session.start()
    session.stop()
    raised = None
    try:
        session.wait(PATIENCE)
    except Broken as error:
        raised = error
    assert session.state in FINAL
    assert (session.state == "failed") == (raised is not None)
    assert raised is session.error
    if raised is not None:
        assert len(session.records()) == session.fails_at
    check(session)
    calls["made"] += 1


class Sessions(RuleBasedStateMachine):
    """Up to a dozen sessions, called at random."""

    few = None  # set by the test
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.alone, self.all = OneAtATime(), []

    @rule(target=sessions, epochs=st.integers(1, 40), fails_at=st.none() | st.integers(0, 60))
    def make(self, epochs, fails_at):
        session = Watched(new_run(self.few, epochs), self.alone, fails_at)
        self.all.append(session)
        return session

    @rule(session=sessions)
    def start(self, session):
        calls["made"] += 1
        if session.state == "ready":
            assert session.start() is session
        else:
            with pytest.raises(RuntimeError, match="a session starts once"):
                session.start()
        assert session.state != "ready"

    @rule(session=sessions)
    def pause(self, session):
        calls["made"] += 1
        session.pause()

    @rule(session=sessions)
    def pause_and_wait(self, session):
        calls["made"] += 1
        was_ready = session.state == "ready"
        session.pause()
        if was_ready:
            return
        try:
            assert session.wait(PATIENCE) in ("paused", "stopped", "finished")
        except Broken:
            assert session.state == "failed"

    @rule(session=sessions)
    def resume(self, session):
        calls["made"] += 1
        before = session.state
        session.resume()
        if before == "paused":
            assert session.state != "paused"

    @rule(session=sessions)
    def stop(self, session):
        calls["made"] += 1
        session.stop()

    @rule(session=sessions, rate=st.floats(1e-5, 1e-3), batch_size=st.integers(5, 20))
    def adjust(self, session, rate, batch_size):
        calls["made"] += 1
        session.run.adjust(learning_rate=rate, batch_size=batch_size)

    @rule(session=sessions, seconds=st.sampled_from([0.0, 0.001, 0.005]))
    def wait_a_moment(self, session, seconds):
        calls["made"] += 1
        try:
            session.wait(seconds)
        except Broken:
            assert session.state == "failed"

    @invariant()
    def all_is_legal(self):
        assert self.alone.violations == 0
        for session in self.all:
            check(session)

    def teardown(self):
        running = [session for session in self.all if session.state == "running"]
        for session in running[:1]:  # one that nobody stops comes to its end by itself
            session.resume()
            with contextlib.suppress(Broken):
                assert session.wait(PATIENCE) in FINAL
        for session in self.all:
            end(session)
        let_the_thread_come_to_rest()
        for session in self.all:
            assert len(session.records()) == len(session.run.history)
        assert self.alone.violations == 0


@pytest.fixture(autouse=True)
def _say_how_many(request):
    calls["made"] = 0
    yield
    if not calls["made"]:
        return
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{calls['made']:,} random calls")


def test_random_calls_never_reach_an_illegal_state(few):
    Sessions.few = few
    run_state_machine_as_test(
        Sessions,
        settings=settings(
            max_examples=40 * TIMES,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert calls["made"] >= 1000 * TIMES


class ResumedLate(Session):
    """A session that is resumed when its thread has just seen that it is to pause."""

    def _take_records(self):
        outcome = super()._take_records()
        if outcome is None:
            self.resume()
        return outcome


def test_a_resume_in_the_last_moment_of_a_pause_is_not_lost():
    def pausing():
        for number in range(5):
            session.pause()
            yield number

    session = ResumedLate(pausing())
    assert session.start().wait(PATIENCE / 6) == "finished"
    assert session.records() == (0, 1, 2, 3, 4)


def test_many_threads_may_call_at_once(few):
    """Three threads call at random, on sessions that they share."""
    alone = OneAtATime()
    sessions = [Watched(new_run(few, 500), alone, None) for _ in range(3)]
    for session in sessions:
        session.start()
    errors = []

    def call_at_random(seed):
        draw = random.Random(seed)
        try:
            for _ in range(200 * TIMES):
                session = draw.choice(sessions)
                draw.choice([session.pause, session.resume, session.resume, session.records])()
                session.run.adjust(learning_rate=draw.uniform(1e-5, 1e-3))
                session.wait(0.0005)
                calls["made"] += 3
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call_at_random, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for session in sessions:
        end(session)
    let_the_thread_come_to_rest()
    assert (errors, alone.violations) == ([], 0)
