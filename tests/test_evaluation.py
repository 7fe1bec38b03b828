"""The hardest digits are those that the model gives least to."""

import math

import pytest
import torch
from torch import nn

from tutorial_lib.data.digits import Split
from tutorial_lib.evaluation import Mistake, hardest_mistakes


class Fixed(nn.Module):
    """Says what the first ten pixels of an image say."""

    def forward(self, images):
        return images.flatten(1)[:, :10]


def split_of(*odds):
    """Return images whose probabilities are these, up to a factor; all of them are zeros."""
    images = torch.zeros(len(odds), 1, 32, 32)
    for image, row in zip(images, odds, strict=True):
        image[0, 0, :10] = torch.tensor(row, dtype=torch.float32).log()
    return Split(images, torch.zeros(len(odds), dtype=torch.int64))


RIGHT = [91, 1, 1, 1, 1, 1, 1, 1, 1, 1]
WRONG = [4, 88, 1, 1, 1, 1, 1, 1, 1, 1]  # 4 % for the truth
WORSE = [1, 1, 60, 32, 1, 1, 1, 1, 1, 1]  # 1 % for the truth, though less sure


def test_the_lowest_probability_of_the_truth_comes_first():
    first, second = hardest_mistakes(Fixed(), split_of(RIGHT, WRONG, WORSE))
    assert (first.index, first.label, first.answer) == (2, 0, 2)
    assert (second.index, second.label, second.answer) == (1, 0, 1)
    assert [first.probability, second.probability] == pytest.approx([0.60, 0.88])
    assert [first.loss, second.loss] == pytest.approx([-math.log(0.01), -math.log(0.04)])


def test_no_more_than_asked_for_and_none_if_all_is_right():
    assert len(hardest_mistakes(Fixed(), split_of(WRONG, WORSE, WRONG), count=2)) == 2
    assert hardest_mistakes(Fixed(), split_of(RIGHT, RIGHT)) == ()


def test_chunks_change_nothing_and_the_model_stays_as_it_was():
    split, model = split_of(RIGHT, WRONG, WORSE, RIGHT, WRONG), Fixed().train()
    assert hardest_mistakes(model, split, chunk=2) == hardest_mistakes(model, split)
    assert model.training
    assert all(isinstance(mistake, Mistake) for mistake in hardest_mistakes(model, split))
