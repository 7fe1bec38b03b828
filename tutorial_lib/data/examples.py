"""What a learner gives becomes tensors, or is refused: what is wrong, where and how often."""

import numbers
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.checks import shown
from tutorial_lib.data.sets import Data
from tutorial_lib.data.split import Split

PARTS = {"train": "training set", "validation": "validation set", "test": "test set"}
FEW = 20  # so many different whole numbers may be classes that are written as floats
NAMES_SHOWN = 10  # of classes, in a notice
KINDS = {"numbers": "floats", "labels": "whole numbers", "texts": "texts"}


@dataclass(frozen=True)
class Targets:
    """Targets as given: floats (N, T) float32, whole numbers (N,) int64, or texts (N,)."""

    kind: Literal["numbers", "labels", "texts"]
    values: Any  # a tensor, or of texts a numpy array
    are_bools: bool = False

    def __len__(self) -> int:
        return len(self.values)


# ---- inputs ----


def inputs_of(value: Any, what: str) -> Tensor:
    """Return a copy of inputs as a tensor (N, ...), float32 or int64, on the CPU.

    Args:
        value: Anything that numpy makes an array of numbers of. Tensors of int64 stay whole (they
            may be indices for an embedding), all else becomes float32. One float for each example,
            (N,), becomes (N, 1).
        what: What it is called in a message: "the inputs of the training set".

    Raises:
        TypeError, ValueError: It is none, or has no rows, or one that is no finite number.
    """
    columns = list(value.columns) if hasattr(value, "iloc") and hasattr(value, "columns") else None
    if isinstance(value, Tensor):
        given: Any = plain(value, what)
        if given.dtype is torch.int64:
            _check_rows(given, what)
            return given.to("cpu", copy=True, memory_format=torch.contiguous_format)
    else:
        given = _array(value, what)
        if given.dtype.kind == "O":
            given = _numbers_of_objects(given, what, columns)
        elif given.dtype.kind in "US":
            place = _place([0] * given.ndim, columns)
            raise TypeError(
                f"{what} must be numbers; they are texts, the first {shown(str(given.flat[0]))} at "
                f"{place}"
            )
        elif given.dtype.kind not in "fiub":
            raise TypeError(f"{what} must be real numbers; they are of dtype {given.dtype}")
    _check_rows(given, what)
    tensor = _as_float32(given)
    refuse_not_finite(tensor, given, what, columns)
    return tensor[:, None] if tensor.dim() == 1 else tensor  # (N, 1)


def _as_float32(given: Tensor | np.ndarray) -> Tensor:
    """Return a contiguous copy, on the CPU."""
    if isinstance(given, Tensor):
        return given.to(
            "cpu", torch.float32, copy=True, memory_format=torch.contiguous_format
        ).requires_grad_(False)
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused in words
        return torch.from_numpy(np.array(given, dtype=np.float32, order="C"))


def _check_rows(given: Tensor | np.ndarray, what: str) -> None:
    shape = list(given.shape)
    if not shape:
        raise ValueError(f"{what} must be one for each example; got a single value")
    if not shape[0]:
        raise ValueError(f"{what} must be of at least one example; got none, of shape {shape}")
    if 0 in shape:
        raise ValueError(f"{what} must hold numbers; got none in an example, of shape {shape}")


def refuse_not_finite(
    tensor: Tensor, given: Any, what: str, columns: Sequence[Any] | None = None
) -> None:
    """Refuse a tensor with NaN or infinities, naming the first place and how many there are.

    Args:
        given: What the tensor was made of, of the same shape: it says what stands there.
    """
    # No sum of finite float32 is too large for a float64.
    if not tensor.is_floating_point() or bool(tensor.sum(dtype=torch.float64).isfinite()):
        return
    bad = tensor.isfinite().logical_not_()
    index = bad.nonzero()[0].tolist()
    there = given[tuple(index)]
    there = there.item() if hasattr(there, "item") else there
    if isinstance(there, numbers.Real) and np.isfinite(there):
        there = f"{there:g}, too large for float32"
    count = int(bad.sum())
    raise ValueError(
        f"{what} must be finite numbers; {count:,} of {tensor.numel():,} {are(count)} not, the "
        f"first at {_place(index, columns)}: {there}"
    )


def _place(index: Sequence[int], columns: Sequence[Any] | None = None) -> str:
    """Return "row 3", or "[3, 1]", the second by its name where columns have one."""
    if len(index) == 1:
        return f"row {index[0]:,}"
    if columns is not None and len(index) == 2:
        return f"row {index[0]:,}, column {columns[index[1]]!r}"
    return str(list(index))


def plain(tensor: Tensor, what: str) -> Tensor:
    """Return a tensor of real numbers in memory, without its history."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        how = "meta" if tensor.device.type == "meta" else "quantized"
        how = how if tensor.layout is torch.strided else "sparse"
        raise TypeError(f"{what} must be a plain tensor; this one is {how}")
    if tensor.is_complex():
        raise TypeError(f"{what} must be real numbers; they are of dtype {tensor.dtype}")
    return tensor.detach()


def _array(value: Any, what: str) -> np.ndarray:
    """Return what numpy makes of a value, unless numpy would lose something without a word."""
    if isinstance(value, (str, bytes, Mapping, set, frozenset, Iterator)) or callable(value):
        raise TypeError(f"{what} must be an array, a tensor or a list; got {shown(value)}")
    if hasattr(value, "toarray"):
        raise TypeError(f"{what} must be a plain array; this one is sparse: take x.toarray()")
    if np.ma.is_masked(value):
        count, first = int(np.ma.getmaskarray(value).sum()), np.argwhere(value.mask)[0].tolist()
        raise ValueError(
            f"{what} must not be masked; {count:,} {are(count)}, at first {_place(first)}"
        )
    if isinstance(value, (list, tuple)):
        value = [_array_of_tensor(item, what) for item in value]
        _refuse_unequal(value, what)
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever numpy or the value's own class says
        raise TypeError(f"{what} must be an array, a tensor or a list: {error}") from None
    if array.dtype.kind == "U" and isinstance(value, list):
        _refuse_mixed(value, what)
    return array


def _array_of_tensor(item: Any, what: str) -> Any:
    if not isinstance(item, Tensor):
        return item
    item = plain(item, what).cpu()
    known_to_numpy = item.dtype.itemsize > 1 and item.dtype is not torch.bfloat16
    return (item if known_to_numpy or not item.is_floating_point() else item.float()).numpy()


def _refuse_unequal(rows: list[Any], what: str) -> None:
    """Refuse a list whose rows are of different shapes."""
    first = None
    for number, row in enumerate(rows):
        try:
            shape = np.shape(row)
        except ValueError:
            raise ValueError(f"{what} must be of one shape; row {number} is ragged") from None
        first = shape if first is None else first
        if shape != first:
            raise ValueError(
                f"{what} must be of one shape; row {number} is {list(shape)}, row 0 {list(first)}"
            )


def _refuse_mixed(values: list[Any], what: str) -> None:
    """Refuse a list of texts and others, which numpy makes texts of."""
    for number, value in enumerate(values):
        if not isinstance(value, (str, np.ndarray, list, tuple)):
            raise TypeError(
                f"{what} must be of one kind; there are texts, and at row {number} stands "
                f"{shown(value)}"
            )


def _numbers_of_objects(array: np.ndarray, what: str, columns: Sequence[Any] | None) -> np.ndarray:
    """Return an array of Python objects as float64; what is missing becomes NaN."""
    numbers_there = np.full(array.shape, np.nan)
    for index in np.ndindex(array.shape):
        value = array[index]
        if isinstance(value, (numbers.Real, Decimal, np.bool_)):
            try:
                numbers_there[index] = float(value)
            except OverflowError:
                numbers_there[index] = np.inf
        elif not _is_missing(value):
            raise TypeError(
                f"{what} must be numbers; at {_place(index, columns)} stands {shown(value)}, "
                f"which is a {type(value).__name__}"
            )
    return numbers_there


def _is_missing(value: Any) -> bool:
    """Tell whether a value stands for none: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and bool(value != value)


# ---- targets ----


def targets_of(value: Any, what: str) -> Targets:
    """Return a copy of targets; their type says what is to be learned.

    Args:
        value: Anything that numpy makes an array of: floats (N,) or (N, T) are numbers to be
            predicted; whole numbers, bools and texts, (N,) or (N, 1), are classes.
        what: What it is called in a message: "the targets of the training set".

    Raises:
        TypeError, ValueError: It is none of these.
    """
    if isinstance(value, Tensor):
        given: Any = plain(value, what).cpu()
        is_float, is_bool = given.is_floating_point(), given.dtype is torch.bool
    else:
        given = _array(value, what)
        if given.dtype.kind == "O":
            given = _of_one_kind(given, what)
        if given.dtype.kind in "UST":
            try:
                texts = np.char.decode(given) if given.dtype.kind == "S" else given.astype(str)
            except UnicodeDecodeError:
                raise ValueError(f"{what} must be texts; there are bytes not in UTF-8") from None
            return Targets("texts", _single_column(texts, what))
        if given.dtype.kind not in "fiub":
            raise TypeError(
                f"{what} must be floats, whole numbers or texts; they are of dtype {given.dtype}"
            )
        is_float, is_bool = given.dtype.kind == "f", given.dtype.kind == "b"
    if is_float:
        return Targets("numbers", _numbers(given, what))
    single = _single_column(given, what)
    if isinstance(single, np.ndarray):
        if single.dtype == np.uint64 and single.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{what} must be whole numbers from 0; the largest is {single.max()}")
        single = torch.from_numpy(single.astype(np.int64))
    elif single.dtype is torch.uint64 and single.view(torch.int64).min() < 0:
        raise ValueError(f"{what} must be whole numbers from 0; one is above {2**63 - 1}")
    return Targets("labels", single.to(torch.int64, copy=True).contiguous(), are_bools=is_bool)


def _numbers(given: Tensor | np.ndarray, what: str) -> Tensor:
    """Return floats as (N, T) float32."""
    _check_rows(given, what)
    if given.ndim > 2:
        raise ValueError(
            f"{what} must be floats (N,) or (N, T); got shape {list(given.shape)}: "
            "flatten those of an example into one row"
        )
    tensor = _as_float32(given)
    refuse_not_finite(tensor, given, what)
    return tensor[:, None] if tensor.dim() == 1 else tensor  # (N, T)


def _single_column(given: Any, what: str) -> Any:
    """Return labels (N,) or (N, 1) as (N,)."""
    _check_rows(given, what)
    shape = list(given.shape)
    if len(shape) == 2 and shape[1] == 1:
        return given[:, 0]
    if len(shape) > 1:
        raise ValueError(
            f"{what} must be one label for each example; got shape {shape}. "
            "Of one-hot labels take labels.argmax(1); several numbers to be predicted must be "
            "floats"
        )
    return given


def _of_one_kind(array: np.ndarray, what: str) -> np.ndarray:
    """Return an array of Python objects as one of texts, of whole numbers or of floats."""
    values = array.ravel().tolist()
    missing = [number for number, value in enumerate(values) if _is_missing(value)]
    if missing:
        first = np.unravel_index(missing[0], array.shape)
        raise ValueError(
            f"{what} must not be missing; {len(missing):,} of {len(values):,} {are(len(missing))}, "
            f"the first at {_place([int(i) for i in first])}: {array[first]}"
        )
    for kinds, dtype in (
        ((bool, np.bool_), bool),
        (str, str),
        (numbers.Integral, np.int64),
        ((numbers.Real, Decimal), np.float64),
    ):
        if all(isinstance(value, kinds) for value in values):
            try:
                return np.array(values, dtype=dtype).reshape(array.shape)
            except OverflowError:
                raise ValueError(f"{what} must fit into 64 bits; the largest does not") from None
    first_kind = type(values[0])
    other = next((n for n, v in enumerate(values) if type(v) is not first_kind), 0)
    raise TypeError(
        f"{what} must be all floats, all whole numbers or all texts; at row {other} stands "
        f"{shown(values[other])}, which is a {type(values[other]).__name__}"
    )


def settle(
    given: Mapping[str, Targets], classes: tuple[str, ...] | None, *, named: bool = True
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the targets of all sets as a run learns them, and the names of the classes.

    Args:
        given: Part, as in `PARTS`, -> what was given; "train" is there.
        classes: Names of the classes from 0 on, or None: then texts name them.
        named: Whether the learner named the classes: then they must fit.

    Returns:
        Part -> (N,) int64 or (N, T) float32; the names, none of them of a regression.

    Raises:
        ValueError: The sets do not fit each other, or the labels do not fit the classes.
    """
    train = given["train"]
    for part, targets in given.items():
        if targets.kind != train.kind:
            raise ValueError(
                f"{_targets(part)} must be of one kind with those of the training set, which are "
                f"{KINDS[train.kind]}; they are {KINDS[targets.kind]}"
            )
    if train.kind == "numbers":
        if classes is not None and named:
            raise ValueError(
                "classes must be left out: the targets are floats, so this is a regression; "
                "labels are whole numbers, targets.astype(int)"
            )
        for part, targets in given.items():
            width, wanted = targets.values.shape[1], train.values.shape[1]
            if width != wanted:
                raise ValueError(
                    f"{_targets(part)} must be {wanted:,} an example as in the training set; "
                    f"they are {width:,}"
                )
        return {part: targets.values for part, targets in given.items()}, ()
    if train.kind == "texts":
        if classes is None or not named:
            classes = tuple(np.unique(train.values).tolist())
        if not all(map(str.strip, classes)):
            count = int((np.char.strip(train.values) == "").sum())
            raise ValueError(f"{_targets('train')} must be names; {count:,} {are(count)} empty")
        labels = {part: _numbered(targets, part, classes) for part, targets in given.items()}
    else:
        labels = {part: targets.values for part, targets in given.items()}
        if classes is not None and not named and int(labels["train"].max()) >= len(classes):
            classes = None
        if classes is None and all(targets.are_bools for targets in given.values()):
            classes = ("False", "True")
    _check_labels(labels, classes)
    return labels, classes or ()


def _targets(part: str) -> str:
    return f"the targets of the {PARTS[part]}"


def _numbered(targets: Targets, part: str, classes: tuple[str, ...]) -> Tensor:
    """Return the number of each text (N,) int64."""
    number_of = {name: number for number, name in enumerate(classes)}
    labels = torch.tensor([number_of.get(text, -1) for text in targets.values.tolist()])
    if unknown := (labels < 0).nonzero().flatten().tolist():
        text = shown(str(targets.values[unknown[0]]))
        raise ValueError(
            f"{_targets(part)} must be among the classes {listed(classes)}; {len(unknown):,} "
            f"{are(len(unknown))} not, the first at row {unknown[0]:,}: {text}"
        )
    return labels


def _check_labels(labels: Mapping[str, Tensor], classes: tuple[str, ...] | None) -> None:
    """Refuse labels that are no classes from 0 on, or that training does not show."""
    train = labels["train"]
    present = train.unique()  # ascending
    low, high = int(present[0]), int(present[-1])
    if present.tolist() == [-1, 1]:
        raise ValueError(
            f"{_targets('train')} must be whole numbers from 0; they are -1 and 1: take "
            "(labels > 0)"
        )
    for part, values in labels.items():
        _refuse_where(values < 0, values, f"{_targets(part)} must be whole numbers from 0")
    if classes is not None:
        by_one = ""
        if low == 1 and high == len(classes):
            by_one = " (they count from 1: take labels - 1)"
        for part, values in labels.items():
            wanted = f"{_targets(part)} must be from 0 to {len(classes) - 1}, as classes names"
            _refuse_where(values >= len(classes), values, f"{wanted} {len(classes)}{by_one}")
    if len(present) == 1:
        raise ValueError(
            f"{_targets('train')} must be of at least two classes; all {len(train):,} are "
            f"{classes[low] if classes else low}"
        )
    if classes is None and len(present) <= high:
        if low == 1 and len(present) == high:
            raise ValueError(
                f"{_targets('train')} must be whole numbers from 0; they are from 1 to {high:,}: "
                "take labels - 1"
            )
        gap = int(next(i for i in range(high) if i >= len(present) or int(present[i]) != i))
        raise ValueError(
            f"{_targets('train')} must be 0, 1, 2 and so on without a gap; they are "
            f"{len(present):,} different numbers from {low:,} to {high:,}, and none is {gap}. Are "
            "they numbers to be predicted? Make them floats. Are they classes? Name all in "
            "classes=, or take np.unique(labels, return_inverse=True)[1]"
        )
    for part, values in labels.items():
        wanted = f"{_targets(part)} must be of classes that the training set shows"
        _refuse_where(torch.isin(values, present).logical_not(), values, wanted, classes)


def _refuse_where(
    bad: Tensor, labels: Tensor, wanted: str, classes: tuple[str, ...] | None = None
) -> None:
    """Refuse labels where `bad` (N,) is true."""
    rows = bad.nonzero().flatten()
    if len(rows):
        label = int(labels[rows[0]])
        raise ValueError(
            f"{wanted}; {len(rows):,} of {len(labels):,} {are(len(rows))} not, the first at row "
            f"{int(rows[0]):,}: {shown(classes[label]) if classes else label}"
        )


# ---- all of it ----


def check_alike(shapes: Mapping[str, tuple[tuple[int, ...], torch.dtype]]) -> None:
    """Refuse sets whose examples differ in shape or type; part -> shape and dtype of an input."""
    wanted_shape, wanted_type = shapes["train"]
    for part, (shape, dtype) in shapes.items():
        what = f"the inputs of the {PARTS[part]} must be as those of the training set"
        if shape != wanted_shape:
            raise ValueError(f"{what}, of shape {list(wanted_shape)}; they are {list(shape)}")
        if dtype != wanted_type:
            raise ValueError(f"{what}, {wanted_type}; they are {dtype}")


def assemble(
    splits: Mapping[str, Split],
    *,
    name: str,
    noun: str,
    classes: tuple[str, ...],
    device: torch.device,
    sentences: Sequence[str] = (),
    of_what: str = "",
    make_again: Callable[[Any], Data] | None = None,
    prepare: Callable[[Any], Tensor] | None = None,
) -> Data:
    """Return the data, with a notice in words.

    Args:
        splits: Part, as in `PARTS`, -> its examples.
        sentences: What else the notice says.
        of_what: What is learned to be told, " of 'species'" say.
    """
    train = splits["train"]
    sizes = [f"{len(train):,} {noun} to train on"]
    for part, role in (("validation", "to choose by"), ("test", "for the test")):
        if part in splits:
            sizes.append(f"{len(splits[part]):,} {role}")
    if train.targets.is_floating_point():
        count = train.targets.shape[1]
        task = f"a regression{of_what}, {'one number' if count == 1 else f'{count:,} numbers'}"
        task += " to predict"
        if _may_be_labels(train.targets):
            sentences = [
                "The targets are whole, but floats, so this is a regression; as whole numbers "
                "they would be classes.",
                *sentences,
            ]
    else:
        named = classes or tuple(map(str, range(int(train.targets.max()) + 1)))
        task = f"a classification{of_what}, {len(named):,} classes: {listed(named)}"
    notice = f"{name}: {', '.join(sizes)}. {_each(train.shape)} each; {task}."
    return Data(
        name,
        " ".join([notice, *sentences]),
        train,
        splits.get("test"),
        device,
        noun=noun,
        validation=splits.get("validation"),
        classes=classes,
        make_again=make_again,
        prepare=prepare,
    )


def are(count: int) -> str:
    """Return "is" of one, else "are"."""
    return "is" if count == 1 else "are"


def listed(names: Sequence[str]) -> str:
    """Return names with commas between; of many the first ones, and how many more there are."""
    if len(names) <= NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES_SHOWN])} and {len(names) - NAMES_SHOWN:,} more"


def _each(shape: tuple[int, ...]) -> str:
    if len(shape) > 1:
        return " x ".join(map(str, shape))
    return "One number" if shape in ((), (1,)) else f"{shape[0]:,} numbers"


def _may_be_labels(targets: Tensor) -> bool:
    """Tell whether floats look like labels: one column of a few whole numbers."""
    if targets.shape[1] > 1 or bool((targets != targets.round()).any()):
        return False
    return len(targets.unique()) <= FEW


def check_texts(**texts: Any) -> None:
    """Refuse what is no text, or an empty one; field -> value."""
    for field, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(
                f"{field} must be a text; got {shown(value)}, which is a {type(value).__name__}"
            )
        if not value.strip():
            raise ValueError(f"{field} must be a text that is not empty; got {shown(value)}")


def check_path(path: Any, what: str) -> Path:
    """Return the absolute path of something that is there."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a text or a Path; got {shown(path)}")
    there = Path(os.path.abspath(os.path.expanduser(path)))
    try:
        is_there = there.exists()
    except (OSError, ValueError) as error:  # a name that no system knows; one may not look into it
        raise ValueError(f"path must be that of {what}; {shown(str(path))}: {error}") from None
    if not is_there:
        raise ValueError(f"path must be that of {what}; {there} is not there")
    return there
