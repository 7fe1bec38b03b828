"""A guess of a whole curve: the loss that a learner expects, drawn before the run is."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import matplotlib.style
import numpy as np
import traitlets
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure

from tutorial_lib.checks import check_number, shown
from tutorial_lib.engine import StepRecord, TrainingRun
from tutorial_lib.panels.training import TrainingPanel
from tutorial_lib.pictures import PAPER, STYLE, Picture, label_ends, plain_log_ticks, png_of
from tutorial_lib.pictures.curve import USUAL_LOSSES, CurveSeries, epoch_locator, smoothing_span
from tutorial_lib.pictures.plots import plain_log_locator, tick_text
from tutorial_lib.pictures.smoothing import decimate, loss_ceiling
from tutorial_lib.pictures.theme import BLUE, PALETTE, VERMILION
from tutorial_lib.predictions.asked import NOTHING, Guess, Prediction
from tutorial_lib.predictions.shapes import (
    LEAST_LOSS,
    MOST_LOSS,
    SeenCurve,
    check_curve,
    difference_in_words,
    epoch_text,
    thinned,
)
from tutorial_lib.table import loss_text

BINS = 100  # of a live run, so that at most four times as many points go to the page
AXIS_WIDTH = 564  # pixels of the page, of the axes; see curve.js
END_STATES = ("finished", "stopped", "failed")
RENEW_SECONDS = 1.0  # after the end, so long a hand has to reach for the curve
DRAW_FOR_NEXT = "A run is under way: what you draw now is for the next one."
COUNTS_FOR_NEXT = "A run is under way: it counts when the next one begins."

Like = TrainingPanel | TrainingRun


def predict_curve(
    name: str,
    *,
    like: Like,
    topic: str,
    asked: str = "",
    losses: tuple[float, float] | None = None,
) -> "CurvePrediction":
    """Ask for the curve of a run's loss, to be drawn; show what it returns by ending the cell so.

    With a panel, the next run that Train or `run` starts there locks the curve and is drawn over
    it as it goes; at its end a sentence says where the two differ. Runs after that are not
    compared unless the learner draws anew. With a run, a later cell calls `measured(name, run)`.

    Args:
        name: Of what is drawn.
        like: What the axes are those of: a panel, or a run that has not begun.
        topic: What it is about, in a word or two: "learning rate".
        asked: The question in words; "" where it stands above the cell.
        losses: Where the axis of losses begins and ends, both above 0. None: as in the panel's
            picture before its first run, from 0.05 to 5.

    Raises:
        TypeError, ValueError: It says which argument is wrong, and what it takes.
    """
    return CurvePrediction(name, like=like, topic=topic, asked=asked, losses=losses)


class CurvePaper(anywidget.AnyWidget):
    """The part in the page: axes, on which a curve is drawn by hand or by keys, and a run over it.

    What the page says is checked before it counts: `on_drawn` and `on_again` are called, in any
    thread, with what it drew and when a new curve is asked for.
    """

    # As text: of a file, anywidget keeps every widget for ever, to tell it when the file changes.
    _esm = Path(__file__).with_name("curve.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("curve.css").read_text(encoding="utf-8")

    # Set by the page, too; not echoed, so that no older curve comes back under a moving pen.
    sketch = traitlets.List(help="[epoch, loss] from left to right").tag(
        sync=True, echo_update=False, from_json=lambda value, paper: paper.read_drawn(value)
    )
    run = traitlets.List(help="the same of the run, thinned").tag(sync=True)
    axes = traitlets.Dict(help="epochs, losses, and ticks along and upward").tag(sync=True)
    colours = traitlets.Dict(
        {"you": PALETTE["vermilion"][1], "run": PALETTE["blue"][1]},  # seen on both grounds
        help="of the two curves",
    ).tag(sync=True)
    locked = traitlets.Bool(help="whether nothing can be drawn").tag(sync=True)
    in_use = traitlets.Bool(help="whether it has the focus").tag(sync=True)
    done = traitlets.Bool(help="whether a new curve may be asked for").tag(sync=True)

    def __init__(self, on_drawn: Any, on_again: Any) -> None:
        self._on_drawn = on_drawn
        super().__init__()
        self.on_msg(lambda _, message, __: message == {"again": True} and on_again())

    def read_drawn(self, value: Any) -> list[list[float]]:
        """Return what the page drew; what is no curve, or comes too late, changes nothing."""
        try:
            points = _as_drawn(value, self.axes["epochs"])
        except (TypeError, ValueError):
            points = None
        if points is None or self.locked:
            self.send_state("sketch")
            return self.sketch
        self._on_drawn(points)
        return points


class CurvePrediction(Prediction):
    """A question whose answer is a loss curve; see `predict_curve`."""

    kind = "curve"
    _is_stale = False  # what stands for it on exported pages
    _is_live, _shown = False, None  # so that one that was refused can be closed
    hint = "Draw the loss with mouse, pen, finger or arrow keys, or skip."

    def __init__(
        self,
        name: str,
        *,
        like: Like,
        topic: str,
        asked: str = "",
        losses: tuple[float, float] | None = None,
    ) -> None:
        self._like = _check_like(like)
        self._is_live = isinstance(like, TrainingPanel)  # it tells of each run
        self._first_losses = USUAL_LOSSES if losses is None else _check_losses(losses)
        self._losses = self._first_losses
        self._epochs = self._planned()  # of the axis, and of a guess's shares
        self._drawn = NOTHING  # the guess that the page shows because it drew it
        self._run: TrainingRun | None = None  # the one that is followed
        self._seen: SeenCurve | None = None
        self._shown: DisplayHandle | None = None  # the output that it stands in
        self.paper = CurvePaper(self._take_drawn, self._ask_again)
        self._set_axes()
        super().__init__(name, topic=topic, asked=asked, parts=[self.paper])
        self.paper.observe(self.later(self._renew), "in_use")
        self._follow_epochs = self.later(self._see_epochs)
        if self._is_live:
            like.on_progress(self._see)
            like.epochs.observe(self._follow_epochs, "value")

    # ---- what the base asks for ----

    def compare(self, seen: Any) -> str:
        """Say where the curve and the run that was read last differ."""
        return difference_in_words(self._points_of(self._guess), self._seen)

    def read_seen(self, seen: Any) -> list[list[float]]:
        """Return the smoothed curve of a run or of its records.

        Returns:
            [share of the axis 0 to 1, loss], at most 64.
        """
        self._seen = seen = seen if isinstance(seen, SeenCurve) else _seen_of(seen)
        if seen.points:
            self._show_run(*zip(*seen.points, strict=True), seen.epochs)
        points = [(x, y) for x, y in seen.points if 0 < y < math.inf and x <= self._epochs]
        return self._in_shares(points)

    def read_expected(self, expected: Any, sure: Any = None) -> Guess:
        """Return points (epoch, loss) as a guess."""
        if sure is not None:
            raise ValueError(f"a curve takes no margin; got sure={shown(sure)}")
        return Guess(self._in_shares(check_curve(expected, self._epochs)))

    def in_words(self, guess: Guess) -> str:
        """Say where the curve begins and ends."""
        points = self._points_of(guess)
        (start, first), (end, last) = points[0], points[-1]
        return (
            f"a loss of {loss_text(first)} at epoch {epoch_text(start)}, and of "
            f"{loss_text(last)} at epoch {epoch_text(end)}"
        )

    def show_guess(self, guess: Guess, *, is_locked: bool) -> None:
        """Let the paper show it."""
        if guess is not self._drawn:
            self._drawn = guess
            self.paper.sketch = [list(point) for point in self._points_of(guess)]
        self._see_epochs()
        self.paper.locked = is_locked
        self.paper.done = is_locked and self._is_measured and self._is_live

    def close(self) -> None:
        """Give the widgets back, and follow no run any more."""
        if self._is_live:
            self._like.on_progress(self._see, remove=True)
            if self._like.comm is not None:
                self._like.epochs.unobserve(self._follow_epochs, "value")
        super().close()

    def stand_in(self) -> tuple[str, Picture | None]:
        """Return words, and a picture where something was drawn, for where no widget is shown."""
        return repr(self), self.picture()

    def _ipython_display_(self, **_: Any) -> None:
        """Show it so that what stands for it on exported pages can follow."""
        bundle, metadata = self._repr_mimebundle_()
        self._shown = display(bundle, raw=True, metadata=metadata, display_id=True)

    def finish(self, seen: Any) -> str:
        """Lock, compare and note it, and leave a picture for exported pages; see Prediction."""
        said = super().finish(seen)
        if said:
            self._is_stale, loop = True, self._main_thread.loop
            if loop is None:
                self._renew()
            else:
                loop.call_later(RENEW_SECONDS, self._renew)
        return said

    def _renew(self) -> None:
        """Put the picture beside the widget, which is shown anew so: never under a hand."""
        is_open = self._shown is not None and self.comm is not None
        if is_open and self._is_stale and not self.paper.in_use and self.expected is not None:
            self._is_stale = False
            bundle, metadata = self._repr_mimebundle_()
            self._shown.update(bundle, raw=True, metadata=metadata)

    def picture(self) -> Picture | None:
        """Return the curve, and the run over it, as a plain picture; None if nothing is drawn."""
        if self.expected is None:
            return None
        mine, its = self._points_of(self._guess), self._seen.points if self._seen else ()
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=(6.4, 3.2), dpi=200)
            axes = figure.add_subplot()
            axes.plot(*zip(*mine, strict=True), "--", color=VERMILION, label="expected")
            if its:
                axes.plot(*decimate(*np.array(its).T), color=BLUE, label="the run")
            axes.set(
                yscale="log", xlim=(0, self._axis_end()), ylim=self._losses, xlabel="epochs",
                ylabel="loss", title="The loss that was expected" + " and the run's" * bool(its),
            )  # fmt: skip
            axes.xaxis.set_major_locator(epoch_locator(AXIS_WIDTH))
            plain_log_ticks(axes)
            label_ends(axes)
            png = png_of(figure)
        return Picture(png, width=PAPER.width * 64 // 90, alt=self._alt(its))

    def _alt(self, its: Sequence[tuple[float, float]]) -> str:
        words = f"A curve that was drawn: {self.in_words(self._guess)}."
        if its:
            (start, first), (end, last) = its[0], its[-1]
            words += (
                f" The run over it: a loss of {loss_text(first)} at epoch {epoch_text(start)}, and "
                f"of {loss_text(last)} at epoch {epoch_text(end)}."
            )
        return f"{words} {self.said}".strip()

    # ---- the page ----

    def later(self, function: Any) -> Any:
        """Return what calls this on the main thread, whatever it is given."""
        return lambda *_: self._main_thread.call(function)

    def _take_drawn(self, points: list[list[float]]) -> None:
        """Take what the page drew; one point is no curve yet."""
        guess = Guess(self._in_shares(points)) if len(points) > 1 else Guess()
        self._drawn = guess
        self.take(guess)

    def _ask_again(self) -> None:
        """Let a new curve be drawn, for the next run."""
        if self.paper.done and self._run is None:
            self._now = self._stood = NOTHING
            self._locked, self._seen, self.said = None, None, ""
            self._is_measured = self._is_noted = self._is_skipped = False
            self._main_thread.call(self._clear)

    def _clear(self) -> None:
        self._losses = self._first_losses
        self.paper.run = []
        self._set_axes()
        self._show()

    def _see_epochs(self) -> None:
        """Let the axis reach as far as the next run does, while nothing is drawn on it."""
        is_empty = not self.paper.sketch and self._now.expected is None
        if is_empty and not self.is_locked and self._epochs != self._planned():
            self._epochs = self._planned()
            self._set_axes()

    def _planned(self) -> float:
        """Return how many epochs the next run takes."""
        like = self._like
        return float(like.settings.epochs if self._is_live else like.hyperparameters.epochs)

    def _axis_end(self) -> float:
        return max(self._epochs, self._seen.epochs if self._seen else 0.0)

    def _set_axes(self, end: float | None = None) -> None:
        """Tell the page where the axes end, and where their ticks are."""
        end, (low, high) = end or self._epochs, self._losses
        along = epoch_locator(AXIS_WIDTH).tick_values(0, end)
        upward = plain_log_locator(low, high).tick_values(low, high)
        self.paper.axes = {
            "epochs": end,
            "losses": [low, high],
            "along": [[float(x), tick_text(x)] for x in along if 0 <= x <= end],
            "upward": [[float(y), tick_text(y)] for y in upward if low <= y <= high],
        }

    def _in_shares(self, points: Sequence[Sequence[float]]) -> list[list[float]]:
        return [[x / self._epochs, y] for x, y in thinned(points)] if points else []

    def _points_of(self, guess: Guess) -> list[tuple[float, float]]:
        return [(x * self._epochs, y) for x, y in guess.expected or ()]

    # ---- the run ----

    def _see(self, run: TrainingRun, series: CurveSeries, state: str) -> None:
        """Follow the panel: the first run that begins after something was drawn is the one."""
        if self._run is None and state == "ready" and not self.is_locked:
            self._begin(run)
        elif run is self._run:
            self._show_run(series.x, series.smoothed, float(run.hyperparameters.epochs))
            if state in END_STATES:
                self._end(run, series)
        elif self._run is None and not self.is_locked:
            self._tell_of_run(state not in END_STATES)

    def _begin(self, run: TrainingRun) -> None:
        """Lock the curve, if there is one, and follow this run, if it is a new one."""
        if run.step_number == 0:
            self.lock(by_hand=not self._like.holds_kernel)
            if self.expected is not None:
                self._run = run
                self._set_axes(max(self._epochs, run.hyperparameters.epochs))
                return
            self._locked = None  # a run that nobody made a guess of
        self._tell_of_run(True)

    def _tell_of_run(self, is_under_way: bool) -> None:
        hint = DRAW_FOR_NEXT if is_under_way else type(self).hint
        if hint != self.hint:
            self.hint = hint
            self.counts = COUNTS_FOR_NEXT if is_under_way else type(self).counts
            self._show()

    def _end(self, run: TrainingRun, series: CurveSeries) -> None:
        points = list(zip(series.x, series.smoothed, strict=True))
        self._run = None
        self.finish(SeenCurve(points, float(run.hyperparameters.epochs), series.diverged))

    def _show_run(self, x: Any, y: Any, planned: float) -> None:
        """Send a run to the page: its extremes stay, however long it is.

        Args:
            x, y: Its epochs and its smoothed losses, (N,).
            planned: How many epochs it is to have.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        is_seen = np.isfinite(y) & (y > 0)
        x, y = decimate(x[is_seen], y[is_seen], bins=BINS)
        if not len(x):
            return
        y = y.clip(LEAST_LOSS, MOST_LOSS)
        (low, high), least = self._losses, float(y.min())
        most = min(float(y.max()), loss_ceiling([float(y[0])]))
        self._losses = least / 2 if least < low else low, most * 2 if most > high else high
        end = max(self._epochs, planned)
        if [end, *self._losses] != [self.paper.axes["epochs"], *self.paper.axes["losses"]]:
            self._set_axes(end)
        self.paper.run = [
            [float(f"{at:.5g}"), float(f"{loss:.4g}")] for at, loss in zip(x, y, strict=True)
        ]


def _as_drawn(value: Any, epochs: float) -> list[list[float]]:
    """Return what a page sent, checked.

    Raises:
        TypeError, ValueError: It is no curve.
    """
    if not isinstance(value, list) or not all(isinstance(point, list) for point in value):
        raise TypeError("no points")
    if len(value) == 1:  # a first dot
        check_curve([*value, [epochs + 1, 1.0]], epochs + 1)
    elif value:
        check_curve(value, epochs * (1 + 1e-6))
    return [[min(float(x), epochs), float(y)] for x, y in value]


def _seen_of(seen: Any) -> SeenCurve:
    """Return the smoothed curve of a run, or of records.

    Raises:
        TypeError: It is neither.
        ValueError: There is no step yet.
    """
    records = seen.history if isinstance(seen, TrainingRun) else seen
    wanted = "a curve is measured by a run or its records"
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise TypeError(f"{wanted}; got {shown(seen)}")
    steps = [record for record in records if isinstance(record, StepRecord)]
    if len(steps) < len(records) and not all(hasattr(record, "loss") for record in records):
        raise TypeError(f"{wanted}; got {shown(seen)}")
    if not steps:
        raise ValueError(f"{wanted}; there is no step yet")
    first, epochs = steps[0], steps[-1].epochs
    num_train = first.epoch_steps * first.batch_size
    if isinstance(seen, TrainingRun):
        num_train, epochs = len(seen.data.train), seen.hyperparameters.epochs
    span = smoothing_span(epochs, num_train)
    series = CurveSeries("", BLUE, epochs, num_train, span=span)
    for record in steps:
        series.add(record)
    return SeenCurve(list(zip(series.x, series.smoothed, strict=True)), float(epochs))


def _check_like(like: Any) -> Like:
    if not isinstance(like, TrainingPanel | TrainingRun):
        raise TypeError(f"like must be a TrainingPanel or a TrainingRun; got {shown(like)}")
    if isinstance(like, TrainingRun) and like.step_number:
        raise ValueError(f"like must be a run that has not begun; got {shown(like)}")
    return like


def _check_losses(losses: Any) -> tuple[float, float]:
    wanted = "losses must be two numbers above 0, the lower one first"
    try:
        low, high = losses
    except (TypeError, ValueError):
        raise TypeError(f"{wanted}; got {shown(losses)}") from None
    low, high = (
        check_number(field, value, f"[{LEAST_LOSS:g}, {MOST_LOSS:g}]",
                     lambda number: LEAST_LOSS <= number <= MOST_LOSS)
        for field, value in (("losses[0]", low), ("losses[1]", high))
    )  # fmt: skip
    if low >= high:
        raise ValueError(f"{wanted}; got {shown(losses)}")
    return low, high
