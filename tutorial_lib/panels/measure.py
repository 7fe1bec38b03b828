"""A picture that grows while something is measured in the background."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import matplotlib.style
from IPython.display import Image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tutorial_lib.engine import Session, current_session, in_place_of_others
from tutorial_lib.panels import controls
from tutorial_lib.panels.controlled import ControlledPanel
from tutorial_lib.panels.live import DRAWING_SHARE, REFRESH_SECONDS
from tutorial_lib.pictures import COLOURS, STYLE, png_of


class MeasurePanel(ControlledPanel):
    """Measures in the training thread, and draws what has been measured so far.

    Args:
        name: What the panel is called where only text can be shown.
        measure: Called as measure(**values); yields records, one for each part of the measurement.
        draw: Called as draw(figure, records, **values) with an empty figure; draws on it, and
            returns a sentence that says what is to be seen. There may be no records yet.
        count: Called as count(**values); returns how many records there will be.
        controls: Name -> widget; the names are those of measure's arguments.
        size: Of the picture, in hundreds of pixels.
        button: What starting it is called.
    """

    from_code = "run() measures and picture() shows it"
    _session: Session | None = None
    _now, _done = "Measuring:", "Measured:"

    def __init__(
        self,
        name: str,
        measure: Callable[..., Iterator[Any]],
        draw: Callable[..., str],
        count: Callable[..., int],
        controls_by_name: Mapping[str, widgets.Widget],
        *,
        size: tuple[float, float] = (9, 3.5),
        button: str = "Measure",
    ) -> None:
        self._measure, self._draw, self._count, self._size = measure, draw, count, size
        self._drawn = (0, False)  # how many records, and whether more were to come
        self._values = controls.read_all(controls_by_name)
        self.start_button = controls.button(button, "play", "Start anew", style="primary")
        self.stop_button = controls.button("Stop", "stop", "Keep what there is so far")
        self.progress_bar = widgets.IntProgress(layout={"flex": "1 1 auto", "width": "auto"})
        buttons = controls.row(self.start_button, self.stop_button, self.progress_bar)
        super().__init__(name, controls_by_name, [buttons], self._render(()))
        self.start_button.on_click(lambda _: self.on_main_thread(self.start))
        self.stop_button.on_click(lambda _: self.stop())
        self._show()

    @property
    def records(self) -> Sequence[Any]:
        """What has been measured so far."""
        return self._session.records() if self._session else ()

    def start(self, **values: Any) -> None:
        """Measure with what the controls say, or with these values; returns at once."""
        if self.moves():
            return
        with in_place_of_others(self._session):
            self.set(**values)
            self._values = self.values() | values
            self._session = Session(self._measure(**self._values)).start()
        self.watch()

    def stop(self) -> None:
        """End the measurement; what there is stays."""
        if self._session is not None:
            self._session.stop()
            self.on_main_thread(self.watch)

    def run(self, **values: Any) -> Sequence[Any]:
        """Measure here and now, drawing as it goes; returns the records.

        An interrupt of the kernel ends it gracefully; an error in the measurement is raised.
        """
        self.stop()
        self._wait_until_still()
        self.start(**values)
        self._wait_until_still()
        if self._session.error is not None:
            raise self._session.error
        return self.records

    def picture(self) -> Image:
        """Return a plain picture, which stays when the kernel is gone."""
        return Image(self._render(self.records), format="png", width=900, alt=self._sentence)

    def close(self) -> None:
        """End the measurement and give the widgets back."""
        if self._session is not None:
            self._session.stop()
        super().close()

    def moves(self) -> bool:
        """Say whether the measurement goes on, or is held by another run."""
        return self._session is not None and self._session.state in ("running", "paused")

    def refresh(self) -> None:
        """Draw what is new."""
        if self._session is not None and current_session() is None:
            self._session.resume()  # if it was held, what held it has ended
        if (there_is := (len(self.records), self.moves())) != self._drawn:
            self._drawn = there_is
            self.image.value = self._render(self.records)
        self._show()

    def _wait_until_still(self) -> None:
        drawing = 0.0  # seconds
        try:
            while self.moves():
                self._session.join(max(REFRESH_SECONDS, drawing / DRAWING_SHARE))
                start = time.perf_counter()
                self.refresh()
                drawing = time.perf_counter() - start
        except KeyboardInterrupt:
            self.stop()
            self._session.join()
        self.refresh()

    def _show(self) -> None:
        state = self._session.state if self._session else "ready"
        self.start_button.disabled = self.moves()
        self.stop_button.disabled = not self.moves()
        self.progress_bar.max = max(1, self._count(**self._values))
        self.progress_bar.value = len(self.records)
        headline = {
            "ready": "Ready.",
            "running": self._now,
            "paused": "Waiting for another run:",
            "stopped": "Stopped:",
            "finished": self._done,
        }.get(state, "Failed:")
        error = self._session.error if self._session else None
        self.say(headline, self._sentence if error is None else str(error))

    def _render(self, records: Sequence[Any]) -> bytes:
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=self._size, dpi=100)
            canvas = FigureCanvasAgg(figure)
            self._sentence = self._draw(figure, records, **self._values)
            if self._session is None:
                self._hint(figure)
            return png_of(canvas)

    def _hint(self, figure: Figure) -> None:
        words = f"Press {self.start_button.description}:\nthe picture grows here."
        first = figure.axes[0]
        first.text(
            0.5, 0.42, words, ha="center", va="center", color=COLOURS["muted"], size=11,
            transform=first.transAxes,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 4},
        )  # fmt: skip
