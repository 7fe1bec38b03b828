"""What the state of a run must fit before a run takes it up."""

from typing import Any

from torch import Tensor, nn

from tutorial_lib.config import Hyperparameters, check_whole
from tutorial_lib.data import Digits


def differences(
    state: dict[str, Any],
    *,
    model: nn.Module,
    data: Digits,
    theirs: Hyperparameters,
    ours: Hyperparameters,
) -> list[str]:
    """Say in what a state is of another run than one of this model, data and settings can be.

    Args:
        state: As `TrainingRun.state_dict` returns it.
        theirs: The settings that the state holds.
    """
    found = []
    for field in ("optimizer", "loss"):
        there, here = getattr(theirs, field), getattr(ours, field)
        if there != here:
            found.append(f"its {field} is {there}, here it is {here}")
    name, count = state["data"]
    if (name, count) != (data.name, len(data.train)):
        images = f"{len(data.train):,} images of {data.name!r}"
        found.append(f"it learned from {count:,} images of {name!r}, here are {images}")
    found += _tensor_differences(state["model"], model.state_dict())
    if not found:
        memory = state["optimizer"]["state"]
        for index, parameter in enumerate(model.parameters()):
            for key, value in memory.get(index, {}).items():
                if isinstance(value, Tensor) and value.shape not in ((), parameter.shape):
                    shapes = f"{list(value.shape)}, for a weight {list(parameter.shape)}"
                    found.append(f"the optimizer's {key} {index} is {shapes}")
    return found


def _tensor_differences(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> list[str]:
    """Say which tensors of a model's state are missing, unknown, or of another shape or type."""
    differences = []
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        if name not in ours:
            differences.append(
                f"its model has {name} {list(theirs[name].shape)}, the one here has not"
            )
        elif name not in theirs:
            differences.append(
                f"the model here has {name} {list(ours[name].shape)}, its own has not"
            )
        elif theirs[name].shape != ours[name].shape:
            shapes = f"{list(theirs[name].shape)}, here it is {list(ours[name].shape)}"
            differences.append(f"its {name} is {shapes}")
        elif theirs[name].dtype != ours[name].dtype:
            differences.append(f"its {name} is {theirs[name].dtype}, here {ours[name].dtype}")
    return differences


def checked_position(position: list[Any]) -> tuple[int, int, int, float]:
    """Return (epoch, steps, images and summed loss of this epoch), if it can be a position."""
    epoch, epoch_step, epoch_images, epoch_loss = position
    for field, value in (("epoch", epoch), ("step", epoch_step), ("image", epoch_images)):
        check_whole(f"the {field} that the state stands at", value, low=0)
    return epoch, epoch_step, epoch_images, float(epoch_loss)
