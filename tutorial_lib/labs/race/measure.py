"""A race: several settings from the same weights, on the same data in the same order."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import nn

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import Data
from tutorial_lib.engine import Diverged, EvaluationRecord, StepRecord, TrainingRun
from tutorial_lib.engine.drive import score_of
from tutorial_lib.engine.run import Update
from tutorial_lib.engine.side_by_side import side_by_side
from tutorial_lib.evaluation import ACCURACY, MetricFunction, ShownMetric
from tutorial_lib.labs.own import copied
from tutorial_lib.losses import LossFunction
from tutorial_lib.panels.run_maker import NewRun, RunMaker
from tutorial_lib.pictures import equal_span, loss_ceiling, smooth

MAX_SEEDS = 5
SPAN = 25  # steps of 32 examples that the smoothing spans, or a fifth of a shorter run
STEPS_A_TURN = 5
WHY_ONE_THREAD = "as each run of a race, for others go beside it"
STEP_SECONDS, EXAMPLE_SECONDS = 5e-4, 8e-5  # that one takes, about, of a LeNet


@dataclass(frozen=True, slots=True)
class Dropped:
    """A runner that is out of the race."""

    step: int  # the one that could not be taken
    reason: str


Event = StepRecord | EvaluationRecord | Dropped


@dataclass(frozen=True, slots=True)
class RaceRecord:
    """What one runner did, from one start."""

    label: str
    seed: int  # decided the weights at the start and the order of the data
    settings: Hyperparameters  # as they were handed in
    event: Event
    at_once: int = 1  # how many runs went side by side, each on a core of its own


def race(
    data: Data,
    runners: Mapping[str, Hyperparameters],
    *,
    seeds: int = 1,
    new_model: Callable[..., nn.Module] | None = None,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
    metric: MetricFunction | None = None,
    scores_an_epoch: int = 1,
) -> Iterator[RaceRecord]:
    """Train with each of the settings, told a few steps in turn.

    From one start, all runners have the same weights, and see the same examples in the same order;
    what one of them does is, bit for bit, what it does alone on one thread. One that diverges drops
    out. As many as there are cores go side by side; with functions of your own, on a GPU, or with
    streamed data, they take turns.

    Args:
        data: Of any kind. It is scored on `data.held_out`; where nothing is held out, on nothing.
        runners: Label -> settings, all with the same seed.
        seeds: How many starts, 1 to 5. Start number k, from 0, adds k to the settings' seed; it
            decides the weights and the order of the data.
        new_model: Called with the seed of the start, if it takes one; returns any network that fits
            the data. None: `data.default_network`.
        new_run: Called with model, data and settings, and with those of the next three that there
            are, by name.
        update: A step of your own, as of TrainingRun.
        loss: A loss of your own, as of TrainingRun.
        metric: A number of your own, as of TrainingRun: what is scored.
        scores_an_epoch: How often to score on the held-out examples, 0 or more.

    Raises:
        TypeError: Something is not of the kind that is wanted here.
        ValueError: The settings have different seeds, a number is out of range, or a loss or a
            batch size does not fit the data.
    """
    check_whole("seeds", seeds, low=1, high=MAX_SEEDS)
    check_whole("scores_an_epoch", scores_an_epoch, low=0)
    make_run = RunMaker(data, new_model, new_run, update=update, loss=loss, metric=metric)
    for label, settings in runners.items():
        check_runner(label, settings, make_run)
    first_seeds = {settings.seed for settings in runners.values()}
    if len(first_seeds) > 1:
        found = ", ".join(map(str, sorted(first_seeds)))
        raise ValueError(f"seed must be the same for all runners of a race; got {found}")
    first = min(first_seeds, default=0)

    field = [
        (label, seed, settings)
        for seed in range(first, first + seeds)
        for label, settings in runners.items()
    ]
    own = make_run if new_run is not TrainingRun or update or loss or metric else None

    def told() -> Iterator[RaceRecord]:
        starts = {
            seed: make_run.network(Hyperparameters(seed=seed))
            for seed in range(first, first + seeds)
        }
        makers = [
            partial(_new_run, own, starts[seed], data, settings.replace(seed=seed), scores_an_epoch)
            for _, seed, settings in field
        ]
        seconds = [_seconds_of(data, settings) for _, _, settings in field]
        sharing = {"turn": STEPS_A_TURN, "seconds": seconds, "here": own is not None}
        with contextlib.closing(side_by_side(makers, **sharing)) as events:
            for number, event in events:
                label, seed, _ = field[number]
                yield RaceRecord(label, seed, runners[label], event, events.at_once)

    return told()


def _seconds_of(data: Data, settings: Hyperparameters) -> float:
    """Return what a runner takes by itself, roughly."""
    steps = settings.epochs * (len(data.train) // settings.batch_size)
    return steps * (STEP_SECONDS + settings.batch_size * EXAMPLE_SECONDS)


def check_runner(label: str, settings: Hyperparameters, make_run: RunMaker) -> None:
    """Refuse settings with which nothing can be learned, by the runner's name."""
    if not isinstance(settings, Hyperparameters):
        raise TypeError(f"the runner {label!r} must be Hyperparameters(...); got {shown(settings)}")
    try:
        make_run.check(settings)
    except ValueError as error:
        raise ValueError(f"the runner {label!r} cannot race: {error}") from None


def num_records(num_images: int, settings: Hyperparameters, *, scores_an_epoch: int = 1) -> int:
    """Return how many records a runner makes from one start, if it does not drop out."""
    steps = num_images // settings.batch_size
    return settings.epochs * (steps + min(steps, scores_an_epoch))


def _new_run(
    own: RunMaker | None,
    start: nn.Module,
    data: Data,
    settings: Hyperparameters,
    scores_an_epoch: int,
) -> Iterator[Event]:
    """Return what a new run does, in the process that calls this.

    Args:
        own: Makes it, where functions of the learner's are to be called.
    """
    model = copied(start)
    run = TrainingRun(model, data, settings) if own is None else own.run_of(model, settings)
    run.use_threads(1, WHY_ONE_THREAD)
    return _events_of(run, scores_an_epoch)


def _events_of(run: TrainingRun, scores_an_epoch: int) -> Iterator[Event]:
    held_out = run.data.held_out
    with contextlib.closing(run):
        try:
            for step in run:
                yield step
                parts = [
                    (step.epoch_step - k) * scores_an_epoch // step.epoch_steps for k in (0, 1)
                ]
                if parts[0] > parts[1] and held_out is not None:  # a part of the epoch is done
                    yield score_of(run, held_out)
        except Diverged as error:
            yield Dropped(error.step, str(error))


@dataclass(frozen=True, slots=True, eq=False)
class RunCurve:
    """A runner's way from one start; the arrays are of shape (S,), one value for each step."""

    settings: Hyperparameters
    steps: np.ndarray
    images: np.ndarray
    seconds: np.ndarray  # each step's own
    losses: np.ndarray
    smoothed: np.ndarray  # over about 800 examples; a loss above the ceiling counts as that
    scores: tuple[EvaluationRecord, ...]
    dropped: Dropped | None
    at_once: int  # how many runs went side by side, at most
    over: bool  # whether it has taken its last step, or dropped out
    ceiling: float  # where losses leave the picture, for all runs of the race


def run_curves(records: Iterable[RaceRecord]) -> dict[str, list[RunCurve]]:
    """Sort a race's records by runner and start."""
    by_label: dict[str, dict[int, list[RaceRecord]]] = {}
    for record in records:
        by_label.setdefault(record.label, {}).setdefault(record.seed, []).append(record)
    firsts = (own[0].event for starts in by_label.values() for own in starts.values())
    ceiling = loss_ceiling([first.loss for first in firsts if isinstance(first, StepRecord)])
    return {
        label: [_run_curve(own, ceiling) for own in starts.values()]
        for label, starts in by_label.items()
    }


def _run_curve(records: Sequence[RaceRecord], ceiling: float) -> RunCurve:
    events = [record.event for record in records]
    steps = [item for item in events if isinstance(item, StepRecord)]
    losses = np.array([step.loss for step in steps])
    sizes = [step.batch_size for step in steps]
    dropped = next((item for item in events if isinstance(item, Dropped)), None)
    return RunCurve(
        settings=records[0].settings,
        steps=np.array([step.step for step in steps], dtype=float),
        images=np.array([step.images_seen for step in steps], dtype=float),
        seconds=np.array([step.seconds for step in steps]),
        losses=losses,
        smoothed=smooth(np.minimum(losses, ceiling), equal_span(sizes, _span(steps))),
        scores=tuple(item for item in events if isinstance(item, EvaluationRecord)),
        dropped=dropped,
        at_once=max(record.at_once for record in records),
        over=dropped is not None or any(_is_last(step) for step in steps[-1:]),
        ceiling=ceiling,
    )


def _span(steps: Sequence[StepRecord]) -> float:
    """Return how many steps of 32 examples the smoothing spans."""
    planned = [step.epochs * step.epoch_steps * step.batch_size for step in steps[:1]]
    return min([SPAN, *(max(5, examples / 32 / 5) for examples in planned)])


def _is_last(step: StepRecord) -> bool:
    return step.epoch + 1 == step.epochs and step.epoch_step == step.epoch_steps


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Several starts of one runner together; arrays (S,), a value for each step or score."""

    x: np.ndarray  # steps, images, or seconds since the start, mean over the starts
    mean: np.ndarray  # of the smoothed loss, or of what is scored; a share in percent
    low: np.ndarray
    high: np.ndarray


def band(
    starts: Sequence[RunCurve], *, x: str = "steps", y: str = "loss", metric: ShownMetric = ACCURACY
) -> Band:
    """Return mean, lowest and highest "loss", at each step, or of the metric, at each score.

    They reach as far as all that still run have come, along "steps", "images" or "seconds". From
    where a start dropped out, the others go on without it.
    """
    longest = max(starts, key=lambda run: len(run.steps))
    seconds = np.nanmean(_padded([run.seconds for run in starts]), axis=0)
    along = np.cumsum(seconds) if x == "seconds" else getattr(longest, x)
    rows = [run.smoothed for run in starts]
    if y != "loss":
        along = along[[score.step - 1 for score in longest.scores]]
        rows = [_scores(run, metric) for run in starts]
    running = [len(row) for row, run in zip(rows, starts, strict=True) if run.dropped is None]
    length = min(running) if running else max(map(len, rows))
    values = _padded(rows)[:, :length]  # (starts, length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a metric of one's own may give NaN alone
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        return Band(along[:length], np.nanmean(values, axis=0), low, high)


def _scores(run: RunCurve, metric: ShownMetric) -> np.ndarray:
    """Return what a run scored, a share in percent; as far as it can be scored at all."""
    values = [value for score in run.scores if (value := metric.of(score)) is not None]
    return (100 if metric.is_share else 1) * np.array(values, dtype=float)


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


@dataclass(frozen=True, slots=True)
class Standing:
    """How one runner did: a row of the table."""

    label: str
    differs: str  # the settings in which it differs from the others
    num_starts: int
    final_loss: float  # smoothed, at the last step; mean over the starts that did not drop out
    score: float | None  # of held-out examples, the last one; mean over the same starts
    num_reached: int  # starts that reached the target
    steps: float | None  # to reach it, mean over those; None: none did, or there is no target
    images: float | None
    seconds: float | None  # of training; what else is going on makes them more
    at_once: int  # how many runs went side by side meanwhile, at most
    diverged_at: tuple[int, ...]  # the step, for each start that dropped out
    over: bool  # whether no start has a step to come


def standings(
    records: Iterable[RaceRecord],
    target_loss: float | None = None,
    *,
    metric: ShownMetric = ACCURACY,
) -> list[Standing]:
    """Return a row for each runner: where it stands, and when it reached the target.

    Args:
        metric: What is told of the scores.
        target_loss: Reached at the first step whose smoothed loss (over about 800 examples) is not
            above it. None, or runners with different losses: there is no target.
    """
    by_label = run_curves(records)
    settings = [starts[0].settings for starts in by_label.values()]
    if len({one.loss for one in settings}) > 1:
        target_loss = None  # these losses have different units
    names = labels_by_difference(settings)
    return [
        _standing(label, name, starts, target_loss, metric)
        for name, (label, starts) in zip(names, by_label.items(), strict=True)
    ]


def _standing(
    label: str,
    differs: str,
    starts: Sequence[RunCurve],
    target_loss: float | None,
    metric: ShownMetric,
) -> Standing:
    ways = []  # (steps, images, seconds) of each start that reached the target
    for run in starts:
        below = run.smoothed <= (-np.inf if target_loss is None else target_loss)
        if below.any():
            first = int(below.argmax())
            ways.append((run.steps[first], run.images[first], run.seconds[: first + 1].sum()))
    steps, images, seconds = map(float, np.mean(ways, axis=0)) if ways else (None, None, None)
    whole = [run for run in starts if run.dropped is None]
    finals = [run.smoothed[-1] for run in whole if len(run.steps)]
    lasts = [metric.of(run.scores[-1]) for run in whole if run.scores]
    scores = [score for score in lasts if score is not None]
    return Standing(
        label=label,
        differs=differs,
        num_starts=len(starts),
        final_loss=float(np.mean(finals)) if finals else float("nan"),
        score=float(np.mean(scores)) if scores else None,
        num_reached=len(ways),
        steps=steps,
        images=images,
        seconds=seconds,
        at_once=max(run.at_once for run in starts),
        diverged_at=tuple(run.dropped.step for run in starts if run.dropped is not None),
        over=all(run.over for run in starts),
    )


def winner(rows: Iterable[Standing], by: str = "steps") -> Standing | None:
    """Return who reached the target first, from as many starts as any other.

    Args:
        by: What counts: "steps", "images" or "seconds".
    """
    reached = [row for row in rows if row.num_reached]
    share = max((row.num_reached / row.num_starts for row in reached), default=0)
    best = [row for row in reached if row.num_reached / row.num_starts == share]
    return min(best, key=lambda row: getattr(row, by), default=None)
