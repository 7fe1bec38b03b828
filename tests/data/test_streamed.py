"""Data that is read as it is needed is used, and answers, as data in memory."""

import multiprocessing
import pickle
import threading

import numpy as np
import pytest
import torch
from streamed_digits import Digits, readers
from torch.utils.data import Subset

from tutorial_lib import LeNet5, evaluate
from tutorial_lib.data import Split, streamed
from tutorial_lib.data.streamed import StreamedSplit, Unreadable, Workers
from tutorial_lib.random_state import random_states

CPU = torch.device("cpu")


class Items(torch.utils.data.Dataset):
    """Items as they are; one that is an exception is raised."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        item = self.items[index]
        if isinstance(item, Exception):
            raise item
        return item


class ManyItems(Items):
    """The same, read many at once."""

    def __getitems__(self, indices):
        return [self[index] for index in indices]


@pytest.fixture
def with_workers(monkeypatch):
    monkeypatch.setattr(streamed, "WORTH_SECONDS", 0)


@pytest.fixture
def spawning():
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def split_of(*items, targets=None, **options):
    targets = torch.zeros(len(items), dtype=torch.int64) if targets is None else targets
    return StreamedSplit(Items(*items), targets, workers=0, **options)


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# ---- as in memory ----


def test_it_answers_as_a_split_in_memory(few):
    memory = few.train
    read = StreamedSplit(Digits(memory), memory.labels)
    indices = torch.tensor([7, 3, 3, 99])
    assert len(read) == 100
    assert read.shape == (1, 32, 32)
    assert read.device == CPU
    assert read.labels is read.targets
    assert equal(read.take(indices), memory.take(indices))
    assert equal(read.first(5), memory.first(5))
    assert len(read.first(1000)[0]) == 100
    assert equal(read.part(indices).take(torch.tensor([3, 0])), memory.take(torch.tensor([99, 7])))
    assert repr(read) == "StreamedSplit(100 examples, read by 2 processes)"


@pytest.mark.usefixtures("with_workers")
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_chunks_are_those_of_memory(sample, workers):
    memory = sample.validation
    read = StreamedSplit(Digits(memory), memory.labels, workers=workers)
    for size in (None, 150):
        assert all(map(equal, read.chunks(size), memory.chunks(size)))
    assert not readers()


@pytest.mark.usefixtures("with_workers")
def test_evaluate_finds_what_it_finds_in_memory(sample):
    read = StreamedSplit(Digits(sample.test), sample.test.labels)
    assert evaluate(LeNet5(), read) == evaluate(LeNet5(), sample.test)


@pytest.mark.usefixtures("with_workers")
def test_chunks_that_nobody_asks_for_any_more_leave_no_process(sample):
    chunks = StreamedSplit(Digits(sample.test), sample.test.labels).chunks(100)
    next(chunks)
    assert len(readers()) == 2
    chunks.close()
    assert not readers()


def test_no_process_is_started_where_reading_here_takes_no_longer(few, monkeypatch):
    monkeypatch.delattr(streamed, "Workers")
    assert len(list(StreamedSplit(Digits(few.train), few.train.labels).chunks())) == 1


@pytest.mark.parametrize(
    "target", [1, np.int32(1), torch.tensor(1), torch.tensor([1], dtype=torch.int16)]
)
def test_labels_come_as_whole_numbers(target):
    _, labels = split_of(*2 * [(torch.zeros(3), target)]).first(2)
    assert labels.tolist() == [1, 1]
    assert labels.dtype == torch.int64


@pytest.mark.parametrize(
    "target", [(1.5, 2.5), [1.5, 2.5], np.array([1.5, 2.5]), torch.tensor([1.5, 2.5])]
)
def test_numbers_come_in_two_dimensions(target):
    read = split_of(*3 * [(torch.zeros(3), target)], targets=torch.zeros(3, 2))
    assert read.first(3)[1].tolist() == 3 * [[1.5, 2.5]]
    assert read.first(3)[1].dtype == torch.float32


def test_one_number_comes_in_two_dimensions():
    read = split_of((torch.zeros(3), 1.5), (torch.zeros(3), 2), targets=torch.zeros(2, 1))
    assert read.part(torch.tensor([0])).first(1)[1].tolist() == [[1.5]]


# ---- what is drawn at random ----


@pytest.mark.usefixtures("with_workers")
def test_what_items_draw_does_not_depend_on_who_reads_them(few):
    sets = [
        StreamedSplit(Digits(few.train, noisy=True), few.train.labels, workers=workers)
        for workers in (0, 1, 2)
    ]
    here, one, two = (next(read.chunks()) for read in sets)
    assert equal(here, one)
    assert equal(here, two)
    assert not torch.equal(here[0], few.train.images)


@pytest.mark.usefixtures("with_workers")
@pytest.mark.parametrize("workers", [0, 2])
def test_the_learners_random_states_stay_as_they_are(few, workers):
    before = random_states(CPU)
    read = StreamedSplit(Digits(few.train, noisy=True), few.train.labels, workers=workers)
    read.first(3), read.digest, list(read.chunks())
    assert random_states(CPU) == before


def test_the_digest_is_that_of_the_data(few):
    def digest(images=few.train.images, labels=few.train.labels, **options):
        return StreamedSplit(Digits(Split(images, labels), **options), labels).digest

    other_labels = few.train.labels.roll(1)
    assert digest() == digest()
    assert digest(noisy=True) == digest(noisy=True)
    assert digest() != digest(noisy=True)
    assert digest() != digest(images=few.train.images.roll(1, dims=0))
    assert digest() != digest(labels=other_labels)
    assert digest() != few.train.digest


# ---- what cannot be read is said in words ----


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (OSError("image file is truncated"), "item 1 .* OSError: image file is truncated .*line"),
        (StopIteration(), "item 1 .* cannot be read: StopIteration"),
        (7, r"item 1 of the data set must be a pair \(input, target\); it is 7"),
        ((object(), 0), "the input of item 1 .* must be a tensor; it is a object"),
        (
            (torch.zeros(4), 0),
            r"item 0 of the data set has \[3\], item 1 of the data set has \[4\]",
        ),
        ((torch.zeros(3), torch.zeros(2)), "items 0 and others make no batch: .*"),
    ],
    ids=["raises", "ends", "no pair", "no tensor", "another shape", "another target"],
)
@pytest.mark.parametrize("kind", [Items, ManyItems])
def test_a_bad_item_is_named(kind, item, said):
    read = StreamedSplit(kind((torch.zeros(3), 0), item), torch.zeros(2).long(), workers=1)
    with pytest.raises(Unreadable, match=said):
        read.first(2)
    with Workers(read, [((0, 0), [0, 1])]) as workers, pytest.raises(Unreadable, match=said):
        workers.next()


def test_a_bad_item_of_a_part_is_named_by_its_index_in_the_whole():
    read = split_of(*3 * [(torch.zeros(3), 0)], OSError("gone"))
    with pytest.raises(Unreadable, match="item 3 of the data set cannot be read"):
        read.part(torch.tensor([3, 1])).part(torch.tensor([0])).first(1)


def test_targets_that_do_not_fit_are_refused():
    read = split_of((torch.zeros(3), torch.zeros(2)), targets=torch.zeros(1, 3))
    with pytest.raises(Unreadable, match=r"must be of shape \[1, 3\]; the items have tensor"):
        read.first(1)


def test_a_data_set_of_another_length_is_refused():
    with pytest.raises(ValueError, match="it has 2 items, and there are 3 targets"):
        StreamedSplit(Items(1, 2), torch.zeros(3))


@pytest.mark.parametrize(
    ("workers", "kind"), [(-1, ValueError), (65, ValueError), ("2", TypeError)]
)
def test_wrong_numbers_of_workers_are_refused(workers, kind):
    with pytest.raises(kind, match="workers must be a whole number, from 0 to 64"):
        StreamedSplit(Items(1), torch.zeros(1), workers=workers)


# ---- where processes are not forked ----


def test_what_cannot_be_sent_is_said_in_words():
    unsendable = streamed._Items(Items(threading.Lock()))
    with pytest.raises(Unreadable, match=r"cannot be sent .* workers=0 reads it here"):
        pickle.dumps(unsendable)


@pytest.mark.usefixtures("spawning")
def test_a_data_set_of_a_notebook_is_read_where_processes_are_spawned():
    class Mine(Items):  # no module to import it from, as in a notebook
        def __getitem__(self, index):
            return torch.full((2,), index) + torch.rand(1), index

    read = StreamedSplit(Mine(0, 1, 2, 3), torch.arange(4), workers=1)
    asked = (5, 0, 0), [3, 1]
    with Workers(read, [asked]) as workers:
        assert equal(workers.next(), read.read(asked))


def test_a_subset_is_read_as_what_it_is_of(few):
    subset = Subset(Digits(few.train), [5, 8])
    read = StreamedSplit(subset, few.train.labels[[5, 8]], workers=0)
    assert equal(read.first(2), few.train.take(torch.tensor([5, 8])))
