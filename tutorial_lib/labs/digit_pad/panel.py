"""A pad to draw a digit on, which a trained network reads the moment the pen is lifted."""

import contextlib
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import matplotlib.style
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.checks import check_number, check_whole, shown
from tutorial_lib.data import Data
from tutorial_lib.engine.fit import check_data_kind
from tutorial_lib.labs.digit_pad.draw import DIGITS, MOST_LETTERS, draw_probabilities
from tutorial_lib.labs.digit_pad.handwriting import (
    STROKES,
    as_mnist,
    draw_strokes,
    on_paper,
    read_digit,
)
from tutorial_lib.labs.digit_pad.own_pictures import as_ink
from tutorial_lib.labs.digit_pad.plain import PlainPad
from tutorial_lib.panels import MainThread, WithPicture, controls, replace_previous
from tutorial_lib.pictures import STYLE, Picture, plain_text, png_of
from tutorial_lib.table import shortened

SIDE = 280  # pixels of the drawing; pad.js has it too
PEN = 18  # their width of a line; pad.js has it too

MOST_BARS = 12  # of more classes, those that are likeliest are shown
SHAPE = (1, 32, 32)  # of what a network is given

NOTHING_DRAWN = "Draw a digit, 0 to 9."
NOTHING_TRAINED = "There is no network yet: train one first."


class DigitPad(WithPicture, anywidget.AnyWidget):
    """Paper to draw on; as soon as the pen is lifted, bars say what the network reads.

    The drawing becomes a picture of 28 x 28 as those of MNIST were made, light ink on dark and
    normalised as they are, and that is shown too. Where a page cannot load the pad's script,
    digits can be chosen instead.

    Args:
        model: The network that reads, any that maps (1, 1, 32, 32) to logits (1, K); or a function
            that returns it, called for each drawing, so that the pad follows a panel's last run. If
            it returns None, there is nothing to read with yet.
        data: What it was trained on, for the names of its classes. Without it they are numbers.

    Raises:
        TypeError: model is neither a network nor a function, or data is of another kind.
        ValueError: The network does not take such a picture, or answers with no logits; or data
            are no grey pictures of 32 x 32, or a regression.
    """

    # As text: of a file, anywidget keeps every widget for ever, to tell it when the file changes.
    _esm = Path(__file__).with_name("pad.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("pad.css").read_text(encoding="utf-8")

    # Set by the browser; not echoed, so that no older drawing comes back under a moving pen.
    drawing = traitlets.Bytes(b"", help="SIDE x SIDE bytes, 0 is paper and 255 is ink; or empty")
    drawing.tag(sync=True, echo_update=False, from_json=lambda value, _: bytes(value))
    # Set here.
    seen = traitlets.Bytes(b"", help="28 x 28 bytes: the drawing as the network sees it")
    seen.tag(sync=True)
    probabilities = traitlets.List(help="one for each bar, or none").tag(sync=True)
    names = traitlets.List(list(DIGITS), help="what each bar stands for").tag(sync=True)
    reads_digits = traitlets.Bool(True, help="whether they are the ten digits").tag(sync=True)
    words = traitlets.Unicode(NOTHING_DRAWN).tag(sync=True)

    _box: widgets.Widget | None = None  # none yet where a pad could not be made

    def __init__(
        self, model: nn.Module | Callable[[], nn.Module | None], *, data: Data | None = None
    ) -> None:
        if not callable(model):
            raise TypeError(f"model must be a network or a function; got a {type(model).__name__}")
        self._classes = () if data is None else _classes_of(data)
        self._answer: int | None = None  # the class, from 0
        self._model = (lambda: model) if isinstance(model, nn.Module) else model
        names = self._classes or DIGITS
        if isinstance(model, nn.Module):
            names = self._names_of(len(read_digit(model, np.zeros((28, 28)))))
        self._main_thread = MainThread()
        self._error: Exception | None = None  # why there is no answer
        super().__init__()
        self._show_names(names)
        self.words = self._invitation
        self.plain = PlainPad(lambda *chosen: self._main_thread.call(self._choose, *chosen))
        self._box = widgets.VBox([self, self.plain])  # where the script came, the plain one hides
        self.observe(lambda _: self._main_thread.call(self._look), "drawing")
        self.on_msg(lambda _, message, __: self._main_thread.call(self.preset, message["preset"]))
        replace_previous(self)

    def __repr__(self) -> str:
        return "DigitPad()"

    @property
    def shown(self) -> widgets.Widget:
        """The pad, with what stands for it on a page without its script."""
        return self._box or self

    def recognise(self, pixels: Any) -> int | None:
        """Put a picture on the pad and return the digit, or the class, that the network reads.

        Args:
            pixels: A PIL image, or an array or tensor (H, W), any size; see `as_ink`. Light ink on
                dark paper or dark ink on light; booleans, 0 to 1, 0 to 255, or uint16.

        Returns:
            Its number, from 0; None if the picture is empty, or there is no network yet.

        Raises:
            ValueError: It is no picture, or one without ink; what is on the pad stays.
        """
        drawing = on_paper(as_ink(pixels), SIDE).tobytes()
        if drawing == self.drawing:
            self._look()  # the network may have learned since
        else:
            self.drawing = drawing
        if self._error is not None:
            raise self._error
        return self._answer

    def preset(self, digit: int, *, size: float = 1.0) -> int | None:
        """Draw a digit as a tidy hand would, and return the digit that the network reads.

        Args:
            digit: 0 to 9.
            size: Above 0, at most 1: below 1 it is drawn so much smaller, in the upper left corner.
                The pen is as wide as ever.
        """
        check_whole("digit", digit, low=0, high=9)
        check_number("size", size, "(0, 1]", lambda value: 0 < value <= 1)
        strokes = [[(size * x, size * y) for x, y in stroke] for stroke in STROKES[digit]]
        return self.recognise(draw_strokes(strokes, SIDE, PEN))

    def clear(self) -> None:
        """Empty the pad."""
        self.drawing = b""

    def picture(self) -> Picture:
        """Return pad and answer as a plain picture, which stays when the kernel is gone."""
        drawn = "A drawing on the pad." if self.drawing else "An empty pad, nothing drawn yet."
        return Picture(self._png(), width=700, alt=f"{drawn} {self.words}")

    def close(self) -> None:
        """Give the widgets back."""
        controls.close_all(self.shown)

    def _choose(self, digit: int | None, size: float) -> None:
        """Draw what was chosen on a page without the pad's script; a failure is in its words."""
        with contextlib.suppress(ValueError):
            if digit is None:
                self.recognise(np.zeros((SIDE, SIDE)))
            else:
                self.preset(digit, size=size)

    def _look(self) -> None:
        """Read what is on the pad, with the network as it is now."""
        pixels = np.frombuffer(self.drawing, np.uint8)
        digit = as_mnist(pixels.reshape(SIDE, SIDE)) if len(pixels) else np.zeros((28, 28))
        words, bars, self._error, self._answer = self._invitation, {}, None, None
        if digit.any():
            try:
                words, bars = self._read(digit)
            except Exception as error:  # the learner's own network may fail in any way
                words, self._error = f"No answer: {error}", error
        with self.hold_sync():  # one message
            self.seen = digit.astype(np.uint8).tobytes()
            if bars:
                self._show_names(list(bars))
            self.probabilities = list(bars.values())
            self.words = words
        if self.plain.in_use:  # its picture takes a tenth of a second
            self._show_plainly()

    def _show_plainly(self) -> Picture:
        picture = self.picture()
        self.plain.show(self.words, picture, reads_digits=self.reads_digits)
        return picture

    def _read(self, digit: np.ndarray) -> tuple[str, dict[str, float]]:
        """Return words, and name -> probability for each bar."""
        model = self._model()
        if model is None:
            return NOTHING_TRAINED, {}
        probabilities = read_digit(model, digit)
        names = self._names_of(len(probabilities))
        self._answer = int(np.argmax(probabilities))
        best, percent = names[self._answer], 100 * probabilities[self._answer]
        words = f"The network says: {shortened(best)} ({percent:.0f} %)."
        if names == DIGITS:
            article = "an" if best == "8" else "a"
            words = f"The network reads {article} {best} ({percent:.0f} %)."
        likeliest = np.argsort(probabilities)[::-1] if len(names) > MOST_BARS else range(len(names))
        return words, {names[place]: probabilities[place] for place in likeliest[:MOST_BARS]}

    def _names_of(self, count: int) -> tuple[str, ...]:
        """Return the names of so many classes.

        Raises:
            ValueError: The data have another number of them.
        """
        if self._classes and len(self._classes) != count:
            raise ValueError(
                f"the network must have an output for each of the {len(self._classes)} classes of "
                f"the data; it has {count}"
            )
        return self._classes or tuple(map(str, range(count)))

    def _show_names(self, names: Sequence[str]) -> None:
        self.names = list(names[:MOST_BARS])
        self.reads_digits = tuple(self.names) == DIGITS

    @property
    def _invitation(self) -> str:
        if self.reads_digits:
            return NOTHING_DRAWN
        few = ", ".join(shortened(name, MOST_LETTERS) for name in self.names[:4])
        more = " ..." if len(self.names) > 4 else "."
        return f"Draw what the network was trained on: {few}{more}"

    def _png(self) -> bytes:
        drawing = np.frombuffer(self.drawing or bytes(SIDE * SIDE), np.uint8)
        seen = np.frombuffer(self.seen or bytes(28 * 28), np.uint8)
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=(7, 2.4), dpi=100)
            paper, small, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.3))
            for axes, ink, title in (
                (paper, drawing.reshape(SIDE, SIDE), "the drawing"),
                (small, seen.reshape(28, 28), "what the network sees"),
            ):
                axes.imshow(ink, cmap="gray_r", vmin=0, vmax=255)
                axes.set(xticks=[], yticks=[], title=title)
                axes.spines[:].set_visible(True)
                axes.set_anchor("N")  # so that the titles stand on one line
            draw_probabilities(bars, self.probabilities, self.names)
            # In letters; long names take room beside the bars.
            width = 36 if max(map(len, self.names)) <= 2 else 26
            bars.set_title(plain_text("\n".join(textwrap.wrap(self.words, width)), 72))
            return png_of(figure)

    def stand_in(self) -> tuple[str, Picture]:
        """Return what stands for the live pad where it cannot be shown."""
        return repr(self), self._show_plainly()


def _classes_of(data: Data) -> tuple[str, ...]:
    """Return the names of the classes of what can be drawn on the pad.

    Raises:
        TypeError, ValueError: It cannot be drawn there, and why.
    """
    check_data_kind(data)
    if data.task == "regression":
        raise ValueError(
            f"data must be of a classification, to be named; {data.name!r} is a regression"
        )
    if data.train.shape != SHAPE:
        raise ValueError(
            f"data must be grey pictures of 32 x 32, of shape {SHAPE}, for that is what is drawn "
            f"here; those of {shown(data.name)} are of shape {data.train.shape}"
        )
    return data.class_names
