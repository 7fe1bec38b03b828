"""Looks inside a run: numbers worked by hand, and a run that does not notice."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.labs.inside.draw import draw_inside
from tutorial_lib.labs.inside.measure import (
    InsideRecord,
    LayerRecord,
    count_records,
    dead_share,
    describe,
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
    grid = Figure().subplots(4, 2)
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
