"""The panel that trains: sliders and buttons that act on a real run, and its live curve."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython.display import Image
from torch import nn

from tutorial_lib import checkpoint
from tutorial_lib.checkpoint import Checkpoint, CheckpointError
from tutorial_lib.config import Hyperparameters, check_whole
from tutorial_lib.data import Digits
from tutorial_lib.drive import is_told, with_accuracy
from tutorial_lib.models import LeNet5
from tutorial_lib.panels.live import REFRESH_SECONDS
from tutorial_lib.panels.scene import Scene
from tutorial_lib.panels.status import status_text
from tutorial_lib.panels.view import LIVE, TrainingView
from tutorial_lib.script import script_of
from tutorial_lib.session import Session, current_session, in_background
from tutorial_lib.train import Diverged, TrainingRun, warm_up

CLOSE_SECONDS = 5.0  # so long a panel that is closed waits for the step being taken

_warm = threading.Event()  # set once torch has loaded what training needs


class TrainingPanel(TrainingView):
    """Trains a network on digits under the learner's hands.

    Every Train begins from a fresh model, so that runs differ by their settings alone. Learning
    rate, momentum and batch size may be changed while it runs; each change is marked on the curve.
    One run trains at a time in a kernel: starting another one pauses it. What Train starts is
    saved every few seconds and at each pause and stop; Restore takes it up, after a restart too.

    Args:
        data: From `load_digits`.
        new_model: Called for each run; must return a new model that maps (B, 1, 32, 32) to (B, 10).
        new_run: Called with model, data and hyperparameters; returns the run. With
            `partial(ProcessesRun, processes=2)` two processes train together.
        settings: Where the controls stand at first. Of its fields those without a control hold
            for every run.
        save_to: The file that keeps the last run. By default each panel of a notebook in
            JupyterLab has its own, and outside JupyterLab nothing is saved.

    Raises:
        TypeError: data is not what `load_digits` returns, or new_model or new_run cannot be called.
        ValueError: batch_size exceeds the training set.
    """

    from_code = "run() trains and picture() shows it"
    _session: Session | None = None

    def __init__(
        self,
        data: Digits,
        *,
        new_model: Callable[[], nn.Module] = LeNet5,
        new_run: Callable[[nn.Module, Digits, Hyperparameters], TrainingRun] = TrainingRun,
        settings: Hyperparameters | None = None,
        save_to: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(data, Digits):
            raise TypeError(f"data must come from load_digits(...); got a {type(data).__name__}")
        if not callable(new_model):
            raise TypeError(f"new_model must be callable, as LeNet5 is; got {new_model!r}")
        if not callable(new_run):
            raise TypeError(f"new_run must be callable, as TrainingRun is; got {new_run!r}")
        self._base = settings or Hyperparameters(epochs=5)
        check_whole("batch_size", self._base.batch_size, low=1, high=len(data.train))
        self.data = data
        self.last_run: TrainingRun | None = None  # its `model` is the trained network
        self._new_model, self._new_run = new_model, new_run
        self._open_run: TrainingRun | None = None  # to be closed when it has ended
        self._scene = Scene(data)
        self._notice = ""  # what went wrong with saving or restoring, in words
        self._keeps = False  # whether the present run is one to save
        self._step_saved = 0  # of the present run
        super().__init__(self._base, len(data.train), self._scene.curve.png())
        self._connect()
        self._file = Path(save_to) if save_to is not None else self.place
        self._offer = self._look_for_a_saved_run()
        self._show()
        self._warm_up()

    def __repr__(self) -> str:
        return f"TrainingPanel({self.data.name!r})"

    # What the controls do; scripts and tests may call it just as well.

    @property
    def settings(self) -> Hyperparameters:
        """What the controls say now."""
        return self._base.replace(**self.chosen())

    @property
    def state(self) -> str:
        """The state of the present run's session, or "ready" before the first."""
        return "ready" if self._session is None else self._session.state

    def train(self) -> None:
        """Start a run with the settings of the controls; returns at once."""
        if not self._busy():
            self._begin(self.settings, keep=True)
            self.watch()

    def pause(self) -> None:
        """Hold the run, or let a held or restored one go on."""
        if self._session is None:
            return
        if self._session.state in ("paused", "ready"):
            _pause_other(self._session)
            self._scene.progress.forget_pace()
            if self._session.state == "ready":
                self._session.start()
            self._session.resume()
        else:
            self._session.pause()
        self.at_home(self.watch)

    def stop(self) -> None:
        """End the run; the model keeps what it has learned."""
        if self._session is not None:
            self._session.stop()
            self.at_home(self.watch)

    def restore(self) -> None:
        """Take up the run that was saved here, where it stood; `pause` then lets it go on."""
        if self._busy() or self._file is None:
            return
        try:
            saved = checkpoint.load(self._file)
            run = self._new_run(self._new_model(), self.data, saved.hyperparameters)
            saved = checkpoint.restore(run, saved)
        except (CheckpointError, ValueError) as error:
            self._notice = f"Nothing was restored: {error}."
        else:
            self._notice = saved.notice
            if self.last_run is not None and _is_same(self.last_run, run):
                self._scene.drop_last()
            self.choose(run.hyperparameters)
            self._take_up(run, keep=True)
            self._draw()
            if run.step_number == run.num_steps:
                self._session.start()
        self.watch()

    def clear(self) -> None:
        """Take the finished runs off the picture."""
        if self._busy():
            return
        self._scene.clear()
        self._session = None
        self._offer = self._look_for_a_saved_run()
        self._draw()
        self._show()

    def run(self, **settings: Any) -> TrainingRun:
        """Train here and now, drawing as it goes; returns when the run has ended.

        The same as Train, for scripts and for cells that should wait; it is not saved. An
        interrupt of the kernel ends the run gracefully, and so does a loss that is no longer a
        number.

        Args:
            settings: Fields of Hyperparameters; the others are as the controls say.

        Returns:
            The run; its `model` is the trained network, its `history` the records.
        """
        before = self.settings
        self._begin(before.replace(**settings), keep=False)
        try:
            while self._session.join(REFRESH_SECONDS) == "running":
                self.refresh()
        except KeyboardInterrupt:
            pass
        self._end()
        self.choose(before)
        error = self._session.error
        if error is not None and not isinstance(error, Diverged):
            raise error
        return self.last_run

    def code(self) -> str:
        """Return a plain PyTorch script that repeats the last run, or what Train would start."""
        run = self.last_run or self._new_run(self._new_model(), self.data, self.settings)
        return script_of(run, self._new_model())

    def show_code(self) -> None:
        """Lay the script out under the buttons, ready to copy, or put it away again."""
        self.lay_out("" if self.code_shelf.code else self.code())

    def picture(self) -> Image:
        """Return the curve as a plain picture, which stays when the kernel is gone."""
        curve = self._scene.curve
        labels = ", ".join(trace.label for trace in curve.traces)
        return Image(curve.png(), format="png", width=900, alt=f"Loss and accuracy: {labels}")

    def close(self) -> None:
        """End the run and give the widgets back."""
        if self._session is not None:
            self._session.stop()
            if self._keeps and self._session.join(CLOSE_SECONDS) != "running":
                checkpoint.try_to_save(self.last_run, self._file, self._complain)
            self._keeps = False  # closed again when collected: by then the file is another run's
            self._close_run_soon()
        super().close()

    # Starting and following a run.

    def _busy(self) -> bool:
        return self.state in ("running", "paused")

    def _begin(self, settings: Hyperparameters, *, keep: bool) -> None:
        run = self._new_run(self._new_model(), self.data, settings)  # refuses before anything ends
        self._end(draw=False)
        _pause_other(self._session)
        self._notice = ""
        self.choose(settings)
        self._take_up(run, keep=keep)
        self._session.start()
        self._draw()  # a whole picture, while the first steps are taken
        self._show()

    def _take_up(self, run: TrainingRun, *, keep: bool) -> None:
        """Put a run on the panel, new or restored, with its session ready to start."""
        self.last_run = self._open_run = run
        self._step_saved = run.step_number
        self._keeps = keep and self._file is not None
        self._scene.begin(run)
        self.lay_out("")  # the script there is of the run before
        records = with_accuracy(run, self.data.test)
        if self._keeps:
            records = checkpoint.autosaved(records, run, self._file, sink=self._complain)
        self._session = Session(records, may_hold=lambda record: is_told(run, record))

    def moves(self) -> bool:
        """Say whether the run goes on, or torch is still being loaded."""
        return self.state == "running" or not _warm.is_set()

    def refresh(self) -> None:
        """Draw what is new."""
        self._refresh(draw=True)

    def _refresh(self, *, draw: bool) -> None:
        state = self.state  # before the records: "paused" is only said with its last step
        if self._session is not None:
            if self._scene.follow(self._session) and draw:
                self._draw()
            if state in ("paused", "stopped", "failed"):
                self._save_soon()
            if state in ("stopped", "finished", "failed"):
                self._close_run_soon()
        self._show(state)

    def _end(self, *, draw: bool = True) -> None:
        """Stop the present run, if any, and take in its end."""
        if self._session is not None:
            self._session.stop()
            self._session.join()
            self._refresh(draw=draw)

    def _close_run_soon(self) -> None:
        """Close the run that has ended, in the thread that took its steps: it may take a while."""
        run, self._open_run = self._open_run, None
        if run is not None:
            in_background(run.close)

    def _adjust(self, change: dict[str, Any]) -> None:
        """Hand a turned knob to the run, if one is going on or waits to go on."""
        if self._session is None or self._session.done:
            return
        field, value = change["owner"].field, change["new"]
        if getattr(self.last_run.hyperparameters, field) != value:
            self.last_run.adjust(**{field: value})

    # Keeping the last run.

    def _look_for_a_saved_run(self) -> Checkpoint | None:
        if self._file is None or not checkpoint.exists(self._file):
            return None
        try:
            return checkpoint.load(self._file)
        except CheckpointError as error:
            self._notice = f"The saved run cannot be used: {error}."
            return None

    def _save_soon(self) -> None:
        """Save the run that has just been held or ended, in the thread that takes its steps."""
        run = self.last_run
        if self._keeps and run.step_number != self._step_saved:
            self._step_saved = run.step_number
            in_background(lambda: checkpoint.try_to_save(run, self._file, self._complain))

    def _complain(self, message: str) -> None:
        self._notice = f"Not saved: {message}"

    # Threads.

    def _connect(self) -> None:
        for field in LIVE:
            control = getattr(self, field)
            control.field = field
            control.observe(self._adjust, names="value")
        self.train_button.on_click(lambda _: self.at_home(self.train))
        self.pause_button.on_click(lambda _: self.pause())
        self.stop_button.on_click(lambda _: self.stop())
        self.restore_button.on_click(lambda _: self.at_home(self.restore))
        self.clear_button.on_click(lambda _: self.at_home(self.clear))
        self.code_button.on_click(lambda _: self.at_home(self.show_code))

    def _warm_up(self) -> None:
        def job() -> None:
            try:
                warm_up(self.data.device)
            finally:
                _warm.set()

        if not _warm.is_set():
            in_background(job)
            self.watch()

    # Showing.

    def _draw(self) -> None:
        self.image.value = self._scene.curve.png()

    def _show(self, state: str | None = None) -> None:
        state = state or self.state
        progress, session = self._scene.progress, self._session
        headline, text = status_text(
            state,
            progress,
            error=session.error if session else None,
            offer=str(self._offer or ""),
            warm=_warm.is_set(),
            waits_for=self.last_run.waits_for if self.last_run else "",
            wanted=session.wanted if session else "running",
        )
        if self._offer and session is not None and not self._keeps:
            text += f" Restore takes up what was saved here: {self._offer}."
        self.say(headline, f"{text} {self._notice}".strip())
        self.show(
            state,
            taken_up=session is not None and state == "ready",
            can_restore=self._file is not None and checkpoint.exists(self._file),
            step=progress.step,
            of=progress.num_steps,
        )


def _is_same(one: TrainingRun, other: TrainingRun) -> bool:
    """Say whether one of two runs is the other one at a later step."""
    steps = min(one.step_number, other.step_number)
    return steps > 0 and one.history[:steps] == other.history[:steps]


def _pause_other(session: Session | None) -> None:
    """Hold another panel's run: one trains at a time, and the last click decides which."""
    other = current_session()
    if other is not None and other is not session:
        other.pause()
