"""Memory that a step gives back and the next one needs again: let the process keep it.

GNU's C library, which PyTorch takes its memory from on Linux, hands what lies free at the end of
the heap back to the system, and asks for large pieces one by one. A step frees all that it made, so
in some processes each step pays for the same memory anew: a page at a time, 500 pages a step with
LeNet and 32 digits, 2,000 with 256, which is up to a third of its time. Whether it comes to that is
chance: what happens to lie at the end. Source: mallopt(3), M_TRIM_THRESHOLD.
"""

import ctypes
import functools
import os
import sys
from collections.abc import Callable

KEPT = 128 * 2**20  # bytes at the end of a heap that stay with the process
PIECE = 32 * 2**20  # bytes; larger pieces are asked for one by one (the most that mallopt takes)
AHEAD = 16 * 2**20  # bytes that are asked for together
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # their numbers in malloc.h
_VARIABLES = "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_"


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep up to KEPT bytes that it has freed; say whether that could be asked.

    With another C library than GNU's nothing happens, nor where a user has said in the environment
    how memory is to be kept. To be called again costs nothing.
    """
    if sys.platform != "linux" or any(map(os.environ.get, (*_VARIABLES, "GLIBC_TUNABLES"))):
        return False
    if (set_option := _mallopt()) is None:
        return False
    options = (_MMAP_THRESHOLD, PIECE), (_TRIM_THRESHOLD, KEPT), (_TOP_PAD, AHEAD)
    return all(set_option(option, value) == 1 for option, value in options)


def _mallopt() -> Callable[[int, int], int] | None:
    """Return the C library's mallopt if it is GNU's."""
    library = ctypes.CDLL(None)
    return getattr(library, "mallopt", None) if hasattr(library, "gnu_get_libc_version") else None
