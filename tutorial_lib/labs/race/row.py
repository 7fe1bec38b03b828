"""A line of a race panel: one runner."""

import html

import ipywidgets as widgets

from tutorial_lib.config import Hyperparameters
from tutorial_lib.labs.race.summary import swatch, words_of
from tutorial_lib.panels import controls


class RunnerRow(widgets.HBox):
    """A runner's colour, its name, its settings, and what can be done with it."""

    def __init__(self, label: str, settings: Hyperparameters, colour: str) -> None:
        self.label = label
        self.name = widgets.Text(
            value=label, continuous_update=False, tooltip="Its name: write another one here",
            layout={"width": "180px"},
        )  # fmt: skip
        self.keep = widgets.ToggleButton(
            description="Keep", icon="thumb-tack",
            tooltip="Leave it on the picture as it is when the others race anew",
            layout={"width": "76px"},
        )  # fmt: skip
        self.code = controls.button(
            "", "code", "Copy as code: a script that repeats it", width="40px"
        )
        self.remove = controls.button("Remove", "trash", "Take it off the panel", width="94px")
        words = widgets.HTML(html.escape(words_of(settings)), layout={"width": "460px"})
        parts = [widgets.HTML(swatch(colour)), self.name, words, self.keep, self.code, self.remove]
        super().__init__(parts, layout=controls.ROW_LAYOUT)

    def rename(self, label: str) -> None:
        """Show this name."""
        self.label = self.name.value = label
