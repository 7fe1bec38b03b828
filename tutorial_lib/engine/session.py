"""A run in the background: start, pause, resume, stop.

All sessions of a process share one long-lived daemon thread, which takes one session at a time;
a thread for each run would leak memory (pytorch#64412). A paused session leaves the thread, so
another one can train meanwhile.
"""

import atexit
import contextlib
import itertools
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from tutorial_lib.hardware import release_idle_threads
from tutorial_lib.interrupts import is_held_here, let_go

HOLD_SECONDS = 1.0  # so long a step that is being taken is waited for
FORK_SECONDS = 30.0  # the same, before a fork: what is half loaded then, a child never gets
LEAVE_SECONDS = 30.0  # so long the thread may take to come to rest before the interpreter ends
STATES = ("ready", "running", "paused", "stopped", "finished", "failed")


class Stopped(Exception):
    """Raised by an iterator that would wait, for its session is to stop: see `stop_is_asked`."""


class Session:
    """Iterates over anything that yields records, in the background.

    Every method may be called from any thread, and returns at once, `wait` aside. A call that
    means nothing in the present state (a pause when nothing runs, say) does nothing.

    Args:
        records: A TrainingRun, or what wraps one. Nobody else may iterate over it, or touch its
            model, while the session is running.
        can_pause: Says of the last record whether the session may be held or end there. By default
            it may at any; a run that has already taken further steps has to tell them first.
    """

    def __init__(
        self, records: Iterable[Any], *, can_pause: Callable[[Any], bool] = lambda record: True
    ) -> None:
        self.error: BaseException | None = None  # what made the session fail
        self._source = records
        self._can_pause = can_pause
        self._iterator: Iterator[Any] | None = None
        self._records: list[Any] = []
        self._state = "ready"
        self._wanted = "running"  # what the thread should go to, at the next step
        self._has_thread = False  # whether the thread is taking steps of this session now
        self._changed = threading.Condition()
        _sessions.add(self)

    def __repr__(self) -> str:
        return f"Session({self.state}, {len(self._records):,} records)"

    @property
    def state(self) -> str:
        """One of "ready", "running", "paused", "stopped", "finished" and "failed".

        A session that waits for its turn counts as running. "stopped", "finished" and "failed"
        are final, and the worker has then let go of the run.
        """
        return self._state

    @property
    def wanted(self) -> str:
        """The state that was asked for last; `state` follows after the step being taken."""
        return self._wanted

    @property
    def done(self) -> bool:
        """Whether the state is a final one."""
        return self._state in ("stopped", "finished", "failed")

    def records(self, since: int = 0) -> tuple[Any, ...]:
        """Return the records from number `since` on, as they are now."""
        return tuple(itertools.islice(self._records, since, len(self._records)))

    def start(self) -> Self:
        """Start; returns at once.

        Raises:
            RuntimeError: It was started before.
        """
        with self._changed:
            if self._state != "ready":
                raise RuntimeError(
                    f"a session starts once, and this one is {self._state}: make a new Session"
                )
            self._set_state("running")
        _worker.submit(self._work)
        return self

    def pause(self) -> None:
        """Hold after the step that is being taken, until `resume`."""
        with self._changed:
            if self._state == "running" and self._wanted == "running":
                self._ask("paused")

    def resume(self) -> None:
        """Go on after a pause."""
        with self._changed:
            if self._wanted != "paused":
                return
            self._wanted = "running"
            if self._state == "paused":
                self._set_state("running")
                _worker.submit(self._work)

    def stop(self) -> None:
        """End for good after the step that is being taken."""
        with self._changed:
            if not self.done:
                self._ask("stopped")

    def join(self, timeout: float | None = None) -> str:
        """Wait until the state is final or "paused", or so many seconds; return the state."""
        with self._changed:
            self._changed.wait_for(lambda: self._state not in ("ready", "running"), timeout)
        return self._state

    def wait(self, timeout: float | None = None) -> str:
        """Wait as `join` does, and raise what made the session fail, if it did.

        Returns:
            The state.

        Raises:
            BaseException: What made the session fail, again.
        """
        state = self.join(timeout)
        if self.error is not None:
            raise self.error
        return state

    def _ask(self, state: str) -> None:
        self._wanted = state
        if not self._has_thread:  # nobody to ask: it is so at once
            self._set_state(state)

    def _work(self) -> None:
        """Take records until something else is wanted. Runs in the worker thread."""
        global _current
        with self._changed:
            if self._state != "running":  # paused or stopped before its turn came
                return
            self._has_thread = True
        _current = self  # first: whoever lets the thread come to rest sees it, or is seen
        if _worker.is_leaving:
            self.stop()
        outcome = self._take_records()
        _current = None
        with self._changed:
            self._has_thread = False
            if outcome is None and self._wanted == "running":  # resumed in the last moment
                _worker.submit(self._work)
            else:
                self._set_state(outcome or self._wanted)

    def _take_records(self) -> str | None:
        """Return how the records ended, or None if something else than running is wanted."""
        try:
            if self._iterator is None:
                self._iterator = iter(self._source)
            while self._wanted == "running" or (
                self._records and not self._can_pause(self._records[-1])
            ):
                if not _may_step.is_set():  # the lock alone would mostly come back to this thread
                    _may_step.wait()
                with _at_work:
                    self._records.append(next(self._iterator))
        except StopIteration:
            return "finished"
        except Stopped:
            return "stopped"
        except BaseException as error:  # whatever it is belongs to whoever waits
            self.error = error
            return "failed"
        return None

    def _set_state(self, state: str) -> None:
        self._state = state
        self._changed.notify_all()


class _Worker:
    """One daemon thread that runs what it is given, one after the other."""

    def __init__(self) -> None:
        self.is_leaving = False  # whether the interpreter ends, so that nothing new may begin
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                if self.is_leaving:  # no thread starts any more
                    return
                self._thread = threading.Thread(target=self._run, name="training", daemon=True)
                self._thread.start()
            if threading.current_thread() is not self._thread:
                release_idle_threads()  # it is that one's turn to compute
            self._jobs.put(job)

    def leave(self, seconds: float) -> None:
        """Run what was given so far, sessions aside, and end, in so many seconds at most."""
        with self._lock:
            self.is_leaving = True
            self._jobs.put(None)
        if _current is not None:
            _current.stop()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            job()

    def _next_job(self) -> Callable[[], None] | None:
        with contextlib.suppress(queue.Empty):
            return self._jobs.get_nowait()
        release_idle_threads()  # whoever has waited for this one may compute now
        return self._jobs.get()


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_worker = _Worker()
_current: Session | None = None
_at_work = threading.RLock()  # held while a record is taken or a job is done: a fork waits for it
_may_step = threading.Event()  # cleared while a fork waits, whose turn is before the next step
_may_step.set()


def current_session() -> Session | None:
    """Return the session that holds the training thread now, if any."""
    return _current


def stop_is_asked() -> bool:
    """Say whether this thread takes records for a session that is to stop, or ends with it."""
    session = _current
    return (
        session is not None
        and session.wanted == "stopped"
        and threading.current_thread() is _worker._thread
    )


@contextlib.contextmanager
def hold_other_session(session: Session | None) -> Iterator[None]:
    """Hold the session that trains now, unless it is this one: the last click decides what trains.

    What is done within, making a model say, meets no step of it. If it fails, that one goes on.
    """
    other = _current
    if other is None or other is session:
        yield
        return
    other.pause()
    other.join(HOLD_SECONDS)
    try:
        yield
    except BaseException:
        other.resume()
        raise


def in_background(job: Callable[[], None]) -> None:
    """Run a short job in the training thread, in its turn; an exception in it ends it silently."""

    def quietly() -> None:
        with contextlib.suppress(Exception), _at_work:
            job()

    _worker.submit(quietly)


# ---- the ends of a process, and its children ----


@atexit.register
def _leave_quietly() -> None:
    """Let the thread come to rest before the interpreter takes apart what it works with."""
    with contextlib.suppress(KeyboardInterrupt):
        _worker.leave(LEAVE_SECONDS)


_forking = threading.local()  # .had_it: whether the thread that forks held the lock before


def _before_fork() -> None:
    _forking.had_it = is_held_here(_at_work)
    try:
        _may_step.clear()
        if not _forking.had_it:
            _at_work.acquire(timeout=FORK_SECONDS)  # else half a step is copied
    finally:
        _may_step.set()


def _after_fork() -> None:
    if not _forking.had_it:
        let_go(_at_work)


def _begin_anew() -> None:
    """Let a child of a fork, which has a copy of all but the thread, use sessions of its own."""
    global _worker, _current, _at_work, _may_step
    _worker, _current, _at_work = _Worker(), None, threading.RLock()
    _may_step = threading.Event()
    _may_step.set()
    for session in list(_sessions):
        session._changed = threading.Condition()
        session._has_thread = False
        if session._state == "running":
            session._state = session._wanted = "stopped"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_anew
    )
