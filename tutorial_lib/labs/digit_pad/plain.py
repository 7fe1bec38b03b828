"""What stands for the pad where a page cannot load its script: digits to choose, of any size."""

import html
from collections.abc import Callable

import ipywidgets as widgets

from tutorial_lib.panels import controls
from tutorial_lib.panels.code_box import NO_ERROR_BOX
from tutorial_lib.pictures import Picture

NO_DIGIT = "none"
SIZES = (("whole", 1), ("a half", 1 / 2), ("a quarter", 1 / 4), ("an eighth", 1 / 8))
NO_SCRIPT = "This page could not load the pad's script, so nothing can be drawn on it."
FROM_CODE = "From code, <code>pad.recognise(picture)</code> reads any picture of yours."

# The pad's script brings the style that takes this away for good; until then it waits unseen.
WAIT = """<style>
@keyframes digit-pad-wait {from, to {visibility: hidden; height: 0; overflow: hidden}}
.digit-pad-plain {animation: digit-pad-wait 3s}
</style>"""


class PlainPad(widgets.VBox):
    """Ipywidgets' own controls, for a page without the pad's script: VS Code without a network.

    Args:
        draw: Called with the digit that is chosen, or None, and its size, above 0 and at most 1.
    """

    def __init__(self, draw: Callable[[int | None, float], object]) -> None:
        digits = [NO_DIGIT, *range(10)]
        self.digit = controls.dropdown("show it a", digits, NO_DIGIT, "A digit drawn for you.")
        share = "Its part of the paper. The pen stays as thick, and the network sees it enlarged."
        self.size = controls.dropdown("size", SIZES, 1, share)
        self.row, self.words = controls.row(self.digit, self.size), widgets.HTML()
        looks = {"width": "700px", "max_width": "100%", "display": "none"}  # until there is one
        self.image = widgets.Image(format="png", layout=looks)
        self.in_use = False  # whether anybody has chosen something here
        self._draw = draw
        for control in (self.digit, self.size):
            control.observe(self._chosen, "value")
        why = widgets.HTML(f"{NO_ERROR_BOX}{WAIT}{NO_SCRIPT} {FROM_CODE}")
        super().__init__([why, self.row, self.words, widgets.HBox([self.image])])
        self.add_class("plain-instead").add_class("digit-pad-plain")

    def _chosen(self, _: object) -> None:
        self.in_use = True
        digit = self.digit.value
        self._draw(None if digit == NO_DIGIT else digit, self.size.value)

    def show(self, words: str, picture: Picture, *, reads_digits: bool) -> None:
        """Show what the pad says and shows, and its digits only to a network that reads them."""
        self.row.layout.display = None if reads_digits else "none"
        self.words.value = f"<b>{html.escape(words)}</b>"
        self.image.value, self.image.layout.display = picture.data, None
