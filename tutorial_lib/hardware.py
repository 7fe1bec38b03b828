"""Which device trains, and with how many threads."""

import functools
import os

import torch


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device asked for, or the best one here: an accelerator (cuda, mps), else the CPU.

    Raises:
        ValueError: The device is unknown, or this machine does not have it.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if isinstance(name, str) and name == "auto":
        return accelerator or torch.device("cpu")
    available = ["cpu"] if accelerator is None else ["cpu", accelerator.type]
    wanted = f"device must be auto or one that this machine has ({', '.join(available)})"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{wanted}; got {name!r}") from error
    count = torch.accelerator.device_count() if accelerator and device.type != "cpu" else 1
    if device.type not in available or (device.index or 0) >= count:
        raise ValueError(f"{wanted}; got {name!r}")
    return device


@functools.cache  # once per process: a learner's own torch.set_num_threads stays in force
def use_available_cores() -> int:
    """Let torch use as many threads as this process has cores, and say how many.

    In a container torch counts the cores of the host; what counts is the CPU affinity and the
    cgroup quota. A number that the user fixed by OMP_NUM_THREADS is left alone.
    """
    if not os.environ.get("OMP_NUM_THREADS"):
        import joblib  # its cpu_count knows affinity and quotas on every platform

        torch.set_num_threads(joblib.cpu_count())
    return torch.get_num_threads()
