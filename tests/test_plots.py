"""Pictures show the numbers they are given, and thin them without losing extremes."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tutorial_lib.plots import (
    decimate,
    draw_confusion,
    draw_digits,
    draw_runs,
    label_ends,
    smooth,
    spread,
)


@pytest.fixture
def axes():
    return Figure(figsize=(6, 3)).add_subplot()


def test_smoothing_by_hand():
    # span 3 keeps half: (0.5 * 1) / 0.5, then (0.25 * 1 + 0.5 * 3) / 0.75
    np.testing.assert_allclose(smooth([1, 3], span=3), [1, 1.75 / 0.75])


def test_smoothing_a_constant_changes_nothing():
    np.testing.assert_allclose(smooth([2.0] * 50), 2.0)


def test_a_short_curve_is_not_thinned():
    x = y = np.arange(100.0)
    assert decimate(x, y, bins=25)[0] is x


def test_a_long_curve_keeps_its_extremes_its_end_and_its_order():
    rng = np.random.default_rng(0)
    x, y = np.arange(50_000.0), rng.normal(size=50_000)
    y[31_234], y[777] = 90, -90
    thin_x, thin_y = decimate(x, y, bins=600)
    assert len(thin_x) < 2 * 600 + 100
    assert (thin_y.max(), thin_y.min()) == (90, -90)
    assert thin_x[-1] == x[-1]
    assert (np.diff(thin_x) > 0).all()
    np.testing.assert_array_equal(y[thin_x.astype(int)], thin_y)


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
