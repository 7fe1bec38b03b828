"""A ball on a parabola, under sliders."""

from tutorial_lib.labs.parabola.draw import draw_descent
from tutorial_lib.panels import PlayPanel
from tutorial_lib.panels.controls import play_rate_slider, play_slider


def descent_panel() -> PlayPanel:
    """Return a panel that shows gradient descent on one weight while the sliders move."""
    rate = play_rate_slider(
        "learning rate", 0.1, "Length of a step along the slope.", low=-2, high=1
    )
    steepness = play_rate_slider("curvature", 1.0, "How steep the parabola is.", low=-1, high=1)
    controls = {
        "learning_rate": rate,
        "curvature": steepness,
        "momentum": play_slider("momentum", 0.0, 0, 0.99, "How much of the last step is kept."),
        "start": play_slider("start", -1.5, -3, 3, "The weight before the first step."),
    }
    boxes = (0.07, 0.346, 0.372, 0.584), (0.507, 0.346, 0.478, 0.584), (0.06, 0.11, 0.925, 0.0935)
    return PlayPanel("descent", draw_descent, controls, boxes=boxes, size=(9, 4))
