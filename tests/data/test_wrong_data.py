"""Wrong data is refused in words, before anything starts: what, where and how often."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import sparse
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tutorial_lib.data import from_csv, from_dataset, from_folder, from_tensors

X, Y = np.ones((6, 2), np.float32), np.array([0, 1, 2, 0, 1, 2])
FLOATS = Y + 0.5


def with_one(value, *index):
    """Return inputs of which one is another."""
    x = X.astype(type(value) if isinstance(value, complex) else float)
    x[index] = value
    return x


# What is wrong -> the pair to train on, what else is given, and the words of the refusal.
TENSORS = {
    "no pair": (X, {}, "training set must be a pair (inputs, targets); got a ndarray"),
    "three of them": ((X, Y, Y), {}, "must be a pair (inputs, targets); got 3"),
    "a dataset": (TensorDataset(torch.ones(2)), {}, "a TensorDataset is for from_dataset"),
    "unequal lengths": ((X, Y[:5]), {}, "6 inputs and 5 targets"),
    "no examples": ((X[:0], Y[:0]), {}, "inputs of the training set must be of at least one"),
    "nothing in an example": ((X[:, :0], Y), {}, "must hold numbers; got none in an example"),
    "a single number": ((1.0, Y), {}, "must be one for each example; got a single value"),
    "rows of two lengths": (([[1, 2], [3]], [0, 1]), {}, "row 1 is [1], row 0 [2]"),
    "a NaN": ((with_one(np.nan, 3, 1), Y), {}, "1 of 12 is not, the first at [3, 1]: nan"),
    "an infinity": ((with_one(-np.inf, 0, 0), Y), {}, "the first at [0, 0]: -inf"),
    "beyond float32": ((with_one(1e300, 2, 0), Y), {}, "[2, 0]: 1e+300, too large for float32"),
    "complex": ((with_one(1j, 0, 0), Y), {}, "must be real numbers; they are of dtype complex"),
    "complex tensor": ((torch.ones(6, 2) * 1j, Y), {}, "they are of dtype torch.complex64"),
    "text inputs": ((np.full((6, 2), "a"), Y), {}, "they are texts, the first 'a'"),
    "objects": (([[object(), 1]] * 6, Y), {}, "must be numbers; at [0, 0] stands"),
    "dates": ((np.full(6, np.datetime64("2024-01-01")), Y), {}, "of dtype datetime64"),
    "a column of texts": (
        (pd.DataFrame({"age": [1] * 6, "city": list("abcdef")}), Y),
        {},
        "at row 0, column 'city' stands 'a', which is a str",
    ),
    "a value missing": (
        (pd.DataFrame({"age": [1, 2, None, 4, None, 6]}), Y),
        {},
        "2 of 6 are not, the first at row 2, column 'age': nan",
    ),
    "masked": ((np.ma.masked_equal(np.arange(6.0), 4), Y), {}, "1 is, at first row 4"),
    "sparse": ((sparse.csr_matrix(X), Y), {}, "this one is sparse: take x.toarray()"),
    "sparse tensor": ((torch.eye(6).to_sparse(), Y), {}, "a plain tensor; this one is sparse"),
    "meta tensor": ((torch.ones(6, 2, device="meta"), Y), {}, "this one is meta"),
    "targets NaN": ((X, with_one(np.nan, 5, 0)), {}, "the targets of the training set must be fin"),
    "target missing": ((X, ["a", "b", None, "a", "b", "a"]), {}, "1 of 6 is, the first at row 2"),
    "targets of kinds": ((X, [0, 1, "2", 0, 1, 2]), {}, "there are texts, and at row 0 stands 0"),
    "target objects": ((X, [object()] * 6), {}, "must be all floats, all whole numbers or all"),
    "targets of 3 dimensions": ((X, np.ones((6, 1, 2))), {}, "floats (N,) or (N, T); got shape [6"),
    "one-hot": ((X, np.eye(6, dtype=int)), {}, "Of one-hot labels take labels.argmax(1)"),
    "negative": (
        (X, Y - 2),
        {},
        "whole numbers from 0; 4 of 6 are not, the first at row 0",
    ),
    "minus one and one": ((X, (Y > 0) * 2 - 1), {}, "they are -1 and 1: take (labels > 0)"),
    "from one": ((X, Y + 1), {}, "they are from 1 to 3: take labels - 1"),
    "from one, named": ((X, Y + 1), {"classes": [*"abc"]}, "count from 1: take labels - 1"),
    "a gap": ((X, Y * 7), {}, "3 different numbers from 0 to 14, and none is 1. Are they numbers"),
    "beyond classes": ((X, Y), {"classes": ["a", "b"]}, "2 of 6 are not, the first at row 2: 2"),
    "unknown text": ((X, list("abcabc")), {"classes": ["a", "b"]}, "at row 2: 'c'"),
    "too large": ((X, np.full(6, 2**63, np.uint64)), {}, "the largest is 9223372036854775808"),
    "one class": ((X, Y * 0), {}, "must be of at least two classes; all 6 are 0"),
    "empty text": ((X, ["", "a"] * 3), {}, "must be names; 3 are empty"),
    "names twice": ((X, Y), {"classes": ["a", "a", "b"]}, "names that differ"),
    "no names": ((X, Y), {"classes": "abc"}, "classes must be a list of names; got 'abc'"),
    "names of numbers": ((X, FLOATS), {"classes": ["a"]}, "so this is a regression"),
    "name": ((X, Y), {"name": 3}, "name must be a text; got 3, which is a int"),
    "empty noun": ((X, Y), {"noun": " "}, "noun must be a text that is not empty"),
    "device": ((X, Y), {"device": "abacus"}, "device must be auto or one that this machine has"),
    "test shape": ((X, Y), {"test": (X[:, :1], Y)}, "the test set must be as those of the tr"),
    "test dtype": ((X, Y), {"test": (torch.ones(6, 2).long(), Y)}, "they are torch.int64"),
    "test task": ((X, Y), {"test": (X, FLOATS)}, "are whole numbers; they are floats"),
    "test texts": ((X, Y), {"test": (X, list("abcabc"))}, "whole numbers; they are texts"),
    "test width": ((X, FLOATS), {"test": (X, X)}, "must be 1 an example as in the training"),
    "validation unseen": (
        (X, Y),
        {"validation": (X, Y + 1)},
        "validation set must be of classes that the training set shows; 2 of 6 are not, the first "
        "at row 2: 3",
    ),
    "validation unseen text": (
        (X, list("ababab")),
        {"validation": (X, list("abcaba"))},
        "1 is not, the first at row 2: 'c'",
    ),
    "validation unseen, named": (
        (X, Y % 2),
        {"validation": (X, Y), "classes": ["a", "b", "c"]},
        "the first at row 2: 'c'",
    ),
}


@pytest.mark.parametrize(("train", "others", "words"), TENSORS.values(), ids=TENSORS)
def test_wrong_tensors(train, others, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        from_tensors(train, **{"device": "cpu"} | others)


class Endless(IterableDataset):
    def __iter__(self):
        yield torch.ones(2), 0


class Picky:
    """A dataset that cannot give one of its items."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index == 7:
            raise KeyError("seven")
        return torch.ones(2), index % 2


class Moody(Picky):
    """A dataset whose targets are others each time."""

    def __getitem__(self, index):
        return torch.ones(2), float(torch.rand(()))


ITEMS = [(torch.ones(2), number % 2) for number in range(6)]
DATASETS = {
    "iterable": (Endless(), {}, "a Endless gives its items in one order alone"),
    "a loader": (DataLoader(ITEMS), {}, "of a DataLoader take loader.dataset"),
    "a dict": ({0: ITEMS[0]}, {}, "must be a Dataset with a length, whose items are pairs"),
    "tensors": ((X, Y), {}, "tensors and arrays are for from_tensors"),
    "empty": ([], {}, "this list is empty"),
    "no pairs": (TensorDataset(torch.ones(6)), {}, "item 0 of the training set must be a pair"),
    "no input": ([("a", 0)] * 4, {}, "the input of item 0 of the training set must be a tensor"),
    "an item that fails": (Picky(), {}, "item 7 of the training set cannot be read: KeyError: 'se"),
    "targets that change": (Moody(), {}, "must be the same when they are read again"),
    "another shape": (
        [*ITEMS[:5], (torch.ones(3), 1)],
        {},
        "item 0 is [2] torch.float32, item 5 is [3] torch.float32",
    ),
    "NaN": ([*ITEMS[:5], (torch.ones(2) * np.nan, 1)], {}, "input of item 5 of the training set"),
    "test of another shape": (ITEMS, {"test": [(torch.ones(3), 1)] * 3}, "they are [3]"),
    "test of another task": (ITEMS, {"test": [(torch.ones(2), 0.5)] * 3}, "they are floats"),
    "label missing": ([*ITEMS[:5], (torch.ones(2), None)], {}, "1 of 6 is, the first at row 5"),
    "label gap": ([(torch.ones(2), n % 2 * 3) for n in range(6)], {}, "without a gap"),
    "in_memory": (ITEMS, {"in_memory": 1}, "in_memory must be True, False or None; got 1"),
    "workers": (ITEMS, {"workers": -1}, "workers must be a whole number, from 0 to 64"),
    "name": (ITEMS, {"name": ""}, "name must be a text that is not empty"),
}


@pytest.mark.parametrize(("train", "others", "words"), DATASETS.values(), ids=DATASETS)
def test_wrong_datasets(train, others, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        from_dataset(train, **{"device": "cpu"} | others)


def test_what_does_not_fit_into_memory_is_not_read_there(monkeypatch):
    monkeypatch.setattr("tutorial_lib.data.own.free_memory", lambda device: 20)
    with pytest.raises(ValueError, match="it takes 48 bytes, and 20 bytes are free"):
        from_dataset(ITEMS, in_memory=True, device="cpu")


# ---- folders ----


def put_pictures(root, names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


GOOD = ["cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"]
FOLDERS = {  # what is wrong -> pictures that there are, an empty folder, options, words
    "nothing there": (None, "", {}, "pictures is not there"),
    "an empty folder": ([], "", {}, "there must be a folder for each class, two or more"),
    "loose pictures": (["1.png", "2.png"], "", {}, "there is none, and 2 pictures that lie beside"),
    "one class": (GOOD[:3], "", {}, "there is one, cat"),
    "an empty class": (GOOD, "fox", {}, "fox of"),
    "test without classes": ([f"train/{n}" for n in GOOD] + ["test/1.png"], "", {}, "has none"),
    "an unknown class": ([f"train/{n}" for n in GOOD] + ["val/fox/1.png"], "", {}, "has fox"),
    "two of validation": ([f"train/{n}" for n in GOOD], "val;valid", {}, "val and valid"),
    "size": (GOOD, "", {"size": 0}, "size must be a whole number, from 2 to 1,024"),
    "colour": (GOOD, "", {"colour": "grey"}, "colour must be True or False; got 'grey'"),
    "share": (GOOD, "", {"test": 1.0}, "test must be a finite number in [0, 1)"),
    "all held out": (GOOD, "", {"test": 5}, "test must be a whole number, from 1 to 4"),
    "seed": (GOOD, "", {"seed": -1}, "seed must be a whole number"),
    "device": (GOOD, "", {"device": "abacus"}, "device must be auto"),
}


@pytest.mark.parametrize(("names", "empty", "options", "words"), FOLDERS.values(), ids=FOLDERS)
def test_wrong_folders(tmp_path, names, empty, options, words):
    root = tmp_path / "pictures"
    if names is not None:
        root.mkdir()
        put_pictures(root, names)
        for name in filter(None, empty.split(";")):
            (root / name).mkdir()
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        from_folder(root, **{"device": "cpu"} | options)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "pictures.zip").touch()
    with pytest.raises(ValueError, match=r"path must be a folder, .* is a file"):
        from_folder(tmp_path / "pictures.zip")


def test_a_class_without_a_readable_picture_names_what_it_has(tmp_path):
    put_pictures(tmp_path, GOOD)
    (tmp_path / "fox").mkdir()
    (tmp_path / "fox" / "1.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"fox of .* has none: fox/1.png \(no picture\)"):
        from_folder(tmp_path, device="cpu")


# ---- tables ----

ROWS = "".join(f"{number},{number % 2}\n" for number in range(60))
TABLES = {  # what is wrong -> what the file holds, options, words
    "empty": ("", {}, "table.csv is empty"),
    "names alone": ("a,y\n", {}, "must have at least two rows; "),
    "one row": ("a,y\n1,2\n", {}, "table.csv has 1"),
    "no such column": (f"a,label\n{ROWS}", {"target": "labels"}, "did you mean 'label'?"),
    "no other column": ("y\n1\n2\n", {}, "there must be a column besides the target 'y'"),
    "a name twice": ("a,a,y\n1,2,3\n4,5,6\n", {}, "has a more than once"),
    "missing values": ("a,b,y\n1,,0\n2,3,1\n,,1\n", {}, "'a' has 1 of 3, the first in row 3"),
    "missing targets": ("a,y\n1,x\n2,\n3,x\n", {}, "column 'y' has 1 of 3, the first in row 2"),
    "infinite": ("a,y\n1,x\ninf,z\n3,x\n", {}, "or infinite; column 'a' has 1 of 3, the first in"),
    "too large": ("a,y\n1e300,x\n1,z\n3,x\n", {}, "column 'a' has 1 of 3, the first in row 1"),
    "ragged": ("a,y\n1,2\n1,2,3\n", {}, "Expected 2 fields in line 3, saw 3"),
    "more values than names": ("a,y\n1,2,3\n1,2,3\n", {}, "as many values as there are names, 2"),
    "a quote without end": ('a,y\n1,"2\n3,4\n', {}, "path must be that of a table"),
    "not UTF-8": ("a,y\n1,caf\xe9\n".encode("latin-1"), {}, "line 2 of"),
    "a workbook": (b"PK\x03\x04rest", {}, "is a workbook or an archive: save the table as CSV"),
    "bytes": (b"a,y\n\0\0,1\n", {}, "has bytes that are none"),
    "many texts": ("a,y\n" + "".join(f"t{n},{n % 2}\n" for n in range(60)), {}, "'a' has 60, the"),
    "all the same": (
        "a,y\n" + "".join(f"5,{n % 2}\n" for n in range(60)),
        {},
        "rows: 'a'",
    ),
    "one class": ("a,y\n1,x\n2,x\n3,x\n", {}, "all 3 of 'y' are 'x'"),
    "names as targets": (
        "a,y\n" + "".join(f"{n},t{n}\n" for n in range(60)),
        {},
        "60 different",
    ),
    "nothing to spare": ("a,y\n1,x\n2,z\n", {}, "test must be 0: there is nothing to spare"),
    "share": (f"a,y\n{ROWS}", {"validation": -0.5}, "validation must be a finite number in [0, 1)"),
    "target": (f"a,y\n{ROWS}", {"target": 1}, "target must be a text; got 1"),
}


@pytest.mark.parametrize(("content", "options", "words"), TABLES.values(), ids=TABLES)
def test_wrong_tables(tmp_path, content, options, words):
    file = tmp_path / "table.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        from_csv(file, **{"target": "y", "device": "cpu"} | options)


@pytest.mark.parametrize("path", ["nowhere.csv", "", "a\0b", "x" * 300, 3, None])
def test_a_table_that_is_not_there(path):
    with pytest.raises((TypeError, ValueError), match="path must be"):
        from_csv(path, target="y")
