"""progress() passes the records on, and its line counts the steps of the run."""

import itertools
import sys
import time

import pytest

from tutorial_lib import Diverged, progress, with_accuracy
from tutorial_lib.waiting import Waiting


@pytest.fixture
def told(monkeypatch) -> list[tuple]:
    """Return what the line is told, and that it is closed."""
    told = []

    class Line(Waiting):
        def __init__(self, unit, **start):
            told.extend([start] if start["words"] else [])

        def reach(self, done, total=None):
            told.append((done, total))

        def close(self):
            told.append("closed")

    monkeypatch.setattr(sys.modules[progress.__module__], "Waiting", Line)
    return told


def test_every_record_is_passed_on(new_run, told):
    run = new_run(epochs=1)
    assert list(progress(run)) == run.history
    assert told == [*((step, 10) for step in range(1, 11)), "closed"]


def test_a_run_taken_up_counts_from_where_it_is(new_run, told):
    run = new_run()
    list(itertools.islice(run, 12))
    next(progress(run))
    assert told[0] == (13, 30)


def test_scores_are_passed_on_and_not_counted(new_run, few, told):
    run = new_run(epochs=2)
    assert len(list(progress(with_accuracy(run, few.test)))) == 22
    assert told[-2:] == [(20, 20), "closed"]


def test_what_changes_on_the_way_changes_the_total(new_run, told):
    run = new_run()
    for record in progress(run):
        if record.step == 10:
            run.adjust(batch_size=20)
        if record.step == 12:
            run.extend(4)
    assert [total for _, total in told[:-1]] == [30] * 10 + [20, 20] + [25] * 13
    assert told[-2] == (25, 25)


def test_a_loop_that_ends_before_the_run_says_where(new_run, told):
    list(progress(itertools.islice(new_run(), 12), num_steps=12))
    assert told[-2:] == [(12, 12), "closed"]


def test_anything_else_is_counted(told):
    assert list(progress("abc")) == ["a", "b", "c"]
    assert list(progress(iter("ab"))) == ["a", "b"]
    assert told == [(1, 3), (2, 3), (3, 3), "closed", (1, None), (2, None), "closed"]


def test_the_line_goes_when_the_loop_is_left(new_run, told):
    for _ in progress(new_run()):
        break
    assert told == [(1, 30), "closed"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_line_goes_when_the_loop_fails(new_run, told, error):
    def fail() -> None:
        for _ in progress(new_run()):
            raise error

    with pytest.raises(error):
        fail()
    assert told[-1] == "closed"


def test_a_run_that_diverges_says_so_and_the_line_goes(new_run, told):
    with pytest.raises(Diverged):
        list(progress(new_run(learning_rate=1e30)))
    assert told[-1] == "closed"


def test_it_costs_less_than_a_fiftieth_of_a_short_step(new_run, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    (record,) = itertools.islice(new_run(), 1)

    def seconds(wrap) -> float:
        start = time.perf_counter()
        for _ in wrap(itertools.repeat(record, 20_000)):
            pass
        return time.perf_counter() - start

    costs = [seconds(progress) - seconds(iter) for _ in range(5)]
    assert min(costs) / 20_000 < 0.02 * 0.25e-3


def test_a_run_of_several_processes_is_told_at_once_where_it_stands(new_run, told):
    run = new_run()
    list(itertools.islice(run, 12))
    run.processes = 2
    next(progress(run))
    assert told[0] == {"words": "2 processes: ", "done": 12, "total": 30, "at_once": True}
    assert told[1] == (13, 30)
