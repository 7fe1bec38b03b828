"""The loss lab, against numbers worked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib.labs.losses.draw import rounded
from tutorial_lib.labs.losses.measure import losses_and_slopes, softmax_view
from tutorial_lib.labs.losses.panel import loss_panel, softmax_panel


def test_each_loss_and_its_slope_worked_by_hand():
    curves = losses_and_slopes([-3.0, 0.5], beta=1.0, delta=2.0)
    assert curves["L1"] == ([3.0, 0.5], [-1.0, 1.0])
    assert curves["MSE"] == ([9.0, 0.25], [-6.0, 1.0])
    assert curves["SmoothL1"] == ([2.5, 0.125], [-1.0, 0.5])  # 3 - 1/2; 0.25 / 2
    assert curves["Huber"] == ([4.0, 0.125], [-2.0, 0.5])  # 2 (3 - 2/2); 0.25 / 2


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000"), (-0.0, "0.000"), (-0.25, "-0.250"), (2e-4, "0.0002")]
)
def test_a_zero_is_written_without_a_sign(value, text):
    assert rounded(value) == text


def test_huber_is_smooth_l1_times_its_threshold():
    curves = losses_and_slopes([-2.0, 0.1, 4.0], beta=0.7, delta=0.7)
    assert curves["Huber"][0] == pytest.approx([0.7 * loss for loss in curves["SmoothL1"][0]])


def test_softmax_of_ln_1_2_5_worked_by_hand():
    view = softmax_view([math.log(1), math.log(2), math.log(5)], label=1)
    assert view.probabilities == pytest.approx((1 / 8, 2 / 8, 5 / 8))
    assert view.loss == pytest.approx(math.log(4))
    assert view.plain_loss == pytest.approx(math.log(4), rel=1e-6)
    assert view.slopes == pytest.approx((1 / 8, 2 / 8 - 1, 5 / 8))
    assert view.least_loss == 0


def test_equal_logits_cost_ln_of_the_number_of_classes():
    view = softmax_view([4.0] * 10, label=7)
    assert view.loss == pytest.approx(math.log(10)) == view.blind_loss


def test_label_smoothing_worked_by_hand():
    view = softmax_view([math.log(1), math.log(3)], label=0, smoothing=0.5)
    assert view.target == (0.75, 0.25)
    expected = -0.75 * math.log(1 / 4) - 0.25 * math.log(3 / 4)
    assert view.loss == pytest.approx(expected)
    assert view.slopes == pytest.approx((1 / 4 - 0.75, 3 / 4 - 0.25))
    assert view.least_loss == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


@pytest.mark.parametrize("added", [89.0, -110.0])
def test_a_constant_changes_nothing_but_the_softmax_without_shift(added):
    still, moved = (softmax_view([1.0, 0.0, -2.0], 0, added=number) for number in (0.0, added))
    assert moved.loss == pytest.approx(still.loss)
    assert moved.probabilities == pytest.approx(still.probabilities)
    assert still.plain_loss == pytest.approx(still.loss, rel=1e-6)
    assert math.isnan(moved.plain_loss)  # infinity / infinity, and 0 / 0


def test_the_view_agrees_with_torch_on_random_logits():
    logits = torch.randn(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    view = softmax_view(logits.tolist(), 3, added=5.0, smoothing=0.1)
    theirs = F.cross_entropy(logits[None], torch.tensor([3]), label_smoothing=0.1)
    assert view.loss == pytest.approx(theirs.item())
    assert view.probabilities == pytest.approx(logits.softmax(dim=0).tolist())


def test_the_label_must_be_a_class():
    with pytest.raises(ValueError, match="label"):
        softmax_view([0.0, 0.0], label=2)


def test_the_loss_panel_says_what_each_loss_costs():
    panel = loss_panel()
    before = panel.image.value
    panel.set(error=-3, beta=1, delta=2)
    assert panel.image.value != before
    for words in ("L1 3, slope -1", "MSE 9, slope -6", "SmoothL1 2.5, slope -1", "Huber 4"):
        assert words in panel.status.value
    panel.close()


@pytest.mark.parametrize(("added", "why"), [(100, "overflows"), (-120, "every exp is 0")])
def test_the_softmax_panel_shows_what_the_shift_saves(added, why):
    panel = softmax_panel(5)
    assert "knowing nothing costs 1.609" in panel.status.value  # ln 5
    panel.set(logit_3=2.0, added=added)
    assert "loss 0.433" in panel.status.value  # -ln(e^2 / (e^2 + 4))
    assert why in panel.status.value
    panel.close()
