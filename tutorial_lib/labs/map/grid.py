"""What a map of hyperparameters is: its cells, its ridge, the rules of scaling, and its file."""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tutorial_lib.checks import check_choice, check_number, check_whole, shown
from tutorial_lib.files import obstacle, open_to_read, replacing

Budget = Literal["epochs", "steps", "seconds"]
State = Literal["learned", "slow", "unsteady", "dead", "diverged", "open"]
Pair = tuple[float, int]  # learning rate and batch size
BUDGETS, STATES = get_args(Budget), get_args(State)
BASE_SIZE = 32  # the batch size whose best rate the rules of scaling begin at
POWERS = {"linear": 1.0, "square root": 0.5}  # of the batch size, with which a rule scales the rate
MOST_SECONDS = 3600  # that a cell may be given

VERSION = 1  # raise it when the file changes
WHAT = "hyperparameter map of tutorial_lib"
START = f'{{"what": "{WHAT}"'.encode()  # of every file that is written here
MOST_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class MapCell:
    """What became of one pair; equal to another if all but the seconds is, bit for bit."""

    learning_rate: float
    batch_size: int
    state: State = "open"  # "open": not trained yet
    validation_loss: float = math.nan  # at the end; infinite where it diverged
    accuracy: float = math.nan  # on the same examples, 0 to 1; nan of a regression
    seconds: float = field(default=math.nan, compare=False)  # that a core computed its steps
    steps: int = 0
    epochs: float = 0.0  # passes over the training set, parts of one too
    curve: tuple[tuple[float, float], ...] = ()  # (epochs, mean loss of the steps since before)
    validation: tuple[float, ...] = ()  # losses, after each epoch and at the end

    @property
    def pair(self) -> Pair:
        """Learning rate and batch size."""
        return self.learning_rate, self.batch_size


@dataclass(frozen=True, slots=True)
class ScaledCell:
    """What a rule of scaling says for a batch size, beside what is best there."""

    batch_size: int
    rule: str  # of POWERS
    learning_rate: float  # that the rule gives
    cell: MapCell  # the nearest one that was trained, by the ratio of the rates
    best: MapCell  # of this batch size

    @property
    def factor(self) -> float:
        """How many times as high as the best rate the rule's rate is."""
        return self.learning_rate / self.best.learning_rate

    @property
    def misses(self) -> float:
        """By how much the loss there is above the lowest one of this batch size; may be inf."""
        return self.cell.validation_loss - self.best.validation_loss


class HyperparameterMap:
    """Cells by learning rate and batch size; those that were not trained yet are open.

    Args:
        learning_rates: Ascending, each above 0.
        batch_sizes: Ascending, each 1 or more.
        cells: (learning rate, batch size) -> the cell; those that are missing are open.
        budget: What is equal for all: "epochs", "steps", or "seconds" of one core.
        amount: So many of them.
        seed: Decided the weights at the start and the order of the data.
        made_with: Data, network, settings and versions, as `blank_map` notes them.

    Raises:
        TypeError, ValueError: Something is not what is wanted here.
    """

    def __init__(
        self,
        learning_rates: Sequence[float],
        batch_sizes: Sequence[int],
        cells: Mapping[Pair, MapCell] | None = None,
        *,
        budget: Budget = "epochs",
        amount: float = 2,
        seed: int = 0,
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        self.learning_rates = _ascending("learning_rates", learning_rates, _rate)
        self.batch_sizes = _ascending("batch_sizes", batch_sizes, _size)
        check_budget(budget, amount)
        self.budget, self.amount = budget, amount
        self.seed = check_whole("seed", seed, low=0)
        self.made_with = dict(made_with or {})
        self.cells = {
            pair: MapCell(*pair) for pair in _order(self.learning_rates, self.batch_sizes)
        }
        for cell in (cells or {}).values():
            self.add(cell)

    def __repr__(self) -> str:
        size = f"{len(self.learning_rates)} x {len(self.batch_sizes)}"
        return f"HyperparameterMap({size}, {len(self.trained)} trained, {self.amount_text})"

    @property
    def amount_text(self) -> str:
        """The budget in words: "2 epochs"."""
        word = self.budget[:-1] if self.amount == 1 else self.budget
        return f"{self.amount:g} {word}"

    @property
    def trained(self) -> list[MapCell]:
        """The cells that are not open, in the order in which they are trained."""
        return [cell for cell in self.cells.values() if cell.state != "open"]

    @property
    def is_whole(self) -> bool:
        """Whether all cells are trained."""
        return len(self.trained) == len(self.cells)

    def add(self, cell: MapCell) -> None:
        """Put a cell into its place.

        Raises:
            TypeError, ValueError: It is none, or has no place here.
        """
        if not isinstance(cell, MapCell):
            raise TypeError(f"a cell of a map must be a MapCell; got {shown(cell)}")
        if cell.pair not in self.cells:
            raise ValueError(
                f"a cell of this map must have one of its learning rates and batch sizes; got "
                f"{cell.learning_rate!r} and {cell.batch_size!r}"
            )
        self.cells[cell.pair] = cell

    def cell(self, learning_rate: float, batch_size: int) -> MapCell:
        """Return the cell that lies nearest, by the ratio of the rates and of the sizes."""
        rate, size = _rate("learning_rate", learning_rate), _size("batch_size", batch_size)
        return self.cells[_nearest(self.learning_rates, rate), _nearest(self.batch_sizes, size)]

    def order(self) -> tuple[Pair, ...]:
        """Return the pairs as they are trained: a coarse grid first, then between, to the end."""
        return tuple(self.cells)

    def best(self) -> MapCell | None:
        """Return the trained cell with the lowest validation loss; None: there is no number."""
        return _lowest(self.trained)

    def ridge(self) -> dict[int, MapCell]:
        """Return the best cell of each batch size at which any has learned, by batch size."""
        best = {
            size: _lowest([cell for cell in self.trained if cell.batch_size == size])
            for size in self.batch_sizes
        }
        return {size: cell for size, cell in best.items() if cell and cell.state == "learned"}

    def scaled(self, rule: str) -> list[ScaledCell]:
        """Return what a rule of scaling says, from the best rate at batch 32 on.

        Args:
            rule: "linear": the rate grows as the batch size; "square root": as its root.

        Returns:
            A row for each batch size of the ridge, as far as the rule's rate lies on the map; none
            where batch 32, or what is nearest to it, has not learned.

        Source: Goyal and others, "Accurate, large minibatch SGD", 2017, for "linear"; Krizhevsky,
        "One weird trick for parallelizing convolutional neural networks", 2014, for "square root".
        """
        ridge, rows = self.ridge(), []
        for size, best in ridge.items():
            rate = self.scaled_rate(rule, size)
            if rate is None or not _is_among(rate, self.learning_rates):
                continue
            cell = self.cell(rate, size)
            if cell.state != "open":
                rows.append(ScaledCell(size, rule, rate, cell, best))
        return rows

    def scaled_rate(self, rule: str, batch_size: float) -> float | None:
        """Return the rate that a rule gives for a batch size; None: it has nowhere to begin."""
        check_choice("rule", rule, POWERS)
        base = self.ridge().get(_nearest(self.batch_sizes, BASE_SIZE))
        if base is None:
            return None
        return base.learning_rate * (batch_size / base.batch_size) ** POWERS[rule]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the map into a file, whole or not at all; another program's file is not touched.

        Raises:
            TypeError, OSError: The path is none, or cannot be written.
        """
        path = path_of("path", path)
        refuse_others(path)
        with replacing(path, start=START) as file:
            file.write(self.as_json().encode())

    def as_json(self) -> str:
        """Return the map as JSON; what is no number is null there."""
        content = {
            "what": WHAT,
            "version": VERSION,
            "budget": self.budget,
            "amount": self.amount,
            "seed": self.seed,
            "learning_rates": self.learning_rates,
            "batch_sizes": self.batch_sizes,
            "made_with": self.made_with,
            "cells": [_cell_to_json(cell) for cell in self.trained],
        }
        return json.dumps(content, allow_nan=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "HyperparameterMap":
        """Read a map from the file that `save` wrote.

        Raises:
            OSError: It cannot be read.
            ValueError: It is no such file, or not a whole one.
        """
        path = path_of("path", path)
        with open_to_read(path) as file:
            text = file.read(MOST_BYTES + 1)
        try:
            if len(text) > MOST_BYTES:
                raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
            return cls.from_json(text.decode())
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is no map that can be read: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> "HyperparameterMap":
        """Return the map that `as_json` wrote.

        Raises:
            ValueError, TypeError: It is none.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("what") != WHAT:
            raise ValueError(f"its beginning does not say {WHAT!r}")
        if content.get("version") != VERSION:
            raise ValueError(f"its version is {shown(content.get('version'))}, not {VERSION}")
        for name, kind in (("cells", list), ("made_with", dict)):
            if not isinstance(content.get(name), kind):
                raise ValueError(f"its {name} must be a {kind.__name__}")
        cells = [_cell_from_json(each) for each in content["cells"]]
        return cls(
            content.get("learning_rates"),
            content.get("batch_sizes"),
            {cell.pair: cell for cell in cells},
            budget=content.get("budget"),
            amount=content.get("amount"),
            seed=content.get("seed"),
            made_with=content["made_with"],
        )


def check_budget(budget: Any, amount: Any) -> None:
    """Refuse a budget that is none.

    Raises:
        TypeError, ValueError: It says what is wanted.
    """
    check_choice("budget", budget, BUDGETS)
    if budget == "seconds":
        check_number(
            "amount", amount, f"(0, {MOST_SECONDS:,}]", lambda value: 0 < value <= MOST_SECONDS
        )
    else:
        check_whole("amount", amount, low=1, high=10_000_000, why=f" ({budget})")


def refuse_others(path: Path) -> None:
    """Refuse to write over what is no map.

    Raises:
        FileExistsError: It says so.
    """
    if what := obstacle(path, lambda begin: begin.startswith(START)):
        raise FileExistsError(f"{path} is not written: {what} is there")


def path_of(name: str, value: Any) -> Path:
    """Return the file that a person names, wherever the process goes from here on.

    Raises:
        TypeError, ValueError: It is no path.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise TypeError(f"{name} must be a path; got {shown(value)}")
    try:
        return Path(os.fspath(value)).expanduser().absolute()
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a path; got {shown(value)}: {error}") from None


# ---- order ----


def _order(rates: Sequence[float], sizes: Sequence[int]) -> list[Pair]:
    """Return all pairs, those of a coarse grid first, then those between, again and again."""
    levels = max(len(rates), len(sizes)).bit_length() - 1
    pairs: dict[Pair, None] = {}
    for level in range(levels, -1, -1):
        stride = 2**level
        columns, rows = (_every(stride, values) for values in (sizes, rates))
        pairs |= {(rate, size): None for size in columns for rate in rows}
    return list(pairs)


def _every(stride: int, values: Sequence[Any]) -> list[Any]:
    """Return each so manieth value, such that about as much is left out at both ends."""
    first = (len(values) - 1) % stride // 2
    return list(values[first::stride])


def _nearest(values: Sequence[Any], wanted: float) -> Any:
    return min(values, key=lambda value: abs(math.log(value / wanted)))


def _is_among(rate: float, rates: Sequence[float]) -> bool:
    """Say whether a rate lies on the map, half a cell beyond its ends included."""
    return rates[0] / math.sqrt(2) <= rate <= rates[-1] * math.sqrt(2)


def _lowest(cells: Iterable[MapCell]) -> MapCell | None:
    told = [cell for cell in cells if math.isfinite(cell.validation_loss)]
    return min(told, key=lambda cell: cell.validation_loss, default=None)


def _rate(name: str, value: Any) -> float:
    return check_number(name, value, "(0, inf)", lambda number: number > 0)


def _size(name: str, value: Any) -> int:
    return check_whole(name, value, low=1)


def _ascending(name: str, values: Any, check: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    """Return values in order, each checked and none twice."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of numbers; got {shown(values)}")
    checked = sorted(check(name, value) for value in values)
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"{name} must be one number or more, none twice; got {shown(values)}")
    return tuple(checked)


# ---- the file ----


def _cell_to_json(cell: MapCell) -> dict[str, Any]:
    content = asdict(cell)
    for name in ("validation_loss", "accuracy", "seconds"):
        content[name] = content[name] if math.isfinite(content[name]) else None
    return content


def _cell_from_json(content: Any) -> MapCell:
    names = {each.name for each in fields(MapCell)}
    if not isinstance(content, dict) or set(content) != names:
        raise ValueError(f"a cell must have {', '.join(sorted(names))}; got {shown(content)}")
    check_choice("state", content["state"], STATES)
    diverged = content["state"] == "diverged"
    missing = {"validation_loss": math.inf if diverged else math.nan, "accuracy": math.nan}
    missing["seconds"] = math.nan
    for name, value in missing.items():
        content[name] = value if content[name] is None else _number(name, content[name])
    if not diverged and not math.isfinite(content["validation_loss"]):
        raise ValueError("validation_loss must be a number where it has not diverged")
    return MapCell(
        **content
        | {
            "learning_rate": _rate("learning_rate", content["learning_rate"]),
            "batch_size": _size("batch_size", content["batch_size"]),
            "steps": check_whole("steps", content["steps"], low=0),
            "epochs": _number("epochs", content["epochs"]),
            "curve": tuple((_number("curve", x), _number("curve", y)) for x, y in content["curve"]),
            "validation": tuple(_number("validation", each) for each in content["validation"]),
        }
    )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {shown(value)}")
    return float(value)
