"""The state of a run: taken, compared, and given to another run that it fits."""

import copy
import dataclasses
import math
from typing import Any

from torch import Tensor

from tutorial_lib.checks import check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.fit import check_batch_size
from tutorial_lib.engine.network_state import (
    load_network_state,
    network_differences,
    network_state,
)
from tutorial_lib.engine.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.engine.run import Run
from tutorial_lib.hardware import usable_cores
from tutorial_lib.optimizers import make_optimizer

STEP_FIELDS = [field.name for field in dataclasses.fields(StepRecord)]


def state_of(run: Run, *, history_from: int = 0) -> dict[str, Any]:
    """Return all that is needed to go on exactly: tensors and plain values, copied.

    Of the history it holds the records from number `history_from` on.

    Raises:
        ValueError: Something cannot be held exactly; it says what.
    """
    at, records = run.batches, run.history[history_from:]
    state = {
        "hyperparameters": dataclasses.asdict(run.hyperparameters),
        "optimizer": copy.deepcopy(run.optimizer.state_dict()),
        "position": [at.epoch, at.steps, at.taken, at.total_loss],
        "history": {name: [getattr(record, name) for record in records] for name in STEP_FIELDS},
        "changes": [dataclasses.astuple(change) for change in run.changes],
        "scores": [dataclasses.astuple(score) for score in run.scores],
        "data": [run.data.name, len(run.data.train), run.check_data()],
        "update": name_of(run.update),
        "own_loss": name_of(run.own_loss),
        "metric": name_of(run.metric),
        "thread_counts": sorted(run.thread_counts),
    }
    if run.history and run.threads is not None:  # that of the steps so far
        state["threads"] = run.threads
    if run.update is not None:  # which may gather them over several steps
        gradients = {name: weights.grad for name, weights in run.model.named_parameters()}
        state["gradients"] = copy.deepcopy(gradients)
    return state | network_state(run.model)


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
        position = _position(state["position"], hyperparameters, len(run.data.train))
        rows = zip(*(state["history"][name] for name in STEP_FIELDS), strict=True)
        history = [StepRecord(*row) for row in rows]
        changes = [Change(*row) for row in state["changes"]]
        scores = [EvaluationRecord(*row) for row in state["scores"]]
        if state.get("metric", "") != name_of(run.metric):  # these are of another one
            scores = [dataclasses.replace(score, metric=None) for score in scores]
        thread_counts = {*state.get("thread_counts", [state.get("threads", 1)] if history else [])}
        threads = state.get("threads")
        for count in thread_counts | ({threads} - {None}):
            check_whole("the number of threads of a step", count, low=1)
        optimizer = make_optimizer(
            hyperparameters.optimizer, run.model.parameters(), **hyperparameters.optimizer_settings
        )
        if not found:
            check_batch_size(hyperparameters.batch_size, run.data, processes=run.processes)
            memory = copy.deepcopy(state["optimizer"])  # the optimizer keeps what it is given
            optimizer.load_state_dict(memory)
            batches = Batches(run.data.train, seed=hyperparameters.seed)
            batches.begin(*position)
            digest = run.data.train.digest

            def take_up() -> None:
                run.signals.hold()  # until all of it is taken up
                _load_network(run, state)
                run.optimizer, run.hyperparameters, run.batches = (
                    optimizer,
                    hyperparameters,
                    batches,
                )
                run.history, run.changes, run.scores = history, changes, scores
                run.first_digest, run.thread_counts = digest, thread_counts
                if threads is not None:
                    fixed = run.fixed_count()
                    why = _why_as_before(threads) if fixed is None else "as the user has fixed it"
                    if fixed not in (None, threads):
                        why += f", not {threads} as before: last digits may differ"
                    run.use_threads(fixed or threads, why)

            run.whole_or_not(take_up)  # what the network itself refuses leaves it as it was
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"this is not the whole state of a run ({what})") from error
    if found:
        raise ValueError(f"the state is of another run: {'; '.join(found)}")


def _why_as_before(threads: int) -> str:
    if threads <= (cores := usable_cores()):
        return "as the run began"
    core = "1 core" if cores == 1 else f"{cores} cores"
    return f"as the run began, though {core} may be used here, on which they are slow"


def _load_network(run: Run, state: dict[str, Any]) -> None:
    load_network_state(run.model, state)
    for name, weights in run.model.named_parameters():
        gradient = state.get("gradients", {}).get(name)
        weights.grad = None if gradient is None else gradient.to(weights.device, copy=True)


def _position(values: list[Any], settings: Hyperparameters, count: int) -> tuple[Any, ...]:
    """Return the epoch, its steps, its images taken and its summed loss, if a run can stand there.

    Args:
        settings: Of the run.
        count: How many images its training set has.
    """
    epoch, steps, taken, total_loss = values
    highest = {"epoch": settings.epochs, "step": count, "image": count}
    for (field, high), value in zip(highest.items(), (epoch, steps, taken), strict=True):
        check_whole(f"the {field} that the state stands at", value, low=0, high=high)
    if not math.isfinite(total_loss):
        raise ValueError(f"the summed loss that the state stands at is {total_loss}")
    return epoch, steps, taken, float(total_loss)


def state_differences(state: dict[str, Any], run: Run, theirs: Hyperparameters) -> list[str]:
    """Say in what a state is of another run than this one can be.

    Args:
        state: As `TrainingRun.state_dict` returns it.
        theirs: The settings that the state holds.
    """
    found = []
    ours = run.hyperparameters
    pairs = {
        "optimizer": (theirs.optimizer, ours.optimizer),
        "loss": (
            state.get("own_loss") or theirs.loss,
            name_of(run.own_loss) or ours.loss,
        ),
        "update": (
            state.get("update") or "the usual step",
            name_of(run.update) or "the usual step",
        ),
    }
    found += [
        f"its {what} is {there}, here it is {here}"
        for what, (there, here) in pairs.items()
        if there != here
    ]
    (name, count, *digest), data = state["data"], run.data
    if (name, count) != (data.name, len(data.train)):
        here = f"{len(data.train):,} {data.unit} of {data.name!r}"
        unit = data.unit if name == data.name else "examples"
        found.append(f"it learned from {count:,} {unit} of {name!r}, here are {here}")
    elif digest and digest[0] != data.train.digest:  # earlier versions kept none
        found.append(f"the {count:,} {data.unit} of {name!r} that it learned from differ")
    found += network_differences(state, run.model)
    if not found:
        memory = state["optimizer"]["state"]
        for index, parameter in enumerate(run.model.parameters()):
            for key, value in memory.get(index, {}).items():
                if isinstance(value, Tensor) and value.shape not in ((), parameter.shape):
                    shapes = f"{list(value.shape)}, for a weight {list(parameter.shape)}"
                    found.append(f"the optimizer's {key} {index} is {shapes}")
    return found


def name_of(function: Any) -> str:
    """Return what a learner calls a step, loss or metric of his own; "" for the usual one."""
    while not hasattr(function, "__name__") and hasattr(function, "func"):  # a partial
        function = function.func
    return "" if function is None else getattr(function, "__name__", type(function).__name__)
