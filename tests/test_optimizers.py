"""The written-out rules agree with torch.optim, and so does what is made by name."""

import inspect

import pytest
import torch
from torch import nn

from tutorial_lib import optimizers
from tutorial_lib.optimizers import OPTIMIZERS, apply_rule


def gradient_of(weight: torch.Tensor) -> torch.Tensor:
    """Return the gradient of sum(w^4 / 4 + curvature * w^2 / 2)."""
    return weight**3 + torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64) * weight


def by_rule(name: str, weight: torch.Tensor, steps: int) -> torch.Tensor:
    memory = [torch.zeros_like(weight) for _ in OPTIMIZERS[name].memory]
    settings = {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.1}
    for step in range(1, steps + 1):
        gradient = gradient_of(weight)
        weight, memory = apply_rule(name, weight, gradient, memory, step=step, **settings)
    return weight


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_rule_agrees_with_torch_over_50_steps(name):
    start = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    parameter = nn.Parameter(start.clone())
    decay = 0.1 if "weight_decay" in inspect.signature(OPTIMIZERS[name].rule).parameters else 0.0
    optimizer = optimizers.make_optimizer(
        name, [parameter], learning_rate=0.01, momentum=0.9, weight_decay=decay
    )
    for _ in range(50):
        parameter.grad = gradient_of(parameter.detach())
        optimizer.step()
    torch.testing.assert_close(by_rule(name, start, 50), parameter.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_adjusting_changes_settings_and_keeps_the_memory(name):
    parameter = nn.Parameter(torch.ones(3))
    optimizer = optimizers.make_optimizer(name, [parameter], learning_rate=0.01)
    parameter.grad = torch.ones(3)
    optimizer.step()
    memory = optimizer.state_dict()["state"]
    settings = {"learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.25}
    optimizers.adjust_optimizer(optimizer, name, **settings)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["weight_decay"] == 0.25
    assert optimizer.state_dict()["state"] == memory
    optimizer.step()


def test_momentum_is_beta1_of_adam():
    optimizer = optimizers.make_optimizer(
        "adam", [nn.Parameter(torch.ones(1))], learning_rate=0.1, momentum=0.5
    )
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_nesterov_without_momentum_is_plain_sgd():
    optimizer = optimizers.make_optimizer(
        "nesterov", [nn.Parameter(torch.ones(1))], learning_rate=0.1, momentum=0.0
    )
    assert not optimizer.param_groups[0]["nesterov"]


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"optimizer must be one of sgd, .*; got 'lion'"):
        optimizers.make_optimizer("lion", [nn.Parameter(torch.ones(1))], learning_rate=0.1)


def test_adagrad_slows_down_with_the_root_of_its_steps_by_hand():
    weight, memory = torch.zeros(1), [torch.zeros(1)]
    for step in range(1, 5):
        before = weight
        weight, memory = apply_rule(
            "adagrad", weight, torch.tensor([5.0]), memory, learning_rate=0.1
        )
        assert (before - weight).item() == pytest.approx(0.1 / step**0.5)
    assert memory[0].item() == 4 * 5**2
