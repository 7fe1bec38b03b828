"""The panels on which optimizers walk: down a surface, and one step in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import Image
from matplotlib.axes import Axes

from tutorial_lib.labs.paths.draw import draw_descents, draw_step_table
from tutorial_lib.labs.paths.measure import SURFACES, Surface, descend, steps_in_numbers
from tutorial_lib.optimizers import OPTIMIZERS, names_in_words
from tutorial_lib.panels import Draw, PlayPanel, controls

HEEDED = {  # control -> who goes by it
    "learning_rate": lambda optimizer: not optimizer.is_adaptive,
    "adaptive_rate": lambda optimizer: optimizer.is_adaptive,
    "momentum": lambda optimizer: optimizer.momentum,
}


def paths_panel() -> PlayPanel:
    """Return a panel that draws the ways of the optimizers down one of four surfaces.

    Another surface brings its own start and rates; `show_sgd` and so on say who walks.
    """
    first = SURFACES["ravine"]
    walks = "What they walk on. It brings its own start and rates."
    plain = f"Rate of {controls.NOT_ADAPTIVE}: how much of the gradient a step is."
    adaptive = f"Rate of {controls.ADAPTIVE}: about how long a step is."
    steps = "How many steps each of them takes."
    by_name: dict[str, widgets.Widget] = {
        "surface": controls.dropdown("surface", SURFACES, "ravine", walks),
        **{f"show_{name}": _toggle(name) for name in OPTIMIZERS},
        "learning_rate": controls.play_rate_slider("learning rate", first.learning_rate, plain),
        "adaptive_rate": controls.play_rate_slider("adaptive rate", first.adaptive_rate, adaptive),
        "momentum": controls.play_momentum_slider(0.8),
        "num_steps": controls.count_slider("steps", 40, 1, 100, steps, **controls.ON_DRAG),
        "start_x": _start_slider("start, weight 1", first.start[0], first.xlim),
        "start_y": _start_slider("start, weight 2", first.start[1], first.ylim),
    }
    boxes = (0.07, 0.12, 0.367, 0.8), (0.536, 0.12, 0.294, 0.8)
    looks = {"boxes": boxes, "size": (9, 3.8), "narrow_size": (6.3, 7)}
    looks["narrow_boxes"] = (0.145, 0.566, 0.83, 0.387), (0.145, 0.066, 0.61, 0.387)
    return PathsPanel("ways down a surface", _draw, by_name, **looks)


class PathsPanel(PlayPanel):
    """A panel whose surface brings its own start and rates; what no walker heeds is disabled."""

    def __init__(
        self, name: str, draw: Draw, controls_by_name: Mapping[str, widgets.Widget], **looks: Any
    ) -> None:
        controls_by_name["surface"].observe(
            lambda change: self.on_main_thread(self._bring, SURFACES[change["new"]]), "value"
        )
        for walker in OPTIMIZERS:
            controls_by_name[f"show_{walker}"].observe(self.later(self._rest), "value")
        super().__init__(name, draw, controls_by_name, **looks)
        self._rest()

    def picture(self, **values: Any) -> Image:
        """Return a plain picture of these values; a surface that is named brings its own."""
        own = _own_values(SURFACES[values["surface"]]) if "surface" in values else {}
        return super().picture(**own | values)

    def _bring(self, surface: Surface) -> None:
        own = _own_values(surface)
        with self.hold():
            for axis, (low, high) in (("start_x", surface.xlim), ("start_y", surface.ylim)):
                self.controls[axis].go(own[axis], low=low, high=high)
            self.set(**own)
        self.redraw()

    def _rest(self) -> None:
        """Let look dead what none of those who walk heeds."""
        walkers = [name for name in OPTIMIZERS if self.controls[f"show_{name}"].value]
        for name, heeds in HEEDED.items():
            heeded = any(heeds(OPTIMIZERS[walker]) for walker in walkers)
            heard = f"{self.controls[name].name} is only for {names_in_words(heeds)}"
            self.controls[name].rest("" if heeded else f"{heard}.")
        for name in ("num_steps", "start_x", "start_y"):
            self.controls[name].disabled = not walkers


def _own_values(surface: Surface) -> dict[str, float]:
    rates = {"learning_rate": surface.learning_rate, "adaptive_rate": surface.adaptive_rate}
    return {"start_x": surface.start[0], "start_y": surface.start[1]} | rates


def step_panel() -> PlayPanel:
    """Return a panel with a table: what each optimizer makes of one gradient, and why."""
    now, before = "The gradient of the step in the table.", "The gradient of the steps before it."
    steps = "How many steps came before the one in the table."
    by_name = {
        "gradient": controls.play_slider("gradient now", 0.5, -2, 2, now),
        "earlier": controls.play_slider("before that", 0.5, -2, 2, before),
        "num_earlier": controls.count_slider("steps before", 0, 0, 20, steps, **controls.ON_DRAG),
        "learning_rate": controls.play_rate_slider("rate", 0.1, "Rate of all of them."),
        "momentum": controls.play_momentum_slider(0.9),
    }
    earlier, num_earlier = by_name["earlier"], by_name["num_earlier"]

    def rest(_: object = None) -> None:
        earlier.rest("" if num_earlier.value else "There are no steps before.")

    num_earlier.observe(rest, "value")
    rest()
    boxes = [(0.02, 0.02, 0.97, 0.96)]
    num_rows = len(OPTIMIZERS) + 1  # one for each, and their heads
    looks = {"boxes": boxes, "size": (9, 2.2 / 7 * num_rows), "narrow_size": (9, 0.44 * num_rows)}
    return PlayPanel("one step in numbers", _draw_step, by_name, **looks)


def _draw_step(
    axes: Sequence[Axes],
    gradient: float,
    earlier: float,
    num_earlier: int,
    learning_rate: float,
    momentum: float,
) -> str:
    gradients = [*[earlier] * num_earlier, gradient]
    table = steps_in_numbers(gradients, learning_rate=learning_rate, momentum=momentum)
    steps = [steps[-1] for steps in table.values()]
    draw_step_table(axes[0], steps)
    moves = ", ".join(f"{step.optimizer} {step.moved:+.4g}" for step in steps)
    return f"Step {num_earlier + 1} moves the weight by: {moves}."


def _toggle(name: str) -> widgets.ToggleButton:
    return widgets.ToggleButton(
        name in ("sgd", "momentum", "adam"),
        description=name,
        tooltip=f"Whether {name} walks.",
        layout={"width": "104px"},
    )


def _start_slider(name: str, value: float, ends: tuple[float, float]) -> controls.NumberControl:
    return controls.play_slider(name, value, *ends, "Where all of them set out.", step=0.001)


def _draw(
    pair: Sequence[Axes],
    surface: str,
    start_x: float,
    start_y: float,
    learning_rate: float,
    adaptive_rate: float,
    momentum: float,
    num_steps: int,
    **shown: bool,
) -> str:
    descents = descend(
        SURFACES[surface],
        [name for name in OPTIMIZERS if shown[f"show_{name}"]],
        start=(start_x, start_y),
        learning_rate=learning_rate,
        adaptive_rate=adaptive_rate,
        momentum=momentum,
        num_steps=num_steps,
    )
    draw_descents(pair, SURFACES[surface], descents)
    words = [
        f"{name} flew off after {len(descent.points) - 1} steps"
        if descent.left
        else f"{name} ends {descent.heights[-1]:.2g} above the lowest point"
        for name, descent in descents.items()
    ]
    return ("; ".join(words) or "Nobody walks") + "."
