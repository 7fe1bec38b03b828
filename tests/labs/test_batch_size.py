"""The batch-size lab, against a gradient that can be worked by hand."""

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib import LeNet5
from tutorial_lib.data import Data, Split
from tutorial_lib.labs.batch_size.draw import draw_batch_race, draw_batch_sizes
from tutorial_lib.labs.batch_size.measure import (
    RACE_SIZES,
    BatchRecord,
    count_points,
    fit_slope,
    fitted_variance,
    measure_batches,
    race_batches,
    race_sizes_for,
    scaled_rate,
    sizes_for,
)
from tutorial_lib.labs.batch_size.panel import batch_race_panel, batch_size_panel


class TwoLogits(nn.Module):
    """One weight w and logits (w x, 0): at w = 0 the gradient of an image (x, label 0) is -x/2."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, images):
        x = self.weight * images.flatten(1)[:, 0]
        return torch.stack([x, torch.zeros_like(x)], dim=1)


def test_the_variance_of_a_batch_by_hand():
    x = torch.tensor([2.0, 6.0])  # gradients -1 and -3: mean -2, variance 1 for one image
    split = Split(x.view(2, 1, 1, 1), torch.zeros(2, dtype=torch.int64))
    one, four, sixteen = measure_batches(TwoLogits(), split, sizes=(1, 4, 16), num_batches=500)
    assert one.variance == pytest.approx(1.0, abs=1e-5)  # both lie at a distance of 1
    assert four.variance == pytest.approx(1 / 4, rel=0.2)
    assert sixteen.variance == pytest.approx(1 / 16, rel=0.2)
    assert fit_slope([one, four, sixteen]) == pytest.approx(-1, abs=0.1)
    assert one.cosine == pytest.approx(1.0)  # with one weight there is only one direction


def test_a_known_line_is_fitted_exactly():
    records = [BatchRecord(size, 8.0 / size, 1.0, 0.01) for size in (2, 4, 8)]
    assert fit_slope(records) == pytest.approx(-1)
    assert fitted_variance(records) == pytest.approx([4.0, 2.0, 1.0])
    assert records[-1].images_per_second == 800


def test_on_lenet_the_variance_falls_as_one_over_the_batch_size(few):
    model = LeNet5()
    before = [parameter.clone() for parameter in model.parameters()]
    records = list(measure_batches(model, few.train, sizes=(4, 16, 64, 256)))
    assert fit_slope(records) == pytest.approx(-1, abs=0.15)
    cosines = [record.cosine for record in records]
    assert cosines == sorted(cosines)
    assert all(map(torch.equal, before, model.parameters()))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_rates_are_scaled_from_32_images_on():
    assert scaled_rate(0.1, 128, "none") == 0.1
    assert scaled_rate(0.1, 128, "square root") == pytest.approx(0.2)
    assert scaled_rate(0.1, 8, "linear") == pytest.approx(0.025)
    with pytest.raises(ValueError, match="scaling"):
        scaled_rate(0.1, 8, "cubic")


def test_a_race_has_as_many_points_as_it_says_and_all_see_the_same_images(sample):
    part = Split(sample.train.images[:2048], sample.train.labels[:2048])
    data = Data("part", "", part, sample.test, sample.device)
    points = list(race_batches(data, epochs=1, sizes=(256, 1024), scaling="linear"))
    assert len(points) == count_points(2048, epochs=1, sizes=(256, 1024)) == 4
    seen = {size: [p.images_seen for p in points if p.batch_size == size] for size in (256, 1024)}
    assert seen == {256: [768, 1536], 1024: [1024, 2048]}
    assert [p.learning_rate for p in points if p.batch_size == 256] == pytest.approx([0.8, 0.8])


def test_a_run_that_diverges_ends_at_infinity_and_the_next_one_starts(few):
    points = list(race_batches(few, learning_rate=1e6, epochs=2, sizes=(10, 20)))
    assert points[-1].batch_size == 20
    assert {point.loss for point in points} >= {float("inf")}


def test_the_panels_measure_and_say_the_slope(sample):
    panel = batch_size_panel(LeNet5(), sample)
    records = panel.run(num_batches=4)
    assert f"{fit_slope(records):.2f}" in panel.status.value
    assert panel.progress_bar.value == panel.progress_bar.max == len(records)
    panel.close()


def test_the_race_panel_shows_each_size(few):
    large = Split(few.train.images.repeat(11, 1, 1, 1), few.train.labels.repeat(11))
    panel = batch_race_panel(Data("many", "", large, few.test, few.device))
    panel.run(epochs=1, scaling="square root")
    assert "1024:" in panel.status.value
    assert panel.progress_bar.value == panel.progress_bar.max
    panel.close()


def test_sizes_go_as_far_as_the_training_set():
    assert sizes_for(120) == (4, 8, 16, 32, 64)
    assert race_sizes_for(120) == (4, 16, 32, 64)
    assert race_sizes_for(4000) == RACE_SIZES
    assert sizes_for(3) == race_sizes_for(3) == (1,)


class Draws(nn.Module):
    """Everything that would add noise of its own, or leave gradients of another kind."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(13, 8, sparse=True)
        self.net = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.LazyLinear(3))
        self.unused = nn.Linear(2, 2)

    def forward(self, inputs):
        return self.net(inputs @ self.words(torch.arange(13)))


def test_a_network_that_draws_is_held_still(wine):
    model = Draws()
    records = list(measure_batches(model, wine.train, sizes=(4, 16, 64)))
    assert fit_slope(records) == pytest.approx(-1, abs=0.2)
    assert model.training
    assert not model.net[0].num_batches_tracked


def test_a_regression_is_measured_and_raced_in_its_own_unit(diabetes):
    panel = batch_size_panel(diabetes.default_network(), diabetes)
    records = panel.run(num_batches=4)
    assert [record.batch_size for record in records] == [4, 8, 16, 32, 64, 128, 256]
    assert "A step with 256 patients takes" in panel.status.value
    race = batch_race_panel(diabetes)
    points = race.run(learning_rate=1e-5, epochs=2)
    assert {point.batch_size for point in points} == {4, 16, 64, 256}
    assert max(point.loss for point in points) > 1_000
    axes = Figure().subplots(1, 2)
    draw_batch_race(axes, points, num_classes=None, unit="patients")
    assert axes[0].get_ylim()[1] > max(point.loss for point in points)
    assert axes[0].get_xlabel() == "patients seen"
    race.run(learning_rate=1e9, epochs=3)
    assert "4: diverged" in race.status.value
    assert "All have diverged" in race.status.value
    panel.close(), race.close()


def test_the_same_gradients_everywhere_have_no_slope(wine):
    def nothing(outputs, targets):
        return 0.0 * outputs.sum()

    records = list(measure_batches(wine.default_network(), wine.train, loss=nothing))
    assert math.isnan(fit_slope(records))
    draw_batch_sizes(Figure().subplots(1, 3), records)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": nn.Linear(3, 3)}, r"the model cannot take the inputs, \[2, 13\] a batch"),
        ({"model": nn.Linear(13, 3).requires_grad_(False)}, "weights that are trained"),
        ({"model": "net"}, r"the model must be a torch.nn.Module; got 'net'"),
        ({"loss": "mae"}, "loss must be one of"),
        ({"loss": 3}, "loss must be a name or"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(wine, wrong, message):
    given = {"model": wine.default_network(), "loss": None} | wrong
    with pytest.raises((TypeError, ValueError), match=message):
        batch_size_panel(given["model"], wine, loss=given["loss"])
