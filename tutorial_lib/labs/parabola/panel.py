"""A ball on a parabola, under sliders."""

from tutorial_lib.labs.parabola.draw import draw_descent
from tutorial_lib.panels import PlayPanel
from tutorial_lib.panels.controls import play_rate_slider, play_slider


def descent_panel() -> PlayPanel:
    """Return a panel that shows gradient descent on one weight while the sliders move."""
    length, steepness = "Length of a step along the slope.", "How steep the parabola is."
    by_name = {
        "learning_rate": play_rate_slider("learning rate", 0.1, length, low=-2, high=1),
        "curvature": play_rate_slider("curvature", 1.0, steepness, low=-1, high=1),
        "momentum": play_slider("momentum", 0.0, 0, 0.99, "How much of the last step is kept."),
        "start": play_slider("start", -1.5, -3, 3, "The weight before the first step."),
    }
    boxes = (0.07, 0.346, 0.372, 0.584), (0.507, 0.346, 0.478, 0.584), (0.06, 0.11, 0.925, 0.0935)
    return PlayPanel("descent", draw_descent, by_name, boxes=boxes, size=(9, 4))
