"""What notebook 00 says, and what is measured."""

from functools import cache
from itertools import islice

import numpy as np

from claims.table import Seen, claim
from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, evaluate, load_digits
from tutorial_lib.panels import TrainingPanel

TEN = range(10)
WINDOW = 9  # steps whose mean is called the loss: single batches jump


@cache
def data():
    return load_digits("sample")


@cache
def epoch_of(seed: int, rate: float = 0.01) -> TrainingRun:
    """Return the run of section 3, with another seed, that has been trained to its end."""
    settings = Hyperparameters(epochs=1, learning_rate=rate, seed=seed)
    run = TrainingRun(LeNet5(seed=seed), data(), settings)
    for _ in run:
        pass
    return run


def losses_of(run: TrainingRun) -> np.ndarray:
    return np.array([record.loss for record in run.history])


def course_of(run: TrainingRun) -> np.ndarray:
    """Return the loss after each step, the mean of nine steps."""
    return np.convolve(losses_of(run), np.ones(WINDOW) / WINDOW, mode="valid")


@claim("00", "All five numbers lie near 2.30", seeds=TEN)
def the_first_five_losses_are_those_of_a_guess(seed: int) -> Seen:
    """The losses of the first five steps: between 2.25 and 2.35."""
    run = TrainingRun(LeNet5(seed=seed), data(), Hyperparameters(epochs=1, seed=seed))
    losses = [record.loss for record in islice(run, 5)]
    return Seen(2.25 < min(losses) < max(losses) < 2.35, f"{min(losses):.2f}-{max(losses):.2f}")


@claim("00", "84 to 90 % were right", seeds=TEN)
def one_epoch_reads_most_digits(seed: int) -> Seen:
    """The share of validation digits read right after one epoch, to the nearest per cent."""
    share = round(100 * evaluate(epoch_of(seed).model, data().validation).accuracy)
    return Seen(84 <= share <= 90, f"{share} %")


@claim("00", "(with ten seeds it took 25 to 60 steps)", seeds=TEN)
def there_is_no_way_down_at_first(seed: int) -> Seen:
    """After how many steps the loss, the mean of nine steps, is below 2.2, to the nearest five."""
    steps = int((course_of(epoch_of(seed)) < 2.2).argmax()) + WINDOW // 2
    return Seen(25 <= 5 * round(steps / 5) <= 60, f"{steps}")


@claim("00", "Then the loss falls fast, and later more and more slowly", seeds=TEN, quick=False)
def the_loss_falls_fast_and_then_slowly(seed: int) -> Seen:
    """How far the loss falls in 40 steps: the first, the fastest and the last of three epochs."""
    run = TrainingRun(LeNet5(seed=seed), data(), Hyperparameters(epochs=3, seed=seed))
    for _ in run:
        pass
    course = course_of(run)
    falls = course[:-40] - course[40:]
    fastest, last = falls[:120].max(), falls[-125:].mean()
    return Seen(bool(fastest > 1.0 > 0.2 > last), f"{falls[0]:.2f}, {fastest:.2f}, {last:.2f}")


@claim("00", "In all of them. A panel does the steps of your own loop")
def a_panel_takes_the_same_steps(seed: int) -> Seen:
    """In how many of 125 steps the loss of a panel's run is that of the loop, bit for bit."""
    theirs = TrainingPanel(data()).run(epochs=1, seed=seed).history
    agree = sum(a.loss == b.loss for a, b in zip(theirs, epoch_of(seed).history, strict=True))
    return Seen(agree == len(theirs) == 125, f"{agree} of {len(theirs)}")


@claim("00", "Find a learning rate with which the loss hardly moves in an epoch")
def a_hundredth_of_the_rate_crawls(seed: int) -> Seen:
    """The loss at the end of an epoch with the rate 0.0001: near ln 10."""
    last = course_of(epoch_of(seed, 0.0001))[-1]
    return Seen(bool(abs(last - np.log(10)) < 0.05), f"{last:.2f}")


@claim("00", "where it was in the digit is lost to the eye", seeds=[0])
def lenet_has_as_many_numbers_as_the_page_says(seed: int) -> Seen:
    """The weights of LeNet, and how many numbers its first dense layer takes."""
    model = LeNet5()
    num_weights = sum(weights.numel() for weights in model.parameters())
    return Seen((num_weights, model.fc1.in_features) == (61_706, 400), f"{num_weights}")
