"""Planes through weights, on a net small enough to work by hand."""

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib import LeNet5
from tutorial_lib.data import Split
from tutorial_lib.labs.slices.draw import draw_plane
from tutorial_lib.labs.slices.measure import GridRow, LossPlane, filter_normalised, measure_plane
from tutorial_lib.labs.slices.panel import plane_panel
from tutorial_lib.optimizers import OPTIMIZERS

RATES = {"learning_rate": 0.02, "adaptive_rate": 0.05, "momentum": 0.8}


@pytest.fixture
def plane(few):
    return LossPlane(LeNet5(seed=0), few.train, num_digits=20)


def test_each_filter_of_a_direction_is_as_long_as_that_of_the_weights():
    weights = {name: weight.detach() for name, weight in LeNet5(seed=0).named_parameters()}
    direction = filter_normalised(weights, torch.Generator().manual_seed(0))
    for name, weight in weights.items():
        if weight.dim() < 2:
            assert not direction[name].any()
        else:
            lengths = (of.flatten(1).norm(dim=1) for of in (direction[name], weight))
            torch.testing.assert_close(*lengths)


def test_the_loss_in_the_plane_worked_by_hand():
    net = nn.Linear(1, 2, bias=False)  # with one number a filter, a direction is +w or -w
    nn.init.constant_(net.weight, 1.0)
    digit = Split(torch.ones(1, 1), torch.tensor([0]))
    plane = LossPlane(net, digit, seed=3)
    signs = [[round(d["weight"][k].item()) for k in (0, 1)] for d in plane._directions]
    x, y = 0.5, -0.25
    logits = [1 + x * signs[0][k] + y * signs[1][k] for k in (0, 1)]
    by_hand = math.log(sum(math.exp(z - logits[0]) for z in logits))
    assert plane.loss(torch.tensor([x, y])).item() == pytest.approx(by_hand)


def test_the_middle_is_the_net_itself_and_the_net_is_not_touched(few):
    net = LeNet5(seed=0)
    before = [weight.clone() for weight in net.parameters()]
    plane = LossPlane(net, few.train, num_digits=20)
    logits = net(few.train.images[:20])
    expected = nn.functional.cross_entropy(logits, few.train.labels[:20])
    assert plane.loss(torch.zeros(2)).item() == pytest.approx(expected.item())
    list(plane.descend("sgd", learning_rate=0.1, num_steps=2))
    assert all(map(torch.equal, before, net.parameters()))


def test_the_first_step_follows_the_measured_slope(plane):
    h, (x, y) = 1e-2, (0.3, 0.2)
    first, second = plane.descend("sgd", learning_rate=0.01, num_steps=1, start=(x, y))
    for axis, moved in ((0, second.x - first.x), (1, second.y - first.y)):
        ends = [torch.tensor([x, y]), torch.tensor([x, y])]
        ends[0][axis] -= h
        ends[1][axis] += h
        slope = (plane.loss(ends[1]) - plane.loss(ends[0])).item() / (2 * h)
        assert moved == pytest.approx(-0.01 * slope, rel=0.05, abs=1e-5)


def test_rows_come_first_and_then_the_ways(plane):
    records = list(measure_plane(plane, size=3, num_steps=2, **RATES))
    assert [type(record) is GridRow for record in records] == (
        [True] * 3 + [False] * 3 * len(OPTIMIZERS)
    )
    assert records[1].losses[1] == pytest.approx(plane.loss(torch.zeros(2)).item())


def test_the_panel_measures_and_draws(plane):
    panel = plane_panel(plane, size=3, num_steps=1)
    before = panel.image.value
    assert len(panel.run()) == panel.progress_bar.max == 3 + 2 * len(OPTIMIZERS)
    assert panel.image.value != before
    assert "Loss: sgd" in panel.status.value
    panel.close()


def test_a_network_that_draws_has_the_same_loss_each_time(wine):
    net = nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    plane = LossPlane(net, wine.held_out, num_examples=20)
    first, second = (plane.loss(torch.zeros(2)).item() for _ in range(2))
    net.eval()
    inputs, targets = wine.held_out.first(20)
    assert (
        first == second == pytest.approx(nn.functional.cross_entropy(net(inputs), targets).item())
    )


def test_words_go_in_and_the_loss_may_be_ones_own():
    net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 1))
    split = Split(torch.randint(9, (30, 3)), torch.rand(30, 1))
    plane = LossPlane(net, split, loss=lambda outputs, targets: -(outputs - targets).abs().mean())
    rows = list(measure_plane(plane, size=3, num_steps=2, **RATES))
    assert min(row.losses[0] for row in rows[:3]) < 0
    pair = Figure().subplots(1, 2)
    draw_plane(pair, rows)
    assert min(pair[0].collections[0].levels) < 0


def test_a_regression_has_its_own_unit_and_its_own_rate(diabetes):
    plane = LossPlane(diabetes.default_network(), diabetes.held_out)
    panel = plane_panel(plane, size=3, num_steps=3)
    assert panel.values()["learning_rate"] < 1e-4
    records = panel.run()
    assert records[0].losses[0] > 1_000
    assert "Loss: sgd" in panel.status.value
    wild = list(plane.descend("sgd", learning_rate=1e30, num_steps=4))
    assert len(wild) == 5
    draw_plane(Figure().subplots(1, 2), [*records, *wild])
    panel.close()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "train"}, "split must be one of the data"),
        ({"num_examples": 0}, "num_examples must be a whole number, 1 or more"),
        ({"model": nn.BatchNorm1d(13)}, "must have weights in rows"),
        ({"model": nn.Linear(3, 3)}, "the model cannot take the inputs"),
        ({"loss": "hinge"}, "loss must be one of"),
    ],
)
def test_a_plane_that_cannot_be_is_refused_at_once(wine, wrong, message):
    given = {"model": nn.Linear(13, 3), "split": wine.train} | wrong
    with pytest.raises((TypeError, ValueError), match=message):
        LossPlane(given.pop("model"), given.pop("split"), **given)


def test_a_network_that_changes_its_inputs_in_place_is_asked_with_the_same_each_time():
    class Halving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, inputs):
            return self.layer(inputs.mul_(0.5))

    plane = LossPlane(Halving(), Split(torch.rand(9, 3), torch.rand(9, 1)))
    at = torch.tensor([0.5, 0.5])
    assert plane.loss(at).item() == plane.loss(at).item()
