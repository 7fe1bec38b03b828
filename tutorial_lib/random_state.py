"""torch's global random state, which all threads share: lent to one at a time."""

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

RANDOM_STATE = (
    threading.RLock()
)  # held by whoever seeds torch's generators, until they are as before


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Let what is drawn within depend on the seed alone; then torch's random state is as before.

    Threads that seed wait for each other. Within, a second seed may be set.

    Args:
        seed: 0 to 2**63 - 1.
        device: Whose generator is seeded besides the CPU's.
    """
    device = torch.device(device)
    devices = [] if device.type == "cpu" else [device]  # the CPU's state is always kept
    with RANDOM_STATE, torch.random.fork_rng(devices, device_type=device.type):
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed asks every device, and is slow
        if devices:
            getattr(torch, device.type).manual_seed(seed)
        yield


def seed_of_step(seed: int, step: int) -> int:
    """Return what a run of this seed seeds torch with for step number `step`, from 0."""
    return int(np.random.default_rng((seed, step, 1)).integers(2**63))


def has_dropout(model: nn.Module) -> bool:
    """Say whether a part of the model draws at random when it is trained."""
    return any(isinstance(part, _DropoutNd) for part in model.modules())
