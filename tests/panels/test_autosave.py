"""A panel's run is kept: nobody's steps vanish, and what is said of saving is so."""

import dataclasses
import html
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint
from tutorial_lib.data import Split
from tutorial_lib.engine.session import in_background
from tutorial_lib.files import part_of
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.panels.autosave import own_autosave

PATIENCE = 60
SETTINGS = Hyperparameters(epochs=2, batch_size=8)  # 24 steps


@pytest.fixture
def new_panel(few):
    """Return a maker of panels, which are closed at the end."""
    made = []

    def make(data=few, *, settings=SETTINGS, **arguments) -> TrainingPanel:
        made.append(TrainingPanel(data, settings=settings, **arguments))
        return made[-1]

    yield make
    for panel in made:
        panel.close()


def until(condition) -> None:
    """Wait until something is so, while other threads go on."""
    done, tries = threading.Event(), 0
    while not condition():
        tries += 1
        assert tries < 100 * PATIENCE
        done.wait(0.01)


def train(panel: TrainingPanel) -> None:
    """Train to the end, and let the panel see it."""
    panel.train()
    panel._session.wait(PATIENCE)
    panel.refresh()


def rest(panel: TrainingPanel, call: str) -> None:
    """Pause or stop a run after its first steps, and let that be saved."""
    until(lambda: panel._session.records())
    getattr(panel, call)()
    panel._session.join(PATIENCE)
    panel.refresh()
    saved = threading.Event()
    in_background(saved.set)
    assert saved.wait(PATIENCE)
    panel.refresh()


def losses(path: Path) -> list[float]:
    return checkpoint.load(path).state["history"]["loss"]


@pytest.mark.parametrize("way", [train, TrainingPanel.run])
def test_a_run_is_saved_however_it_was_started(new_panel, tmp_path, way):
    panel = new_panel(save_to=tmp_path / "a.run")
    way(panel)
    assert losses(tmp_path / "a.run") == [record.loss for record in panel.last_run.history]
    assert "Saved at step 24." in panel.status.value
    second = new_panel(save_to=tmp_path / "a.run")
    assert "A run was saved here: step 24, in epoch 2 of 2" in second.status.value
    second.restore()
    assert second.last_run.history == panel.last_run.history


def test_what_is_said_to_be_saved_is_on_the_disk(new_panel, tmp_path):
    panel = new_panel(settings=SETTINGS.replace(epochs=1000), save_to=tmp_path / "a.run")
    panel.train()
    for call in ("pause", "stop"):
        rest(panel, call)
        step = checkpoint.load(tmp_path / "a.run").step_number
        assert f"Saved at step {step:,}." in panel.status.value
        assert step == panel.last_run.step_number


def test_a_run_that_was_just_stopped_is_restored_with_its_last_step(new_panel, tmp_path):
    panel = new_panel(settings=SETTINGS.replace(epochs=1000), save_to=tmp_path / "a.run")
    panel.train()
    until(lambda: panel._autosave.step_saved)
    until(lambda: panel.last_run.step_number > panel._autosave.step_saved)
    panel.stop()
    panel._session.join(PATIENCE)
    step = panel.last_run.step_number
    panel.restore()  # before the training thread has saved it
    assert panel.last_run.step_number == step
    assert f"Saved at step {step:,}." in panel.status.value


def test_two_panels_on_one_path_keep_both_runs(new_panel, tmp_path):
    one = new_panel(save_to=tmp_path / "a.run")
    two = new_panel(settings=SETTINGS.replace(learning_rate=0.02), save_to=tmp_path / "a.run")
    train(one)
    train(two)
    assert "is in use by another run; this one is saved as" in two.status.value
    assert "in use" not in one.status.value
    for panel, name in ((one, "a.run"), (two, "a-2.run")):
        assert losses(tmp_path / name) == [record.loss for record in panel.last_run.history]
    train(two)  # goes on with the name that it has
    assert sorted(path.name for path in tmp_path.glob("*.run")) == ["a-2.run", "a.run"]
    two.restore()
    assert two.last_run.hyperparameters.learning_rate == 0.02


def test_two_kernels_on_one_path_keep_both_runs(new_panel, tmp_path, warm_python):
    code = """
import sys
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample", device="cpu")
panel = TrainingPanel(data, settings=Hyperparameters(batch_size=200), save_to=sys.argv[1])
panel.run(epochs=1)
print("steps:", panel.last_run.step_number, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.run")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with warm_python.popen(command, **pipes) as other:
        assert next(line for line in other.stdout if line.startswith("steps:")) == "steps: 20\n"
        before = (tmp_path / "a.run").read_bytes()
        panel = new_panel(save_to=tmp_path / "a.run")
        train(panel)
        assert "is in use by another run" in panel.status.value
        assert (tmp_path / "a.run").read_bytes() == before
        assert len(losses(tmp_path / "a-2.run")) == 24
        other.stdin.close()
    train(panel)
    assert (tmp_path / "a.run").read_bytes() == before


def test_an_older_run_at_a_path_that_was_named_is_said_and_kept(new_panel, few, tmp_path):
    run = TrainingRun(LeNet5(), few, SETTINGS.replace(learning_rate=0.05))
    list(run)
    checkpoint.save(run, tmp_path / "a.run")
    panel = new_panel(save_to=tmp_path / "a.run")
    for _ in range(3):
        train(panel)
    assert losses(tmp_path / "a-2.run") == [record.loss for record in run.history]
    assert losses(tmp_path / "a.run") == [record.loss for record in panel.last_run.history]
    assert not (tmp_path / "a-3.run").exists()


def test_a_save_that_fails_is_said_and_tried_again(new_panel, tmp_path):
    panel = new_panel(settings=SETTINGS.replace(epochs=1000), save_to=tmp_path / "a.run")
    panel.train()
    until(lambda: panel._autosave.step_saved)
    obstacle = part_of(tmp_path / "a.run")
    obstacle.mkdir()  # stands where the next content is gathered; what is appended needs it not
    (tmp_path / "a.run").unlink()
    rest(panel, "pause")
    assert "Not saved: the run cannot be saved as" in panel.status.value
    assert "Saved at" not in panel.status.value
    obstacle.rmdir()
    rest(panel, "stop")
    assert "Not saved" not in panel.status.value
    assert f"Saved at step {panel.last_run.step_number:,}." in panel.status.value
    assert checkpoint.load(tmp_path / "a.run").step_number == panel.last_run.step_number


def other_labels(few):
    labels = few.train.labels.clone()
    labels[0] = (labels[0] + 1) % 10
    return dataclasses.replace(few, train=Split(few.train.images, labels))


def wider():
    model = LeNet5()
    model.fc3 = nn.Linear(84, 10, bias=False)
    return model


def usual(run, inputs, targets):
    loss = run.loss_function(run.model(inputs), targets)
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()
    return loss


def fails(model, data, settings):
    raise RuntimeError("there is no such run")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"data": other_labels}, "that it learned from differ"),
        ({"new_model": wider}, "fc3.bias"),
        ({"new_run": fails}, "RuntimeError: there is no such run"),
        ({"new_run": partial(TrainingRun, update=usual)}, "its update is the usual step"),
    ],
)
def test_only_what_fits_is_offered_and_why_not_is_said(new_panel, few, tmp_path, change, why):
    train(new_panel(save_to=tmp_path / "a.run"))
    before = (tmp_path / "a.run").read_bytes()
    data = change.pop("data", lambda few: few)(few)
    panel = new_panel(data, save_to=tmp_path / "a.run", **change)
    assert "What was saved here is not offered: " in panel.status.value
    assert why in panel.status.value
    assert panel.restore_button.disabled
    panel.restore()
    assert "Nothing was restored: " in panel.status.value
    assert (tmp_path / "a.run").read_bytes() == before


def test_restore_takes_up_settings_that_the_controls_do_not_say(new_panel, tmp_path):
    train(new_panel(settings=SETTINGS.replace(optimizer="adam"), save_to=tmp_path / "a.run"))
    panel = new_panel(save_to=tmp_path / "a.run")
    assert "step 24, in epoch 2 of 2" in panel.status.value
    assert "trained by adam" in panel.status.value
    panel.restore()
    assert panel.optimizer.value == "adam"


@pytest.mark.parametrize("num_bytes", [40, 200, 1000])
def test_a_damaged_file_is_said_in_words_and_the_panel_works(new_panel, tmp_path, num_bytes):
    train(new_panel(save_to=tmp_path / "a.run"))
    (tmp_path / "a.run").write_bytes((tmp_path / "a.run").read_bytes()[:num_bytes])
    panel = new_panel(save_to=tmp_path / "a.run")
    assert "not offered" in panel.status.value
    panel.restore()
    assert "Nothing was restored" in panel.status.value
    assert panel.run(epochs=1).step_number == 12


def foreign(folder: Path) -> Path:
    (folder / "thesis.txt").write_text("thesis")
    return folder / "thesis.txt"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo")
    return folder / "fifo"


NO_PLACES = {
    "a folder": lambda folder: folder,
    "a device": lambda folder: "/dev/null",
    "a FIFO": fifo,
    "another program's file": foreign,
    "is not a folder": lambda folder: foreign(folder) / "a.run",
    "name too long": lambda folder: folder / ("a" * 300),
    "nosuchuser": lambda folder: "~nosuchuser/a.run",
    "null": lambda folder: "a\0b",
}


@pytest.mark.parametrize(("why", "place"), NO_PLACES.items(), ids=NO_PLACES)
def test_what_is_no_place_for_a_run_is_refused_when_the_panel_is_made(
    new_panel, tmp_path, why, place
):
    path = place(tmp_path)
    before = {path: path.read_text() for path in tmp_path.glob("*.txt")}
    with pytest.raises(ValueError, match=f"(?i)save_to must name a file for runs: .*{why}"):
        new_panel(save_to=path)
    assert {path: path.read_text() for path in tmp_path.glob("*.txt")} == before


@pytest.mark.parametrize("save_to", [3, b"a.run", ["a.run"]])
def test_what_is_no_path_is_refused(new_panel, save_to):
    with pytest.raises(TypeError, match="save_to must be a path"):
        new_panel(save_to=save_to)


@pytest.mark.parametrize(("why", "place"), NO_PLACES.items(), ids=NO_PLACES)
def test_a_panel_whose_own_file_cannot_be_says_so_and_trains(new_panel, tmp_path, why, place):
    panel = new_panel()
    panel._autosave = own_autosave(Path(place(tmp_path)), lambda: None)
    train(panel)
    assert (panel.state, panel.restore_button.disabled) == ("finished", True)
    assert "Runs are not saved: " in panel.status.value
    assert why.lower() in html.unescape(panel.status.value).lower()


def test_save_to_does_not_follow_the_working_folder(new_panel, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    panels = new_panel(save_to="a.run"), new_panel(save_to="~/b.run")
    monkeypatch.chdir(tmp_path / "home")
    for panel in panels:
        train(panel)
    assert (tmp_path / "a.run").exists()
    assert (tmp_path / "home" / "b.run").exists()
    assert torch.equal(*(panel.last_run.model.fc3.bias for panel in panels))
