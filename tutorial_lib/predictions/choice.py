"""A guess among a few texts."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as widgets
import traitlets

from tutorial_lib.checks import check_choice, shown
from tutorial_lib.panels.number_control import TOOLTIP
from tutorial_lib.predictions.asked import Guess, Prediction, check_text

FEWEST, MOST = 2, 12  # options


def predict_choice(
    name: str, options: Iterable[str], *, topic: str, asked: str = ""
) -> "ChoicePrediction":
    """Ask which of a few; show what it returns by ending the cell with it.

    Args:
        name: Of what `measured(name, seen)` will tell: seen is one of the options, or another text.
        options: 2 to 12 different texts.
        topic: What it is about, in a word or two: "momentum".
        asked: The question in words; "" where it stands above the cell.

    Raises:
        TypeError, ValueError: It says which argument is wrong, and what it takes.
    """
    return ChoicePrediction(name, options, topic=topic, asked=asked)


class ChoicePrediction(Prediction):
    """A question with a few answers, of which one is chosen; see `predict_choice`."""

    kind = "choice"
    hint = "Choose one, or skip."

    def __init__(self, name: str, options: Iterable[str], *, topic: str, asked: str = "") -> None:
        name = check_text("name", name)
        self.options = _checked(options)
        self.radio = widgets.RadioButtons(
            options=self.options,
            value=None,
            layout={"width": "auto", "max_width": "100%"},
            # For those who listen: it names the group.
            **{TOOLTIP: check_text("asked", asked, may_be_empty=True) or name.replace("_", " ")},
        )
        self.radio.observe(self._chosen, "value")
        super().__init__(name, topic=topic, asked=asked, parts=[self.radio])

    def compare(self, seen: str) -> str:
        """Say whether it was what was expected."""
        if seen == self.expected:
            return f"You expected {self.expected}, and so it was."
        beyond = "" if seen in self.options else ", which was not among the choices"
        return f"You expected {self.expected}; it was {seen}{beyond}."

    def read_seen(self, seen: Any) -> str:
        """Return what was measured: a text, one of the options or another."""
        return check_text(f"what was measured for {self.name}", seen)

    def read_expected(self, expected: Any, sure: Any = None) -> Guess:
        """Return one of the options as a guess."""
        if sure is not None:
            raise TypeError(f"sure is the margin of a number, and {self.name} is a choice")
        check_choice(self.name, expected, self.options)
        return Guess(expected)

    def in_words(self, guess: Guess) -> str:
        """Say what is expected."""
        return guess.expected

    def show_guess(self, guess: Guess, *, is_locked: bool) -> None:
        """Let its button be pressed, or none."""
        self.radio.value, self.radio.disabled = guess.expected, is_locked

    def _chosen(self, change: traitlets.Bunch) -> None:
        """Take what was chosen, in the thread in which that has come."""
        if change["new"] is not None and change["new"] != self.expected:
            self.take(Guess(change["new"]))


def _checked(options: Any) -> tuple[str, ...]:
    """Return the options, or say what is wrong with them."""
    wanted = f"options must be {FEWEST} to {MOST} different texts"
    if isinstance(options, str) or not isinstance(options, Iterable):
        raise TypeError(f"{wanted}; got {shown(options)}")
    texts = tuple(check_text("each of the options", option) for option in options)
    if not FEWEST <= len(texts) <= MOST or len({*texts}) < len(texts):
        raise ValueError(f"{wanted}; got {shown(list(texts))}")
    return texts
