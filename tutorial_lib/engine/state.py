"""The state of a run: taken, given to another run that it fits, and put back."""

import contextlib
import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from tutorial_lib.checks import check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.engine.run import Run, check_batch_size
from tutorial_lib.optimizers import make_optimizer

STEP_FIELDS = [field.name for field in dataclasses.fields(StepRecord)]


@contextlib.contextmanager
def undo_on_error(run: Run) -> Iterator[None]:
    """Take back what is done to model and optimizer within, if it ends in any exception."""
    before = copy.deepcopy((run.model.state_dict(), run.optimizer.state_dict()))
    try:
        yield
    except BaseException:
        run.model.load_state_dict(before[0])
        run.optimizer.load_state_dict(before[1])
        raise


def state_of(run: Run, *, history_from: int = 0) -> dict[str, Any]:
    """Return all that is needed to go on exactly: tensors and plain values, copied.

    Of the history it holds the records from number `history_from` on.
    """
    at, records = run.batches, run.history[history_from:]
    return {
        "hyperparameters": dataclasses.asdict(run.hyperparameters),
        "model": copy.deepcopy(run.model.state_dict()),
        "optimizer": copy.deepcopy(run.optimizer.state_dict()),
        "position": [at.epoch, at.steps, at.taken, at.total_loss],
        "history": {name: [getattr(record, name) for record in records] for name in STEP_FIELDS},
        "changes": [dataclasses.astuple(change) for change in run.changes],
        "scores": [dataclasses.astuple(score) for score in run.scores],
        "data": [run.data.name, len(run.data.train)],
        "update": update_name(run.update),
        "threads": run.threads,
    }


def load_state(run: Run, state: dict[str, Any]) -> None:
    """Let a run go on where the one stood whose state this is.

    The model, the data, the update, the optimizer and the loss must be those of that run;
    everything else comes from the state, which is copied.

    Raises:
        ValueError: They are not, or the state is not whole. All differences are named, and the
            run is left as it was.
    """
    try:
        hyperparameters = Hyperparameters(**state["hyperparameters"])
        found = state_differences(state, run, hyperparameters)
        *counts, epoch_loss = state["position"]
        for field, value in zip(("epoch", "step", "image"), counts, strict=True):
            check_whole(f"the {field} that the state stands at", value, low=0)
        position = *counts, float(epoch_loss)
        rows = zip(*(state["history"][name] for name in STEP_FIELDS), strict=True)
        history = [StepRecord(*row) for row in rows]
        changes = [Change(*row) for row in state["changes"]]
        scores = [EvaluationRecord(*row) for row in state["scores"]]
        optimizer = make_optimizer(
            hyperparameters.optimizer, run.model.parameters(), **hyperparameters.optimizer_settings
        )
        if not found:
            check_batch_size(hyperparameters.batch_size, run.data, processes=run.processes)
            memory = copy.deepcopy(state["optimizer"])  # the optimizer keeps what it is given
            optimizer.load_state_dict(memory)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"this is not the whole state of a run ({what})") from error
    if found:
        raise ValueError(f"the state is of another run: {'; '.join(found)}")

    run.model.load_state_dict(state["model"])
    run.optimizer, run.hyperparameters = optimizer, hyperparameters
    run.batches = Batches(run.data.train, seed=hyperparameters.seed)
    run.batches.begin(*position)
    run.history, run.changes, run.scores = history, changes, scores


def state_differences(state: dict[str, Any], run: Run, theirs: Hyperparameters) -> list[str]:
    """Say in what a state is of another run than this one can be.

    Args:
        state: As `TrainingRun.state_dict` returns it.
        theirs: The settings that the state holds.
    """
    found = []
    for field in ("optimizer", "loss"):
        there, here = getattr(theirs, field), getattr(run.hyperparameters, field)
        if there != here:
            found.append(f"its {field} is {there}, here it is {here}")
    there, here = (
        name or "the usual step" for name in (state.get("update"), update_name(run.update))
    )
    if there != here:
        found.append(f"its update is {there}, here it is {here}")
    (name, count), data = state["data"], run.data
    if (name, count) != (data.name, len(data.train)):
        images = f"{len(data.train):,} images of {data.name!r}"
        found.append(f"it learned from {count:,} images of {name!r}, here are {images}")
    found += _tensor_differences(state["model"], run.model.state_dict())
    if not found:
        memory = state["optimizer"]["state"]
        for index, parameter in enumerate(run.model.parameters()):
            for key, value in memory.get(index, {}).items():
                if isinstance(value, Tensor) and value.shape not in ((), parameter.shape):
                    shapes = f"{list(value.shape)}, for a weight {list(parameter.shape)}"
                    found.append(f"the optimizer's {key} {index} is {shapes}")
    return found


def update_name(update: Any) -> str:
    """Return what a learner calls an update; "" for the usual step."""
    while not hasattr(update, "__name__") and hasattr(update, "func"):  # a partial
        update = update.func
    return "" if update is None else getattr(update, "__name__", type(update).__name__)


def _tensor_differences(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> list[str]:
    """Say which tensors of a model's state are missing, unknown, or of another shape or type."""
    differences = []
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        if name not in ours:
            differences.append(
                f"its model has {name} {list(theirs[name].shape)}, the one here has not"
            )
        elif name not in theirs:
            differences.append(
                f"the model here has {name} {list(ours[name].shape)}, its own has not"
            )
        elif theirs[name].shape != ours[name].shape:
            shapes = f"{list(theirs[name].shape)}, here it is {list(ours[name].shape)}"
            differences.append(f"its {name} is {shapes}")
        elif theirs[name].dtype != ours[name].dtype:
            differences.append(f"its {name} is {theirs[name].dtype}, here {ours[name].dtype}")
    return differences
