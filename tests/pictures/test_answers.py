"""Pictures of answers show the numbers they are given."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib.evaluation import Mistake
from tutorial_lib.labs.digit_pad.draw import draw_probabilities
from tutorial_lib.pictures import (
    draw_accuracy_per_digit,
    draw_activations,
    draw_mistakes,
)


@pytest.fixture
def axes():
    return Figure(figsize=(6, 3)).add_subplot()


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_each_digit_has_its_accuracy_and_all_have_their_mean(axes):
    draw_accuracy_per_digit(axes, [1.0] * 9 + [0.9])
    assert texts(axes) == ["mean 99.0 %", *["100.0"] * 9, "90.0"]
    low, high = axes.get_ylim()
    assert low < 90 < 100 < high


def test_a_mistake_says_what_it_is_the_answer_and_how_sure(axes, sample):
    mistakes = [Mistake(3, 4, 9, 0.979, 5.0), Mistake(0, 7, 1, 0.5, 2.0)]
    draw_mistakes(axes, sample.test.images, mistakes)
    assert texts(axes) == ["4→9 98 %", "7→1 50 %"]
    shown = axes.images[0].get_array()[-32:, :32]
    np.testing.assert_array_equal(shown, sample.test.images[3, 0])


def test_ten_bars_and_the_highest_stands_out(axes):
    draw_probabilities(axes, [0.01] * 7 + [0.91] + [0.04] * 2)
    assert [round(bar.get_width()) for bar in axes.patches] == [1] * 7 + [91] + [4] * 2
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert colours.count(colours[7]) == 1
    assert texts(axes)[7] == "91 %"


def test_no_answer_no_bars(axes):
    draw_probabilities(axes, [])
    assert {bar.get_width() for bar in axes.patches} == {0}
    assert texts(axes) == []


def test_maps_vectors_and_logits_pass_from_left_to_right(axes):
    logits = torch.arange(10.0)[None]
    layers = {"conv": torch.rand(1, 6, 14, 14), "dense": torch.rand(1, 84), "logits": logits}
    draw_activations(axes, layers)
    conv, dense, last = (image.get_array() for image in axes.images)
    assert conv.shape == (2 * 15 - 1, 3 * 15 - 1)
    np.testing.assert_array_equal(conv[15:, :14], layers["conv"][0, 3])
    assert dense.shape == (10, 9)
    np.testing.assert_array_equal(last[:, 0], range(10))
    assert {"conv", "6 x 14 x 14", "dense", "84", "9   9.0"} <= set(texts(axes))
    assert next(t for t in axes.texts if t.get_text() == "9   9.0").get_weight() == "bold"
