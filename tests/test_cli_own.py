"""The command line trains on a table, a folder of pictures, and a network of one's own."""

import re
import shlex
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_diabetes, load_wine

from tutorial_lib import TrainingRun, checkpoint, cli
from tutorial_lib.data import from_csv

NETS = """
import torch
from torch import nn

class MyNet(nn.Module):
    def __init__(self, num_outputs=3):
        super().__init__()
        self.hidden, self.out = nn.Linear(13, 8), nn.Linear(8, num_outputs)

    def forward(self, inputs):
        return self.out(self.hidden(inputs).relu())

def wide():
    return nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 3))

def needs(width):
    return nn.Linear(13, width)

def words():
    return "no network"

def fails():
    raise RuntimeError("no weights today")

two_classes = nn.Linear(13, 2)

def two():
    return nn.Linear(13, 2)
"""
WINE = ["train", "--data", "csv:wine.csv", "--target", "target"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Stand in a folder with two tables and a module of networks; Python forgets that module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    load_wine(as_frame=True).frame.to_csv("wine.csv", index=False)
    load_diabetes(as_frame=True).frame.to_csv("diabetes.csv", index=False)
    Path("nets.py").write_text(NETS)
    Path("broken.py").write_text("import no_such_thing\n")
    yield tmp_path
    for name in ("nets", "broken"):
        sys.modules.pop(name, None)


def pictures(folder):
    """Write sixty pictures of two classes, red and blue noise."""
    draw = np.random.RandomState(0)
    for number, name in enumerate(("red", "blue")):
        (folder / name).mkdir(parents=True)
        for index in range(30):
            pixels = draw.randint(80, size=(12, 10, 3)).astype(np.uint8)
            pixels[..., 2 * number] += 150
            Image.fromarray(pixels).save(folder / name / f"{index}.png")


def test_a_table_of_classes_is_learned(capsys):
    assert cli.main([*WINE, "--batch-size", "16", "--save", "a.run", "--curve", "a.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("wine: 142 rows to train on, 18 to choose by, 18 for the test.")
    assert lines[1] == "Network: MLP, 5,251 parameters."
    score = [line for line in lines if " test rows" in line]
    right = re.fullmatch(r"(\d+) of 18 test rows right, mean cross-entropy .*", score[0])
    assert int(right[1]) >= 16
    data = from_csv("wine.csv", target="target", device="cpu")
    run = TrainingRun(data.default_network(), data, checkpoint.load("a.run").hyperparameters)
    checkpoint.restore(run, "a.run")


def test_a_table_of_numbers_is_a_regression(capsys):
    regression = ["train", "--data", "csv:diabetes.csv", "--target", "target"]
    assert cli.main([*regression, "--epochs", "20"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    words = r"Mean absolute error (\S+) on 44 test rows, R squared (\S+)\."
    error, r2 = map(float, re.fullmatch(words, line).groups())
    assert error < 55
    assert r2 > 0.2


def test_a_folder_of_pictures_is_learned(folder, capsys):
    pictures(folder / "mine")
    assert cli.main(["train", "--data", "folder:mine", "--batch-size", "8", "--epochs", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Network: ConvNet, 38,050 parameters." in lines
    assert lines[-1].startswith("6 of 6 test pictures right")


@pytest.mark.parametrize(
    ("name", "count"), [("nets:MyNet", 139), ("nets:wide", 1_091), ("nets.py:MyNet", 139)]
)
def test_a_network_of_ones_own_is_named_by_module_and_name(name, count, capsys):
    assert cli.main([*WINE, "--model", name, "--epochs", "1"]) == 0
    assert f", {count:,} parameters." in capsys.readouterr().out.splitlines()[1]


REFUSED = {
    "an unknown source": (["train", "--data", "zip:a"], "data must be one of auto, sample, mnist"),
    "no path": (["train", "--data", "folder:"], "folder:PATH, csv:FILE; got 'folder:'"),
    "no such folder": (["train", "--data", "folder:nowhere"], "nowhere"),
    "a file for a folder": (["train", "--data", "folder:wine.csv"], "path must be a folder"),
    "no such table": (["train", "--data", "csv:no.csv", "--target", "x"], "no.csv"),
    "no such column": ([*WINE[:-1], "colour"], "colour"),
    "no target": (WINE[:3], "target must name the column of wine.csv to predict"),
    "a target without a table": (["train", "--target", "x"], "target names a column of a table"),
    "a loss of the other task": (
        ["train", "--data", "csv:diabetes.csv", "--target", "target", "--loss", "cross_entropy"],
        "loss must be one of mse, l1, huber for a regression",
    ),
    "no name": ([*WINE, "--model", "nets"], "model must be MODULE:NAME, as in my_module:MyNet"),
    "no module": ([*WINE, "--model", "nots:A"], "cannot be imported: ModuleNotFoundError"),
    "a broken module": ([*WINE, "--model", "broken:A"], "No module named 'no_such_thing'"),
    "no such network": ([*WINE, "--model", "nets:Net"], "nets does not have; it has MyNet"),
    "a network that is made": ([*WINE, "--model", "nets:two_classes"], "a class or a function"),
    "one that needs more": ([*WINE, "--model", "nets:needs"], "it asks for width"),
    "no network": ([*WINE, "--model", "nets:words"], "must make a torch.nn.Module; it made a str"),
    "one that fails": ([*WINE, "--model", "nets:fails"], "RuntimeError: no weights today"),
    "too few outputs": ([*WINE, "--model", "nets:two"], "must answer with 3 logits"),
    "other inputs": (["train", "--data", "sample", "--model", "nets:wide"], "cannot take the inp"),
    "an init": ([*WINE, "--init", "mindspore"], "init is for LeNet alone, and the network is MLP"),
    "a large batch": ([*WINE, "--batch-size", "143"], "from 1 to 142"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_wrong_is_refused_in_one_line_before_anything_is_written(kind, folder, capsys):
    before = {path.name for path in folder.iterdir()} | {"__pycache__"}
    arguments, words = REFUSED[kind]
    assert cli.main([*arguments, "--save", "a.run"]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert words in error
    assert {path.name for path in folder.iterdir()} <= before


def test_the_command_that_goes_on_names_all_from_every_folder(monkeypatch, capsys, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(cli, "_take_steps", take_three_steps)
        assert cli.main([*WINE, "--model", "nets:MyNet", "--save", "a.run"]) == 143
    command = capsys.readouterr().out.splitlines()[-1]
    words = shlex.split(command)[3:]
    assert words[3:] == [
        *("--data", f"csv:{tmp_path / 'wine.csv'}", "--target", "target"),
        *("--model", f"{tmp_path / 'nets.py'}:MyNet"),
    ]
    assert cli.main([*WINE, "--model", f"{tmp_path / 'nets.py'}:MyNet", "--save", "b.run"]) == 0
    monkeypatch.chdir("/")
    assert cli.main([*words[:2], str(tmp_path / "a.run"), *words[3:]]) == 0
    ours, whole = (checkpoint.load(tmp_path / name).state for name in ("a.run", "b.run"))
    assert ours["history"]["loss"] == whole["history"]["loss"]
    assert all(torch.equal(ours["model"][name], value) for name, value in whole["model"].items())


def take_three_steps(run, records):
    """Stop as if a SIGTERM came then."""
    for record in records:
        if record.step == 3:
            cli._ending.number = signal.SIGTERM
            return


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "learned from 'wine', data of your own: name them again"),
        (WINE[1:], "trained a network of your own, MyNet: name it again, with --model MODULE:My"),
        (["--data", "sample", "--model", "nets:MyNet"], "cannot take the inputs of 'sample'"),
        (["--data", "csv:shuffled.csv", "--target", "target", "--model", "nets:MyNet"], "'wine'"),
    ],
)
def test_a_run_goes_on_with_its_own_data_and_network_alone(arguments, words, capsys):
    pd.read_csv("wine.csv").sample(frac=1, random_state=1).to_csv("shuffled.csv", index=False)
    cli.main([*WINE, "--model", "nets:MyNet", "--epochs", "1", "--save", "a.run"])
    before = Path("a.run").read_bytes()
    capsys.readouterr()
    assert cli.main(["train", "--resume", "a.run", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert Path("a.run").read_bytes() == before


def test_torchrun_takes_them_too(capfd, warm_python):
    options = ["--model", "nets:MyNet", "--batch-size", "15", "--epochs", "2", "--save"]
    command = ["--nproc-per-node=2", "-m", "tutorial_lib", *WINE, *options, "two.run"]
    with warm_python.torchrun(*command) as torchrun:
        out, error = torchrun.communicate()
    assert torchrun.returncode == 0, error[-2000:]
    assert "of 18 test rows right" in out
    assert cli.main([*WINE, *options, "one.run"]) == 0
    one, two = (checkpoint.load(name).state["history"]["loss"] for name in ("one.run", "two.run"))
    assert two == pytest.approx(one, rel=1e-4)
