"""Pictures of what is measured fit every screen: side by side, or one below the other."""

from itertools import pairwise

import matplotlib.style
import pytest
import torch
from matplotlib.figure import Figure
from text_boxes import collisions
from torch import nn

from tutorial_lib import Hyperparameters
from tutorial_lib.labs.batch_size.panel import batch_race_panel, batch_size_panel
from tutorial_lib.labs.inside.panel import inside_panel
from tutorial_lib.labs.losses.panel import loss_panel, softmax_panel
from tutorial_lib.labs.lr_finder.panel import LrFinderPanel
from tutorial_lib.labs.map.panel import map_panel
from tutorial_lib.labs.parabola.panel import descent_panel
from tutorial_lib.labs.paths.panel import paths_panel, step_panel
from tutorial_lib.labs.race.panel import RacePanel
from tutorial_lib.labs.schedules.panel import schedules_panel
from tutorial_lib.labs.slices.measure import LossPlane
from tutorial_lib.labs.slices.panel import plane_panel
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.pictures import PAPER, STYLE, Screen, size_on
from tutorial_lib.pictures.screen import NARROWEST

SCREENS = {"paper": PAPER, "hardly wide": Screen(660), "narrow": Screen(600), "zoomed": Screen(330)}
SCREENS["narrowest"] = Screen(NARROWEST)
AWKWARD = "lr 0.01, momentum 0.9, nesterov, weight decay 0.0005, "


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))


def race_of_eight(data):
    settings = Hyperparameters(batch_size=32, epochs=1)
    runners = {
        f"{AWKWARD}runner {n}": settings.replace(learning_rate=0.01 * n) for n in range(1, 9)
    }
    return RacePanel(data, runners, new_model=network)


PANELS = {
    "batch size": lambda data: batch_size_panel(network(), data),
    "batch race": lambda data: batch_race_panel(data, new_model=network),
    "finder": lambda data: LrFinderPanel(TrainingPanel(data, new_model=network)),
    "inside": lambda data: inside_panel(data, new_model=network),
    "map": lambda data: map_panel(data, new_model=network, batch_sizes=(8, 16, 32)),
    "plane": lambda data: plane_panel(LossPlane(network(), data.train), size=4, num_steps=6),
    "race": race_of_eight,
}

PLAYED = {
    "losses": loss_panel,
    "softmax": softmax_panel,
    "parabola": descent_panel,
    "paths": paths_panel,
    "one step": step_panel,
    "schedules": lambda: schedules_panel(40),
}


@pytest.fixture(scope="module", params=PANELS)
def measured(request, wine):
    """Yield a panel of each kind that has measured."""
    panel = PANELS[request.param](wine)
    panel.run()
    yield panel
    panel.close()


def drawn(panel, screen: Screen) -> Figure:
    with matplotlib.style.context(STYLE):
        figure = Figure(size_on(screen, *panel._sizes))
        panel._draw(figure, panel.records, **panel._values)
    return figure


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_texts_of_what_was_measured_never_touch(measured, screen):
    assert collisions(drawn(measured, screen)) == []


def test_axes_stand_one_below_the_other_where_it_is_narrow(measured):
    figure = drawn(measured, Screen(600))
    figure.draw_without_rendering()
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(upper.y0 > lower.y1 and upper.x0 == pytest.approx(lower.x0, abs=0.05)
               for upper, lower in pairwise(boxes))  # fmt: skip


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("make", PLAYED.values(), ids=PLAYED)
def test_texts_of_what_is_played_with_never_touch(make, screen):
    panel = make()
    panel.screen = screen
    panel.draw_anew()
    figure = panel._figure.axes[0].figure
    for artist in figure.findobj(lambda artist: artist.get_animated()):
        artist.set_animated(False)
    assert collisions(figure) == []
    panel.close()
