"""Scripts of one's own data, network, loss and step are run: their losses are those of the run."""

import copy
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from my_nets import Residual
from PIL import Image
from sklearn.datasets import load_diabetes, load_wine
from torch import nn

from tutorial_lib import Hyperparameters, TrainingRun
from tutorial_lib.data import (
    Data,
    Split,
    StreamedSplit,
    from_csv,
    from_folder,
    from_tensors,
)
from tutorial_lib.engine.script import MAX_LINES, script_of
from tutorial_lib.models import make_model

SETTINGS = Hyperparameters(epochs=2, batch_size=16, learning_rate=0.05, seed=3)
REGRESSION = SETTINGS.replace(loss="mse", learning_rate=1e-3, optimizer="adam")


@pytest.fixture(scope="module")
def wine() -> Data:
    inputs, labels = load_wine(return_X_y=True)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    return from_tensors((inputs, labels), name="wine", noun="wines", device="cpu")


@pytest.fixture(scope="module")
def diabetes() -> Data:
    pair = load_diabetes(return_X_y=True)
    return from_tensors(pair, name="diabetes", noun="patients", device="cpu")


@pytest.fixture(scope="module")
def flowers(tmp_path_factory) -> Path:
    """Return a folder of forty small pictures, of two classes."""
    root, draw = tmp_path_factory.mktemp("flowers"), np.random.RandomState(0)
    for channel, name in enumerate(("poppy", "iris")):
        (root / name).mkdir()
        for number in range(20):
            pixels = draw.randint(80, size=(8, 8, 3)).astype(np.uint8)
            pixels[..., 2 * channel] += 150
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Return a function that runs a run and its script, and compares their losses."""
    monkeypatch.chdir(tmp_path)

    def check(run: TrainingRun, start: nn.Module, **put_here) -> str:
        expected = [record.loss for record in run]
        script = script_of(run, start)
        train = run.data.train
        if not isinstance(train, StreamedSplit):
            kind = "images" if run.data.are_pictures else "inputs"
            torch.save((train.inputs, train.targets), f"{kind}.pt")
        assert script.count("\n") <= MAX_LINES
        assert ruff(script, "check") == ruff(script, "format", "--diff") == ""
        filled = script
        for name in put_here:
            assert f"{name} = ...  # your own" in script
            filled = filled.replace(f"{name} = ...", f"{name} = put_{name}")
        assert "= ..." not in filled
        Path("script.py").write_text(filled)
        values = {f"put_{name}": value for name, value in put_here.items()}
        assert runpy.run_path("script.py", values)["losses"] == expected
        assert "losses are those" in script.splitlines()[0]
        return script

    return check


def ruff(script: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--quiet", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True).stdout


def begun(new_model, data, settings=SETTINGS, **options):
    """Return a run, and a model as its own was before the first step."""
    model = make_model(new_model, settings.seed)
    return TrainingRun(model, data, settings, **options), copy.deepcopy(model)


# ---- data ----


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "huber"])
def test_a_table_and_its_default_network(wine, checked, loss):
    script = checked(*begun(wine.default_network, wine, SETTINGS.replace(loss=loss)))
    assert "# These were 178 wines of your own, (178, 13) and (178,). Save them first" in script
    assert "nn.Flatten(), nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()," in script
    assert "random" not in script.replace("np.random.default_rng((3, epoch))", "")


@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_a_regression(diabetes, checked, loss):
    settings = REGRESSION.replace(loss=loss)
    script = checked(*begun(diabetes.default_network, diabetes, settings))
    assert 'inputs, targets = torch.load("inputs.pt", map_location="cpu")' in script
    assert "torch.eye" not in script


def test_answers_without_a_second_dimension_are_compared_as_in_the_run(diabetes, checked):
    class Flat(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs).squeeze(1)

    run, start = begun(lambda: Flat(10, 1), diabetes, REGRESSION)
    script = checked(run, start, model=start)
    assert "nn.functional.mse_loss(outputs, targets[batch].reshape(outputs.shape))" in script


def test_a_folder_of_pictures_is_named_by_its_call(flowers, checked):
    data = from_folder(flowers, size=8, device="cpu")
    script = checked(*begun(data.default_network, data))
    assert f"from_folder('{flowers}', size=8). Save them first"[-30:] in script
    assert 'images, labels = torch.load("images.pt"' in script


def test_a_table_file_is_named_by_its_call(tmp_path, checked):
    load_wine(as_frame=True).frame.to_csv("wine.csv", index=False)
    whole = from_csv("wine.csv", target="target", validation=None, device="cpu")
    data = whole.hold_out(10)
    script = checked(*begun(data.default_network, data))
    assert "target='target'" in script
    assert ".hold_out(10). Save them first" in script


class Pairs(torch.utils.data.Dataset):
    def __init__(self, split: Split, noise: float = 0.0) -> None:
        self.split, self.noise = split, noise

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index):
        inputs = self.split.inputs[index]
        if self.noise:
            inputs = inputs + self.noise * torch.randn(inputs.shape)
        return inputs, self.split.targets[index].squeeze()


def as_streamed(data: Data, noise: float = 0.0) -> Data:
    train = StreamedSplit(Pairs(data.train, noise), data.train.targets, "cpu", workers=0)
    return Data(data.name, "", train, None, data.device, noun=data.noun)


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_streamed_data_are_asked_for(name, request, checked):
    data = as_streamed(request.getfixturevalue(name))
    settings = SETTINGS if name == "wine" else REGRESSION
    run, start = begun(data.default_network, data, settings)
    script = checked(run, start, examples=data.train.dataset)
    assert "With your own parts put in, its" in script.splitlines()[0]


def test_of_data_that_draw_at_random_no_losses_are_claimed(wine):
    run, start = begun(wine.default_network, as_streamed(wine, noise=0.1))
    top = script_of(run, start).splitlines()[0]
    assert "What your own data set draws at random differs, so the losses do" in top
    assert "losses are those" not in top


# ---- networks ----


def chain():
    return nn.Sequential(
        nn.Linear(13, 32, bias=False),
        nn.BatchNorm1d(32, momentum=0.2),
        nn.LeakyReLU(0.1),
        nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Dropout(0.25)),
        nn.LayerNorm(16),
        nn.Linear(16, 3),
    )


def test_a_chain_of_layers_is_written_out(wine, checked):
    script = checked(*begun(chain, wine))
    assert "nn.Linear(13, 32, bias=False), nn.BatchNorm1d(32, momentum=0.2)," in script
    assert "nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Dropout(p=0.25))," in script


def test_layers_of_it_that_are_frozen_are_frozen_there(wine, checked):
    def frozen():
        model = chain()
        model[0].requires_grad_(False), model[5].bias.requires_grad_(False)
        return model

    assert "for frozen in (model[0], model[5].bias)" in checked(*begun(frozen, wine))


def test_other_first_weights_are_said(wine):
    def zeroed():
        model = chain()
        nn.init.zeros_(model[5].weight)
        return model

    script = script_of(*begun(zeroed, wine))
    assert "# that run began with other weights: load them" in script
    assert "With your own parts put in" in script.splitlines()[0]


CHANGES = {
    "a hook": lambda model: model[0].register_forward_hook(lambda *_: None),
    "evaluation mode": lambda model: model[1].eval(),
    "a forward": lambda model: setattr(model[2], "forward", torch.sigmoid),
    "a class of layer": lambda model: setattr(
        model[5], "__class__", type("Mine", (nn.Linear,), {})
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_chain_that_was_changed_is_asked_for(kind, wine):
    def changed():
        model = chain()
        CHANGES[kind](model)
        return model

    run = TrainingRun(make_model(changed, 3), wine, SETTINGS)
    assert "model = ...  # your own Sequential" in script_of(run, make_model(changed, 3))
    assert "model = ...  # your own Sequential" in script_of(run, make_model(chain, 3))


def test_a_chain_too_long_to_write_is_asked_for(wine):
    def deep():
        hidden = [layer for _ in range(40) for layer in (nn.Linear(13, 13), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(13, 3))

    script = script_of(*begun(deep, wine))
    assert script.count("\n") <= MAX_LINES
    assert "model = ...  # your own Sequential" in script


def test_a_class_of_a_module_is_brought_by_its_name(wine, checked):
    script = checked(*begun(Residual, wine))
    assert "from my_nets import Residual\n" in script
    assert "torch.manual_seed(3)\nmodel = Residual()\n" in script


def test_one_that_was_made_with_arguments_is_asked_for(diabetes, checked):
    run, start = begun(lambda: Residual(10, 1), diabetes, REGRESSION)
    assert "model = ...  # your own Residual" in checked(run, start, model=start)


def test_one_of_a_notebook_is_asked_for(wine, monkeypatch):
    class Net(Residual):
        __module__, __qualname__ = "__main__", "Net"

    monkeypatch.setattr(sys.modules["__main__"], "Net", Net, raising=False)
    assert "model = ...  # your own Net" in script_of(*begun(Net, wine))


# ---- losses and steps ----


def test_an_own_loss_is_asked_for(diabetes, checked):
    def mean_fourth_root(outputs, targets):
        return (outputs - targets).abs().add(1).pow(0.25).mean()

    run, start = begun(
        diabetes.default_network, diabetes, REGRESSION.replace(loss="l1"), loss=mean_fourth_root
    )
    script = checked(run, start, loss_function=mean_fourth_root)
    assert "your own mean_fourth_root(outputs, targets): put it here" in script


def test_an_own_step_with_an_own_loss(wine, checked):
    def smooth(outputs, targets):
        return nn.functional.cross_entropy(outputs, targets, label_smoothing=0.1)

    def clipped(run, inputs, targets):
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 0.5)
        run.optimizer.step()
        return loss

    run, start = begun(Residual, wine, update=clipped, loss=smooth)
    checked(run, start, loss_function=smooth, update=clipped)


def test_a_loss_that_was_exchanged_later_is_not_passed_over(wine):
    run, start = begun(Residual, wine, loss=lambda outputs, _: outputs.square().mean())
    run.loss_function = nn.functional.cross_entropy
    next(run)
    assert "Its loss function was replaced" in script_of(run, start).splitlines()[0]
