"""What an exported script claims is so: its losses are compared, or it says what is not in it."""

import copy
import random
import runpy
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data import Data, Split, load_digits
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.script import MAX_LINES, script_of

SETTINGS = Hyperparameters(epochs=2, batch_size=25, learning_rate=0.05)
ASKED = "model = ...  # your own"
BY_HAND = "It takes the usual steps: what was done besides these is not in it."


def first_line(script):
    return script.splitlines()[0]


def ruff(script, *arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--quiet", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True).stdout


@pytest.fixture
def losses_of(tmp_path, monkeypatch):
    """Return a function that runs a script on these images, with this model, if it asks for it."""
    monkeypatch.chdir(tmp_path)

    def run(script, data, model=None):
        torch.save((data.train.images, data.train.labels), "images.pt")
        Path("script.py").write_text(script.replace("model = ...", "model = put_here"))
        return runpy.run_path("script.py", {"put_here": model})["losses"]

    return run


def check_repeats(run, start, losses_of):
    """Assert that the script gives the run's losses, and is no more than 40 tidy lines."""
    expected = [record.loss for record in run]
    script = script_of(run, start)
    assert "losses are those" in first_line(script)
    assert script.count("\n") <= MAX_LINES
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""
    assert losses_of(script, run.data, start) == expected
    return script


# ---- a LeNet5 that was changed ----


def scaled(module, _, output):
    return 0.5 * output


def clipped(gradient):
    return gradient.clamp(-0.001, 0.001)


def backwards(module, gradients, _):
    return tuple(None if one is None else 0.1 * one for one in gradients)


def other_forward(self, images):
    x = F.gelu(F.max_pool2d(self.conv1(images), 2))
    x = F.gelu(F.max_pool2d(self.conv2(x), 2)).flatten(1)
    return self.fc3(F.gelu(self.fc2(F.gelu(self.fc1(x)))))


def set_forward(model):
    model.forward = types.MethodType(other_forward, model)


def set_layer(model, name, layer):
    setattr(model, name, layer)


class HalfLinear(nn.Linear):
    def forward(self, x):
        return 0.5 * super().forward(x)


def half_linear():
    torch.manual_seed(0)
    return HalfLinear(84, 10)


def recast(model):
    model.fc3.__class__ = HalfLinear


FROZEN = {
    "a layer": (["conv1"], "for frozen in (model[0],)]"),
    "a bias": (["fc3.bias"], "for frozen in (model[11].bias,)]"),
    "two": (["conv2", "fc2.weight"], "for frozen in (model[3], model[9].weight)]"),
    "all but one": (["conv1", "conv2", "fc1", "fc2"], "(model[0], model[3], model[7], model[9])"),
}
CHANGED = {
    "a forward hook": lambda model: model.conv1.register_forward_hook(scaled),
    "a backward hook": lambda model: model.fc1.register_full_backward_hook(backwards),
    "a hook of the whole": lambda model: model.register_forward_hook(scaled),
    "a parameter's hook": lambda model: model.fc1.weight.register_hook(clipped),
    "another forward": set_forward,
    "another layer": lambda model: set_layer(model, "fc3", half_linear()),
    "another class of layer": recast,
    "an added layer": lambda model: set_layer(model, "fc4", nn.Linear(2, 2)),
    "a shared layer": lambda model: set_layer(model, "head", model.fc3),
    "another stride": lambda model: setattr(model.conv2, "dilation", (1, 2)) or narrow(model),
    "an attribute": lambda model: setattr(model, "note", np.ones(3)),
    "an own padding": lambda model: setattr(model.conv1, "padding", (2, 2)) or wide(model),
}


def narrow(model):
    torch.manual_seed(0)
    model.fc1 = nn.Linear(16 * 5 * 3, 120)


def wide(model):
    torch.manual_seed(0)
    model.fc1 = nn.Linear(16 * 6 * 6, 120)


@pytest.mark.parametrize("kind", FROZEN)
@pytest.mark.parametrize("init", ["torch", "mindspore"])
def test_layers_that_are_frozen_are_frozen_there(kind, init, few, losses_of):
    names, line = FROZEN[kind]
    if init == "mindspore":
        names = [name for name in names if name != "conv2"] + ["conv2"]
    model = LeNet5(init=init)
    for name in names:
        path, _, weights = name.partition(".")
        layer = getattr(model, path)
        (getattr(layer, weights) if weights else layer).requires_grad_(False)
    script = check_repeats(TrainingRun(model, few, SETTINGS), LeNet5(init=init), losses_of)
    assert "requires_grad_(False)" in script
    assert ASKED not in script
    assert init == "mindspore" or line in script


@pytest.mark.parametrize("kind", CHANGED)
def test_a_lenet_that_was_changed_is_ones_own(kind, few, losses_of):
    model, start = LeNet5(), LeNet5()
    CHANGED[kind](model), CHANGED[kind](start)
    script = check_repeats(TrainingRun(model, few, SETTINGS), start, losses_of)
    assert ASKED in script
    assert "With your own parts put in" in first_line(script)


def test_it_is_seen_even_where_the_start_that_is_given_is_not_changed(few):
    model = LeNet5()
    model.conv1.register_forward_hook(scaled)
    run = TrainingRun(model, few, SETTINGS)
    list(run)
    assert ASKED in script_of(run, LeNet5())


def test_a_parametrization_is_ones_own(few):
    model = LeNet5()
    weight_norm(model.fc1)
    run = TrainingRun(model, few, SETTINGS)
    list(run)
    assert ASKED in script_of(run, model)


def test_what_pytorch_is_told_of_all_modules_is_seen(few):
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert ASKED in script_of(TrainingRun(LeNet5(), few, SETTINGS), LeNet5())
    finally:
        handle.remove()
    assert ASKED not in script_of(TrainingRun(LeNet5(), few, SETTINGS), LeNet5())


@pytest.mark.parametrize("field", ["init", "seed"])
def test_a_lenet_that_forgot_how_it_was_made_is_ones_own(field, few):
    model = LeNet5()
    setattr(model, field, "what")
    assert ASKED in script_of(TrainingRun(model, few, SETTINGS), model)


def test_modes_without_effect_change_nothing(few, losses_of):
    script = check_repeats(TrainingRun(LeNet5().eval(), few, SETTINGS), LeNet5(), losses_of)
    assert ASKED not in script


def test_another_type_of_numbers_is_ones_own(few, losses_of):
    double = Split(few.train.images.double(), few.train.labels)
    data = Data("double", "", double, double, few.device)
    for loss in ("cross_entropy", "mse"):
        run = TrainingRun(LeNet5().double(), data, SETTINGS.replace(loss=loss))
        assert ASKED in check_repeats(run, LeNet5().double(), losses_of)


# ---- networks of one's own ----


class Noisy(nn.Module):
    """Draws from three generators, two of which no torch code touches."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.dense, self.drop = nn.Linear(1024, 10), nn.Dropout(0.3)
        self.norm = nn.BatchNorm1d(10)

    def forward(self, images):
        x = images.flatten(1) + 0.1 * random.random() + 0.1 * np.random.normal()
        x = F.dropout(x, 0.2, training=self.training) + 0.1 * torch.randn_like(x)
        return self.norm(self.drop(self.dense(x)))


@pytest.mark.parametrize("loss", ["cross_entropy", "l1"])
def test_what_a_network_draws_at_random_is_drawn_again(loss, few, losses_of):
    run = TrainingRun(Noisy(), few, SETTINGS.replace(loss=loss, seed=7))
    script = check_repeats(run, Noisy(), losses_of)
    assert "With your data saved first" in first_line(script)


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_it_may_have_any_number_of_outputs(loss, few, losses_of):
    three = Split(few.train.images, few.train.labels % 3)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 3))
    start = copy.deepcopy(model)
    data = Data("three", "", three, three, few.device)
    check_repeats(TrainingRun(model, data, SETTINGS.replace(loss=loss)), start, losses_of)


def test_what_an_own_step_draws_is_drawn_again(few, losses_of):
    def noisy(run, inputs, targets):
        noise = 0.1 * torch.randn_like(inputs) + random.random()
        loss = run.loss_function(run.model(inputs + noise), targets)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        return loss

    noisy.__name__ = "two\nlines" + 100 * "x"
    run = TrainingRun(LeNet5(), few, SETTINGS.replace(loss="mse"), update=noisy)
    expected = [record.loss for record in run]
    script = script_of(run, LeNet5())
    assert script.count("\n") <= MAX_LINES
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""
    head, _, tail = script.partition("update = ...  # your own two lines")
    written = (
        "def update(run, inputs, targets):\n"
        "    noise = 0.1 * torch.randn_like(inputs) + random.random()\n"
        "    loss = run.loss_function(run.model(inputs + noise), targets)\n"
        "    run.optimizer.zero_grad()\n    loss.backward()\n    run.optimizer.step()\n"
        "    return loss\n# "
    )
    assert losses_of(head + written + tail, few) == expected


# ---- what was done by hand ----


def replace_step(run):
    usual = run.step

    def step():
        nn.utils.clip_grad_norm_(run.model.parameters(), 0.1)
        return usual()

    run.step = step


def replace_optimizer(run):
    run.optimizer = torch.optim.SGD(run.model.parameters(), lr=0.05)


def regroup(run):
    weights = list(run.model.parameters())
    groups = [{"params": weights[:2]}, {"params": weights[2:]}]
    run.optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)


def schedule(run):
    schedule = torch.optim.lr_scheduler.ExponentialLR(run.optimizer, 0.9)
    run.step()
    schedule.step()


class Backwards(Batches):
    def peek(self, *sizes, **options):
        images, labels = super().peek(*sizes, **options)
        return images.flip(0), labels


class Ours(Split):
    pass


BEFORE = {
    "its step": replace_step,
    "its batch": lambda run: setattr(run, "next_batch", run.next_batch),
    "its loss": lambda run: setattr(run, "loss_function", nn.CrossEntropyLoss(label_smoothing=0.1)),
    "its optimizer": replace_optimizer,
    "its groups": regroup,
    "an optimizer's hook": lambda run: run.optimizer.register_step_pre_hook(lambda *_: None),
    "another hook": lambda run: run.optimizer.register_step_post_hook(lambda *_: None),
    "an option": lambda run: run.optimizer.param_groups[0].update(maximize=True),
    "a schedule": schedule,
    "a class of batches": lambda run: setattr(run, "batches", Backwards(run.data.train, seed=0)),
    "batches of another seed": lambda run: setattr(run, "batches", Batches(run.data.train, seed=5)),
    "a batch's method": lambda run: setattr(run.batches, "advance", run.batches.advance),
    "a position": lambda run: run.batches.begin(1),
    "other weights": lambda run: nn.init.normal_(run.model.fc3.weight, std=0.1),
    "a class of splits": lambda run: setattr(
        run, "data", Data("few", "", Ours(run.data.train.images, run.data.train.labels),
                            run.data.test, run.data.device)
    ),
}  # fmt: skip
ON_ITS_WAY = {
    "a layer frozen": lambda run: run.model.fc1.requires_grad_(False),
    "a label": lambda run: run.data.train.labels.add_(1).remainder_(10),
    "an image": lambda run: run.data.train.images.mul_(0.5),
    "an option": lambda run: run.optimizer.param_groups[0].update(nesterov=True),
    "its loss": lambda run: setattr(run, "loss_function", F.multi_margin_loss),
    "images skipped": lambda run: run.batches.advance(25, 0.0),
}


@pytest.fixture
def own_few(few):
    """Return a few digits that may be changed."""
    train = Split(few.train.images.clone(), few.train.labels.clone())
    return Data("few", "", train, few.test, few.device)


@pytest.mark.parametrize("kind", BEFORE)
def test_what_was_done_by_hand_is_not_passed_over(kind, own_few):
    run = TrainingRun(LeNet5(), own_few, SETTINGS)
    BEFORE[kind](run)
    for _ in range(4):
        run.step()
    line = first_line(script_of(run, LeNet5()))
    assert line.endswith(BY_HAND)
    assert "losses are those" not in line


@pytest.mark.parametrize("kind", ON_ITS_WAY)
def test_what_was_done_on_the_way_is_not_passed_over(kind, own_few):
    run = TrainingRun(LeNet5(), own_few, SETTINGS)
    run.step(), run.step(), run.step()
    assert "losses are those" in first_line(script_of(run, LeNet5()))
    ON_ITS_WAY[kind](run)
    run.step()
    assert first_line(script_of(run, LeNet5())).endswith(BY_HAND)


def test_layers_frozen_late_are_seen_where_losses_compare_up_to_rounding(few):
    run = TrainingRun(LeNet5(), few, SETTINGS.replace(learning_rate=1e-6))
    run.step()
    run.model.fc1.requires_grad_(False)
    run.step()
    run.thread_counts = {1, 2}
    assert "Layers were frozen on its way." in first_line(script_of(run, LeNet5()))


def test_layers_that_were_frozen_at_first_are_not_passed_over(few):
    run = TrainingRun(LeNet5(), few, SETTINGS)
    run.model.fc3.requires_grad_(False)
    run.step(), run.step()
    run.model.fc3.requires_grad_(True)
    run.step()
    assert first_line(script_of(run, LeNet5())).endswith(BY_HAND)


def test_a_start_that_was_none_is_seen_by_the_first_loss(few):
    run = TrainingRun(LeNet5(seed=3), few, SETTINGS)
    assert "losses are those" in first_line(script_of(run, LeNet5()))
    run.step()
    assert "Its first losses do not come again." in first_line(script_of(run, LeNet5()))
    assert "losses are those" in first_line(script_of(run, LeNet5(seed=3)))


def test_a_batch_size_without_a_mark_is_repeated(few, losses_of):
    run = TrainingRun(LeNet5(), few, SETTINGS)
    run.adjust(batch_size=10, mark=False)
    run.step(), run.step()
    run.adjust(batch_size=30, mark=False)
    check_repeats_from = [record.loss for record in run.history]
    check_repeats_from += [record.loss for record in run]
    assert losses_of(script_of(run, LeNet5()), few) == check_repeats_from


# ---- data ----


@pytest.mark.parametrize("what", ["labels", "images"])
def test_a_set_that_a_learner_changed_is_ones_own(what, losses_of):
    data = load_digits("sample", device="cpu")
    if what == "labels":
        data.train.labels[:500] = 3
    else:
        data.train.images[7].zero_()
    run = TrainingRun(LeNet5(), data, SETTINGS.replace(batch_size=1000))
    repeats = what == "labels"  # one is enough
    script = check_repeats(run, LeNet5(), losses_of) if repeats else script_of(run, LeNet5())
    assert "These were 4,000 images of your own" in script


def test_where_nobody_loaded_a_set_nothing_is_claimed_of_it(sample, monkeypatch):
    from tutorial_lib.data import digits

    run = TrainingRun(LeNet5(), sample, SETTINGS)
    assert first_line(script_of(run, LeNet5())).partition(". ")[2].startswith("Its losses are")
    monkeypatch.setattr(digits, "_digests", {})
    assert "If load_digits gave the images, its losses are" in script_of(run, LeNet5())


# ---- threads ----


@pytest.fixture
def threads():
    """Return torch.set_num_threads, which is taken back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_threads_are_those_of_the_steps(few, threads, losses_of):
    run = TrainingRun(LeNet5(), few, SETTINGS)
    threads(3)
    script = check_repeats(run, LeNet5(), losses_of)
    assert "torch.set_num_threads(3)" in script


def test_threads_that_changed_on_the_way_are_said(few, threads):
    run = TrainingRun(LeNet5(), few, SETTINGS)
    threads(1)
    run.step()
    state = run.state_dict()
    threads(2)
    other = TrainingRun(LeNet5(), few, SETTINGS)
    other.load_state_dict(state)
    for one in (run, other):
        one.step()
        script = script_of(one, LeNet5())
        assert (
            "The steps had 1 and 2 threads, here all have as many: the last digits differ."
            in script
        )
        assert ruff(script, "check") == ruff(script, "format", "--diff") == ""


# ---- no more than 40 lines ----


@pytest.mark.parametrize("init", ["torch", "mindspore"])
@pytest.mark.parametrize("has_update", [False, True])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_script_with_everything_in_it_has_forty_lines(init, has_update, processes, sample):
    model = LeNet5(init=init)
    model.conv1.requires_grad_(False)
    start = copy.deepcopy(model)
    run = TrainingRun(model, sample, SETTINGS.replace(loss="mse"))
    run.step()
    run.adjust(batch_size=50, learning_rate=0.1)
    run.step()
    run.processes, run.update = processes, check_repeats if has_update else None
    run.thread_counts = {1, 2}
    script = script_of(run, start)
    assert script.count("\n") <= MAX_LINES
    assert "the last digits differ" in script
    assert ("There, 2 processes shared each step." in script) == (processes == 2)
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""
