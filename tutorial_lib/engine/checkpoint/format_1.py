"""The files of before: one header, and a run as torch.save writes it."""

import io
import pickletools
import re
import zipfile
from typing import Any

import numpy as np
import torch

from tutorial_lib.engine.checkpoint.schema import rows_of

# What such a file may name: tensors and dicts. Others, such as bytearray, make much of little.
NAMES = re.compile(
    "collections OrderedDict|torch._utils _rebuild_(tensor_v2|parameter)"
    "|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|Complex(Float|Double))Storage"
)


def read_format_1(payload: bytes) -> tuple[dict[str, Any], np.ndarray]:
    """Return what the payload holds: all but the history, and that as rows (N,) of ROW.

    Raises:
        Exception: Of any kind, as torch raises what it likes: it is not what we wrote.
    """
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it holds packed parts")
        if sum(entry.file_size for entry in entries) > len(payload):
            raise ValueError("it claims to be larger than it is")
        (program,) = (entry for entry in entries if entry.filename.endswith("/data.pkl"))
        for operation, argument, _ in pickletools.genops(archive.read(program)):
            if operation.name == "STACK_GLOBAL" or (
                operation.name == "GLOBAL" and not NAMES.fullmatch(argument)
            ):
                raise ValueError(f"it names {argument}")
    held = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    _check_tensors(held, [100_000])
    history = held["state"].pop("history")
    for name, column in history.items():
        if column.dim() != 1 or column.dtype not in (torch.int64, torch.float64):
            raise ValueError(f"{name} in the history is not a column of numbers")
    return held, rows_of({name: column.numpy() for name, column in history.items()})


def _check_tensors(value: Any, left: list[int]) -> None:
    """Refuse tensors that are larger than what there is of them, and values without an end."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("it holds too many values")
    if isinstance(value, torch.Tensor):
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError("a tensor is larger than what there is of it")
    elif isinstance(value, dict):
        for part in value.values():
            _check_tensors(part, left)
    elif isinstance(value, list | tuple):
        for part in value:
            _check_tensors(part, left)
