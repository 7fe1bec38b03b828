"""A picture that grows while something is measured in the background."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import matplotlib.style
from matplotlib.figure import Figure

from tutorial_lib.engine import Session, current_session, hold_other_session
from tutorial_lib.panels import controls
from tutorial_lib.panels.cells import in_kernel
from tutorial_lib.panels.live import LivePanel
from tutorial_lib.pictures import MUTED, PAPER, STYLE, Picture, Screen, Size, png_of, size_on

CLOSE_SECONDS = 5.0  # so long a panel that is closed waits for what is being measured


class MeasurePanel(LivePanel):
    """Measures in the training thread, and draws what has been measured so far.

    Args:
        name: What the panel is called where only text can be shown.
        measure: Called as measure(**values); yields records, one for each part of the measurement.
        draw: Called as draw(figure, records, **values) with an empty figure; draws on it, and
            returns a sentence that says what is to be seen. There may be no records yet.
        count: Called as count(**values); returns how many records there will be.
        controls_by_name: Name -> widget; the names are those of measure's arguments.
        size: Of the picture, in hundreds of pixels.
        narrow_size: The same for a narrow screen. None: as high there.
        button: What starting it is called.
    """

    from_code = "run() measures and picture() shows it"
    _now, _done = "Measuring:", "Measured:"

    def __init__(
        self,
        name: str,
        measure: Callable[..., Iterator[Any]],
        draw: Callable[..., str],
        count: Callable[..., int],
        controls_by_name: Mapping[str, widgets.Widget],
        *,
        size: Size = (9, 3.5),
        narrow_size: Size | None = None,
        button: str = "Measure",
    ) -> None:
        self._measure, self._draw, self._count = measure, draw, count
        self._sizes = size, narrow_size
        self._source: Iterator[Any] | None = None  # what the session iterates over
        self._drawn: tuple[int, bool] | None = None  # how many records, and will more come
        start, words = self.later(self.start), "Keep what there is so far"
        self.start_button = controls.button(button, "play", "Start anew", start, style="primary")
        self.stop_button = controls.button("Stop", "stop", words, lambda _: self.stop())
        self.progress_bar = controls.progress_bar()
        buttons = controls.row(self.start_button, self.stop_button, self.progress_bar)
        super().__init__(name, controls_by_name, [buttons])
        self._values = self.values()
        self.refresh()

    @property
    def records(self) -> Sequence[Any]:
        """What has been measured so far."""
        return self._session.records() if self._session else ()

    def start(self, **values: Any) -> None:
        """Measure with what the controls say, or with these values; returns at once."""
        if self.is_active():
            return
        with hold_other_session(self._session):
            self.set(**values)
            self._values = self.values() | values
            self._let_go()
            self._source = self._measure(**self._values)
            self._session = Session(self._source).start()
        self.watch()

    def run(self, **values: Any) -> Sequence[Any]:
        """Measure here and now, drawing as it goes; returns the records.

        Stop is not heard meanwhile; an interrupt of the kernel ends it gracefully. An error in
        the measurement is raised. Where no picture can be seen, in a terminal or a script, it
        prints what is to be seen.
        """
        controls.check_all(self.controls, values)
        with self.holding_kernel():
            self.stop()
            self._wait()
            self.start(**values)
            self._wait()
        if self._session.error is not None:
            raise self._session.error
        if not in_kernel():
            print(self._words)
        return self.records

    def in_few_words(self, headline: str) -> str:
        """Say how far a measurement is while it goes on, and what is to be seen at its end."""
        if self.state == "running":
            return "{} {:,} of {:,}.".format(headline, *self.how_far())
        return super().in_few_words(headline)

    def picture_in_words(self) -> str:
        """Say what is to be seen, as the one who draws it does."""
        nothing = "" if self.records else "An empty picture: nothing has been measured yet. "
        return f"{nothing}{self._sentence}".strip()

    def picture(self) -> Picture:
        """Return a plain picture, which stays when the kernel is gone."""
        png = self._render(PAPER)
        return Picture(png, width=PAPER.width, alt=self.picture_in_words())

    def draw_anew(self) -> None:
        """Draw the same records for `screen`."""
        self._drawn = None
        self.refresh()

    def how_far(self) -> tuple[int, int]:
        """Return how many records there are, and will be."""
        return len(self.records), self._count(**self._values)

    def is_active(self) -> bool:
        """Say whether the measurement goes on, or is held by another run."""
        return self.state in ("running", "paused")

    def refresh(self) -> None:
        """Draw what is new."""
        if self._session is not None and current_session() is None:
            self._session.resume()  # if it was held, what held it has ended
        if (there_is := (len(self.records), self.is_active())) != self._drawn:
            self._drawn = there_is
            self.image.value = self._render(self.screen)
        self._let_go()
        self._show()

    def close(self) -> None:
        """End what goes on and give the widgets back."""
        super().close()
        if self._session is not None:
            self._session.join(CLOSE_SECONDS)
        self._let_go()

    def _let_go(self) -> None:
        """End what a measurement that is over holds, processes that read its data say."""
        if self._session is not None and self._session.done:
            if isinstance(self._source, Generator):
                self._source.close()
            self._source = None

    def _show(self) -> None:
        self.start_button.disabled = self.is_active()
        self.stop_button.disabled = self.is_deaf() or not self.is_active()
        self.progress_bar.max = max(1, self._count(**self._values))
        self.progress_bar.value = len(self.records)
        headline = {
            "ready": "Ready.",
            "running": self._now,
            "paused": "Waiting for another run:",
            "stopped": "Stopped:",
            "finished": self._done,
        }.get(self.state, "Failed:")
        error = self._session.error if self._session else None
        self.say(headline, self._sentence if error is None else str(error))

    def _render(self, screen: Screen) -> bytes:
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=size_on(screen, *self._sizes), dpi=100 * screen.dots)
            self._sentence = self._draw(figure, self.records, **self._values)
            if self._session is None:
                self._hint(figure)
            return png_of(figure, dark=screen.dark)

    def _hint(self, figure: Figure) -> None:
        words = f"Press {self.start_button.description}:\nthe picture grows here."
        first = figure.axes[0]
        first.text(
            0.5, 0.42, words, ha="center", va="center", color=MUTED, size=11,
            transform=first.transAxes,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 4},
        )  # fmt: skip
