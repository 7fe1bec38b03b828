"""Which device trains, and with how many threads."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
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
    """Let torch use the cores of this process but one, and say how many threads that makes.

    In a container torch counts the cores of the host; what counts is the CPU affinity and the
    cgroup quota. One core is left to the browser and to drawing: the threads of a step wait for
    each other, so a single one that has to share its core holds up all (on two cores beside one
    busy process a step of LeNet took 25-100 ms with two threads, 3 ms with one). A number that the
    user fixed by OMP_NUM_THREADS is left alone.
    """
    if not os.environ.get("OMP_NUM_THREADS"):
        import joblib  # its cpu_count knows affinity and quotas on every platform

        torch.set_num_threads(max(1, joblib.cpu_count() - 1))
    return torch.get_num_threads()


def free_memory(device: torch.device | None = None) -> int:
    """Return how many bytes of memory this process may still take, a container's limit included.

    Args:
        device: Where tensors are to be; on a GPU of its own memory, the smaller number counts.
    """
    free = psutil.virtual_memory().available
    try:  # of cgroups, version 2
        folder = Path("/sys/fs/cgroup")
        limit = int((folder / "memory.max").read_text())
        free = min(free, limit - int((folder / "memory.current").read_text()))
    except (OSError, ValueError):  # no such limit
        pass
    if device is not None and device.type == "cuda":
        free = min(free, torch.cuda.mem_get_info(device)[0])
    return free


def in_child_on_fresh_thread(action: Callable[[], None]) -> None:
    """Call an action; in a child of a fork, in a thread of its own.

    The threads that torch shares its work with do not come along in a fork, and the thread that
    forked would wait for them for ever. Another thread gets some of its own.
    """
    if not _was_forked:
        action()
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(action).result()


_was_forked = False


def _begin_as_child() -> None:
    global _was_forked
    _was_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_as_child)
