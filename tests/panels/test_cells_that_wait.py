"""A cell that waits for a panel's run() says how far it is; a click does not."""

import threading
from collections.abc import Iterator

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.panels import MeasurePanel, TrainingPanel, live, training
from tutorial_lib.waiting import Waiting

is_told = threading.Event()


@pytest.fixture
def told(monkeypatch) -> list:
    """Return what the lines are told, and that they are closed."""
    told = []
    is_told.clear()

    class Line(Waiting):
        def __init__(self, unit, *, is_quiet=False):
            self._unit, self._is_quiet = unit, is_quiet

        def reach(self, done, total=None):
            if not self._is_quiet:
                told.append((self._unit, done, total))
                is_told.set()

        def close(self):
            told.append("closed")

    for module in (live, training):
        monkeypatch.setattr(module, "Waiting", Line)
    monkeypatch.setattr(live, "REFRESH_SECONDS", 0.01)
    return told


@pytest.fixture
def panel(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=10))
    yield panel
    panel.close()


def test_a_training_tells_its_steps(panel, told, monkeypatch):
    with_accuracy = training.with_accuracy

    def waits_for_the_line(run, held_out):
        for record in with_accuracy(run, held_out):
            yield record
            is_told.wait(60)  # else the run may end before anybody looks

    monkeypatch.setattr(training, "with_accuracy", waits_for_the_line)
    monkeypatch.setattr(training, "in_kernel", lambda: True)
    panel.run()
    unit, done, total = told[-2]
    assert (unit, done <= total, total, told[-1]) == ("steps", True, 20, "closed")


def test_in_a_terminal_loss_monitors_lines_tell_enough(panel, told, capsys):
    panel.run()
    assert told == ["closed"]


def test_a_click_shows_no_line(panel, told):
    panel.train()
    panel._session.wait(60)
    panel._wait()
    assert set(told) <= {"closed"}


def measured_while_told() -> Iterator[int]:
    """Yield two records, and a third once the line was told something."""
    yield from (0, 1)
    is_told.wait(60)
    yield 2


@pytest.fixture
def measuring():
    def draw(figure, records):
        figure.subplots()
        return ""

    panel = MeasurePanel("two", measured_while_told, draw, lambda: 4, {})
    yield panel
    panel.close()


def test_a_measurement_tells_its_share(measuring, told):
    measuring.run()
    assert told[-2] in [("%", done, 4) for done in (1, 2, 3)]
    assert told[-1] == "closed"


def test_the_line_goes_with_an_interrupt_and_the_measurement_stops(measuring, told, monkeypatch):
    monkeypatch.setattr(measuring, "_rest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    threading.Timer(1, is_told.set).start()  # else the measurement waits for it
    measuring.run()
    assert (measuring.state, told[-1]) == ("stopped", "closed")
