"""The batch-size lab, against a gradient that can be worked by hand."""

import pytest
import torch
from torch import nn

from tutorial_lib import LeNet5
from tutorial_lib.data import Data, Split
from tutorial_lib.labs.batch_size.measure import (
    BatchRecord,
    count_points,
    fit_slope,
    fitted_variance,
    measure_batches,
    race_batches,
    scaled_rate,
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
