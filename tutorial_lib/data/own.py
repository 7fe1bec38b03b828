"""Data of one's own: tensors, arrays and tables in memory, and any map-style Dataset of torch."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.data.examples import (
    PARTS,
    Targets,
    assemble,
    check_alike,
    check_texts,
    inputs_of,
    plain,
    refuse_not_finite,
    settle,
    targets_of,
)
from tutorial_lib.data.sets import Data, names_of
from tutorial_lib.data.split import Split
from tutorial_lib.data.streamed import MOST_WORKERS, StreamedSplit
from tutorial_lib.hardware import choose_device, free_memory, use_usual_threads
from tutorial_lib.random_state import seeded

READY = torch.float32, torch.int64  # types of inputs that stay as they are
NUM_PROBED = 16  # items that are asked for twice: whether they are the same each time
NO_NAMES = (TensorDataset, Subset, ConcatDataset, list, tuple)  # classes that name no data


def from_tensors(
    train: Any,
    *others: Any,
    validation: Any = None,
    test: Any = None,
    name: str = "own data",
    noun: str = "examples",
    classes: Iterable[Any] | None = None,
    device: str | torch.device = "auto",
) -> Data:
    """Return your own examples as data, from arrays, tensors, lists or tables of pandas.

    Everything is copied: what you do to your arrays later changes nothing here.

    Args:
        train: A pair (inputs, targets). Inputs (N, ...) are of any shape; they become float32, but
            for tensors of int64, which stay as they are (indices for an embedding); one float for
            each example becomes (N, 1). Targets that are whole numbers from 0, bools or texts,
            (N,) or (N, 1), make a classification; floats, (N,) or (N, T), a regression.
        validation: Such a pair to choose settings by. None: there is none; `Data.hold_out` takes
            one out of the training set.
        test: Such a pair, to be looked at once, at the end.
        name: What the learner calls it.
        noun: What the examples are, in the plural: "wines".
        classes: The names of the classes from 0 on; of text labels which ones there are, and their
            order. None: texts name themselves and are sorted, whole numbers have no names.
        device: Where the tensors are to be: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        TypeError, ValueError: Something is wrong. It says what, where, and how often.
    """
    if others:
        raise TypeError(
            "from_tensors must be given a pair, from_tensors((x, y)); other sets by their names, "
            "validation=(x, y) and test=(x, y)"
        )
    check_texts(name=name, noun=noun)
    names = None if classes is None else names_of(classes)
    device = _device(device)
    inputs: dict[str, Tensor] = {}
    given: dict[str, Targets] = {}
    for part, pair in _parts(train, validation, test):
        x, y = _pair(pair, part)
        inputs[part] = inputs_of(x, f"the inputs of the {PARTS[part]}")
        given[part] = targets_of(y, f"the targets of the {PARTS[part]}")
        if len(inputs[part]) != len(given[part]):
            raise ValueError(
                f"the {PARTS[part]} must have one target for each input; it has "
                f"{len(inputs[part]):,} inputs and {len(given[part]):,} targets"
            )
    check_alike({part: (tuple(x.shape[1:]), x.dtype) for part, x in inputs.items()})
    targets, names = settle(given, names)
    splits = {part: Split(inputs[part].to(device), targets[part].to(device)) for part in inputs}
    return assemble(splits, name=name, noun=noun, classes=names, device=device)


def _device(device: str | torch.device) -> torch.device:
    use_usual_threads()  # also for what a learner then trains by hand
    return choose_device(device)


def _parts(train: Any, validation: Any, test: Any) -> list[tuple[str, Any]]:
    """Return the parts that there are, each with what was given."""
    given = zip(PARTS, (train, validation, test), strict=True)
    return [(part, value) for part, value in given if part == "train" or value is not None]


def _pair(pair: Any, part: str) -> tuple[Any, Any]:
    wanted = f"the {PARTS[part]} must be a pair (inputs, targets)"
    if isinstance(pair, (Dataset, DataLoader)):
        raise TypeError(f"{wanted}; a {type(pair).__name__} is for from_dataset")
    if not isinstance(pair, (tuple, list)):
        raise TypeError(f"{wanted}; got a {type(pair).__name__}")
    if len(pair) != 2:
        raise ValueError(f"{wanted}; got {len(pair)} of them")
    return pair[0], pair[1]


# ---- a Dataset ----


def from_dataset(
    train: Any,
    *,
    validation: Any = None,
    test: Any = None,
    name: str | None = None,
    noun: str = "examples",
    classes: Iterable[Any] | None = None,
    in_memory: bool | None = None,
    workers: int = 2,
    device: str | torch.device = "auto",
) -> Data:
    """Return a Dataset of torch or torchvision as data, in memory where it fits, else streamed.

    Args:
        train: Whatever has a length and gives a pair (input, target) for each index: a Dataset, a
            Subset, a list of pairs. Inputs are tensors, arrays or numbers of one shape; pictures
            of Pillow become (C, H, W) float32 from 0 to 1. Targets are as in `from_tensors`.
        validation: Such a one to choose settings by.
        test: Such a one, to be looked at once, at the end.
        name: What the learner calls it. None: the name of its class.
        noun: What the examples are, in the plural.
        classes: The names of the classes. None: as `train.classes` says, where it does.
        in_memory: Whether all items are read once and kept. None: where they fit into half of the
            free memory and are the same each time; items that are drawn anew each time (random
            augmentation) are streamed.
        workers: Processes that read ahead where it is streamed.
        device: Where batches are to be: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        TypeError, ValueError: Something is wrong. It says what, and at which index.
    """
    check_texts(noun=noun, **({} if name is None else {"name": name}))
    names = None if classes is None else names_of(classes)
    check_reading(in_memory, workers)
    device = _device(device)
    parts = dict(_parts(train, validation, test))
    for part, dataset in parts.items():
        _check_dataset(dataset, f"the {PARTS[part]}")
    probes = {part: _Probe(dataset, f"the {PARTS[part]}") for part, dataset in parts.items()}
    check_alike({part: (probe.shape, probe.dtype) for part, probe in probes.items()})
    _settle_probed(probes)
    named = names is not None
    names = names if named else _class_names_of(train)
    read: dict[str, Tensor] = {}
    given: dict[str, Targets] = {}
    sentences: list[str] = []
    free = free_memory(device)
    for part, probe in probes.items():
        keeps, why = _is_kept(probe, in_memory, free, workers)
        sentences.append(f"The {PARTS[part]} {why}.")
        if keeps:
            read[part], given[part] = _read(probe, noun)
            free -= probe.num_bytes
        else:
            given[part] = _known_targets(probe) or _read_targets(probe, noun)
    targets, names = settle(given, names, named=named)
    splits: dict[str, Any] = {}
    for part, probe in probes.items():
        if part in read:
            splits[part] = Split(read[part].to(device), targets[part].to(device))
        else:
            items = Items(probe.dataset, probe.what, targets[part])
            splits[part] = StreamedSplit(items, targets[part], device, workers=workers)
    return assemble(
        splits,
        name=name or _name_of(train),
        noun=noun,
        classes=names,
        device=device,
        sentences=sentences,
    )


def check_reading(in_memory: bool | None, workers: int) -> None:
    """Refuse what does not say how items are read."""
    if in_memory is not None and not isinstance(in_memory, bool):
        raise TypeError(f"in_memory must be True, False or None; got {shown(in_memory)}")
    check_whole("workers", workers, low=0, high=MOST_WORKERS)


def _check_dataset(dataset: Any, what: str) -> None:
    """Refuse what is no map-style Dataset, or an empty one."""
    kind = type(dataset).__name__
    wanted = f"{what} must be a Dataset with a length, whose items are pairs (input, target)"
    if isinstance(dataset, IterableDataset):
        raise TypeError(
            f"{wanted}; a {kind} gives its items in one order alone, so no run could be shuffled "
            "or resumed: list(it) keeps them, where they fit into memory"
        )
    if isinstance(dataset, DataLoader):
        raise TypeError(f"{wanted}; of a DataLoader take loader.dataset")
    if isinstance(dataset, (str, bytes, Mapping)) or not hasattr(dataset, "__getitem__"):
        raise TypeError(f"{wanted}; got a {kind}")
    if isinstance(dataset, (Tensor, np.ndarray)) or (
        isinstance(dataset, tuple) and any(isinstance(x, (Tensor, np.ndarray)) for x in dataset)
    ):
        raise TypeError(f"{wanted}; tensors and arrays are for from_tensors")
    try:
        count = len(dataset)
    except TypeError:
        raise TypeError(f"{wanted}; this {kind} has no length") from None
    if not count:
        raise ValueError(f"{wanted}; this {kind} is empty")


class Items(Dataset):
    """The items of a dataset as pairs of an input, a tensor, and its target.

    Args:
        dataset: Whatever gives pairs.
        what: What it is called in a message.
        targets: (N,) int64 or (N, T) float32.
    """

    def __init__(self, dataset: Any, what: str, targets: Tensor) -> None:
        self.dataset, self.what = dataset, what
        is_regression = targets.is_floating_point()
        self._targets = targets if is_regression else targets.tolist()  # ints are collated fastest

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | int]:
        item = self.dataset[index]
        if type(item) is tuple and len(item) == 2:  # as a rule; asked for each item of each epoch
            tensor = item[0]
            if type(tensor) is Tensor and tensor.dtype in READY and not tensor.requires_grad:
                return tensor, self._targets[index]
        return _pair_of(item, index, self.what)[0], self._targets[index]


def _item(dataset: Any, index: int, what: str) -> tuple[Tensor, Any]:
    """Return the input of an item as a tensor, and its target as it is."""
    try:
        item = dataset[index]
    except Exception as error:  # whatever a learner's dataset does
        raise ValueError(
            f"item {index:,} of {what} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return _pair_of(item, index, what)


def _pair_of(item: Any, index: int, what: str) -> tuple[Tensor, Any]:
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        got = f"{len(item)} values" if isinstance(item, (tuple, list)) else type(item).__name__
        raise TypeError(f"item {index:,} of {what} must be a pair (input, target); got {got}")
    return _input(item[0], f"the input of item {index:,} of {what}"), item[1]


def _input(value: Any, what: str) -> Tensor:
    """Return an input as a tensor of float32 or int64."""
    if type(value) is Tensor and value.dtype in READY and value.layout is torch.strided:
        tensor = plain(value, what)
    elif (module := sys.modules.get("PIL.Image")) and isinstance(value, module.Image):
        tensor = picture_tensor(value)
    elif value is None or isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"{what} must be a tensor, an array, numbers or a picture; got "
                        f"{shown(value)}")  # fmt: skip
    else:
        # As one row of inputs: the same rules, the same words.
        row = value[None] if isinstance(value, (Tensor, np.ndarray)) else [value]
        tensor = inputs_of(row, what)[0]
    return tensor if tensor.dim() else tensor[None]  # (1,)


def picture_tensor(picture: Any) -> Tensor:
    """Return a picture of Pillow as torchvision's ToTensor does, (C, H, W) float32 from 0 to 1."""
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    pixels = torch.from_numpy(np.array(picture))  # (H, W) or (H, W, C)
    return (pixels.permute(2, 0, 1) if pixels.dim() == 3 else pixels[None]).contiguous() / 255


class _Probe:
    """What a few items tell of a dataset: their shape, type and size, and whether they stay."""

    def __init__(self, dataset: Any, what: str) -> None:
        self.dataset, self.what, self.count = dataset, what, len(dataset)
        step = max(1, self.count // NUM_PROBED)
        self.indices = [*range(0, self.count, step)][:NUM_PROBED]
        with seeded(0):  # the learner's random numbers stay as they are
            items = [self.item(index) for index in self.indices]
            again = [_item(dataset, index, what) for index in self.indices]
        for index, (tensor, _) in zip(self.indices, items, strict=True):
            refuse_not_finite(tensor, tensor, f"the input of item {index:,} of {what}")
        self.targets = [target for _, target in items]
        self.stays = all(torch.equal(a, b) for (a, _), (b, _) in zip(items, again, strict=True))
        once, twice = self.given(self.targets), self.given([target for _, target in again])
        if not _are_equal(once, twice):
            raise ValueError(f"the targets of {what} must be the same when they are read again")

    shape: tuple[int, ...] | None = None
    dtype: torch.dtype = torch.float32

    def item(self, index: int) -> tuple[Tensor, Any]:
        """Return an item; the first one says what shape and type all must have."""
        tensor, target = _item(self.dataset, index, self.what)
        if self.shape is None:
            self.shape, self.dtype = tuple(tensor.shape), tensor.dtype
        if tuple(tensor.shape) != self.shape or tensor.dtype != self.dtype:
            raise ValueError(
                f"the inputs of {self.what} must be of one shape and type; item "
                f"{self.indices[0]:,} is {list(self.shape)} {self.dtype}, item {index:,} is "
                f"{list(tensor.shape)} {tensor.dtype}"
            )
        return tensor, target

    def items(self, words: str) -> Iterable[tuple[int, Tensor, Any]]:
        """Yield index, input and target of every item, with a bar that says what is done."""
        from tqdm.auto import tqdm

        for index in tqdm(range(self.count), desc=words, leave=False, delay=0.3):
            if self.stays:
                tensor, target = self.item(index)
            else:
                with seeded(index):
                    tensor, target = self.item(index)
            yield index, tensor, target

    def given(self, targets: list[Any]) -> Targets:
        return targets_of(targets, f"the targets of {self.what}")

    @property
    def num_bytes(self) -> int:
        return self.count * max(1, int(np.prod(self.shape))) * self.dtype.itemsize


def _settle_probed(probes: Mapping[str, _Probe]) -> None:
    """Refuse targets of different kinds before everything is read."""
    kinds = {part: probe.given(probe.targets).kind for part, probe in probes.items()}
    for part, kind in kinds.items():
        if kind != kinds["train"]:
            given = {name: probes[name].given(probes[name].targets) for name in ("train", part)}
            settle(given, None)


def _is_kept(probe: _Probe, in_memory: bool | None, free: int, workers: int) -> tuple[bool, str]:
    """Return whether items are kept in memory, and in words how they are read, and why so."""
    size, room = in_bytes(probe.num_bytes), in_bytes(max(0, free))
    if in_memory and probe.num_bytes > free:
        raise ValueError(
            f"in_memory must be None or False for {probe.what}: it takes {size}, and {room} are "
            "free; got True"
        )
    if in_memory or (in_memory is None and probe.stays and probe.num_bytes <= free / 2):
        once = "" if probe.stays else ", each item as it was drawn once"
        return True, f"takes {size} in memory{once}"
    how = f"is streamed, {workers} processes read ahead" if workers else "is streamed"
    if in_memory is None and not probe.stays:
        return False, f"{how}: its items are drawn anew each time"
    if in_memory is None:
        return False, f"{how}: it would take {size}, more than half of the {room} free"
    return False, how


def in_bytes(count: float) -> str:
    """Return a size in words: "245 MB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def _read(probe: _Probe, noun: str) -> tuple[Tensor, Targets]:
    """Return all inputs (N, ...) and targets."""
    inputs = torch.empty(probe.count, *probe.shape, dtype=probe.dtype)
    targets = []
    words = f"Reading {probe.count:,} {noun} into memory, {in_bytes(probe.num_bytes)}"
    for index, tensor, target in probe.items(words):
        inputs[index] = tensor
        targets.append(target)
    refuse_not_finite(inputs, inputs, f"the inputs of {probe.what}")
    return inputs, probe.given(targets)


def _read_targets(probe: _Probe, noun: str) -> Targets:
    words = f"Reading the targets of {probe.count:,} {noun}"
    return probe.given([target for _, _, target in probe.items(words)])


def _known_targets(probe: _Probe) -> Targets | None:
    """Return the targets that a dataset keeps in one piece, if its items agree with them."""
    try:
        kept = _kept_targets(probe.dataset)
        if kept is None or len(kept) != probe.count:
            return None
        known = targets_of(kept, "")
        few = Targets(known.kind, known.values[probe.indices], known.are_bools)
        return known if _are_equal(few, probe.given(probe.targets)) else None
    except (TypeError, ValueError, IndexError):  # they are of another kind than they seem
        return None


def _kept_targets(dataset: Any) -> Any:
    if isinstance(dataset, Subset):
        kept = _kept_targets(dataset.dataset)
        return None if kept is None else np.asarray(kept)[np.asarray(dataset.indices)]
    if isinstance(dataset, TensorDataset) and len(dataset.tensors) == 2:
        return dataset.tensors[1]
    return getattr(dataset, "targets", None)


def _are_equal(one: Targets, other: Targets) -> bool:
    return one.kind == other.kind and np.array_equal(
        np.asarray(one.values), np.asarray(other.values)
    )


def _class_names_of(dataset: Any) -> tuple[str, ...] | None:
    """Return the names that a dataset gives to its classes, if it does."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    classes = getattr(dataset, "classes", None)
    if not isinstance(classes, (list, tuple)) or len(classes) < 2:
        return None
    if not all(isinstance(name, str) for name in classes):
        return None
    return names_of(classes) if len(set(classes)) == len(classes) else None


def _name_of(dataset: Any) -> str:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return "own data" if isinstance(dataset, NO_NAMES) else type(dataset).__name__
