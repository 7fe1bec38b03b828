"""What a panel says of its run is what its picture shows."""

import re

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.table import loss_text

PATIENCE = 60


def loss_in_words(panel: TrainingPanel) -> str:
    """Return the loss that the status names, as it is written there."""
    return re.search(r"smoothed loss ([\d.e-]*\d)", panel.status.value)[1]


@pytest.mark.parametrize("settings", [{}, {"loss": "mse", "learning_rate": 0.1}])
def test_the_loss_in_words_is_where_the_curve_ends(few, settings):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=5, batch_size=8, **settings))
    panel.run()
    end = panel._display.curve.runs[-1].smoothed[-1]
    assert loss_in_words(panel) == loss_text(end)
    assert end != panel.last_run.history[-1].mean_loss
    panel.close()


def test_the_same_holds_while_a_run_is_held(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1000, batch_size=8))
    panel.train()
    for pressed in ("pause", "pause", "pause", "stop"):
        while not panel._session.records():
            panel._session.join(0.01)
        getattr(panel, pressed)()
        panel._session.join(PATIENCE if pressed == "stop" or panel.state == "paused" else 0.01)
        panel.refresh()
        assert loss_in_words(panel) == loss_text(panel._display.curve.runs[-1].smoothed[-1])
    panel.close()
