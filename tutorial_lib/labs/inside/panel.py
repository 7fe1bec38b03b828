"""What goes on inside a network while it trains."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.data import Data
from tutorial_lib.engine import StepRecord, TrainingRun
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.inside.draw import draw_inside
from tutorial_lib.labs.inside.measure import InsideRecord, count_records, describe, train_and_look
from tutorial_lib.losses import LossFunction
from tutorial_lib.models import INITS, LeNet5
from tutorial_lib.panels import MeasurePanel, controls
from tutorial_lib.panels.run_maker import NewRun, RunMaker
from tutorial_lib.pictures import columns_or_rows, plain_text

Records = Sequence[StepRecord | InsideRecord]


def inside_panel(
    data: Data,
    *,
    new_model: Callable[..., nn.Module] | None = None,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
) -> MeasurePanel:
    """Return a panel that trains a network and shows gradients, updates and dead ReLUs by layer.

    Args:
        data, new_model, new_run, update, loss: As of `train_and_look`. LeNet5 has a control more,
            for its first weights.

    Raises:
        TypeError, ValueError: One of them is not what is wanted, or they do not fit each other.
    """
    given = {"new_run": new_run, "update": update, "loss": loss}
    make_run = RunMaker(data, new_model, **given)
    settings = make_run.first_settings()
    make_run.check(settings)
    usual = data.task == "classification" and make_run.update is None and make_run.loss is None
    num_classes = data.num_outputs if usual else None
    is_lenet = make_run.new_model is LeNet5
    maker = make_run.new_model
    network = getattr(maker.func if isinstance(maker, partial) else maker, "__name__", "")
    if network in ("", "<lambda>"):
        network = "your network"
    init = "From which distribution the first weights are drawn."
    rate = "Length of a step along the gradient. For the next run."
    num_steps = f"Batches of {settings.batch_size} {data.unit}, in all. For the next run."
    by_name = {"init": controls.dropdown("init", INITS, "torch", init)} if is_lenet else {}
    by_name |= {
        "learning_rate": controls.learning_rate_slider(0.01, rate),
        "num_steps": controls.count_slider("steps", 400, 100, 2000, num_steps, least=1, step=100),
    }

    def draw(
        figure: Figure, records: Records, learning_rate: float, num_steps: int, init: str = ""
    ) -> str:
        grid = np.reshape(columns_or_rows(figure, 4, num_rows=2), (4, 1))
        start = f"init {init}" if is_lenet else plain_text(network, 25)
        title = f"{start}, learning rate {learning_rate:g}"
        draw_inside(grid, {title: records}, num_classes=num_classes)
        for axes in grid.flat:
            axes.set_xlim(0, num_steps)  # the run grows within fixed axes
        return describe(records)

    def count(num_steps: int, **_: object) -> int:
        return count_records(num_steps)

    measure = partial(train_and_look, data, new_model=new_model, **given)
    looks = {"size": (9, 4.4), "narrow_size": (9, 9.6), "button": "Train"}
    return MeasurePanel("under the hood", measure, draw, count, by_name, **looks)
