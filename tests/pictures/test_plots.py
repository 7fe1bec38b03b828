"""Pictures show the numbers they are given."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.pictures.labels import label_ends, spread
from tutorial_lib.pictures.plots import (
    draw_confusion,
    draw_digits,
    draw_runs,
)
from tutorial_lib.pictures.theme import run_colour, run_colours


@pytest.fixture
def axes():
    return Figure(figsize=(6, 3)).add_subplot()


def test_labels_are_spread_just_so_far_that_none_overlap():
    sizes = np.array([0.1, 0.1, 0.1])
    np.testing.assert_allclose(spread(np.array([0.2, 0.2, 0.8]), sizes), [0.2, 0.3, 0.8])
    pushed = spread(np.array([0.95, 1.0, 1.0]), sizes)
    assert pushed[-1] <= 1.0 + 1e-9
    assert (np.diff(pushed) >= 0.1 - 1e-9).all()


def test_runs_are_drawn_faint_and_bold_and_named(axes, new_run):
    draw_runs(axes, {"first": list(new_run()), "second": list(new_run(learning_rate=0.05))})
    assert {text.get_text() for text in axes.texts} == {"first", "second"}
    faint, bold = axes.lines[:2]
    assert faint.get_alpha() < 0.5
    assert faint.get_color() == bold.get_color() != axes.lines[2].get_color()
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(("x", "last"), [("epochs", 3), ("steps", 30), ("images", 300)])
def test_the_x_axis_is_what_was_asked_for(axes, new_run, x, last):
    draw_runs(axes, {"run": list(new_run())}, x=x)
    assert axes.lines[0].get_xdata()[-1] == last


@pytest.mark.parametrize(("x", "agree"), [("images", True), ("steps", False)])
def test_batch_sizes_are_smoothed_over_as_many_images(axes, new_run, x, agree):
    """A loss that falls by the image: two steps of 10 images and one of 20 stand at one height."""
    small, large = (
        [dataclasses.replace(r, loss=1 - r.images_seen / 3000) for r in new_run(batch_size=size)]
        for size in (10, 20)
    )
    draw_runs(axes, {"small": small, "large": large}, x=x)
    ends = [axes.lines[number].get_ydata()[-1] for number in (1, 3)]
    assert (abs(ends[0] - ends[1]) < 0.003) == agree


def test_seconds_add_up(axes, new_run):
    records = list(new_run())
    draw_runs(axes, {"run": records}, x="seconds")
    total = sum(record.seconds for record in records)
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(total)


def test_an_unknown_x_axis_is_refused(axes):
    with pytest.raises(ValueError, match="x must be one of epochs, steps, images, seconds"):
        draw_runs(axes, {}, x="hours")


def test_digits_stand_in_a_grid_with_titles(axes, sample):
    draw_digits(axes, sample.test.images[:13], list(range(13)), columns=5)
    height, width = axes.images[0].get_array().shape
    assert width == 5 * 32
    assert height == 3 * (32 + 10)
    assert len(axes.texts) == 13


def test_the_confusion_matrix_shows_every_count(axes):
    confusion = np.diag([90] * 10)
    confusion[4, 9] = 7
    draw_confusion(axes, confusion)
    assert sorted(text.get_text() for text in axes.texts) == ["7"] + ["90"] * 10


def test_no_curves_no_labels(axes):
    assert label_ends(axes, []) == []


def test_an_optimizer_has_the_same_colour_in_every_picture():
    colours = run_colours(OPTIMIZERS)
    assert len(set(colours.values())) == len(OPTIMIZERS)
    assert run_colours(["adam", "sgd"]) == {name: colours[name] for name in ("adam", "sgd")}
    assert list(run_colours(["adam", "lr 1"]).values()) == [run_colour(0), run_colour(1)]
