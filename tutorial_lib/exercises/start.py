"""Exercises on the first page: a step, the loss of a guess, a rate that is too low."""

import math
from typing import Any

from tutorial_lib.config import Hyperparameters
from tutorial_lib.exercises import judging, trials
from tutorial_lib.exercises.judging import NotYet

EXERCISES: dict[str, judging.Exercise] = {}

EXERCISES["one_epoch"] = judging.number_exercise(
    80,
    "In one epoch each training digit is seen once, in groups of 50.",
    "How many groups of 50 are there in 4,000?",
    "4,000 / 50. As code: len(data.train) / 50",
    right="4,000 digits, 50 at a time. A larger batch is fewer steps.",
    mistakes={
        125: "That is with 32 digits in a step, as in section 3. Here a step looks at 50.",
        5000 / 50: "Those are all 5,000 digits. The network learns from the training digits alone.",
        4000: "That is how many digits it sees. A step looks at 50 of them at once.",
        50: "That is how many digits a step looks at. How many steps are there?",
        4000 * 50: "You multiplied. One step looks at 50 digits: so there are fewer steps than "
        "digits.",
        500 / 50: "Those are the validation digits. No step learns from them.",
        60_000 / 50: "That is for all of MNIST. The sample has 4,000 digits to train on.",
        800: "Those are ten epochs. One was asked for.",
    },
)

EXERCISES["two_digits"] = judging.number_exercise(
    math.log(2),
    "With ten digits it is ln 10. What takes the place of the 10?",
    "Who finds two digits equally likely is right in 1 of 2 cases.",
    "ln 2. As code: log(2)",
    tolerance=0.01,
    right="ln 2 = 0.693: the logarithm of the number of choices.",
    mistakes={
        math.log(0.5): "The right size, and below 0. A loss grows with the number of choices: "
        "take the logarithm of that, not of the probability.",
        math.log(10): "That is the loss with ten digits. Here there are two.",
        math.log10(2): "That is the logarithm to base 10. ln is the natural one: log in Python.",
        1: "That is the logarithm to base 2. ln is the natural one: log in Python.",
        2: "That is the number of choices. The loss is its logarithm.",
        0.5: "That is how often such a guess is right. The loss is a logarithm.",
        math.log(10) / 5: "A fifth of the choices is not a fifth of the loss: take the logarithm.",
        math.log(8): "That is ln 8. Two digits are left, not eight.",
        math.log(10) / 2: "Half of ln 10 is the loss with the root of ten choices. Take the "
        "logarithm of how many there are.",
        math.exp(2): "That is e to the 2, the way there. The logarithm is the way back: ln.",
    },
)

EXERCISES["right_set"] = judging.choice_exercise(
    "test",
    "Which digits have had a say in the choice, and which have not?",
    "The training digits moved the weights. The validation digits chose the rate.",
    "Two of three sets are used up. The third has not been looked at.",
    right="They had no say in anything: so they cannot flatter.",
    mistakes={
        "training": "The network has learned from those: it may know them by heart.",
        "validation": "Those chose the rate: part of its lead is luck with just these digits.",
        "all": "Most of those were learned from, or have chosen. One part had no say in anything.",
    },
)


def _judge_too_low(answer: Any) -> None:
    rate = judging.as_number(answer).item()
    if rate <= 0:
        raise NotYet(f"A learning rate lies above 0; you gave {rate:g}.")
    result = trials.outcome(Hyperparameters(epochs=1, learning_rate=rate))
    if result.learned:
        raise NotYet(
            f"With {rate:g} the network learns: its loss went from {result.first_loss:.2f} to "
            f"{result.last_loss:.2f}. Take a smaller one."
        )
    if result.thrown:
        where = (
            "overflowed"
            if math.isinf(result.highest_loss)
            else (f"was thrown up, to {result.highest_loss:.3g}")
        )
        raise NotYet(f"With {rate:g} the loss {where}: that rate is too high. Go the other way.")


EXERCISES["too_low_a_rate"] = judging.judged_exercise(
    _judge_too_low,
    "The left end of the slider. What do you see there after an epoch?",
    "0.01 learns. Divide by ten, until the loss stays where it is.",
    "0.0001 is low enough.",
    right="The loss hardly moves: nothing is broken, each step is just too short.",
    mistakes={
        0.01: "the network learns: its loss went from",
        2.0: "that rate is too high. Go the other way.",
        1e9: "With 1e+09 the loss overflowed: that rate is too high.",
    },
)
