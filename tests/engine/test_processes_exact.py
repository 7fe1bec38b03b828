"""Several processes train what they are given as one would, or refuse it in words.

With `TUTORIAL_THOROUGH` set, one more network is trained by both.
"""

import dataclasses
import os
import sys
import threading
from itertools import islice
from pathlib import Path

import pytest
import torch
from keeps_all import KeepsAll
from torch import nn
from zoo import ZOO

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data import Data, Split, StreamedSplit
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.processes import ProcessesEnded, ProcessesRun, why_not_shared
from tutorial_lib.engine.sending import by_file, items_draw_at_random, loaded_by_name
from tutorial_lib.models import make_model

CALM = Hyperparameters(epochs=1, optimizer="sgd", learning_rate=0.05)
THOROUGH = "TUTORIAL_THOROUGH" in os.environ
pytestmark = pytest.mark.usefixtures("warm_ranks")
SHARED_EXACTLY = {"LeNet", "tied", "float64", "spectral norm"}


@pytest.fixture
def importable(monkeypatch):
    """Let other processes import what lies beside this file."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)


def weights(run):
    return torch.cat([weight.detach().flatten() for weight in run.model.parameters()])


# ---- the network ----


@pytest.mark.parametrize("kind", ZOO)
def test_a_network_that_several_processes_would_train_otherwise_is_known(sample, kind):
    model = ZOO[kind]()
    inputs = sample.train.images[:8]
    model(inputs[:2])  # lazy layers take their shape
    before = {
        name: value.clone() for name, value in model.state_dict().items() if "_extra" not in name
    }
    why = why_not_shared(model, inputs)
    assert (why == "") == (kind in SHARED_EXACTLY), why
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: nn.Sequential(LeNet5(), nn.Dropout()), "it draws at random"),
        (lambda: nn.Sequential(LeNet5(), nn.BatchNorm1d(10)), "depends on the batch as a whole"),
    ],
)
def test_it_is_refused_unless_that_is_wanted(sample, model, why):
    words = f"2 processes do not take the steps of one with this network: .*{why}.* exact=False"
    with pytest.raises(ValueError, match=words):
        ProcessesRun(model(), sample, CALM)
    assert ProcessesRun(model(), sample, CALM, exact=False).processes == 2
    assert ProcessesRun(model().eval(), sample, CALM).processes == 2
    assert ProcessesRun(model(), sample, CALM, processes=1).processes == 1


@pytest.mark.parametrize("kind", ["tied", "float64"] if THOROUGH else ["tied"])
def test_others_are_trained_as_by_one(sample, importable, kind):
    torch.manual_seed(0)
    alone = TrainingRun(ZOO[kind](), sample, CALM)
    together = ProcessesRun(ZOO[kind](), sample, CALM, processes=2)
    together.load_state_dict(alone.state_dict())
    gaps = [abs(next(alone).loss - next(together).loss) for _ in range(20)]
    assert max(gaps) < 1e-5
    assert (weights(alone) - weights(together)).abs().max() < 1e-5
    together.close()


def test_all_that_a_network_keeps_travels_there_and_back(sample, importable):
    """Of one process, so that every bit is the same."""
    torch.manual_seed(0)
    alone = TrainingRun(KeepsAll(), sample, CALM)
    there = ProcessesRun(KeepsAll(), sample, CALM, processes=1)
    there.load_state_dict(alone.state_dict())
    for _ in range(2):  # with a look at it in between
        list(islice(alone, 3)), list(islice(there, 3))
        assert there.model.calls == alone.model.calls > 0
        assert torch.equal(there.model.mean, alone.model.mean)
        assert torch.equal(there.model.seen["mean"], alone.model.seen["mean"])
        assert torch.equal(weights(there), weights(alone))
        assert [part.training for part in there.model.modules()] == [True, True, True, False]
    assert [record.loss for record in there.history] == [record.loss for record in alone.history]
    for run in (alone, there):  # a change by hand counts from the next step on
        with torch.no_grad():
            run.model.out.weight.zero_()
        run.model.norm.train()
    assert next(there).loss == next(alone).loss
    assert torch.equal(there.model.norm.running_mean, alone.model.norm.running_mean)
    there.close()


@pytest.mark.parametrize("kind", ["spectral norm"])
def test_a_network_that_cannot_be_pickled_is_refused(sample, kind):
    with pytest.raises(TypeError, match="the model cannot be sent to another process"):
        ProcessesRun(ZOO[kind](), sample, CALM)


# ---- the data ----


def with_one_pixel(sample):
    images = sample.train.images.clone()
    images[7, 0, 16, 16] += 1e-3
    return Split(images, sample.train.labels)


def fewer(sample):
    return Split(sample.train.images[:3999], sample.train.labels[:3999])


@pytest.mark.parametrize("change", [with_one_pixel, fewer])
def test_digits_are_loaded_by_name_and_sent_where_they_were_changed(sample, change, tmp_path):
    changed = dataclasses.replace(sample, train=change(sample))
    assert loaded_by_name(sample) is not None
    assert loaded_by_name(changed) is None
    there = by_file(changed, tmp_path / "data")("cpu")
    assert there.train.digest == changed.train.digest
    assert (there.name, there.noun, there.num_outputs) == ("sample", "digits", 10)


def test_of_a_large_tensor_only_the_part_that_is_learned_from_is_written(sample, tmp_path):
    few = dataclasses.replace(sample, train=Split(*sample.train.first(10)))
    by_file(few, tmp_path / "data")
    assert (tmp_path / "data").stat().st_size < 60_000


def test_labels_changed_before_the_first_step_are_those_that_are_learned(sample):
    train = Split(sample.train.images, sample.train.labels.clone())
    data = dataclasses.replace(sample, train=train)
    run = ProcessesRun(LeNet5(), data, CALM, processes=1)
    train.labels[:] = 9 - train.labels
    alone = TrainingRun(LeNet5(), data, CALM)
    assert [next(run).loss for _ in range(3)] == [next(alone).loss for _ in range(3)]
    run.close()


# ---- what a learner brings along ----

NOTEBOOK = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(3, 8), nn.Linear(8, 1)

    def forward(self, inputs):
        return self.out(torch.relu(self.hidden(inputs)))


def mean_fourth(outputs, targets):
    return (outputs - targets).pow(4).mean()


def summed(outputs, targets):
    return (outputs - targets).pow(2).sum()
"""


@pytest.fixture
def notebook(monkeypatch):
    """Return what a notebook defines, which no other process can import."""
    main = sys.modules["__main__"]
    names = {"nn": nn, "torch": torch, "__name__": "__main__"}
    exec(NOTEBOOK, names)
    for name in ("Net", "mean_fourth", "summed"):
        monkeypatch.setattr(main, name, names[name], raising=False)
    return main


@pytest.fixture
def line():
    """Return forty points near a plane: a regression."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=draw)
    targets = inputs.sum(dim=1, keepdim=True) + 0.1 * torch.randn(40, 1, generator=draw)
    return Data("line", "", Split(inputs, targets), None, torch.device("cpu"), noun="points")


def test_network_data_and_loss_of_a_notebook_are_sent(notebook, line):
    """Thirteen points cannot be shared evenly, so the loss has to be weighted."""
    settings = Hyperparameters(loss="mse", batch_size=13, epochs=2, learning_rate=0.01)
    alone, together = (
        make(make_model(notebook.Net, 0), line, settings, loss=notebook.mean_fourth, **options)
        for make, options in ((TrainingRun, {}), (ProcessesRun, {"processes": 2}))
    )
    losses = [record.loss for record in alone]
    assert [record.loss for record in together] == pytest.approx(losses, rel=1e-5)
    assert torch.allclose(weights(alone), weights(together), atol=1e-6)


class Noisy(torch.utils.data.Dataset):
    """Reads points one by one, and draws noise for each."""

    def __init__(self, split, noise):
        self.split, self.noise = split, noise

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        inputs = self.split.inputs[index]
        if self.noise:
            inputs = inputs + self.noise * torch.randn(inputs.shape)
        return inputs, self.split.targets[index]


def streamed_points(line, noise):
    train = StreamedSplit(Noisy(line.train, noise), line.train.targets, "cpu", workers=0)
    return dataclasses.replace(line, train=train)


def test_what_streamed_items_draw_is_drawn_alike_by_all_processes(line, importable):
    """So each reads the whole batch, and takes its share of that."""
    data = streamed_points(line, 0.5)
    settings = Hyperparameters(loss="mse", batch_size=13, learning_rate=0.01, epochs=2)
    alone = TrainingRun(make_model(data.default_network, 0), data, settings)
    together = ProcessesRun(make_model(data.default_network, 0), data, settings, processes=2)
    losses = [record.loss for record in alone]
    assert [record.loss for record in together] == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
def test_of_other_streamed_data_each_process_reads_its_share_alone(line, workers):
    data = streamed_points(line, 0.0)
    assert not items_draw_at_random(data.train)
    assert items_draw_at_random(streamed_points(line, 0.5).train)
    data.train.workers = workers
    there, here = Batches(data.train, seed=0), Batches(line.train, seed=0)
    for batches in (there, here):
        batches.begin(1, steps=1, taken=13)
    for share in (slice(1, None, 2), slice(None), slice(0, None, 2)):
        pairs = zip(there.peek(13, share=share), here.peek(13), strict=True)
        assert all(torch.equal(one, other[share]) for one, other in pairs)
    there.close()


def test_a_data_set_that_cannot_be_sent_is_refused(line):
    data = streamed_points(line, 0.0)
    data.train.dataset.lock = threading.Lock()
    with pytest.raises(TypeError, match="the data set cannot be sent to another process"):
        ProcessesRun(make_model(data.default_network, 0), data)


def test_a_loss_that_shares_do_not_make_up_is_refused(notebook, line):
    with pytest.raises(ValueError, match="this loss: it is not the mean over the examples"):
        ProcessesRun(notebook.Net(), line, loss=notebook.summed)


# ---- this process ----


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's, of any fork
def test_a_child_of_a_fork_leaves_the_processes_alone(sample):
    run = ProcessesRun(LeNet5(), sample, CALM, processes=1)
    next(run)
    child = os.fork()
    if child == 0:
        try:
            next(run)
        except ProcessesEnded as error:
            os._exit("belong to the one that this one was forked from" not in str(error))
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert next(run).step == 2  # here they go on
    run.close()
