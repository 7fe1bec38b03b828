"""Plain values and tensors as bytes, and back: what is read cannot run, and grows to no more.

The bytes are one line of JSON and then the numbers of the tensors, one after another.
"""

import json
import math
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor

DEEPEST = 100  # so many values within values; the state of a run has about five
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in vars(torch).values()
    if isinstance(dtype, torch.dtype)
}
Table = dict[tuple[Any, ...], tuple[int, Tensor]]  # where it lies in memory -> number, tensor


def pack(value: Any) -> bytes:
    """Return a value as bytes.

    Args:
        value: None, a truth value, number, text, bytes or tensor, or lists, tuples, sets
            and dicts of these.

    Raises:
        ValueError: Something in it is of another kind; it says what, and where.
    """
    tensors: Table = {}
    tree = _to_json(value, tensors, "it", 0)
    pieces, table = [], []
    for _, tensor in tensors.values():
        # As it lies in memory: a GPU's way to add may depend on it.
        order = sorted(range(tensor.dim()), key=lambda axis: -tensor.stride(axis))
        flat = tensor.permute(order).contiguous().reshape(-1)
        pieces.append(flat.view(torch.uint8).numpy())
        table.append([str(tensor.dtype).removeprefix("torch."), list(tensor.shape), order])
    line = json.dumps({"value": tree, "tensors": table}, separators=(",", ":"))
    return b"".join([line.encode(), b"\n", *pieces])


def unpack(content: bytes) -> Any:
    """Return the value whose bytes these are; its tensors are on the CPU.

    Raises:
        ValueError: They are not what `pack` writes.
    """
    line, _, numbers = content.partition(b"\n")
    try:
        held = json.loads(line)
        tensors = _tensors(held["tensors"], memoryview(numbers))
        return _from_json(held["value"], tensors, 0)
    except (AttributeError, LookupError, RuntimeError, TypeError, ArithmeticError) as error:
        # a RecursionError is a RuntimeError, and so is what torch raises
        raise ValueError(f"no values as they are packed here: {error}") from error


def _tensors(table: Any, numbers: memoryview) -> list[Tensor]:
    tensors, start = [], 0
    for name, shape, order in table:
        dtype = DTYPES[name]
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"a tensor has the shape {shape!r}")
        end = start + math.prod(shape) * dtype.itemsize
        if end > len(numbers) or sorted(order) != list(range(len(shape))):
            raise ValueError("a tensor is larger than what there is of it")
        shape_there = [shape[axis] for axis in order]
        flat = torch.tensor(np.frombuffer(numbers[start:end], np.uint8)).view(dtype)
        back = [order.index(axis) for axis in range(len(shape))]
        tensors.append(flat.reshape(shape_there).permute(back))
        start = end
    if start != len(numbers):
        raise ValueError("there are more numbers than tensors")
    return tensors


def _to_json(value: Any, tensors: Table, where: str, depth: int) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if depth > DEEPEST:
        raise ValueError(f"{where} lies too deep, or contains itself")
    if isinstance(value, Tensor):
        return {"tensor": _keep(_plain(value, where), tensors)}
    if isinstance(value, bytes):
        return {"bytes": _keep(torch.tensor(np.frombuffer(value, np.uint8)), tensors)}
    if type(value) in (list, tuple, torch.Size, set):
        parts = [
            _to_json(part, tensors, f"{where}[{index}]", depth + 1)
            for index, part in enumerate(value)
        ]
        if isinstance(value, list):
            return parts
        return {"set" if isinstance(value, set) else "tuple": parts}
    if type(value) in (dict, OrderedDict):
        pairs = []
        for key, part in value.items():
            name = _to_json(key, tensors, f"a key of {where}", depth + 1)
            pairs.append([name, _to_json(part, tensors, f"{where}[{key!r:.80}]", depth + 1)])
        if not hasattr(value, "_metadata"):
            return {"dict": pairs}
        # The versions of a model's layers, which torch hangs on its state.
        versions = _to_json(dict(value._metadata), tensors, f"{where}._metadata", depth + 1)
        return {"dict": pairs, "metadata": versions}
    raise ValueError(f"{where} is a {type(value).__name__}, which cannot be kept in a file")


def _plain(tensor: Tensor, where: str) -> Tensor:
    """Return a tensor as plain numbers on the CPU, or say why there are none."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        raise ValueError(f"{where} is a sparse, quantized, nested or empty kind of tensor")
    return tensor.detach().cpu().resolve_conj().resolve_neg()


def _keep(tensor: Tensor, tensors: Table) -> int:
    """Return a tensor's number in the table; one that has two names has one."""
    place = tensor.data_ptr() or id(tensor), tensor.dtype, tensor.shape, tensor.stride()
    number, _ = tensors.setdefault(place, (len(tensors), tensor))
    return number


def _from_json(tree: Any, tensors: list[Tensor], depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("values lie too deep")
    if isinstance(tree, list):
        return [_from_json(part, tensors, depth + 1) for part in tree]
    if not isinstance(tree, dict):
        return tree
    kind, *_ = tree
    if kind == "tensor":
        return tensors[_index(tree["tensor"])]
    if kind == "bytes":
        return tensors[_index(tree["bytes"])].numpy().tobytes()
    if kind == "complex":
        return complex(*tree["complex"])
    if kind in ("tuple", "set"):
        parts = [_from_json(part, tensors, depth + 1) for part in tree[kind]]
        return set(parts) if kind == "set" else tuple(parts)
    values = {
        _from_json(key, tensors, depth + 1): _from_json(part, tensors, depth + 1)
        for key, part in tree["dict"]
    }
    if "metadata" in tree:
        values = OrderedDict(values)
        values._metadata = OrderedDict(_from_json(tree["metadata"], tensors, depth + 1))
    return values


def _index(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"a tensor has the number {number!r}")
    return number
