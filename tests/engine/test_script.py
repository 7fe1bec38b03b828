"""A script taken home repeats the run that it was taken from, loss by loss."""

import dataclasses
import inspect
import json
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data import Data, Split, fetch
from tutorial_lib.data.digits import _prepare
from tutorial_lib.engine import script as script_module
from tutorial_lib.engine.processes import ProcessesRun
from tutorial_lib.engine.script import MAX_LINES, script_of
from tutorial_lib.labs.schedules.measure import planned_rates, scheduled
from tutorial_lib.optimizers import OPTIMIZERS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
NUM_STEPS = 12
APPEND = "        losses.append(loss.item())\n"


@pytest.fixture
def losses_of(tmp_path, monkeypatch):
    """Return a function that runs a script, as far as a step, and returns its losses."""
    monkeypatch.chdir(tmp_path)

    def run(script: str, steps: int | None = None) -> list[float]:
        if steps is not None:
            assert APPEND in script
            stop = f"        if len(losses) == {steps}:\n            break\n"
            script = script.replace(APPEND, APPEND + stop)
        Path("script.py").write_text(script)
        return runpy.run_path("script.py")["losses"]

    return run


@pytest.fixture(scope="module", params=["torch", "mindspore"])
def changed(request, sample) -> TrainingRun:
    """Return a run of two epochs whose every knob was turned on the way, two at one step."""
    settings = Hyperparameters(epochs=2, batch_size=100, optimizer="nesterov", learning_rate=0.02)
    run = TrainingRun(LeNet5(init=request.param, seed=3), sample, settings)
    for record in run:
        if record.step == 5:
            run.adjust(learning_rate=0.012589254117941673)
        if record.step == 20:
            run.adjust(batch_size=64, momentum=0.0)
            run.adjust(batch_size=128)
        if record.step == 35:  # the last of the first epoch
            run.adjust(batch_size=500, momentum=0.5, weight_decay=0.01)
    return run


def script_for(settings: Hyperparameters, data: Data, start: nn.Module) -> str:
    """Return the script of a run that has not begun; a device that is not here is only named."""
    run = TrainingRun(start, dataclasses.replace(data, device=torch.device("cpu")), settings)
    run.data = data
    return script_of(run, start)


def fresh(run: TrainingRun) -> LeNet5:
    return LeNet5(init=run.model.init, seed=run.model.seed)


def ruff(script: str, *arguments: str) -> str:
    """Return what ruff complains of, with the rules that it has by itself."""
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--quiet", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def full_size(sample: Data, name: str) -> Data:
    """Return what passes for all of MNIST or Fashion-MNIST, in little memory."""
    images, labels = sample.train.images[:1], sample.train.labels[:1]
    train = Split(images.expand(60_000, -1, -1, -1), labels.expand(60_000))
    return dataclasses.replace(sample, name=name, train=train)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_losses_are_those_of_the_run(sample, losses_of, optimizer):
    settings = Hyperparameters(epochs=1, optimizer=optimizer, learning_rate=2e-3, seed=5)
    run = TrainingRun(LeNet5(), sample, settings)
    expected = [run.step().loss for _ in range(NUM_STEPS)]
    assert losses_of(script_of(run, LeNet5()), NUM_STEPS) == expected


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_other_losses_and_weight_decay_too(sample, losses_of, loss):
    settings = Hyperparameters(epochs=1, loss=loss, batch_size=7, weight_decay=0.1)
    run = TrainingRun(LeNet5(init="mindspore", seed=2), sample, settings)
    expected = [run.step().loss for _ in range(NUM_STEPS)]
    assert losses_of(script_of(run, fresh(run)), NUM_STEPS) == expected


def test_changes_made_on_the_way_are_made_again(changed, losses_of):
    assert {record.batch_size for record in changed.history} == {100, 128, 500}
    expected = [record.loss for record in changed.history]
    assert losses_of(script_of(changed, fresh(changed))) == expected


def test_a_script_runs_by_itself_without_the_library(sample, tmp_path):
    run = TrainingRun(LeNet5(), sample, Hyperparameters(epochs=2, batch_size=250))
    expected = [record.loss for record in run]
    script = script_of(run, LeNet5())
    script += "import json, sys\nassert 'tutorial_lib' not in sys.modules\n"
    script += "json.dump(losses, open('losses.json', 'w'))\n"
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert json.loads((tmp_path / "losses.json").read_text()) == expected
    assert done.stdout.splitlines()[1].startswith("epoch 2: mean loss ")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs MNIST in ../shared/data")
def test_a_run_on_the_full_mnist_is_repeated_too(losses_of, tmp_path):
    raw = fetch.load_raw(fetch.MNIST, folders=[SHARED], store=None, no_download="a test")
    tensors = _prepare(*(raw[file] for file in fetch.MNIST.sha256), title="MNIST")
    train = Split(tensors["train_images"], tensors["train_labels"])
    run = TrainingRun(LeNet5(), Data("mnist", "", train, train, torch.device("cpu")))
    expected = [run.step().loss for _ in range(3)]
    (tmp_path / "data").symlink_to(SHARED)
    script = script_of(run, LeNet5()).replace("range(10)", "range(1)")
    assert losses_of(script, 3) == expected


def test_no_script_is_longer_than_40_lines(changed):
    script = script_of(changed, fresh(changed))
    assert script.count("\n") <= MAX_LINES == 40
    assert "tutorial_lib" not in script
    assert script.splitlines()[0] == (
        f"# LeNet5 on 4,000 images. Its {changed.step_number} losses are those of the tutorial "
        f"with torch {torch.__version__.split('+')[0]}."
    )


def test_a_run_that_stopped_early_says_so(sample):
    run = TrainingRun(LeNet5(), sample, Hyperparameters(epochs=1))
    next(run), next(run)
    assert "Its first 2 losses are those" in script_of(run, LeNet5())


def test_a_run_of_several_processes_says_that_this_is_one(sample):
    run = ProcessesRun(LeNet5(), sample, Hyperparameters(), processes=2)
    script = script_of(run, LeNet5())
    assert "# There, 2 processes shared each step. This is one: the last digits differ." in script
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""


@pytest.mark.parametrize("source", ["sample", "mnist", "fashion", "own"])
def test_ruff_finds_nothing_to_mend(sample, source):
    data = sample if source == "sample" else full_size(sample, source)
    settings = Hyperparameters(optimizer="adamw", momentum=0.95, learning_rate=0.012589254117941673)
    script = script_for(settings, data, LeNet5())
    assert ruff(script, "check") == ""
    assert ruff(script, "format", "--diff") == ""


def test_ruff_finds_nothing_to_mend_in_a_run_with_changes(changed):
    script = script_of(changed, fresh(changed))
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""


def test_a_run_on_a_gpu_is_repeated_there(sample):
    data = dataclasses.replace(sample, device=torch.device("cuda"))
    settings = Hyperparameters(optimizer="adamw", loss="mse")
    script = script_for(settings, data, LeNet5(init="mindspore"))
    assert 'labels = torch.tensor(labels[train]).to("cuda")' in script
    assert 'images.div(255).sub(0.1307).div(0.3081).to("cuda")' in script
    assert 'torch.optim.AdamW(model.to("cuda").parameters()' in script
    assert 'torch.eye(10, device="cuda")[labels[batch]]' in script
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""


@pytest.mark.parametrize(("source", "dataset"), [("mnist", "MNIST"), ("fashion", "FashionMNIST")])
def test_a_download_is_torchvisions(sample, monkeypatch, source, dataset):
    monkeypatch.setattr("tutorial_lib.data.digits._digests", {})  # as if nobody had loaded it
    script = script_for(Hyperparameters(), full_size(sample, source), LeNet5())
    assert f"from torchvision.datasets import {dataset}\n" in script
    assert f'digits = {dataset}("data", download=True)' in script


def test_images_of_ones_own_come_from_a_file(few, losses_of):
    run = TrainingRun(LeNet5(), few, Hyperparameters(epochs=2, batch_size=30))
    script = script_of(run, LeNet5())
    assert "These were 100 images of your own" in script
    torch.save((few.train.images, few.train.labels), "images.pt")
    assert losses_of(script) == [record.loss for record in run]


def test_a_model_of_ones_own_is_asked_for(few):
    class MyNet(nn.Linear):
        def forward(self, images):
            return super().forward(images.flatten(1))

    script = script_for(Hyperparameters(), few, MyNet(1024, 10))
    assert "model = ...  # your own MyNet: put it here" in script


def test_weights_of_ones_own_are_not_passed_over(few):
    start = LeNet5()
    assert "began with other weights" not in script_for(Hyperparameters(), few, start)
    nn.init.zeros_(start.fc3.bias)
    assert "began with other weights" in script_for(Hyperparameters(), few, start)


def test_threads_are_those_of_the_run(few, new_run):
    run = new_run()
    run.threads = 3
    assert "torch.set_num_threads(3)" in script_of(run, LeNet5())


def test_a_run_under_a_plan_is_repeated_with_its_rates(sample, losses_of):
    settings = Hyperparameters(epochs=1, batch_size=250, optimizer="sgd")
    run = TrainingRun(LeNet5(), sample, settings)
    rates = planned_rates("one-cycle", peak=0.3, num_steps=16)
    expected = [record.loss for record in scheduled(run, rates)]
    script = script_of(run, LeNet5())
    assert script.splitlines()[0].startswith("# LeNet5 on 4,000 images. Its 16 losses are those")
    assert losses_of(script) == expected
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""


def test_a_plan_and_a_turned_knob_go_together(sample, losses_of):
    run = TrainingRun(LeNet5(), sample, Hyperparameters(epochs=1, batch_size=250))
    plan = scheduled(run, [0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    expected = [next(plan).loss, next(plan).loss]
    run.adjust(momentum=0.5, batch_size=100)
    expected += [record.loss for record in plan]
    expected += [record.loss for record in run]
    assert losses_of(script_of(run, LeNet5())) == expected


def test_a_plan_too_long_to_write_is_asked_for(few, monkeypatch):
    monkeypatch.setattr(script_module, "MAX_CHANGES", 5)
    run = TrainingRun(LeNet5(), few, Hyperparameters(epochs=1, batch_size=10))
    list(scheduled(run, planned_rates("cosine", num_steps=10)))
    script = script_of(run, LeNet5())
    assert "changes = ...  # 10 steps changed an option" in script
    assert "With your own parts put in, its 10 losses are those" in script.splitlines()[0]


def test_an_own_step_is_asked_for_and_then_repeated(sample, losses_of):
    def clipped(run, inputs, targets):
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 0.5)
        run.optimizer.step()
        return loss

    settings = Hyperparameters(epochs=1, batch_size=250, loss="mse", learning_rate=0.5)
    run = TrainingRun(LeNet5(), sample, settings, update=clipped)
    expected = [record.loss for record in run]
    script = script_of(run, LeNet5())
    assert "With your own parts put in, its 16 losses are those" in script.splitlines()[0]
    assert ruff(script, "check") == ruff(script, "format", "--diff") == ""
    asked = "update = ...  # your own clipped(run, inputs, targets): put it here"
    assert asked in script
    source = textwrap.dedent(inspect.getsource(clipped)).replace("def clipped", "def update")
    assert losses_of(script.replace(asked, source)) == expected


def test_of_a_run_that_may_do_anything_nothing_is_claimed(sample):
    class Careful(TrainingRun):
        def step(self):
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            return super().step()

    run = Careful(LeNet5(), sample, Hyperparameters(epochs=1, batch_size=500))
    list(run)
    first = script_of(run, LeNet5()).splitlines()[0]
    assert "losses are those" not in first
    assert first.endswith("It takes the usual steps: what was done besides these is not in it.")


def test_of_an_optimizer_changed_by_hand_nothing_is_claimed(sample):
    run = TrainingRun(LeNet5(), sample, Hyperparameters(epochs=1, batch_size=500))
    run.adjust(learning_rate=0.02)
    next(run)
    assert "losses are those" in script_of(run, LeNet5())
    run.optimizer.param_groups[0]["lr"] = 0.1
    next(run)
    assert "what was done besides these is not in it" in script_of(run, LeNet5()).splitlines()[0]
