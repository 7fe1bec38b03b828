"""A run on data that is read as it goes on is the run on the same data in memory."""

import gc
import multiprocessing
import os
import signal
from dataclasses import replace
from itertools import islice

import psutil
import pytest
import torch
from streamed_digits import OnceAt, readers, streamed

from tutorial_lib import Diverged, Hyperparameters, LeNet5, Session, TrainingRun, checkpoint
from tutorial_lib.data import Data, Split
from tutorial_lib.data.streamed import Unreadable
from tutorial_lib.engine import order_of_epoch, reader
from tutorial_lib.engine.drive import in_bursts, with_accuracy
from tutorial_lib.random_state import random_states

SIZES = {0: 10, 2: 8, 5: 12}  # the batch size from each of these steps on: 2 epochs of 40 digits


@pytest.fixture
def forty(few: Data) -> Data:
    return replace(few, name="forty", train=Split(few.train.images[:40], few.train.labels[:40]))


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert not readers() or (gc.collect() and not readers())  # what raised may hold a run


def run_on(data: Data, **settings) -> TrainingRun:
    settings = {"epochs": 2, "batch_size": 10} | settings
    return TrainingRun(LeNet5(seed=0), data, Hyperparameters(**settings))


def run_with(data: Data, once: OnceAt, **options) -> TrainingRun:
    """Return a run on the data, streamed, in which something happens once an item is read."""
    run = run_on(streamed(data, on_item=once, **options))
    assert run.data.train.digest  # its first step reads many of them
    once.is_on.touch()
    return run


def losses(records) -> list[float]:
    return [record.loss for record in records]


def trained(run: TrainingRun, upto: int | None = None) -> TrainingRun:
    """Take steps with the batch sizes above, to the end or up to some number of them."""
    while run.step_number != upto:
        if run.step_number in SIZES:
            run.adjust(batch_size=SIZES[run.step_number])
        try:
            run.step()
        except StopIteration:
            break
    return run


def trained_until_interrupted(run: TrainingRun) -> None:
    trained(run)
    signal.pause()  # the interrupt is on its way


def same(one: TrainingRun, other: TrainingRun) -> bool:
    weights = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return losses(one.history) == losses(other.history) and all(torch.equal(*w) for w in weights)


# ---- the same run ----


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_losses_are_those_of_the_same_data_in_memory(forty, workers):
    assert same(trained(run_on(streamed(forty, workers=workers))), trained(run_on(forty)))


def test_what_items_draw_does_not_depend_on_the_number_of_processes(forty):
    here, one, two = (
        trained(run_on(streamed(forty, workers=workers, noisy=True))) for workers in (0, 1, 2)
    )
    assert same(here, one)
    assert same(here, two)
    assert not same(here, trained(run_on(forty)))


def test_another_seed_draws_others(forty):
    data = streamed(forty, workers=0, noisy=True)
    first, other = (run_on(data, seed=seed) for seed in (0, 1))
    assert not torch.equal(first.next_batch()[0].sum(0), other.next_batch()[0].sum(0))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_resumed_at_every_step_is_one_that_never_stopped(forty, workers):
    data = streamed(forty, workers=workers, noisy=True)
    whole = trained(run_on(data))
    assert whole.step_number == 7
    stopped = run_on(data)
    for step in range(whole.step_number):
        trained(stopped, upto=step)
        resumed = run_on(data)
        resumed.load_state_dict(stopped.state_dict())
        assert same(trained(resumed), whole)
    stopped.close()


def test_a_run_goes_on_from_its_file_at_every_step(forty, tmp_path):
    data = streamed(forty, workers=2, noisy=True)
    whole = trained(run_on(data))
    going = run_on(data)
    for step in range(1, whole.step_number + 1):
        checkpoint.save(trained(going, upto=step), tmp_path / "my.run")
        going.close()
        going = run_on(data)
        checkpoint.restore(going, tmp_path / "my.run")
    assert same(trained(going), whole)


def test_bursts_take_the_same_steps(forty):
    data = streamed(forty, workers=2, noisy=True)
    whole, burst = run_on(data), run_on(data)
    assert losses(record for _ in range(4) for record in burst.take(3)) == losses(whole)
    assert losses(in_bursts(run_on(data))) == losses(whole.history)
    burst.close()


def test_a_state_is_not_taken_up_on_other_data(forty):
    state = trained(run_on(streamed(forty, workers=0)), upto=2).state_dict()
    with pytest.raises(ValueError, match="that it learned from differ"):
        run_on(streamed(forty, workers=0, noisy=True)).load_state_dict(state)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_learners_random_states_stay_as_they_are(forty, workers):
    before = random_states(torch.device("cpu"))
    trained(run_on(streamed(forty, workers=workers, noisy=True)))
    assert random_states(torch.device("cpu")) == before


def test_a_session_trains_and_scores_on_it(forty):
    data = streamed(forty, workers=2, noisy=True)
    run = run_on(data)
    session = Session(with_accuracy(run, data.test)).start()
    assert session.wait(60) == "finished"
    assert [score.step for score in run.scores] == [4, 8]
    assert losses(run.history) == losses(run_on(data))


# ---- whatever happens ----


def test_a_run_diverges_as_it_does_in_memory(forty):
    said = []
    for data in (forty, streamed(forty, workers=1)):
        run = run_on(data, learning_rate=1e20)
        with pytest.raises(Diverged) as info:
            losses(in_bursts(run))
        said.append((str(info.value), run.step_number, run.model.fc3.weight.sum().item()))
        run.close()
    assert said[0] == said[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_item_that_cannot_be_read_stops_a_run_that_goes_on_when_it_is_mended(
    forty, tmp_path, workers
):
    def fail():
        raise OSError("image file is truncated")

    bad = order_of_epoch(40, seed=0, epoch=0)[25].item()
    run = run_with(forty, OnceAt(bad, tmp_path, fail), workers=workers)
    with pytest.raises(Unreadable, match=f"item {bad} of .* OSError: image file is truncated"):
        trained(run)
    assert 0 < run.step_number < 4
    assert run.state_dict()["position"][1] == run.step_number
    assert same(trained(run), trained(run_on(forty)))
    run.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupt_while_an_item_is_read_costs_nothing(forty, tmp_path, workers):
    trainer = os.getpid()
    interrupt = OnceAt(17, tmp_path, lambda: os.kill(trainer, signal.SIGINT))
    run = run_with(forty, interrupt, workers=workers, noisy=True)
    with pytest.raises(KeyboardInterrupt):
        trained_until_interrupted(run)
    assert same(trained(run), trained(run_on(streamed(forty, workers=0, noisy=True))))


def test_an_interrupt_is_nothing_to_the_processes_that_read(forty, tmp_path):
    interrupt = OnceAt(17, tmp_path, lambda: os.kill(os.getpid(), signal.SIGINT))
    run = run_with(forty, interrupt, workers=2)
    assert same(trained(run), trained(run_on(forty)))


def test_a_killed_process_is_said_in_words_and_the_run_goes_on(forty):
    run = trained(run_on(streamed(forty, workers=1)), upto=1)
    os.kill(readers()[0].pid, signal.SIGKILL)
    with pytest.raises(Unreadable, match="ended by signal 9, as where memory runs out: the next"):
        trained(run)
    assert run.step_number < 4
    assert same(trained(run), trained(run_on(forty)))


def test_a_step_that_changes_its_batch_and_fails_gets_it_again_as_it_was(forty):
    seen = []

    def update(run, images, labels):
        seen.append(images.clone())
        images.zero_()
        if len(seen) == 1:
            raise RuntimeError
        return run.loss_function(run.model(images), labels)

    settings = Hyperparameters(batch_size=10)
    run = TrainingRun(LeNet5(), streamed(forty, workers=1), settings, update=update)
    with pytest.raises(RuntimeError):
        run.step()
    run.step()
    assert torch.equal(*seen)
    run.close()


# ---- processes that read live no longer than their run ----


@pytest.mark.parametrize("end", ["close", "forget", "finish", "restore"])
def test_no_process_is_left(forty, end):
    data = streamed(forty, workers=2)
    run = trained(run_on(data), upto=3)
    assert len(readers()) == 2
    if end == "close":
        run.close()
    elif end == "restore":
        run.load_state_dict(run.state_dict())
        run.step()
        assert len(readers()) == 2
        run.close()
    elif end == "finish":
        list(run)
    else:
        del run
    assert not readers()


def test_a_closed_run_goes_on(forty):
    run = trained(run_on(streamed(forty, workers=1)), upto=3)
    run.close()
    assert same(trained(run), trained(run_on(forty)))


def test_processes_that_nobody_asks_give_way(forty, monkeypatch):
    data = streamed(forty, workers=1)
    first, second = run_on(data), run_on(data)
    next(first), next(second)
    assert len(readers()) == 2
    monkeypatch.setattr(reader, "IDLE_SECONDS", 0)
    third = run_on(data)
    next(third)
    assert len(readers()) == 1
    monkeypatch.undo()
    assert losses(first)[:2] == losses(second)[:2] == losses(islice(third, 2))
    third.close()


def _train_and_leave(data, line):
    run = trained(run_on(data), upto=2)
    line.send([reader.pid for reader in readers()])
    line.recv()
    os.environ["KEPT"] = str(run)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_program_that_ends_leaves_no_process(forty):
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    program = context.Process(target=_train_and_leave, args=(streamed(forty, workers=2), there))
    program.start()
    left = [psutil.Process(pid) for pid in here.recv()]
    here.send("go")
    program.join(30)
    gone, alive = psutil.wait_procs(left, timeout=10)
    assert (len(gone), alive, program.exitcode) == (2, [], 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_of_a_fork_leaves_the_processes_to_its_parent(forty):
    run = trained(run_on(streamed(forty, workers=1)), upto=2)
    (process,) = readers()
    child = multiprocessing.get_context("fork").Process(target=run.step)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert losses(islice(run, 5)) == losses(run_on(forty))[2:7]
    assert readers() == [process]
    run.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_waits_for_one_step_of_a_session_not_for_many(forty):
    session = Session(run_on(forty, epochs=10_000)).start()
    taken = []
    for _ in range(10):
        before = len(session.records())
        if not (child := os.fork()):
            os._exit(0)
        taken.append(len(session.records()) - before)
        os.waitpid(child, 0)
    session.stop()
    session.wait()
    assert max(taken) < 6
