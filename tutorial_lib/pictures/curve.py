"""The live picture of a training: cheap enough to draw five times a second."""

import copy
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox, TransformedBbox

from tutorial_lib.config import SHORT_NAMES
from tutorial_lib.engine import Change, EvaluationRecord, StepRecord
from tutorial_lib.evaluation import ACCURACY, ShownMetric
from tutorial_lib.pictures.labels import PIXELS, label_ends, text_width, wrapped
from tutorial_lib.pictures.layout import boxes_on
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.plots import note, plain_log_ticks, tick_text
from tutorial_lib.pictures.png import encode
from tutorial_lib.pictures.screen import PAPER, Screen
from tutorial_lib.pictures.smoothing import MovingMean, decimate, loss_ceiling
from tutorial_lib.pictures.theme import INK, MUTED, STYLE, run_colour

MAX_LIVE_MARKS = 4  # each costs a frame 2 ms, so more become part of what is kept
MAX_RUNS = 6  # as many as can be told apart by colour; the oldest leaves first
MAX_MARKERS = 25  # on a line of scores: more would grow together
MIN_SPAN, MAX_SPAN = 320, 12_800  # examples that the smoothing spans: 10 to 400 steps of 32
USUAL_LOSSES = 0.05, 5.0  # the axis at first, where a run begins between them
CEILINGS = 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100  # percent, where the axis of shares may end
LOW_SHARE = 5  # percent: where all are below, of a thousand classes say, the axis ends earlier
NOTHING_HELD_OUT = "Nothing is held out:\ndata.hold_out(0.2) keeps some"
NO_SCORE = "No {name}\ncould be told"

SIZE = 9, 3.5  # of the picture, in hundreds of pixels
BOXES = (0.08, 0.14, 0.46, 0.77), (0.745, 0.14, 0.23, 0.77)  # of losses and of scores, in shares
NARROW_SIZE = 6.3, 5.7  # one below the other, each with room for two lines of a title
NARROW_BOXES = (0.114, 0.566, 0.726, 0.351), (0.114, 0.086, 0.726, 0.316)
TITLE_SIZE, MARK_SIZE = 9.5, 8.5  # points
LINE = 16  # pixels that a line of a title takes
BETWEEN = 12  # pixels between two titles
BESIDE_SCORES = 76  # pixels beside the axis of scores, for its ticks and its name
MARK_HEIGHT = 20  # pixels that a mark's words take
TICK_WIDTH, TICK_HEIGHT = 36, 30  # pixels along an axis, at least, from one tick to the next

Limits = tuple[float, float]


@dataclass
class CurveSeries:
    """The curves of a run; positions are in epochs."""

    label: str
    colour: str
    epochs: int
    num_train: int
    shown: ShownMetric = ACCURACY
    span: float = 800  # examples that the smoothing spans
    x: array = field(default_factory=lambda: array("d"))
    loss: array = field(default_factory=lambda: array("d"))
    smoothed: array = field(default_factory=lambda: array("d"))
    scored_x: array = field(default_factory=lambda: array("d"))  # after each epoch, held out:
    scored_loss: array = field(default_factory=lambda: array("d"))
    scores: array = field(default_factory=lambda: array("d"))  # what is shown; shares in percent
    marks: list[tuple[float, str]] = field(default_factory=list)  # (x, what changed)
    diverged: bool = False
    lowest: float = math.inf  # smoothed loss
    highest: float = -math.inf  # loss, of the scored ones, too
    lowest_scored: float = math.inf  # loss
    first_score: float = math.nan
    least_score: float = math.inf
    most_score: float = -math.inf
    _epoch_start: int = 0  # examples seen before the present epoch
    _images_seen: int = 0
    _batch_sizes: array = field(default_factory=lambda: array("l"))
    _mean: MovingMean = field(default_factory=MovingMean)

    def add(self, record: StepRecord | EvaluationRecord) -> None:
        """Take in what one record tells."""
        if isinstance(record, EvaluationRecord):
            self._add_score(record)
            return
        self.x.append(self._position(record))
        self.loss.append(record.loss)
        self.highest = max(self.highest, record.loss)
        self._batch_sizes.append(record.batch_size)
        self._smooth(record.loss, record.batch_size)

    def _position(self, record: StepRecord) -> float:
        """Return where a step ends: by the examples of its epoch, of which some are left out."""
        if record.epoch_step == 1:
            self._epoch_start = record.images_seen - record.batch_size
        self._images_seen = record.images_seen
        seen = record.images_seen - self._epoch_start
        whole = seen + (record.epoch_steps - record.epoch_step) * record.batch_size
        before = self.x[-1] if self.x else 0.0
        return max(before, record.epoch + seen / whole)  # another batch size, another remainder

    def position_of(self, change: Change) -> float:
        """Return where a change began to act, even before that step has been told."""
        if change.step - 1 <= len(self.x):
            return self.x[change.step - 2] if change.step > 1 else 0.0
        before = self.x[-1] if self.x else 0.0
        return before + (change.images_seen - self._images_seen) / self.num_train

    def _add_score(self, record: EvaluationRecord) -> None:
        score, is_number = self.shown.of(record), math.isfinite(record.loss)
        score = math.nan if score is None else score * (100 if self.shown.is_share else 1)
        self.scored_x.append(record.epoch + 1)
        self.scored_loss.append(record.loss if is_number else math.nan)
        self.scores.append(score if math.isfinite(score) else math.nan)
        if is_number:
            self.lowest_scored = min(self.lowest_scored, record.loss)
            self.highest = max(self.highest, record.loss)
        if math.isfinite(score):
            self.first_score = score if math.isnan(self.first_score) else self.first_score
            self.least_score = min(self.least_score, score)
            self.most_score = max(self.most_score, score)

    @property
    def bottom(self) -> float:
        """How low the curves go that must be seen; single batches need not."""
        return min(self.lowest, self.lowest_scored)

    def smooth_over(self, examples: float) -> None:
        """Smooth what there is and what comes over so many examples, at least over one batch."""
        if examples == self.span:
            return
        self.span, self.smoothed, self.lowest = examples, array("d"), math.inf
        self._mean = MovingMean()
        for loss, batch_size in zip(self.loss, self._batch_sizes, strict=True):
            self._smooth(loss, batch_size)

    def _smooth(self, loss: float, batch_size: int) -> None:
        self.smoothed.append(self._mean.add(loss, max(1, self.span / batch_size)))
        self.lowest = min(self.lowest, self.smoothed[-1])


class LiveCurve:
    """The losses of a run and what is shown of it after each epoch, and of those before it.

    On the left the loss of each batch, and after each epoch that of what is held out; on the right
    the accuracy, or what else is shown of that. The picture is rendered without pyplot. All that
    stands still is rendered once and kept; a frame restores it and draws the lines of the present
    run. The whole is rendered again only when the axes must grow, or a run begins or ends.

    Args:
        num_train: The size of the training set.
        num_held_out: The size of the set that runs are scored on; 0 if nothing is held out.
        noun: What they are, in the plural.
        shown: What is shown besides the loss.
    """

    def __init__(
        self,
        num_train: int,
        num_held_out: int,
        *,
        noun: str = "digits",
        shown: ShownMetric = ACCURACY,
        screen: Screen = PAPER,
    ) -> None:
        self.runs: list[CurveSeries] = []
        self._num_train, self._num_held_out, self._shown = num_train, num_held_out, shown
        self._noun = plain_text(noun, 16)
        self._set_up(screen)
        self.clear()

    def on(self, screen: Screen) -> "LiveCurve":
        """Return a picture of the same runs for another screen; this one is done with."""
        other = copy.copy(self)
        other._set_up(screen)
        other._set_limits()
        return other

    def _set_up(self, screen: Screen) -> None:
        """Make an empty picture for a screen."""
        self.screen, self.full_redraws = screen, 0
        size, boxes = boxes_on(screen, SIZE, BOXES, NARROW_SIZE, NARROW_BOXES)
        with matplotlib.style.context(STYLE):
            self._figure = Figure(figsize=size, dpi=100 * screen.dots, layout="none")
            self._canvas = FigureCanvasAgg(self._figure)
            self._loss_axes, self._score_axes = map(self._figure.add_axes, boxes)
            self._name_axes()
            for axes in self._figure.axes:
                _, _, width, height = self._box(axes)
                axes.set_xlabel("epochs")
                axes.xaxis.set_major_locator(epoch_locator(width))
            up = min(6, int(height / TICK_HEIGHT))
            self._score_axes.yaxis.set_major_locator(MaxNLocator(up, steps=[1, 2, 4, 5, 10]))
            self._score_axes.yaxis.set_major_formatter(FuncFormatter(tick_text))
        self._background = None
        self._still: list[Artist] = []  # made for the background, which the next one replaces
        self._lines: list[Line2D] = []  # of the last run, drawn over it if live: see _add_lines
        self._live_marks: list[Artist] = []  # and those of its marks that came since
        self._marks: list[tuple[float, str, str]] = []  # in the background: (x, text, colour)
        self._num_kept = 0  # of the present run, how many marks are in the background

    def _box(self, axes: Axes) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of axes, in pixels of the page."""
        return tuple(axes.get_window_extent().bounds / np.float64(self.screen.dots))

    def _name_axes(self) -> None:
        scored = self._num_held_out > 0
        loss = "Loss: each batch faint, smoothed bold" + "; held out dashed" * scored
        name = plain_text(self._shown.name, 20)
        name = name[:1].upper() + name[1:]
        score = f"{name} on {self._num_held_out:,} held-out {self._noun}" if scored else name
        self._set_titles(loss, score)
        self._loss_axes.set_ylabel("loss")
        # It stays where it is, however long the numbers grow.
        _, bottom, _, height = self._loss_axes.get_position().bounds
        at = 0.17 / self._figure.get_figwidth(), bottom + height / 2
        self._loss_axes.yaxis.set_label_coords(*at, transform=self._figure.transFigure)
        is_accuracy = self._shown.field == "accuracy"
        ylabel = f"{self._noun} named right (%)" if is_accuracy else name[:1].lower() + name[1:]
        self._score_axes.set_ylabel(ylabel if scored else "")

    def _set_titles(self, loss: str, score: str) -> None:
        """Write what the axes show above them, on two lines where one has no room."""
        left, _, _, height = self._box(self._loss_axes)
        score_left, _, _, _ = self._box(self._score_axes)
        side, room = "left", self.screen.width - left - PIXELS
        if self.screen.is_narrow:
            score_room = room
        else:
            score_room = text_width(score, TITLE_SIZE)
            if score_room + BETWEEN + text_width(loss, TITLE_SIZE) > room:
                score_room = min(score_room, 0.45 * room)
            room -= score_room + BETWEEN
            if score_left + score_room > self.screen.width:  # there is room to the left
                side = "right"
        loss, score = (
            wrapped(words, there, TITLE_SIZE, 2)
            for words, there in ((loss, room), (score, score_room + 1))
        )
        if "\n" in loss + score and not self.screen.is_narrow:
            for axes in self._figure.axes:
                box = axes.get_position()
                axes.set_position((box.x0, box.y0, box.width, box.height * (1 - LINE / height)))
        self._loss_axes.set_title(loss, color=INK)
        self._score_axes.set_title(score, color=INK, loc=side)

    def clear(self) -> None:
        """Take every run off the picture."""
        self.runs.clear()
        self._number = 0  # of the next run, which its colour follows
        self._is_log = True  # the axis of the losses; a loss below 0 has no place on it
        self._loss_limits: Limits | None = None  # of the axis, once there is a loss
        self._score_limits: Limits | None = None  # the same of the other one
        self._lacks_scores = False  # whether there are some, but none that can be shown
        self._set_limits()
        self._start_anew(live=False)

    def _set_limits(self) -> None:
        """Let the axes begin and end where they did."""
        if self._is_log:
            self._loss_axes.set(yscale="log", ylim=self._loss_limits or USUAL_LOSSES)
        else:
            self._loss_axes.set(yscale="linear", ylim=self._loss_limits)
            self._loss_axes.yaxis.set_major_formatter(FuncFormatter(tick_text))
        usual = (80, 100.5) if self._shown.is_share else (0, 1)
        self._score_axes.set_ylim(self._score_limits or usual)

    def drop_last(self) -> None:
        """Take the last run off the picture; the next one has its colour."""
        self.runs.pop()
        self._number -= 1
        self._start_anew(live=False)

    def begin(self, label: str, epochs: int) -> CurveSeries:
        """Start a new curve that is to go on for so many epochs."""
        colour = run_colour(self._number)
        series = CurveSeries(label, colour, epochs, self._num_train, self._shown)
        self._number += 1
        self.runs = [*self.runs[1 - MAX_RUNS :], series]
        self._start_anew(live=True)
        return series

    def end(self, *, diverged: bool = False) -> None:
        """The present run is over; a cross marks where it diverged, if it did."""
        self.runs[-1].diverged = diverged
        self._start_anew(live=False)

    def _start_anew(self, *, live: bool) -> None:
        """Smooth all runs over equally many examples, those of the longest: they compare."""
        self._live, self._background = live, None  # whether the last run still grows
        longest = max((series.epochs for series in self.runs), default=0)
        for series in self.runs:
            series.smooth_over(smoothing_span(longest, self._num_train))

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
        x = series.position_of(change)
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
        pixels = np.asarray(self._canvas.buffer_rgba())  # (H, W, 4) uint8
        return encode(pixels, dark=self.screen.dark)

    def _grow_axes(self) -> bool:
        """Widen the axes until everything is inside; say whether that was needed."""
        begun = [series for series in self.runs if series.loss]
        if not begun:
            return False
        before = self._loss_limits, self._score_limits, self._lacks_scores
        if self._is_log and min(series.bottom for series in begun) < 0:
            self._is_log, self._loss_limits = False, None
        self._loss_limits = self._grown_losses(begun)
        scored = [series for series in begun if series.least_score <= series.most_score]
        self._lacks_scores = not scored and any(series.scores for series in begun)
        if scored:
            self._score_limits = self._grown_scores(scored)
        if (self._loss_limits, self._score_limits, self._lacks_scores) == before:
            return False
        ends = self._loss_axes.get_ylim(), self._score_axes.get_ylim()
        self._set_limits()
        grown = self._loss_axes.get_ylim(), self._score_axes.get_ylim()
        return grown != ends or self._lacks_scores != before[2]

    def _grown_losses(self, begun: Sequence[CurveSeries]) -> Limits:
        """Return where the axis of the losses is to begin and to end.

        Below, single batches may leave the picture; above, only those of a diverging run.
        """
        limits, firsts = self._loss_limits, [series.loss[0] for series in begun]
        lowest = min(series.bottom for series in begun)
        highest = max(series.highest for series in begun)
        if limits is None or highest > limits[1]:
            highest = min(highest, loss_ceiling(firsts))
        if not self._is_log:
            return _widened(limits, lowest, highest)
        low, high = limits or _first_limits(firsts)
        return (
            lowest / 4 if 0 < lowest < 1.5 * low else low,
            highest * 2 if highest > high else high,
        )

    def _grown_scores(self, scored: Sequence[CurveSeries]) -> Limits:
        """Return where the axis of what is shown after each epoch is to begin and to end."""
        least = min(series.least_score for series in scored)
        most = max(series.most_score for series in scored)
        if self._shown.is_share:
            bottom = self._score_limits[0] if self._score_limits else 80
            top = next(top for top in CEILINGS if top >= 2 * most) if most < LOW_SHARE else 100
            return max(0, min(bottom, least // 20 * 20)), 1.005 * top
        if self._shown.field == "mean_absolute_error":
            cap = 4 * min(series.first_score for series in scored)  # another one may diverge
            return 0, _widened(None, 0, min(most, max(cap, least)))[1]
        return _widened(self._score_limits, least, most)

    def _render_background(self) -> None:
        self.full_redraws += 1
        _remove(self._still + self._live_marks)
        self._still, self._live_marks = [], []
        with matplotlib.style.context(STYLE):
            for axes in self._figure.axes:
                axes.set_xlim(0, max([1, *(series.epochs for series in self.runs)]))
            if self._is_log:
                plain_log_ticks(self._loss_axes)
            for series in self.runs:
                self._lines = self._add_lines(series, self._live and series is self.runs[-1])
                self._still += self._lines
                if series.diverged and len(series.x):
                    at = series.x[-1], min(series.smoothed[-1], self._loss_axes.get_ylim()[1])
                    looks = {"color": series.colour, "ms": 10, "mec": "white", "clip_on": False}
                    self._still += self._loss_axes.plot(*at, "X", **looks)
            self._num_kept = len(self.runs[-1].marks) if self.runs else 0
            marks = ((x, text, series.colour) for series in self.runs for x, text in series.marks)
            self._marks = sorted(marks)
            self._still += self._draw_marks(self._marks)
            left, _, width, _ = self._box(self._loss_axes)
            right = self.screen.width
            if not self.screen.is_narrow:
                right = self._box(self._score_axes)[0] - BESIDE_SCORES
            looks = {"room": right - left - width - 9}
            self._still += label_ends(self._loss_axes, map(_end_of, self.runs), **looks)
            if not self.runs:
                hint = "Run this cell and press Train: the curve appears here."
                self._still.append(self._hint(self._loss_axes, hint, size=11))
            has_numbers = self._num_held_out and not self._lacks_scores
            has_numbers = has_numbers and (self._shown.is_share or self._score_limits)
            self._score_axes.tick_params("y", labelleft=bool(has_numbers))
            if not self._num_held_out:
                self._still.append(self._hint(self._score_axes, NOTHING_HELD_OUT))
            elif self._lacks_scores:
                words = NO_SCORE.format(name=plain_text(self._shown.name, 30))
                self._still.append(self._hint(self._score_axes, words))
            self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _add_lines(self, series: CurveSeries, live: bool) -> list[Line2D]:
        """Add lines of a run's raw and smoothed loss, of that held out and of its scores."""
        looks = {"color": series.colour, "animated": live}
        raw = self._loss_axes.plot([], [], alpha=0.3 if live else 0.18, lw=0.8, **looks)
        bold = self._loss_axes.plot([], [], **looks)
        held = self._loss_axes.plot([], [], "--o", lw=0.9, ms=3.5, mfc="white", mew=0.9, **looks)
        # The last marker stands at the end of the axis, and is whole.
        beyond = TransformedBbox(Bbox([[0, 0], [1.02, 1]]), self._loss_axes.transAxes)
        held[0].set_clip_box(beyond)
        is_share = self._shown.is_share
        points = self._score_axes.plot([], [], marker="o", clip_on=not is_share, **looks)
        _fill(lines := raw + bold + held + points, series)
        return lines

    def _draw_marks(
        self, marks: Sequence[tuple[float, str, str]], *, first: int = 0
    ) -> list[Artist]:
        """Mark changes by a line and the new value, those side by side one below another.

        Args:
            marks: Each as (x, text, colour).
            first: The first one that is not drawn yet.
        """
        rows, artists = self._rows_of(marks), []
        step = MARK_HEIGHT / self._box(self._loss_axes)[3]
        looks = {"va": "top", "size": MARK_SIZE, "xycoords": ("data", "axes fraction")}
        looks["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        for (x, text, colour), (row, side) in list(zip(marks, rows, strict=True))[first:]:
            artists.append(self._loss_axes.axvline(x, color=colour, lw=1, ls=(0, (4, 3))))
            if row is None:
                continue
            at, aside = (x, 0.985 - step * row), (4 if side == "left" else -4, 0)
            words = note(self._loss_axes, text, at, aside, ha=side, color=colour, **looks)
            artists.append(words)
        return artists

    def _rows_of(self, marks: Sequence[tuple[float, str, str]]) -> list[tuple[int | None, str]]:
        """Return for each mark's words a row where they have room, if any, and which end is at x.

        Args:
            marks: Each as (x, text, colour).
        """
        _, _, width, height = self._box(self._loss_axes)
        scale = width / self._loss_axes.get_xlim()[1]
        taken: list[list[tuple[float, float]]] = [[] for _ in range(int(height / MARK_HEIGHT))]
        places: list[tuple[int | None, str]] = []
        for x, text, _ in marks:
            start, room = x * scale, text_width(text, MARK_SIZE) + BETWEEN
            side = "right" if start + room > width else "left"
            start -= room if side == "right" else 0
            end, rows = start + room, taken if start >= 0 else []  # or it has room on neither side
            free = (all(start >= there or end <= here for here, there in row) for row in rows)
            row = next((number for number, is_free in enumerate(free) if is_free), None)
            if row is not None:
                taken[row].append((start, end))
            places.append((row, side))
        return places

    def _hint(self, axes: Axes, words: str, *, size: float = 9) -> Text:
        looks = {"ha": "center", "va": "center", "color": MUTED, "size": size}
        looks["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        words = wrapped(words, self._box(axes)[2] - 8, size)
        return axes.text(0.5, 0.5, words, transform=axes.transAxes, **looks)


def smoothing_span(epochs: float, num_train: int) -> float:
    """Return over how many examples the loss of a run is smoothed: a fiftieth of the run's.

    Where there are few examples, an epoch of them is enough.

    Args:
        num_train: The size of the training set.
    """
    return min(max(epochs * num_train / 50, min(MIN_SPAN, num_train)), MAX_SPAN)


def epoch_locator(width: float) -> MaxNLocator:
    """Return where an axis of epochs has its ticks.

    Args:
        width: Pixels of the page that it takes.
    """
    return MaxNLocator(nbins=min(6, int(width / TICK_WIDTH)), steps=[1, 2, 5, 10])


def _fill(lines: Sequence[Line2D], series: CurveSeries) -> None:
    """Show a run's numbers by its lines for raw, smoothed and held-out loss and for scores."""
    raw, bold, held, points = lines
    raw.set_data(*decimate(np.array(series.x), np.array(series.loss)))
    bold.set_data(*decimate(np.array(series.x), np.array(series.smoothed)))
    x = np.array(series.scored_x)
    for line, values in ((held, series.scored_loss), (points, series.scores)):
        line.set_data(x, np.array(values))
        line.set_markevery(_marked(len(x), series.epochs))


def _marked(num_scores: int, epochs: int) -> list[int]:
    """Return which scores of a run have a marker: few enough to be told apart, and the last."""
    step = -(-epochs // MAX_MARKERS)
    return sorted({*range(step - 1, num_scores, step), *range(num_scores - 1, num_scores)})


def _first_limits(losses: Sequence[float]) -> Limits:
    """Return where an axis of losses begins and ends for runs that begin with these."""
    usual_low, usual_high = USUAL_LOSSES
    positive = [loss for loss in losses if loss > 0]
    if all(usual_low <= loss <= usual_high for loss in positive):
        return USUAL_LOSSES
    return min(positive) / 20, max(positive) * 2


def _widened(limits: Limits | None, least: float, most: float) -> Limits:
    """Return limits that hold both values, with room beside them; those there are only grow."""
    room = (most - least) or abs(most) / 5 or 1.0
    if limits is None:
        return least - room / 10, most + room / 10
    low, high = limits
    return (
        least - room / 4 if least < low else low,
        most + room / 4 if most > high else high,
    )


def _remove(artists: Iterable[Artist]) -> None:
    for artist in artists:
        artist.remove()


def _end_of(series: CurveSeries) -> tuple[float, str, str]:
    """Return height, text and colour of a run's name, which stands between the two pictures."""
    return (
        series.smoothed[-1] if series.smoothed else 2.3,
        plain_text(series.label, 80),
        series.colour,
    )
