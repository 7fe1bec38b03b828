"""A picture whose frame is kept looks like one that is drawn from nothing."""

import io
import random
import re
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

import tutorial_lib.labs
from tutorial_lib.labs.losses.panel import loss_panel, softmax_panel
from tutorial_lib.labs.parabola.panel import descent_panel
from tutorial_lib.labs.paths.panel import paths_panel, step_panel
from tutorial_lib.labs.schedules.panel import schedules_panel
from tutorial_lib.pictures.blitting import BlittedFigure

SIZE, BOXES = (3, 2), [(0.2, 0.2, 0.7, 0.6)]


def draw_line(axes, *, top=1, slope=1.0, ticks=(0, 1), title="", scale="linear", label=""):
    axes[0].plot([0, 1], [0, slope], clip_on=False)
    axes[0].set(title=title, yscale=scale, ylim=(0.01, top), xlabel=label, xticks=ticks)
    return f"slope {slope}"


def line(**settings):
    return partial(draw_line, **settings)


@pytest.fixture
def easel():
    easel = BlittedFigure(SIZE, BOXES)
    easel.picture(line())
    return easel


def from_nothing(draw):
    return BlittedFigure(SIZE, BOXES).picture(draw)


def test_a_frame_that_stays_is_rendered_once(easel):
    for slope in (0.2, 0.5, 0.9):
        assert easel.picture(line(slope=slope)) == from_nothing(line(slope=slope))
    assert easel.frames_rendered == 1


@pytest.mark.parametrize(
    "change",
    [{"top": 2}, {"ticks": (0, 0.5, 1)}, {"title": "new"}, {"scale": "log"}, {"label": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_a_frame_that_changes_is_rendered_anew(easel, change):
    assert easel.picture(line(**change)) == from_nothing(line(**change))
    assert easel.frames_rendered == 2
    assert easel.picture(line()) == from_nothing(line())


def test_limits_that_are_not_set_fit_what_is_drawn():
    def draw(axes, x):
        axes[0].scatter(x, [3, 4])

    easel = BlittedFigure(SIZE, BOXES)
    for x in ([10, 20], [], [-1, 1]):
        x_and_y = partial(draw, x=x) if x else lambda _: None
        assert easel.picture(x_and_y) == from_nothing(x_and_y)
    assert easel.frames_rendered == 3


def test_what_lies_higher_is_drawn_later():
    def draw(axes, upper):
        axes[0].axhspan(0, 1, color="black", zorder=1 if upper == "white" else 4)
        axes[0].plot([0, 1], [0.5, 0.5], color="white", lw=9, zorder=3)
        axes[0].set(xlim=(0, 1), ylim=(0, 1))
        return upper

    light = {}
    for upper in ("white", "black"):
        png, _ = from_nothing(partial(draw, upper=upper))
        light[upper] = np.asarray(Image.open(io.BytesIO(png)).convert("L"))[100, 165] > 127
    assert light == {"white": True, "black": False}


def test_after_a_failed_drawing_the_next_one_is_whole(easel):
    def fail(axes):
        axes[0].plot([5, 9], [5, 9])
        axes[0].set(title="half", ylim=(5, 9))
        raise ValueError("no such line")

    with pytest.raises(ValueError, match="no such line"):
        easel.picture(fail)
    assert easel.picture(line(top=3)) == from_nothing(line(top=3))


def somewhere(control, rng):
    """Return a value that a hand could give this control."""
    if isinstance(control, widgets.Dropdown):
        return rng.choice(list(control.options))
    if isinstance(control, widgets.ToggleButton):
        return rng.random() < 0.5
    slider = control.slider
    place = slider.min + (slider.max - slider.min) * rng.random()
    if isinstance(slider, widgets.FloatLogSlider):
        return slider.base**place
    return type(control.value)(place)


PANELS = {
    "losses.loss_panel": loss_panel,
    "losses.softmax_panel": softmax_panel,
    "parabola.descent_panel": descent_panel,
    "paths.paths_panel": paths_panel,
    "paths.step_panel": step_panel,
    "schedules.schedules_panel": partial(schedules_panel, 40),
}


def test_no_panel_under_sliders_is_forgotten():
    makers = re.compile(r"^def (\w+)\([^)]*\) -> PlayPanel:", re.MULTILINE)
    folder = Path(tutorial_lib.labs.__file__).parent
    found = {
        f"{path.parent.name}.{name}"
        for path in folder.glob("*/panel.py")
        for name in makers.findall(path.read_text(encoding="utf-8"))
    }
    assert found == PANELS.keys(), "add it to PANELS"


@pytest.mark.parametrize("make", PANELS.values(), ids=PANELS)
def test_a_panels_picture_depends_on_its_controls_alone(make):
    panel, rng = make(), random.Random(1)
    for name in rng.choices(list(panel.controls), k=6):
        panel.set(**{name: somewhere(panel.controls[name], rng)})
        used = panel._figure.axes
        boxes = [axes.get_position().bounds for axes in used]
        empty = BlittedFigure(used[0].figure.get_size_inches(), boxes)
        assert panel.image.value == empty.picture(partial(panel._draw, **panel.values()))[0]
    panel.close()
