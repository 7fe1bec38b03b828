"""Losses by name, against numbers worked by hand."""

import math

import pytest
import torch

from tutorial_lib.losses import check_loss, check_outputs, loss_function

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


NUMBERS, WANTED = torch.tensor([[1.0], [4.0]]), torch.tensor([[0.0], [2.0]])


@pytest.mark.parametrize(("name", "value"), [("mse", 2.5), ("l1", 1.5), ("huber", 1.0)])
def test_numbers_by_hand(name, value):
    assert loss_function(name)(NUMBERS, WANTED).item() == value
    assert loss_function(name)(NUMBERS.squeeze(1), WANTED).item() == value  # not over a square


def test_losses_are_those_of_the_task():
    check_loss("mse", WANTED), check_loss("cross_entropy", LABELS)
    with pytest.raises(ValueError, match="for a regression, whose targets are floats"):
        check_loss("cross_entropy", WANTED)


@pytest.mark.parametrize(
    ("outputs", "targets", "words"),
    [
        (torch.zeros(2, 3), WANTED, r"numbers \[2, 1\]; got \[2, 3\] for 2 examples"),
        (torch.zeros(3), LABELS, r"logits \(examples, classes\); got \[3\] for 1 examples"),
        (torch.zeros(1, 2), torch.tensor([2]), "labels must lie in 0 to 1"),
        ((1, 2), LABELS, "must answer with a tensor; it gave a tuple"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(outputs, targets, words):
    with pytest.raises(ValueError, match=words):
        check_outputs(outputs, targets)
