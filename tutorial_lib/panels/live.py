"""What every panel is: controls, a line of words and a picture, drawn by the main loop alone."""

import asyncio
import base64
import contextlib
import html
import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as widgets

from tutorial_lib.panels import controls
from tutorial_lib.panels.cells import in_ipython, replace_previous

REFRESH_SECONDS = 0.2
FIRST_SECONDS = 0.05  # a click shows its first step after that
DRAWING_SHARE = 0.1  # of the time, at most
WAITS = (
    "This kernel cannot answer clicks while it draws: a button that starts something keeps it busy "
    "until that has ended. The kernel's interrupt ends it early."
)


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


class LivePanel(widgets.VBox):
    """A panel whose picture follows something that moves.

    Callbacks may come from any thread, and what moves may be in another one; this class sees to it
    that drawing and writing widgets happens in the thread that made the panel, and nowhere else.
    Running a cell again replaces the panels that it made before.

    Args:
        rows: The controls, a widget for each line.
        picture: The first picture, as PNG.
    """

    from_code = "refresh() draws"  # what works without controls; for subclasses
    _poll: asyncio.Task[None] | None = None

    def __init__(self, rows: Iterable[widgets.Widget], picture: bytes) -> None:
        self.status = widgets.HTML(layout={"min_height": "56px"})  # two lines: nothing jumps
        self.image = widgets.Image(
            value=picture, format="png", layout={"max_width": "900px", "width": "100%"}
        )
        self._main_thread = MainThread()
        # A kernel without a loop to draw in.
        self._waits = self._main_thread.loop is None and in_ipython()
        parts = [*rows, self.status, self.image]
        if self._waits:
            parts.append(widgets.HTML(f"<i>{WAITS}</i>"))
        super().__init__(children=parts, layout={"width": "100%"})
        self.own_file = replace_previous(self)  # for its run, where the notebook has one

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def say(self, headline: str, text: str) -> None:
        """Write the line of words."""
        self.status.value = f"<b>{html.escape(headline)}</b> {html.escape(text)}"

    def close(self) -> None:
        """Give the widgets back."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        controls.close_all(self)

    def refresh(self) -> None:
        """Draw what is new; for subclasses."""

    def stop(self) -> None:
        """End what moves; for subclasses."""

    def moves(self) -> bool:
        """Say whether there is more to come; for subclasses."""
        return False

    def watch(self) -> None:
        """Refresh now, and then from the main loop until nothing moves any more."""
        self.refresh()
        loop = self._main_thread.loop
        if self._waits:
            self._wait_here()
        elif loop is not None and (self._poll is None or self._poll.done()):
            self._poll = loop.create_task(self._follow())

    def on_main_thread(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call in the thread that draws: now if this is it, else when its loop gets to it."""
        self._main_thread.call(function, *arguments)

    def _wait_here(self) -> None:
        while self.moves():
            try:
                time.sleep(REFRESH_SECONDS)
            except KeyboardInterrupt:
                self.stop()
            self.refresh()

    async def _follow(self) -> None:
        pause, before = FIRST_SECONDS, math.inf
        while self.moves():
            start = time.perf_counter()
            self.refresh()
            drawing = time.perf_counter() - start
            usual = min(drawing, before)  # a whole picture now and then is no reason to stand still
            await asyncio.sleep(max(pause, usual / DRAWING_SHARE))
            pause, before = REFRESH_SECONDS, drawing
        self.refresh()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the live panel, and where that cannot be, the picture or words alone."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        picture = base64.b64encode(self.image.value).decode()
        words = f"{self!r}: its controls cannot be shown here, but from code {self.from_code}."
        return {**bundle, "text/plain": words, "image/png": picture}
