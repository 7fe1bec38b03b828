"""A run on own data that was stopped anywhere and taken up is the one that never stopped.

A table, a regression and a folder of pictures; through memory, a file, streamed with two workers,
and on two processes. With `TUTORIAL_THOROUGH` set, it stops more often, and two processes learn all
three.
"""

import os
import random

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_diabetes, load_wine
from torch import nn

from tutorial_lib import Hyperparameters, TrainingRun, checkpoint
from tutorial_lib.data import Data, from_folder, from_tensors
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.processes import ProcessesRun
from tutorial_lib.engine.state import state_of
from tutorial_lib.models import MLP, make_model

THOROUGH = "TUTORIAL_THOROUGH" in os.environ
KINDS = "table", "regression", "folder"


def wine() -> Data:
    inputs, labels = load_wine(return_X_y=True)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    return from_tensors((inputs[::3], labels[::3]), name="wine", device="cpu")


def diabetes() -> Data:
    inputs, targets = load_diabetes(return_X_y=True)
    return from_tensors((inputs[:60], targets[:60] / 100), name="diabetes", device="cpu")


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Data]:
    """Return sixty examples of each kind."""
    root, draw = tmp_path_factory.mktemp("pictures"), np.random.RandomState(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (root / name).mkdir()
        for number in range(20):
            pixels = draw.randint(120, size=(8, 8, 3)).astype(np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    folder = from_folder(root, size=8, validation=None, test=None, device="cpu")
    return {"table": wine(), "regression": diabetes(), "folder": folder}


class Varied(torch.utils.data.Dataset):
    """Reads examples one by one, and varies them by all three generators."""

    def __init__(self, data: Data) -> None:
        self.split = data.train

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index):
        noise = torch.randn(self.split.shape) + random.random() + np.random.normal()
        return self.split.inputs[index] + 0.1 * noise, self.split.targets[index]


def streamed(data: Data) -> Data:
    train = StreamedSplit(Varied(data), data.train.targets, "cpu", workers=2)
    return Data(data.name, "", train, None, data.device)


def noisy(data: Data) -> nn.Module:
    """Return a network that draws at random and looks at its batch."""
    count = data.train.targets[0].numel() if data.task == "regression" else data.num_outputs
    return nn.Sequential(
        nn.Flatten(), nn.LazyLinear(12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(12, count),
    )  # fmt: skip


def calm(data: Data) -> nn.Module:
    return MLP(data.train.inputs[0].numel(), data.num_outputs, hidden=(12,))


def new_run(data: Data, network, make=TrainingRun, **options) -> TrainingRun:
    model = make_model(lambda: network(data), 1)
    settings = Hyperparameters(
        epochs=2, batch_size=13, optimizer="adam", loss=data.default_loss, seed=1
    )
    return make(model, data, settings, **options)


TURNED = {4: {"learning_rate": 0.003}, 6: {"batch_size": 9}}  # knobs, after so many steps


def drive(run: TrainingRun, upto: int = 1000) -> dict:
    """Take steps until so many are taken or the end is reached; return what came of them."""
    while run.step_number < upto:
        try:
            run.step()
        except StopIteration:
            break
        run.adjust(**TURNED.get(run.step_number, {}))
    return outcome(run)


def outcome(run: TrainingRun) -> dict:
    state = state_of(run)
    state["history"].pop("seconds")  # of the clock
    return state


def same(one, other) -> bool:
    """Say whether two values are equal, to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def by_memory(run, again, path):
    again.load_state_dict(run.state_dict())


def by_file(run, again, path):
    checkpoint.save(run, path)
    checkpoint.restore(again, path)


COUNTED: dict[str, list[bool]] = {}


def check(name, data, network, take_up, path, stops, **options):
    """Stop a run that goes on meanwhile, and compare the end of those that took it up with its."""
    others = []
    run = new_run(data, network, **options)
    for stop in stops:
        drive(run, stop)
        others.append(again := new_run(data, network, **options))
        nn.init.zeros_(next(again.model.parameters()))  # other weights than those that come
        take_up(run, again, path)
    whole = drive(run)
    assert len(whole["history"]["step"]) >= 9
    run.close()
    for stop, again in zip(stops, others, strict=True):
        torch.manual_seed(stop), np.random.seed(stop), random.seed(stop)  # as a learner may
        is_same = same(drive(again), whole)
        again.close()
        COUNTED.setdefault(name, []).append(is_same)
        assert is_same, f"stopped after {stop} steps"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("take_up", [by_memory, by_file])
def test_through_memory_and_file(sets, kind, take_up, tmp_path):
    data = sets[kind]
    check(take_up.__name__, data, noisy, take_up, tmp_path / "a.run", range(10))


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_with_two_workers(sets, kind, tmp_path):
    stops = range(10) if THOROUGH else (3, 5)
    data = streamed(sets[kind])
    check("streamed", data, noisy, by_file, tmp_path / "a.run", stops)


@pytest.mark.usefixtures("warm_ranks")
@pytest.mark.parametrize("kind", KINDS if THOROUGH else ["regression"])
def test_on_two_processes(sets, kind, tmp_path):
    stops = (1, 5, 8) if THOROUGH else (5,)
    options = {"make": ProcessesRun, "processes": 2}
    check("processes", sets[kind], calm, by_file, tmp_path / "a.run", stops, **options)


def test_all_of_them_were_equal():
    for name, results in COUNTED.items():
        print(f"{name}: {sum(results)} of {len(results)} equal")
    assert all(all(results) for results in COUNTED.values())
