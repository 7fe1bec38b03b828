"""Things on their way to processes of this machine: in a file that these map, not read.

A file is unpacked by whoever may read it, as a program: it lies in a folder of this user alone.
"""

import contextlib
import functools
import pickle
import site
import sys
import sysconfig
import threading
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import Tensor

from tutorial_lib.data import Data, Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.sending import whole_tensor

_registering = threading.Lock()  # held while modules are registered, which all threads share


def pack(thing: Any, path: Path) -> None:
    """Write a thing for `unpack`; what a notebook, or a learner's own file, defines goes along.

    Tensors of data and of networks are written once, however many parts of the thing hold them.

    Raises:
        TypeError: It cannot be sent, or is on another device than the CPU.
        OSError, RuntimeError: It cannot be written.
    """
    content = {"settings": _settings(), "thing": thing}
    with _registering, _by_value(_own_modules()):
        try:
            torch.save(
                content, path, pickle_module=_Pickling, pickle_protocol=pickle.HIGHEST_PROTOCOL
            )
        except OSError:
            raise
        except Exception as error:  # whatever a learner's object holds
            raise TypeError(f"it cannot be sent to another process: {error}") from error


def unpack(path: Path) -> Any:
    """Return what `pack` wrote; torch then has the settings that it had there.

    Raises:
        Exception: Something of it cannot be made here.
    """
    content = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
    for name, value in content["settings"].items():
        _SETTINGS[name][1](value)
    return content["thing"]


# What a learner may have set, on which the bits of a step depend.
_SETTINGS = {
    "dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "deterministic": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "mkldnn": (
        lambda: torch.backends.mkldnn.enabled,
        lambda value: setattr(torch.backends.mkldnn, "enabled", value),
    ),
}


def _settings() -> dict[str, Any]:
    return {name: read() for name, (read, _) in _SETTINGS.items()}


class _Pickler(cloudpickle.Pickler):
    """Packs data as they are now, without what makes others of their kind."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, StreamedSplit):
            raise TypeError("its data set is read as it trains")
        if isinstance(thing, Tensor) and thing.device.type != "cpu":
            raise TypeError(f"it is on {thing.device}")
        if type(thing) is Data:
            thing.train.digest  # noqa: B018, so that it is known there, too
            facts = replace(thing, make_again=None, prepare=None)
            return Data, tuple(getattr(facts, name) for name in Data.__dataclass_fields__)
        if type(thing) is Split:
            tensors = whole_tensor(thing.inputs), whole_tensor(thing.targets)
            return _split, (*tensors, thing._digest_if_known())
        return super().reducer_override(thing)


def _split(inputs: Tensor, targets: Tensor, digest: str | None) -> Split:
    split = Split(inputs, targets)
    if digest is not None:
        split.know_digest(digest)
    return split


_Pickling = types.ModuleType("packing")  # all that torch.save asks of such a module
_Pickling.Pickler = _Pickler


def _own_modules() -> list[types.ModuleType]:
    """Return the modules that a learner may write anew while the other process still has them."""
    found = []
    for name, module in tuple(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name != "__main__" and isinstance(path, str) and isinstance(module, types.ModuleType):
            folder = str(Path(path).parent)
            if not folder.startswith(_installed()) and module.__name__ == name:
                found.append(module)
    return found


@functools.cache
def _installed() -> tuple[str, ...]:
    """Return the folders below which modules stay as they are."""
    folders = {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
    return (*folders, str(Path(__file__).parents[1]))


@contextlib.contextmanager
def _by_value(modules: list[types.ModuleType]) -> Iterator[None]:
    already = cloudpickle.list_registry_pickle_by_value()
    modules = [module for module in modules if module.__name__ not in already]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
