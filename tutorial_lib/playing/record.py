"""Record real runs of the training panel, for pages on which it plays without a kernel.

Usage: python -m tutorial_lib.playing.record
"""

import contextlib
import importlib.metadata
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, load_digits
from tutorial_lib.engine import (
    Diverged,
    EvaluationRecord,
    TrainingRun,
    with_accuracy,
)
from tutorial_lib.engine.side_by_side import side_by_side
from tutorial_lib.files import replacing
from tutorial_lib.hardware import processor
from tutorial_lib.models import LeNet5
from tutorial_lib.pictures.curve import CurveSeries, smoothing_span
from tutorial_lib.pictures.smoothing import decimate
from tutorial_lib.playing.bundle import FOLDER, as_script
from tutorial_lib.waiting import Waiting

LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # the last diverges
BATCH_SIZES = (8, 16, 32, 64, 128, 256)
OPTIMIZERS = ("sgd", "momentum", "adam")
EPOCHS = 3
BRAKED_BATCH_SIZE = 32  # with it the runs are recorded, too, whose rate changes on the way
BRAKE = 0.1  # by which their rate is multiplied, before the last epoch
BINS = 100  # of a curve, that thinned keeps the lowest and the highest loss of each
STEP_SECONDS, EXAMPLE_SECONDS = 5e-4, 8e-5  # that one takes, about, of a LeNet


class Order(NamedTuple):
    """One run to be recorded."""

    settings: Hyperparameters
    brake: float  # by which the rate is multiplied before the last epoch; 1: it stays


def main(arguments: Sequence[str] = ()) -> int:
    """Record all runs into the file that the site plays; return the exit status."""
    if arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    data, path = load_digits("sample", device="cpu"), FOLDER / "recorded" / "training.js"
    written = as_script("training", recording(data, orders())).encode()
    with replacing(path) as file:
        file.write(written)
    print(f"{path.name}: {len(written) / 1000:,.0f} kB")
    return 0


def orders(
    learning_rates: Sequence[float] = LEARNING_RATES,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    optimizers: Sequence[str] = OPTIMIZERS,
    epochs: int = EPOCHS,
) -> list[Order]:
    """Return the runs of a grid; with one batch size those that brake, too."""
    field = product(optimizers, batch_sizes, learning_rates)
    made = []
    for optimizer, batch_size, rate in field:
        settings = Hyperparameters(
            optimizer=optimizer, batch_size=batch_size, learning_rate=rate, epochs=epochs
        )
        made.append(Order(settings, 1.0))
        if batch_size == BRAKED_BATCH_SIZE and epochs > 1:
            made.append(Order(settings, BRAKE))
    return made


def recording(data: Data, wanted: Sequence[Order]) -> dict[str, Any]:
    """Train all runs, side by side, and return what a page needs to play them."""
    first, epochs = wanted[0].settings, max(order.settings.epochs for order in wanted)
    span = smoothing_span(epochs, len(data.train))
    makers = [partial(_recorded, data, order, span) for order in wanted]
    seconds = [_seconds_of(data, order.settings) for order in wanted]
    runs = []
    told = side_by_side(makers, seconds=seconds)
    with contextlib.closing(told), Waiting("runs", total=len(wanted), at_once=True) as waiting:
        for number, run in told:
            runs.append(run)
            waiting.reach(number + 1, len(wanted))
    return {
        "made": made_with(first.seed),
        "data": {
            "name": data.name,
            "train": len(data.train),
            "held_out": len(data.held_out),
            "noun": data.noun,
        },
        "epochs": epochs,
        "momentum": first.momentum,
        "smoothed_over": round(span),
        "learning_rates": sorted({order.settings.learning_rate for order in wanted}),
        "batch_sizes": sorted({order.settings.batch_size for order in wanted}),
        "optimizers": list(dict.fromkeys(order.settings.optimizer for order in wanted)),
        "brakes": sorted({order.brake for order in wanted}),
        "runs": runs,
    }


def made_with(seed: int) -> dict[str, Any]:
    """Return with what something is recorded: versions, seed, processor and day."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "tutorial_lib": importlib.metadata.version("tutorial_lib"),
        "processor": processor(),
        "seed": seed,
    }


def _seconds_of(data: Data, settings: Hyperparameters) -> float:
    """Return what a run takes, roughly."""
    steps = settings.epochs * (len(data.train) // settings.batch_size)
    return steps * (STEP_SECONDS + settings.batch_size * EXAMPLE_SECONDS)


def _recorded(data: Data, order: Order, span: float) -> Iterator[dict[str, Any]]:
    """Yield what is recorded of one run, once it is over."""
    yield recorded_run(data, order, span)


def recorded_run(data: Data, order: Order, span: float) -> dict[str, Any]:
    """Train one run, and return its curves, thinned and smoothed as the panel draws them.

    Args:
        span: Over how many examples the loss is smoothed.

    Returns:
        Settings; `seconds` of one core that the whole took, scoring included; the loss of each
        batch and the smoothed one, each as (step, loss) of those points that are kept; after each
        epoch its number, loss and accuracy on what is held out; what was changed on the way, and
        where it diverged, if it did.
    """
    settings = order.settings
    run = TrainingRun(LeNet5(seed=settings.seed), data, settings)
    run.use_threads(1, "as runs that are recorded have one")
    series = CurveSeries("", "", settings.epochs, len(data.train), span=span)
    scores, diverged = [], None
    start = time.process_time()
    with contextlib.closing(run):
        try:
            for record in with_accuracy(run, data.held_out):
                series.add(record)
                if isinstance(record, EvaluationRecord):
                    scores.append([record.epoch + 1, _short(record.loss, 4), record.accuracy])
                    if record.epoch + 1 == settings.epochs - 1 and order.brake != 1:
                        run.adjust(learning_rate=_short(settings.learning_rate * order.brake, 6))
        except Diverged as error:
            diverged = {"step": error.step, "loss": str(error.loss), "words": str(error)}
        seconds = time.process_time() - start
        changes = [
            [change.step, change.field, change.before, change.after] for change in run.changes
        ]
    return {
        "optimizer": settings.optimizer,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
        "brake": order.brake,
        "steps": len(series.x),
        "num_steps": run.num_steps,
        "seconds": round(seconds, 2),
        "loss": _thinned(series.loss, 3),
        "smoothed": _thinned(series.smoothed, 4),
        "scores": scores,
        "changes": changes,
        "diverged": diverged,
    }


def _thinned(losses: Sequence[float], digits: int) -> dict[str, list[float]]:
    """Return the steps, from 1, of the points that are kept of a curve, and the losses there."""
    steps, kept = decimate(np.arange(1, len(losses) + 1), np.array(losses), BINS)
    gaps = np.diff(steps, prepend=0)  # small numbers, which pack well
    return {"gaps": gaps.tolist(), "loss": [_short(loss, digits) for loss in kept.tolist()]}


def _short(number: float, digits: int) -> float | None:
    short = float(f"{number:.{digits}g}")
    return short if np.isfinite(short) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
