"""Looks inside a run: numbers worked by hand, and a run that does not notice."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from torch.nn.utils import parametrizations

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, from_tensors
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.labs.inside.draw import draw_inside
from tutorial_lib.labs.inside.measure import (
    InsideRecord,
    LayerRecord,
    count_records,
    dead_share,
    describe,
    layers_of,
    looking_inside,
    train_and_look,
)
from tutorial_lib.labs.inside.panel import inside_panel

LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")


def looks_of(records) -> list[InsideRecord]:
    return [record for record in records if isinstance(record, InsideRecord)]


def first_look(model, data, **settings) -> dict[str, LayerRecord]:
    """Return what the first step, on all images at once, did to each layer."""
    settings = {"batch_size": len(data.train), "epochs": 1} | settings
    (look,) = looks_of(looking_inside(TrainingRun(model, data, Hyperparameters(**settings))))
    return {layer.layer: layer for layer in look.layers}


def small_net(relu: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(1024, 4), relu, nn.Linear(4, 10))


@pytest.mark.parametrize("model", [LeNet5(seed=0), small_net(nn.Dropout(0.5))])
def test_the_run_is_what_it_is_without_it_bit_for_bit(few, model):
    settings = Hyperparameters(epochs=2, batch_size=10)
    watched, plain = (TrainingRun(copy.deepcopy(model), few, settings) for _ in range(2))
    before = torch.get_rng_state()
    steps = [r for r in looking_inside(watched, every=1) if isinstance(r, StepRecord)]
    assert torch.equal(before, torch.get_rng_state())
    assert [step.loss for step in steps] == [step.loss for step in plain]
    assert all(map(torch.equal, watched.model.parameters(), plain.model.parameters()))


def test_a_step_of_sgd_on_one_layer_worked_by_hand(few):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10, bias=False))
    weight = model[1].weight.detach().clone().requires_grad_()
    F.cross_entropy(few.train.images.flatten(1) @ weight.T, few.train.labels).backward()
    look = first_look(model, few, optimizer="sgd", learning_rate=0.1)["1"]
    assert look.gradient_norm == pytest.approx(weight.grad.norm().item())
    assert look.weight_norm == pytest.approx(weight.norm().item())
    by_hand = 0.1 * look.gradient_norm / look.weight_norm
    assert look.update_ratio == pytest.approx(by_hand, rel=1e-4)


def test_the_first_update_of_adam_is_the_rate_for_each_weight_that_has_a_gradient(few):
    model = LeNet5(seed=0)
    look = first_look(model, few, optimizer="adam", learning_rate=0.001)["fc3"]
    moving = sum(weight.grad.count_nonzero().item() for weight in model.fc3.parameters())
    assert look.update_norm == pytest.approx(0.001 * math.sqrt(moving), rel=0.01)


@pytest.mark.parametrize("relu", [nn.ReLU(), nn.ReLU(inplace=True)])
def test_a_unit_whose_bias_holds_it_at_zero_is_dead(few, relu):
    model = small_net(relu)
    nn.init.constant_(model[1].bias, 1e3)
    with torch.no_grad():
        model[1].bias[2] = -1e3
    look = first_look(model, few, learning_rate=1e-9)
    assert look["1"].dead_share == 0.25
    assert look["3"].dead_share is None
    assert not model[1].weight.grad[2].any()


def test_a_filter_is_dead_if_it_gave_zero_everywhere(few):
    model = LeNet5(seed=0)
    with torch.no_grad():
        model.conv1.bias[[0, 3]] = -1e3
    look = first_look(model, few)
    assert tuple(look) == LAYERS
    assert look["conv1"].dead_share == pytest.approx(2 / 6)
    assert look["fc3"].dead_share is None


def test_one_image_at_one_place_keeps_a_unit_alive():
    assert dead_share(torch.tensor([[0.0, 0.0, 1.0], [0.0, 2.0, 0.0]])) == pytest.approx(1 / 3)
    filters = torch.zeros(2, 4, 3, 3)  # (B, filters, rows, columns)
    filters[1, 2, 0, 1] = 0.5
    assert dead_share(filters) == 0.75


def test_other_activations_are_not_taken_for_relu(few):
    assert first_look(small_net(nn.Tanh()), few)["1"].dead_share is None


def test_a_frozen_layer_has_no_gradient_and_no_update(few):
    model = small_net(nn.ReLU())
    model[1].requires_grad_(False)
    look = first_look(model, few)
    assert (look["1"].gradient_norm, look["1"].update_ratio) == (0.0, 0.0)
    assert look["3"].update_ratio > 0


def test_weights_that_leave_zero_change_without_bound():
    assert LayerRecord("fc1", 1.0, 0.0, 0.1, None).update_ratio == math.inf
    assert LayerRecord("fc1", 0.0, 0.0, 0.0, None).update_ratio == 0.0


def test_looks_come_after_the_first_and_each_so_manieth_step(new_run):
    records = list(looking_inside(new_run(), every=7))
    places = [record.step for record in looks_of(records)]
    assert places == [1, 8, 15, 22, 29]
    assert len(records) == count_records(30, every=7) == 35
    at = records.index(looks_of(records)[1])
    assert records[at - 1].step == 8


def test_nothing_stays_behind_on_the_model(new_run):
    run = new_run(learning_rate=1e9)
    with pytest.raises(Diverged):
        list(looking_inside(run, every=1))
    assert not any(part._forward_hooks for part in run.model.modules())


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (2.5, TypeError)])
def test_a_wrong_distance_is_refused_at_once(new_run, every, error):
    with pytest.raises(error, match="every must be a whole number, 1 or more"):
        looking_inside(new_run(), every=every)


def test_small_weights_leave_the_early_layers_almost_no_gradient(sample):
    narrow, wide = (
        looks_of(train_and_look(sample, init=init, num_steps=1))[0].layers
        for init in ("mindspore", "torch")
    )
    assert narrow[0].gradient_norm < 0.01 * narrow[-1].gradient_norm
    assert wide[0].gradient_norm > 0.1 * wide[-1].gradient_norm


def test_the_picture_has_a_line_for_each_layer_and_names_it(sample):
    records = list(train_and_look(sample, num_steps=21))
    grid = Figure(layout="constrained").subplots(4, 2)
    draw_inside(grid, {"whole": records, "nothing yet": []})
    lines = [[line for line in axes.lines if len(line.get_xdata()) == 3] for axes in grid[:, 0]]
    assert [len(of_axes) for of_axes in lines] == [0, 5, 5, 4]
    assert {text.get_text() for text in grid[1, 0].texts} == set(LAYERS)
    first = [layer.gradient_norm for layer in looks_of(records)[0].layers]
    assert [line.get_ydata()[0] for line in lines[1]] == first


def test_words_name_the_last_look():
    layers = LayerRecord("fc1", 0.5, 2.0, 0.01, 0.25), LayerRecord("fc2", 3.0, 1.0, 0.02, None)
    said = describe([InsideRecord(11, layers)])
    assert said.startswith("Step 11: the gradient is 0.5 long in fc1 and 3 in fc2.")
    assert "fc1 by 0.5 % and fc2 by 2 %. Most dead ReLUs: 25 % in fc1." in said


def test_the_panel_trains_with_what_its_controls_say(few):
    panel = inside_panel(few)
    before = panel.image.value
    panel.controls["init"].value = "mindspore"
    records = panel.run(num_steps=12, learning_rate=0.02)
    assert len(records) == panel.progress_bar.max == 14
    assert records[0].learning_rate == 0.02
    assert looks_of(records)[0].layers[0].weight_norm < 0.2
    assert panel.image.value != before
    assert "Step 11" in panel.status.value
    panel.close()


class EveryKind(nn.Module):
    """Layers that are lazy, shared, nested, parametrised, of several weights, or none at all."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8, sparse=True)
        self.memory = nn.LSTM(8, 6, 2, batch_first=True)
        self.normed = parametrizations.weight_norm(nn.Linear(6, 6))
        self.again = self.normed
        self.block = nn.ModuleDict({"conv": nn.Conv1d(6, 4, 3), "norm": nn.BatchNorm1d(4)})
        self.scale = nn.Parameter(torch.ones(4))
        self.out = nn.LazyLinear(3)

    def forward(self, tokens):
        x, _ = self.memory(self.words(tokens))  # (B, 7, 6)
        x = self.again(self.normed(x).clamp(min=0)).mT
        x = torch.relu(self.block["norm"](self.block["conv"](x)))  # (B, 4, 5)
        return self.out((x.mT * self.scale).flatten(1))


@pytest.fixture(scope="module")
def sentences():
    tokens = torch.randint(20, (32, 7), generator=torch.Generator().manual_seed(0))
    words = {"name": "sentences", "noun": "sentences", "device": "cpu"}
    return from_tensors((tokens, torch.arange(32) % 3), **words)


def test_layers_of_every_kind_are_found(sentences):
    look = first_look(EveryKind(), sentences, optimizer="sgd")
    names = {"EveryKind", "words", "memory", "normed", "block.conv", "block.norm", "out"}
    assert set(look) == names
    assert all(layer.gradient_norm > 0 and layer.update_norm > 0 for layer in look.values())
    model = TrainingRun(EveryKind(), sentences, Hyperparameters(batch_size=8)).model
    assert len(layers_of(model)["memory"]) == 8
    assert len(layers_of(model)["normed"]) == 3  # direction, length, bias
    with_relu = {name for name, layer in look.items() if layer.dead_share is not None}
    assert with_relu == {"normed", "block.norm"}


RELUS = {
    "relu": torch.relu,
    "method": lambda x: x.relu(),
    "relu6": F.relu6,
    "module": nn.ReLU6(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_": lambda x: x.clamp_(0, 4),
    "hardtanh": nn.Hardtanh(0, 1),
    "threshold": nn.Threshold(0, 0),
}


class With(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.first, self.activation, self.last = nn.Linear(13, 4), activation, nn.Linear(4, 3)
        nn.init.constant_(self.first.bias, 1e3)
        self.first.bias.data[2] = -1e3

    def forward(self, inputs):
        return self.last(self.activation(self.first(inputs)))


@pytest.mark.parametrize("name", RELUS)
def test_a_relu_of_any_kind_is_seen(wine, name):
    assert first_look(With(RELUS[name]), wine, learning_rate=1e-9)["first"].dead_share == 0.25


def test_a_leaky_relu_is_never_dead_and_other_clamps_are_none(wine):
    assert first_look(With(F.leaky_relu), wine)["first"].dead_share == 0.0
    assert first_look(With(lambda x: x.clamp(-1, 1)), wine)["first"].dead_share is None


def test_units_lie_along_the_last_dimension_of_sentences_and_the_second_of_pictures():
    alive = torch.zeros(2, 5, 4)
    alive[0, 3, 1] = 1.0
    assert dead_share(alive, units_at=-1) == 0.75
    assert dead_share(alive, units_at=1) == pytest.approx(0.8)
    assert dead_share(torch.zeros(3)) == 1.0


def test_a_relu_in_the_loss_does_not_count_for_the_last_layer(wine):
    def hinge(outputs, targets):
        return torch.relu(1 - outputs.gather(1, targets[:, None])).mean()

    settings = Hyperparameters(epochs=1, batch_size=len(wine.train))
    run = TrainingRun(wine.default_network(), wine, settings, loss=hinge)
    (look,) = looks_of(looking_inside(run))
    assert look.layers[-1].dead_share is None
    assert look.layers[0].dead_share is not None


def test_gradients_are_told_that_a_step_of_ones_own_clears(wine):
    def my_update(run, inputs, targets):
        loss = run.loss_function(run.model(inputs), targets)
        loss.backward()
        run.optimizer.step()
        run.optimizer.zero_grad()
        return loss

    settings = Hyperparameters(epochs=1, batch_size=len(wine.train), optimizer="sgd")
    own, plain = (
        looks_of(looking_inside(TrainingRun(new_linear(), wine, settings, update=update)))
        for update in (my_update, None)
    )
    assert own == plain


def new_linear() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(13, 3)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(13 if number == 0 else 4, 4) for number in range(40)]
        self.a_name_that_is_long = nn.ModuleList(layers)
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        for number, layer in enumerate(self.a_name_that_is_long):
            inputs = layer(inputs) if number % 4 else torch.relu(layer(inputs))
        return self.head(inputs)


def test_of_many_layers_a_few_are_drawn_and_that_is_said(wine):
    panel = inside_panel(wine, new_model=Deep)
    records = panel.run(num_steps=3)
    assert "8 of 41 layers are drawn" in panel.status.value
    grid = Figure(layout="constrained").subplots(4, 1).reshape(4, 1)
    draw_inside(grid, {"deep": records}, num_classes=3)
    drawn = {text.get_text() for text in grid[1, 0].texts}
    assert len(drawn) == 8
    assert "head" in drawn
    assert max(map(len, drawn)) <= 16
    assert len(grid[3, 0].texts) == 4
    assert {text.get_text() for text in grid[0, 0].texts} == {"ln 3"}
    panel.close()


def test_the_panel_of_a_regression_has_no_init_and_no_guess(diabetes):
    panel = inside_panel(diabetes)
    assert set(panel.controls) == {"learning_rate", "num_steps"}
    records = panel.run(num_steps=3, learning_rate=1e-5)
    assert records[0].batch_size == 32
    grid = Figure(layout="constrained").subplots(4, 1).reshape(4, 1)
    draw_inside(grid, {"regression": records}, num_classes=None)
    low, high = grid[0, 0].get_ylim()
    assert low < min(step.loss for step in records if isinstance(step, StepRecord))
    assert high > 10_000
    assert not grid[0, 0].texts
    panel.close()


def test_an_init_is_lenets_alone(wine):
    with pytest.raises(ValueError, match="init must be 'torch' for a network that is no LeNet5"):
        train_and_look(wine, init="mindspore")
    with pytest.raises(ValueError, match="the model cannot take the inputs"):
        inside_panel(wine, new_model=LeNet5)
