"""The live picture of a training: cheap enough to draw five times a second."""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tutorial_lib.config import SHORT_NAMES
from tutorial_lib.engine import Change, EvaluationRecord, StepRecord
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.plots import label_ends, note, plain_log_ticks
from tutorial_lib.pictures.png import encode
from tutorial_lib.pictures.smoothing import MAX_LOSS, MovingMean, decimate
from tutorial_lib.pictures.theme import INK, MUTED, STYLE, run_colour

MAX_LIVE_MARKS = 4  # each costs a frame 2 ms, so more become part of what is kept
MAX_RUNS = 6  # as many as can be told apart by colour; the oldest leaves first
MIN_SPAN, MAX_SPAN = 320, 12_800  # images that the smoothing spans: 10 to 400 steps of 32


@dataclass
class CurveSeries:
    """The curves of a run. Positions are in epochs: images seen by images in the set."""

    label: str
    colour: str
    epochs: int
    images_per_epoch: int
    span: float = 800  # images that the smoothing spans
    x: array = field(default_factory=lambda: array("d"))
    loss: array = field(default_factory=lambda: array("d"))
    smoothed: array = field(default_factory=lambda: array("d"))
    accuracy_x: array = field(default_factory=lambda: array("d"))
    accuracy: array = field(default_factory=lambda: array("d"))  # in percent
    marks: list[tuple[float, str]] = field(default_factory=list)  # (x, what changed)
    diverged: bool = False
    lowest: float = math.inf  # smoothed loss
    highest: float = 0.0  # loss
    _batch_sizes: array = field(default_factory=lambda: array("l"))
    _mean: MovingMean = field(default_factory=MovingMean)

    def add(self, record: StepRecord | EvaluationRecord) -> None:
        """Take in what one record tells."""
        x = record.images_seen / self.images_per_epoch
        if isinstance(record, EvaluationRecord):
            self.accuracy_x.append(x)
            self.accuracy.append(100 * record.accuracy)
            return
        self.x.append(x)
        self.loss.append(record.loss)
        self.highest = max(self.highest, record.loss)
        self._batch_sizes.append(record.batch_size)
        self._smooth(record.loss, record.batch_size)

    def smooth_over(self, images: float) -> None:
        """Smooth what there is and what comes over so many images, at least over one batch."""
        if images == self.span:
            return
        self.span, self.smoothed, self.lowest = images, array("d"), math.inf
        self._mean = MovingMean()
        for loss, batch_size in zip(self.loss, self._batch_sizes, strict=True):
            self._smooth(loss, batch_size)

    def _smooth(self, loss: float, batch_size: int) -> None:
        self.smoothed.append(self._mean.add(loss, max(1, self.span / batch_size)))
        self.lowest = min(self.lowest, self.smoothed[-1])


class LiveCurve:
    """The loss of each batch and the accuracy after each epoch, for a run and those before it.

    The picture is rendered without pyplot. All that stands still is rendered once and kept; a
    frame restores it and draws the lines of the present run. The whole is rendered again only
    when the axes must grow, or a run begins or ends.

    Args:
        images_per_epoch: The size of the training set.
        images_held_out: The size of the set that accuracy is measured on.
        noun: What they show, in the plural.
    """

    def __init__(
        self,
        images_per_epoch: int,
        images_held_out: int,
        *,
        noun: str = "digits",
        size: tuple[float, float] = (9, 3.5),
    ) -> None:
        self.runs: list[CurveSeries] = []
        self.full_redraws = 0
        self._images_per_epoch = images_per_epoch
        with matplotlib.style.context(STYLE):
            self._figure = Figure(figsize=size, dpi=100, layout="none")
            self._canvas = FigureCanvasAgg(self._figure)
            self._loss_axes = self._figure.add_axes((0.08, 0.14, 0.47, 0.77))
            self._accuracy_axes = self._figure.add_axes((0.74, 0.14, 0.245, 0.77))
            self._loss_axes.set_title("Loss: each batch faint, smoothed bold", color=INK)
            noun = plain_text(noun, 20)
            held_out = f"Accuracy on {images_held_out:,} held-out {noun}"
            self._accuracy_axes.set_title(held_out, color=INK)
            self._accuracy_axes.set_ylabel(f"{noun} named right (%)")
            self._loss_axes.set(yscale="log", ylabel="loss")
            for axes in self._figure.axes:
                axes.set_xlabel("epochs")
                axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
            self._accuracy_axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        self._still: list[Artist] = []  # made for the background, which the next one replaces
        self._lines: list[Line2D] = []  # of the last run: raw, bold, points; drawn over it if live
        self._live_marks: list[Artist] = []  # and those of its marks that came since
        self._marks: list[tuple[float, str, str]] = []  # in the background: (x, text, colour)
        self._num_kept = 0  # of the present run, how many marks are in the background
        self.clear()

    def clear(self) -> None:
        """Take every run off the picture."""
        self.runs.clear()
        self._number = 0  # of the next run, which its colour follows
        self._loss_axes.set_ylim(0.05, 5)
        self._accuracy_axes.set_ylim(80, 100.5)
        self._start_anew(live=False)

    def drop_last(self) -> None:
        """Take the last run off the picture; the next one has its colour."""
        self.runs.pop()
        self._number -= 1
        self._start_anew(live=False)

    def begin(self, label: str, epochs: int) -> CurveSeries:
        """Start a new curve that is to go on for so many epochs."""
        series = CurveSeries(label, run_colour(self._number), epochs, self._images_per_epoch)
        self._number += 1
        self.runs = [*self.runs[1 - MAX_RUNS :], series]
        self._start_anew(live=True)
        return series

    def end(self, *, diverged: bool = False) -> None:
        """The present run is over; a cross marks where it diverged, if it did."""
        self.runs[-1].diverged = diverged
        self._start_anew(live=False)

    def _start_anew(self, *, live: bool) -> None:
        """Smooth all runs over equally many images, a fiftieth of the longest: they compare."""
        self._live, self._background = live, None  # whether the last run still grows
        longest = max((series.epochs for series in self.runs), default=0) * self._images_per_epoch
        for series in self.runs:
            series.smooth_over(min(max(longest / 50, MIN_SPAN), MAX_SPAN))

    def relabel(self, labels: Iterable[str]) -> None:
        """Name the runs anew, the oldest first."""
        for series, label in zip(self.runs, labels, strict=True):
            series.label = label
        self._background = None

    def add(self, records: Iterable[StepRecord | EvaluationRecord]) -> None:
        """Let the present curve grow by these records."""
        for record in records:
            self.runs[-1].add(record)

    @property
    def last_smoothed(self) -> float:
        """Where the present curve ends; nan before its first step."""
        smoothed = self.runs[-1].smoothed
        return smoothed[-1] if smoothed else math.nan

    def mark(self, change: Change) -> None:
        """Mark a hyperparameter changed mid-run, at the step where it began to act."""
        series = self.runs[-1]
        name = SHORT_NAMES[change.field]
        x = change.images_seen / self._images_per_epoch
        last_x, last_text = series.marks[-1] if series.marks else (-1.0, "")
        if last_text.startswith(name) and x - last_x < 0.02 * series.epochs:
            series.marks.pop()  # the same knob, turned further
        series.marks.append((x, f"{name} {change.after:g}"))
        live = [(x, text, series.colour) for x, text in series.marks[self._num_kept :]]
        if 0 < len(live) <= MAX_LIVE_MARKS:
            _remove(self._live_marks)
            self._live_marks = self._draw_marks([*self._marks, *live], first=len(self._marks))
        else:
            self._background = None

    def png(self) -> bytes:
        """Render the picture as it stands, as PNG."""
        if self._grow_axes() or self._background is None:
            self._render_background()
        self._canvas.restore_region(self._background)
        if self._live:
            _fill(self._lines, self.runs[-1])
            for artist in (*self._lines, *self._live_marks):
                artist.axes.draw_artist(artist)
        return encode(np.asarray(self._canvas.buffer_rgba()))  # (H, W, 4) uint8

    def _grow_axes(self) -> bool:
        """Widen the axes until everything is inside; say whether that was needed."""
        low, high = self._loss_axes.get_ylim()
        bottom, top = self._accuracy_axes.get_ylim()
        # Below, single batches may leave the picture; above, only those of a diverging run.
        lowest = min((series.lowest for series in self.runs), default=low)
        highest = min(max((series.highest for series in self.runs), default=high), MAX_LOSS)
        floor = min((min(series.accuracy) for series in self.runs if series.accuracy), default=100)
        wanted = (
            lowest / 4 if 0 < lowest < 1.5 * low else low,
            highest * 2 if highest > high else high,
            max(0, floor // 20 * 20) if floor < bottom else bottom,
        )
        if grown := wanted != (low, high, bottom):
            self._loss_axes.set_ylim(wanted[:2])
            self._accuracy_axes.set_ylim(wanted[2], top)
        return grown

    def _render_background(self) -> None:
        self.full_redraws += 1
        _remove(self._still + self._live_marks)
        self._still, self._live_marks = [], []
        with matplotlib.style.context(STYLE):
            for axes in self._figure.axes:
                axes.set_xlim(0, max([1, *(series.epochs for series in self.runs)]))
            plain_log_ticks(self._loss_axes)
            for series in self.runs:
                self._lines = self._add_lines(series, self._live and series is self.runs[-1])
                self._still += self._lines
                if series.diverged and len(series.x):
                    at = series.x[-1], min(series.smoothed[-1], MAX_LOSS)
                    looks = {"color": series.colour, "ms": 10, "mec": "white", "clip_on": False}
                    self._still += self._loss_axes.plot(*at, "X", **looks)
            self._num_kept = len(self.runs[-1].marks) if self.runs else 0
            marks = ((x, text, series.colour) for series in self.runs for x, text in series.marks)
            self._marks = sorted(marks)
            self._still += self._draw_marks(self._marks)
            self._still += label_ends(self._loss_axes, map(_end_of, self.runs))
            if not self.runs:
                hint = "Run this cell and press Train: the curve appears here."
                looks = {"ha": "center", "color": MUTED, "size": 11}
                looks["transform"] = self._loss_axes.transAxes
                self._still.append(self._loss_axes.text(0.5, 0.5, hint, **looks))
            self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _add_lines(self, series: CurveSeries, live: bool) -> list[Line2D]:
        """Add lines of a run's raw and smoothed loss and its accuracy to the axes."""
        looks = {"color": series.colour, "animated": live}
        raw = self._loss_axes.plot([], [], alpha=0.3 if live else 0.18, lw=0.8, **looks)
        bold = self._loss_axes.plot([], [], **looks)
        points = self._accuracy_axes.plot([], [], marker="o", clip_on=False, **looks)
        _fill(lines := raw + bold + points, series)
        return lines

    def _draw_marks(
        self, marks: Sequence[tuple[float, str, str]], *, first: int = 0
    ) -> list[Artist]:
        """Mark changes by a line and the new value, those side by side one below another.

        Args:
            marks: Each as (x, text, colour).
            first: The first one that is not drawn yet.
        """
        room, rows, artists = 0.2 * self._loss_axes.get_xlim()[1], [], []
        for x, _, _ in marks:
            near = (abs(x - other) < room for other, _, _ in marks)
            taken = {row for row, is_near in zip(rows, near, strict=False) if is_near}
            rows.append(next(row for row in count() if row not in taken))
        looks = {"va": "top", "size": 8.5, "xycoords": ("data", "axes fraction")}
        looks["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        for (x, text, colour), row in list(zip(marks, rows, strict=True))[first:]:
            artists.append(self._loss_axes.axvline(x, color=colour, lw=1, ls=(0, (4, 3))))
            at = x, 0.985 - 0.075 * row
            artists.append(note(self._loss_axes, text, at, (4, 0), color=colour, **looks))
        return artists


def _fill(lines: Sequence[Line2D], series: CurveSeries) -> None:
    """Show a run's numbers by its lines for raw and smoothed loss and for accuracy."""
    raw, bold, points = lines
    raw.set_data(*decimate(np.array(series.x), np.array(series.loss)))
    bold.set_data(*decimate(np.array(series.x), np.array(series.smoothed)))
    points.set_data(np.array(series.accuracy_x), np.array(series.accuracy))


def _remove(artists: Iterable[Artist]) -> None:
    for artist in artists:
        artist.remove()


def _end_of(series: CurveSeries) -> tuple[float, str, str]:
    """Return height, text and colour of a run's name, which stands between the two pictures."""
    label = series.label if len(series.label) <= 15 else series.label.replace(", ", ",\n")
    return series.smoothed[-1] if series.smoothed else 2.3, plain_text(label), series.colour
