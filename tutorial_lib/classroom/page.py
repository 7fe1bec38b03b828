"""The page of a class: one file without scripts, which fetches nothing, whatever learners wrote."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tutorial_lib.classroom.challenge import LATEST, Challenge
from tutorial_lib.classroom.hand_in import HandIn, printable
from tutorial_lib.classroom.rerun import DRIFTS, FIRST, GROWTH
from tutorial_lib.classroom.standings import Standing
from tutorial_lib.classroom.summary import (
    ExerciseSummary,
    PredictionSummary,
    exercises_of,
    predictions_of,
    totals_of,
)
from tutorial_lib.config import labels_by_difference
from tutorial_lib.files import replacing
from tutorial_lib.table import counted

START = b"<!DOCTYPE html><!-- a class, by tutorial_lib -->\n"  # of every page that is written here
FOLDER = Path(__file__).parent
NARROW, WIDE = 3.4, 7.5  # inches
DOTS = 2  # a pixel of the page
PIXELS = 100  # an inch
NUM_BEST = 3  # curves that have names
NUM_MISTAKES = 20
BARS_HEIGHT = 1.0  # inches, without the bars
NUM_BARS = 24  # in a chart, the hardest
NO = "\N{BALLOT X}"
SIGNS = dict.fromkeys(("rounding", "drifts"), "\N{ALMOST EQUAL TO}") | {"exact": "\N{CHECK MARK}"}
DARK = "(prefers-color-scheme: dark)"
SMALL = "(max-width: 600px)"
NOTE = (
    f"Each curve is smoothed over {LATEST} steps. The wide band reaches from the lowest tenth of "
    "the runs to the highest, the inner one over the middle half; the line in it is the median. "
    "Training is exact, so a run must come "
    "again. Another torch or processor rounds in other ways: a loss may be off by a share of "
    f"{FIRST:g} at first, and by {GROWTH} times the largest difference before it; from {DRIFTS:g} "
    "on rounding has grown so much that only what the run reaches here counts. A loss that is "
    "further off at once differs."
)


@dataclass(frozen=True)
class _Source:
    """A picture for some screens."""

    address: str  # the picture itself, as a data: address
    width: int  # pixels of the page
    height: int
    media: str = ""  # which screens
    alt: str = ""
    sources: tuple[Any, ...] = ()  # what other screens show instead


def write_page(
    path: Path,
    hand_ins: Sequence[HandIn],
    odd: Sequence[tuple[str, str]],
    *,
    title: str,
    challenge: Challenge | None = None,
    standings: Sequence[Standing] = (),
) -> None:
    """Write the page of a class, in the place of none or of an earlier one.

    Args:
        odd: (file, why) of what was left out.
        standings: The entries for the challenge, the best first.

    Raises:
        OSError: It cannot be written.
    """
    text = page_of(hand_ins, odd, title=title, challenge=challenge, standings=standings)
    with replacing(path, start=START) as file:
        file.write(text.encode(errors="replace"))


def page_of(
    hand_ins: Sequence[HandIn],
    odd: Sequence[tuple[str, str]],
    *,
    title: str,
    challenge: Challenge | None = None,
    standings: Sequence[Standing] = (),
) -> str:
    """Return the page as HTML; arguments as of `write_page`."""
    exercises, predictions = exercises_of(hand_ins), predictions_of(hand_ins)
    begun = sorted(
        (one for one in exercises if one.begun),
        key=lambda one: (-one.struggle, -one.mean_tries, one.name),
    )
    left_out = f" {files_were(len(odd))} left out." if odd else ""
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _template().render(
        title=printable(title, 120),
        policy=(
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=style,
        overview=f"{files_were(len(hand_ins))} read, as handed in.{left_out}",
        challenge=challenge and _challenge(challenge, standings),
        exercises=begun,
        exercise_words=_exercise_words(begun),
        exercise_chart=_exercise_chart(exercises, begun),
        mistakes=_mistakes(exercises),
        predictions=predictions,
        prediction_words=_prediction_words(predictions),
        prediction_chart=_prediction_chart(predictions),
        learners=[_learner(one) for one in hand_ins],
        repeated=_repeated(hand_ins),
        odd=odd,
    )


def files_were(count: int) -> str:
    """Return so many hand-ins, and the verb that goes with them."""
    return f"{counted(count, 'hand-in')} {'was' if count == 1 else 'were'}"


@cache
def _template() -> Any:
    import jinja2  # not always needed

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("page.html")


# ---- what it says ----


def _exercise_words(begun: Sequence[ExerciseSummary]) -> str:
    if not begun:
        return "Nobody has tried an exercise yet."
    hardest = [one for one in begun if one.struggle][:3]
    if not hardest:
        return "Whoever tried an exercise solved it, without a hint."
    named = ", ".join(one.name for one in hardest)
    return f"Where the class struggles most: {named}. The hardest come first."


def _prediction_words(predictions: Sequence[PredictionSummary]) -> str:
    if not predictions:
        return "Nobody has handed in a prediction."
    worst = predictions[0]
    right = f"{worst.right:.0%}" if worst.right else "nobody"
    few = f'"{printable(worst.asked or worst.name, 200)}", which {right} had right'
    return (
        f"The first answer of each learner. Furthest off: {few}. A number is right within the "
        "learner's own margin, or without one within a tenth; a curve within a quarter."
    )


def _mistakes(exercises: Sequence[ExerciseSummary]) -> list[dict[str, Any]]:
    every = [
        {"count": count, "name": one.name, "words": words}
        for one in exercises
        for words, count in one.mistakes
    ]
    return sorted(every, key=lambda one: -one["count"])[:NUM_MISTAKES]


def _learner(one: HandIn) -> dict[str, Any]:
    file = printable(one.path.name, 120)
    return {"name": one.name, "file": file} | asdict(totals_of(one))


def _repeated(hand_ins: Sequence[HandIn]) -> str:
    names = [one.name.casefold() for one in hand_ins]
    twice = list(
        dict.fromkeys(one.name for one in hand_ins if names.count(one.name.casefold()) > 1)
    )
    if not twice:
        return ""
    return (
        f"More than one hand-in bears the name {', '.join(twice)}, and all of them count: if they "
        "are of one learner, take the older ones out of the folder."
    )


def _challenge(challenge: Challenge, standings: Sequence[Standing]) -> dict[str, Any]:
    valid = [each for each in standings if each.counts]
    reached = sum(challenge.reached(each.entry) is not None for each in valid)
    settings = labels_by_difference([each.entry.first_settings for each in standings])
    head = "Accuracy" if challenge.kind == "accuracy" else "Lowest mean loss"
    entries = []
    for number, (each, label) in enumerate(zip(standings, settings, strict=True), 1):
        step = challenge.reached(each.entry)
        entries.append(
            {
                "place": number if each.counts else "",
                "label": each.label,
                "settings": label.partition(" (again")[0] + _changes(each),
                "steps": f"{each.entry.num_steps:,}",
                "value": _value(challenge, each),
                "reached": _reached(step) if each.counts else "",
                "verdict": _verdict(each) + _same_as(each, standings),
                "tone": "bad" if not each.counts else "good" if each.verdict else "",
            }
        )
    most = "nobody" if not valid else f"{reached} of {len(valid)}"
    return {
        "title": challenge.title,
        "words": challenge.in_words(),
        "result": f"Of the entries that count, {most} reached it.",
        "note": NOTE,
        "head": head,
        "entries": entries,
        "chart": _challenge_chart(challenge, valid),
    }


def _changes(each: Standing) -> str:
    changes, rates = each.entry.changes, [rate for _, rate in each.entry.rates]
    said = f"; {counted(len(changes), 'change')} on the way" if changes else ""
    if len(rates) - 1 > sum(change.field == "learning_rate" for change in changes):
        said += f"; rates from {min(rates):g} to {max(rates):g}"  # a plan, which leaves no mark
    return said


def _reached(step: int | None) -> str:
    return "no" if step is None else f"step {step:,}"


def _value(challenge: Challenge, each: Standing) -> str:
    value = challenge.value(each.entry)
    words = f"{value:.1%}" if challenge.kind == "accuracy" else f"{value:.3g}"
    return words if each.counts else f"claims {words}"


def _verdict(each: Standing) -> str:
    if each.faults:
        return f"{NO} does not count: {printable('; '.join(each.faults), 400)}"
    if each.verdict is None:
        return "not asked for"
    return f"{SIGNS.get(each.verdict.kind, NO)} {each.verdict.said}"


def _same_as(each: Standing, standings: Sequence[Standing]) -> str:
    """Say who handed in the same losses: the same settings give them, and so does a copied file."""
    losses = each.handed_in.losses
    others = [
        other.label for other in standings if other is not each and other.handed_in.losses == losses
    ]
    if not others:
        return ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"; the same losses as {printable(others[0], 100)}{more}"


# ---- its pictures ----


def _exercise_chart(
    exercises: Sequence[ExerciseSummary], begun: Sequence[ExerciseSummary]
) -> _Source | None:
    shown = [one for one in exercises if one in begun[:NUM_BARS]]  # in the notebooks' order
    if not shown:
        return None
    from tutorial_lib.classroom.charts import draw_exercises

    words = (
        "Bars: how many solved each exercise alone, with hints, or tried it. The table has them."
    )
    return _chart(lambda axes: draw_exercises(axes, shown), BARS_HEIGHT + 0.21 * len(shown), words)


def _prediction_chart(predictions: Sequence[PredictionSummary]) -> _Source | None:
    if not predictions:
        return None
    from tutorial_lib.classroom.charts import draw_judged

    shown = predictions[:NUM_BARS]
    words = "Bars: how many predicted what came, more, less or another thing. The table has them."
    return _chart(lambda axes: draw_judged(axes, shown), BARS_HEIGHT + 0.21 * len(shown), words)


def _challenge_chart(challenge: Challenge, valid: Sequence[Standing]) -> _Source | None:
    if not valid:
        return None
    from tutorial_lib.classroom.charts import draw_challenge

    best = {each.label: each.entry.losses for each in valid[:NUM_BEST]}
    losses = [each.entry.losses for each in valid]
    target = challenge.target if challenge.kind == "loss" else None
    words = (
        f"Curves: the losses of {len(valid)} runs as a band, and those of the best, "
        f"{', '.join(best)}, as lines. The table has what they reached."
    )
    return _chart(
        lambda axes: draw_challenge(axes, losses, best, target=target, steps=challenge.steps),
        3.4,
        words,
    )


def _chart(draw: Callable[[Any], None], height: float, alt: str) -> _Source:
    """Return a picture for narrow and wide screens, light and dark."""
    sources = []
    for width, screen in ((NARROW, SMALL), (WIDE, "")):
        for dark, ground in ((True, DARK), (False, "")):
            media = " and ".join(filter(None, (screen, ground)))
            sources.append(_drawn(draw, width, height, dark=dark, media=media))
    *others, last = sources
    return _Source(last.address, last.width, last.height, alt=alt, sources=tuple(others))


def _drawn(
    draw: Callable[[Any], None], width: float, height: float, *, dark: bool, media: str
) -> _Source:
    import matplotlib.style
    from matplotlib.figure import Figure

    from tutorial_lib.pictures import STYLE, png_of

    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(width, height), dpi=PIXELS * DOTS, layout="constrained")
        draw(figure.add_subplot())
        png = png_of(figure, dark=dark)
    address = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return _Source(address, round(width * PIXELS), round(height * PIXELS), media)
