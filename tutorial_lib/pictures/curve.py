"""The live picture of a training: cheap enough to draw five times a second."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tutorial_lib.config import SHORT_NAMES
from tutorial_lib.engine import Change, EvaluationRecord, StepRecord
from tutorial_lib.pictures.plots import label_ends, plain_log_ticks
from tutorial_lib.pictures.png import encode
from tutorial_lib.pictures.smoothing import MAX_LOSS, MovingMean, decimate
from tutorial_lib.pictures.theme import COLOURS, STYLE, run_colour

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
        self._number = 0
        self._live = False  # whether the last series is still growing
        self._background: Any = None
        with matplotlib.style.context(STYLE):
            self._figure = Figure(figsize=size, dpi=100, layout="none")
            self._canvas = FigureCanvasAgg(self._figure)
            self._loss_axes = self._figure.add_axes((0.08, 0.14, 0.47, 0.77))
            self._accuracy_axes = self._figure.add_axes((0.74, 0.14, 0.245, 0.77))
            self._raw, self._bold, self._points = self._add_live_lines()
            self._dress(self._loss_axes, "Loss: each batch faint, smoothed bold", "loss")
            accuracy_title = f"Accuracy on {images_held_out:,} held-out {noun}"
            self._dress(self._accuracy_axes, accuracy_title, f"{noun} named right (%)")
            self._accuracy_axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
            self._loss_axes.set_yscale("log")
        self._rest: list[Artist] = []  # of the background, which the next one replaces
        self._rows: list[list[float]] = []  # the x of its marks' labels, row by row
        self._marks_kept = 0  # of the present run, how many are in the background
        self._marks_drawn: list[tuple[float, str]] = []  # the others, drawn over it
        self._mark_artists: list[Artist] = []
        self.clear()

    def _add_live_lines(self) -> list[Line2D]:
        raw, bold = (self._loss_axes.plot([], [], animated=True)[0] for _ in range(2))
        (points,) = self._accuracy_axes.plot([], [], marker="o", animated=True, clip_on=False)
        raw.set(alpha=0.3, linewidth=0.8)
        return [raw, bold, points]

    def _dress(self, axes: Axes, title: str, unit: str) -> None:
        axes.set_title(title, color=COLOURS["ink"])
        axes.set_ylabel(unit)
        axes.set_xlabel("epochs")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))

    def clear(self) -> None:
        """Take every run off the picture."""
        self.runs.clear()
        self._number = 0
        self._live = False
        self._background = None
        self._loss_axes.set_ylim(0.05, 5)
        self._accuracy_axes.set_ylim(80, 100.5)

    def drop_last(self) -> None:
        """Take the last run off the picture; the next one has its colour."""
        self.runs.pop()
        self._smooth_alike()
        self._number -= 1
        self._live = False
        self._background = None

    def begin(self, label: str, epochs: int) -> CurveSeries:
        """Start a new curve that is to go on for so many epochs."""
        series = CurveSeries(label, run_colour(self._number), epochs, self._images_per_epoch)
        self._number += 1
        self.runs = [*self.runs[1 - MAX_RUNS :], series]
        self._smooth_alike()
        self._live = True
        self._background = None
        return series

    def _smooth_alike(self) -> None:
        """Smooth all runs over equally many images, a fiftieth of the longest: they compare."""
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

    def mark(self, change: Change) -> None:
        """Mark a hyperparameter changed mid-run, at the place where it began to act."""
        series = self.runs[-1]
        name = SHORT_NAMES[change.field]
        x = change.images_seen / self._images_per_epoch
        last_x, last_text = series.marks[-1] if series.marks else (-1.0, "")
        if last_text.startswith(name) and x - last_x < 0.02 * series.epochs:
            series.marks.pop()  # the same knob, turned further
        series.marks.append((x, f"{name} {change.after:.3g}"))
        if not self._marks_kept < len(series.marks) <= self._marks_kept + MAX_LIVE_MARKS:
            self._background = None

    def end(self, *, diverged: bool = False) -> None:
        """The present run is over; a cross marks where it diverged, if it did."""
        self.runs[-1].diverged = diverged
        self._live = False
        self._background = None

    def png(self) -> bytes:
        """Render the picture as it stands, as PNG."""
        if self._grow_axes() or self._background is None:
            self._render_background()
        self._canvas.restore_region(self._background)
        if self._live:
            self._draw_live_lines()
        return encode(np.asarray(self._canvas.buffer_rgba()))  # (H, W, 4) uint8

    def _draw_live_lines(self) -> None:
        series = self.runs[-1]
        self._raw.set_data(*decimate(np.array(series.x), np.array(series.loss)))
        self._bold.set_data(*decimate(np.array(series.x), np.array(series.smoothed)))
        self._points.set_data(np.array(series.accuracy_x), np.array(series.accuracy))
        for line in (self._raw, self._bold, self._points):
            line.set_color(series.colour)
            line.axes.draw_artist(line)
        for artist in self._live_marks(series):
            self._loss_axes.draw_artist(artist)

    def _live_marks(self, series: CurveSeries) -> list[Artist]:
        """Return the artists of the present run's marks, made anew when a knob was turned."""
        if self._marks_drawn != series.marks[self._marks_kept :]:
            self._remove_live_marks()
            self._marks_drawn = series.marks[self._marks_kept :]
            marks = [(x, text, series.colour) for x, text in self._marks_drawn]
            rows = [list(row) for row in self._rows]
            self._mark_artists = self._draw_marks(marks, rows)
        return self._mark_artists

    def _remove_live_marks(self) -> None:
        for artist in self._mark_artists:
            artist.remove()
        self._mark_artists, self._marks_drawn = [], []

    def _grow_axes(self) -> bool:
        """Widen the axes until everything is inside; say whether that was needed."""
        low, high = self._loss_axes.get_ylim()
        # Below, single batches may leave the picture; above, only those of a diverging run.
        lowest = min((series.lowest for series in self.runs), default=low)
        highest = min(max((series.highest for series in self.runs), default=high), MAX_LOSS)
        wanted = (
            lowest / 4 if 0 < lowest < 1.5 * low else low,
            highest * 2 if highest > high else high,
        )
        floor = min((min(series.accuracy) for series in self.runs if series.accuracy), default=100)
        bottom, top = self._accuracy_axes.get_ylim()
        wanted_bottom = max(0, floor // 20 * 20) if floor < bottom else bottom
        grown = wanted != (low, high) or wanted_bottom != bottom
        if grown:
            self._loss_axes.set_ylim(wanted)
            self._accuracy_axes.set_ylim(wanted_bottom, top)
        return grown

    def _render_background(self) -> None:
        self.full_redraws += 1
        for artist in self._rest:
            artist.remove()
        self._rest = []
        last = max([1, *(series.epochs for series in self.runs)])
        for axes in (self._loss_axes, self._accuracy_axes):
            axes.set_xlim(0, last)
        plain_log_ticks(self._loss_axes)
        self._remove_live_marks()
        for series in self.runs[:-1] if self._live else self.runs:
            self._draw_still(series)
        self._marks_kept = len(self.runs[-1].marks) if self.runs else 0
        marks = sorted((x, text, series.colour) for series in self.runs for x, text in series.marks)
        self._rows = []
        self._rest += self._draw_marks(marks, self._rows)
        ends = [
            (t.smoothed[-1] if t.smoothed else 2.3, _narrow(t.label), t.colour) for t in self.runs
        ]
        self._rest += label_ends(self._loss_axes, ends)
        if not self.runs:
            self._rest.append(self._hint())
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _draw_still(self, series: CurveSeries) -> None:
        x = np.array(series.x)
        self._rest += self._loss_axes.plot(
            *decimate(x, np.array(series.loss)), color=series.colour, alpha=0.18, lw=0.8
        )
        self._rest += self._loss_axes.plot(
            *decimate(x, np.array(series.smoothed)), color=series.colour
        )
        self._rest += self._accuracy_axes.plot(
            series.accuracy_x, series.accuracy, color=series.colour, marker="o", clip_on=False
        )
        if series.diverged and len(x):
            y = min(series.smoothed[-1], MAX_LOSS)
            self._rest += self._loss_axes.plot(
                x[-1], y, "X", color=series.colour, ms=10, mec="white", clip_on=False
            )

    def _draw_marks(
        self, marks: Iterable[tuple[float, str, str]], rows: list[list[float]]
    ) -> list[Artist]:
        """Mark changes by a line and the new value, those side by side one below another.

        Args:
            marks: Each as (x, text, colour).
            rows: The x of the labels in each row, to which those of these marks are added.
        """
        artists: list[Artist] = []
        room = 0.2 * self._loss_axes.get_xlim()[1]
        for x, text, colour in marks:
            free = (n for n, row in enumerate(rows) if all(abs(x - other) >= room for other in row))
            row = next(free, len(rows))
            rows[row:] = rows[row:] or [[]]
            rows[row].append(x)
            line = self._loss_axes.axvline(x, color=colour, lw=1, ls=(0, (4, 3)))
            label = self._loss_axes.annotate(
                text,
                (x, 0.985 - 0.075 * row),
                (4, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                size=8.5,
                color=colour,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
            artists += [line, label]
        return artists

    def _hint(self) -> Any:
        return self._loss_axes.text(
            0.5,
            0.5,
            "Run this cell and press Train: the curve appears here.",
            transform=self._loss_axes.transAxes,
            ha="center",
            color=COLOURS["muted"],
            size=11,
        )


def _narrow(label: str) -> str:
    """Break a long label between its parts: it stands between the two pictures."""
    return label if len(label) <= 15 else label.replace(", ", ",\n")
