"""What a panel says of its run is what its picture shows."""

import re

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.engine import EvaluationRecord
from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.panels.status import Progress, Scoring
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


ACCURACY = ShownMetric("accuracy", "accuracy", is_share=True)
ERROR = ShownMetric("mean absolute error", "mean_absolute_error", is_share=False)
SCORE = EvaluationRecord(10, 0, 100, 2.5, accuracy=0.9, mean_absolute_error=42.14)


@pytest.mark.parametrize(
    ("shown", "count", "words"),
    [
        (ACCURACY, 20, "18 of 20 held-out wines right"),
        (ACCURACY, 200, "180 of 200 held-out wines right"),
        (ACCURACY, 201, "90.0% of 201 held-out wines right"),
        (ACCURACY, 10_000, "90.0% of 10,000 held-out wines right"),
        (ERROR, 44, "mean absolute error 42.1 on 44 held-out wines"),
        (ShownMetric("f1 score", "metric", is_share=False), 44, "loss 2.50 on 44 held-out wines"),
    ],
)
def test_how_a_run_does_is_said_by_its_task(shown, count, words):
    assert Scoring(shown, count, noun="wines").in_words(SCORE) == words


@pytest.mark.parametrize(
    ("seconds", "steps", "batch_size", "num_steps", "words"),
    [
        (0.2, 900, 16, 1000, ""),  # too soon to tell
        (1.0, 1, 16, 1001, "16 wines a second, 17 min left"),
        (2.0, 1, 3, 40, "1.5 wines a second, 78 s left"),
        (2.5, 123, 16, 1000, "787 wines a second, 18 s left"),
        (2.5, 999, 16, 1000, "6,390 wines a second, less than a second left"),
        (2.5, 1, 1, 20_000, "0.4 wines a second, 13.9 h left"),
    ],
)
def test_the_pace_is_told_once_it_is_known(seconds, steps, batch_size, num_steps, words):
    progress = Progress(Scoring(ACCURACY, 20, noun="wines", unit="wines"), num_steps)
    progress._ticks.extend([(0.0, 0, 0), (seconds, steps, steps * batch_size)])
    assert progress.pace() == words
