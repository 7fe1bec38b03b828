"""Which device trains, how much memory is free there, and what processor this is."""

import platform
import re
import subprocess
from pathlib import Path

import psutil
import torch


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device asked for, or the best one here: an accelerator (cuda, mps), else the CPU.

    Raises:
        ValueError: The device is unknown, or this machine does not have it.
    """
    is_here = torch.accelerator.is_available()  # torch 2.6 names the one that it was built for
    accelerator = torch.accelerator.current_accelerator() if is_here else None
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


def processor() -> str:
    """Return the processor's name as the system gives it; "" where it gives none."""
    system = platform.system()
    if system == "Linux":
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        names = re.findall(r"^(?:model name|Hardware|Model)\s*:\s*(\S.*)$", text, re.MULTILINE)
        return names[0] if names else platform.machine()
    if system == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()
