"""On what is measured: the processor and its cores in plain words, and equal threads for all."""

import contextlib
import os
import re
from collections.abc import Iterator

import torch

from tutorial_lib.hardware import processor, usable_cores

UNKNOWN = "processor not recorded"


def kind() -> str:
    """Return what kind of machine this is: its processor, and how many cores this process has."""
    cores = usable_cores()
    return f"{in_words(processor())} ({cores} core{'s' if cores > 1 else ''})"


def in_words(name: str) -> str:
    """Return a processor's name without trade marks and words that say nothing."""
    name = re.sub(r"\((R|TM|C)\)", "", name, flags=re.IGNORECASE)
    name = re.sub(r"\b(\d+-Core|CPU|Processor)\b", "", name)
    return " ".join(name.split()) or UNKNOWN


@contextlib.contextmanager
def equal_threads() -> Iterator[int]:
    """Let all that is compared, here and in processes begun here, take one thread less than cores.

    By a call and by the variable: nothing that chooses for itself may then choose.
    """
    before, number = torch.get_num_threads(), max(1, usable_cores() - 1)
    variable = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(number)
    torch.set_num_threads(number)
    try:
        yield number
    finally:
        torch.set_num_threads(before)
        os.environ.pop("OMP_NUM_THREADS", None)
        if variable is not None:
            os.environ["OMP_NUM_THREADS"] = variable
