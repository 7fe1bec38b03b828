"""The raw files of MNIST and Fashion-MNIST: found on disk, or downloaded, and always verified.

torchvision checks the MD5 of a `.gz` alone, so a raw file that was inflated by half passes for
ever, and its downloader waits without end for a server that stalls. So torchvision names the
mirrors, every inflated file must have the SHA-256 of the genuine one, and a silent mirror is given
up in seconds: urlopen's timeout. The look-up of a host's name is as long as the system lets it be.
"""

import contextlib
import hashlib
import http.client
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.files import replacing

GIVE_UP_SECONDS = 11.0  # until then, every mirror has had its chance to send something
SILENCE_SECONDS = 2.0, 6.0  # between these, a mirror that sends nothing for its share is given up
CHUNK_BYTES = 1 << 14
MAX_RAW_BYTES = 1 << 26  # no genuine file is larger, so a wrong one cannot fill the memory

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@dataclass(frozen=True)
class Source:
    """A public data set in MNIST's file format."""

    title: str  # as a learner knows it
    dataset: str  # its class in torchvision.datasets, and its folder in the data folder
    download_bytes: int  # of its four .gz files together
    sha256: Mapping[str, str]  # raw file name -> digest of the genuine file


MNIST = Source(
    title="MNIST",
    dataset="MNIST",
    download_bytes=11_594_722,
    sha256={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)
FASHION = Source(
    title="Fashion-MNIST",
    dataset="FashionMNIST",
    download_bytes=30_878_645,
    sha256={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)


class DataUnavailable(RuntimeError):
    """The data is neither on disk nor to be had from the network; `reason` says why, in short."""

    reason: str = ""


def load_raw(
    source: Source,
    *,
    folders: Sequence[Path],
    store: Path | None,
    no_download: str = "",
    complaints: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Return the four files of a data set as tensors, each verified against the genuine digest.

    Args:
        source: Which data set.
        folders: Data folders to look into, in torchvision's layout: FOLDER/MNIST/raw/...
        store: The data folder that keeps what is downloaded and mended; None keeps nothing.
        no_download: Why nothing may be downloaded, in plain words; empty where it may.
        complaints: Why other folders cannot be looked into.

    Returns:
        File name -> uint8 tensor: images (N, 28, 28), labels (N,) int64 in 0..9.

    Raises:
        DataUnavailable: Something is missing or damaged on disk, and no mirror has it.
    """
    tensors: dict[str, Tensor] = {}
    reasons = [*complaints]
    for name, sha256 in source.sha256.items():
        for folder in folders:
            path = _raw_folder(folder, source) / name
            content = _find(path, sha256, reasons, mend=folder == store)
            if content is not None:
                tensors[name] = _parse(content)
                break
    missing = [name for name in source.sha256 if name not in tensors]
    if missing and no_download:
        reasons.append(no_download)
    elif missing:
        for name, content in _download(source, missing, reasons):
            tensors[name] = _parse(content)
            if store is not None:
                _keep(_raw_folder(store, source) / name, content)
    if len(tensors) < len(source.sha256):
        reason = "; ".join(reasons)
        files = f"the files {', '.join(source.sha256)} (or their .gz)"
        put = f"put {files} into {_raw_folder(folders[0], source)}, or " if folders else ""
        error = DataUnavailable(
            f"{source.title} is not available: {reason}. "
            "To work without a network, take the sample, load_digits('sample') or --data sample, "
            f"or {put}name a folder that has {source.dataset}/raw in TUTORIAL_DATA_DIR."
        )
        error.reason = reason
        raise error
    return tensors


def _raw_folder(folder: Path, source: Source) -> Path:
    return folder / source.dataset / "raw"


# ---- verified ----


def _find(raw: Path, sha256: str, reasons: list[str], *, mend: bool) -> bytes | None:
    """Return the content of a raw file, or of the `.gz` beside it, if one of them is genuine."""
    for path in (raw, raw.with_name(f"{raw.name}.gz")):
        try:
            content = _genuine(path.read_bytes(), sha256)
        except FileNotFoundError:
            continue
        except OSError as error:
            reasons.append(f"{path} cannot be read ({error.strerror or error})")
            continue
        except ValueError as error:
            reasons.append(f"{path} is damaged ({error})")
            continue
        if mend and path != raw and raw.exists():
            _keep(raw, content)
        return content
    return None


def _genuine(data: bytes, sha256: str) -> bytes:
    """Return the raw file in `data`, which may be its `.gz`, if it is the genuine one.

    Raises:
        ValueError: It is not.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, MAX_RAW_BYTES)
        except zlib.error as error:
            raise ValueError("it does not inflate") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("its SHA-256 is wrong")
    return data


def _parse(content: bytes) -> Tensor:
    """Return the images (N, 28, 28) uint8, or the labels (N,) int64, of a file in MNIST's format.

    Raises:
        ValueError: The header does not fit the content, or a label is not in 0..9.

    Source: the file format on http://yann.lecun.com/exdb/mnist/
    """
    # Two zero bytes, 8 for uint8, the number of dimensions, each size in four bytes, the values.
    num_dimensions = {b"\x00\x00\x08\x01": 1, b"\x00\x00\x08\x03": 3}.get(content[:4])
    if num_dimensions is None:
        raise ValueError("the header is neither of images nor of labels")
    shape = np.frombuffer(content, dtype=">i4", offset=4, count=num_dimensions).tolist()
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * num_dimensions)
    tensor = torch.from_numpy(values.reshape(shape).copy())
    if num_dimensions == 3:
        return tensor
    if tensor.max() > 9:
        raise ValueError(f"label {tensor.max()} is not in 0..9")
    return tensor.long()


# ---- written ----


def _keep(path: Path, content: bytes) -> None:
    """Write a file for the next time; a disk that is full or read-only is no error."""
    with contextlib.suppress(OSError), replacing(path) as file:
        file.write(content)


# ---- downloaded ----


def mirrors(source: Source) -> list[str]:
    """Return the addresses that torchvision knows for the data set."""
    import torchvision.datasets  # slow, and needed for a download alone

    return list(getattr(torchvision.datasets, source.dataset).mirrors)


def _download(
    source: Source, names: Sequence[str], failures: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, genuine content) as far as the mirrors have it; add to `failures` what failed.

    A mirror that fails once is not asked again, so dead mirrors cost at most GIVE_UP_SECONDS.
    """
    from tqdm.auto import tqdm

    words = f"Downloading {source.title}"
    with tqdm(total=source.download_bytes, desc=words, unit="B", unit_scale=True) as bar:
        started = time.monotonic()
        try:
            remaining = mirrors(source)
        except (ImportError, RuntimeError) as error:  # a torchvision that does not fit this torch
            failures.append(f"torchvision does not load ({error})")
            return
        budget = GIVE_UP_SECONDS - (time.monotonic() - started)  # the import took its share
        shortest, longest = SILENCE_SECONDS
        seconds = min(longest, max(shortest, budget / max(1, len(remaining))))
        for name in names:
            while remaining:
                before = bar.n
                try:
                    url = f"{remaining[0].rstrip('/')}/{name}.gz"
                    data = _receive(
                        url, seconds=seconds, limit=source.download_bytes, progress=bar.update
                    )
                    content = _genuine(data, source.sha256[name])
                except (OSError, ValueError, http.client.HTTPException) as error:
                    failures.append(f"{remaining.pop(0)} {_in_words(error, seconds)}")
                    bar.update(before - bar.n)
                    continue
                yield name, content
                break
        bar.leave = bar.n > 0  # an empty bar would say less than the error that follows


def _receive(url: str, *, seconds: float, limit: int, progress: Callable[[int], object]) -> bytes:
    """Return what the address sends; TimeoutError if no more of it comes in so many seconds."""
    request = urllib.request.Request(url, headers={"User-Agent": "tutorial_lib"})
    data, counted, since = bytearray(), 0, time.monotonic()
    with urllib.request.urlopen(request, timeout=seconds) as response:
        while chunk := response.read1(CHUNK_BYTES):
            data += chunk
            progress(len(chunk))
            if len(data) > limit:
                raise ValueError("too long")
            if len(data) - counted >= CHUNK_BYTES:
                counted, since = len(data), time.monotonic()
            elif time.monotonic() - since > seconds:  # a byte now and then is no answer either
                raise TimeoutError
    return bytes(data)


def why_silent(url: str, *, seconds: float) -> str:
    """Return why an address does not send a small file in twice so many seconds; "" if it does."""
    try:
        _receive(url, seconds=seconds, limit=CHUNK_BYTES, progress=lambda count: None)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return _in_words(error, seconds)
    return ""


def _in_words(error: Exception, seconds: float) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it carries the open connection
        return f"answers {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return f"sends nothing for {seconds:.2g} seconds"
    if isinstance(error, OSError):
        return f"cannot be reached ({cause})"
    return "sends a damaged file"
