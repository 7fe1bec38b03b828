"""A learning rate, found by trying them all."""

from collections.abc import Callable, Iterator, Sequence

from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.checks import shown
from tutorial_lib.engine import TrainingRun
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.lr_finder.draw import draw_lr_finder
from tutorial_lib.labs.lr_finder.measure import (
    EARLY_SHARE,
    LrRecord,
    Suggestion,
    lr_finder,
    suggest,
)
from tutorial_lib.losses import LossFunction
from tutorial_lib.panels import MeasurePanel, TrainingPanel, controls
from tutorial_lib.panels.run_maker import RunMaker
from tutorial_lib.table import loss_text


class LrFinderPanel(MeasurePanel):
    """Finds a learning rate for a training panel, whose other settings it takes.

    Args:
        training: A panel of any data and network. Its batch size, momentum, optimizer and loss are
            tested, with its own step, if it has one; the button sets its slider.
        new_model: Called for each test, with a seed if it takes one; None: the panel's own is.
        update, loss: A step and a loss of your own; None: those of the panel.

    Raises:
        TypeError: training is no TrainingPanel, or something else cannot be called.
    """

    def __init__(
        self,
        training: TrainingPanel,
        *,
        new_model: Callable[..., nn.Module] | None = None,
        update: Update | None = None,
        loss: LossFunction | None = None,
    ) -> None:
        if not isinstance(training, TrainingPanel):
            raise TypeError(
                f"training must be a TrainingPanel, whose rate is looked for; got {shown(training)}"
            )
        of_panel, self.training = training.make_run, training
        update, loss = update or of_panel.update, loss or of_panel.loss
        new_model = new_model or of_panel.new_model
        self._make_run = RunMaker(training.data, new_model, TrainingRun, update=update, loss=loss)
        words, use = "Set the learning rate of the training panel", self.later(self.use)
        self.use_button = controls.button(
            "Use this rate", "check", words, use, style="success", width="150px"
        )
        grows = "Over which the rate grows, as a rule from 0.0001 to 10. For the next test."
        by_name = {
            "num_steps": controls.count_slider("steps", 100, 50, 400, grows, least=20, step=10)
        }
        super().__init__(
            "learning-rate finder",
            self._test,
            self._picture_of,
            lambda num_steps: num_steps,
            by_name,
            button="Find a rate",
        )
        self.start_button.layout.width = "130px"  # its words are longer than most
        self.children = [*self.children[:2], controls.row(self.use_button), *self.children[2:]]

    @property
    def suggestion(self) -> Suggestion:
        """What the test advises, and why."""
        num_early = max(5, round(EARLY_SHARE * self._values["num_steps"]))
        return suggest(self.records, num_early=num_early)

    def use(self) -> float | None:
        """Set the training panel's slider to the suggested rate, if there is one; return it."""
        rate = self.suggestion.learning_rate
        if rate is not None:
            rate = float(f"{rate:.2g}")
            self.training.set(learning_rate=rate)
        return rate

    def _test(self, num_steps: int) -> Iterator[LrRecord]:
        settings, make_run = self.training.settings, self._make_run
        return lr_finder(
            make_run.network(settings),
            self.training.data,
            settings,
            num_steps=num_steps,
            update=make_run.update,
            loss=make_run.loss,
        )

    def _picture_of(self, figure: Figure, records: Sequence[LrRecord], num_steps: int) -> str:
        suggestion = self.suggestion if records and not self.is_active() else None
        draw_lr_finder(figure.add_subplot(), records, suggestion)
        if suggestion is not None:
            return suggestion.reason
        if not records:
            return "Takes the other settings of its training panel."
        rate, loss = records[-1].learning_rate, loss_text(records[-1].smooth_loss)
        return f"at {rate:.2g} the loss, smoothed, is {loss}."

    def _show(self) -> None:
        super()._show()
        self.use_button.disabled = self.is_active() or self.suggestion.learning_rate is None
