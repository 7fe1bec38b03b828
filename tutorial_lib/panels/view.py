"""How the training panel looks: its controls, its words and its picture."""

from typing import Any

import ipywidgets as widgets

from tutorial_lib.config import Hyperparameters
from tutorial_lib.panels import controls
from tutorial_lib.panels.code_box import CodeShelf
from tutorial_lib.panels.live import LivePanel

LIVE = ("learning_rate", "batch_size", "momentum")  # may be changed while a run goes on
COPY, HIDE = "Copy as code", "Hide the code"


class TrainingView(LivePanel):
    """The widgets of a training panel; what they do is the panel's."""

    def __init__(self, settings: Hyperparameters, num_images: int, picture: bytes) -> None:
        self.learning_rate = controls.learning_rate_slider(settings.learning_rate)
        self.batch_size = controls.batch_size_slider(settings.batch_size, num_images)
        self.momentum = controls.momentum_slider(settings.momentum)
        self.optimizer = controls.optimizer_dropdown(settings.optimizer)
        passes = "Passes over the training set. For a new run."
        looks = {"width": "135px", "label_width": "60px"}
        self.epochs = controls.count_field("epochs", settings.epochs, 100, passes, **looks)

        self.train_button = controls.button("Train", "play", "Start a new run", style="primary")
        self.pause_button = controls.button("Pause", "pause", "Hold the run, or go on with it")
        self.stop_button = controls.button("Stop", "stop", "End the run; the model stays")
        self.restore_button = controls.button(
            "Restore", "history", "Take up the last run of this panel, where it was saved"
        )
        self.clear_button = controls.button("Clear", "trash", "Take the runs off the picture")
        self.code_button = controls.button(
            COPY, "code", "A plain PyTorch script that repeats the last run", width="136px"
        )
        self.code_shelf = CodeShelf()

        self.progress_bar = widgets.IntProgress(layout={"flex": "1 1 auto", "width": "auto"})
        rows = [
            controls.row(self.learning_rate, self.batch_size),
            controls.row(self.momentum, self.optimizer, self.epochs),
            controls.row(
                self.train_button,
                self.pause_button,
                self.stop_button,
                self.restore_button,
                self.clear_button,
                self.code_button,
                self.progress_bar,
            ),
            self.code_shelf,
        ]
        super().__init__(rows, picture)

    def chosen(self) -> dict[str, Any]:
        """Return what the controls say, by field of Hyperparameters."""
        names = (*LIVE, "optimizer", "epochs")
        return {name: controls.read(getattr(self, name)) for name in names}

    def choose(self, settings: Hyperparameters) -> None:
        """Set the controls, as far as they reach."""
        self.learning_rate.value = settings.learning_rate
        self.momentum.value = settings.momentum
        self.optimizer.value = settings.optimizer
        self.epochs.value = settings.epochs
        if settings.batch_size in self.batch_size.options:
            self.batch_size.value = settings.batch_size

    def show_script(self, code: str) -> None:
        """Show a script, ready to copy; "" puts away the one that is there."""
        if code:
            self.code_shelf.show(code)
        else:
            self.code_shelf.hide()
        self.code_button.description = HIDE if code else COPY

    def show(self, state: str, *, taken_up: bool, can_restore: bool, step: int, of: int) -> None:
        """Set buttons and progress bar to the state of a session.

        Args:
            taken_up: Whether a saved run waits for Resume.
            step: How many steps have been taken, `of` how many.
        """
        busy = state in ("running", "paused")
        waits = state == "paused" or taken_up
        self.train_button.disabled = self.clear_button.disabled = busy
        self.optimizer.disabled = self.epochs.disabled = busy
        self.stop_button.disabled = not busy
        self.pause_button.disabled = not (busy or taken_up)
        self.pause_button.description = "Resume" if waits else "Pause"
        self.pause_button.icon = "play" if waits else "pause"
        self.restore_button.disabled = busy or not can_restore
        self.progress_bar.max = max(1, of)
        self.progress_bar.value = step
