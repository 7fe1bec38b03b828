"""The controls that the panels share, and their look."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets as widgets

from tutorial_lib.optimizers import OPTIMIZERS, names_where

BATCH_SIZES = tuple(2**power for power in range(11))  # 1 to 1024
PLAIN = names_where(lambda optimizer: not optimizer.is_adaptive)  # "sgd, momentum and nesterov"
ADAPTIVE = names_where(lambda optimizer: optimizer.is_adaptive)
MOMENTUM_WORDS = (
    f"mu of {names_where(lambda optimizer: optimizer.momentum == 'mu')}, "
    f"beta1 of {names_where(lambda optimizer: optimizer.momentum == 'beta1')}."
)
LABEL_STYLE = {"description_width": "98px"}


def learning_rate_slider(value: float) -> widgets.FloatLogSlider:
    """Return a slider from 0.0001 to 1; any value in between can be typed into its readout."""
    return widgets.FloatLogSlider(
        value=value,
        min=-4,  # exponents of ten
        max=0,
        step=0.1,
        description="learning rate",
        tooltip="Length of a step along the gradient. Acts at once, also mid-run.",
        readout_format=".2g",
        **_slider(),
    )


def batch_size_slider(value: int, largest: int) -> widgets.SelectionSlider:
    """Return a slider over the powers of two from 1 to 1024, as far as the data reaches."""
    return widgets.SelectionSlider(
        options=sorted({size for size in BATCH_SIZES if size <= largest} | {value}),
        value=value,
        description="batch size",
        tooltip="Images per step. Acts at the next batch, also mid-run.",
        **_slider(),
    )


def momentum_slider(value: float) -> widgets.FloatSlider:
    """Return a slider over [0, 0.99]."""
    return widgets.FloatSlider(
        value=value,
        min=0.0,
        max=0.99,
        step=0.01,
        description="momentum",
        tooltip="How much of the last step's velocity is kept. Acts at once, also mid-run.",
        **_slider(),
    )


def optimizer_dropdown(value: str) -> widgets.Dropdown:
    """Return a choice among the optimizers."""
    return dropdown("optimizer", OPTIMIZERS, value, "How a gradient becomes a step. For a new run.")


def dropdown(
    description: str, options: Iterable[Any], value: Any, tooltip: str, *, width: str = "215px"
) -> widgets.Dropdown:
    """Return a choice among a few."""
    return widgets.Dropdown(
        options=list(options),
        value=value,
        description=description,
        tooltip=tooltip,
        style=LABEL_STYLE,
        layout=widgets.Layout(width=width),
    )


def epochs_field(value: int) -> widgets.BoundedIntText:
    """Return a number field from 1 to 100."""
    return widgets.BoundedIntText(
        value=value,
        min=1,
        max=100,
        description="epochs",
        tooltip="Passes over the training set. For a new run.",
        style={"description_width": "60px"},
        layout=widgets.Layout(width="135px"),
    )


def play_slider(
    description: str,
    value: float,
    low: float,
    high: float,
    tooltip: str,
    *,
    step: float = 0.05,
    digits: int = 2,
) -> widgets.FloatSlider:
    """Return a slider for what answers at once: it speaks while it is being dragged."""
    return widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        tooltip=tooltip,
        readout_format=f".{digits}f",
        **_slider() | {"continuous_update": True},
    )


def play_rate_slider(
    description: str, value: float, tooltip: str, *, low: float = -4, high: float = 0
) -> widgets.FloatLogSlider:
    """Return a slider from 10**low to 10**high that speaks while it is being dragged; see read."""
    return widgets.FloatLogSlider(
        value=value,
        min=low,
        max=high,
        step=0.02,  # among its stops are 1, 2, 3, 4, 5 and 6
        description=description,
        tooltip=tooltip,
        readout_format=".2g",
        **_slider() | {"continuous_update": True},
    )


def count_slider(
    description: str, value: int, low: int, high: int, tooltip: str, *, step: int = 1
) -> widgets.IntSlider:
    """Return a slider over whole numbers that speaks when the hand lets go."""
    return widgets.IntSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        tooltip=tooltip,
        **_slider(),
    )


def button(
    text: str, icon: str, tooltip: str, *, style: str = "", width: str = "104px"
) -> widgets.Button:
    """Return a button; the icon is a Font Awesome name."""
    return widgets.Button(
        description=text,
        icon=icon,
        tooltip=tooltip,
        button_style=style,
        layout=widgets.Layout(width=width),
    )


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return the widgets side by side, on a line of their own where the page is narrow."""
    return widgets.HBox(children, layout=row_layout())


def row_layout() -> widgets.Layout:
    """Return the layout of a row."""
    return widgets.Layout(flex_flow="row wrap", align_items="center", max_width="900px")


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
    for child in getattr(widget, "children", ()):
        close_all(child)
    for name in ("layout", "style"):
        part = getattr(widget, name, None)
        if isinstance(part, widgets.Widget):
            part.close()
    widgets.Widget.close(widget)


def _slider() -> dict[str, Any]:
    return {
        "style": LABEL_STYLE,
        "layout": widgets.Layout(width="430px"),
        "continuous_update": False,  # one change when the hand lets go, not fifty on the way
    }
