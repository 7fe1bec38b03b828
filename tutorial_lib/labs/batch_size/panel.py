"""What the batch size does, measured."""

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.data import Data
from tutorial_lib.labs.batch_size.draw import draw_batch_race, draw_batch_sizes
from tutorial_lib.labs.batch_size.measure import (
    SCALINGS,
    SIZES,
    BatchRecord,
    LossPoint,
    count_points,
    fit_slope,
    measure_batches,
    race_batches,
)
from tutorial_lib.panels import MeasurePanel, controls
from tutorial_lib.table import loss_text


def batch_size_panel(model: nn.Module, data: Data) -> MeasurePanel:
    """Return a panel that measures gradients and time for batches of 4 to 1,024 images.

    Args:
        model: Held still; each measurement works on a copy.
    """

    def draw(figure: Figure, records: Sequence[BatchRecord], num_batches: int) -> str:
        draw_batch_sizes(figure.subplots(1, 3), records)
        if len(records) < 2:
            return "Gradients of random batches, for 4 to 1,024 images a batch."
        first, last = records[0], records[-1]
        return (
            f"The variance falls with the power {fit_slope(records):.2f} of B. A step with "
            f"{last.batch_size:,} images takes {last.seconds / first.seconds:.0f} times as long "
            f"as one with {first.batch_size}. Cosine {first.cosine:.2f} and {last.cosine:.2f}."
        )

    def measure(num_batches: int) -> Iterator[BatchRecord]:
        return measure_batches(model, data.train, num_batches=num_batches)

    words = "More of them give steadier points, and take longer."
    batches = controls.count_slider("batches a size", 24, 4, 100, words, least=2)
    by_name = {"num_batches": batches}
    return MeasurePanel("batch size", measure, draw, lambda **_: len(SIZES), by_name, size=(9, 3))


def batch_race_panel(data: Data) -> MeasurePanel:
    """Return a panel that trains with four batch sizes, with and without scaling the rate."""
    scaling = "How the learning rate grows with the batch size, from 32 images on."
    rate = "Length of a step along the gradient, for a batch of 32. For the next race."
    epochs = "Passes over the training set, for each batch size."
    by_name = {
        "learning_rate": controls.learning_rate_slider(0.1, rate),
        "scaling": controls.dropdown("scale the rate", SCALINGS, "none", scaling, width="430px"),
        "epochs": controls.count_slider("epochs", 2, 1, 10, epochs, least=1),
    }

    def draw(figure: Figure, points: Sequence[LossPoint], epochs: int, **_: object) -> str:
        pair = figure.subplots(1, 2, sharey=True)
        draw_batch_race(pair, points, num_images=epochs * len(data.train))
        ends = {point.batch_size: point.loss for point in points}
        if not ends:
            return "Four runs, one batch size each."
        losses = ", ".join(f"{size}: {loss_text(loss)}" for size, loss in sorted(ends.items()))
        return f"Last loss for each batch size: {losses}."

    def count(epochs: int, **_: object) -> int:
        return count_points(len(data.train), epochs=epochs)

    measure, looks = partial(race_batches, data), {"size": (9, 3.2), "button": "Race"}
    return MeasurePanel("batch sizes raced", measure, draw, count, by_name, **looks)
