"""Prepared tensors on disk, with the digest of each, by which they are verified when they are read.

What is not whole, or not what it should be, is as if it were not there: it is made again.
"""

import pickletools
import zipfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.data.split import tensor_digest
from tutorial_lib.files import replacing

VERSION = 2  # raise it when the prepared tensors change, or how they are kept
PARTS = ("train_images", "train_labels", "test_images", "test_labels")
MAX_OUTLINE_BYTES = 1 << 14  # of the pickle that says where in the file each tensor lies
NAMED_BY_OUTLINE = {
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
    "torch LongStorage",
    "collections OrderedDict",
}
SPAN = -0.43, 2.83  # the pixels 0 and 255 are normalised to numbers within


class Prepared(NamedTuple):
    """A set as LeNet wants it."""

    tensors: dict[str, Tensor]  # PARTS: images (N, 1, 32, 32) float32, labels (N,) int64
    digests: dict[str, str]  # of each tensor

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> "Prepared":
        """Return the tensors with their digests."""
        return cls(tensors, {name: tensor_digest(tensor) for name, tensor in tensors.items()})


def prepared_path(folder: Path, name: str) -> Path:
    """Return where the named set is kept in a data folder."""
    return folder / "prepared" / f"{name}-v{VERSION}.pt"


def write_prepared(prepared: Prepared, path: Path) -> None:
    """Keep a prepared set; what stands there is replaced whole or not at all.

    Raises:
        OSError: It cannot be written, or (RuntimeError) the disk is full.
    """
    with replacing(path) as file:
        torch.save({**prepared.tensors, "digests": prepared.digests}, file)


def read_prepared(path: Path) -> Prepared | None:
    """Return the set that a prepared file holds, or None unless it is whole.

    The tensors are mapped, not read: notebooks share them. A write would stay in this process's
    memory.
    """
    try:
        return _read(path)
    except Exception:  # whatever is wrong with it
        return None


def _read(path: Path) -> Prepared | None:
    if not path.is_file() or not _is_plain(path):
        return None
    content = torch.load(path, mmap=True, weights_only=True)
    tensors = {name: content[name] for name in PARTS}
    fits_into_file = sum(tensor.nbytes for tensor in tensors.values()) <= path.stat().st_size
    if not fits_into_file or not (_is_split(tensors, "train") and _is_split(tensors, "test")):
        return None
    prepared = Prepared.of(tensors)
    return prepared if prepared.digests == content["digests"] else None


def _is_plain(path: Path) -> bool:
    """Say whether a file is what `write_prepared` writes, before anything in it takes memory."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            return False
        (outline,) = (entry for entry in entries if entry.filename.endswith("data.pkl"))
        if outline.file_size > MAX_OUTLINE_BYTES:
            return False
        operations = pickletools.genops(archive.read(outline))
        return {arg for op, arg, _ in operations if op.name == "GLOBAL"} <= NAMED_BY_OUTLINE


def _is_split(tensors: dict[str, Tensor], part: str) -> bool:
    """Say whether these are normalised images and labels of them."""
    images, labels = tensors[f"{part}_images"], tensors[f"{part}_labels"]
    kinds = (type(images), type(labels), images.dtype, labels.dtype)
    if kinds != (Tensor, Tensor, torch.float32, torch.int64) or len(images) == 0:
        return False
    if images.shape != (len(labels), 1, 32, 32) or labels.shape != (len(labels),):
        return False
    darkest, brightest = map(float, images.aminmax())  # NaN where there is one
    in_span = SPAN[0] <= darkest <= brightest <= SPAN[1]
    return bool(in_span and labels.min() >= 0 and labels.max() <= 9)
