"""Pictures of answers show the numbers they are given."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib.data import Split
from tutorial_lib.engine import EvaluationRecord
from tutorial_lib.evaluation import Mistake
from tutorial_lib.labs.digit_pad.draw import draw_probabilities
from tutorial_lib.pictures import (
    draw_accuracy_by_class,
    draw_accuracy_per_digit,
    draw_activations,
    draw_confusion,
    draw_digits,
    draw_learning_rates,
    draw_mistakes,
    draw_overfitting,
    draw_pictures,
    draw_predictions,
    draw_residuals,
)


@pytest.fixture
def axes():
    return Figure(figsize=(6, 3), layout="constrained").add_subplot()


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


# ---- other classes, colours and numbers ----


WINES = ["barolo", "grignolino", "barbera"]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_classes_have_their_names_beside_a_confusion_matrix(axes):
    draw_confusion(axes, [[5, 1, 0], [0, 6, 2], [0, 0, 7]], WINES)
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == WINES
    assert axes.get_ylabel() == "true class"
    assert sorted(texts(axes)) == ["1", "2", "5", "6", "7"]


@pytest.mark.parametrize(("names", "kind"), [(None, "digit"), (list("abcdefghij"), "class")])
def test_ten_classes_without_names_are_digits(axes, names, kind):
    draw_confusion(axes, np.eye(10, dtype=int), names)
    assert axes.get_ylabel() == f"true {kind}"


@pytest.mark.parametrize(("count", "num_texts"), [(26, 26), (27, 0), (1000, 0)])
def test_of_many_classes_the_colours_alone_tell(axes, count, num_texts):
    draw_confusion(axes, np.eye(count, dtype=int), [f"class number {n}" for n in range(count)])
    assert len(axes.texts) == num_texts
    assert len(ticks(axes.xaxis)) <= 26
    assert all(len(name) <= 14 for name in ticks(axes.xaxis))


def test_names_must_be_as_many_as_the_classes(axes):
    with pytest.raises(ValueError, match="classes must be 3 names; got 2"):
        draw_confusion(axes, np.eye(3), WINES[:2])


def test_a_class_without_examples_has_no_accuracy(axes):
    draw_accuracy_by_class(axes, [0.5, float("nan"), 1.0], WINES)
    assert texts(axes) == ["mean 75.0 %", "50.0", "100.0"]
    assert ticks(axes.xaxis) == WINES
    assert axes.get_ylabel() == "named right (%)"


@pytest.mark.parametrize("of", ["tensor", "split"])
def test_mistakes_in_colour_have_the_names_of_their_classes(axes, of):
    images = torch.rand(4, 3, 8, 8)
    shown = images if of == "tensor" else Split(images, torch.zeros(4, dtype=torch.int64))
    draw_mistakes(axes, shown, [Mistake(2, 0, 1, 0.979, 5.0)], WINES)
    assert texts(axes) == ["barolo\n→ grignolino\n98 %"]
    picture = axes.images[0].get_array()[-8:, 1:, :3]
    scaled = (images[2] - images[2].min()) / (images[2].max() - images[2].min())
    np.testing.assert_allclose(picture, scaled.permute(1, 2, 0), rtol=1e-5)


def test_grey_pictures_are_light_where_they_are_high_and_ink_is_dark(axes):
    draw_pictures(axes, torch.rand(2, 1, 8, 8))
    draw_digits(axes, torch.rand(2, 1, 8, 8))
    assert [image.get_cmap().name for image in axes.images] == ["gray", "gray_r"]


def test_what_is_no_picture_is_refused(axes):
    with pytest.raises(ValueError, match=r"images must be \(N, 1 or 3, H, W\); got \[2, 5, 8, 8\]"):
        draw_pictures(axes, torch.rand(2, 5, 8, 8))


def test_predictions_lie_on_the_diagonal_where_they_are_right(axes):
    draw_predictions(axes, torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [2.0]]), what="mm")
    diagonal, points = axes.lines
    np.testing.assert_array_equal(*diagonal.get_data())
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([1, 2], [1, 3])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("true mm", "predicted mm")


def test_residuals_say_by_how_much_predictions_are_too_high(axes):
    draw_residuals(axes, torch.tensor([1.0, 3.0, 5.0]), torch.tensor([[1.0], [2.0], [7.0]]))
    points = axes.lines[-1]
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([1, 3, 5], [0, 1, -2])
    assert axes.get_title("left") + axes.get_title() == "mean absolute error 1.00"


def test_a_pair_of_axes_shows_predictions_and_residuals_of_each_target():
    pair = Figure().subplots(1, 2)
    draw_residuals(pair, torch.rand(5, 2), torch.rand(5, 2), names=["height", "width"])
    for axes in pair:
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["height", "width"]


def test_predictions_of_another_number_are_refused(axes):
    with pytest.raises(ValueError, match=r"must be of one shape, \(N, T\); got \[5, 1\] and \[4,"):
        draw_residuals(axes, torch.rand(5, 1), torch.rand(4, 1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"accuracy": 0.5}, "held-out wines right (%)"),
        ({"mean_absolute_error": 3.0}, "mean absolute error\nof held-out wines"),
    ],
)
def test_overfitting_is_told_of_every_task(values, words):
    left, right = Figure(layout="constrained").subplots(1, 2)
    scores = [EvaluationRecord(n, n, n, loss, **values) for n, loss in enumerate((3.0, 1.0, 2.0))]
    draw_overfitting((left, right), [3.0, 1.0, 0.1], scores, noun="wines")
    assert right.get_ylabel() == words
    assert "lowest" in texts(left)
    assert {"training", "held out"} <= set(texts(left))


@pytest.mark.parametrize(
    ("num_classes", "words"),
    [(10, "knows nothing: ln 10 = 2.303"), (3, "knows nothing: ln 3 = 1.099"), (None, None)],
)
def test_a_network_that_knows_nothing_has_the_logarithm_of_its_classes(
    axes, new_run, num_classes, words
):
    draw_learning_rates(axes, {"lr 0.01": list(new_run(epochs=1))}, num_classes=num_classes)
    assert (words in texts(axes)) == (num_classes is not None)
