"""What a run learns from, what settings are chosen by, and what it is tested on."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.checks import check_number, check_whole, shown
from tutorial_lib.data.split import Split, indices_apart, most_held
from tutorial_lib.losses import task_of
from tutorial_lib.models import default_network


@dataclass(frozen=True, eq=False)
class Data:
    """Examples to train on, and others to look at while settings are chosen, and at the end."""

    name: str
    notice: str  # one sentence for the learner: what this really is
    train: Split
    test: Split | None
    device: torch.device
    noun: str = "examples"  # what they are, in the plural
    validation: Split | None = None
    classes: tuple[str, ...] = ()  # the names of the classes, from 0 on; none of a regression
    # Called with a device in another process, it returns the same once more; None: send the data.
    make_again: Callable[[Any], "Data"] | None = None
    # Makes inputs (N, ...) of new ones: of a picture's file, of rows of a table; None: they are
    # taken as they are.
    prepare: Callable[[Any], Tensor] | None = None

    def __repr__(self) -> str:
        splits = (self.train, self.validation, self.test)
        sizes = " + ".join(f"{len(split):,}" for split in splits if split is not None)
        return f"Data({self.name!r}, {sizes} {self.noun}, on {self.device})"

    @property
    def task(self) -> str:
        """Either "classification" or "regression"."""
        return task_of(self.train.targets)

    @property
    def num_outputs(self) -> int:
        """How many numbers a network answers with: one for each class, or for each target."""
        if self.task == "regression":
            return math.prod(self.train.targets.shape[1:])
        return len(self.classes) or int(self.train.targets.max()) + 1

    @property
    def default_loss(self) -> str:
        """The loss that is taken where none is named."""
        return "cross_entropy" if self.task == "classification" else "mse"

    @property
    def default_network(self) -> Callable[..., nn.Module]:
        """What makes a sensible network for such data, where none is named."""
        return default_network(self.train.shape, self.num_outputs)

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class, its number where it has none; none of a regression."""
        if self.task == "regression":
            return ()
        return self.classes or tuple(map(str, range(self.num_outputs)))

    @property
    def unit(self) -> str:
        """What is counted as a run goes on: "images", or what else these are, in the plural."""
        return "images" if self.are_pictures and self.noun != "pictures" else self.noun

    @property
    def are_pictures(self) -> bool:
        """Whether an input is of shape (C, H, W), with one, three or four channels."""
        shape = self.train.shape
        return len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) > 1

    @property
    def held_out(self) -> Split | None:
        """What runs are scored on as they go: the validation set, or else the test set, or none."""
        return self.test if self.validation is None else self.validation

    def hold_out(self, amount: float | int, *, seed: int = 0) -> "Data":
        """Return the same with a validation set taken out of the training set, by class.

        Args:
            amount: How many examples, or above 0 and below 1 the share of them.
            seed: Decides which ones.

        Raises:
            TypeError, ValueError: It is none of these, too few or too many (one example of each
                class must stay), or there is a validation set.
        """
        if self.validation is not None:
            raise ValueError(
                f"{self.name!r} has a validation set already, of {len(self.validation):,}"
            )
        count = number_held("the amount to hold out", amount, self.train.targets)
        check_whole("seed", seed, low=0, high=2**32 - 1)
        kept, held = indices_apart(self.train.targets, count, seed=seed)
        made = None if self.make_again is None else _HeldOut(self.make_again, count, seed)
        return replace(
            self,
            notice=_with_fewer(self.notice, len(self.train), count),
            train=self.train.part(kept),
            validation=self.train.part(held),
            make_again=made,
        )


def _with_fewer(notice: str, num_train: int, count: int) -> str:
    """Return a notice that says how many are left to train on, and how many to choose by."""
    size = re.compile(rf"(?<![\d,.]){num_train:,}( \D+?)? to train on")
    told = rf"{num_train - count:,}\1 to train on, {count:,} to choose by"
    changed, times = size.subn(told, notice, count=1)
    return changed if times else f"{notice} {count:,} to choose by are held out.".strip()


@dataclass(frozen=True)
class _HeldOut:
    """Makes data again, and holds the same examples out."""

    make: Callable[[Any], Data]
    count: int
    seed: int

    def __call__(self, device: Any) -> Data:
        return self.make(device).hold_out(self.count, seed=self.seed)


def number_held(
    field: str, amount: float | int, targets: Tensor, *, num_all: int | None = None
) -> int:
    """Return how many examples an amount is; at least one of each class stays to be trained on.

    Args:
        field: What the amount is called in a message.
        amount: A number of examples, or above 0 and below 1 a share.
        targets: Of those that are drawn from, (N,) or (N, T).
        num_all: What a share is a share of; None: N.

    Raises:
        TypeError, ValueError: It is none of these, or there are too few examples.
    """
    most = most_held(targets)
    of_each = "" if targets.is_floating_point() else ", and one of each class must stay"
    why = f" (there are {len(targets):,} to train on{of_each})"
    if most < 1:
        raise ValueError(f"{field} must be 0: there is nothing to spare{why}")
    if isinstance(amount, float):
        check_number(field, amount, "(0, 1), or a whole number", lambda share: 0 < share < 1)
        return min(max(1, round(amount * (num_all or len(targets)))), most)
    return check_whole(field, amount, low=1, high=most, why=why)


def names_of(classes: Iterable[Any]) -> tuple[str, ...]:
    """Return names of classes as texts, each its own.

    Raises:
        TypeError, ValueError: They are none.
    """
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(f"classes must be a list of names; got {shown(classes)}")
    names = tuple(str(name) for name in classes)
    if len(set(names)) < len(names) or not all(map(str.strip, names)):
        raise ValueError(
            f"classes must be names that differ, none of them empty; got {shown(names)}"
        )
    return names


def check_amounts(*, seed: int, **amounts: float | int | None) -> None:
    """Refuse amounts to be held out that are none, before anything is read; part -> amount."""
    for part, amount in amounts.items():
        if isinstance(amount, float):
            wanted = "[0, 1), or a whole number"
            check_number(part, amount, wanted, lambda share: 0 <= share < 1)
        elif amount is not None:
            check_whole(part, amount, low=0)
    check_whole("seed", seed, low=0, high=2**32 - 1)


def drawn_apart(
    targets: Tensor, amounts: dict[str, float | int | None], *, seed: int
) -> dict[str, Tensor]:
    """Draw sets to be held out, by class; return the indices of each, and of "train".

    Args:
        targets: (N,) int64 or (N, T) float32.
        amounts: Part -> how many, or which share of N; 0 and None: there is no such part.
        seed: Decides which ones.

    Raises:
        ValueError: They are too many.
    """
    left, parts = torch.arange(len(targets)), {}
    for part, amount in amounts.items():
        if amount:
            count = number_held(part, amount, targets[left], num_all=len(targets))
            kept, held = indices_apart(targets[left], count, seed=seed)
            parts[part], left = left[held], left[kept]
    return {"train": left, **parts}
