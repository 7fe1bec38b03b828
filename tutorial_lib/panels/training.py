"""The panel that trains: sliders and buttons that act on a real run, and its live curve."""

import asyncio
import base64
import html
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython.display import Image
from torch import nn

from tutorial_lib.config import Hyperparameters, check_whole, labels_by_difference
from tutorial_lib.curve import LiveCurve
from tutorial_lib.data import Digits
from tutorial_lib.models import LeNet5
from tutorial_lib.panels import controls
from tutorial_lib.panels.replace import replace_earlier
from tutorial_lib.panels.status import Progress, status_text
from tutorial_lib.session import Session, current_session, in_background
from tutorial_lib.train import Diverged, TrainingRun, warm_up, with_accuracy

REFRESH_SECONDS = 0.2
DRAWING_SHARE = 0.1  # of the time, at most

_warm = threading.Event()  # set once torch has loaded what training needs


class TrainingPanel(widgets.VBox):
    """Trains a network on digits under the learner's hands.

    Every Train begins from a fresh model, so that runs differ by their settings alone. Learning
    rate, momentum and batch size may be changed while it runs; each change is marked on the curve.
    One run trains at a time in a kernel: starting another one pauses it.

    Args:
        data: From `load_digits`.
        new_model: Called for each run; must return a new model that maps (B, 1, 32, 32) to (B, 10).
        settings: Where the controls stand at first. Of its fields those without a control hold
            for every run.

    Raises:
        TypeError: data is not what `load_digits` returns, or new_model cannot be called.
        ValueError: batch_size exceeds the training set.
    """

    _session: Session | None = None
    _poll: asyncio.Task[None] | None = None

    def __init__(
        self,
        data: Digits,
        *,
        new_model: Callable[[], nn.Module] = LeNet5,
        settings: Hyperparameters | None = None,
    ) -> None:
        if not isinstance(data, Digits):
            raise TypeError(f"data must come from load_digits(...); got a {type(data).__name__}")
        if not callable(new_model):
            raise TypeError(f"new_model must be callable, as LeNet5 is; got {new_model!r}")
        self._base = settings or Hyperparameters(epochs=5)
        check_whole("batch_size", self._base.batch_size, low=1, high=len(data.train))
        self.data = data
        self.last_run: TrainingRun | None = None  # its `model` is the trained network
        self._new_model = new_model
        self._progress = Progress(len(data.test))
        self._settings_drawn: list[Hyperparameters] = []
        self._records_drawn = self._changes_drawn = 0
        self._ended = True  # whether the last run's end has been drawn
        self._curve = LiveCurve(len(data.train), len(data.test))
        self._home = threading.current_thread()
        self._loop = _running_loop()
        super().__init__(children=self._make_controls(), layout={"width": "100%"})
        self._draw()
        self._show_state()
        replace_earlier(self)
        self._warm_up()

    def __repr__(self) -> str:
        return f"TrainingPanel({self.data.name!r})"

    # What the controls do; scripts and tests may call it just as well.

    @property
    def settings(self) -> Hyperparameters:
        """What the controls say now."""
        return self._base.replace(
            learning_rate=self.learning_rate.value,
            batch_size=self.batch_size.value,
            momentum=self.momentum.value,
            optimizer=self.optimizer.value,
            epochs=self.epochs.value,
        )

    @property
    def state(self) -> str:
        """The state of the present run's session, or "ready" before the first."""
        return "ready" if self._session is None else self._session.state

    def train(self) -> None:
        """Start a run with the settings of the controls; returns at once."""
        if self._busy():
            return
        self._begin(self.settings)
        self._watch()

    def pause(self) -> None:
        """Hold the run, or let a held one go on."""
        if self._session is None:
            return
        if self._session.state == "paused":
            _pause_other(self._session)
            self._session.resume()
            self._progress.resume()
        else:
            self._session.pause()
        self._at_home(self._watch)

    def stop(self) -> None:
        """End the run; the model keeps what it has learned."""
        if self._session is not None:
            self._session.stop()
            self._at_home(self._watch)

    def clear(self) -> None:
        """Take the finished runs off the picture."""
        if self._busy():
            return
        self._curve.clear()
        self._settings_drawn.clear()
        self._session = None
        self._draw()
        self._show_state()

    def run(self, **settings: Any) -> TrainingRun:
        """Train here and now, drawing as it goes; returns when the run has ended.

        The same as Train, for scripts and for cells that should wait. An interrupt of the kernel
        ends the run gracefully, and so does a loss that is no longer a number.

        Args:
            settings: Fields of Hyperparameters; the others are as the controls say.

        Returns:
            The run; its `model` is the trained network, its `history` the records.
        """
        self.stop()
        if self._session is not None:
            self._session_outcome()
            self._refresh()
        self._begin(self.settings.replace(**settings))
        try:
            while self._wait(REFRESH_SECONDS) == "running":
                self._refresh()
        except KeyboardInterrupt:
            self._session.stop()
            self._session_outcome()
        self._refresh()
        error = self._session.error
        if error is not None and not isinstance(error, Diverged):
            raise error
        return self.last_run

    def picture(self) -> Image:
        """Return the curve as a plain picture, which stays when the kernel is gone."""
        labels = ", ".join(trace.label for trace in self._curve.traces)
        return Image(self._curve.png(), format="png", width=900, alt=f"Loss and accuracy: {labels}")

    def close(self) -> None:
        """End the run and give the widgets back."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        if self._session is not None:
            self._session.stop()
        controls.close_all(self)

    # Starting and following a run.

    def _busy(self) -> bool:
        return self._session is not None and not self._session.done

    def _begin(self, settings: Hyperparameters) -> None:
        run = TrainingRun(self._new_model(), self.data, settings)
        _pause_other(self._session)
        self.last_run = run
        self._settings_drawn.append(settings)
        self._curve.begin("", settings.epochs, run.num_steps)
        self._settings_drawn = self._settings_drawn[-len(self._curve.traces) :]
        self._curve.relabel(labels_by_difference(self._settings_drawn))
        self._records_drawn = self._changes_drawn = 0
        self._ended = False
        self._progress.begin(run.num_steps)
        self._session = Session(with_accuracy(run, self.data.test)).start()
        self._draw()
        self._show_state()

    def _watch(self) -> None:
        """Follow the run from the main loop until nothing moves any more."""
        self._refresh()
        if self._loop is not None and (self._poll is None or self._poll.done()):
            self._poll = self._loop.create_task(self._follow())

    async def _follow(self) -> None:
        while self.state == "running" or not _warm.is_set():
            start = time.perf_counter()
            self._refresh()
            drawing = time.perf_counter() - start
            await asyncio.sleep(max(REFRESH_SECONDS, drawing / DRAWING_SHARE))
        self._refresh()

    def _refresh(self) -> None:
        """Draw what is new. Only ever called from the thread that made the panel."""
        if self._session is None:
            self._show_state()
            return
        state = self._session.state  # before the records: then none is missed at the end
        records = self._session.records(since=self._records_drawn)
        changes = self.last_run.changes[self._changes_drawn :]
        self._records_drawn += len(records)
        self._changes_drawn += len(changes)
        self._curve.add(records)
        self._progress.add(records, self.last_run.num_steps)
        for change in changes:
            self._curve.mark(change)
        ends = not self._ended and state in ("finished", "stopped", "failed")
        if ends:
            self._curve.end(diverged=isinstance(self._session.error, Diverged))
            self._ended = True
        if records or changes or ends:
            self._draw()
        self._show_state()

    def _wait(self, timeout: float) -> str:
        try:
            return self._session.wait(timeout)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return self._session.state

    def _session_outcome(self) -> None:
        while not self._session.done:
            self._wait(1)

    def _adjust(self, change: dict[str, Any]) -> None:
        """Hand a turned knob to the run, if one is going on."""
        if self._busy():
            self.last_run.adjust(**{change["owner"].field: change["new"]})

    def _warm_up(self) -> None:
        def job() -> None:
            try:
                warm_up(self.data.device)
            finally:
                _warm.set()

        if not _warm.is_set():
            in_background(job)
            self._watch()

    def _at_home(self, call: Callable[[], None]) -> None:
        """Call in the thread that draws: now if this is it, else when its loop gets to it."""
        if threading.current_thread() is self._home:
            call()
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(call)

    # How it looks.

    def _make_controls(self) -> list[widgets.Widget]:
        base = self._base
        self.learning_rate = controls.learning_rate_slider(base.learning_rate)
        self.batch_size = controls.batch_size_slider(base.batch_size, len(self.data.train))
        self.momentum = controls.momentum_slider(base.momentum)
        self.optimizer = controls.optimizer_dropdown(base.optimizer)
        self.epochs = controls.epochs_field(base.epochs)
        for field in ("learning_rate", "batch_size", "momentum"):
            control = getattr(self, field)
            control.field = field
            control.observe(self._adjust, names="value")

        self.train_button = controls.button("Train", "play", "Start a new run", style="primary")
        self.pause_button = controls.button("Pause", "pause", "Hold the run, or go on with it")
        self.stop_button = controls.button("Stop", "stop", "End the run; the model stays")
        self.clear_button = controls.button("Clear", "trash", "Take the runs off the picture")
        self.train_button.on_click(lambda _: self._at_home(self.train))
        self.pause_button.on_click(lambda _: self.pause())
        self.stop_button.on_click(lambda _: self.stop())
        self.clear_button.on_click(lambda _: self._at_home(self.clear))

        self.progress_bar = widgets.IntProgress(layout={"flex": "1 1 auto", "width": "auto"})
        self.status = widgets.HTML()
        self.image = widgets.Image(format="png", layout={"max_width": "900px", "width": "100%"})
        buttons = [self.train_button, self.pause_button, self.stop_button, self.clear_button]
        return [
            controls.row(self.learning_rate, self.batch_size),
            controls.row(self.momentum, self.optimizer, self.epochs),
            controls.row(*buttons, self.progress_bar),
            self.status,
            self.image,
        ]

    def _draw(self) -> None:
        self.image.value = self._curve.png()

    def _show_state(self) -> None:
        state, busy = self.state, self._busy()
        self.train_button.disabled = self.clear_button.disabled = busy
        self.optimizer.disabled = self.epochs.disabled = busy
        self.pause_button.disabled = self.stop_button.disabled = not busy
        paused = state == "paused"
        self.pause_button.description = "Resume" if paused else "Pause"
        self.pause_button.icon = "play" if paused else "pause"
        self.progress_bar.max = max(1, self._progress.num_steps)
        self.progress_bar.value = self._progress.step if self._session else 0
        error = self._session.error if self._session else None
        text = status_text(state, self._progress, error, warm=_warm.is_set())
        self.status.value = f"<b>{html.escape(text[0])}</b> {html.escape(text[1])}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the live panel, and where that cannot be, the picture alone."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        picture = base64.b64encode(self._curve.png()).decode()
        return {**bundle, "text/plain": repr(self), "image/png": picture}


def _pause_other(session: Session | None) -> None:
    """Hold another panel's run: one trains at a time, and the last click decides which."""
    other = current_session()
    if other is not None and other is not session:
        other.pause()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
