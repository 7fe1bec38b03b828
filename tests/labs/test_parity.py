"""We compute what MindSpore computed: preprocessing, every loss, a hundred steps, the weights.

The copy of its numbers that travels with the tutorial is enough. Where the whole record lies beside
the checkout, both of its starts and all final weights are compared, too.
"""

import dataclasses
import json
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch.testing import assert_close

from tutorial_lib import optimizers
from tutorial_lib.data.digits import normalise
from tutorial_lib.labs.parity import measure as parity
from tutorial_lib.labs.parity.draw import draw_epochs, draw_parity, draw_plateaus
from tutorial_lib.labs.parity.measure import (
    PAGE_LOSSES,
    epochs_table,
    largest_weight_difference,
    load_mnist_runs,
    load_reference,
    reference_of,
    reference_run,
)
from tutorial_lib.losses import LOSSES as LOSS_FUNCTIONS
from tutorial_lib.losses import loss_function
from tutorial_lib.models import LeNet5

SHARED = Path(__file__).resolve().parents[3] / "shared"
RAW = SHARED / "data" / "MNIST" / "raw"
RECORDS = sorted((SHARED / "reference").glob("lenet_*.npz")) if RAW.is_dir() else []
LOSSES = json.loads((parity.FOLDER / "losses.json").read_text(encoding="utf-8"))
FUNCTIONS = {
    "L1Loss": (F.l1_loss, "output_data", "target_data"),
    "MSELoss": (F.mse_loss, "output_data", "target_data"),
    "SmoothL1Loss": (F.smooth_l1_loss, "output_data", "target_data"),
    "SoftmaxCrossEntropyWithLogits(sparse=True)": (F.cross_entropy, "logits", "labels"),
}


def whole_record(path):
    """Return all that a file of the record holds, with its digits in place of their positions."""
    arrays = dict(np.load(path))
    indices = arrays["indices"].ravel()
    images = np.fromfile(RAW / "train-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(RAW / "train-labels-idx1-ubyte", np.uint8, offset=8)
    pixels = images.reshape(-1, 28, 28)[indices]
    return reference_of(arrays | {"pixels": pixels, "labels": labels[indices], "final_stride": 1})


@pytest.fixture(scope="module", params=["the copy", *RECORDS], ids=lambda it: Path(it).stem)
def reference(request):
    return load_reference() if request.param == "the copy" else whole_record(request.param)


def largest_loss_difference(run, reference, *, steps=100):
    pairs = zip(islice(run, steps), reference.losses, strict=False)
    return max(abs(record.loss - theirs) for record, theirs in pairs)


def test_preprocessing_agrees(reference):
    difference = (normalise(reference.pixels[:32]) - reference.first_batch).abs().max().item()
    print(f"largest difference of a prepared pixel: {difference:.1e}")
    assert difference < 5e-7


def test_every_step_and_the_final_weights_agree(reference):
    run = reference_run(reference)
    loss = largest_loss_difference(run, reference)
    weight = largest_weight_difference(run, reference)
    print(f"{run.step_number} steps, largest difference: loss {loss:.1e}, weight {weight:.1e}")
    assert run.step_number == len(reference.losses) == 100
    assert loss < 5e-6
    assert weight < 1e-6


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_loss_agrees(name, reduction):
    function, output, target = FUNCTIONS[name]
    ours = function(torch.tensor(LOSSES[output]), torch.tensor(LOSSES[target]), reduction=reduction)
    assert_close(ours, torch.tensor(LOSSES[f"{name}/{reduction}"]), rtol=5e-7, atol=0)


def test_the_loss_that_trains_agrees():
    ours = loss_function("cross_entropy")(
        torch.tensor(LOSSES["logits"]), torch.tensor(LOSSES["labels"])
    )
    theirs = LOSSES["SoftmaxCrossEntropyWithLogits(sparse=True)/mean"]
    assert ours.item() == pytest.approx(theirs, rel=5e-7)


def dampened(monkeypatch):
    dampened_sgd = partial(torch.optim.SGD, dampening=0.9)
    entry = dataclasses.replace(optimizers.OPTIMIZERS["momentum"], torch_class=dampened_sgd)
    monkeypatch.setitem(optimizers.OPTIMIZERS, "momentum", entry)


def without_relu(monkeypatch):
    monkeypatch.setattr(F, "relu", lambda x: x)


def without_normalisation(monkeypatch):
    monkeypatch.setattr(parity, "normalise", lambda pixels: normalise(pixels) * 0.3081 + 0.1307)


def sum_for_mean(monkeypatch):
    summed = partial(F.cross_entropy, reduction="sum")
    monkeypatch.setitem(LOSS_FUNCTIONS, "cross_entropy", summed)


def average_pooling(monkeypatch):
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)


def another_order(monkeypatch):
    order = parity.order_of_epoch
    monkeypatch.setattr(parity, "order_of_epoch", lambda *a, **k: order(*a, **k).roll(1))


MISTAKES = [
    dampened,
    without_relu,
    without_normalisation,
    sum_for_mean,
    average_pooling,
    another_order,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_would_be_seen(monkeypatch, mistake):
    mistake(monkeypatch)
    reference = load_reference()
    assert largest_loss_difference(reference_run(reference), reference, steps=5) > 1e-3


def test_the_start_is_that_of_the_page():
    shapes = {name: weight.shape for name, weight in LeNet5(init="mindspore").named_parameters()}
    initial = load_reference().initial
    assert {name: weight.shape for name, weight in initial.items()} == shapes


def test_the_copy_is_small():
    sizes = {path.name: path.stat().st_size for path in parity.FOLDER.iterdir()}
    maps = [size for name, size in sizes.items() if name.startswith("map_")]
    assert sum(maps) < 200_000
    assert sum(sizes.values()) - sum(maps) < 800_000


def test_ten_epochs_from_three_seeds_agree_with_the_page():
    runs = load_mnist_runs(epochs=10)
    assert [run.seed for run in runs] == [0, 1, 2]
    means = np.mean([run.mean_losses for run in runs], axis=0)
    assert means[1:] == pytest.approx(PAGE_LOSSES[1:], abs=0.004)
    assert min(run.accuracies[-1] for run in runs) > 0.985


def test_the_first_epoch_of_the_page_lies_among_ours():
    losses = [run.mean_losses[0] for run in load_mnist_runs(epochs=1)]
    assert len(losses) == 20
    assert min(losses) < PAGE_LOSSES[0] < max(losses)


def test_the_table_has_a_line_for_each_epoch():
    table = epochs_table(load_mnist_runs(epochs=10))
    assert [row[0] for row in table.rows] == [str(epoch) for epoch in range(10)]
    assert [float(row[1]) for row in table.rows] == list(PAGE_LOSSES)


def test_the_picture_names_the_largest_difference():
    above, below = Figure().subplots(2, 1)
    draw_parity([above, below], [2.0, 1.0, 0.5], [2.0, 1.000002, 0.5])
    theirs, ours = above.lines
    assert theirs.get_ydata().tolist() == [2.0, 1.0, 0.5]
    assert ours.get_ydata().tolist() == [2.0, 1.000002, 0.5]
    assert below.texts[0].get_text() == "largest: 2.0e-06"


def test_the_epochs_are_drawn_with_their_range():
    axes, runs = Figure().subplots(), load_mnist_runs(epochs=10)
    draw_epochs(axes, runs)
    low, high = (line.get_ydata()[0] for line in axes.lines[1:3])
    assert [low, high] == pytest.approx([1.2304, 1.3758])
    assert axes.lines[-1].get_ydata().tolist() == list(PAGE_LOSSES)


def test_each_start_is_a_dot():
    axes, runs = Figure().subplots(), load_mnist_runs(epochs=1)
    draw_plateaus(axes, runs)
    assert axes.lines[0].get_xdata().tolist() == [run.plateau_steps for run in runs]
