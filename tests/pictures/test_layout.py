"""A picture takes the room that there is: letters and margins stay, axes give way."""

import pytest
from matplotlib.figure import Figure

from tutorial_lib.pictures import PAPER, Screen, boxes_on, columns_or_rows, size_on
from tutorial_lib.pictures.layout import LEAST

PAIR = (0.1, 0.2, 0.3, 0.7), (0.6, 0.2, 0.35, 0.7)


def in_pixels(size, boxes):
    width, height = 100 * size[0], 100 * size[1]
    return [(width * left, height * low, width * w, height * h) for left, low, w, h in boxes]


def test_axes_stand_side_by_side_or_where_it_is_narrow_one_below_the_other():
    wide = columns_or_rows(Figure((6.4, 3)), 2, width_ratios=(2, 1), sharey=True)
    narrow = columns_or_rows(Figure((6.3, 3)), 3, width_ratios=(2, 1, 1))
    assert [axes.get_subplotspec().get_geometry() for axes in wide] == [(1, 2, 0, 0), (1, 2, 1, 1)]
    assert [axes.get_subplotspec().get_geometry() for axes in narrow] == [
        (3, 1, number, number) for number in range(3)
    ]


@pytest.mark.parametrize(
    ("screen", "size"),
    [(PAPER, (9, 3)), (Screen(700), (7, 3)), (Screen(630), (6.3, 5)), (Screen(300), (3, 5))],
)
def test_a_picture_is_as_wide_as_there_is_room_and_may_be_higher_where_it_is_narrow(screen, size):
    assert size_on(screen, (9, 3), (9, 5)) == size
    assert size_on(screen, (2, 3)) == (2, 3)


def test_on_paper_boxes_are_what_they_are():
    assert boxes_on(PAPER, (9, 3), PAIR) == ((9, 3), list(PAIR))


def test_what_lies_between_axes_keeps_its_width():
    size, boxes = boxes_on(Screen(700), (9, 3), PAIR)
    (left, low, width, _), (right, _, other, _) = in_pixels(size, boxes)
    assert (left, low) == pytest.approx((90, 60))
    assert right - left - width == pytest.approx(180)
    assert 700 - right - other == pytest.approx(45)
    assert width / other == pytest.approx(0.3 / 0.35)


def test_axes_keep_the_least_of_their_width_though_what_is_between_them_must_shrink():
    size, boxes = boxes_on(Screen(300), (9, 3), PAIR, (9, 6), PAIR)
    (_, _, width, _), (right, _, other, _) = in_pixels(size, boxes)
    assert width == pytest.approx(LEAST * 270)
    assert right + other < 300
    assert size == (3, 6)


def test_without_boxes_for_a_narrow_screen_axes_stand_one_below_the_other():
    size, boxes = boxes_on(Screen(500), (9, 3), PAIR)
    upper, lower = in_pixels(size, boxes)
    assert upper[1] > lower[1] + lower[3]  # its bottom is above the other's top
    assert upper[0] == lower[0] == pytest.approx(90)
    assert upper[2] == lower[2]
    assert lower[1] == pytest.approx(60)  # room for what stands below them
    assert 500 - upper[0] - upper[2] >= 90 - 1e-6  # and beside them: 180 were between them
    assert size[1] == pytest.approx(2 * (0.3 + 0.7 * 0.8) * 3)


def test_what_stands_below_others_stays_below_all_of_them():
    strip = (0.05, 0.1, 0.9, 0.1)
    size, boxes = boxes_on(Screen(500), (9, 3), [(0.1, 0.4, 0.3, 0.5), (0.6, 0.4, 0.3, 0.5), strip])
    upper, lower, last = in_pixels(size, boxes)
    assert upper[1] - lower[1] - lower[3] == pytest.approx(60 + 30)  # as below and above the pair
    assert lower[1] - last[1] - last[3] == pytest.approx(60)
    assert last[3] == pytest.approx(30)
    assert last[1] == pytest.approx(30)
    assert 500 - last[0] - last[2] == pytest.approx(45)


def test_one_picture_alone_stays_as_high():
    assert boxes_on(Screen(500), (9, 3), [(0.1, 0.2, 0.8, 0.7)])[0] == (5, 3)
