"""The settings of a training, checked the moment they are given."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from tutorial_lib.checks import check_choice, check_number, check_whole, shown
from tutorial_lib.losses import LOSSES
from tutorial_lib.optimizers import OPTIMIZERS

LARGEST_STEP = 1e37  # what an optimizer multiplies a gradient by has to fit into a float32


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What is chosen before training, rather than learned by it.

    The defaults are those of the MindSpore r1.8 tutorial "Model Training".

    Raises:
        TypeError: A value is of the wrong kind (a string, None, True, 2.5 images).
        ValueError: A value lies outside its range. Both name field, value and range.
    """

    epochs: int = 10  # passes over the training set, 1 or more
    batch_size: int = 32  # images per step, 1 to the size of the training set
    learning_rate: float = 1e-2  # step length along the gradient, above 0
    momentum: float = 0.9  # in [0, 1): mu of momentum and nesterov, beta1 of adam and its like
    optimizer: str = "momentum"  # a name in optimizers.OPTIMIZERS
    loss: str = "cross_entropy"  # a name in losses.LOSSES
    weight_decay: float = 0.0  # pull of every weight towards 0, 0 or more
    seed: int = 0  # decides the order of the data and a new model's first weights, 0 to 2**63 - 1

    def __post_init__(self) -> None:
        check_whole("epochs", self.epochs, low=1)
        check_whole("batch_size", self.batch_size, low=1)
        check_number("learning_rate", self.learning_rate, "(0, inf)", lambda value: value > 0)
        check_number("momentum", self.momentum, "[0, 1)", lambda value: 0 <= value < 1)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        if callable(self.loss):
            raise TypeError(
                f"loss must be one of {', '.join(LOSSES)}; got {shown(self.loss)}: a function of "
                "your own is given to the run or the panel, as loss=my_loss"
            )
        check_choice("loss", self.loss, LOSSES)
        check_number("weight_decay", self.weight_decay, "[0, inf)", lambda value: value >= 0)
        check_whole("seed", self.seed, low=0)
        for field in dataclasses.fields(self):  # numpy scalars and fractions become plain numbers
            object.__setattr__(self, field.name, field.type(getattr(self, field.name)))
        largest = LARGEST_STEP * min(1 - self.momentum, 1 / max(1.0, self.weight_decay))
        if self.learning_rate > largest:
            raise ValueError(
                f"learning_rate must be a finite number in (0, {largest:.3g}] with momentum "
                f"{self.momentum!r} and weight_decay {self.weight_decay:g}, or torch cannot compute"
                f" a step; got {self.learning_rate:g}"
            )

    @property
    def optimizer_settings(self) -> dict[str, float]:
        """What an optimizer is given besides its name and the parameters."""
        names = ("learning_rate", "momentum", "weight_decay")
        return {name: getattr(self, name) for name in names}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; unknown names and bad values are refused."""
        names = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            check_choice("the field to change", name, names)
        return dataclasses.replace(self, **changes)


SHORT_NAMES = {
    "optimizer": "",
    "loss": "",
    "learning_rate": "lr",
    "batch_size": "batch",
    "momentum": "momentum",
    "weight_decay": "decay",
    "seed": "seed",
}


def labels_by_difference(settings: Sequence[Hyperparameters]) -> list[str]:
    """Name each of several settings by the fields in which they differ, in a few letters.

    A single one, or several equal ones, are named by learning rate and batch size. The number of
    epochs is left out: a curve shows it.
    """
    differing = [name for name in SHORT_NAMES if len({getattr(s, name) for s in settings}) > 1]
    names = differing or ["learning_rate", "batch_size"]
    labels: list[str] = []
    for setting in settings:
        parts = [f"{SHORT_NAMES[name]} {_short(getattr(setting, name))}".strip() for name in names]
        label = ", ".join(parts)
        repeats = sum(earlier.split(" (again")[0] == label for earlier in labels)
        labels.append(
            f"{label} (again{f' {repeats}' if repeats > 1 else ''})" if repeats else label
        )
    return labels


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else str(value)
