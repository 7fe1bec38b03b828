"""Losses by name, against numbers worked by hand."""

import math

import pytest
import torch

from tutorial_lib.losses import loss_function

LOGITS = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
LABELS = torch.tensor([0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cross_entropy", -2 + math.log(math.exp(2) + 9)),
        ("mse", (2 - 1) ** 2 / 10),
        ("l1", abs(2 - 1) / 10),
        ("huber", 0.5 * (2 - 1) ** 2 / 10),
    ],
)
def test_by_hand(name, value):
    loss = loss_function(name)(LOGITS, LABELS)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(value, rel=1e-6)


def test_knowing_nothing_costs_ln_10():
    loss = loss_function("cross_entropy")(torch.zeros(4, 10), torch.tensor([0, 3, 5, 9]))
    assert loss.item() == pytest.approx(math.log(10), rel=1e-6)


def test_an_unknown_loss_is_refused():
    words = "loss must be one of cross_entropy, mse, l1, huber; got 'hinge'"
    with pytest.raises(ValueError, match=words):
        loss_function("hinge")
