"""The controls that the panels share, and their look."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython

from tutorial_lib.optimizers import OPTIMIZERS, names_in_words

NOT_ADAPTIVE = names_in_words(lambda optimizer: not optimizer.is_adaptive)
ADAPTIVE = names_in_words(lambda optimizer: optimizer.is_adaptive)  # "rmsprop, adam and adamw"
MOMENTUM_WORDS = (
    f"mu of {names_in_words(lambda optimizer: optimizer.momentum == 'mu')}, "
    f"beta1 of {names_in_words(lambda optimizer: optimizer.momentum == 'beta1')}."
)
ON_RELEASE = {"continuous_update": False}  # one change when the hand lets go, not fifty before
ON_DRAG = {"continuous_update": True}
DOUBLE_CLICK_SECONDS = 0.4
ROW_LAYOUT = {"flex_flow": "row wrap", "align_items": "center", "max_width": "900px"}


def labelled(
    kind: Callable[..., Any],
    description: str,
    value: Any,
    tooltip: str,
    *,
    width: str = "430px",
    label_width: str = "98px",
    **traits: Any,
) -> Any:
    """Return a control of this kind, of ipywidgets, with a label and the look that all share."""
    style, layout = {"description_width": label_width}, {"width": width}
    looks = {"description": description, "tooltip": tooltip, "style": style, "layout": layout}
    return kind(value=value, **looks, **traits)


def play_slider(
    description: str, value: float, low: float, high: float, tooltip: str, **traits: Any
) -> widgets.FloatSlider:
    """Return a slider for what answers at once: it speaks while it is being dragged."""
    traits = {"min": low, "max": high, "step": 0.05} | traits
    return labelled(widgets.FloatSlider, description, value, tooltip, **traits)


def play_rate_slider(
    description: str, value: float, tooltip: str, *, low: float = -4, high: float = 0, **traits: Any
) -> widgets.FloatLogSlider:
    """Return a slider from 10**low to 10**high that speaks while it is being dragged; see read."""
    # Among its stops are 1, 2, 3, 4, 5 and 6.
    traits = {"min": low, "max": high, "step": 0.02, "readout_format": ".2g"} | traits
    return labelled(widgets.FloatLogSlider, description, value, tooltip, **traits)


def play_momentum_slider(value: float) -> widgets.FloatSlider:
    """Return a slider over [0, 0.99] that speaks while it is being dragged."""
    return play_slider("momentum", value, 0, 0.99, MOMENTUM_WORDS, step=0.01)


def learning_rate_slider(value: float) -> widgets.FloatLogSlider:
    """Return a slider from 0.0001 to 1; any value in between can be typed into its readout."""
    tooltip = "Length of a step along the gradient. Acts at once, also mid-run."
    return play_rate_slider("learning rate", value, tooltip, step=0.1, **ON_RELEASE)


def momentum_slider(value: float) -> widgets.FloatSlider:
    """Return a slider over [0, 0.99]."""
    tooltip = "How much of the last step's velocity is kept. Acts at once, also mid-run."
    return play_slider("momentum", value, 0, 0.99, tooltip, step=0.01, **ON_RELEASE)


def batch_size_slider(value: int, largest: int) -> widgets.SelectionSlider:
    """Return a slider over the powers of two from 1 to 1024, as far as the data reaches."""
    sizes = sorted({2**power for power in range(11) if 2**power <= largest} | {value})
    tooltip = "Images per step. Acts at the next batch, also mid-run."
    traits = {"options": sizes} | ON_RELEASE
    return labelled(widgets.SelectionSlider, "batch size", value, tooltip, **traits)


def count_slider(
    description: str, value: int, low: int, high: int, tooltip: str, **traits: Any
) -> widgets.IntSlider:
    """Return a slider over whole numbers that speaks when the hand lets go."""
    traits = {"min": low, "max": high} | ON_RELEASE | traits
    return labelled(widgets.IntSlider, description, value, tooltip, **traits)


def count_field(
    description: str, value: int, high: int, tooltip: str, **looks: str
) -> widgets.BoundedIntText:
    """Return a number field from 1 to `high`; looks are those of `labelled`."""
    return labelled(widgets.BoundedIntText, description, value, tooltip, min=1, max=high, **looks)


def dropdown(
    description: str, options: Iterable[Any], value: Any, tooltip: str, *, width: str = "215px"
) -> widgets.Dropdown:
    """Return a choice among a few."""
    choices = list(options)
    return labelled(widgets.Dropdown, description, value, tooltip, options=choices, width=width)


def optimizer_dropdown(value: str) -> widgets.Dropdown:
    """Return a choice among the optimizers."""
    return dropdown("optimizer", OPTIMIZERS, value, "How a gradient becomes a step. For a new run.")


class Button(widgets.Button):
    """A button whose double click is one click, so that the second does not undo the first.

    Clicks that waited for a busy kernel are one, too: nobody has seen yet what the first one did.
    `click()`, from code, always clicks.
    """

    _sent = _done = -math.inf  # when the last click was made, and when it had been answered

    def _handle_button_msg(self, widget: Any, content: Any, buffers: Any) -> None:
        arrived, (before, self._sent) = time.monotonic(), (self._sent, _time_sent())
        is_double = abs(self._sent - before) < DOUBLE_CLICK_SECONDS
        if not is_double and arrived - self._done >= DOUBLE_CLICK_SECONDS:
            super()._handle_button_msg(widget, content, buffers)
        self._done = time.monotonic()


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
    """Return the widgets side by side, on a line of their own where the page is narrow."""
    return widgets.HBox(children, layout=ROW_LAYOUT)


def read(control: widgets.Widget) -> Any:
    """Return what a control says: a stop of a logarithmic slider is the round number shown there.

    10**0.3 shows as 2.0 and is 1.995; other values, typed or set from code, are left as they are.
    """
    value = control.value
    if isinstance(control, widgets.FloatLogSlider):
        stop = math.log(value, control.base) / control.step
        if abs(stop - round(stop)) < 1e-6:
            return float(f"{value:.2g}")
    return value


def read_all(controls_by_name: Mapping[str, widgets.Widget]) -> dict[str, Any]:
    """Return what each control says."""
    return {name: read(control) for name, control in controls_by_name.items()}


def close_all(widget: widgets.Widget) -> None:
    """Close a widget with all that hangs on it, so that the kernel forgets them."""
    looks = (getattr(widget, name, None) for name in ("layout", "style"))
    for part in (*getattr(widget, "children", ()), *looks):
        if isinstance(part, widgets.Widget):
            close_all(part)
    widgets.Widget.close(widget)
