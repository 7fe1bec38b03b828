"""Threads that share the steps of one thread, and idle when another one computes: let them go.

GNU's OpenMP, which PyTorch computes with on Linux, starts threads for each thread that computes,
and keeps them. Together those of two are more than there are cores, though only one of the two
computes at a time. From then on those that wait for each other within a step go to sleep after a
hundred turns instead of 300,000, and have to be woken many times in each step: with two threads on
two cores it takes twice as long. Source: `gomp_throttled_spin_count_var` in libgomp's env.c.
"""

import ctypes
import functools
import sys
from collections.abc import Callable

from tutorial_lib.hardware.forks import on_forked_thread

SOFT = 1  # omp_pause_soft: what was set, as the number of threads, stays


def release_idle_threads() -> None:
    """Let those threads go that were started to share the steps of the calling thread, if any.

    Whoever comes to rest does this, so that another thread can compute fast. The next step starts
    them anew, in a tenth of a millisecond. Where torch computes with another OpenMP than GNU's,
    or with one older than GCC 9, nothing happens.
    """
    pause = _pause()
    if pause and not on_forked_thread():  # it would wait for those that the fork left behind
        pause(SOFT)


@functools.cache
def _pause() -> Callable[[int], int] | None:
    """Return OpenMP's omp_pause_resource_all if it is GNU's that torch has loaded."""
    if sys.platform != "linux":
        return None
    loaded = ctypes.CDLL(None)  # torch loads its OpenMP for all to see
    if hasattr(loaded, "__kmpc_fork_call"):  # LLVM's or Intel's, which wait in another way
        return None
    return getattr(loaded, "omp_pause_resource_all", None)
