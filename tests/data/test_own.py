"""Data of one's own: what a learner gives is what a run learns from, and the notice says what."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset
from torchvision.transforms import v2
from torchvision.transforms.functional import to_tensor

from tutorial_lib import Hyperparameters, TrainingRun, evaluate
from tutorial_lib.data import StreamedSplit, from_dataset, from_tensors
from tutorial_lib.data.own import picture_tensor

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])


def of(train, **others):
    return from_tensors(train, device="cpu", **others)


# ---- tensors ----


def test_a_real_table_is_a_classification_with_names():
    wine = load_wine(as_frame=True)
    data = of((wine.data, wine.target), name="wine", noun="wines", classes=wine.target_names)
    assert data.train.inputs.shape == (178, 13)
    assert data.train.inputs.dtype == torch.float32
    assert data.train.targets.dtype == torch.int64
    assert (data.task, data.num_outputs) == ("classification", 3)
    assert data.class_names == ("class_0", "class_1", "class_2")
    assert data.notice == (
        "wine: 178 wines to train on. 13 numbers each; a classification, 3 classes: class_0, "
        "class_1, class_2."
    )


def test_real_patients_are_a_regression():
    x, y = load_diabetes(return_X_y=True)
    data = of((x[:400], y[:400]), test=(x[400:], y[400:]), noun="patients")
    assert data.train.targets.shape == (400, 1)
    assert data.notice == (
        "own data: 400 patients to train on, 42 for the test. 10 numbers each; a regression, one "
        "number to predict."
    )


def test_a_real_table_is_learned():
    x, y = load_breast_cancer(return_X_y=True)
    data = of(((x - x.mean(0)) / x.std(0), y)).hold_out(0.2)
    torch.manual_seed(0)
    run = TrainingRun(data.default_network(), data, Hyperparameters(epochs=4, learning_rate=0.1))
    assert len(list(run)) == 4 * 14
    assert evaluate(run.model, data.validation).accuracy > 0.9


KINDS = {  # targets as given -> what is stored, the names of the classes
    "int8": (Y.astype(np.int8), Y, ()),
    "unsigned": (Y.astype(np.uint64), Y, ()),
    "a column": (Y[:, None], Y, ()),
    "a list": (Y.tolist(), Y, ()),
    "tensors in a list": ([torch.tensor(y) for y in Y], Y, ()),
    "bools": (Y > 0, Y > 0, ("False", "True")),
    "texts": (list("bacbac"), [1, 0, 2, 1, 0, 2], ("a", "b", "c")),
    "bytes": (np.array([b"b", b"a", b"b", b"b", b"a", b"b"]), [1, 0, 1, 1, 0, 1], ("a", "b")),
    "a pandas series": (pd.Series(list("bacbac")), [1, 0, 2, 1, 0, 2], ("a", "b", "c")),
    "categories": (pd.Categorical(list("bacbac")), [1, 0, 2, 1, 0, 2], ("a", "b", "c")),
    "objects": (np.array([0, 1, 2, 0, 1, 2], dtype=object), Y, ()),
    "nullable": (pd.Series(Y, dtype="Int64"), Y, ()),
}


@pytest.mark.parametrize(("given", "stored", "names"), KINDS.values(), ids=KINDS)
def test_whole_numbers_bools_and_texts_are_classes(given, stored, names):
    data = of((X, given))
    assert data.train.targets.dtype == torch.int64
    assert data.train.targets.tolist() == np.asarray(stored).astype(int).tolist()
    assert data.classes == names


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_floats_are_numbers_to_be_predicted(dtype):
    targets = torch.ones(6, 2, dtype=dtype)
    data = of((X, targets))
    assert (data.task, data.num_outputs) == ("regression", 2)
    assert data.train.targets.dtype == torch.float32


def test_whole_floats_are_a_regression_and_the_notice_says_so():
    data = of((X, Y.astype(float)))
    assert data.task == "regression"
    assert "The targets are whole, but floats, so this is a regression" in data.notice
    assert "whole, but" not in of((X, Y + 0.5)).notice


def test_names_given_decide_which_texts_there_are_and_their_order():
    data = of((X, list("bacbac")), classes=["c", "b", "a", "z"])
    assert data.train.targets.tolist() == [1, 2, 0, 1, 2, 0]
    assert data.num_outputs == 4


def test_named_classes_may_be_absent():
    assert of((X, Y + 1), classes=["none", "a", "b", "c"]).num_outputs == 4


@pytest.mark.parametrize(
    ("given", "shape"),
    [(X.tolist(), (2,)), (X[:, 0], (1,)), (X.astype(np.uint8), (2,)), (X > 3, (2,)),
     (pd.DataFrame(X), (2,)), (np.ones((6, 3, 4, 5)), (3, 4, 5)), (torch.ones(6, 2).half(), (2,)),
     (list(torch.ones(6, 2)), (2,)), (pd.DataFrame(X, dtype="Float64"), (2,))],
)  # fmt: skip
def test_inputs_of_any_shape_and_type_become_float32(given, shape):
    data = of((given, Y))
    assert data.train.shape == shape
    assert data.train.inputs.dtype == torch.float32


def test_tensors_of_whole_numbers_stay_whole_for_an_embedding():
    indices = torch.arange(12).view(6, 2)
    assert of((indices, Y)).train.inputs.dtype == torch.int64
    assert of((indices.numpy(), Y)).train.inputs.dtype == torch.float32


@pytest.mark.parametrize("make", [torch.from_numpy, np.asarray], ids=["tensor", "array"])
def test_what_happens_to_the_arrays_later_changes_nothing(make):
    x, y = make(X.astype(np.float32)), make(Y.copy())
    data = of((x, y))
    x[:] = 0
    y[:] = 0
    assert data.train.inputs.tolist() == X.tolist()
    assert data.train.targets.tolist() == Y.tolist()


def test_a_tensor_with_a_history_is_taken_without_it():
    data = of((torch.ones(6, 2, requires_grad=True) * 2, Y))
    assert not data.train.inputs.requires_grad


# ---- a Dataset ----


class Pictures(Dataset):
    classes = ("odd", "even")

    def __init__(self, transform=None, count=40):
        self.transform, self.targets = transform, [number % 2 for number in range(count)]
        self.read = []

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        self.read.append(index)
        pixels = np.full((8, 9, 3), index, np.uint8)
        pixels[:, 4:] = 0
        picture = Image.fromarray(pixels)
        return self.transform(picture) if self.transform else picture, self.targets[index]


DRAWN = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.RandomCrop(6)])
CENTRE = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.CenterCrop(6)])


def test_pictures_are_read_once_into_memory_and_it_is_said_how_much_they_take():
    data = from_dataset(Pictures(), test=Subset(Pictures(), [3, 8]), device="cpu")
    assert torch.equal(data.train.inputs[7], to_tensor(Pictures()[7][0]))
    assert data.test.targets.tolist() == [1, 0]
    assert (data.name, data.classes, data.are_pictures) == ("Pictures", ("odd", "even"), True)
    assert "The training set takes 34.6 kB in memory." in data.notice


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "CMYK", "LA"])
def test_a_picture_becomes_what_totensor_makes_of_it(mode):
    colours = np.random.RandomState(0).randint(0, 255, (4, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(colours).convert(mode)
    plain = picture if mode in ("L", "RGB", "RGBA") else picture.convert(
        "RGBA" if mode == "LA" else "RGB"
    )  # fmt: skip
    assert torch.equal(picture_tensor(picture), to_tensor(plain))


def test_items_that_are_drawn_anew_are_streamed_and_the_notice_says_why():
    data = from_dataset(Pictures(DRAWN), test=Pictures(CENTRE), workers=0, device="cpu")
    assert isinstance(data.train, StreamedSplit)
    assert not isinstance(data.test, StreamedSplit)
    assert "The training set is streamed: its items are drawn anew each time." in data.notice
    assert data.train.shape == data.test.shape == (3, 6, 6)


def test_items_drawn_anew_are_kept_as_drawn_once_where_the_learner_wants_it():
    data = from_dataset(Pictures(DRAWN), in_memory=True, device="cpu")
    assert "in memory, each item as it was drawn once" in data.notice
    again = from_dataset(Pictures(DRAWN), in_memory=True, device="cpu")
    assert data.train.digest == again.train.digest


def test_what_is_large_is_streamed_and_the_notice_says_why(monkeypatch):
    monkeypatch.setattr("tutorial_lib.data.own.free_memory", lambda device: 60_000)
    data = from_dataset(Pictures(), device="cpu")
    assert isinstance(data.train, StreamedSplit)
    assert "it would take 34.6 kB, more than half of the 60 kB free" in data.notice


def test_streamed_items_are_those_in_memory():
    kept, streamed = (
        from_dataset(Pictures(), in_memory=keep, workers=0, device="cpu") for keep in (True, False)
    )
    every = torch.arange(40)
    for one, other in zip(kept.train.take(every), streamed.train.take(every), strict=True):
        assert torch.equal(one, other)


def test_targets_that_a_dataset_keeps_are_not_read_from_its_items():
    pictures = Pictures(count=200)
    from_dataset(pictures, in_memory=False, workers=0, device="cpu")
    assert len(set(pictures.read)) == 16


def test_targets_that_its_items_contradict_are_read_from_the_items():
    pictures = Pictures(count=200)
    pictures.targets = torch.tensor(pictures.targets)
    turned = [(picture, 1 - int(label)) for picture, label in pictures]
    wrapped = Pictures(count=200)
    wrapped.__class__ = type("Wrapped", (Pictures,), {"__getitem__": lambda _, i: turned[i]})
    data = from_dataset(wrapped, in_memory=False, workers=0, device="cpu")
    assert data.train.targets.tolist() == [label for _, label in turned]


NUMBERS = TensorDataset(torch.arange(12.0).view(6, 2), torch.arange(6) % 3)
SAME = {
    "a TensorDataset": NUMBERS,
    "a Subset of a Subset": Subset(Subset(NUMBERS, [5, 4, 3, 2, 1, 0]), [5, 4, 3, 2, 1, 0]),
    "a chain": ConcatDataset([Subset(NUMBERS, [0, 1]), Subset(NUMBERS, [2, 3, 4, 5])]),
    "a list of pairs": [([2.0 * n, 2.0 * n + 1], n % 3) for n in range(6)],
    "texts": [(np.array([2 * n, 2 * n + 1]), "abc"[n % 3]) for n in range(6)],
}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("dataset", SAME.values(), ids=SAME)
def test_every_map_style_dataset_will_do(dataset, in_memory):
    data = from_dataset(dataset, in_memory=in_memory, workers=0, device="cpu")
    inputs, targets = data.train.take(torch.arange(6))
    assert torch.equal(inputs, NUMBERS.tensors[0])
    assert targets.tolist() == [0, 1, 2, 0, 1, 2]


def test_numbers_to_be_predicted_come_from_a_dataset_too():
    pairs = [(float(n), [n / 2, n / 3]) for n in range(6)]
    data = from_dataset(pairs, device="cpu")
    assert data.train.targets.shape == (6, 2)
    assert data.train.shape == (1,)


def test_asking_leaves_the_learners_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    from_dataset(Pictures(DRAWN), in_memory=True, device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_data_can_be_sent_to_another_process():
    data = from_dataset(Pictures(DRAWN), workers=0, device="cpu", noun="pictures")
    sent = pickle.loads(pickle.dumps(data))
    assert sent.train.digest == data.train.digest
    assert sent.notice == data.notice


def test_processes_read_a_dataset_ahead():
    data = from_dataset(Pictures(), in_memory=False, workers=2, device="cpu")
    chunks = [inputs for inputs, _ in data.train.chunks()]
    assert torch.equal(torch.cat(chunks)[7], to_tensor(Pictures()[7][0]))
