"""The panel that trains: sliders and buttons that act on a real run, and its live curve."""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from torch import nn

from tutorial_lib.checks import shown
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import (
    Diverged,
    Session,
    TrainingRun,
    hold_other_session,
    in_background,
    is_synchronized,
    monitor,
    script_of,
    warm_up,
    with_accuracy,
)
from tutorial_lib.files import free_names
from tutorial_lib.panels import controls
from tutorial_lib.panels.autosave import Autosave, named_file, own_autosave
from tutorial_lib.panels.cells import in_kernel
from tutorial_lib.panels.code_box import CodeShelf
from tutorial_lib.panels.live import LivePanel
from tutorial_lib.panels.run_maker import NewRun, RunMaker
from tutorial_lib.panels.runs_on_display import RunsOnDisplay
from tutorial_lib.panels.status import status_text
from tutorial_lib.panels.table_shelf import TableShelf
from tutorial_lib.pictures import PAPER, Picture, curve_in_words, curve_table
from tutorial_lib.playing.run_page import write_run_page
from tutorial_lib.waiting import Waiting

LIVE = ("learning_rate", "batch_size", "momentum")  # may be changed while a run goes on
COPY, HIDE = "Copy as code", "Hide the code"
TABLE, HIDE_TABLE = "Table", "Hide table"
STEPS_A_LINE = 100  # where run() prints
REST_SECONDS = 1.0  # so long nothing has to move before the number of threads is measured
MEASURE_SECONDS = 0.5  # so long a picture waits until a run knows its number of threads
CLOSE_SECONDS = 5.0  # so long a panel that is closed waits for the step being taken

_warm = threading.Event()  # set once torch has loaded what training needs


class TrainingPanel(LivePanel):
    """Trains a network on digits, or on data of one's own, under the learner's hands.

    Every Train begins from a fresh model, so that runs differ by their settings alone. Learning
    rate, momentum and batch size may be changed while it runs; each change is marked on the curve.
    One run trains at a time in a kernel: starting another one pauses it. The run is saved every
    few seconds and at each pause and stop; Restore takes it up, after a restart too. After each
    epoch the model is scored on `data.held_out`, if there is any.

    Args:
        data: From `load_digits`, `from_tensors`, `from_dataset`, `from_folder` or `from_csv`.
        new_model: Called for each run, with its seed if it takes one; must return a new model that
            maps inputs (B, ...) to (B, K) for K classes, or to (B, T) for T numbers. None: what
            suits the data.
        new_run: Called with model, data and hyperparameters, and with update, loss and metric
            where they are given; returns the run. With `partial(ProcessesRun, processes=2)` two
            processes train together.
        update: A step of your own, update(run, inputs, targets) -> loss.
        loss: A loss of your own, loss(outputs, targets), in the place of the one that is named.
        metric: A number of your own, metric(outputs, targets), that is shown after each epoch.
        settings: Where the controls stand at first. Of its fields those without a control hold
            for every run. None: five epochs, with a loss that suits the data.
        save_to: The file that keeps the last run; ~ is the home folder. A run that stands there
            from before moves to a name beside it. By default each panel of a notebook in
            JupyterLab has a file of its own, and outside JupyterLab nothing is saved.

    Raises:
        TypeError: data is of another kind, what should be a function cannot be called, or save_to
            is no path.
        ValueError: Network, loss or batch size do not fit the data, or save_to is no place for a
            run.
    """

    from_code = "run() trains and picture() shows it"

    def __init__(
        self,
        data: Data,
        *,
        new_model: Callable[..., nn.Module] | None = None,
        new_run: NewRun = TrainingRun,
        update: Callable[..., Any] | None = None,
        loss: Callable[..., Any] | None = None,
        metric: Callable[..., Any] | None = None,
        settings: Hyperparameters | None = None,
        save_to: str | os.PathLike[str] | None = None,
    ) -> None:
        functions = {"update": update, "loss": loss, "metric": metric}
        self.make_run = RunMaker(data, new_model, new_run, **functions)
        self._base = settings or self.make_run.first_settings()
        self.make_run.check(self._base)
        self.data = data
        self.last_run: TrainingRun | None = None  # its `model` is the trained network
        self._open_run: TrainingRun | None = None  # to be closed when it has ended
        self._display = RunsOnDisplay(data, self.make_run.metric)
        self._has_looked = False  # at what could be restored
        self._followers = widgets.CallbackDispatcher()  # of the runs; see on_progress
        file = named_file(save_to)  # refuses before anything is made
        super().__init__(data.name, self._make_controls(), self._make_rows())
        self.page.can_be_heard = True
        on_save = self.later(self._show)
        own = own_autosave(self.own_file, on_save)
        self._autosave = own if file is None else Autosave(file, moves_aside=True, on_save=on_save)
        self._look(is_loaded=_warm.is_set() or self._main_thread.loop is None)
        self._draw()
        self._show()
        if not _warm.is_set():
            in_background(lambda: warm_up(data.device))
            in_background(_warm.set)  # even if that has failed
            self.watch()
        self._measure_soon()

    def _make_controls(self) -> dict[str, widgets.Widget]:
        settings, passes = self._base, "Passes over the training set. For a new run."
        looks = {"width": "135px", "label_width": "60px"}
        self.learning_rate = controls.learning_rate_slider(settings.learning_rate)
        count, unit = len(self.data.train), self.data.unit
        self.batch_size = controls.batch_size_slider(settings.batch_size, count, unit=unit)
        self.momentum = controls.momentum_slider(settings.momentum)
        self.optimizer = controls.optimizer_dropdown(settings.optimizer)
        self.epochs = controls.count_field("epochs", settings.epochs, passes, **looks)
        self.optimizer.observe(self.later(self._rest_momentum), "value")
        for field in LIVE:
            getattr(self, field).observe(partial(self._adjust, field), "value")
        return {field: getattr(self, field) for field in (*LIVE, "optimizer", "epochs")}

    def _make_rows(self) -> list[widgets.Widget]:
        button, later = controls.button, self.later
        start, hold = "Start a new run", "Hold the run, or go on with it"
        saved = "Take up the last run of this panel, where it was saved"
        script = "A plain PyTorch script that repeats the last run"
        numbers = "The numbers of the picture as a table; key T"
        buttons = [
            button("Train", "play", start, later(self.train), style="primary"),
            button("Pause", "pause", hold, lambda _: self.pause()),
            button("Stop", "stop", "End the run; the model stays", lambda _: self.stop()),
            button("Restore", "history", saved, later(self.restore)),
            button("Clear", "trash", "Take the runs off the picture", later(self.clear)),
            button(COPY, "code", script, later(self.show_code), width="136px"),
            button(TABLE, "table", numbers, later(self.show_table)),
        ]
        self.train_button, self.pause_button, self.stop_button = buttons[:3]
        self.restore_button, self.clear_button, self.code_button = buttons[3:6]
        self.table_button = buttons[6]
        self.table_button.add_class("tutorial-table-button")  # which page.js presses
        self.progress_bar = controls.progress_bar()
        self.code_shelf, self.table_shelf = CodeShelf(), TableShelf()
        shelves = [self.code_shelf, self.table_shelf]
        return [controls.row(*buttons, self.progress_bar), *shelves]

    # What the controls do; scripts and tests may call it just as well.

    @property
    def settings(self) -> Hyperparameters:
        """What the controls say now."""
        return self._base.replace(**self.values())

    def train(self) -> None:
        """Start a run with the settings of the controls; returns at once."""
        if not self._busy():
            self._begin(self.settings)
            self.watch()

    def pause(self) -> None:
        """Hold the run, or let a held or restored one go on."""
        if self._session is None:
            return
        if self._session.state in ("paused", "ready"):
            with hold_other_session(self._session):
                self.on_main_thread(self._display.progress.forget_pace)
                if self._session.state == "ready":
                    self._session.start()
                self._session.resume()
        else:
            self._session.pause()
        self.on_main_thread(self.watch)

    def restore(self) -> None:
        """Take up the run that was saved here, where it stood; `pause` then lets it go on."""
        if self._busy() or not self._autosave.keeps:
            return
        run = self._autosave.restore(self.make_run)
        if run is not None:
            self.choose(run.hyperparameters)
            self._take_up(run)
            self._draw()
            if run.step_number == run.num_steps:
                self._session.start()
        self.watch()

    def clear(self) -> None:
        """Take the finished runs off the picture."""
        if self._busy():
            return
        self._display.clear()
        self._session = None
        self._autosave.end()
        self._has_looked = False
        self._look()
        self._draw()
        self._show()

    def run(self, **settings: Any) -> TrainingRun:
        """Train here and now, drawing as it goes; returns when the run has ended.

        The same as Train, for scripts and for cells that should wait, so Pause and Stop are not
        heard. An interrupt of the kernel ends the run gracefully, and so does a loss that is no
        longer a number. Where no picture can be seen, in a terminal or a script, it prints
        LossMonitor's lines.

        Args:
            settings: Fields of Hyperparameters; the others are as the controls say.

        Returns:
            The run; its `model` is the trained network, its `history` the records.
        """
        before = self.settings
        with self.holding_kernel():
            self._begin(before.replace(**settings))
            self._wait()
            self._end()
        self.choose(before)
        error = self._session.error
        if error is not None and not isinstance(error, Diverged):
            raise error
        return self.last_run

    def on_progress(self, function: Callable[..., object], *, remove: bool = False) -> None:
        """Let a function know of each run here: at its begin, with each new picture, at its end.

        It is called on the main thread, at most five times a second, with the run, its
        `CurveSeries` and the state: "ready" before the first step, or when a saved run is taken up;
        "finished", "stopped" or "failed" once at the end. What it takes counts as time for drawing.

        Args:
            remove: Whether it is to know no longer.
        """
        self._followers.register_callback(function, remove=remove)

    def choose(self, settings: Hyperparameters) -> None:
        """Set the controls."""
        for field, control in self.controls.items():
            control.value = getattr(settings, field)

    def code(self) -> str:
        """Return a plain PyTorch script that repeats the last run, or what Train would start."""
        run = self.last_run or self.make_run(self.settings)
        return script_of(run, self.make_run.network(run.hyperparameters))

    def share(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the last run as one HTML file that opens anywhere, offline, a megabyte at most.

        In it are the curve to go along step by step, the changes on the way, the settings, how
        good the network is, some of what it gets wrong, and the script that repeats the run. The
        names of your data and classes are in it, the folders where they lie are not. Nothing is
        sent.

        Args:
            path: Ends in .html; ~ is the home folder. In the place of a page that was shared, the
                new one stands; any other file is refused. None: run.html in the folder that one
                stands in, or run-2.html and so on, whichever is free.

        Returns:
            The file.

        Raises:
            TypeError: path is no path.
            ValueError: There is no run, it is going on, or has taken no step; or path is no place
                for the page. Nothing is written then.
            OSError: The page cannot be written.
        """
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be a text or a Path; got {shown(path)}")
        run, session = self.last_run, self._session
        if run is None:
            raise ValueError("the run to share must be there: train one, or Restore the last one")
        if session is not None:
            ends = session.wanted != "running" or run.step_number == run.num_steps
            session.join(CLOSE_SECONDS if ends else 0)  # it may be taking its last step
        if self.state == "running":
            raise ValueError(
                f"the run to share must be at rest, and it is at step {run.step_number:,} of "
                f"{run.num_steps:,}: Pause or Stop it first"
            )
        free = (name for name in free_names(Path("run.html")) if not os.path.lexists(name))
        file = next(free) if path is None else Path(path)
        return write_run_page(
            file,
            run,
            new_model=lambda: self.make_run.network(run.hyperparameters),
            error=session.error if session is not None else None,
        )

    def show_code(self) -> None:
        """Show the script under the buttons, ready to copy, or hide it again."""
        self.show_script("" if self.code_shelf.code else self.code())

    def show_script(self, code: str) -> None:
        """Show a script, ready to copy; "" hides the one that is there."""
        self.code_shelf.show(code)
        self.code_button.description = HIDE if code else COPY

    def show_table(self) -> None:
        """Show the numbers that the picture has now as a table under the buttons, or hide it."""
        if self.table_shelf.is_open:
            self.table_shelf.hide()
        else:
            display = self._display
            self.table_shelf.show(*curve_table(display.curve.runs, display.scoring.shown))
        self.table_button.description = HIDE_TABLE if self.table_shelf.is_open else TABLE

    def in_few_words(self, headline: str) -> str:
        """Say how far a run is while it goes on, shorter than it is written."""
        if headline in ("Training:", "Pausing:", "Stopping:"):
            return f"{headline} {self._display.progress.in_few_words()}."
        return super().in_few_words(headline)

    def picture_in_words(self) -> str:
        """Say of each run where its loss and its scores began, went and ended."""
        return curve_in_words(self._display.curve.runs, self._display.scoring.shown)

    def picture(self) -> Picture:
        """Return the curve as a plain picture, which stays when the kernel is gone."""
        curve = self._display.curve
        on_paper = curve if self.screen == PAPER else curve.on(PAPER)
        return Picture(on_paper.png(), width=PAPER.width, alt=self.picture_in_words())

    def draw_anew(self) -> None:
        """Draw the same runs for `screen`."""
        self._display.show_on(self.screen)
        self._draw()

    def close(self) -> None:
        """End the run and give the widgets back."""
        if self._session is not None:
            self._session.stop()
            self._autosave.end(at_rest=self._session.join(CLOSE_SECONDS) != "running")
            self._close_run_soon()
        super().close()

    # Starting and following a run.

    def _busy(self) -> bool:
        return self.state in ("running", "paused")

    def _begin(self, settings: Hyperparameters) -> None:
        with hold_other_session(self._session):
            run = self.make_run(settings)  # refuses before anything ends
            self._end(draw=False)
            self._look()
            self._autosave.said = ""
            self.choose(settings)
            self._take_up(run)
            self._session.start()
        self._let_measure()
        self._draw()  # a whole picture, while the first steps are taken
        self._show()

    def _measure_soon(self) -> None:
        """Let the number of threads be measured once the page rests: drawing would falsify it."""
        if self._main_thread.loop is not None:
            self._main_thread.loop.call_later(REST_SECONDS, self._measure)

    def _measure(self) -> None:
        if self.comm is None or self._busy():  # closed, or too late
            return
        if _warm.is_set():
            self.make_run.measure_threads_soon(self.settings)
        else:
            self._measure_soon()

    def _let_measure(self) -> None:
        """Wait until the new run knows its number of threads: drawing now would falsify it."""
        deadline, pause = time.monotonic() + MEASURE_SECONDS, 0.005  # it may be known
        while _warm.is_set() and self.last_run.threads is None and time.monotonic() < deadline:
            if self._session.join(pause) != "running":
                break
            pause = 0.05

    def _look(self, *, is_loaded: bool = True) -> None:
        """See once what could be restored, when torch is loaded: to try it takes a run."""
        if is_loaded and not self._has_looked:
            self._has_looked = True
            self._autosave.look(self.make_run)

    def _take_up(self, run: TrainingRun) -> None:
        """Put a run on the panel, new or restored, with its session ready to start."""
        self.last_run = self._open_run = run
        self._display.begin(run)
        self.show_script("")  # the script there is of the run before
        records = with_accuracy(run, self.data.held_out)
        by = "code" if self.holds_kernel else "hand"
        records = self._autosave.begin(run, records, started_by=by)
        if self.holds_kernel and not in_kernel():
            records = monitor(records, per_print_times=STEPS_A_LINE, run=run)
        self._session = Session(records, can_pause=lambda record: is_synchronized(run, record))
        self._tell_followers("ready")

    def _tell_followers(self, state: str) -> None:
        self._followers(self.last_run, self._display.curve.runs[-1], state)

    def _line(self) -> Waiting:
        """Return the line of a cell that waits; in a terminal LossMonitor's lines tell enough."""
        return Waiting("steps", is_quiet=not in_kernel())

    def how_far(self) -> tuple[int, int]:
        """Return how many steps the run has taken, and will have in all."""
        return self.last_run.step_number, self.last_run.num_steps

    def is_active(self) -> bool:
        """Say whether the run goes on, or torch is still being loaded."""
        return super().is_active() or not _warm.is_set()

    def cure(self) -> str:
        """Say what helps when the kernel has ended."""
        kept = self._autosave.step_saved is not None
        return super().cure() + ("; Restore takes up the run where it was saved" if kept else "")

    def refresh(self, *, draw: bool = True) -> None:
        """Take in what is new, and draw it."""
        self._look(is_loaded=_warm.is_set())
        state = self.state  # before the records: "paused" is only said with its last step
        changed = False
        if self._session is not None:
            changed = self._display.follow(self._session)
            if changed and draw:
                self._draw()
            if state in ("paused", "stopped", "failed"):
                self._autosave.save_soon(state)
            if state in ("stopped", "finished", "failed"):
                self._close_run_soon()
        self._show(state)
        self.page.sound(self._display.progress.smoothed_loss if state == "running" else 0)
        if changed:
            self._tell_followers(self.state if self._display.has_ended else "running")

    def _end(self, *, draw: bool = True) -> None:
        """Stop the present run, if any, and take in its end."""
        if self._session is not None:
            self._session.stop()
            self._session.join()
            self.refresh(draw=draw)

    def _close_run_soon(self) -> None:
        """Close the run that has ended, in the thread that took its steps: it may take a while."""
        run, self._open_run = self._open_run, None
        if run is not None:
            in_background(run.close)

    def _adjust(self, field: str, _: object) -> None:
        """Hand a turned knob to the run, if one is going on or waits to go on."""
        if self._session is not None and not self._session.done:
            self.last_run.adjust(**{field: controls.read(self.controls[field])})
        elif field == "batch_size":
            self.on_main_thread(self._measure_soon)

    # Showing.

    def _rest_momentum(self) -> None:
        """Let momentum look dead where the optimizer that it would act on has none."""
        goes_on = self._session is not None and not self._session.done
        name = self.last_run.hyperparameters.optimizer if goes_on else self.optimizer.value
        controls.rest_momentum(self.momentum, name)

    def _draw(self) -> None:
        self.image.value = self._display.curve.png()

    def _show(self, state: str | None = None) -> None:
        state = state or self.state
        progress, session, saved = self._display.progress, self._session, self._autosave
        headline, text = status_text(
            state,
            progress,
            error=session.error if session else None,
            offer=saved.offer,
            warm=_warm.is_set(),
            waits_for=self.last_run.waits_for if self.last_run else "",
            wanted=session.wanted if session else "running",
        )
        busy = state in ("running", "paused")
        self.say(headline, f"{text} {saved.in_words(state, idle=session is None)}".strip())
        taken_up = session is not None and state == "ready"  # a saved run waits for Resume
        waits = state == "paused" or taken_up
        for button in (self.train_button, self.optimizer, self.epochs):
            button.disabled = busy
        self.clear_button.disabled = busy or not self._display.curve.runs
        self._rest_momentum()
        self.stop_button.disabled = self.is_deaf() or not busy
        self.pause_button.disabled = self.is_deaf() or not (busy or taken_up)
        self.pause_button.description = "Resume" if waits else "Pause"
        self.pause_button.icon = "play" if waits else "pause"
        self.restore_button.disabled = busy or not saved.can_restore
        self.progress_bar.max = max(1, progress.num_steps)
        self.progress_bar.value = progress.step
        if self.last_run is not None and self.last_run.why_threads:
            self.progress_bar.tooltip = (
                f"Threads: {self.last_run.threads}, {self.last_run.why_threads}"
            )
