"""Descent on a parabola, against numbers worked by hand."""

import math

import pytest
import torch

from tutorial_lib.labs.parabola.measure import (
    behaviour,
    descent_path,
    factor_per_step,
    highest_rate,
)
from tutorial_lib.labs.parabola.panel import descent_panel


@pytest.mark.parametrize("learning_rate", [0.1, 0.5, 0.9, 1.1])
def test_the_weight_follows_the_exact_formula(learning_rate):
    path = descent_path(learning_rate=learning_rate, curvature=2.0, start=3.0, num_steps=10)
    factor = 1 - learning_rate * 2.0
    assert path == pytest.approx([3.0 * factor**step for step in range(11)])


def test_three_steps_by_hand():
    path = descent_path(learning_rate=0.5, curvature=3.0, start=8.0, num_steps=3)
    assert path == [8.0, -4.0, 2.0, -1.0]  # each step times 1 - 1.5


def test_momentum_by_hand():
    path = descent_path(learning_rate=0.5, momentum=0.5, start=4.0, num_steps=3)
    assert path == [4.0, 2.0, 0.0, -1.0]  # velocities 4, 2 + 2 and 2 + 0


def test_momentum_is_that_of_torch():
    weight = torch.tensor(-1.5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.3, momentum=0.8)
    expected = [weight.item()]
    for _ in range(15):
        optimizer.zero_grad()
        (2.5 / 2 * weight**2).backward()
        optimizer.step()
        expected.append(weight.item())
    path = descent_path(learning_rate=0.3, curvature=2.5, momentum=0.8, num_steps=15)
    assert path == pytest.approx(expected)


@pytest.mark.parametrize(
    ("learning_rate", "expected"),
    [(0.1, "converges"), (0.49, "converges"), (0.51, "oscillates"), (0.99, "oscillates"),
     (1.0, "diverges"), (3.0, "diverges")],
)  # fmt: skip
def test_what_a_rate_does_at_curvature_2(learning_rate, expected):
    assert highest_rate(2.0) == 1.0
    assert behaviour(learning_rate, 2.0) == expected


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_border_parts_what_falls_from_what_grows(momentum):
    border = highest_rate(4.0, momentum)
    below, above = (
        descent_path(learning_rate=share * border, curvature=4.0, momentum=momentum, num_steps=2000)
        for share in (0.97, 1.03)
    )
    assert abs(below[-1]) < 1e-3
    assert abs(above[-1]) > 1e3


def test_the_factor_by_hand():
    assert factor_per_step(0.25, 2.0) == pytest.approx(0.5)
    assert factor_per_step(0.5, 1.0, 0.81) == pytest.approx(0.9)  # complex roots: sqrt(momentum)


def test_a_wild_path_stays_a_number_and_is_drawn():
    panel = descent_panel()
    panel.set(learning_rate=10.0, curvature=10.0, start=3.0)
    assert "never arrives" in panel.status.value
    assert math.isfinite(descent_path(learning_rate=10.0, curvature=10.0)[-1])
    panel.close()


def test_the_panel_answers_each_slider_and_keeps_its_frame():
    panel = descent_panel()
    for step in range(9):
        before = panel.image.value
        panel.set(learning_rate=0.02 * 1.9**step)
        assert panel.image.value != before
    assert panel._figure.frames_rendered == 1
    panel.close()


def test_the_words_name_the_rate_that_is_drawn():
    panel = descent_panel()
    panel.set(learning_rate=1.995)
    assert "With 1.995 the ball" in panel.status.value
    panel.controls["learning_rate"].field.value = "2"
    assert "With 2 the ball" in panel.status.value
    panel.close()
