"""The thread that a panel was made in: there, and nowhere else, its widgets are written."""

import asyncio
import threading
from collections.abc import Callable


class Home:
    """Calls functions in the thread that made it."""

    def __init__(self) -> None:
        self._thread = threading.current_thread()
        self.loop = _running_loop()  # None in scripts and tests

    def call(self, function: Callable[[], None]) -> None:
        """Call now if this is the thread, else when its loop gets to it."""
        if threading.current_thread() is self._thread:
            function()
        elif self.loop is not None:
            self.loop.call_soon_threadsafe(function)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
