"""A prepared file is taken as it was written, or as if it were not there."""

import os
import sys
import zipfile

import pytest
import torch

from tutorial_lib.data import Split
from tutorial_lib.data.prepared import Prepared, prepared_path, read_prepared, write_prepared


def noise(count, *, seed=0):
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 1, 32, 32, generator=draw)
    return images, torch.randint(10, (count,), generator=draw)


@pytest.fixture
def tensors():
    train, test = noise(30), noise(20, seed=1)
    names = ("train_images", "train_labels", "test_images", "test_labels")
    return dict(zip(names, (*train, *test), strict=True))


@pytest.fixture
def path(tmp_path):
    return prepared_path(tmp_path, "few")


def test_what_was_written_is_read_with_its_digests(tensors, path):
    write_prepared(Prepared.of(tensors), path)
    read = read_prepared(path)
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in tensors.items())
    split = Split(tensors["train_images"], tensors["train_labels"])
    known = Split(read.tensors["train_images"], read.tensors["train_labels"])
    known.know_digest(read.digests["train_images"])
    assert known.digest == split.digest


def nan(tensors):
    tensors["train_images"][3, 0, 5, 5] = torch.nan


OTHER_CONTENT = {  # each with the digests of what it holds: whole, and yet not what it should be
    "NaN": nan,
    "infinite": lambda tensors: tensors["test_images"][0].fill_(torch.inf),
    "not normalised": lambda tensors: tensors["train_images"].mul_(255),
    "a label of 10": lambda tensors: tensors["train_labels"][0].fill_(10),
    "a negative label": lambda tensors: tensors["test_labels"][0].fill_(-1),
    "labels of another type": lambda tensors: tensors.update(train_labels=torch.zeros(30)),
    "images of another type": lambda t: t.update(train_images=t["train_images"].double()),
    "smaller images": lambda t: t.update(train_images=t["train_images"][..., :28, :28]),
    "flat images": lambda t: t.update(train_images=t["train_images"].flatten(1)),
    "one label too few": lambda t: t.update(train_labels=t["train_labels"][1:]),
    "labels in a column": lambda t: t.update(train_labels=t["train_labels"][:, None]),
    "no images": lambda t: t.update(
        train_images=torch.zeros(0, 1, 32, 32), train_labels=torch.zeros(0, dtype=torch.int64)
    ),
    "one image for many": lambda t: t.update(
        train_images=torch.zeros(1, 1, 32, 32).expand(10**4, -1, -1, -1),
        train_labels=torch.zeros(1, dtype=torch.int64).expand(10**4),
    ),
}


@pytest.mark.parametrize("alter", OTHER_CONTENT.values(), ids=OTHER_CONTENT)
def test_a_whole_file_with_other_content_is_not_taken(tensors, path, alter):
    alter(tensors)
    write_prepared(Prepared.of(tensors), path)
    assert read_prepared(path) is None


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_images", "test_labels"])
def test_changed_tensors_in_a_whole_zip_are_seen_by_their_digest(tensors, path, name):
    digests = Prepared.of(tensors).digests
    tensors[name] = tensors[name].flip(0)
    write_prepared(Prepared(tensors, digests), path)
    assert read_prepared(path) is None


FOREIGN = {
    "another dict": {"weights": torch.zeros(3)},
    "a list": [torch.zeros(3)],
    "a tensor": torch.zeros(3),
    "a number": 7,
    "none": None,
    "nothing in it": {},
    "no tensors": dict.fromkeys(("train_images", "train_labels", "test_images", "test_labels"), 1),
    "a sparse tensor": {"train_images": torch.eye(3).to_sparse()},
    "a parameter": {"train_images": torch.nn.Parameter(torch.zeros(2, 1, 32, 32))},
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_what_another_program_saved_there_is_not_taken(tensors, path, content):
    path.parent.mkdir()
    torch.save(content, path)
    assert read_prepared(path) is None
    torch.save({**tensors, **content} if isinstance(content, dict) else content, path)
    assert read_prepared(path) is None  # as the first version did: without digests


def test_a_fifo_a_folder_and_nothing_are_not_waited_for(path):
    assert read_prepared(path) is None
    path.mkdir(parents=True)
    assert read_prepared(path) is None
    path.rmdir()
    os.mkfifo(path)
    assert read_prepared(path) is None


BOMB_BYTES = 1 << 28


def deflated(path):
    """Write a small zip whose outline would take a quarter of a gigabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("few/data.pkl", "w", force_zip64=True) as file:
            for _ in range(BOMB_BYTES >> 20):
                file.write(bytes(1 << 20))
        archive.writestr("few/version", "3\n")


def called(path):
    """Write a pickle of a few bytes that asks for as much: bytearray(BOMB_BYTES)."""
    number = BOMB_BYTES.to_bytes(4, "little")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("few/data.pkl", b"\x80\x02cbuiltins\nbytearray\nJ" + number + b"\x85R.")
        archive.writestr("few/version", "3\n")


GROWTH = """
import re, sys
from pathlib import Path
from tutorial_lib.data.prepared import read_prepared

def most_so_far():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

Path("/proc/self/clear_refs").write_text("5")  # it counts anew
before = most_so_far()
print(read_prepared(Path(sys.argv[1])), most_so_far() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("bomb", [deflated, called])
def test_a_small_file_cannot_take_much_memory(path, bomb, warm_python):
    path.parent.mkdir()
    bomb(path)
    read, kilobytes = warm_python.run(GROWTH, str(path)).out.split()
    assert read == "None"
    assert int(kilobytes) << 10 < BOMB_BYTES / 4
