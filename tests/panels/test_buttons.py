"""The second click of a double click does not undo the first, on any button."""

import math

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.labs import RacePanel
from tutorial_lib.panels import TrainingPanel, controls


@pytest.fixture(autouse=True)
def forget_earlier_clicks():
    """Forget those of tests before, which are as near as those of a double click."""
    controls.Button.gone.clear()


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


def test_a_double_click_that_takes_a_runner_away_leaves_the_next_one_alone(few, monkeypatch):
    """It moves up, under the pointer."""
    monkeypatch.setattr(controls, "DOUBLE_CLICK_SECONDS", math.inf)  # no clock tells
    runners = {name: Hyperparameters(epochs=1, batch_size=8) for name in ("one", "two", "three")}
    panel = RacePanel(few, runners)
    first, second, _ = panel._rows.children
    for row in (first, second):
        row.remove._handle_msg(CLICK)
    assert list(panel.runners) == ["two", "three"]
    panel.close()


def test_buttons_of_another_text_hold_nobody_back(few):
    panel = RacePanel(few, {"one": Hyperparameters(epochs=1, batch_size=8)})
    (row,) = panel._rows.children
    row.remove._handle_msg(CLICK)
    adder = panel.children[-1].children[-1]
    adder._handle_msg(CLICK)
    assert len(panel.runners) == 1
    assert panel.runners.keys() != {"one"}
    panel.close()


def test_another_panel_that_is_closed_meanwhile_changes_nothing(few, monkeypatch):
    """As one does that nobody holds any more, at any moment."""
    monkeypatch.setattr(controls, "DOUBLE_CLICK_SECONDS", math.inf)
    runners = {name: Hyperparameters(epochs=1, batch_size=8) for name in ("one", "two", "three")}
    panel, other = RacePanel(few, runners), RacePanel(few, runners)
    first, second, _ = panel._rows.children
    first.remove._handle_msg(CLICK)
    other.close()
    second.remove._handle_msg(CLICK)
    assert list(panel.runners) == ["two", "three"]
    panel.close()
