"""What the words of a command line name: data to learn from, and the network that learns."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from tutorial_lib.data import DOWNLOADED, Data, from_csv, from_folder, load_digits

DIGITS = ("auto", "sample", *DOWNLOADED)
SOURCES = (*DIGITS, "folder:PATH", "csv:FILE")
OUTPUTS = ("num_outputs", "num_classes")  # what a network may ask for when it is made


def named_data(words: str, *, target: str | None, device: Any) -> Data:
    """Return the data that words name: digits, "folder:my_pictures", or "csv:table.csv".

    Args:
        target: Of a table, the column to predict.

    Raises:
        TypeError, ValueError, OSError: There is no such thing, or it cannot be learned from.
    """
    kind, _, path = words.partition(":")
    if kind == "csv" and path and target is None:
        raise ValueError(f"target must name the column of {path} to predict: add --target COLUMN")
    if target is not None and kind != "csv":
        raise ValueError(f"target names a column of a table, --data csv:FILE; got --data {words}")
    if kind == "csv" and path:
        return from_csv(Path(path).expanduser(), target=target, device=device)
    if kind == "folder" and path:
        return from_folder(Path(path).expanduser(), device=device)
    if words not in DIGITS:
        there, hint = Path(words).expanduser(), ""
        if there.exists():
            hint = f": did you mean {'folder' if there.is_dir() else 'csv'}:{words}?"
        raise ValueError(f"data must be one of {', '.join(SOURCES)}; got {words!r}{hint}")
    return load_digits(words, device)


def named_network(words: str | None, data: Data) -> Callable[..., nn.Module]:
    """Return what makes the network that words name, "my_module:MyNet"; None: that for the data.

    The module is imported from the folder that one stands in, or from where Python finds it; it
    may also be named by its file, "folder/my_module.py:MyNet". What is named is a class or a
    function; it is given num_outputs or num_classes if it asks for that, and nothing else.

    Raises:
        ValueError: There is no such thing, or it does not make a network.
    """
    if words is None:
        return data.default_network
    module, _, name = words.rpartition(":")
    if not module or not name:
        raise ValueError(f"model must be MODULE:NAME, as in my_module:MyNet; got {words!r}")
    return _Maker(words, _named_thing(_imported(module), name), data.num_outputs)


def make_importable(words: str | None) -> None:
    """Let this process find the module of a network, as `named_network` does."""
    folder = Path.cwd()
    if words is not None and (module := Path(words.rpartition(":")[0])).suffix == ".py":
        folder = module.expanduser().resolve().parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def absolute(words: str) -> str:
    """Return words that name the same from every folder."""
    kind, colon, path = words.partition(":")
    if kind in ("folder", "csv") and colon:
        return f"{kind}:{Path(path).expanduser().resolve()}"
    module, _, name = words.rpartition(":")
    file = getattr(sys.modules.get(Path(module).stem), "__file__", None)
    if file is None or Path(file).parent != Path.cwd().resolve():
        return words
    return f"{Path(file).resolve()}:{name}"


def _imported(module: str) -> ModuleType:
    make_importable(f"{module}:")
    name = Path(module).stem if module.endswith(".py") else module
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever a learner's module does
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ValueError(
            f"model names the module {module}, which cannot be imported: {what}"
        ) from (error)


def _named_thing(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if found is None:
        networks = [
            key
            for key, value in vars(module).items()
            if inspect.isclass(value)
            and issubclass(value, nn.Module)
            and value.__module__ == module.__name__
        ]
        there = f"; it has {', '.join(networks)}" if networks else ""
        raise ValueError(f"model names {name}, which {module.__name__} does not have{there}")
    if not callable(found) or isinstance(found, nn.Module):
        kind = type(found).__name__
        raise ValueError(
            f"model must name a class or a function that makes a network; {name} is a {kind}"
        )
    return found


class _Maker:
    """Makes a network, in words where it cannot."""

    def __init__(self, words: str, make: Callable[..., Any], num_outputs: int) -> None:
        self._words, self._make = words, make
        try:
            parameters = inspect.signature(make).parameters
        except (TypeError, ValueError):  # of some, Python does not know what they take
            parameters = {}
        self._options = {name: num_outputs for name in OUTPUTS if name in parameters}
        missing = [
            name
            for name, parameter in parameters.items()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and name not in OUTPUTS
        ]
        if missing:
            raise ValueError(
                f"model {words} must be made without arguments, or with num_outputs alone; it asks "
                f"for {', '.join(missing)}"
            )

    def __call__(self) -> nn.Module:
        try:
            model = self._make(**self._options)
        except Exception as error:  # whatever a learner's network does
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"model {self._words} cannot be made: {what}") from error
        if not isinstance(model, nn.Module):
            kind = type(model).__name__
            raise ValueError(f"model {self._words} must make a torch.nn.Module; it made a {kind}")
        return model
