"""A network's steps are measured with a copy, which leaves no trace; and a run keeps its number."""

import itertools
import random

import numpy as np
import pytest
import torch
from free_threads import nothing_fixed
from torch import nn
from torch.nn.utils import parametrizations, prune

from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, from_dataset, script_of
from tutorial_lib.engine.processes import ProcessesRun
from tutorial_lib.engine.thread_count import threads_for
from tutorial_lib.hardware import threads, usable_cores, use_threads
from tutorial_lib.hardware.kept_threads import kept_threads
from tutorial_lib.random_state import random_states

STEPS = 2  # then weights differ where numbers of threads do


@pytest.fixture
def free(monkeypatch, tmp_path):
    with nothing_fixed(monkeypatch, tmp_path):
        yield


@pytest.fixture
def ask(free, few):
    """Return a function that asks for a network's number of threads."""

    def asked(model, data=few, *, batch_size=20, num_steps=1000):
        return threads_for(model, data, batch_size=batch_size, num_steps=num_steps)

    return asked


def net(*more):
    return nn.Sequential(nn.Flatten(), nn.Linear(1024, 10), *more)


def is_measured(choice):
    """Say whether a choice was measured with the network itself."""
    by_itself = [known for what, (known, _) in threads._known.items() if what != threads.USUAL]
    return choice.why.startswith("measured: a step takes ") and choice in by_itself


# ---- what is measured, and what is not ----


def test_a_network_and_a_batch_size_are_measured_once(ask):
    with_twenty = ask(LeNet5())
    assert is_measured(with_twenty)
    assert ask(LeNet5(seed=1)) is with_twenty
    assert ask(LeNet5(), batch_size=50) is not with_twenty
    assert ask(net()) is not with_twenty


def test_a_short_run_takes_the_number_of_a_lenet(ask):
    usual = ask(net(), num_steps=99)
    assert usual.count == torch.get_num_threads()
    assert list(threads._known) == [threads.USUAL]


def test_an_unknown_machine_is_measured_by_a_lenet(ask):
    choice = ask(net(), num_steps=99)
    assert choice.why == "as for a LeNet at batch 32, for the run is short"
    assert choice.count == threads._known[threads.USUAL][0].count
    assert kept_threads(threads.USUAL) == torch.get_num_threads()


class Raises(nn.Linear):
    def forward(self, images):
        raise ArithmeticError("on purpose")


class NoCopy(nn.Linear):
    def __deepcopy__(self, memo):
        raise TypeError("there is one of me")


@pytest.mark.parametrize(
    "model", [Raises(1, 1), NoCopy(32, 10), net(nn.Linear(7, 7)), net().requires_grad_(False)]
)
def test_a_network_that_cannot_be_measured_takes_the_number_of_a_lenet(ask, model):
    assert ask(model).why == "as for a LeNet at batch 32, for its network cannot be measured"
    assert torch.get_num_threads() == threads._known[threads.USUAL][0].count


def test_a_failing_network_is_told_by_its_step_not_by_the_measurement(free, few):
    fails = lambda run, inputs, targets: run.model(inputs).mean()  # noqa: E731
    run = TrainingRun(Raises(1, 1), few, Hyperparameters(batch_size=1), update=fails)
    with pytest.raises(ArithmeticError, match="on purpose"):
        run.step()


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = net(), net()

    def forward(self, images):
        return {"one": self.one(images), "others": [self.two(images), self.one(images)]}


@pytest.mark.parametrize("model", [Several(), net().eval(), net(nn.BatchNorm1d(10))])
def test_any_answer_and_mode_is_measured(ask, model):
    was_training = model.training
    assert is_measured(ask(model))
    assert model.training is was_training


def test_workers_that_read_have_cores_of_their_own(ask, few):
    examples = list(zip(few.train.images, few.train.labels.tolist(), strict=True))
    for workers, is_one in ((usable_cores(), True), (0, False)):
        data = from_dataset(examples, in_memory=False, workers=workers, device="cpu")
        assert (ask(LeNet5(), data).why == "there is one core") is is_one


# ---- it leaves no trace ----


def test_random_states_gradients_and_buffers_are_as_before(ask):
    model = nn.Sequential(net(nn.BatchNorm1d(10)), nn.Dropout(), nn.Linear(10, 10))
    model[2].weight.grad = torch.ones(10, 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = random_states(torch.device("cpu"))
    drawn = np.random.get_state()[1].tolist(), random.getstate()
    assert is_measured(ask(model))
    assert random_states(torch.device("cpu")) == states
    assert (np.random.get_state()[1].tolist(), random.getstate()) == drawn
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model[2].weight.grad, torch.ones(10, 10))
    assert [weights.grad for weights in model[0].parameters()] == [None] * 4


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_learners_hooks_hear_nothing_of_it(ask, register):
    model, seen = net(), []
    getattr(model[1], register)(lambda *told: seen.append(told))
    assert is_measured(ask(model))
    assert seen == []
    model(torch.zeros(1, 1, 32, 32))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5),
        lambda layer: parametrizations.weight_norm(layer),
        lambda layer: parametrizations.spectral_norm(layer),
    ],
)
def test_hooks_of_torch_that_make_weights_stay(ask, change):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10, bias=False))
    change(model[1])
    assert is_measured(ask(model))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(10))

    def forward(self, images):
        if images.max() > 4:
            raise ArithmeticError("these were changed before")
        return images.mul_(4).flatten(1)[:, :10] * self.weight


def test_a_network_that_changes_its_inputs_changes_no_data(ask, few):
    before = few.train.images.clone()
    assert is_measured(ask(InPlace()))
    assert torch.equal(few.train.images, before)


def test_an_interrupt_in_the_midst_of_it_leaves_all_as_it_was(free, few):
    class Interrupted(type(net())):
        def forward(self, images):
            raise KeyboardInterrupt

    run = TrainingRun(net(), few, Hyperparameters(epochs=100, batch_size=20))
    run.model.__class__ = Interrupted
    states = random_states(torch.device("cpu"))
    use_threads(3)
    with pytest.raises(KeyboardInterrupt):
        run.step()
    assert (run.threads, run.history, torch.get_num_threads()) == (None, [], 3)
    assert random_states(torch.device("cpu")) == states
    run.model.__class__ = nn.Sequential
    assert run.step().step == 1


# ---- a run keeps it, and says it ----


def wide():
    torch.manual_seed(0)
    sizes = [nn.Linear(1024, 1500), nn.ReLU(), nn.Linear(1500, 1500), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *sizes, nn.Linear(1500, 10))


@pytest.fixture
def start(free, sample):
    """Return a maker of runs with a number of threads."""

    def run(model, count, *, batch_size):
        made = TrainingRun(model, sample, Hyperparameters(batch_size=batch_size, epochs=100))
        made.use_threads(count)
        return made

    return run


def bits_of(run):
    """Return all bits of a run after so many steps."""
    list(itertools.islice(run, STEPS - run.step_number))
    losses = [record.loss for record in run.history]
    return losses, [weights.tolist() for weights in run.model.parameters()]


@pytest.mark.parametrize(("make", "batch_size"), [(LeNet5, 32), (LeNet5, 256), (wide, 256)])
def test_runs_that_take_turns_each_have_the_bits_they_have_alone(start, make, batch_size):
    alone = {count: bits_of(start(make(), count, batch_size=batch_size)) for count in (1, 2)}
    assert alone[1] != alone[2]  # their number decides the last digits
    again = {count: start(make(), count, batch_size=batch_size) for count in alone}
    for _ in range(STEPS):
        for run in again.values():
            run.step()
    assert {count: bits_of(run) for count, run in again.items()} == alone
    assert [run.thread_counts for run in again.values()] == [{1}, {2}]


@pytest.mark.parametrize(("count", "beside"), [(1, 2), (2, 1)])
def test_a_session_has_its_own_number_whatever_others_compute_with(start, count, beside):
    alone = bits_of(start(wide(), count, batch_size=256))
    run = start(wide(), count, batch_size=256)
    session = Session(itertools.islice(run, STEPS))
    session.start()
    numbers = torch.randn(300, 300)
    while not session.done:
        use_threads(beside)
        numbers @ numbers
    assert (session.wait(), run.thread_counts) == ("finished", {count})
    assert bits_of(run) == alone


def test_a_number_set_by_hand_on_the_way_counts_and_is_recorded(start):
    run = start(LeNet5(), 2, batch_size=32)
    run.step()
    torch.set_num_threads(1)
    run.step()
    assert (run.threads, run.why_threads) == (1, "as it was fixed on the way")
    assert run.thread_counts == {1, 2}
    assert "The steps had 1 and 2 threads" in script_of(run, LeNet5())


def test_a_number_that_was_set_is_that_of_runs_to_come(free, sample):
    torch.set_num_threads(3)
    run = TrainingRun(LeNet5(), sample, Hyperparameters())
    run.step()
    assert (run.threads, run.why_threads) == (3, "as torch.set_num_threads was told")


# ---- several processes ----


@pytest.mark.parametrize(("fixed", "each"), [(4, 2), (3, 1), (None, None)])
def test_processes_share_the_cores_or_what_the_user_has_fixed(free, sample, fixed, each):
    if fixed:
        torch.set_num_threads(fixed)
    run = ProcessesRun(LeNet5(), sample, Hyperparameters(), processes=2)
    run.settle_threads()
    each = each or max(1, usable_cores() // 2)
    assert (run.threads, run.why_threads) == (each, "for each of 2 processes")
    again = ProcessesRun(LeNet5(), sample, Hyperparameters(), processes=2)
    again.load_state_dict(run.state_dict() | {"threads": each})
    assert again.threads == each


@pytest.mark.usefixtures("warm_ranks")
def test_every_process_computes_with_the_number_that_is_recorded(free, sample):
    def threads_as_loss(run, inputs, targets):
        return 0 * run.loss_function(run.model(inputs), targets) + torch.get_num_threads()

    threads_as_loss.__module__ = "__main__"  # it is sent with its code
    settings = Hyperparameters(batch_size=32)
    run = ProcessesRun(LeNet5(), sample, settings, processes=2, update=threads_as_loss)
    run.use_threads(2)
    assert run.step().loss == 2.0  # the mean over both
    state = run.state_dict()
    run.close()
    assert (state["threads"], state["thread_counts"]) == (2, [2])
