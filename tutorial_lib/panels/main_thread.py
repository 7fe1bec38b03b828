"""The thread that writes widgets."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any


class MainThread:
    """The thread that a panel was made in: there, and nowhere else, its widgets are written."""

    def __init__(self) -> None:
        self._thread = threading.current_thread()
        self.loop: asyncio.AbstractEventLoop | None = None  # as it stays in scripts and tests
        with contextlib.suppress(RuntimeError):
            self.loop = asyncio.get_running_loop()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call now if this is the thread, else when its loop gets to it."""
        if threading.current_thread() is self._thread:
            function(*arguments)
        elif self.loop is not None:
            self.loop.call_soon_threadsafe(function, *arguments)
