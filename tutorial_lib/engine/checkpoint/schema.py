"""What a file about a run must hold; one place says it, for what is written and what is read."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tutorial_lib.checks import check_choice
from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine.records import Change, EvaluationRecord
from tutorial_lib.engine.run import ADJUSTABLE

# The record of a step in the file, which is StepRecord's fields in their order. Raise VERSION
# when it changes.
ROW = np.dtype(
    [
        ("step", "<i8"),
        ("epoch", "<i8"),
        ("epochs", "<i8"),
        ("epoch_step", "<i8"),
        ("epoch_steps", "<i8"),
        ("images_seen", "<i8"),
        ("batch_size", "<i8"),
        ("learning_rate", "<f8"),
        ("loss", "<f8"),
        ("mean_loss", "<f8"),
        ("seconds", "<f8"),
    ]
)
LAST_SECOND = 32_503_680_000  # 1 January 3000, as far as every clock goes
CONTINUED = ("step", "images_seen", "epoch")  # what goes on from row to row
KINDS = {
    "unsaved_buffers": dict,
    "evaluating": list,
    "frozen": list,
    "attributes": dict,
    "network": str,
    "gradients": dict,
}
OUTSIDE: dict[str, Callable[[float], bool]] = {  # what a score may hold, and what it cannot be
    "accuracy": lambda value: not 0 <= value <= 1,
    "mean_absolute_error": lambda value: value < 0,
    "r2": lambda value: value > 1,
    "metric": lambda value: False,
}
MOST = 2**63 - 1  # what a number of the file goes to
LONGEST = 1000  # letters of a name


def rows_of(history: dict[str, list[Any]]) -> np.ndarray:
    """Return the records of steps as rows (N,) of ROW.

    Args:
        history: Field -> its values, as in `TrainingRun.state_dict`.

    Raises:
        ValueError: A field is missing, or a value is not of its kind.
    """
    columns = {name: np.asarray(history[name]) for name in ROW.names}
    if len({column.shape for column in columns.values()}) != 1:
        raise ValueError("the columns of the history are not equally long")
    rows = np.empty(len(columns["step"]), ROW)
    for name, column in columns.items():
        if len(column) and not np.can_cast(column.dtype, ROW[name], "same_kind"):
            raise ValueError(f"{name} in the history cannot be kept as {ROW[name].name}")
        rows[name] = column
    return rows


def check_rows(rows: np.ndarray, before: np.ndarray) -> None:
    """Refuse records that no run can have, by a ValueError that says which.

    Args:
        rows: (N,) of ROW.
        before: The rows before, of which the last counts, or none.
    """
    if not len(rows):
        return
    step, seen, epoch = (before[-1][name] if len(before) else 0 for name in CONTINUED)
    with np.errstate(over="ignore"):
        expected = seen + np.cumsum(rows["batch_size"])
    tests = {
        "steps are not counted one by one": rows["step"] == step + np.arange(1, len(rows) + 1),
        "an epoch is not one of the run's": (epoch <= rows["epoch"])
        & (np.diff(rows["epoch"], prepend=epoch) >= 0)
        & (rows["epoch"] < rows["epochs"]),
        "a step is not one of its epoch": (rows["epoch_step"] >= 1)
        & (rows["epoch_step"] <= rows["epoch_steps"]),
        "a batch has no images": (rows["batch_size"] >= 1) & (rows["images_seen"] == expected),
        "a learning rate is out of range": np.isfinite(rows["learning_rate"])
        & (rows["learning_rate"] > 0),
        "a loss is not a number": np.isfinite(rows["loss"]) & ~np.isnan(rows["mean_loss"]),
        "a time is out of range": np.isfinite(rows["seconds"]) & (rows["seconds"] >= 0),
    }
    for words, holds in tests.items():
        if not holds.all():
            raise ValueError(f"in the history {words}, at record {holds.argmin() + 1:,}")


def check_held(held: Any, num_steps: int, last_epoch: int) -> None:
    """Refuse what is not the state of a run, by a ValueError or TypeError that says why.

    Args:
        held: What a file holds besides the history: a dict of "state", as TrainingRun.state_dict
            returns it, "saved_at" and "made_with".
        num_steps: How many steps had been taken.
        last_epoch: The epoch of the last of them, from 0; -1 before the first.
    """
    _dict(held, "what it holds", "state", "saved_at", "made_with")
    _number("saved_at", held["saved_at"], lambda value: 0 <= value < LAST_SECOND)
    for name, value in _dict(held["made_with"], "made_with").items():
        _text("a name in made_with", name)
        if not isinstance(value, str | int) or len(str(value)) > LONGEST:
            raise ValueError(f"{name} in made_with is not a word or a number")
    parts = ("hyperparameters", "model", "optimizer", "position", "changes", "scores", "data")
    state = _dict(held["state"], "the state", *parts)
    settings = Hyperparameters(**_dict(state["hyperparameters"], "hyperparameters"))
    count = _check_data(state["data"])
    _check_position(state["position"], num_steps, last_epoch, count)
    if settings.epochs <= last_epoch:
        raise ValueError(f"epochs are {settings.epochs:,}, and more have begun")
    for row in _list(state["changes"], "changes"):
        _check_change(row)
    for row in _list(state["scores"], "scores"):
        _check_score(row)
    for name in ("update", "own_loss", "metric"):
        _text(name, state.get(name, ""))
    _whole("threads", state.get("threads", 1), 1)
    for name, kind in KINDS.items():  # which earlier versions did not keep
        if type(state.get(name, kind())) is not kind:
            raise TypeError(f"{name} is a {type(state[name]).__name__}, not a {kind.__name__}")
    for name in _dict(state["model"], "the model"):
        _text("a name in the model", name)
    optimizer = _dict(state["optimizer"], "the optimizer", "state", "param_groups")
    for memory in _dict(optimizer["state"], "the optimizer's state").values():
        _dict(memory, "the optimizer's memory of a weight")
    for group in _list(optimizer["param_groups"], "param_groups"):
        _dict(group, "a group of weights", "params")


def _check_data(data: Any) -> int:
    name, count, *digest = _list(data, "data")
    _text("the name of the data", name)
    _whole("the number of training images", count, 1)
    if digest:
        (digest,) = digest
        _text("the digest of the data", digest)
    return count


def _check_position(position: Any, num_steps: int, last_epoch: int, count: int) -> None:
    epoch, steps, taken, total = _list(position, "position")
    _whole("the epoch that it stands at", epoch, 0, last_epoch + 1)
    _whole("the step that it stands at", steps, 0, num_steps)
    _whole("the image that it stands at", taken, 0, count)
    if not isinstance(total, float | int) or math.isnan(total):
        raise ValueError(f"the sum of losses is {total!r:.80}")


def _check_change(row: Any) -> None:
    change = Change(*_list(row, "a change"))
    _whole("the step of a change", change.step, 1)
    _whole("the images before a change", change.images_seen, 0)
    check_choice("the field of a change", change.field, ADJUSTABLE)
    for value in (change.before, change.after):
        _number(f"{change.field} of a change", value, lambda value: value >= 0)


def _check_score(row: Any) -> None:
    score = EvaluationRecord(*_list(row, "a score"))
    for name in ("step", "epoch", "images_seen"):
        _whole(f"{name} of a score", getattr(score, name), 0)
    if not isinstance(score.loss, float):
        raise ValueError(f"the loss of a score is {score.loss!r:.80}")
    for name, is_outside in OUTSIDE.items():  # what is infinite or NaN has been seen to happen
        value = getattr(score, name)
        if value is not None and (not isinstance(value, float) or is_outside(value)):
            raise ValueError(f"{name} of a score is {value!r:.80}")


def _dict(value: Any, name: str, *keys: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} is a {type(value).__name__}, not a dict")
    for key in keys:
        if key not in value:
            raise ValueError(f"{name} has no {key}")
    return value


def _list(value: Any, name: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} is a {type(value).__name__}, not a list")
    return value


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"{name} must be a text of up to {LONGEST:,} letters")


def _whole(name: str, value: Any, low: int, high: int = MOST) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low:,} to {high:,}")


def _number(name: str, value: Any, inside: Callable[[float], bool]) -> None:
    if type(value) not in (int, float) or not math.isfinite(value) or not inside(value):
        raise ValueError(f"{name} is out of range")
