"""Held out: by class, by a fixed seed, from whatever kind of split."""

import dataclasses
import pickle
from functools import partial

import pytest
import torch

from tutorial_lib.data import StreamedSplit, from_dataset, from_folder, from_tensors, load_digits
from tutorial_lib.data.sets import drawn_apart
from tutorial_lib.data.split import indices_apart

LABELS = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)


def of(labels, **others):
    inputs = torch.arange(len(labels)).float()[:, None]
    return from_tensors((inputs, labels), device="cpu", **others)


def streamed(labels):
    items = [(torch.tensor([float(number)]), label) for number, label in enumerate(labels)]
    return from_dataset(items, in_memory=False, workers=0, device="cpu")


@pytest.mark.parametrize("make", [of, streamed])
@pytest.mark.parametrize("amount", [20, 0.2])
def test_each_class_gives_its_share(make, amount):
    data = make(LABELS).hold_out(amount)
    assert data.validation.targets.bincount().tolist() == [12, 6, 2]
    assert data.train.targets.bincount().tolist() == [48, 24, 8]
    assert "80 examples to train on, 20 to choose by." in data.notice


@pytest.mark.parametrize("make", [of, streamed])
def test_each_example_is_in_one_set_with_its_own_target(make):
    data = make(LABELS).hold_out(33)
    seen = torch.cat([split.first(100)[0] for split in (data.train, data.validation)])
    assert sorted(seen.flatten().tolist()) == list(range(100))
    for split in (data.train, data.validation):
        inputs, targets = split.first(100)
        assert torch.equal(LABELS[inputs.flatten().long()], targets)


def test_a_streamed_split_stays_streamed():
    data = streamed(LABELS).hold_out(10)
    assert isinstance(data.train, StreamedSplit)
    assert isinstance(data.validation, StreamedSplit)


def test_the_seed_decides_and_both_kinds_draw_alike():
    digest = of(LABELS).hold_out(20).validation.digest
    assert of(LABELS).hold_out(20, seed=0).validation.digest == digest
    assert of(LABELS).hold_out(20, seed=1).validation.digest != digest
    rows = streamed(LABELS).hold_out(20).validation.first(20)[0]
    assert torch.equal(rows, of(LABELS).hold_out(20).validation.inputs)


def test_a_class_with_a_single_example_keeps_it():
    labels = torch.tensor([0] * 6 + [1] * 6 + [2])
    for count in range(1, 11):
        data = of(labels).hold_out(count)
        assert len(data.validation) == count
        assert data.train.targets.bincount(minlength=3).min() >= 1


@pytest.mark.parametrize("amount", [0, 98, -3, 0.0, 1.0, -0.5, float("nan"), True, "10", None])
def test_amounts_beyond_both_ends_are_refused(amount):
    with pytest.raises((TypeError, ValueError), match="the amount to hold out must be"):
        of(LABELS).hold_out(amount)


def test_at_the_ends_one_example_of_each_class_is_left_or_one_is_held_out():
    assert of(LABELS).hold_out(97).train.targets.tolist() == [0, 1, 2]
    assert len(of(LABELS).hold_out(1).validation) == 1
    assert len(of(LABELS).hold_out(1e-9).validation) == 1
    assert len(of(LABELS).hold_out(1 - 1e-9).train) == 3


def test_where_nothing_can_be_spared_it_is_said():
    with pytest.raises(ValueError, match=r"nothing to spare .* one of each class must stay"):
        of(torch.tensor([0, 1])).hold_out(1)


def test_of_a_regression_all_but_one_can_be_held_out():
    assert len(of(torch.rand(10)).hold_out(9).train) == 1


def test_a_second_validation_set_is_refused():
    with pytest.raises(ValueError, match="has a validation set already, of 20"):
        of(LABELS).hold_out(20).hold_out(20)


def test_what_can_be_made_again_can_be_made_again_with_the_same_held_out():
    data = load_digits("sample", device="cpu")
    again = pickle.loads(pickle.dumps(partial(data.make_again)))("cpu")
    assert again.train.digest == data.train.digest
    assert of(LABELS).hold_out(5).make_again is None


def test_sets_are_drawn_apart():
    parts = drawn_apart(LABELS, {"test": 0.1, "validation": 20, "none": 0}, seed=3)
    assert {part: len(indices) for part, indices in parts.items()} == {
        "train": 70,
        "test": 10,
        "validation": 20,
    }
    assert sorted(torch.cat([*parts.values()]).tolist()) == list(range(100))


def test_drawing_is_as_it_ever_was():
    kept, held = indices_apart(torch.arange(20) % 4, 6, seed=0)
    assert held.tolist() == [0, 1, 6, 8, 9, 15]
    assert len(kept) == 14


def test_data_says_what_it_is():
    data = of(LABELS, name="rows of mine", noun="rows").hold_out(10)
    assert repr(data) == "Data('rows of mine', 90 + 10 rows, on cpu)"


def test_a_folder_is_made_again_with_the_same_held_out(tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(6):
            colour = (20 * number, 90, 250 if name == "cat" else 0)
            Image.new("RGB", (6, 6), colour).save(tmp_path / name / f"{number}.png")
    data = from_folder(tmp_path, size=4, validation=0, device="cpu").hold_out(2, seed=3)
    again = pickle.loads(pickle.dumps(data.make_again))("cpu")
    assert again.validation.digest == data.validation.digest
    assert again.notice == data.notice


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "w: 100 wines to train on. 13 each.",
            "w: 80 wines to train on, 20 to choose by. 13 each.",
        ),
        ("100 to train on, 10 for the test.", "80 to train on, 20 to choose by, 10 for the test."),
        ("1,100 to train on.", "1,100 to train on. 20 to choose by are held out."),
        ("", "20 to choose by are held out."),
    ],
)
def test_the_notice_says_how_many_are_left_to_train_on(before, after):
    data = dataclasses.replace(of(LABELS), notice=before)
    assert data.hold_out(20).notice == after
