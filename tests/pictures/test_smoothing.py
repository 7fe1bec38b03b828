"""Rows of numbers are smoothed and thinned without losing their extremes."""

import numpy as np
import pytest

from tutorial_lib.pictures.smoothing import decimate, equal_span, loss_ceiling, smooth


def test_smoothing_by_hand():
    # span 3 keeps half: (0.5 * 1) / 0.5, then (0.25 * 1 + 0.5 * 3) / 0.75
    np.testing.assert_allclose(smooth([1, 3], span=3), [1, 1.75 / 0.75])


def test_smoothing_a_constant_changes_nothing():
    np.testing.assert_allclose(smooth([2.0] * 50), 2.0)


def test_the_span_may_be_another_at_each_value():
    # a span of 1 keeps nothing: 5. Then span 3 keeps half of it: 0.5 * 5 + 0.5 * 1
    np.testing.assert_allclose(smooth([9, 5, 1], span=np.array([3, 1, 3])), [9, 5, 3])


def test_equal_spans_see_as_many_images_and_at_least_one_batch():
    np.testing.assert_array_equal(equal_span([8, 32, 64, 1024]), [100, 25, 12.5, 1])


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


@pytest.mark.parametrize(
    ("first_losses", "ceiling"),
    [((), 100), ((2.3, 2.4), 100), ((26_000, 140, float("inf")), 260_000)],
)
def test_the_ceiling_lies_above_what_runs_begin_with(first_losses, ceiling):
    assert loss_ceiling(first_losses) == ceiling
