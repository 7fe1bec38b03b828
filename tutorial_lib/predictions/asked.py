"""A question of the notebook's, the learner's guess, and the moment from which it stands.

A guess made by hand counts as it stood when the cell that measures began: what a learner changes
while it runs, when the answer may be on the page already, comes too late.
"""

import html
import math
import numbers
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import ipywidgets as widgets
from IPython import get_ipython

from tutorial_lib import learning_record
from tutorial_lib.checks import shown
from tutorial_lib.learning_record import PredictionRecord
from tutorial_lib.panels import controls
from tutorial_lib.panels.cells import replace_previous
from tutorial_lib.panels.main_thread import MainThread
from tutorial_lib.panels.page import PANEL_CLASS, PanelPage
from tutorial_lib.panels.with_picture import WithPicture

CLASS = "tutorial-prediction"  # of its element in the page
ENDED = "The kernel has ended or was restarted: run the cell again to be asked anew."
UNANSWERED = "It has been measured without a guess of yours. Run this cell again to be asked anew."
MOST_LETTERS = 200  # of a name, a topic, a question
_newest: dict[str, "Prediction"] = {}  # name -> the prediction that was asked last
_finished: list[PredictionRecord] = []  # of this kernel, the oldest first
_watched: Any = None  # the shell whose cells are followed
_cell_runs = False


@dataclass(frozen=True)
class Guess:
    """What a learner expects."""

    expected: Any = None  # of the prediction's kind; None is nothing
    sure: float | None = None  # the margin of a number, 0 or more


NOTHING = Guess()


class Prediction(WithPicture, widgets.VBox):
    """A question with controls for the answer, a button to skip it, and a line of words.

    Callbacks of the controls, which may come from any thread, hand on what they say by `take`.
    Running the question's cell again asks anew and closes what stood there.

    Args:
        name: Of what will be measured, as `measured` calls it.
        topic: What it is about, in a word or two: "momentum".
        asked: The question in words; "" where it stands above the cell.
        parts: What the answer is given with, from top to bottom.

    Raises:
        TypeError, ValueError: name, topic or asked is no text, is empty or too long.
    """

    kind: ClassVar[Literal["choice", "number", "curve"]]
    hint = "Answer, or skip it."  # while there is no guess; for subclasses
    counts = "It counts when the run begins."  # while there is one; for subclasses
    unit = ""  # of a number; for subclasses
    name = ""  # of what was refused before it had one: it is closed, too

    def __init__(
        self, name: str, *, topic: str, asked: str = "", parts: Iterable[widgets.Widget] = ()
    ) -> None:
        self.name = check_text("name", name)
        self.topic = check_text("topic", topic)
        self.asked = check_text("asked", asked, may_be_empty=True)
        self.notebook = learning_record.this_notebook()
        self.said = ""  # how expected and seen differ, once that is known
        self._now = self._stood = NOTHING  # at present, and when the present cell began
        self._locked: Guess | None = None  # what counts, from when the run has begun
        self._is_skipped = self._is_measured = self._is_noted = False
        self._main_thread = MainThread()
        self.skip_button = controls.button(
            "Skip", "forward", "Go on without a guess", lambda _: self.skip(), width="80px"
        )
        self.skip_button.layout.flex = "0 0 auto"  # long words beside it do not make it narrower
        self.status = widgets.HTML()
        self.page = PanelPage(ended_words=ENDED)
        question = [widgets.HTML(f"<b>{html.escape(self.asked)}</b>")] if self.asked else []
        looks = {"align_items": "center", "grid_gap": "8px"}
        last = widgets.HBox([self.skip_button, self.status], layout=looks)
        super().__init__([*question, *parts, last, self.page], layout={"width": "100%"})
        self.add_class(PANEL_CLASS)
        self.add_class(CLASS)
        self.page.panel = self.model_id
        _watch_cells()
        replace_previous(self)
        _newest[self.name] = self
        self._show()

    def __repr__(self) -> str:
        return f"predict_{self.kind}({self.name!r}): answer it where this notebook runs."

    @property
    def expected(self) -> Any:
        """What the learner expects: what counts, once it is locked. None: nothing, or skipped."""
        return self._guess.expected

    @property
    def sure(self) -> float | None:
        """The margin that the learner gave; None if there is none."""
        return self._guess.sure

    @property
    def _guess(self) -> Guess:
        return self._now if self._locked is None else self._locked

    @property
    def is_locked(self) -> bool:
        """Whether the run has begun, so that nothing can be changed any more."""
        return self._locked is not None

    # ---- for subclasses ----

    def compare(self, seen: Any) -> str:
        """Say how what was expected and what was seen differ; for subclasses."""
        raise NotImplementedError

    def read_seen(self, seen: Any) -> Any:
        """Return what was measured as plain values; for subclasses.

        Raises:
            TypeError: It is of another kind.
        """
        raise NotImplementedError

    def in_words(self, guess: Guess) -> str:
        """Say what is expected, as the end of "You expect ..."; for subclasses."""
        raise NotImplementedError

    def show_guess(self, guess: Guess, *, is_locked: bool) -> None:
        """Let the controls show a guess, on the main thread; for subclasses.

        Args:
            guess: NOTHING for none.
            is_locked: Whether hands cannot change it any more.
        """
        raise NotImplementedError

    def read_expected(self, expected: Any, sure: Any = None) -> Guess:
        """Return as a guess what code expects; for subclasses.

        Raises:
            TypeError, ValueError: It cannot be expected here; says what can.
        """
        raise NotImplementedError

    def take(self, guess: Guess) -> None:
        """Take what a hand has said, in any thread; what is locked stays, and is shown again."""
        self._now, self._is_skipped = guess, False
        self._main_thread.call(self._show)

    def warn(self, words: str) -> None:
        """Say why what was typed was not taken, in any thread; the guess stays as it was."""
        self._main_thread.call(self._show, words)

    # ---- for learners and cells ----

    def expect(self, expected: Any, *, sure: Any = None) -> None:
        """Answer from code; that counts at once.

        Raises:
            TypeError, ValueError: It is no answer to this question, or comes too late.
        """
        guess = self.read_expected(expected, sure)
        if self.is_locked:
            raise ValueError(f"{self.name} is locked: run its question's cell to be asked anew")
        self._now = self._stood = guess
        self._is_skipped = False
        self._main_thread.call(self._show)

    def skip(self) -> None:
        """Go on without a guess; a learner who answers after all may, until it is measured."""
        if self._locked is None:
            self._now, self._is_skipped = NOTHING, True
        self._main_thread.call(self._show)

    def lock(self, *, by_hand: bool = False) -> None:
        """Let the guess count as it stood when the present cell began, and no other any more.

        Args:
            by_hand: A button has started the run, not the cell: then it counts as it stands.
        """
        if self._locked is None:
            self._locked = self._stood if _cell_runs and not by_hand else self._now
        self._main_thread.call(self._show)

    def finish(self, seen: Any) -> str:
        """Lock it, compare, say so in the widget and note it; returns the sentence.

        Where it is measured again, the same guess is compared anew; only the first time is noted,
        as the learner knows the answer from then on.

        Returns:
            "" where nothing was expected.

        Raises:
            TypeError: What was seen is of another kind.
        """
        seen = self.read_seen(seen)
        self.lock()
        self._is_measured = True
        if self.expected is not None:
            self.said = self.compare(seen)
            if not self._is_noted:
                self._is_noted = True
                self._note(seen)
        self._main_thread.call(self._show)
        return self.said

    def close(self) -> None:
        """Give the widgets back; a guess that was not measured is forgotten."""
        if _newest.get(self.name) is self:
            del _newest[self.name]
        controls.close_panel(self)

    def stand_in(self) -> tuple[str, None]:
        """Return what stands for the question where it cannot be shown."""
        return repr(self), None

    def _note(self, seen: Any) -> None:
        record = PredictionRecord(
            name=self.name,
            notebook=self.notebook,
            kind=self.kind,
            topic=self.topic,
            asked=self.asked,
            expected=self.expected,
            sure=self.sure,
            seen=None if isinstance(seen, float) and not math.isfinite(seen) else seen,
            said=self.said,
            unit=self.unit,
        )
        _finished.append(record)
        learning_record.note_prediction(record)

    def _show(self, warning: str = "") -> None:
        """Write all widgets; on the main thread."""
        if self.comm is None and get_ipython() is not None:  # it was closed meanwhile
            return
        is_locked = self.is_locked
        if not warning:  # else what was typed stays, to be mended
            self.show_guess(self._guess, is_locked=is_locked)
        self.skip_button.disabled = is_locked
        self.skip_button.layout.display = "none" if is_locked else None
        words = warning or self._words()
        colour = f' style="color: {controls.ALERT_COLOUR}"' if warning else ""
        self.status.value = f'<div class="tutorial-said"{colour}>{html.escape(words)}</div>'
        self.page.spoken = words

    def _words(self) -> str:
        if self.said:
            return self.said
        if self._is_measured:
            return UNANSWERED
        if self.expected is None:
            return f"Skipped. {self.hint}" if self._is_skipped else self.hint
        then = "Locked: the run has begun." if self.is_locked else self.counts
        return f"You expect {self.in_words(self._guess)}. {then}"


def measured(name: str, seen: Any) -> None:
    """Hold what a cell has measured against what the learner expected, and say how they differ.

    Says nothing where nothing was expected: under Run All, in scripts and tests, after Skip.

    Args:
        name: That of the prediction.
        seen: A text for a choice; a number, torch's and numpy's too, for a number, NaN for a run
            that diverged; a run or its records for a curve.

    Raises:
        TypeError, ValueError: name is no name, or seen of another kind than was asked for.
    """
    check_text("name", name)
    if (prediction := _newest.get(name)) is None:
        _check_kind(seen)
    elif said := prediction.finish(seen):
        printable = said.encode(errors="backslashreplace").decode()
        print(textwrap.fill(" ".join(printable.split()), width=79))


def prediction_named(name: str) -> Prediction | None:
    """Return the prediction of that name that was asked last in this kernel."""
    return _newest.get(name)


def finished_here() -> Sequence[PredictionRecord]:
    """Return what was expected and seen in this kernel, the oldest first."""
    return tuple(_finished)


def plain_number(field: str, value: Any) -> float:
    """Return a number, or one in a tensor or an array of one element; it may be NaN or infinite.

    Raises:
        TypeError: It is no number.
    """
    single = value
    if not isinstance(value, numbers.Real) and getattr(value, "ndim", None) is not None:
        try:
            single = value.item()
        except (TypeError, ValueError, RuntimeError):  # as numpy and torch refuse several
            single = None
    if isinstance(single, bool) or not isinstance(single, numbers.Real):
        kind = type(value).__name__
        raise TypeError(f"{field} must be a number; got {shown(value)}, which is a {kind}")
    try:
        return float(single)
    except OverflowError:
        return math.inf if single > 0 else -math.inf


def check_text(field: str, value: Any, *, may_be_empty: bool = False) -> str:
    """Return a text without blanks around it.

    Raises:
        TypeError, ValueError: It is no text, is empty, or longer than MOST_LETTERS.
    """
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a text; got {shown(value)}, a {type(value).__name__}")
    text = " ".join(value.split())
    if len(text) > MOST_LETTERS or not (text or may_be_empty):
        least = "at most" if may_be_empty else "1 to"
        raise ValueError(f"{field} must be a text of {least} {MOST_LETTERS} letters; got {text!r}")
    return text


def _check_kind(seen: Any) -> None:
    """Refuse what no prediction could be compared with."""
    is_curve = hasattr(seen, "history") or (
        isinstance(seen, Sequence) and all(hasattr(record, "loss") for record in seen)
    )
    if not isinstance(seen, str) and not is_curve:
        plain_number("seen", seen)


def _watch_cells() -> None:
    """Follow when cells begin and end, once for each shell."""
    global _watched, _cell_runs
    shell = get_ipython()
    if shell is None or shell is _watched:
        return
    _watched, _cell_runs = shell, True  # the cell that asks
    shell.events.register("pre_run_cell", _cell_begins)
    shell.events.register("post_run_cell", _cell_ends)


def _cell_begins(info: Any) -> None:
    global _cell_runs
    _cell_runs = True
    source = str(getattr(info, "raw_cell", ""))
    for name, prediction in list(_newest.items()):
        prediction._stood = prediction._now
        calls = rf"\bmeasured\(\s*(['\"]){re.escape(name)}\1"
        if prediction.expected is not None and re.search(calls, source):
            prediction.lock()  # for the eyes, too, from the beginning


def _cell_ends(result: Any) -> None:
    global _cell_runs
    _cell_runs = False
