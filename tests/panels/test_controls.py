"""What panels are given stands on their controls as it is, or is refused; idle controls rest."""

import threading

import ipywidgets as widgets
import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.panels import MeasurePanel, PlayPanel, TrainingPanel, controls

PATIENCE = 60
ODD = Hyperparameters(
    epochs=150, batch_size=33, learning_rate=1e-5, momentum=0.995, optimizer="nesterov"
)


@pytest.fixture
def panel(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=8))
    yield panel
    panel.close()


def finish(panel):
    panel._session.wait(PATIENCE)
    panel.refresh()


def shows(panel):
    """Return what the fields of a training panel show."""
    numbers = {name: part for name, part in panel.controls.items() if hasattr(part, "field")}
    return {name: float(control.field.value) for name, control in numbers.items()}


def test_a_panel_stands_at_the_settings_that_it_is_given(few):
    panel = TrainingPanel(few, settings=ODD)
    assert panel.settings == ODD
    assert shows(panel) == {
        "learning_rate": 1e-5, "batch_size": 33, "momentum": 0.995, "epochs": 150,
    }  # fmt: skip
    panel.close()


def test_what_is_shown_while_it_trains_is_what_trains(panel):
    seen = []
    begin = panel._display.begin
    panel._display.begin = lambda run: (seen.append(shows(panel)), begin(run))
    run = panel.run(learning_rate=2.0, momentum=0.0, batch_size=50, epochs=1)
    assert seen == [{"learning_rate": 2.0, "batch_size": 50, "momentum": 0.0, "epochs": 1}]
    assert run.history[0].learning_rate == 2.0
    assert panel.settings == Hyperparameters(epochs=2, batch_size=8)


def test_a_restored_run_stands_on_the_controls_as_it_is(few, tmp_path):
    settings = ODD.replace(epochs=1)
    first = TrainingPanel(few, settings=settings, save_to=tmp_path / "my.run")
    first.train()
    finish(first)
    first.close()
    second = TrainingPanel(few, save_to=tmp_path / "my.run")
    second.restore()
    assert second.settings == settings
    assert shows(second)["learning_rate"] == 1e-5
    second.close()


@pytest.mark.parametrize(
    ("bad", "takes"),
    [
        ({"learning_rate": 0}, r"in \(0, inf\); got 0"),
        ({"momentum": 1.0}, r"in \[0, 1\); got 1.0"),
        ({"batch_size": 101}, "from 1 to 100; got 101"),
        ({"epochs": 2.5}, "whole number, 1 or more; got 2.5"),
        ({"optimizer": "sdg"}, "one of sgd, momentum"),
        ({"learning_rat": 1}, "the control must be one of"),
    ],
)
def test_a_value_that_no_control_takes_is_refused_and_none_moves(panel, bad, takes):
    field = next(iter(bad))
    with pytest.raises((ValueError, TypeError), match=takes) as caught:
        panel.set(batch_size=16, **bad) if field != "batch_size" else panel.set(epochs=3, **bad)
    assert field in str(caught.value)
    assert panel.settings == Hyperparameters(epochs=2, batch_size=8)


def test_sliders_of_ipywidgets_do_not_clamp_on_a_panel():
    by_name = {
        "linear": widgets.FloatSlider(1.0, max=9),
        "power": widgets.FloatLogSlider(1.0, min=-2, max=2),
        "flag": widgets.Checkbox(True),
    }
    panel = PlayPanel("plain", lambda axes, **values: str(values), by_name)
    for bad in ({"linear": 9.5}, {"power": 101}, {"power": 0.001}, {"flag": "no"}):
        with pytest.raises((ValueError, TypeError), match=next(iter(bad))):
            panel.set(**bad)
    panel.set(linear=9, power=100, flag=False)
    assert panel.values() == {"linear": 9, "power": 100, "flag": False}
    panel.close()


def draw_nothing(figure, records, until):
    figure.add_subplot()
    return ""


def test_a_measurement_goes_on_where_the_values_of_the_next_are_refused():
    go = threading.Event()

    def measure(until):
        for number in range(until):
            yield number
            assert go.wait(PATIENCE)

    by_name = {"until": controls.count_slider("until", 5, 1, 9, "How far.")}
    panel = MeasurePanel("count", measure, draw_nothing, lambda until: until, by_name)
    panel.start()
    with pytest.raises(ValueError, match="until must be a whole number, from 1 to 9; got 10"):
        panel.run(until=10)
    assert panel._session.wanted == "running"
    go.set()
    panel.stop()
    finish(panel)
    panel.close()


def test_a_run_is_named_by_the_rate_that_it_has(panel):
    for rate in (2.0, 1.995):
        panel.run(learning_rate=rate, epochs=1)
    labels = [series.label for series in panel._display.curve.runs]
    assert labels == ["lr 2", "lr 1.995"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_momentum_rests_under_an_optimizer_that_has_none(panel, name):
    panel.optimizer.value = name
    has_momentum = bool(OPTIMIZERS[name].momentum)
    assert panel.momentum.slider.disabled is panel.momentum.field.disabled is not has_momentum
    assert panel.momentum.note == ("" if has_momentum else f"{name} has no momentum.")


def test_while_a_run_goes_on_its_own_optimizer_decides_whether_momentum_rests(panel):
    panel.set(epochs=1000, optimizer="momentum")
    panel.train()
    panel.set(optimizer="sgd")  # for the next run
    assert not panel.momentum.disabled
    panel.stop()
    finish(panel)
    assert panel.momentum.disabled
    panel.set(optimizer="adam")
    assert not panel.momentum.disabled


def test_a_panel_that_begins_without_momentum_shows_it_at_rest(few):
    panel = TrainingPanel(few, settings=Hyperparameters(optimizer="sgd", batch_size=8))
    assert panel.momentum.disabled
    assert "sgd has no momentum." in panel.children[0].children[-1].value
    panel.close()


def test_a_typed_rate_acts_on_the_run_that_goes_on(panel):
    panel.epochs.value = 1000
    panel.train()
    panel.learning_rate.field.value = "0,002"
    panel.batch_size.field.value = "33"
    history = panel.last_run.history
    while not history or history[-1].batch_size != 33:  # it is marked before its step is taken
        panel._session.wait(0.01)
    panel.momentum.field.value = "much"
    panel.stop()
    finish(panel)
    last = panel.last_run.history[-1]
    assert (last.learning_rate, last.batch_size) == (0.002, 33)
    assert {change.field for change in panel.last_run.changes} == {"learning_rate", "batch_size"}
    assert "got 'much'" in panel.momentum.refusal
