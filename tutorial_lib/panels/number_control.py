"""A number that is set by a slider, by typing, or from code, and is never bent."""

import math
import threading
from typing import Any

import ipywidgets as widgets
import traitlets

from tutorial_lib.panels.main_thread import MainThread
from tutorial_lib.panels.typed_numbers import Range, written

CLASS = "number-control"  # of its element in the page
LABEL_WIDTH = "98px"  # of all controls, so that they stand in columns
WIDE = {"flex": "1 1 0", "width": "auto", "min_width": "0"}  # takes what room there is
# ipywidgets 7 calls it otherwise.
TOOLTIP = "tooltip" if hasattr(widgets.DOMWidget, "tooltip") else "description_tooltip"
MOST_POWERS = 300  # of ten, up and down: as far as a logarithmic slider goes


class NumberControl(widgets.HBox):
    """A slider with a field beside it to type into, or the field alone.

    What the field shows is exactly `value`. A number that lies outside `allowed` is refused: from
    code by an exception, when typed by `refusal`, and the old one stays. One that the slider does
    not reach widens the slider.

    Args:
        description: The label.
        value: Where it stands at first.
        allowed: The numbers that are taken.
        tooltip: What it is for, in a sentence.
        slider: A kind of ipywidgets' sliders; None for a field alone.
        width: Of all of it.
        label_width: Of the label.
        unit: What is counted, in the plural; for those who listen.
        traits: Of the slider.

    Raises:
        TypeError, ValueError: The value is not among those allowed.
    """

    value = traitlets.TraitType(0.0, help="int or float")  # unlike Any, it checks None
    disabled = traitlets.Bool(help="whether hands can set it")
    refusal = traitlets.Unicode(help="why what was typed was not taken; or nothing")
    note = traitlets.Unicode(help="why it is disabled; or nothing")
    unit = traitlets.Unicode(help="what is counted; or nothing").tag(sync=True)  # for page.js

    def __init__(
        self,
        description: str,
        value: float,
        allowed: Range,
        tooltip: str,
        *,
        slider: type[widgets.Widget] | None = None,
        width: str = "430px",
        label_width: str = LABEL_WIDTH,
        unit: str = "",
        **traits: Any,
    ) -> None:
        value = allowed.check(description, value)
        self.name, self.allowed, self._tooltip = description, allowed, tooltip
        self.slider, self._ends = None, (traits.get("min"), traits.get("max"))
        self._main_thread = MainThread()
        self._writer: int | None = None  # the thread that writes the parts, while it does
        label = {"description": description, "style": {"description_width": label_width}}
        row, slider_layout, field_layout = _layouts(traits.get("orientation", "horizontal"))
        if slider is None:
            self.field = widgets.Text(continuous_update=False, layout=WIDE, **label)
        else:
            self.field = widgets.Text(continuous_update=False, layout=field_layout)
            traits |= {"readout": False, TOOLTIP: tooltip, "layout": slider_layout} | label
            self.slider = slider(**traits)
            self.slider.observe(self._moved, "value")
        self.field.observe(self._typed, "value")
        parts = [part for part in (self.slider, self.field) if part is not None]
        super().__init__(parts, layout=row | {"width": width}, value=value, unit=unit)
        self.add_class(CLASS)

    @traitlets.validate("value")
    def _check(self, proposal: traitlets.Bunch) -> float:
        return self.allowed.check(self.name, proposal["value"])

    @traitlets.observe("value", "disabled")
    def _follow(self, _: traitlets.Bunch) -> None:
        self._main_thread.call(self._show)

    def go(self, value: float, *, low: float, high: float) -> None:
        """Put it at a value, between new ends of the slider that are those of what is taken."""
        self.allowed, self._ends = Range(low, high), (low, high)
        self.value = value
        self._main_thread.call(self._show, "", True)

    def rest(self, why: str) -> None:
        """Disable it where it does nothing, and say why; "" enables it."""
        self._main_thread.call(self._rest, why)

    def _rest(self, why: str) -> None:
        self.disabled, self.note = bool(why), why

    def _moved(self, change: traitlets.Bunch) -> None:
        """Take what the slider says, in the thread in which that has come."""
        if self._writer != threading.get_ident():
            self.value = self._at(change["new"])

    def _typed(self, change: traitlets.Bunch) -> None:
        """Take what was typed, or say why not."""
        if self._writer == threading.get_ident():
            return
        try:
            value, refusal = self.allowed.read(self.name, change["new"]), ""
        except ValueError as error:
            value, refusal = self.value, f"{error}. It stays {written(self.value)}."
        self.value = value
        self._main_thread.call(self._show, refusal)

    def _at(self, position: float) -> float:
        """Return the number that a place of the slider stands for: at a stop a round one.

        A logarithmic slider gives 1.995 where it means 2, another one 0.30000000000000004.
        """
        if self.allowed.whole:
            return round(position)
        if isinstance(self.slider, widgets.FloatLogSlider):
            stop = math.log(position, self.slider.base) / self.slider.step
            if abs(stop - round(stop)) < 1e-6:
                return float(f"{position:.2g}")
        return float(f"{position:.12g}")

    def _show(self, refusal: str = "", new_ends: bool = False) -> None:
        """Let both parts show the value; on the main thread."""
        self._writer = threading.get_ident()
        try:
            self.field.value, self.field.disabled = written(self.value), self.disabled
            setattr(self.field, TOOLTIP, f"{self._tooltip} Takes {self.allowed.words}.")
            if self.slider is not None:
                self.slider.disabled = self.disabled
                if new_ends or self._at(self.slider.value) != self.value:
                    self._move_slider(self.value)
        finally:
            self._writer = None
        self.refusal = refusal

    def _move_slider(self, value: float) -> None:
        """Put the slider where a value is, with its ends as far out as they have to be."""
        slider, (low, high) = self.slider, self._ends
        if isinstance(slider, widgets.FloatLogSlider):
            place, last = (_power(number, slider.base) for number in (value, self.allowed.high))
            low, high = min(low, math.floor(place)), max(high, min(math.ceil(place), last))
        else:
            low, high = min(low, value), max(high, value)
        # One message: the page would cut the old value to the new ends, and send it back.
        with slider.hold_sync(), slider.hold_trait_notifications():
            slider.min, slider.max, slider.value = low, high, value


def _power(number: float, base: float) -> float:
    """Return the exponent of a number, as far as a slider goes."""
    return min(max(math.log(number, base), -MOST_POWERS), MOST_POWERS)


def _layouts(orientation: str) -> tuple[dict[str, str], ...]:
    """Return the layouts of a control, of its slider and of its field."""
    if orientation == "vertical":
        looks = {"flex_flow": "column", "align_items": "center"}
        return looks, {"height": "140px"}, {"width": "54px"}
    looks = {"flex_flow": "row wrap", "align_items": "center"}  # a narrow one has its field below
    return looks, WIDE | {"min_width": "200px"}, {"width": "84px"}
