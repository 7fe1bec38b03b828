"""What was expected beside what was seen: over a notebook, or over all that was ever answered."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from tutorial_lib import learning_record
from tutorial_lib.learning_record import PredictionRecord
from tutorial_lib.pictures import PAPER, STYLE, Picture, png_of
from tutorial_lib.predictions.asked import check_text, finished_here
from tutorial_lib.predictions.draw import (
    ROW_HEIGHT,
    Beside,
    draw_choices,
    draw_numbers,
    draw_topics,
    place_of,
)
from tutorial_lib.predictions.number import is_inside
from tutorial_lib.predictions.shapes import WELL_EXPECTED

NEAR = 0.1  # of the larger one, a number without a margin may be off and is near
NEAR_CURVE = 0.25  # the same for the loss of a curve, on average
FEWEST = 4  # margins from which something can be said of them
NARROW = 0.7  # of them hold at most where they are too narrow; nine in ten are meant
MANY = 10  # margins that hold, all of them: then they may be smaller
NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def what_you_expected(notebook: str | None = None) -> Picture | None:
    """Show predictions beside results, in words and as a picture.

    Of the same question with the same result only the first answer counts: after it, the result
    is known. Where nothing was predicted, nothing is shown.

    Args:
        notebook: Its name, "01_hyperparameters"; None for all notebooks.

    Raises:
        TypeError, ValueError: notebook is no name.
    """
    if notebook is not None:
        check_text("notebook", notebook)
    predictions = answered(notebook)
    if not predictions:
        return None
    for line in page_in_words(predictions, notebook):
        print(textwrap.fill(line, width=79, subsequent_indent="  " if ":" in line else ""))
    return picture_of(predictions)


def answered(notebook: str | None = None) -> list[PredictionRecord]:
    """Return what was expected and seen, the oldest first, each question with a result once."""
    is_kept = learning_record.file_kept_here() is not None  # else there is what this kernel knows
    return learning_record.first_answers(
        one
        for one in (learning_record.read().predictions if is_kept else finished_here())
        # A copy's name goes on after its original's; where there is none, it is this kernel's.
        if notebook is None or one.notebook.startswith(notebook) or not one.notebook
    )


def page_in_words(
    predictions: Sequence[PredictionRecord], notebook: str | None = None
) -> list[str]:
    """Return paragraphs: each prediction where they are of one notebook, and what they add up to.

    Args:
        predictions: At least one.
    """
    where = f" in {notebook}" if notebook else ""
    several = "prediction" if len(predictions) == 1 else "predictions"
    lines = [f"{_capital(_count(len(predictions)))} {several}{where}."]
    if notebook:
        lines += [f"- {_question(one)}: {one.said}" for one in predictions]
    lines += _calibration(predictions)
    return [*lines, *_by_topic(predictions)]


def _by_topic(predictions: Sequence[PredictionRecord]) -> Iterator[str]:
    """Yield a line for each topic."""
    for topic in _topics(predictions):
        words = topic_in_words([one for one in predictions if one.topic == topic])
        yield f"{topic}: {words}."


def topic_in_words(predictions: Sequence[PredictionRecord]) -> str:
    """Say of predictions on one topic how many choices were right, and which way numbers were off.

    Returns:
        "four of five times too little; two of three choices right".
    """
    sides = [side for one in predictions if (side := side_of(one)) is not None]
    choices = [one.expected == one.seen for one in predictions if one.kind == "choice"]
    parts = []
    if sides:
        counts = {words: sides.count(side) for side, words in SIDES.items() if side in sides}
        most = max(counts, key=counts.get)
        if len(sides) == 1:
            parts.append(f"once {most}")
        elif counts[most] == len(sides):
            times = "both" if len(sides) == 2 else f"all {_count(len(sides))}"
            parts.append(f"{times} times {most}")
        elif 2 * counts[most] > len(sides):
            parts.append(f"{_count(counts[most])} of {_count(len(sides))} times {most}")
        else:
            parts.append(", ".join(f"{_count(count)} {words}" for words, count in counts.items()))
    if len(choices) == 1:
        parts.append(f"one choice{'' if choices[0] else ' not'} right")
    elif choices:
        parts.append(f"{_count(sum(choices))} of {_count(len(choices))} choices right")
    if diverged := sum(one.kind != "choice" and _ends(one) is None for one in predictions):
        parts.append(f"{_count(diverged)} where the run diverged")
    return "; ".join(parts)


SIDES = {-1: "too little", 0: "near", 1: "too much", 2: "another shape"}


def side_of(one: PredictionRecord) -> int | None:
    """Return -1 where too little was expected, 1 where too much, 0 where it was near.

    Near is inside the learner's own margin. A curve that is near in the mean but not well expected
    is 2. None for a choice, and where the run diverged.
    """
    ends = _ends(one)
    if ends is None:
        return None
    expected, seen = ends
    if one.kind == "number" and one.sure is not None:
        is_near = is_inside(expected, one.sure, seen)
    else:
        is_near = abs(place_of(expected, seen)) <= (NEAR if one.kind == "number" else NEAR_CURVE)
    if is_near and one.kind == "curve" and not one.said.startswith(WELL_EXPECTED):
        return 2
    return 0 if is_near else 1 if expected > seen else -1


def picture_of(predictions: Sequence[PredictionRecord]) -> Picture:
    """Draw predictions beside results, a line for each topic."""
    drawn, topics = [_beside(one) for one in predictions], _topics(predictions)
    has_choices = any(one.is_right is not None for one in drawn)
    has_numbers = any(one.place is not None for one in drawn) or not has_choices
    kinds = [draw_choices] * has_choices + [draw_numbers] * has_numbers
    height = 1.1 + ROW_HEIGHT * len(topics)
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(PAPER.width / 100, height), dpi=100, layout="constrained")
        ratios = [{draw_choices: 1, draw_numbers: 2.2}[draw] for draw in kinds]
        all_axes = figure.subplots(1, len(kinds), squeeze=False, width_ratios=ratios)[0]
        for number, (draw, axes) in enumerate(zip(kinds, all_axes, strict=True)):
            draw(axes, drawn, topics)
            draw_topics(axes, topics, is_first=number == 0)
        png = png_of(figure)
    alt = f"What you expected beside what was seen. {' '.join(_by_topic(predictions))}"
    return Picture(png, width=PAPER.width, alt=textwrap.shorten(alt, 600, placeholder=" …"))


def _beside(one: PredictionRecord) -> Beside:
    """Return what is drawn of a prediction."""
    if one.kind == "choice":
        return Beside(one.topic, is_right=one.expected == one.seen)
    if (ends := _ends(one)) is None:
        return Beside(one.topic)
    expected, seen = ends
    margin = None
    if one.kind == "number" and one.sure is not None:
        margin = place_of(expected - one.sure, seen), place_of(expected + one.sure, seen)
    return Beside(one.topic, place=place_of(expected, seen), ends=margin)


def _ends(one: PredictionRecord) -> tuple[float, float] | None:
    """Return what was expected and seen as numbers: of a curve, the loss on average."""
    if one.kind == "choice" or (not one.seen and one.seen != 0) or one.expected is None:
        return None
    if one.kind == "number":
        return one.expected, one.seen
    return _mean_losses(one.expected, one.seen)


def _mean_losses(
    expected: Sequence[Sequence[float]], seen: Sequence[Sequence[float]]
) -> tuple[float, float] | None:
    """Return the geometric means of two curves' losses over the part of the run that both have."""
    expected, seen = (np.array([p for p in curve if p[1] > 0]) for curve in (expected, seen))
    if not len(expected) or not len(seen):
        return None
    low, high = max(expected[0, 0], seen[0, 0]), min(expected[-1, 0], seen[-1, 0])
    if low > high:
        return None
    shares = np.linspace(low, high, 65)
    logs = (np.interp(shares, curve[:, 0], np.log(curve[:, 1])) for curve in (expected, seen))
    first, second = (math.exp(log.mean()) for log in logs)
    return first, second


def _calibration(predictions: Sequence[PredictionRecord]) -> list[str]:
    """Say what the learner's own margins were worth."""
    held = [
        is_inside(one.expected, one.sure, one.seen)
        for one in predictions
        if one.kind == "number" and one.sure is not None and one.seen is not None
    ]
    if not held:
        return []
    num_held, count = sum(held), len(held)
    if count == 1:
        return [f"One result lay {'inside' if num_held else 'outside'} your margin."]
    inside = f"{_count(num_held)} of {_count(count)} results lay inside your margin"
    if count == 2 and num_held != 1:
        inside = f"{'both' if num_held else 'neither of the two'} results lay inside your margin"
    if count < FEWEST:
        return [f"{_capital(inside)}; of so few, nothing can be said of your margins yet."]
    if num_held <= NARROW * count:
        then = "nine in ten are meant, so give or take a little more next time"
    elif num_held == count >= MANY:
        then = "nine in ten are meant, so you may dare smaller margins"
    else:
        then = "nine in ten are meant: you know how sure you may be"
    return [f"{_capital(inside)}; {then}."]


def _question(one: PredictionRecord) -> str:
    return (one.asked or one.name.replace("_", " ")).rstrip("?.: ")


def _topics(predictions: Iterable[PredictionRecord]) -> list[str]:
    return list(dict.fromkeys(one.topic for one in predictions))


def _count(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
