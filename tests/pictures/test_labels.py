"""Texts of a picture never touch axes, the edge or each other, whatever their length."""

import matplotlib.style
import pytest
from live_curves import crowded_curve
from matplotlib.figure import Figure
from text_boxes import collisions

from tutorial_lib.pictures import PAPER, STYLE, Screen, draw_lines, draw_runs
from tutorial_lib.pictures.labels import label_ends, text_width, wrapped

SCREENS = {
    "paper": PAPER,
    "sharp": Screen(dots=2),
    "zoomed": Screen(700, 1.25),
    "hardly wide": Screen(640, 1.5),
    "narrow": Screen(500, 2),
    "a phone": Screen(300, 3),
}
LABELS = [
    "lr 0.01, momentum 0.9, batch 32, adam",
    "a_name_of_a_run_without_a_single_space",
    "lr 0.1",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "three\nlines\nof it",
    "lr 1e-05, nesterov, 3 processes",
]


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("labels", [LABELS, ["lr 0.01"], ["W" * 500] * 6], ids=["six", "one", "W"])
def test_texts_of_the_live_curve_never_touch(screen, labels):
    curve = crowded_curve(labels).on(screen)
    curve.png()
    assert collisions(curve._figure) == []


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_texts_of_an_empty_live_curve_never_touch(screen):
    for num_held_out in (0, 100_000):
        curve = crowded_curve([], num_held_out=num_held_out).on(screen)
        curve.png()
        assert collisions(curve._figure) == []


@pytest.mark.parametrize("width", [9, 6.5, 4])
@pytest.mark.parametrize("height", [3.5, 1.8])
def test_texts_of_runs_never_touch(width, height, new_run):
    steps = list(new_run())
    with matplotlib.style.context(STYLE):
        figure = Figure((width, height))
        draw_runs(figure.add_subplot(), dict.fromkeys(LABELS, steps))
    assert collisions(figure) == []


def test_names_stay_apart_though_the_axes_change_after_they_were_given():
    with matplotlib.style.context(STYLE):
        figure = Figure((5, 2))
        axes = figure.add_subplot()
        draw_lines(axes, {name: ([0, 1], [0, 1]) for name in LABELS}, "x", "y")
        axes.set(ylim=(0, 50), title="higher")
    assert collisions(figure) == []


def test_names_are_all_there_where_there_is_room_and_some_are_left_out_where_there_is_none():
    for height, least, most in ((7.0, 30, 30), (1.0, 3, 12)):
        axes = Figure((4, height)).add_axes((0.1, 0.1, 0.6, 0.8))
        axes.set(xticks=[], yticks=[])
        labels = label_ends(axes, [(0.5, f"number {k}", "red") for k in range(30)])
        figure = axes.figure
        assert collisions(figure) == []
        assert least <= sum(bool(label.get_text()) for label in labels) <= most


def test_a_line_is_broken_at_commas_then_at_spaces_then_anywhere():
    room = text_width("momentum 0.9,", 9)
    assert wrapped("lr 1, momentum 0.9, adam", room, 9) == "lr 1,\nmomentum 0.9,\nadam"
    assert wrapped("the momentum of it", room, 9) == "the momentum\nof it"
    assert wrapped("W" * 20, room, 9).replace("\n", "") == "W" * 20
    assert wrapped("snake_case_is_long_here", room, 9).split("\n")[0].endswith("_")
    assert wrapped("one two three four", room, 9, 1) == "one two three…"
