"""Several steps at once, as a GPU takes them, are the steps taken one by one."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tutorial_lib import Diverged, Hyperparameters, LeNet5, Session, TrainingRun, checkpoint
from tutorial_lib.engine import drive
from tutorial_lib.engine.bursts import update_without_waiting
from tutorial_lib.engine.drive import in_bursts, is_synchronized, iterate_for_device, with_accuracy
from tutorial_lib.engine.records import EvaluationRecord


def same(one, other):
    """Say whether two runs are equal in weights, momentum and history, seconds aside."""
    states = [run.state_dict() for run in (one, other)]
    losses = [[record.loss for record in run.history] for run in (one, other)]
    tensors = [
        [*state["model"].values(), *(m["momentum_buffer"] for m in memory_of(state))]
        for state in states
    ]
    equal = all(torch.equal(a, b) for a, b in zip(*tensors, strict=True))
    return losses[0] == losses[1] and equal and one.changes == other.changes


def memory_of(state):
    return state["optimizer"]["state"].values()


@pytest.fixture
def bursts(monkeypatch):
    """Let runs on the CPU be driven as on a GPU."""
    monkeypatch.setattr(drive, "iterate_for_device", in_bursts)


@pytest.mark.parametrize("count", [1, 3, 7, 1000])
def test_steps_taken_at_once_are_those_taken_one_by_one(new_run, count):
    one, other = new_run(), new_run()
    list(one)
    for _ in range(30):
        if other.step_number < other.num_steps:
            records = other.take(count)
            assert 1 <= len(records) <= min(count, 10)
    assert same(one, other)


def test_steps_at_once_end_with_their_epoch_and_the_run(new_run):
    run = new_run()
    assert [len(run.take(8)) for _ in range(6)] == [8, 2, 8, 2, 8, 2]
    with pytest.raises(StopIteration):
        run.take(8)
    assert len(new_run(batch_size=30).take(8)) == 3  # the ten that are left are no batch


def test_dropout_draws_for_each_step_what_it_draws_one_by_one(few):
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(1024, 10))
    settings = Hyperparameters(epochs=1, batch_size=10)
    one, other = (TrainingRun(copy.deepcopy(net), few, settings) for _ in range(2))
    list(one)
    other.take(10)
    assert same(one, other)


def test_steps_after_a_loss_that_is_no_number_are_taken_back(new_run):
    wild = {"learning_rate": 15.0, "loss": "mse", "optimizer": "momentum"}
    one, other = new_run(**wild), new_run(**wild)
    with pytest.raises(Diverged) as slow:
        list(one)
    with pytest.raises(Diverged) as fast:
        list(in_bursts(other, seconds=60))  # steps 1, 2-3, 4-7, 8-10, ...
    assert slow.value.step in (5, 6, 7)  # so good ones of its burst are taken again
    assert (fast.value.step, str(fast.value.loss)) == (slow.value.step, str(slow.value.loss))
    assert same(one, other)
    assert all(weight.isfinite().all() for weight in other.model.parameters())


def test_a_first_loss_that_is_no_number_leaves_the_run_as_it_was(new_run):
    run, untouched = new_run(), new_run()
    for each in (run, untouched):
        with torch.no_grad():
            each.model.fc3.bias[0] = float("nan")
    with pytest.raises(Diverged):
        run.take(5)
    assert run.history == []
    assert run.optimizer.state_dict()["state"] == {}
    assert torch.equal(run.model.conv1.weight, untouched.model.conv1.weight)


def test_an_interrupt_within_steps_at_once_takes_them_back(new_run, monkeypatch):
    one, other = new_run(), new_run()
    for run in (one, other):
        run.take(3)
    steps, step = itertools.count(1), other.optimizer.step

    def interrupted():
        step()
        if next(steps) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(other.optimizer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.take(7)
    assert same(one, other)


class _Reads(TorchDispatchMode):
    """Notes what makes a program wait for its device, or copies a tensor to another one."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in ("_local_scalar_dense", "_to_copy"):
            self.seen.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device_or_copies_a_batch_to_it(new_run):
    run = new_run()
    run.take(1)  # the optimizer's memory is there
    with _Reads() as reads:
        update_without_waiting(run, 5)
    assert reads.seen == []
    with _Reads() as reads:
        run.step()
    assert reads.seen == ["_local_scalar_dense"]  # so it can be seen


def test_a_turned_knob_acts_at_the_next_burst_and_is_marked(new_run):
    run = new_run()
    run.take(4)
    run.adjust(learning_rate=0.5)
    assert [record.learning_rate for record in run.take(3)] == [0.5] * 3
    assert [(change.step, change.after) for change in run.changes] == [(5, 0.5)]


def test_accuracies_come_after_the_last_record_of_their_epoch(new_run, few, bursts):
    one, other = new_run(), new_run()
    kinds = [(type(r), r.step, r.epoch) for r in with_accuracy(other, few.test)]
    assert [place for place, kind in enumerate(kinds) if kind[0] is EvaluationRecord] == [
        10,
        21,
        32,
    ]
    assert kinds[10] == (EvaluationRecord, 10, 0)
    list(one)
    assert same(one, other)


def test_bursts_grow_until_they_last_as_long_as_they_may(new_run):
    run, counts = new_run(epochs=1), []
    take = run.take
    run.take = lambda count: counts.append(count) or take(count)
    list(in_bursts(run, seconds=60))
    assert counts == [1, 2, 4, 8, 16]  # the last one finds nothing left


def test_a_run_on_the_cpu_is_driven_one_by_one(new_run):
    run = new_run()
    for record in iterate_for_device(run):
        assert is_synchronized(run, record)


def test_a_session_is_held_only_where_all_steps_are_told(new_run):
    run = new_run(epochs=100)
    session = Session(
        in_bursts(run, seconds=60), can_pause=lambda record: is_synchronized(run, record)
    ).start()
    while not session.records():
        session.join(0.01)
    session.pause()
    assert session.join() == "paused"
    assert len(session.records()) == run.step_number
    session.resume()
    session.stop()
    assert session.join() == "stopped"
    assert [record.step for record in session.records()] == [*range(1, run.step_number + 1)]


def test_a_state_saved_within_a_burst_goes_on_exactly(new_run, tmp_path):
    whole, run, again = new_run(), new_run(), new_run()
    list(whole)
    run.take(1)
    records = in_bursts(run, seconds=60)
    list(itertools.islice(records, 2))
    checkpoint.save(run, tmp_path / "a.run")
    checkpoint.restore(again, tmp_path / "a.run")
    list(again)
    assert same(whole, again)


@pytest.mark.parametrize("count", [0, -1, 1.5, None])
def test_a_bad_count_is_refused(new_run, count):
    with pytest.raises((TypeError, ValueError), match="count"):
        new_run().take(count)


def test_scores_by_another_metric_do_not_go_by_the_name_of_this_one(few):
    def number_right(outputs, labels):
        return (outputs.argmax(dim=1) == labels).sum()

    def share_of_zeros(outputs, labels):
        return (outputs.argmax(dim=1) == 0).float().mean()

    settings = Hyperparameters(epochs=1, batch_size=10)
    run = TrainingRun(LeNet5(), few, settings, metric=number_right)
    list(with_accuracy(run, few.test))
    again = TrainingRun(LeNet5(), few, settings, metric=number_right)
    other = TrainingRun(LeNet5(), few, settings, metric=share_of_zeros)
    for taker in (again, other):
        taker.load_state_dict(run.state_dict())
    assert again.scores == run.scores
    assert (other.scores[0].loss, other.scores[0].metric) == (run.scores[0].loss, None)
