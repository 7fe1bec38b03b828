"""What notebook 01 says, and what is measured."""

import torch

from claims.table import Seen, claim
from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits

DATA = load_digits("sample")


def sgd_run(*, seed: int, learning_rate: float, **settings: float) -> TrainingRun:
    """Return a run of plain SGD that has been trained to its end."""
    chosen = Hyperparameters(optimizer="sgd", learning_rate=learning_rate, seed=seed, **settings)
    run = TrainingRun(LeNet5(seed=seed), DATA, chosen)
    for _ in run:
        pass
    return run


@claim("01", "This network is dead.")
def a_rate_of_two_kills(seed: int) -> Seen:
    """How many different answers the network has after an epoch at rate 2, or it overflowed."""
    try:
        model = sgd_run(seed=seed, learning_rate=2.0, epochs=1).model
    except ArithmeticError:
        return Seen(True, "overflow")
    with torch.no_grad():
        answers = model(DATA.validation.images).argmax(dim=1).unique().numel()
    return Seen(answers == 1, f"{answers} answers")
