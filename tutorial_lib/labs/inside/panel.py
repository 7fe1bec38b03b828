"""What goes on inside LeNet while it trains."""

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from tutorial_lib.data import Data
from tutorial_lib.engine import StepRecord
from tutorial_lib.labs.inside.draw import draw_inside
from tutorial_lib.labs.inside.measure import InsideRecord, count_records, describe, train_and_look
from tutorial_lib.models import INITS
from tutorial_lib.panels import MeasurePanel, controls

Records = Sequence[StepRecord | InsideRecord]


def inside_panel(data: Data) -> MeasurePanel:
    """Return a panel that trains LeNet and shows gradients, updates and dead ReLUs by layer."""
    init = "From which distribution the first weights are drawn."
    rate = "Length of a step along the gradient. For the next run."
    num_steps = "Batches of 32 images, in all. For the next run."
    by_name = {
        "init": controls.dropdown("init", INITS, "torch", init),
        "learning_rate": controls.learning_rate_slider(0.01, rate),
        "num_steps": controls.count_slider("steps", 400, 100, 2000, num_steps, least=1, step=100),
    }

    def draw(
        figure: Figure, records: Records, init: str, learning_rate: float, num_steps: int
    ) -> str:
        grid = figure.subplots(2, 2).reshape(4, 1)
        draw_inside(grid, {f"init {init}, learning rate {learning_rate:g}": records})
        for axes in grid.flat:
            axes.set_xlim(0, num_steps)  # the run grows within fixed axes
        return describe(records)

    def count(num_steps: int, **_: object) -> int:
        return count_records(num_steps)

    measure = partial(train_and_look, data)
    return MeasurePanel(
        "under the hood", measure, draw, count, by_name, size=(9, 5.2), button="Train"
    )
