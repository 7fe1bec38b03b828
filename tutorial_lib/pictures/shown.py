"""Figures that a cell shows have an alternative text, on the page and on what is exported of it."""

import sys
from typing import Any


def give_words() -> None:
    """Let IPython, where this is run in it, ask for the words of each figure that it shows.

    The picture itself stays what matplotlib's own backend makes of the figure, to the byte.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if formatter := getattr(shell, "display_formatter", None):  # by name: matplotlib may come later
        bundles = formatter.mimebundle_formatter
        bundles.for_type_by_name("matplotlib.figure", "Figure", words_alone)


def words_alone(figure: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return no picture, and as what belongs to one its words."""
    from tutorial_lib.pictures.alt import alt_of

    try:
        return {}, {"image/png": {"alt": alt_of(figure)}}
    except Exception:  # a learner's own figure may hold anything; without words it is still shown
        return {}, {}
