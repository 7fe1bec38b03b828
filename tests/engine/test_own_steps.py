"""A learner's own step: taken, watched, saved and shared like the usual one."""

import copy
import pickle
from functools import partial
from itertools import islice

import pytest
import torch
from joblib import wrap_non_picklable_objects
from torch import nn

from tutorial_lib import Diverged, Hyperparameters, LeNet5, Session, TrainingRun, checkpoint
from tutorial_lib.engine.processes import ProcessesRun

CALM = Hyperparameters(epochs=1, optimizer="sgd", learning_rate=0.05)


def usual(run, inputs, targets):
    loss = run.loss_function(run.model(inputs), targets)
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()
    return loss


def clipped(run, inputs, targets, *, longest=0.1):
    """Take the usual step with a gradient of this length at most."""
    loss = run.loss_function(run.model(inputs), targets)
    run.optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), longest)
    run.optimizer.step()
    return loss


def weights(run) -> torch.Tensor:
    return nn.utils.parameters_to_vector(run.model.parameters()).detach().clone()


@pytest.fixture
def new_run(few):
    """Return a maker of runs with a step of their own: 2 epochs of 10 steps."""

    def make(update=clipped, **settings) -> TrainingRun:
        settings = {"epochs": 2, "batch_size": 10} | settings
        return TrainingRun(LeNet5(seed=0), few, Hyperparameters(**settings), update=update)

    return make


def losses_of(run) -> list[float]:
    return [record.loss for record in run.history]


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_the_usual_step_written_out_gives_the_same_bits(new_run, optimizer):
    own, plain = (new_run(update, optimizer=optimizer) for update in (usual, None))
    list(own), list(plain)
    assert losses_of(own) == losses_of(plain)
    assert torch.equal(weights(own), weights(plain))


def test_clipping_bounds_every_step(new_run):
    run = new_run(partial(clipped, longest=1e-3), optimizer="sgd", learning_rate=1.0)
    before = weights(run)
    for _ in run:
        after = weights(run)
        assert (after - before).norm() <= 1.01e-3
        before = after


def test_changes_and_bursts_work_as_ever(new_run):
    one, other = new_run(), new_run()
    list(islice(one, 3)), other.take(5), other.take(5), other.take(5)
    for run in (one, other):
        run.adjust(learning_rate=0.002)
        list(run)
    assert losses_of(one) == losses_of(other)
    assert one.changes == other.changes


def test_a_session_drives_it(new_run):
    alone, run = new_run(), new_run()
    list(alone)
    assert Session(run).start().wait(60) == "finished"
    assert losses_of(run) == losses_of(alone)


@pytest.mark.parametrize("wrong", [ValueError("mine"), KeyboardInterrupt()])
def test_a_step_that_fails_on_its_way_is_taken_back(new_run, wrong):
    fails = [False]

    def sometimes(run, inputs, targets):
        loss = clipped(run, inputs, targets)
        if fails[0]:
            raise wrong
        return loss

    run, untouched = new_run(sometimes), new_run()
    list(islice(run, 3)), list(islice(untouched, 3))
    fails[0] = True
    with pytest.raises(type(wrong)):
        run.step()
    assert torch.equal(weights(run), weights(untouched))
    fails[0] = False
    list(run), list(untouched)
    assert losses_of(run) == losses_of(untouched)


def test_a_loss_that_is_no_number_is_divergence_and_costs_no_weights(new_run):
    run = new_run(lambda run, inputs, targets: usual(run, inputs, targets) * torch.nan)
    before = weights(run)
    with pytest.raises(Diverged, match="at step 1 "):
        run.step()
    assert torch.equal(weights(run), before)
    assert run.history == []
    assert run.optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("result", [None, "0.5", torch.ones(10)])
def test_a_step_has_to_return_its_loss(new_run, result):
    run = new_run(lambda run, inputs, targets: result)
    with pytest.raises(TypeError, match="update must return the loss, a tensor of one number"):
        run.step()


def test_what_is_no_function_is_refused_before_anything_starts(few):
    with pytest.raises(TypeError, match=r"update must be a function.*; got 'clip'"):
        TrainingRun(LeNet5(), few, update="clip")


def test_what_a_step_draws_is_a_function_of_seed_and_step(new_run):
    def noisy(run, inputs, targets):
        return clipped(run, inputs + 0.1 * torch.rand_like(inputs), targets)

    one, other = new_run(noisy), new_run(noisy)
    list(one)
    for _ in other:
        torch.rand(3)
    assert losses_of(one) == losses_of(other)


def test_it_goes_on_exactly_and_only_with_the_same_step(new_run, tmp_path):
    whole, run = new_run(), new_run()
    list(whole), list(islice(run, 7))
    checkpoint.save(run, tmp_path / "own.run")
    again = new_run(partial(clipped))  # by its name
    checkpoint.restore(again, tmp_path / "own.run")
    list(again)
    assert losses_of(again) == losses_of(whole)
    words = "its update is clipped, here it is the usual step"
    with pytest.raises(checkpoint.CheckpointError, match=words):
        checkpoint.restore(new_run(None), tmp_path / "own.run")


def test_a_file_of_before_own_steps_is_of_the_usual_one(new_run):
    state = copy.deepcopy(new_run(None).state_dict())
    del state["update"]
    new_run(None).load_state_dict(state)
    with pytest.raises(ValueError, match="its update is the usual step, here it is clipped"):
        new_run().load_state_dict(state)


@pytest.mark.usefixtures("warm_ranks")
def test_several_processes_take_it_though_a_notebook_defines_it(sample):
    longest = 0.1

    def mine(run, inputs, targets):  # not to be had by any import
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), longest)
        run.optimizer.step()
        return loss

    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(mine)
    alone = TrainingRun(LeNet5(), sample, CALM, update=mine)
    together = ProcessesRun(LeNet5(), sample, CALM, update=mine, processes=2)
    try:
        gaps = []
        for step in range(20):
            if step == 10:
                for run in (alone, together):
                    run.adjust(batch_size=33)  # shares of 17 and 16
            gaps.append(abs(next(alone).loss - next(together).loss))
        print(f"largest difference of a loss: {max(gaps):.1e}")
        assert max(gaps) < 1e-5
        assert (weights(alone) - weights(together)).abs().max() < 1e-5
        unclipped = TrainingRun(LeNet5(), sample, CALM)
        list(islice(unclipped, 20))
        assert abs(unclipped.history[-1].loss - alone.history[-1].loss) > 1e-3  # it does clip
    finally:
        together.close()


def test_what_carries_a_step_to_another_process_keeps_its_name():
    wrapped = pickle.loads(pickle.dumps(wrap_non_picklable_objects(clipped)))
    assert wrapped.__name__ == "clipped"
