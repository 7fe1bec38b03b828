"""One step in numbers, worked by hand."""

import pytest

from tutorial_lib.labs.paths.measure import steps_in_numbers
from tutorial_lib.labs.paths.panel import step_panel

# gradients 0.5 and 0.5, rate 0.1, momentum 0.9, weight 1: what the second step shows
BY_HAND = {
    "sgd": ((), -0.05),
    "momentum": ((("v", 0.95),), -0.095),  # 0.9 x 0.5 + 0.5
    "nesterov": ((("v", 0.95),), -0.1355),  # 0.5 + 0.9 x 0.95 = 1.355
    "rmsprop": ((("s", 0.004975),), -0.1 * 0.5 / 0.004975**0.5),  # 0.99 x 0.0025 + 0.0025
    "adam": ((("m", 0.095), ("s", 0.00049975)), -0.1),  # 0.9 x 0.05 + 0.05
    # the first step left (1 - 0.001) - 0.1 = 0.899; the decay takes a thousandth of that
    "adamw": ((("m", 0.095), ("s", 0.00049975)), -0.1 - 0.000899),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_second_step_worked_by_hand(name):
    memory, moved = BY_HAND[name]
    step = steps_in_numbers([0.5, 0.5])[name][1]
    assert [symbol for symbol, _ in step.memory] == [symbol for symbol, _ in memory]
    assert [value for _, value in step.memory] == pytest.approx([value for _, value in memory])
    assert step.moved == pytest.approx(moved, rel=1e-6)


def test_ours_is_torchs_whatever_the_gradients():
    table = steps_in_numbers([0.3, -2.0, 0.0, 5.0, 1e-4], learning_rate=0.03, momentum=0.7)
    for steps in table.values():
        ours, theirs = [step.moved for step in steps], [step.torch_moved for step in steps]
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-15)


def test_the_panel_shows_the_last_step():
    panel = step_panel()
    before = panel.image.value
    panel.set(num_earlier=1)
    assert panel.image.value != before
    assert "Step 2" in panel.status.value
    assert "nesterov -0.1355" in panel.status.value
    panel.close()


def test_the_gradient_before_rests_while_no_step_comes_before():
    panel = step_panel()
    assert panel.controls["earlier"].disabled
    assert "There are no steps before." in panel.children[0].children[-1].value
    panel.set(num_earlier=1)
    assert not panel.controls["earlier"].disabled
    panel.close()
