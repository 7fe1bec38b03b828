"""Learning rate times batch size: every pair trained for real, from the same weights."""

import contextlib
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from torch import nn

from tutorial_lib.checks import check_choice, shown
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.data.split import tensor_digest
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.engine.session import Stopped, stop_is_asked
from tutorial_lib.engine.side_by_side import one_thread, side_by_side
from tutorial_lib.evaluation import evaluate, predict
from tutorial_lib.labs.map.grid import (
    BASE_SIZE,
    BUDGETS,
    POWERS,
    STATES,
    Budget,
    HyperparameterMap,
    MapCell,
    Pair,
    ScaledCell,
    State,
    path_of,
    refuse_others,
)
from tutorial_lib.labs.own import copied
from tutorial_lib.panels.run_maker import RunMaker

__all__ = [
    "AMOUNTS",
    "BASE_SIZE",
    "BATCH_SIZES",
    "BUDGETS",
    "LEARNING_RATES",
    "POWERS",
    "STATES",
    "HyperparameterMap",
    "MapCell",
    "ScaledCell",
    "blank_map",
    "fill_map",
    "measure_map",
    "recorded_map",
    "settings_of",
    "state_of",
    "taken_up",
]
RECORDED = Path(__file__).parents[2] / "reference"
AMOUNTS: dict[str, float] = {"epochs": 2, "steps": 250, "seconds": 1.0}  # of the maps as they come
LEARNING_RATES = tuple(0.1 * 2.0**power for power in range(-3, 5))  # 0.0125 to 1.6
BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
WHY_ONE_THREAD = "as each cell of a map, for others go beside it"
STEP_SECONDS, EXAMPLE_SECONDS = 5e-4, 8e-5  # that one takes, about, of a LeNet
SIGN_SECONDS = 0.03  # so often a cell that is being trained gives a sign: a Stop waits no longer
MOST_POINTS = 24  # of a cell's curve

# How a cell is told to be dead, unsteady or slow; `state_of` has the reasons.
DEAD_SPREAD = 1e-3  # of what the answers differed by at the start
LEARNED_SHARE = 0.5  # of the loss at the start: what learned ends below
THROWN_SHARE = 0.05  # of the loss at the start: by so much a loss that was lower has risen again,
NOISE = 4.0  # and by so many standard deviations of a part's mean;
ENDED_SHARE = 0.01  # or it has ended so far above the start


def blank_map(
    data: Data,
    settings: Hyperparameters | None = None,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    batch_sizes: Sequence[int] | None = None,
    budget: Budget = "epochs",
    amount: float | None = None,
    new_model: Callable[..., nn.Module] | None = None,
) -> HyperparameterMap:
    """Return a map of which nothing is trained yet, with what `fill_map` would train.

    Args:
        data: Of any kind, with held-out examples.
        settings: What all cells have in common: optimizer, loss, seed and the like. None: plain
            SGD, with the loss that suits the data.
        learning_rates: Of the cells, above 0; put in order.
        batch_sizes: Of the cells. None: those from 8 to 512 that the training set can fill.
        budget: What is equal for all: "epochs", "steps", or "seconds" of one core.
        amount: So many of them. None: 2 epochs, 250 steps or 1 second.
        new_model: Called with the seed, if it takes one; returns any network that fits the data.
            None: `data.default_network`.

    Raises:
        TypeError, ValueError: Something is not what is wanted here, or does not fit the data.
    """
    make_run = RunMaker(data, new_model, TrainingRun)
    settings = _usual_settings(data) if settings is None else settings
    if not isinstance(settings, Hyperparameters):
        raise TypeError(f"settings must be Hyperparameters(...); got {shown(settings)}")
    if data.held_out is None:
        raise ValueError(
            f"a map needs held-out examples to score its cells on, and {data.name!r} has none: "
            "give it a validation set or a test set"
        )
    check_choice("budget", budget, BUDGETS)
    if batch_sizes is None:
        batch_sizes = [size for size in BATCH_SIZES if size <= len(data.train)] or [1]
    amount = AMOUNTS[budget] if amount is None else amount
    blank = HyperparameterMap(
        learning_rates, batch_sizes, budget=budget, amount=amount, seed=settings.seed
    )
    for size in (blank.batch_sizes[0], blank.batch_sizes[-1]):
        for rate in (blank.learning_rates[0], blank.learning_rates[-1]):
            make_run.check(settings.replace(batch_size=size, learning_rate=rate))
    start = make_run.network(settings)
    blank.made_with = _made_with(data, settings, start)
    blank.made_with["start_loss"] = _at_start(start, data, settings).loss
    return blank


def fill_map(
    map_to_fill: HyperparameterMap,
    data: Data,
    *,
    new_model: Callable[..., nn.Module] | None = None,
    save_to: str | os.PathLike[str] | None = None,
) -> Iterator[MapCell]:
    """Train the cells that are open, and yield each when it is done and in its place.

    From the same weights, in the same order of the data, each on one thread: what a cell does is,
    bit for bit, what its run does alone, so a map that was stopped or killed and is filled later
    becomes the same. As many as there are cores go side by side. Of cells that are budgeted by
    seconds the number of steps depends on the machine, and is another one each time.

    Args:
        map_to_fill: From `blank_map`, or one that is partly filled.
        data: What `blank_map` was given, and so are the other arguments.
        save_to: A file into which the map is written after each cell.

    Raises:
        TypeError, ValueError: The map was made with other data, another network or another version
            of torch: its cells would not be of one map.
        OSError: The file cannot be written.
    """
    settings = settings_of(map_to_fill)
    make_run = RunMaker(data, new_model, TrainingRun)
    start = make_run.network(settings)
    check_same_origin(map_to_fill, _made_with(data, settings, start))
    path = None if save_to is None else path_of("save_to", save_to)
    if path is not None:
        refuse_others(path)

    def filled() -> Iterator[MapCell]:
        left = [cell for cell in map_to_fill.cells.values() if cell.state == "open"]
        at_start = _at_start(start, data, settings)
        budget, amount = map_to_fill.budget, map_to_fill.amount
        makers = [
            partial(_train, start, data, _cell_settings(settings, cell.pair, budget, amount, data),
                    budget, amount, at_start)
            for cell in left
        ]  # fmt: skip
        seconds = [_seconds_of(data, cell.pair, budget, amount) for cell in left]
        with contextlib.closing(side_by_side(makers, seconds=seconds)) as items:
            for _, item in items:
                if isinstance(item, MapCell):
                    map_to_fill.add(item)
                    if path is not None:
                        map_to_fill.save(path)
                    yield item
                elif stop_is_asked():
                    raise Stopped

    return filled()


def measure_map(
    data: Data,
    settings: Hyperparameters | None = None,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    batch_sizes: Sequence[int] | None = None,
    budget: Budget = "epochs",
    amount: float | None = None,
    new_model: Callable[..., nn.Module] | None = None,
    save_to: str | os.PathLike[str] | None = None,
) -> Iterator[MapCell]:
    """Train a cell for each pair of learning rate and batch size, from coarse to fine.

    `fill_map` says how they are trained, `blank_map` what the arguments are.

    Args:
        save_to: A file into which the map is written after each cell. A map that stands there is
            gone on with: its cells come first.

    Yields:
        Each cell, when it is done.

    Raises:
        TypeError, ValueError: Something is not what is wanted here, or the map in the file is
            another one.
    """
    grid = {"learning_rates": learning_rates, "batch_sizes": batch_sizes}
    the_map = blank_map(data, settings, **grid, budget=budget, amount=amount, new_model=new_model)
    if save_to is not None and os.path.lexists(path_of("save_to", save_to)):
        the_map = taken_up(the_map, save_to)
    known = the_map.trained
    rest = fill_map(the_map, data, new_model=new_model, save_to=save_to)

    def cells() -> Iterator[MapCell]:
        yield from known
        yield from rest

    return cells()


def recorded_map(budget: Budget = "epochs") -> HyperparameterMap:
    """Return a map that travels with the tutorial: LeNet on the sample, plain SGD, from seed 0.

    `benchmarks/maps.py` recorded it; `made_with` says when, and with which versions.

    Args:
        budget: "epochs", "steps" or "seconds".
    """
    check_choice("budget", budget, BUDGETS)
    return HyperparameterMap.load(RECORDED / f"map_{budget}.json")


def taken_up(blank: HyperparameterMap, path: str | os.PathLike[str]) -> HyperparameterMap:
    """Return the map that stands in a file, if it is the one that is to be filled.

    Raises:
        ValueError: It is another one; it says in what.
        OSError: It cannot be read.
    """
    saved = HyperparameterMap.load(path)
    for name in ("budget", "amount", "seed", "learning_rates", "batch_sizes"):
        there, wanted = getattr(saved, name), getattr(blank, name)
        if there != wanted:
            raise ValueError(
                f"the map in {path} has {name} {shown(there)}, and {shown(wanted)} is wanted: "
                "name another file"
            )
    check_same_origin(saved, blank.made_with)
    return saved


def check_same_origin(the_map: HyperparameterMap, made_with: Mapping[str, Any]) -> None:
    """Refuse a map whose cells are not what would be trained now.

    Raises:
        ValueError: It says in what they differ.
    """
    for name in ("data", "data_digest", "network", "weights_digest", "settings", "torch"):
        there, now = the_map.made_with.get(name), made_with[name]
        if there != now:
            raise ValueError(
                f"the map was made with another {name.replace('_', ' ')}, {shown(there)}, and now "
                f"it is {shown(now)}: its cells would not be of one map. Measure a new one"
            )


def settings_of(the_map: HyperparameterMap) -> Hyperparameters:
    """Return what all cells of a map have in common.

    Raises:
        ValueError, TypeError: The map does not say it.
    """
    common = the_map.made_with.get("settings")
    if not isinstance(common, dict):
        raise ValueError("the map must be one of blank_map(...), which notes its settings")
    return Hyperparameters(**common, seed=the_map.seed)


def state_of(
    *,
    diverged: bool,
    start_loss: float,
    loss: float,
    spread: float,
    start_spread: float,
    losses: Sequence[float],
) -> State:
    """Say what became of a training: the rule, written once.

    In this order:

    - diverged: a loss was NaN or infinite.
    - dead: whatever it is given, the network answers the same, up to a thousandth of what answers
      differed by at the start. Its hidden units are off, or far in saturation: no gradient passes
      them, so its loss stays at what a guess costs, which is ln K for K classes.
    - learned: half of the loss at the start is gone.
    - unsteady: its steps throw it back. Of the parts of its way that the curve shows, the first
      weights and the last one among them, one has a loss that is higher than that of an earlier
      one, by a twentieth of the loss at the start or more, and by more than the noise of batches
      explains. Or it ends above the loss at the start by more than a hundredth.
    - slow: the others. It was on its way down all the time, and was not done.

    Args:
        diverged: Whether a loss of a step was NaN or infinite.
        start_loss: On the held-out examples, with the first weights.
        loss: On the same, with the last.
        spread: Largest standard deviation of an output over the held-out examples, at the end.
        start_spread: The same, with the first weights.
        losses: Of the steps, in order.
    """
    if diverged or not math.isfinite(loss):
        return "diverged"
    if spread <= DEAD_SPREAD * start_spread:
        return "dead"
    if loss <= LEARNED_SHARE * start_loss:
        return "learned"
    if loss > (1 + ENDED_SHARE) * start_loss:
        return "unsteady"
    means = [fmean(losses[begin:end]) for begin, end in _parts(len(losses))]
    parts = [start_loss, *means, loss]
    noise = NOISE * _jitter(losses) / math.sqrt(max(1, len(losses) // MOST_POINTS))
    lowest, margin = parts[0], max(THROWN_SHARE * abs(start_loss), noise)
    for part in parts:
        lowest = min(lowest, part)
        if part > lowest + margin:
            return "unsteady"
    return "slow"


# ---- one cell, in whatever process trains it ----


@dataclass(frozen=True, slots=True)
class _Start:
    """What the first weights do on the held-out examples."""

    loss: float
    spread: float


def _at_start(model: nn.Module, data: Data, settings: Hyperparameters) -> _Start:
    model = copied(model).to(data.device)
    with one_thread():
        loss = evaluate(model, data.held_out, loss=settings.loss).loss
        return _Start(loss, _spread(model, data))


def _spread(model: nn.Module, data: Data) -> float:
    """Return the largest standard deviation of an output over the held-out examples."""
    outputs = predict(model, data.held_out)  # (N, K)
    return outputs.flatten(1).std(dim=0, correction=0).max().item()


def _train(
    start: nn.Module,
    data: Data,
    settings: Hyperparameters,
    budget: Budget,
    amount: float,
    at_start: _Start,
) -> Iterator[MapCell | None]:
    """Train one cell; yield None now and then, as a sign of life, and the cell at the end."""
    run = TrainingRun(copied(start), data, settings)
    run.use_threads(1, WHY_ONE_THREAD)
    validation: list[float] = []
    clock, next_sign, diverged, scored_at = 0.0, 0.0, False, 0
    with contextlib.closing(run):
        while not _is_spent(run, budget, amount, clock):
            before = time.thread_time()
            try:
                record = run.step()
            except StopIteration:
                break
            except Diverged:
                diverged = True
                break
            # A GPU's work is not in the time of this thread.
            on_core = time.thread_time() - before
            clock += on_core if data.device.type == "cpu" else record.seconds
            if record.epoch_step == record.epoch_steps:
                validation.append(evaluate(run.model, data.held_out, loss=settings.loss).loss)
                scored_at = record.step
            if time.monotonic() >= next_sign:
                next_sign = time.monotonic() + SIGN_SECONDS
                yield None
        yield _cell_of(run, data, clock, diverged, validation, scored_at, at_start)


def _is_spent(run: TrainingRun, budget: Budget, amount: float, clock: float) -> bool:
    """Say whether the budget is used up; a run takes one step at least."""
    if budget == "steps":
        return run.step_number >= amount
    return budget == "seconds" and run.step_number > 0 and clock >= amount


def _cell_of(
    run: TrainingRun,
    data: Data,
    clock: float,
    diverged: bool,
    validation: list[float],
    scored_at: int,
    at_start: _Start,
) -> MapCell:
    settings, history = run.hyperparameters, run.history
    score = None if diverged else evaluate(run.model, data.held_out, loss=settings.loss)
    if score is not None and scored_at != run.step_number:
        validation.append(score.loss)
    loss = math.inf if score is None or not math.isfinite(score.loss) else score.loss
    accuracy = math.nan if score is None or score.accuracy is None else score.accuracy
    state = state_of(
        diverged=diverged,
        start_loss=at_start.loss,
        loss=loss,
        spread=math.inf if diverged else _spread(run.model, data),
        start_spread=at_start.spread,
        losses=[record.loss for record in history],
    )
    return MapCell(
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        state=state,
        validation_loss=loss,
        accuracy=math.nan if state == "diverged" else accuracy,
        seconds=_short(clock),
        steps=len(history),
        epochs=_short(run.images_seen / len(data.train)),
        curve=_thinned(run, len(data.train)),
        validation=tuple(each for each in map(_short, validation) if math.isfinite(each)),
    )


def _thinned(run: TrainingRun, num_examples: int) -> tuple[tuple[float, float], ...]:
    """Return the means of groups of steps that follow each other, at the end of each group."""
    history = run.history
    return tuple(
        (
            _short(history[end - 1].images_seen / num_examples),
            _short(fmean(record.loss for record in history[begin:end])),
        )
        for begin, end in _parts(len(history))
    )


def _jitter(losses: Sequence[float]) -> float:
    """Return the standard deviation of a batch's loss; a few that were thrown far do not count."""
    differences = [abs(after - before) for before, after in pairwise(losses)]
    return 1.48 * median(differences) / math.sqrt(2) if differences else 0.0


def _parts(count: int) -> list[tuple[int, int]]:
    """Return where the parts of so many steps begin and end, as many as a curve has points."""
    ends = [count * part // MOST_POINTS for part in range(MOST_POINTS + 1)]
    return [(begin, end) for begin, end in pairwise(ends) if end > begin]


def _short(value: float) -> float:
    """Return a number of five digits, as the file keeps it."""
    return float(f"{value:.5g}")


# ---- settings, order and costs ----


def _usual_settings(data: Data) -> Hyperparameters:
    return Hyperparameters(optimizer="sgd", loss=data.default_loss)


def _cell_settings(
    settings: Hyperparameters, pair: Pair, budget: Budget, amount: float, data: Data
) -> Hyperparameters:
    rate, size = pair
    steps_an_epoch = len(data.train) // size
    epochs = {
        "epochs": amount,
        "steps": math.ceil(amount / steps_an_epoch),
        "seconds": 1_000_000,
    }[budget]
    return settings.replace(learning_rate=rate, batch_size=size, epochs=int(epochs))


def _seconds_of(data: Data, pair: Pair, budget: Budget, amount: float) -> float:
    """Return what a cell takes by itself, roughly."""
    size = pair[1]
    step = STEP_SECONDS + size * EXAMPLE_SECONDS
    steps = {"epochs": amount * (len(data.train) // size), "steps": amount}
    return amount if budget == "seconds" else step * steps[budget]


# ---- where a map comes from, and its file ----


def _made_with(data: Data, settings: Hyperparameters, start: nn.Module) -> dict[str, Any]:
    common = asdict(settings)
    for name in ("learning_rate", "batch_size", "epochs", "seed"):
        del common[name]
    weights = [tensor_digest(tensor) for tensor in start.state_dict().values()]
    return {
        "data": data.name,
        "data_digest": data.train.digest,
        "num_train": len(data.train),
        "num_held_out": len(data.held_out),
        "num_outputs": data.num_outputs,
        "network": type(start).__name__,
        "weights_digest": _digest_of(weights),
        "settings": common,
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "processor": platform.machine(),
        "on": datetime.now(UTC).date().isoformat(),
    }


def _digest_of(digests: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
