"""How one searches a map without seeing it: grid, random, successive halving, and Optuna.

Each is given as many epochs of training in all. On a map that was measured a search trains
nothing: it looks the losses up that were measured after each epoch.
"""

import contextlib
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from types import ModuleType
from typing import NamedTuple

from torch import nn

from tutorial_lib.checks import check_choice, check_whole, shown
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, TrainingRun
from tutorial_lib.evaluation import evaluate
from tutorial_lib.labs.map.grid import HyperparameterMap, Pair
from tutorial_lib.panels.run_maker import RunMaker
from tutorial_lib.table import Table, loss_text

REDUCTION = 2  # successive halving goes on with one of so many
IN_VAIN = 100  # draws in a row that bring nothing new, after which a search ends
Losses = Callable[[float, int], Iterator[float]]  # of a pair: validation losses, epoch by epoch
NO_OPTUNA = "this search needs Optuna, which is not installed here: pip install optuna"


@dataclass(frozen=True, slots=True)
class Try:
    """How far a search has come with one pair."""

    number: int  # from 1, in the order in which pairs were begun
    learning_rate: float
    batch_size: int
    epochs: int  # that it was given so far
    loss: float  # on the held-out examples, after these; infinite where it diverged
    spent: int  # epochs that all tries were given by then
    is_done: bool  # it has all its epochs, or it diverged

    @property
    def pair(self) -> Pair:
        """Learning rate and batch size."""
        return self.learning_rate, self.batch_size


class Space(NamedTuple):
    """Where a search looks."""

    low: float  # learning rates, both ends
    high: float
    batch_sizes: tuple[int, ...]
    epochs: int  # of a whole training

    def rate(self, part: float) -> float:
        """Return the rate at a part of the way from low to high, 0 to 1, on a log scale."""
        return self.low * (self.high / self.low) ** part


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has come to."""

    method: str
    seed: int
    tries: tuple[Try, ...]  # as far as each came, in the order in which they were begun
    spent: int  # epochs
    lowest: float  # loss of the map's best cell

    @property
    def best(self) -> Try | None:
        """The whole training with the lowest loss; None: there is none."""
        return best_of(self.tries)

    @property
    def misses(self) -> float:
        """By how much its loss is above that of the map's best cell; infinite if there is none."""
        return math.inf if self.best is None else self.best.loss - self.lowest


def search(
    method: str,
    the_map: HyperparameterMap,
    *,
    budget: int,
    seed: int = 0,
    reduction: int = REDUCTION,
    train: Losses | None = None,
) -> Iterator[Try]:
    """Search a map of equal epochs for its best pair, and yield each try as far as it has come.

    A whole training has as many epochs as the cells of the map. A pair that is asked for again goes
    on where it stopped, or costs nothing; one that diverges costs the epochs that it began.

    Args:
        method: "grid": pairs on a grid that is shifted as a whole, by as much as the seed says.
            "random": a log-uniform rate, and any of the batch sizes. "halving": such pairs, many
            for a few epochs each; the best go on, one of `reduction`, and so on to the end.
            "optuna": the next pair is drawn where good ones were, by Optuna's TPESampler; its
            SuccessiveHalvingPruner ends what falls behind.
        the_map: Whole, or at least with the cells that are asked for. Rates are drawn from half a
            cell below its lowest to half a cell above its highest, and go to the nearest cell.
        budget: Epochs in all, as many as a whole training has or more.
        seed: Decides what is drawn.
        reduction: 2 or more.
        train: None: what was measured is looked up. Else trains for real, as `real(...)` does, at
            the very rate that was drawn; it yields a loss for each epoch.

    Raises:
        TypeError, ValueError: An argument lies outside its range, or the map is not one of equal
            epochs.
        ImportError: Optuna is wanted, and is not installed.

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012; Jamieson
    and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016;
    Bergstra and others, "Algorithms for hyper-parameter optimization", 2011, for TPE.
    """
    check_choice("method", method, METHODS)
    check_whole("seed", seed, low=0, high=2**32 - 1)
    check_whole("reduction", reduction, low=2)
    space = space_of(the_map)
    check_whole("budget", budget, low=space.epochs, why=" epochs: those of one whole training")
    tries = _Tries(space, budget, partial(looked_up, the_map) if train is None else train)
    if train is None:
        tries.place = lambda rate, size: the_map.cell(rate, size).pair
    way = METHODS[method]
    if way is _by_optuna:
        return way(tries, seed, reduction, _optuna())
    return way(tries, random.Random(seed), reduction)


def methods_here() -> list[str]:
    """Return the names of the searches that can be made here: "optuna" where it is installed."""
    with contextlib.suppress(ImportError):
        _optuna()
        return list(METHODS)
    return [name for name in METHODS if name != "optuna"]


def search_all(
    the_map: HyperparameterMap,
    *,
    budget: int,
    seeds: Iterable[int] = range(10),
    methods: Sequence[str] | None = None,
    reduction: int = REDUCTION,
) -> list[Found]:
    """Return what each search finds on a measured map, from each seed; nothing is trained.

    Args:
        methods: Their names. None: all that can be made here.
        the_map, budget, reduction: As of `search`.
    """
    best = the_map.best()
    lowest = math.nan if best is None else [*looked_up(the_map, *best.pair)][-1]
    found = []
    for method in methods_here() if methods is None else methods:
        for seed in seeds:
            events = list(search(method, the_map, budget=budget, seed=seed, reduction=reduction))
            spent = events[-1].spent if events else 0
            found.append(Found(method, seed, latest(events), spent, lowest))
    return found


def search_table(found: Sequence[Found]) -> Table:
    """Return a row for each search: how many pairs it tried, and what it found, over its seeds.

    The loss found, and by how much it is above that of the best cell, are medians.
    """
    heads = ("search", "pairs", "epochs", "loss found", "at worst", "above best", "best cell")
    rows = []
    for method in dict.fromkeys(each.method for each in found):
        its = [each for each in found if each.method == method]
        losses = [each.best.loss if each.best else math.inf for each in its]
        num_best = sum(each.misses <= 0 for each in its)
        rows.append(
            (
                NAMES[method],
                _span([len(each.tries) for each in its]),
                _span([each.spent for each in its]),
                loss_text(median(losses)),
                loss_text(max(losses)),
                loss_text(median(each.misses for each in its)),
                f"{num_best} of {len(its)}",
            )
        )
    return Table(heads, rows)


def latest(tries: Iterable[Try]) -> tuple[Try, ...]:
    """Return each try as far as it came, in the order in which they were begun."""
    return tuple({each.number: each for each in tries}.values())


def best_of(tries: Iterable[Try]) -> Try | None:
    """Return the whole training with the lowest loss; None: there is none that did not diverge."""
    whole = [each for each in latest(tries) if each.is_done and math.isfinite(each.loss)]
    return min(whole, key=lambda each: each.loss, default=None)


def space_of(the_map: HyperparameterMap) -> Space:
    """Return where a map is searched.

    Raises:
        TypeError, ValueError: It is no map, or not one of equal epochs.
    """
    if not isinstance(the_map, HyperparameterMap):
        raise TypeError(f"the_map must be a HyperparameterMap; got {shown(the_map)}")
    if the_map.budget != "epochs":
        raise ValueError(
            "the_map must be one of equal epochs, whose losses were measured after each of them; "
            f"got one of {the_map.amount_text}"
        )
    rates = the_map.learning_rates
    half = math.sqrt(rates[1] / rates[0]) if len(rates) > 1 else 1.0
    top = math.sqrt(rates[-1] / rates[-2]) if len(rates) > 1 else 1.0
    return Space(rates[0] / half, rates[-1] * top, the_map.batch_sizes, int(the_map.amount))


def looked_up(the_map: HyperparameterMap, learning_rate: float, batch_size: int) -> Iterator[float]:
    """Yield the validation losses of the nearest cell, epoch by epoch; infinite once it diverged.

    Raises:
        ValueError: That cell was not trained.
    """
    cell = the_map.cell(learning_rate, batch_size)
    if cell.state == "open":
        raise ValueError(
            f"the map must have trained the cell of rate {cell.learning_rate:g} and batch "
            f"{cell.batch_size}, which the search asks for: fill_map(...) does it"
        )
    yield from cell.validation
    if cell.state == "diverged":
        yield math.inf


def real(
    data: Data,
    settings: Hyperparameters,
    *,
    new_model: Callable[..., nn.Module] | None = None,
) -> Losses:
    """Return what trains for real: a run for each pair, from the same weights.

    Args:
        data: With held-out examples.
        settings: What all runs have in common; `settings.epochs` is the longest.
        new_model: Called with the seed, if it takes one. None: `data.default_network`.

    Raises:
        ValueError: Nothing is held out.
    """
    if data.held_out is None:
        raise ValueError(
            f"a search needs held-out examples, and {data.name!r} has none: give it a "
            "validation set"
        )
    make_run = RunMaker(data, new_model, TrainingRun)

    def losses(learning_rate: float, batch_size: int) -> Iterator[float]:
        pair = {"learning_rate": learning_rate, "batch_size": batch_size}
        with contextlib.closing(make_run(settings.replace(**pair))) as run:
            try:
                for record in run:
                    if record.epoch_step == record.epoch_steps:
                        yield evaluate(run.model, data.held_out, loss=settings.loss).loss
            except Diverged:
                yield math.inf

    return losses


# ---- what all searches share ----


class _Tries:
    """The tries of one search, and what is left of its budget."""

    def __init__(self, space: Space, budget: int, train: Losses) -> None:
        self.space, self.budget, self.spent = space, budget, 0
        self._train, self._running = train, {}
        self.losses: dict[Pair, list[float]] = {}  # of the pairs that were tried, epoch by epoch
        self.place: Callable[[float, int], Pair] = lambda rate, size: (rate, size)

    @property
    def left(self) -> int:
        """Epochs that are not spent."""
        return self.budget - self.spent

    def go_on(self, pair: Pair, epochs: int) -> Try:
        """Train a pair until it has so many epochs, as far as the budget reaches."""
        if pair not in self._running:
            self._running[pair], self.losses[pair] = self._train(*pair), []
        losses = self.losses[pair]
        while len(losses) < epochs and not self._is_done(losses) and self.left:
            loss = next(self._running[pair], None)
            if loss is None:
                raise ValueError(
                    f"train must yield a loss for each of {self.space.epochs} epochs, or an "
                    f"infinite one; it ended after {len(losses)}"
                )
            losses.append(loss if math.isfinite(loss) else math.inf)
            self.spent += 1
        number = list(self.losses).index(pair) + 1
        last = losses[-1] if losses else math.inf
        return Try(number, *pair, len(losses), last, self.spent, self._is_done(losses))

    def _is_done(self, losses: list[float]) -> bool:
        return len(losses) == self.space.epochs or math.inf in losses

    def new_pairs(self, draws: random.Random) -> Iterator[Pair]:
        """Yield pairs at random that were not tried and not yielded before."""
        seen = {*self.losses}
        in_vain = 0
        while in_vain < IN_VAIN:
            rate = self.space.rate(draws.random())
            pair = self.place(rate, draws.choice(self.space.batch_sizes))
            in_vain += 1
            if pair not in seen:
                in_vain = 0
                seen.add(pair)
                yield pair


def _by_grid(tries: _Tries, draws: random.Random, reduction: int) -> Iterator[Try]:
    """As many rates as batch sizes, or some more, a whole training for each pair."""
    space = tries.space
    num_pairs = tries.budget // space.epochs
    num_sizes = min(math.isqrt(num_pairs), len(space.batch_sizes))
    num_rates = num_pairs // num_sizes
    across, along = draws.random(), draws.random()  # shift all lines alike
    rates = [space.rate((line + along) / num_rates) for line in range(num_rates)]
    places = [(line + across) / num_sizes for line in range(num_sizes)]
    sizes = [space.batch_sizes[int(place * len(space.batch_sizes))] for place in places]
    for size in sizes:
        for rate in rates:
            if (pair := tries.place(rate, size)) not in tries.losses:
                yield tries.go_on(pair, space.epochs)


def _at_random(tries: _Tries, draws: random.Random, reduction: int) -> Iterator[Try]:
    for pair in tries.new_pairs(draws):
        if tries.left < tries.space.epochs:
            return
        yield tries.go_on(pair, tries.space.epochs)


def _by_halving(tries: _Tries, draws: random.Random, reduction: int) -> Iterator[Try]:
    """Give many pairs a few epochs, and go on with the best."""
    rungs = rungs_of(tries.space.epochs, reduction)
    num_pairs = pairs_for(tries.budget, rungs, reduction)
    field = [pair for pair, _ in zip(tries.new_pairs(draws), range(num_pairs), strict=False)]
    for number, epochs in enumerate(rungs):
        here = []
        for pair in field:
            here.append(tries.go_on(pair, epochs))
            yield here[-1]
        keep = max(1, num_pairs // reduction ** (number + 1))
        ahead = sorted(here, key=lambda each: each.loss)[:keep]
        field = [each.pair for each in ahead if not each.is_done]


def rungs_of(epochs: int, reduction: int) -> list[int]:
    """Return after how many epochs halving looks at who goes on; the last are all of them.

    Of 9 epochs, and one of three that goes on: 1, 3, 9.
    """
    rungs = [epochs]
    while rungs[0] >= reduction:
        rungs.insert(0, rungs[0] // reduction)
    return rungs


def pairs_for(budget: int, rungs: Sequence[int], reduction: int) -> int:
    """Return with how many pairs halving can begin, so that its budget reaches to the end."""

    def cost(num_pairs: int) -> int:
        before = [0, *rungs]
        return sum(
            max(1, num_pairs // reduction**number) * (epochs - before[number])
            for number, epochs in enumerate(rungs)
        )

    num_pairs = 1
    while cost(num_pairs + 1) <= budget:
        num_pairs += 1
    return num_pairs


def _by_optuna(tries: _Tries, seed: int, reduction: int, optuna: ModuleType) -> Iterator[Try]:
    """Ask Optuna for pairs, and tell it how they go."""
    space = tries.space
    with _quiet(optuna):
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=rungs_of(space.epochs, reduction)[0], reduction_factor=reduction
            ),
        )
    in_vain = 0
    while tries.left and in_vain < IN_VAIN:
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", space.low, space.high, log=True)
        which = trial.suggest_int("batch_size", 0, len(space.batch_sizes) - 1)  # by its place
        pair = tries.place(rate, space.batch_sizes[which])
        before = tries.spent
        for epoch in range(1, space.epochs + 1):
            come = tries.go_on(pair, epoch)
            losses = tries.losses[pair]
            is_last = epoch == space.epochs or losses[epoch - 1 :] == [math.inf]
            if len(losses) < epoch:
                break  # the budget ends here
            trial.report(losses[epoch - 1], epoch)
            if is_last or trial.should_prune():
                break
        in_vain = 0 if tries.spent > before else in_vain + 1
        if not in_vain:
            yield come
        if len(losses) >= epoch and is_last:
            study.tell(trial, losses[-1])
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)


METHODS: dict[str, Callable[..., Iterator[Try]]] = {
    "grid": _by_grid,
    "random": _at_random,
    "halving": _by_halving,
    "optuna": _by_optuna,
}
NAMES = {
    "grid": "grid",
    "random": "random",
    "halving": "successive halving",
    "optuna": "Optuna: TPE, halving",
}


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError:
        raise ImportError(NO_OPTUNA) from None
    return optuna


@contextlib.contextmanager
def _quiet(optuna: ModuleType) -> Iterator[None]:
    """Let Optuna say nothing of a study that begins."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
