"""The controls that the panels share, and their look."""

import html
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import ipywidgets as widgets
from IPython import get_ipython

from tutorial_lib.checks import check_choice
from tutorial_lib.optimizers import OPTIMIZERS, names_in_words
from tutorial_lib.panels.number_control import LABEL_WIDTH, TOOLTIP, NumberControl
from tutorial_lib.panels.typed_numbers import Range
from tutorial_lib.table import shortened

NOT_ADAPTIVE = names_in_words(lambda optimizer: not optimizer.is_adaptive)
ADAPTIVE = names_in_words(lambda optimizer: optimizer.is_adaptive)  # "rmsprop, adam and adamw"
MOMENTUM_WORDS = (
    f"mu of {names_in_words(lambda optimizer: optimizer.momentum == 'mu')}, "
    f"beta1 of {names_in_words(lambda optimizer: optimizer.momentum == 'beta1')}."
)
ON_RELEASE = {"continuous_update": False}  # one change when the hand lets go, not fifty before
ON_DRAG = {"continuous_update": True}
DOUBLE_CLICK_SECONDS = 0.4
ALERT_COLOUR = "var(--tutorial-alert, var(--jp-error-color1, #c62828))"  # see page.css
NOTE_COLOUR = "var(--tutorial-note, var(--jp-ui-font-color2, #616161))"
ROW_LAYOUT = {"flex_flow": "row wrap", "align_items": "center", "max_width": "900px"}


def play_slider(
    description: str, value: float, low: float, high: float, tooltip: str, **traits: Any
) -> NumberControl:
    """Return a slider for what answers at once: it speaks while it is being dragged."""
    traits = {"slider": widgets.FloatSlider, "min": low, "max": high, "step": 0.05} | traits
    return NumberControl(description, value, Range(low, high), tooltip, **traits)


def play_rate_slider(
    description: str, value: float, tooltip: str, *, low: float = -4, high: float = 0, **traits: Any
) -> NumberControl:
    """Return a slider from 10**low to 10**high that speaks while it is being dragged."""
    # Among its stops are 1, 2, 3, 4, 5 and 6.
    traits = {"slider": widgets.FloatLogSlider, "min": low, "max": high, "step": 0.02} | traits
    return NumberControl(description, value, Range(10**low, 10**high), tooltip, **traits)


def play_momentum_slider(value: float) -> NumberControl:
    """Return a slider over [0, 0.99] that speaks while it is being dragged."""
    return play_slider("momentum", value, 0, 0.99, MOMENTUM_WORDS, step=0.01)


def learning_rate_slider(
    value: float, tooltip: str = "Length of a step along the gradient. Acts at once, also mid-run."
) -> NumberControl:
    """Return a slider from 0.0001 to 1, where any rate above 0 can be typed."""
    traits = {"min": -4, "max": 0, "step": 0.1, "base": 10} | ON_RELEASE
    slider, rates = widgets.FloatLogSlider, Range(0, above=True)
    return NumberControl("learning rate", value, rates, tooltip, slider=slider, **traits)


def momentum_slider(
    value: float,
    tooltip: str = "How much of the last step's velocity is kept. Acts at once, also mid-run.",
) -> NumberControl:
    """Return a slider over [0, 0.99], where any momentum in [0, 1) can be typed."""
    traits = {"min": 0, "max": 0.99, "step": 0.01} | ON_RELEASE
    slider, shares = widgets.FloatSlider, Range(0, 1, below=True)
    return NumberControl("momentum", value, shares, tooltip, slider=slider, **traits)


def batch_size_slider(
    value: int,
    largest: int,
    tooltip: str = "",
    *,
    unit: str = "images",
) -> NumberControl:
    """Return a slider over the powers of two from 1 to 1024, where any size can be typed.

    Args:
        largest: How far the data reaches.
        unit: What is counted, in the plural.
    """
    unit = shortened(unit, 30)
    words = f"{unit[:1].upper()}{unit[1:]} per step. Acts at the next batch, also mid-run."
    tooltip = tooltip or words
    powers = min(largest.bit_length() - 1, 10)
    traits = {"min": 0, "max": powers, "step": 1, "base": 2} | ON_RELEASE
    slider = widgets.FloatLogSlider if powers else None  # one image: there is nothing to slide
    sizes = Range(1, largest, whole=True)
    traits["unit"] = unit
    return NumberControl("batch size", value, sizes, tooltip, slider=slider, **traits)


def count_slider(
    description: str,
    value: int,
    low: int,
    high: int,
    tooltip: str,
    *,
    least: int | None = None,
    **traits: Any,
) -> NumberControl:
    """Return a slider over whole numbers that speaks when the hand lets go.

    Args:
        least: From here on any number can be typed; by default those that the slider reaches.
    """
    traits = {"slider": widgets.IntSlider, "min": low, "max": high} | ON_RELEASE | traits
    counts = Range(low, high, whole=True) if least is None else Range(least, whole=True)
    return NumberControl(description, value, counts, tooltip, **traits)


def count_field(
    description: str, value: int, tooltip: str, *, high: float = math.inf, **looks: str
) -> NumberControl:
    """Return a field for a whole number, 1 or more; looks are those of NumberControl."""
    return NumberControl(description, value, Range(1, high, whole=True), tooltip, **looks)


def dropdown(
    description: str, options: Iterable[Any], value: Any, tooltip: str, *, width: str = "215px"
) -> widgets.Dropdown:
    """Return a choice among a few."""
    style, layout = {"description_width": LABEL_WIDTH}, {"width": width}
    looks = {"description": description, TOOLTIP: tooltip, "style": style, "layout": layout}
    return widgets.Dropdown(options=list(options), value=value, **looks)


def optimizer_dropdown(value: str) -> widgets.Dropdown:
    """Return a choice among the optimizers."""
    return dropdown("optimizer", OPTIMIZERS, value, "How a gradient becomes a step. For a new run.")


class Button(widgets.Button):
    """A button whose double click is one click, so that the second does not undo the first.

    Clicks that waited for a busy kernel are one, too: nobody has seen yet what the first one did.
    Where a click takes its button away, the second one falls on the one like it that moves up.
    `click()`, from code, always clicks.
    """

    _sent = _done = -math.inf  # when the last click was made, and when it had been answered
    # The same of those that their click has closed, by text.
    gone: ClassVar[dict[str, tuple[float, float]]] = {}

    def _handle_button_msg(self, widget: Any, content: Any, buffers: Any) -> None:
        arrived, sent = time.monotonic(), _time_sent()
        befores = (self._sent, self._done), self.gone.get(self.description, (-math.inf,) * 2)
        self._sent, self._done = sent, arrived
        if all(
            abs(sent - made) >= DOUBLE_CLICK_SECONDS and arrived - done >= DOUBLE_CLICK_SECONDS
            for made, done in befores
        ):
            super()._handle_button_msg(widget, content, buffers)
            self._done = time.monotonic()

    def leave(self) -> None:
        """Remember the click that has just been made, as it closes the button."""
        if time.monotonic() - self._done < DOUBLE_CLICK_SECONDS:
            self.gone[self.description] = self._sent, self._done


def _time_sent() -> float:
    """Return when the message that is being answered was sent, in seconds of the sender's clock."""
    parent = getattr(get_ipython(), "get_parent", dict)() or {}
    date = parent.get("header", {}).get("date")
    return date.timestamp() if hasattr(date, "timestamp") else time.time()


def button(
    text: str,
    icon: str,
    tooltip: str,
    on_click: Callable[..., None],
    *,
    style: str = "",
    width: str = "104px",
) -> Button:
    """Return a button; the icon is a Font Awesome name, on_click is called with the button."""
    looks = {"tooltip": tooltip, "button_style": style, "layout": {"width": width}}
    made = Button(description=text, icon=icon, **looks)
    made.on_click(on_click)
    return made


def progress_bar() -> widgets.IntProgress:
    """Return a progress bar that takes what room its row leaves."""
    return widgets.IntProgress(layout={"flex": "1 1 auto", "width": "auto"})


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return the widgets side by side, on a line of their own where the page is narrow.

    Under them stands, in words, what of that which was typed has been refused, and why one of them
    is disabled.
    """
    box = widgets.HBox(children, layout=ROW_LAYOUT)
    numbers = [child for child in children if isinstance(child, NumberControl)]

    def show(_: object = None) -> None:
        for old in box.children[len(children) :]:
            close_all(old)
        refusals = [_words(number.refusal, ALERT_COLOUR, "alert") for number in numbers]
        notes = [_words(number.note, NOTE_COLOUR, "status") for number in numbers]
        if text := "".join(refusals + notes):
            box.children = (*children, widgets.HTML(text, layout={"width": "100%"}))
        else:
            box.children = children

    for number in numbers:
        number.observe(show, ["refusal", "note"])
    show()
    return box


def _words(text: str, colour: str, role: str) -> str:
    return text and f'<div role="{role}" style="color: {colour}">{html.escape(text)}</div>'


def rest_momentum(momentum: NumberControl, optimizer: str) -> None:
    """Disable momentum where an optimizer has none, and say so."""
    momentum.rest("" if OPTIMIZERS[optimizer].momentum else f"{optimizer} has no momentum.")


def read(control: widgets.Widget) -> Any:
    """Return what a control says."""
    return control.value


def read_all(controls_by_name: Mapping[str, widgets.Widget]) -> dict[str, Any]:
    """Return what each control says."""
    return {name: read(control) for name, control in controls_by_name.items()}


def check_all(controls_by_name: Mapping[str, widgets.Widget], values: Mapping[str, Any]) -> None:
    """Refuse values that controls could not take, and names that none of them has.

    Raises:
        TypeError, ValueError: Which one, and what it takes.
    """
    for name, value in values.items():
        check_choice("the control", name, controls_by_name)
        _check(name, controls_by_name[name], value)


def _check(name: str, control: widgets.Widget, value: Any) -> None:
    """Refuse a value that a control could not show."""
    if isinstance(control, NumberControl):
        control.allowed.check(name, value)
    elif hasattr(control, "options"):
        if value not in control.options:
            choices = ", ".join(map(str, control.options))
            raise ValueError(f"{name} must be one of {choices}; got {value!r}")
    elif hasattr(control, "min"):  # a slider as it comes from ipywidgets, which would clamp
        base, ends = getattr(control, "base", None), (control.min, control.max)
        low, high = (base**end if base else end for end in ends)
        Range(low, high, whole=isinstance(control.value, int)).check(name, value)
    elif isinstance(control.value, bool) and not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False; got {value!r}")


def close_panel(panel: widgets.Widget) -> None:
    """Close a whole panel: nothing moves up where its buttons were, so their clicks are forgotten.

    Those of others stay: a panel that nobody holds any more is closed at any moment.
    """
    before = dict(Button.gone)
    close_all(panel)
    Button.gone.clear()
    Button.gone.update(before)


def close_all(widget: widgets.Widget) -> None:
    """Close a widget with all that hangs on it, so that the kernel forgets them."""
    looks = (getattr(widget, name, None) for name in ("layout", "style"))
    for part in (*getattr(widget, "children", ()), *looks):
        if isinstance(part, widgets.Widget):
            close_all(part)
    if isinstance(widget, Button):
        widget.leave()
    widgets.Widget.close(widget)
