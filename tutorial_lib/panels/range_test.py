"""A learning rate, found by trying them all."""

from collections.abc import Callable, Iterator, Sequence

from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.drawings.range_test import draw_range_test
from tutorial_lib.labs.range_test import EARLY_SHARE, RangeRecord, Suggestion, range_test, suggest
from tutorial_lib.models import LeNet5
from tutorial_lib.panels import controls
from tutorial_lib.panels.measure import MeasurePanel
from tutorial_lib.panels.training import TrainingPanel


class RangePanel(MeasurePanel):
    """Finds a learning rate for a training panel, whose other settings it takes.

    Args:
        training: Its batch size, momentum and optimizer are tested; the button sets its slider.
        new_model: Called for each test.
    """

    def __init__(
        self, training: TrainingPanel, *, new_model: Callable[[], nn.Module] = LeNet5
    ) -> None:
        self.training = training
        self._new_model = new_model
        self.use_button = controls.button(
            "Use this rate", "check", "Set the learning rate of the training panel", style="success"
        )
        self.use_button.layout.width = "150px"
        num_steps = controls.count_slider(
            "steps",
            100,
            50,
            400,
            "Over which the rate grows from 0.0001 to 10. For the next test.",
            step=10,
        )
        super().__init__(
            "learning-rate finder",
            self._test,
            self._picture_of,
            lambda num_steps: num_steps,
            {"num_steps": num_steps},
            button="Find a rate",
        )
        self.start_button.layout.width = "130px"  # its words are longer than most
        self.children = [*self.children[:2], controls.row(self.use_button), *self.children[2:]]
        self.use_button.on_click(lambda _: self.at_home(self.use))

    @property
    def suggestion(self) -> Suggestion:
        """What the test advises, and why."""
        return self._suggestion(self.records, self._values["num_steps"])

    def use(self) -> float | None:
        """Set the training panel's slider to the suggested rate, if there is one; return it."""
        rate = self.suggestion.learning_rate
        if rate is not None:
            rate = float(f"{rate:.2g}")
            self.training.learning_rate.value = rate
        return rate

    def _test(self, num_steps: int) -> Iterator[RangeRecord]:
        settings = self.training.settings
        return range_test(self._new_model(), self.training.data, settings, num_steps=num_steps)

    def _suggestion(self, records: Sequence[RangeRecord], num_steps: int) -> Suggestion:
        return suggest(records, num_early=max(5, round(EARLY_SHARE * num_steps)))

    def _picture_of(self, figure: Figure, records: Sequence[RangeRecord], num_steps: int) -> str:
        axes = figure.add_subplot()
        if not records:
            draw_range_test(axes, records)
            return "Takes the other settings of the panel below."
        if self.moves():
            draw_range_test(axes, records)
            return f"at {records[-1].learning_rate:.2g} the loss is {records[-1].smooth_loss:.2f}."
        suggestion = self._suggestion(records, num_steps)
        draw_range_test(axes, records, suggestion)
        return suggestion.reason

    def _show(self) -> None:
        super()._show()
        self.use_button.disabled = self.moves() or self.suggestion.learning_rate is None
