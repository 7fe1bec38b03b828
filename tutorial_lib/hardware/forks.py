"""What a child of a fork has to mind: the threads that torch computes with did not come along."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_set_num_threads = torch.set_num_threads  # before others take note of who calls it
_forked_thread: int | None = None  # the one that is left of those of the parent


def on_forked_thread() -> bool:
    """Say whether this is the thread that forked, in the child: it must compute alone.

    It would wait for ever for the threads that it shared its work with before.
    """
    return _forked_thread == threading.get_ident()


def in_child_on_fresh_thread(action: Callable[[], None]) -> None:
    """Call an action; in a child of a fork, in a thread of its own, which gets some of its own."""
    if _forked_thread is None:
        action()
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(action).result()


def _begin_as_child() -> None:
    global _forked_thread
    _forked_thread = threading.get_ident()
    _set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_as_child)
