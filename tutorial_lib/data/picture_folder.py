"""A folder of pictures, with a folder in it for each class."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.data.examples import PARTS, are, assemble, check_path, check_texts, listed
from tutorial_lib.data.own import check_reading, in_bytes
from tutorial_lib.data.sets import Data, check_amounts, drawn_apart
from tutorial_lib.data.split import Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.hardware import choose_device, free_memory, use_usual_threads

# Those of torchvision's ImageFolder, and the first frame of a GIF.
ENDINGS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif",
)  # fmt: skip
PART_FOLDERS = {"train": "train", "test": "test"} | dict.fromkeys(
    ("valid", "val", "validation"), "validation"
)
LARGEST_SIZE = 1024
AT_ONCE = 256  # pictures that threads are given at a time
NAMED = 3  # of those that are left out, in the notice


def from_folder(
    path: str | os.PathLike[str],
    *,
    size: int = 32,
    colour: bool = True,
    validation: float | int | None = 0.1,
    test: float | int | None = 0.1,
    seed: int = 0,
    name: str | None = None,
    noun: str = "pictures",
    in_memory: bool | None = None,
    workers: int = 2,
    device: str | torch.device = "auto",
) -> Data:
    """Return a folder of pictures as data: a classification, one class for each folder in it.

    The shorter side of each picture is scaled to `size`, the middle is cut out; each channel is
    normalised by mean and standard deviation of the training pictures. What is transparent becomes
    white, pictures stand upright as their camera says. Those that cannot be read are left out, and
    named in the notice. `data.prepare("new.jpg")` makes an input (1, C, S, S) of another one.

    Args:
        path: FOLDER/CLASS/PICTURE, or FOLDER/train/CLASS/PICTURE beside FOLDER/val and FOLDER/test,
            which then are taken as they are.
        size: Height and width of what the network sees, in pixels.
        colour: Three channels, or one of grey.
        validation: How many pictures to choose settings by, or above 0 and below 1 which share of
            all; drawn by class. 0 or None: none.
        test: Likewise, to be looked at once, at the end.
        seed: Decides which ones.
        name: What the learner calls it. None: the folder's name.
        noun: What the pictures are, in the plural.
        in_memory: Whether all are read once and kept. None: where they take at most half of the
            free memory.
        workers: Processes that read ahead where they are streamed.
        device: Where batches are to be: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        TypeError, ValueError: Something is wrong. It says what, and where.
    """
    root = check_path(path, "the folder")
    if not root.is_dir():
        raise ValueError(f"path must be a folder, with a folder in it for each class; {root} is a "
                         "file")  # fmt: skip
    check_whole("size", size, low=2, high=LARGEST_SIZE)
    if not isinstance(colour, bool):
        raise TypeError(f"colour must be True or False; got {shown(colour)}")
    check_amounts(validation=validation, test=test, seed=seed)
    check_texts(noun=noun, **({} if name is None else {"name": name}))
    check_reading(in_memory, workers)
    use_usual_threads()
    device = choose_device(device)
    options = {
        "size": size, "colour": colour, "validation": validation, "test": test, "seed": seed,
        "name": name, "noun": noun, "in_memory": in_memory, "workers": workers,
    }  # fmt: skip
    found = _find(root)
    shape = (3 if colour else 1, size, size)
    keeps, why = _is_kept(len(found), shape, in_memory, free_memory(device), workers)
    read = _read(found, shape, keeps=keeps, noun=noun)
    found.leave_out(read.failures)
    parts = _parts_of(found, validation, test, seed)
    mean, std = read.mean_and_std(parts["train"].numpy())
    splits: dict[str, Any] = {}
    for part in PARTS:
        if part not in parts:
            continue
        indices, targets = parts[part], found.labels[parts[part]]
        if keeps:
            inputs = normalised(read.pixels[indices], mean, std)  # (N, C, H, W)
            splits[part] = Split(inputs.to(device), targets.to(device))
        else:
            paths = [found.paths[index] for index in indices.tolist()]
            pictures = Pictures(paths, targets, shape, mean, std)
            splits[part] = StreamedSplit(pictures, targets, device, workers=workers)
    return assemble(
        splits,
        name=name or root.name or str(root),
        noun=noun,
        classes=found.classes,
        device=device,
        sentences=[f"The {noun} {why}.", *found.remarks()],
        make_again=partial(_again, str(root), tuple(options.items())),
        prepare=partial(_prepared, shape=shape, mean=mean, std=std, device=device),
    )


def _again(path: str, options: Sequence[tuple[str, Any]], device: Any) -> Data:
    return from_folder(path, **dict(options), device=device)


def _prepared(
    path: str | os.PathLike[str],
    *,
    shape: tuple[int, int, int],
    mean: Tensor,
    std: Tensor,
    device: torch.device,
) -> Tensor:
    """Return a picture as the network sees it, (1, C, S, S), normalised as those of the folder.

    Raises:
        TypeError, ValueError: It cannot be read; it says why.
    """
    file = check_path(path, "a picture")
    read = _read_or_why(file, shape)
    if isinstance(read, str):
        raise ValueError(f"path must be that of a picture; {file} cannot be read: {read}")
    return normalised(torch.from_numpy(read), mean, std)[None].to(device)


# ---- which pictures there are ----


@dataclass
class _Found:
    """The pictures of a folder, their classes, and which set each one stands in already."""

    root: Path
    classes: tuple[str, ...]
    paths: list[Path] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of the class of each
    parts: list[str] = field(default_factory=list)  # of each: "train", "validation", "test"
    num_others: int = 0  # files that are no pictures
    dropped: dict[str, str] = field(default_factory=dict)  # picture -> why it cannot be read

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def labels(self) -> Tensor:
        """The classes (N,) int64."""
        return torch.tensor(self.numbers)

    def leave_out(self, failures: dict[int, str]) -> None:
        """Drop the pictures with these indices; each class must still have one to train on."""
        self.dropped = {self._shown(self.paths[index]): why for index, why in failures.items()}
        kept = [index for index in range(len(self)) if index not in failures]
        for values in (self.paths, self.numbers, self.parts):
            values[:] = [values[index] for index in kept]
        there = {
            number for number, part in zip(self.numbers, self.parts, strict=True) if part == "train"
        }
        empty = [name for number, name in enumerate(self.classes) if number not in there]
        if empty:
            left_out = f": {self._dropped_in_words()}" if self.dropped else ""
            raise ValueError(
                f"each class must have a picture that can be read; {listed(empty)} of {self.root} "
                f"{'has' if len(empty) == 1 else 'have'} none{left_out}"
            )

    def remarks(self) -> list[str]:
        """Return sentences on what was not taken."""
        sentences = []
        if count := len(self.dropped):
            all_of = count + len(self)
            sentences.append(
                f"{count:,} of {all_of:,} pictures {are(count)} left out: "
                f"{self._dropped_in_words()}."
            )
        if self.num_others:
            files = "other file is" if self.num_others == 1 else "other files are"
            sentences.append(f"{self.num_others:,} {files} ignored.")
        return sentences

    def _dropped_in_words(self) -> str:
        named = [f"{path} ({why})" for path, why in self.dropped.items()]
        more = len(named) - NAMED
        return ", ".join(named[:NAMED]) + (f" and {more:,} more" if more > 0 else "")

    def _shown(self, path: Path) -> str:
        """Return a path within the folder, also where it is no text in UTF-8."""
        return path.relative_to(self.root).as_posix().encode(errors="replace").decode()


def _find(root: Path) -> _Found:
    """Return all pictures of a folder.

    Raises:
        ValueError: There are no two classes, or one has no picture.
    """
    top = _folders_in(root)
    of_part = {}  # part -> its folder
    for folder in top:
        part = PART_FOLDERS.get(folder.name.lower())
        if part in of_part:
            raise ValueError(
                f"there must be one folder of the {PARTS[part]}; {root} has "
                f"{of_part[part].name} and {folder.name}"
            )
        if part:
            of_part[part] = folder
    if "train" not in of_part or not _folders_in(of_part["train"]):
        of_part = {"train": root}  # a class may be called so
    classes = tuple(folder.name for folder in _folders_in(of_part["train"]))
    found = _Found(root, classes)
    if len(classes) < 2:
        loose = sum(_is_picture(path) for path in of_part["train"].iterdir())
        there = f"there is one, {classes[0]}" if classes else "there is none"
        if loose:
            there += f", and {loose:,} pictures that lie beside"
        raise ValueError(
            f"there must be a folder for each class, two or more, in {of_part['train']}; {there}"
        )
    number_of = {name: number for number, name in enumerate(classes)}
    for part, folder in of_part.items():
        inside = _folders_in(folder)
        seen = {_identity(path) for path in (root, *top, *inside)}
        beside = list(_files_in(folder))
        found.num_others += len(beside)
        if part != "train" and not inside:
            raise ValueError(
                f"the {PARTS[part]} must have a folder for each class; {folder} has none"
            )
        for class_folder in inside:
            if class_folder.name not in number_of:
                raise ValueError(
                    f"the classes of the {PARTS[part]} must be among those that training shows, "
                    f"{listed(classes)}; {folder} has {class_folder.name}"
                )
            for path in _walk(class_folder, seen):
                if _is_picture(path):
                    found.paths.append(path)
                    found.numbers.append(number_of[class_folder.name])
                    found.parts.append(part)
                else:
                    found.num_others += 1
    found.leave_out({})
    return found


def _folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; not those that programs hide in it."""
    return sorted(path for path in _entries(folder) if path.is_dir() and not _is_hidden(path.name))


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in _entries(folder) if not path.is_dir())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise _unreadable_folder(error) from None


def _unreadable_folder(error: OSError) -> ValueError:
    return ValueError(f"{error.filename} cannot be read: {error.strerror}")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_picture(path: Path) -> bool:
    """Tell whether a file is one by its name; a broken link counts, and cannot be read later."""
    is_file = path.is_file() or (path.is_symlink() and not path.exists())
    return is_file and path.suffix.lower() in ENDINGS and not _is_hidden(path.name)


def _walk(top: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield all files below a folder in the order of their names, each folder once.

    Links are followed, but not back to a folder that was `seen`.
    """

    def refuse(error: OSError) -> None:
        raise _unreadable_folder(error)

    for folder, folders, files in os.walk(top, followlinks=True, onerror=refuse):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not _is_hidden(name)
            and (identity := _identity(here / name)) not in seen
            and not seen.add(identity)
        )
        yield from (here / name for name in sorted(files))


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


# ---- reading ----


def _is_kept(
    count: int, shape: Sequence[int], in_memory: bool | None, free: int, workers: int
) -> tuple[bool, str]:
    """Return whether the pictures are kept in memory, and in words how they are read, and why."""
    num_bytes = count * int(np.prod(shape)) * 4
    needed = num_bytes * 5 / 4  # as they are read, there are the bytes besides
    size, room = in_bytes(num_bytes), in_bytes(max(0, free))
    if in_memory and needed > free:
        raise ValueError(
            f"in_memory must be None or False, or size smaller: {count:,} pictures take {size}, "
            f"and {room} are free; got True"
        )
    if in_memory or (in_memory is None and needed <= free / 2):
        return True, f"take {size} in memory"
    how = f"are streamed, {workers} processes read ahead" if workers else "are streamed"
    if in_memory is None:
        return False, f"{how}: they would take {size}, more than half of the {room} free"
    return False, how


@dataclass
class _Read:
    """What reading all pictures told."""

    pixels: Tensor | None  # (N, C, H, W) uint8, if they are kept
    sums: np.ndarray  # (N, C) int64, over the pixels of each
    squares: np.ndarray  # (N, C) int64
    failures: dict[int, str]  # index among all -> why it cannot be read
    area: int

    def mean_and_std(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel (C, 1, 1), of pixels from 0 to 1."""
        count = len(indices) * self.area
        mean = self.sums[indices].sum(axis=0) / count
        variance = self.squares[indices].sum(axis=0) / count - mean**2
        std = np.sqrt(np.maximum(variance, 0))
        std[std < 1e-3] = 255  # a channel that is the same everywhere
        both = torch.tensor(np.stack([mean, std]) / 255, dtype=torch.float32)
        return both[0, :, None, None], both[1, :, None, None]


def _read(found: _Found, shape: tuple[int, int, int], *, keeps: bool, noun: str) -> _Read:
    """Read all pictures once; those that fail are not among what is returned."""
    import joblib
    from PIL import Image
    from tqdm.auto import tqdm

    count, channels, size = len(found), *shape[:2]
    pixels = torch.empty(count, *shape, dtype=torch.uint8) if keeps else None
    sums, squares = np.zeros((2, count, channels), dtype=np.int64)
    failures: dict[int, str] = {}
    where = f" into memory, {in_bytes(count * int(np.prod(shape)) * 4)}" if keeps else ""
    bar = tqdm(desc=f"Reading {count:,} {noun}{where}", total=count, leave=False, delay=0.3)
    with bar, warnings.catch_warnings(), ThreadPoolExecutor(joblib.cpu_count()) as pool:
        warnings.simplefilter("ignore")  # of a camera's notes that are damaged, say
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for start in range(0, count, AT_ONCE):
            paths = found.paths[start : start + AT_ONCE]
            answers = pool.map(partial(_read_or_why, shape=shape), paths)
            for index, read in enumerate(answers, start):
                bar.update()
                if isinstance(read, str):
                    failures[index] = read
                    continue
                if pixels is not None:
                    pixels[index] = torch.from_numpy(read)
                flat = read.reshape(channels, -1).astype(np.int64)
                sums[index], squares[index] = flat.sum(axis=1), (flat**2).sum(axis=1)
    kept = [index for index in range(count) if index not in failures]
    if failures:
        sums, squares = sums[kept], squares[kept]
        pixels = None if pixels is None else pixels[kept]
    return _Read(pixels, sums, squares, failures, size * size)


def _read_or_why(path: Path, shape: tuple[int, int, int]) -> np.ndarray | str:
    """Return the pixels of a picture, or in words why it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        return read_picture(path, shape)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        return "too large"
    except UnidentifiedImageError:
        return "empty" if not path.stat().st_size else "no picture"
    except FileNotFoundError:
        return "a broken link"
    except PermissionError:
        return "not permitted"
    except Exception as error:  # whatever a damaged file makes of its decoder
        return "cut short" if "truncated" in str(error) else f"damaged, {type(error).__name__}"


def read_picture(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> np.ndarray:
    """Return a picture as the network sees it, before it is normalised.

    Args:
        path: Its file.
        shape: (C, S, S): three channels of colour or one of grey, height and width.

    Returns:
        (C, S, S) uint8.
    """
    from PIL import Image, ImageOps

    channels, size, _ = shape
    with Image.open(path) as picture:
        picture.draft(None, (2 * size, 2 * size))  # a JPEG is decoded no larger than is needed
        picture.load()
        upright: Any = picture
        with contextlib.suppress(Exception):  # where the notes of the camera are damaged
            upright = ImageOps.exif_transpose(picture)
        flat = _flat(upright).convert("RGB" if channels == 3 else "L")
    fitted = ImageOps.fit(flat, (size, size), Image.Resampling.BILINEAR)
    pixels = np.array(fitted)  # (S, S, 3) or (S, S)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if channels == 3 else pixels[None]


def _flat(picture: Any) -> Any:
    """Return a picture of eight bits a channel, on white where it is transparent."""
    from PIL import Image

    if picture.mode[0] in "IF":  # grey of 16 bits or more
        values = np.nan_to_num(np.asarray(picture).astype(np.float64))
        top = 65535 if picture.mode[0] == "I" else (1 if values.max() <= 1 else 255)
        return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture)
    return picture


def normalised(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return pixels (..., C, H, W) uint8 as float32; mean and std (C, 1, 1) are of 0 to 1."""
    return pixels.float().div_(255).sub_(mean).div_(std)


class Pictures(Dataset):
    """Pictures that are read when they are asked for: (C, H, W) float32, normalised, and class."""

    def __init__(
        self,
        paths: Sequence[Path],
        targets: Tensor,
        shape: tuple[int, int, int],
        mean: Tensor,
        std: Tensor,
    ) -> None:
        self.paths, self.labels, self.shape = [*map(str, paths)], targets.tolist(), shape
        self.mean, self.std = mean, std

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = torch.from_numpy(read_picture(self.paths[index], self.shape))
        return normalised(pixels, self.mean, self.std), self.labels[index]


# ---- which set ----


def _parts_of(
    found: _Found, validation: float | int | None, test: float | int | None, seed: int
) -> dict[str, Tensor]:
    """Return part -> indices of its pictures; what no folder has is drawn from the training set."""
    of_part = np.array(found.parts)
    indices = {part: torch.from_numpy(np.flatnonzero(of_part == part)) for part in PARTS}
    amounts = {"test": test, "validation": validation}
    asked = {part: amount for part, amount in amounts.items() if not len(indices[part])}
    train = indices["train"]
    drawn = drawn_apart(found.labels[train], asked, seed=seed)
    held = {part: kept for part, kept in indices.items() if len(kept)}
    return held | {part: train[numbers] for part, numbers in drawn.items()}
