"""The hardest digits are those that the model gives least to."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, evaluation, with_accuracy
from tutorial_lib.data import Data, Split
from tutorial_lib.evaluation import (
    Mistake,
    evaluate,
    hardest_mistakes,
    predict,
    shown_metric,
)


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


class Always(nn.Module):
    """Gives the same answer to everything."""

    def __init__(self, answer: int, outputs: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(F.one_hot(torch.tensor(answer), outputs).float())

    def forward(self, images):
        return self.logits.expand(len(images), -1)


class Never(nn.Module):
    """Answers something else than was asked."""

    def forward(self, images):
        return torch.zeros(2, 1024)


def labelled(labels: list[int]) -> Split:
    return Split(torch.zeros(len(labels), 1, 32, 32), torch.tensor(labels, dtype=torch.int64))


@pytest.mark.parametrize("outputs", [2, 3, 12, 26, 1000])
def test_any_number_of_classes_is_counted(outputs):
    labels = [0, 0, 1, 1, 0]
    wrong = evaluate(Always(outputs - 1, outputs), labelled([0, 0, 0]))
    right = evaluate(Always(1, outputs), labelled(labels), chunk=2)
    assert (wrong.accuracy, right.accuracy) == (0, 2 / 5)
    assert len(wrong.confusion) == len(wrong.confusion[0]) == outputs
    assert wrong.confusion[0][outputs - 1] == 3
    assert (right.confusion[0][1], right.confusion[1][1]) == (3, 2)


@pytest.mark.parametrize("score", [evaluate, hardest_mistakes])
def test_a_split_that_does_not_fit_is_refused_in_words(score):
    with pytest.raises(ValueError, match="must hold at least one example"):
        score(Always(0, 10), labelled([]))
    with pytest.raises(ValueError, match=r"labels must lie in 0 to 9.*they go from 3 to 12"):
        score(Always(0, 10), labelled([12, 3]))
    with pytest.raises(ValueError, match=r"labels must lie in 0 to 9.*they go from -1 to 3"):
        score(Always(0, 10), labelled([-1, 3]))
    with pytest.raises(ValueError, match=r"logits \(examples, classes\); got \[2, 1024\] for 3"):
        score(Never(), labelled([1, 2, 3]))


# ---- numbers to be predicted ----


def numbers(*targets: float) -> Split:
    """Return inputs that are what is to be predicted, plus one."""
    values = torch.tensor(targets).view(-1, 1)
    return Split(values + 1, values)


def test_a_regression_is_scored_by_hand():
    found = evaluate(nn.Identity(), numbers(0.0, 2.0, 4.0))
    assert (found.loss, found.mean_absolute_error) == (1, 1)
    assert found.r2 == pytest.approx(1 - 3 / 8)  # errors of 1, and 4 + 0 + 4 around the mean
    assert found.accuracy is found.confusion is found.metric is None
    assert evaluate(nn.Identity(), numbers(0.0, 2.0, 4.0), loss="huber").loss == 0.5


def test_r_squared_needs_targets_that_differ():
    found = evaluate(nn.Identity(), numbers(3.0, 3.0))
    assert (found.r2, found.mean_absolute_error) == (None, 1)
    assert repr(found) == "Evaluation(loss=1.0, mean_absolute_error=1.0)"


def test_answers_may_lack_the_second_dimension():
    found = evaluate(nn.Flatten(0), numbers(0.0, 2.0, 4.0), chunk=2)
    assert found.mean_absolute_error == 1
    assert predict(nn.Flatten(0), numbers(0.0, 2.0)).tolist() == [[1], [3]]


def test_a_square_of_answers_is_refused():
    with pytest.raises(ValueError, match=r"must answer with numbers \[2, 1\]; got \[2, 2\]"):
        evaluate(nn.Linear(1, 2), numbers(0.0, 2.0))


def test_a_metric_of_ones_own_sees_all_examples_at_once():
    def worst(outputs, targets):
        return (outputs - targets).abs().max()

    split = numbers(0.0, 2.0, 4.0)
    split.inputs[2] += 5
    assert evaluate(nn.Identity(), split, metric=worst, chunk=1).metric == 6
    assert shown_metric(data_of(split), worst).name == "worst"
    with pytest.raises(TypeError, match="metric must return one number"):
        evaluate(nn.Identity(), split, metric=lambda *pair: pair)


def test_a_loss_of_ones_own_is_averaged_over_the_examples():
    assert evaluate(nn.Identity(), numbers(1.0, 1.0, 1.0), loss=first, chunk=2).loss == 2


def first(outputs, targets):
    return outputs[0].sum()


def data_of(split):
    return Data("numbers", "", split, None, split.device)


def test_what_is_shown_is_that_of_the_task():
    assert shown_metric(data_of(numbers(0.0))).field == "mean_absolute_error"
    assert shown_metric(data_of(labelled([0, 1]))).is_share


def test_a_loss_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="loss must be one of mse, l1, huber for a regression"):
        evaluate(nn.Identity(), numbers(0.0), loss="cross_entropy")
    with pytest.raises(ValueError, match="must be one of a classification"):
        hardest_mistakes(nn.Identity(), numbers(0.0))


@pytest.mark.parametrize("score", [evaluate, hardest_mistakes, predict])
@pytest.mark.parametrize("split", [None, "validation", ([1.0], [0])])
def test_what_is_no_split_is_refused_in_words(score, split):
    with pytest.raises(TypeError, match=r"must be one of data, as data\.validation"):
        score(Always(0, 10), split)


def test_a_metric_by_name_is_refused_in_words():
    with pytest.raises(TypeError, match=r"metric must be a function.*got 'f1'"):
        evaluate(Always(0, 10), labelled([1, 2]), metric="f1")
    with pytest.raises(TypeError, match=r"loss must be a function.*got 3"):
        evaluate(Always(0, 10), labelled([1, 2]), loss=3)


def test_new_inputs_alone_are_predicted_too():
    split = split_of(RIGHT, WRONG, WORSE)
    assert torch.equal(predict(Fixed(), split.inputs, chunk=2), predict(Fixed(), split))
    assert predict(Fixed(), split.inputs).argmax(dim=1).tolist() == [0, 1, 2]


def test_a_network_that_changes_its_inputs_in_place_changes_no_data(few):
    class InPlace(LeNet5):
        def forward(self, images):
            return super().forward(images.mul_(0.5))

    before = few.train.digest, few.test.digest
    run = TrainingRun(InPlace(), few, Hyperparameters(epochs=1, batch_size=10))
    list(with_accuracy(run, few.test))
    evaluate(run.model, few.train)
    assert (few.train.digest, few.test.digest) == before


def test_a_long_evaluation_says_how_far_it_is(few, monkeypatch):
    told = []

    class Line(evaluation.Waiting):
        def reach(self, done, total=None):
            told.append((self._unit, done, total))

    monkeypatch.setattr(evaluation, "Waiting", Line)
    evaluate(LeNet5(seed=0), few.train, chunk=40)
    assert told == [("examples", 40, 100), ("examples", 80, 100), ("examples", 100, 100)]
