"""The panel trains on any data, with any network, loss and metric; what cannot work it says."""

import copy
import dataclasses
import html
import re
from functools import partial

import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data import Data, Split
from tutorial_lib.models import MLP
from tutorial_lib.panels import TrainingPanel

PATIENCE = 60


def table(bunch, held_out: int, **words) -> Data:
    inputs = torch.tensor(bunch.data, dtype=torch.float32)
    inputs = (inputs - inputs.mean(dim=0)) / inputs.std(dim=0)
    targets = torch.tensor(bunch.target)
    targets = targets.float()[:, None] if targets.is_floating_point() else targets
    split, device = Split(inputs, targets), torch.device("cpu")
    return Data(notice="", train=split, test=None, device=device, **words).hold_out(held_out)


@pytest.fixture(scope="module")
def wine() -> Data:
    classes = ("barolo", "grignolino", "barbera")
    return table(load_wine(), 20, name="wine", noun="wines", classes=classes)


@pytest.fixture(scope="module")
def diabetes() -> Data:
    return table(load_diabetes(), 44, name="diabetes", noun="patients")


def score_axes(panel: TrainingPanel):
    return panel._display.curve._score_axes


def title(panel: TrainingPanel) -> str:
    axes = score_axes(panel)
    return axes.get_title("left") or axes.get_title("right")


def adam(**settings) -> Hyperparameters:
    return Hyperparameters(**{"epochs": 2, "optimizer": "adam", "batch_size": 16} | settings)


def test_a_table_is_told_of_in_its_own_words(wine):
    panel = TrainingPanel(wine)
    run = panel.run()
    right = round(20 * run.scores[-1].accuracy)
    assert panel.status.value.endswith(f", {right} of 20 held-out wines right.")
    assert title(panel) == "Accuracy on 20 held-out wines"
    assert score_axes(panel).get_ylabel() == "wines named right (%)"
    assert panel.batch_size.slider.tooltip.startswith("Wines per step.")
    assert run.model[-1].out_features == 3
    panel.close()


def test_a_regression_shows_its_mean_absolute_error(diabetes):
    panel = TrainingPanel(diabetes, settings=adam(loss="mse"))
    run = panel.run()
    error = run.scores[-1].mean_absolute_error
    assert f", mean absolute error {error:.1f} on 44 held-out patients." in panel.status.value
    assert title(panel) == "Mean absolute error on 44 held-out patients"
    series = panel._display.curve.runs[-1]
    assert list(series.scores) == [score.mean_absolute_error for score in run.scores]
    assert list(series.scored_loss) == [score.loss for score in run.scores]
    assert panel.picture().alt.startswith("Loss and mean absolute error of 1 run. ")
    panel.close()


def test_without_settings_a_regression_has_a_loss_that_suits_it(diabetes):
    panel = TrainingPanel(diabetes)
    assert panel.settings == Hyperparameters(epochs=5, loss="mse")
    panel.close()


@pytest.mark.parametrize(("count", "size"), [(2, 1), (20, 4), (120, 16), (1000, 32)])
def test_without_settings_an_epoch_has_a_few_steps(count, size):
    split = Split(torch.rand(count, 3), torch.arange(count) % 2)
    panel = TrainingPanel(Data("few", "", split, None, torch.device("cpu")))
    assert panel.settings.batch_size == size
    panel.close()


@pytest.mark.parametrize("given", ["keyword", "partial"])
def test_a_metric_of_ones_own_is_shown(wine, given):
    def share_wrong(outputs, targets):
        return (outputs.argmax(dim=1) != targets).float().mean()

    own = {"metric": share_wrong}
    keywords = own if given == "keyword" else {"new_run": partial(TrainingRun, **own)}
    panel = TrainingPanel(wine, settings=adam(), **keywords)
    run = panel.run()
    assert re.search(r", share wrong [\d.]+ on 20 held-out wines\.", panel.status.value)
    assert title(panel) == "Share wrong on 20 held-out wines"
    assert panel._display.curve.runs[-1].scores[-1] == run.scores[-1].metric
    panel.close()


def test_where_nothing_is_held_out_nothing_is_claimed(wine):
    panel = TrainingPanel(dataclasses.replace(wine, validation=None), settings=adam())
    panel.run()
    assert panel.status.value.startswith("<b>Finished:</b> epoch 2 of 2")
    assert not re.search("right|held", panel.status.value)
    (words,) = (text.get_text() for text in score_axes(panel).texts)
    assert " ".join(words.split()) == "Nothing is held out: data.hold_out(0.2) keeps some"
    panel.close()


def test_what_has_no_accuracy_has_its_loss_in_words(wine):
    def pull(outputs, targets):
        return outputs.square().mean()

    panel = TrainingPanel(wine, new_model=lambda: MLP(13, 1), loss=pull, settings=adam())
    run = panel.run()
    assert run.scores[-1].accuracy is None
    assert re.search(r", loss [\d.e-]+ on 20 held-out wines\.", panel.status.value)
    assert score_axes(panel).texts[-1].get_text() == "No accuracy\ncould be told"
    panel.close()


def test_own_step_loss_and_network_train_on_the_panel(diabetes):
    def relative(outputs, targets):
        return (outputs / targets - 1).abs().mean()

    def clipped(run, inputs, targets):
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        run.optimizer.step()
        return loss

    own = {"loss": relative, "update": clipped}
    panel = TrainingPanel(diabetes, new_model=lambda: nn.Linear(10, 1), settings=adam(), **own)
    panel.train()
    panel._session.wait(PATIENCE)
    panel.refresh()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Linear(10, 1)
    losses = [record.loss for record in TrainingRun(model, diabetes, adam(), **own)]
    assert [record.loss for record in panel.last_run.history] == losses
    panel.close()


def rows(outputs, targets):
    return outputs - targets


def fails(outputs, targets):
    raise IndexError("no such column")


WRONG = {
    "a loss of the other task": (
        {"settings": Hyperparameters()},
        "loss must be one of mse, l1, huber for a regression",
    ),
    "another number of inputs": (
        {"new_model": lambda: MLP(9, 1)},
        r"the model cannot take the inputs of 'diabetes', \[32, 10\] a batch",
    ),
    "another number of outputs": (
        {"new_model": lambda: MLP(10, 2)},
        r"the model must answer with numbers \[32, 1\]; got \[32, 2\]",
    ),
    "a batch too large": (
        {"settings": Hyperparameters(batch_size=500, loss="mse")},
        "batch_size must be a whole number, from 1 to 398 .*patients",
    ),
    "a loss by name": ({"loss": "mse"}, "settings=Hyperparameters.loss='mse'. takes one by its"),
    "a loss that is a number": ({"loss": 3}, "loss must be a function, loss.outputs, targets."),
    "a loss of rows": ({"loss": rows}, "loss must return a tensor of one number"),
    "a loss that fails": ({"loss": fails}, "IndexError: no such column"),
    "a step that is none": ({"update": 3}, "update must be a function, update.run, inputs"),
    "a metric that is none": ({"metric": "f1"}, "metric must be a function"),
    "one network": ({"new_model": LeNet5()}, "new_model=lambda: ... makes a new one for each run"),
    "no network": ({"new_model": lambda: "LeNet"}, "the model must be a torch.nn.Module"),
    "a run without a metric": (
        {"metric": rows, "new_run": lambda model, data, settings: None},
        "new_run must take model, data, hyperparameters, metric; it does not",
    ),
    "a loss in a partial": (
        {"new_run": partial(TrainingRun, loss=rows)},
        "loss must return a tensor of one number",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_work_is_refused_when_the_panel_is_made(diabetes, what):
    given, words = WRONG[what]
    with pytest.raises((TypeError, ValueError), match=words):
        TrainingPanel(diabetes, **given)


def test_a_network_without_a_shape_yet_is_taken(wine):
    panel = TrainingPanel(wine, new_model=lambda: nn.LazyLinear(3), settings=adam())
    assert panel.run().model.in_features == 13
    panel.close()


def test_a_network_that_only_ones_own_step_understands_is_taken(wine):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(13, 3)

        def forward(self, inputs):
            return {"logits": self.layer(inputs)}

    def update(run, inputs, targets):
        loss = run.loss_function(run.model(inputs)["logits"], targets)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        return loss

    data = dataclasses.replace(wine, validation=None)
    panel = TrainingPanel(data, new_model=Two, update=update, settings=adam())
    assert panel.run().step_number > 0
    panel.close()


@pytest.mark.parametrize("kind", ["wine", "diabetes"])
def test_a_run_on_ones_own_data_is_taken_up_by_another_panel(request, kind, tmp_path):
    data, file = request.getfixturevalue(kind), tmp_path / "run"
    settings = adam(loss=data.default_loss)
    first = TrainingPanel(data, settings=settings, save_to=file)
    run = first.run()
    first.close()
    second = TrainingPanel(data, settings=settings, save_to=file)
    assert "A run was saved here" in second.status.value
    second.restore()
    second._session.wait(PATIENCE)
    second.refresh()
    assert second.last_run.history == run.history
    assert second.last_run.scores == run.scores
    assert second._display.curve.runs[-1].scored_x[-1] == 2
    second.close()


def test_a_run_on_more_of_the_same_data_is_not_offered(wine, tmp_path):
    first = TrainingPanel(wine, settings=adam(), save_to=tmp_path / "run")
    first.run()
    first.close()
    fewer = dataclasses.replace(wine, train=wine.train.part(torch.arange(100)))
    second = TrainingPanel(fewer, settings=adam(), save_to=tmp_path / "run")
    words = "it learned from 158 wines of 'wine', here are 100 wines of 'wine'"
    assert words in html.unescape(second.status.value)
    second.close()


def test_a_run_on_other_data_is_not_offered_and_it_is_said_why(wine, diabetes, tmp_path):
    first = TrainingPanel(wine, settings=adam(), save_to=tmp_path / "run")
    first.run()
    first.close()
    second = TrainingPanel(diabetes, save_to=tmp_path / "run")
    assert "What was saved here is not offered: " in second.status.value
    words = "it learned from 158 of 'wine', and here loss must be one of mse, l1, huber"
    assert words in html.unescape(second.status.value)
    assert second.restore_button.disabled
    second.close()


def test_a_network_that_every_run_would_share_is_refused(wine):
    shared = nn.Linear(13, 3)
    with pytest.raises(ValueError, match=r"must make a new network for each run.*deepcopy"):
        TrainingPanel(wine, new_model=lambda: shared)
    TrainingPanel(wine, new_model=lambda: copy.deepcopy(shared)).close()
