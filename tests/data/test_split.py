"""The digest of a split tells its images and labels from any others."""

import copy
import dataclasses
import pickle

import pytest
import torch

from tutorial_lib.data import Split, split
from tutorial_lib.data.split import tensor_digest


@pytest.fixture
def few_images():
    return Split(torch.arange(12.0).view(3, 1, 2, 2), torch.tensor([2, 0, 1]))


CHANGES = {
    "one pixel": lambda images, labels: images[1, 0, 0, 0].add_(1e-6),
    "one label": lambda images, labels: labels[2].add_(1),
    "one label through numpy": lambda images, labels: labels.numpy().__setitem__(0, 1),
    "labels that change places": lambda images, labels: labels.copy_(labels.roll(1)),
    "images that change places": lambda images, labels: images.copy_(images.roll(1, dims=0)),
    "another shape": lambda images, labels: images.resize_(3, 1, 1, 4),
    "turned": lambda images, labels: images.transpose_(2, 3),
    "other memory": lambda images, labels: images.set_(torch.zeros(3, 1, 2, 2)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_gives_another_digest(few_images, change):
    before = few_images.digest
    change(few_images.images, few_images.labels)
    assert few_images.digest != before
    assert few_images.digest == Split(few_images.images, few_images.labels).digest


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int32])
def test_the_type_belongs_to_the_content(few_images, dtype):
    other = Split(few_images.images.to(dtype), few_images.labels)
    assert other.digest != few_images.digest


def test_the_digest_is_of_the_content_and_not_of_its_place(few_images):
    images, labels = few_images.images, few_images.labels
    views = Split(
        images.repeat(1, 1, 1, 2)[..., :2], torch.stack([labels, labels], dim=1)[:, 0]
    )  # neither is contiguous
    channels_last = images.clone(memory_format=torch.channels_last)
    for other in (views, Split(channels_last, labels), copy.deepcopy(few_images)):
        assert other.digest == few_images.digest
    assert pickle.loads(pickle.dumps(few_images)).digest == few_images.digest


def test_a_replaced_split_has_a_digest_of_its_own(few_images):
    before = few_images.digest
    assert dataclasses.replace(few_images, inputs=few_images.images + 1).digest != before


def test_images_are_read_once_and_labels_each_time(few_images, monkeypatch):
    first, read = few_images.digest, []
    monkeypatch.setattr(split, "tensor_digest", lambda t: read.append(t) or tensor_digest(t))
    assert few_images.digest == first
    assert [tensor is few_images.labels for tensor in read] == [True]


def test_tensors_of_inference_mode_are_read_each_time():
    with torch.inference_mode():
        frozen = Split(torch.zeros(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64))
        before = frozen.digest
        frozen.images.add_(1)  # not counted
        assert frozen.digest != before


def test_an_empty_split_has_a_digest():
    empty = Split(torch.zeros(0, 1, 2, 2), torch.zeros(0, dtype=torch.int64))
    assert len(empty.digest) == 64
    assert tensor_digest(torch.tensor(1.0)) != tensor_digest(torch.tensor([1.0]))
