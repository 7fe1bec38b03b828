"""What every panel is: controls, a line of words and a picture, drawn by the main loop alone."""

import asyncio
import contextlib
import html
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import ipywidgets as widgets

from tutorial_lib.checks import check_choice
from tutorial_lib.engine import Session
from tutorial_lib.hardware import release_idle_threads
from tutorial_lib.panels import controls
from tutorial_lib.panels.cells import in_ipython, replace_previous
from tutorial_lib.panels.main_thread import MainThread
from tutorial_lib.panels.page import PANEL_CLASS, PanelPage, screen_of
from tutorial_lib.panels.with_picture import WithPicture
from tutorial_lib.pictures.saved import Picture
from tutorial_lib.pictures.screen import PAPER
from tutorial_lib.waiting import PERCENT, Waiting

REFRESH_SECONDS = 0.2
FIRST_SECONDS = 0.05  # a click shows its first step after that
DRAWING_SHARE = 0.05  # of the time, at most
MOST_SECONDS = 4.0  # between two drawings, and between two signs of life
SCREEN_SHARE = 0.2  # of the time at most goes into following a window that changes its size,
SCREEN_SECONDS = 1.0  # but so soon it is followed, however long a drawing took
SPOKEN_SECONDS = 10.0  # between two states of what goes on that are spoken: one takes nine
SILENCE_SECONDS = 12  # after so many without a sign of life, the page says so
WAITS = (
    "This kernel cannot answer clicks while it draws: a button that starts something keeps it busy "
    "until that has ended. The kernel's interrupt ends it early."
)
HELD = "This cell waits for it: an interrupt of the kernel ends it."

# The page itself waits, as a kernel that has ended says nothing: these words show themselves unless
# others take their place before, be it the same ones with another number.
SIGN_OF_LIFE = (
    "<style>@keyframes tutorial-silence {{to {{visibility: visible; height: auto}}}}</style>"
    '<span data-number="{number}" style="display: block; visibility: hidden; height: 0; overflow: '
    'hidden; animation: tutorial-silence 1ms {seconds}s forwards !important">{words}</span>'
)
SILENCE = (
    "Nothing was heard from the kernel for {seconds} seconds: it is busy with another cell, or it "
    "has ended. Until it is heard again, buttons and sliders do nothing. If it has ended, {cure}."
)
# Where the page knows of the end itself: see page.js.
ENDED = "The kernel has ended or was restarted. Buttons and sliders do nothing any more: {cure}."


class LivePanel(WithPicture, widgets.VBox):
    """A panel whose picture follows its controls, or a session that takes its time.

    Callbacks may come from any thread, and the session is in another one; this class sees to it
    that drawing and writing widgets happens in the thread that made the panel, and nowhere else.
    Running a cell again replaces the panels that it made before.

    Args:
        name: What the panel is called where only text can be shown.
        controls_by_name: Name -> widget.
        rows: What stands under the controls, a widget for each line.
    """

    from_code = "refresh() draws"  # what works without controls; for subclasses
    _session: Session | None = None  # what is followed, if anything
    _poll: asyncio.Task[None] | None = None
    holds_kernel = False  # whether a cell waits for what goes on

    def __init__(
        self,
        name: str,
        controls_by_name: Mapping[str, widgets.Widget],
        rows: Iterable[widgets.Widget] = (),
    ) -> None:
        self._name, self.controls = name, dict(controls_by_name)
        self.status = widgets.HTML(layout={"min_height": "56px"})  # two lines: nothing jumps
        # As wide as it was drawn for; where the page has become narrower since, as wide as that.
        layout = {"width": f"{PAPER.width}px", "max_width": "100%"}
        self.image = widgets.Image(format="png", layout=layout)
        self.page, self.screen = PanelPage(), PAPER
        self._rests_until = 0.0  # from drawing for other screens; seconds of a clock
        self._headline, self._speaks_at = "", 0.0  # what was spoken last, and when to speak again
        self._words = name
        self._main_thread = MainThread()
        # A kernel without a loop to draw in.
        self._waits = self._main_thread.loop is None and in_ipython()
        parts = [controls.row(*self.controls.values()), *rows, self.status, self.image, self.page]
        if self._waits:
            parts.append(widgets.HTML(f"<i>{WAITS}</i>"))
        super().__init__(children=parts, layout={"width": "100%"})
        self.add_class(PANEL_CLASS)
        self.page.panel = self.model_id
        self.page.observe(self.later(self._see_screen), "screen")
        self.own_file = replace_previous(self)  # for its run, where the notebook has one

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    @property
    def state(self) -> str:
        """The state of the present session, or "ready" before the first."""
        return "ready" if self._session is None else self._session.state

    def values(self) -> dict[str, Any]:
        """Return what the controls say now."""
        return controls.read_all(self.controls)

    def set(self, **values: Any) -> None:
        """Move controls, as a hand would.

        Raises:
            TypeError, ValueError: There is no such control, or it does not take that value; none
                has moved.
        """
        controls.check_all(self.controls, values)
        for name, value in values.items():
            self.controls[name].value = value

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse a name that no control has."""
        for name in names:
            check_choice("the control", name, self.controls)

    def say(self, headline: str, text: str) -> None:
        """Write the line of words; while something goes on, with those for a kernel that ends."""
        words = f"<b>{html.escape(headline)}</b> {html.escape(text)}"
        if self.is_active():
            words += f" {HELD}" * self.holds_kernel + self._sign_of_life()
        self.status.value = words
        self._words = f"{headline} {text}".strip()
        self._tell_readers(headline)

    def _tell_readers(self, headline: str) -> None:
        """Hand on what is seen to those who listen; of what goes on, every few seconds."""
        now = time.monotonic()
        if self.is_active() and headline == self._headline and now < self._speaks_at:
            return
        self._headline, self._speaks_at = headline, now + SPOKEN_SECONDS
        self.page.spoken = self.in_few_words(headline)
        self.page.picture_words = self.picture_in_words()
        self.page.ended_words = ENDED.format(cure=self.cure())

    def in_few_words(self, headline: str) -> str:
        """Say the state, as it is spoken; of what goes on no more than there is time for."""
        return self._words

    def picture_in_words(self) -> str:
        """Say what the picture shows; for subclasses."""
        return self._words

    def _sign_of_life(self) -> str:
        """Return HTML, new every few seconds, that shows itself when it is not replaced in time."""
        words = SILENCE.format(seconds=SILENCE_SECONDS, cure=html.escape(self.cure()))
        number = int(time.monotonic() / MOST_SECONDS)
        return SIGN_OF_LIFE.format(number=number, seconds=SILENCE_SECONDS, words=words)

    def cure(self) -> str:
        """Say what helps when the kernel has ended; for subclasses."""
        return "run the cell again"

    def stop(self) -> None:
        """End what goes on; what there is so far stays, what a model has learned too."""
        if self._session is not None:
            self._session.stop()
            self.on_main_thread(self.watch)

    def close(self) -> None:
        """End what goes on and give the widgets back."""
        if self._session is not None:
            self._session.stop()
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        controls.close_panel(self)

    def refresh(self) -> None:
        """Draw what is new; for subclasses."""

    def picture(self) -> Picture:
        """Return a plain picture, which stays when the kernel is gone; for subclasses."""
        return Picture(self.image.value, width=PAPER.width, alt=self._name)

    def draw_anew(self) -> None:
        """Draw what is on the picture again, for `screen`; for subclasses."""

    def _see_screen(self) -> None:
        """Draw for the screen that the page says the panel is on now, soon and once."""
        loop = self._main_thread.loop
        if loop is None:
            self._draw_for_screen()
        else:
            loop.call_later(self._rests_until - time.monotonic(), self._draw_for_screen)

    def _draw_for_screen(self) -> None:
        screen = screen_of(self.page.screen)
        if screen == self.screen or self.comm is None:  # drawn already, or the panel closed
            return
        start = time.monotonic()
        self.screen = screen
        self.draw_anew()
        self.image.layout.width = f"{screen.width}px"
        end = time.monotonic()
        self._rests_until = end + min((end - start) / SCREEN_SHARE, SCREEN_SECONDS)

    @contextlib.contextmanager
    def holding_kernel(self) -> Iterator[None]:
        """Let buttons that cannot be heard look dead, while a cell waits within."""
        self.holds_kernel = True
        try:
            yield
        finally:
            self.holds_kernel = False
            self.refresh()

    def is_deaf(self) -> bool:
        """Say whether a click to end what goes on is heard only after its end, if at all."""
        return self.holds_kernel or (self._waits and self.state == "running")

    def is_active(self) -> bool:
        """Say whether there is more to come."""
        return self.state == "running"

    def watch(self) -> None:
        """Refresh now, and then from the main loop until nothing moves any more."""
        self.refresh()
        loop = self._main_thread.loop
        if self._waits:
            self._wait()
        elif loop is not None and (self._poll is None or self._poll.done()):
            self._poll = loop.create_task(self._follow())

    def on_main_thread(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call in the thread that draws: now if this is it, else when its loop gets to it."""
        self._main_thread.call(function, *arguments)

    def later(self, function: Callable[..., object], *arguments: Any) -> Callable[..., None]:
        """Return what calls this on the main thread, with these arguments alone: for widgets."""
        return lambda *_: self.on_main_thread(function, *arguments)

    def _wait(self) -> None:
        """Refresh until nothing moves any more; an interrupt of the kernel ends what does.

        A cell that waits for it, which may stand far from the panel, says how far it is.
        """
        pause = REFRESH_SECONDS
        try:
            with self._line() as line:
                while self.is_active():
                    self._rest(pause, line)
                    start = time.perf_counter()
                    self.refresh()
                    pause = _pause_after(time.perf_counter() - start)
        except KeyboardInterrupt:
            self.stop()
            if self._session is not None:
                self._session.join()  # a second interrupt ends the waiting too
        self.refresh()

    def _rest(self, seconds: float, line: Waiting) -> None:
        """Wait for so long, or until nothing moves any more, and let a line say how far it is."""
        end, state = time.monotonic() + seconds, "running"
        while state == "running" and (left := end - time.monotonic()) > 0:
            if self._session is None:
                time.sleep(min(left, REFRESH_SECONDS))
            else:
                state = self._session.join(min(left, REFRESH_SECONDS))
            if self.holds_kernel:
                line.reach(*self.how_far())

    def _line(self) -> Waiting:
        """Return the line that a cell shows while it waits; for subclasses."""
        return Waiting(PERCENT)

    def how_far(self) -> tuple[int, int]:
        """Return how much has been done, of how much; for subclasses."""
        return 0, 1

    async def _follow(self) -> None:
        pause, before = FIRST_SECONDS, math.inf
        while self.is_active():
            start = time.perf_counter()
            self.refresh()
            release_idle_threads()  # of another cell: the training thread would wait badly
            drawing = time.perf_counter() - start
            usual = min(drawing, before)  # a whole picture now and then is no reason to stand still
            await asyncio.sleep(_pause_after(usual, least=pause))
            pause, before = REFRESH_SECONDS, drawing
        self.refresh()

    def stand_in(self) -> tuple[str, Picture]:
        """Return what stands for the live panel where it cannot be shown."""
        words = f"{self!r}: its controls cannot be shown here, but from code {self.from_code}."
        return words, self.picture()


def _pause_after(drawing: float, *, least: float = REFRESH_SECONDS) -> float:
    """Return for how many seconds to rest after a drawing that took so many."""
    return min(max(least, drawing / DRAWING_SHARE), MOST_SECONDS)
