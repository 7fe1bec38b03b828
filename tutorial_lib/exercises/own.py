"""Exercises on data, networks and steps of one's own."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.exercises import judging

EXERCISES: dict[str, judging.Exercise] = {}


def _scaled(rows: Tensor, by: Tensor) -> Tensor:
    """Scale each column by the mean and the spread that it has in other rows."""
    return (rows - by.mean(dim=0)) / by.std(dim=0, correction=0)


def _tables() -> list[tuple[Tensor, Tensor]]:
    """Return pairs of tables whose columns differ in size, as do the two tables."""
    sizes = torch.tensor([1.0, 100.0, 0.01])
    return [
        ((torch.randn(num_train, 3) + 2) * sizes, (2 * torch.randn(num_others, 3) + 4) * sizes)
        for num_train, num_others in ((64, 8), (100, 36), (51, 1))
    ]


EXERCISES["scale_columns"] = judging.function_exercise(
    lambda train, others: (_scaled(train, train), _scaled(others, train)),
    "Each column has a mean and a spread of its own. Which rows may they come from?",
    "train.mean(dim=0) and train.std(dim=0) have one number for each column.",
    "Take that mean from both tables and divide both by that spread; return the two.",
    cases=_tables,
    returns=("train", "others"),
    tolerance=0.02,  # a spread that divides by N - 1 is as good
    right="Every table is measured by the rows that the network learns from.",
    mistakes=lambda x, y: {
        "You scaled the others by their own mean and spread. Then the same wine has other numbers "
        "in other company. Use those of train.": (_scaled(x, x), _scaled(y, y)),
        "You took mean and spread from all rows together: so train knows of rows that it is tested "
        "on. Take them from train alone.": (
            _scaled(x, torch.cat([x, y])),
            _scaled(y, torch.cat([x, y])),
        ),
        "You took one mean and one spread for the whole table. Each column has its own: dim=0.": (
            _scaled(x.T, x.reshape(-1, 1)).T,
            _scaled(y.T, x.reshape(-1, 1)).T,
        ),
        "The means are gone, and the spreads are as they were. Divide by them.": (
            x - x.mean(dim=0),
            y - x.mean(dim=0),
        ),
        "You divided by the spread, and the means are still there. Subtract them first.": (
            x / x.std(dim=0, correction=0),
            y / x.std(dim=0, correction=0),
        ),
        "You divided by the variance. The spread is its square root.": (
            (x - x.mean(dim=0)) / x.var(dim=0, correction=0),
            (y - x.mean(dim=0)) / x.var(dim=0, correction=0),
        ),
        "The others are as they were. The network needs them in the same units.": (
            _scaled(x, x),
            y,
        ),
    },
)


def _r_squared(predictions: Tensor, targets: Tensor) -> Tensor:
    spread = (targets - targets.mean()).square().sum()
    return 1 - (targets - predictions).square().sum() / spread


def _correlation_squared(predictions: Tensor, targets: Tensor) -> Tensor:
    return torch.corrcoef(torch.stack([predictions, targets]))[0, 1] ** 2


EXERCISES["r_squared"] = judging.function_exercise(
    _r_squared,
    "Two sums of squares: what is left over, and what there was to explain.",
    "The first sum goes over targets - predictions, the second over targets - targets.mean().",
    "1 minus the first sum divided by the second.",
    cases=lambda: [
        (torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 3.0, 5.0])),
        *((torch.randn(n) + 1, 3 * torch.randn(n) + 2) for n in (20, 44)),
        ((far := torch.randn(30)) + 5, far),  # far off: below 0
    ],
    returns=("r_squared",),
    right="1 is perfect, 0 is no better than the mean of all, and below 0 is worse than that.",
    mistakes=lambda z, y: {
        "That is the share that is left over. R squared is 1 minus that.": 1 - _r_squared(z, y),
        "That is the squared correlation. It forgives predictions that are all too high, or all "
        "too wide; R squared does not.": _correlation_squared(z, y),
        "That is the mean squared error. Compare it with that of answering the mean.": F.mse_loss(
            z, y
        ),
        "You compare with the spread of the predictions. What there is to explain is the spread of "
        "the targets.": _r_squared(y, z),
        "You left out the squares.": 1 - (y - z).abs().sum() / (y - y.mean()).abs().sum(),
        "You compare with the targets themselves, not with how far they lie from their mean.": (
            1 - (y - z).square().sum() / y.square().sum()
        ),
    },
)


def _stop_early(losses: Tensor, patience: int) -> int:
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


def _after_rises(losses: Tensor, patience: int) -> int:
    """Stop after so many rises in a row, be they above the lowest loss or not."""
    rises = 0
    for epoch in range(1, len(losses)):
        rises = rises + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if rises == patience:
            return int(losses[: epoch + 1].argmin())
    return int(losses.argmin())


EXERCISES["stop_early"] = judging.function_exercise(
    _stop_early,
    "Walk through the losses, and remember the epoch of the lowest one so far.",
    "If epoch - best has reached patience, it is time to stop.",
    "for epoch, loss in enumerate(losses): a lower loss makes it the best; else, if epoch - best "
    ">= patience, break. Return best.",
    cases=lambda: [
        (torch.tensor([9.0, 5.0, 6.0, 7.0, 1.0]), 2),
        (torch.tensor([6.0, 3.0, 5.0, 4.0, 3.5, 1.0, 0.5]), 3),
        (torch.tensor([8.0, 4.0, 5.0, 3.0, 3.5, 2.0, 4.0, 5.0, 6.0, 0.0]), 3),
        (torch.tensor([5.0, 3.0, 4.0, 4.5, 2.0, 6.0, 7.0, 8.0, 1.0]), 3),  # just in time
        (torch.tensor([4.0, 3.0, 5.0, 6.0, 2.0, 7.0, 8.0, 9.0, 6.5, 6.0, 1.0]), 2),  # just too late
        (torch.tensor([3.0, 2.0, 1.0]), 1),
        (torch.tensor([1.0, 2.0, 3.0, 4.0]), 2),
    ],
    returns=("epoch",),
    right="It waited, gave up, and went back to the best.",
    mistakes=lambda losses, patience: {
        "That is the lowest loss of all. After patience epochs without a new lowest one the "
        "training is over: what comes later is never seen.": losses.argmin(),
        "That is where the training stops. Return the best epoch before.": (
            min(_stop_early(losses, patience) + patience, len(losses) - 1)
        ),
        "You give up an epoch too early. Epochs without a new lowest loss are counted; patience "
        "of them is the end.": _stop_early(losses, max(1, patience - 1)),
        "You give up an epoch too late. patience epochs without a new lowest loss are the end.": (
            _stop_early(losses, patience + 1)
        ),
        "You count rises in a row. Count epochs since the lowest loss: it may fall again and "
        "still be above that.": _after_rises(losses, patience),
        "That is the last epoch. Return the best one.": len(losses) - 1,
        "That is the lowest loss. Return the number of its epoch, from 0.": (
            losses[_stop_early(losses, patience)]
        ),
    },
)

EXERCISES["clip_gradient"] = judging.function_exercise(
    lambda gradient, max_norm: gradient * min(1.0, max_norm / gradient.norm()),
    "If it is short enough, leave it. If not, it keeps its direction.",
    "All its numbers are multiplied by the same factor. Which one makes it max_norm long?",
    "The factor is max_norm / gradient.norm(), and never more than 1.",
    cases=lambda: [
        (torch.tensor([3.0, 4.0]), 1.0),
        (torch.tensor([0.3, -0.4]), 1.0),
        *((size * torch.randn(20), 2.0) for size in (0.1, 1.0, 100.0)),
    ],
    returns=("gradient",),
    right="Long ones are shortened, short ones are left alone, and the direction stays.",
    mistakes=lambda g, limit: {
        "You cut each number by itself. That turns the gradient into another direction.": g.clamp(
            -limit, limit
        ),
        "You make every gradient max_norm long, the short ones, too.": limit * g / g.norm(),
        "You divided by the square of the norm. Take the root.": (
            g * min(1.0, limit / g.square().sum().item())
        ),
        "Your norm is the sum of the sizes. It is the root of the sum of the squares.": (
            g * min(1.0, limit / g.abs().sum().item())
        ),
        "Your norm is the largest number. It is the root of the sum of the squares.": (
            g * min(1.0, limit / g.abs().max().item())
        ),
        "You shorten to 1, whatever max_norm is.": g * min(1.0, 1 / g.norm().item()),
        "You throw a long gradient away. Shorten it.": g * (g.norm() <= limit),
    },
)

EXERCISES["square_loss"] = judging.function_exercise(
    lambda outputs, targets: (outputs - targets).square().mean(),
    "Which shape has outputs - targets?",
    "Torch spreads (B,) and (B, 1) over a square (B, B) by itself: nothing has to be added.",
    "(outputs - targets) ** 2, and then the mean of all of it.",
    cases=lambda: [
        (torch.tensor([1.0, 2.0]), torch.tensor([[1.0], [4.0]])),
        *((torch.randn(n), torch.randn(n, 1)) for n in (5, 16)),
    ],
    returns=("loss",),
    right="Every patient is compared with every other one. The best answer to that is the mean of "
    "all, for everybody: such a network learns nothing, and only a warning says so.",
    mistakes=lambda z, y: {
        "That one is right: each output is compared with its own target. Break it.": (
            (z - y.squeeze(1)).square().mean()
        ),
        "The square is there. Take the mean over it, not the sum.": (z - y).square().sum(),
        "You added up one side of the square. Take the mean over both.": (
            (z - y).square().sum(dim=0).mean()
        ),
        "That is the square itself. A loss is one number: its mean.": (z - y).square(),
        "Those are the sizes of the errors. The squared error was asked for.": (z - y).abs().mean(),
    },
)
