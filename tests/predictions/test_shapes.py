"""Where a curve that was drawn and a run's differ: sketches worked by hand.

Each run plans ten epochs. On a logarithmic axis QUICK falls on a straight line from 2 to 0.02
within 0.8 epochs, and stays there: half, 0.2, is at epoch 0.4. SLOW takes eight: half at 4.
"""

import math
import re

import numpy as np
import pytest

from tutorial_lib.predictions.shapes import (
    SeenCurve,
    check_curve,
    difference_in_words,
    epoch_text,
    factor_text,
    thinned,
)

QUICK = [(0, 2), (0.8, 0.02), (10, 0.02)]
SLOW = [(0, 2), (8, 0.02), (10, 0.02)]
LATE = [(0, 2), (3.5, 2), (4.5, 0.02), (10, 0.02)]  # half at epoch 4, a tenth at 3.6
STAIRS = [(0, 2), (0.2, 0.25), (3.8, 0.25), (4.2, 0.16), (7.8, 0.16), (8, 0.02), (10, 0.02)]
FLAT = [(0, 2), (10, 2)]
DIP = [(0, 2), (0.8, 0.02), (7, 0.02), (7.5, 0.2), (10, 0.2)]


def said(expected, seen, **more) -> str:
    return difference_in_words(expected, SeenCurve(seen, 10, **more))


def test_too_late():
    assert said(SLOW, QUICK) == (
        "You expected the first half of the fall ten times later than it came: by epoch 4, and it "
        "came by 0.4. The loss towards the end, 0.0200, is about what you expected."
    )


def test_too_early():
    assert said(QUICK, SLOW) == (
        "You expected the first half of the fall ten times earlier than it came: by epoch 0.4, "
        "and it came by 4. The loss towards the end, 0.0200, is about what you expected."
    )


def test_another_shape_that_stands_still_first():
    assert said(LATE, SLOW) == (
        "Another shape: you expected the loss hardly to fall until epoch 3.6; it fell sooner."
    )
    assert said(SLOW, LATE) == (
        "Another shape: the loss hardly fell until epoch 3.41; you expected it to fall sooner."
    )


def test_another_shape_between_a_half_and_an_end_that_are_alike():
    assert said(STAIRS, SLOW) == (
        "Another shape: the first half of the fall and the loss towards the end are about as "
        "you expected, but at epoch 0.2 you expected 0.250, and the run had 1.78."
    )


def test_another_shape_that_rises_again():
    assert said(DIP, QUICK) == (
        "Another shape: you expected the loss to rise again, from 0.0200 at epoch 0.8 to 0.200; "
        "it did not. Towards the end you expected a loss of 0.200, and the run had 0.0200: your "
        "curve is ten times too high."
    )
    assert re.match(
        r"Another shape: you did not expect the loss to rise again, from 0\.0200 at epoch [\d.]+ "
        r"to 0\.200\. Towards the end",
        said(QUICK, DIP),
    )


def test_another_shape_that_climbs_first():
    climb = [(0, 2), (0.5, 800), (2, 2), (10, 2)]
    assert said(FLAT, climb) == (
        "Another shape: you did not expect the loss to climb first, to 800 at epoch 0.5. Towards "
        "the end you expected a loss of 2.00, and the run had 2.00."
    )
    assert said(climb, QUICK).startswith(
        "Another shape: you expected the loss to climb first, to 800 at epoch 0.5; it did not. "
        "Towards the end you expected a loss of 2.00, and the run had 0.0200: "
        "your curve is 100 times too high."
    )
    assert said(climb, climb).startswith("The loss climbed first, as you expected: to 800 at")


def test_hardly_sooner_is_no_other_shape():
    nearly = [(0, 2), (2.9, 1.9), (4.5, 0.02), (10, 0.02)]
    assert "hardly fell" not in said(nearly, LATE)
    assert "hardly to fall" not in said(LATE, nearly)


def test_the_noise_of_a_run_is_no_other_shape():
    noise, x = np.random.default_rng(0), np.linspace(0.01, 10, 1000)
    y = 0.02 + 2 * 0.1**x
    noisy = y * 10 ** (0.2 * noise.standard_normal(1000))
    assert noisy[-100:].max() > 4 * noisy[-100:].min()
    assert said(list(zip(x, y, strict=True)), list(zip(x, noisy, strict=True))).startswith("Well")


def test_another_level():
    higher = [(0, 2), (8, 0.2), (10, 0.2)]
    assert said(higher, SLOW) == (
        "The first half of the fall came about when you expected it. Towards the end you "
        "expected a loss of 0.200, and the run had 0.0200: your curve is ten times too high."
    )


def test_well_expected():
    near = [(0.2, 2.3), (8, 0.022), (9.8, 0.022)]  # all but from end to end, as a hand draws
    assert said(near, SLOW) == (
        "Well expected: the first half of the fall, by epoch 4, and the loss towards the end, "
        "0.0200, are about where you drew them."
    )


@pytest.mark.parametrize(
    ("expected", "seen", "words"),
    [
        (FLAT, SLOW, "You expected the loss to stay near 2.00; it fell to 0.0200."),
        (SLOW, FLAT, "You expected the loss to fall to 0.0200; it stayed near 2.00."),
        (SLOW, [(0, 2), (10, 20)], "You expected the loss to fall to 0.0200; it rose to 16.5."),
        (FLAT, [(0, 2.2), (10, 2.1)], "Well expected: the loss stayed near 2.20."),
    ],
)  # fmt: skip
def test_what_does_not_fall(expected, seen, words):
    assert said(expected, seen) == words


def test_a_run_that_diverged():
    seen = [(0.01, 2), (0.3, 50)]
    assert said(SLOW, seen, is_diverged=True) == (
        "You expected the loss to fall to 0.0200; the run diverged at epoch 0.3."
    )
    assert said([(0, 2), (5, 5)], seen, is_diverged=True) == (
        "You expected the loss to rise, and it did: the run diverged at epoch 0.3."
    )
    assert said(SLOW, [], is_diverged=True).endswith("the run diverged at epoch 0.")


def test_only_what_was_run_is_compared():
    assert said(QUICK, [(0, 2), (4, 0.2), (5, 0.2)]) == (
        "You expected the first half of the fall five times earlier than it came: by epoch 0.4, "
        "and it came by 2. Towards epoch 5 you expected a loss of 0.0200, and the run had 0.200: "
        "your curve is ten times too low. This compares what was run: up to epoch 5 of 10."
    )
    assert said(SLOW, [(0, 2), (0.5, 1)]) == (
        "The run ended at epoch 0.5 of 10, too early to compare it with your curve."
    )


def test_only_what_was_drawn_is_compared():
    assert said([(2, 0.8), (6, 0.126)], SLOW).endswith(
        "This compares from epoch 2 on, where your curve begins. This compares up to epoch 6, "
        "where your curve ends."
    )
    assert said([(2, 1), (2.5, 1)], SLOW) == "Your curve is too short to compare it with the run."


def test_losses_that_a_logarithmic_axis_cannot_show_are_left_out():
    assert "nothing to compare" in said(SLOW, [(0, 0.0), (10, -1.0)])
    assert said(SLOW, [(0, 2), (4, 0.2), (6, math.nan), (7, -1), (8, 0.02), (10, 0.02)]).startswith(
        "Well"
    )


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (3, TypeError, "got 3"),
        ("ab", TypeError, "got 'ab'"),
        ([(0, 1)], ValueError, "2 to 1,000 points .* got 1"),
        ([(0, 1)] * 1001, ValueError, "got 1,001"),
        ([(0, 1), 2], TypeError, "point 2 is 2"),
        ([(0, 1), (1, 2, 3)], TypeError, "point 2 is"),
        (
            [(0, 1), (11, 1)],
            ValueError,
            "epoch of point 2 must be a finite number in \\[0, 10\\]; got 11",
        ),
        ([(-1, 1), (1, 1)], ValueError, "epoch of point 1"),
        ([(0, 0), (1, 1)], ValueError, "loss of point 1 must be a finite number in \\[1e-12, 1e"),
        ([(0, 1), (1, math.nan)], ValueError, "loss of point 2"),
        ([(0, 1), (1, math.inf)], ValueError, "loss of point 2"),
        ([(0, 1), (1, 10**400)], ValueError, "loss of point 2"),
        ([(0, 1), (1, "2")], TypeError, "loss of point 2"),
        ([(0, 1), (True, 2)], TypeError, "epoch of point 2"),
        ([(0, 1), (2, 1), (1, 1)], ValueError, "at point 3, epoch 1 comes after 2"),
        ([(0, 1), (0, 1)], ValueError, "at point 2, epoch 0 comes after 0"),
    ],
)
def test_what_is_no_curve_is_refused(points, error, words):
    with pytest.raises(error, match=words):
        check_curve(points, 10)


def test_points_may_be_of_any_numbers():
    checked = check_curve(np.array([[0, 2], [10, 1]], np.float32), 10)
    assert checked == [(0.0, 2.0), (10.0, 1.0)]
    assert all(type(number) is float for point in checked for number in point)


def test_thinned_curves_keep_their_corners():
    x = np.linspace(0, 10, 1001)
    corners = [(0, 2), (0.5, 1), (1, 0.05), (7, 0.05), (10, 1)]
    log = np.interp(x, *np.array([(at, math.log10(loss)) for at, loss in corners]).T)
    kept = thinned(list(zip(x, 10**log, strict=True)), 5)
    assert [at for at, _ in kept] == pytest.approx([0, 0.5, 1, 7, 10])
    assert thinned(corners) == corners
    level = [(at, 1.0) for at in range(100)]
    assert len({at for at, _ in thinned(level, 20)}) == 20


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.5, "one and a half"), (1.8, "two"), (9.6, "ten"), (13.4, "13"), (150, "more than 100")],
)
def test_factors_in_words(factor, words):
    assert factor_text(factor) == words


def test_epochs_in_words():
    assert [epoch_text(x) for x in (0, 0.0123, 0.5, 1.234, 10)] == ["0", "0.012", "0.5", "1.23",
                                                                  "10"]  # fmt: skip
