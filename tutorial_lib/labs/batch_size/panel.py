"""What the batch size does, measured."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.data import Data
from tutorial_lib.engine import TrainingRun
from tutorial_lib.engine.fit import check_data_kind
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.batch_size.draw import draw_batch_race, draw_batch_sizes
from tutorial_lib.labs.batch_size.measure import (
    SCALINGS,
    BatchRecord,
    LossPoint,
    count_points,
    fit_slope,
    measure_batches,
    race_batches,
    race_sizes_for,
    sizes_for,
)
from tutorial_lib.labs.own import warm_up_soon
from tutorial_lib.losses import LossFunction
from tutorial_lib.panels import MeasurePanel, controls
from tutorial_lib.panels.run_maker import NewRun
from tutorial_lib.pictures import columns_or_rows
from tutorial_lib.table import loss_text

NUMBERS = ("one run", "two runs", "three runs", "four runs")


def batch_size_panel(
    model: nn.Module, data: Data, *, loss: str | LossFunction | None = None
) -> MeasurePanel:
    """Return a panel that measures gradients and time for batches of 4 to 1,024 examples.

    Args:
        model: Any network that can be copied and fits the data; held still, each measurement works
            on a copy.
        data: Of any kind; sizes go as far as the training set does.
        loss: Its name, or one of your own; None: by the task.

    Raises:
        TypeError, ValueError: Model, data or loss are none, or do not fit each other.
    """
    check_data_kind(data)
    measure_batches(model, data.train, loss=loss)  # refuses what cannot be measured
    sizes, unit = sizes_for(len(data.train)), data.unit

    def draw(figure: Figure, records: Sequence[BatchRecord], num_batches: int) -> str:
        draw_batch_sizes(columns_or_rows(figure, 3), records, all_sizes=sizes, unit=unit)
        if len(records) < 2:
            ends = f"{sizes[0]} to {sizes[-1]:,}" if len(sizes) > 1 else f"{sizes[0]}"
            return f"Gradients of random batches, for {ends} {unit} a batch."
        first, last, slope = records[0], records[-1], fit_slope(records)
        falls = f"The variance falls with the power {slope:.2f} of B."
        if not math.isfinite(slope):
            falls = "All gradients are the same."
        longer = last.seconds / first.seconds
        times = f"{longer:.1f}" if longer < 9.95 else f"{longer:.0f}"
        return (
            f"{falls} A step with {last.batch_size:,} {unit} takes "
            f"{times} times as long "
            f"as one with {first.batch_size}. Cosine {first.cosine:.2f} and {last.cosine:.2f}."
        )

    def measure(num_batches: int) -> Iterator[BatchRecord]:
        return measure_batches(model, data.train, num_batches=num_batches, loss=loss)

    words = "More of them give steadier points, and take longer."
    batches = controls.count_slider("batches of each", 24, 4, 100, words, least=2)
    by_name = {"num_batches": batches}
    looks = {"size": (9, 3), "narrow_size": (9, 8)}
    return MeasurePanel("batch size", measure, draw, lambda **_: len(sizes), by_name, **looks)


def batch_race_panel(
    data: Data,
    *,
    new_model: Callable[..., nn.Module] | None = None,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
) -> MeasurePanel:
    """Return a panel that trains with up to four batch sizes, with and without scaling the rate.

    Args:
        data: Of any kind; sizes go as far as the training set does.
        new_model, new_run, update, loss: As of `race`.

    Raises:
        TypeError, ValueError: One of them is not what is wanted, or they do not fit each other.
    """
    given = {"new_model": new_model, "new_run": new_run, "update": update, "loss": loss}
    race_batches(data, **given)  # refuses what cannot be raced
    sizes, unit = race_sizes_for(len(data.train)), data.unit
    usual = data.task == "classification" and update is None and loss is None
    num_classes = data.num_outputs if usual else None
    scaling = f"How the learning rate grows with the batch size, from 32 {unit} on."
    rate = "Length of a step along the gradient, for a batch of 32. For the next race."
    epochs = "Passes over the training set, for each batch size."
    passes = min(max(2, 4_000 // len(data.train)), 20)  # of few examples more, to see them learned
    by_name = {
        "learning_rate": controls.learning_rate_slider(0.1, rate),
        "scaling": controls.dropdown("scale the rate", SCALINGS, "none", scaling, width="430px"),
        "epochs": controls.count_slider("epochs", passes, 1, max(10, passes), epochs, least=1),
    }

    def draw(figure: Figure, points: Sequence[LossPoint], epochs: int, **_: object) -> str:
        pair = columns_or_rows(figure, 2, sharey=True)
        num_images = epochs * len(data.train)
        looks = {"num_classes": num_classes, "unit": unit, "all_sizes": sizes}
        draw_batch_race(pair, points, num_images=num_images, **looks)
        ends = {point.batch_size: point.loss for point in points}
        if not ends:
            number = NUMBERS[len(sizes) - 1]
            return f"{number.capitalize()}, one batch size each."
        told = {
            size: "diverged" if math.isinf(end) else loss_text(end) for size, end in ends.items()
        }
        losses = ", ".join(f"{size}: {text}" for size, text in sorted(told.items()))
        words = f"Last loss for each batch size: {losses}."
        if all(math.isinf(loss) for loss in ends.values()):
            words += " All have diverged: try a tenth of the rate."
        return words

    def count(epochs: int, **_: object) -> int:
        return count_points(len(data.train), epochs=epochs)

    measure = partial(race_batches, data, **given)
    looks = {"size": (9, 3.2), "narrow_size": (9, 6), "button": "Race"}
    panel = MeasurePanel("batch sizes raced", measure, draw, count, by_name, **looks)
    functions = [update, loss, new_run is not TrainingRun]
    warm_up_soon(panel, panel._main_thread.loop, data, functions, len(sizes))
    return panel
