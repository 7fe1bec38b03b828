"""The second click of a double click does not undo the first, on any button."""

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.panels import TrainingPanel, controls

CLICK = {"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []}


@pytest.fixture
def clicks():
    """Return a button, and a list that grows with each click that counts."""
    counted = []
    button = controls.button("Add", "plus", "Adds one", counted.append)
    yield button, counted
    button.close()


def test_a_double_click_counts_once(clicks):
    button, counted = clicks
    for _ in range(2):
        button._handle_msg(CLICK)
    assert counted == [button]


def test_a_second_click_while_the_first_is_answered_is_no_other(clicks):
    button, counted = clicks
    slow = []
    button.on_click(lambda _: slow.append(button._handle_msg(CLICK)))
    button._handle_msg(CLICK)
    button._handle_msg(CLICK)
    assert (len(counted), len(slow)) == (1, 1)


def test_a_later_click_counts(clicks, monkeypatch):
    button, counted = clicks
    monkeypatch.setattr(controls, "DOUBLE_CLICK_SECONDS", 0.0)
    for _ in range(3):
        button._handle_msg(CLICK)
    assert len(counted) == 3


def test_a_click_from_code_counts_at_once(clicks):
    button, counted = clicks
    for _ in range(2):
        button.click()
    assert len(counted) == 2


def test_a_double_click_shows_the_code_and_does_not_hide_it(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1, batch_size=8))
    for _ in range(2):
        panel.code_button._handle_msg(CLICK)
    assert panel.code_shelf.code
    panel.close()
