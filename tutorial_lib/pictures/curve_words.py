"""What the live curve shows, in words and as a table: for those who do not see it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.pictures.curve import CurveSeries
from tutorial_lib.table import Table, loss_text, shortened

MAX_CHANGES = 4  # that are told of a run one by one
MAX_ROWS = 30
STEPS = 0.05, 0.1, 0.2, 0.5  # epochs from one row to the next; where there are many, whole ones


def curve_in_words(runs: Sequence[CurveSeries], shown: ShownMetric) -> str:
    """Say of each run where its loss began, went and ended, and how it did on what is held out.

    Args:
        runs: As the picture shows them.
        shown: What is shown besides the loss.
    """
    if not runs:
        return f"An empty picture of loss and {shown.name}: no run has begun."
    lines = " ".join(" ".join(_run_in_words(series, shown)) for series in runs)
    return f"Loss and {shown.name} of {len(runs)} run{'s' * (len(runs) > 1)}. {lines}"


def _run_in_words(series: CurveSeries, shown: ShownMetric) -> Iterator[str]:
    if not series.x:
        yield f"{_label(series)}: no step yet."
        return
    first, last, end = series.smoothed[0], series.smoothed[-1], _epochs(series.x[-1])
    yield (
        f"{_label(series)}: smoothed loss from {loss_text(first)} to {loss_text(last)} "
        f"at epoch {end}, lowest {loss_text(series.lowest)}."
    )
    known = [loss for loss in series.scored_loss if np.isfinite(loss)]
    if known:
        yield f"Held-out loss {_from_to(list(map(loss_text, known)))}."
    scores = [score for score in series.scores if np.isfinite(score)]
    if scores:
        texts = [score_text(score, shown) for score in scores]
        yield f"Held-out {shortened(shown.name, 30)} {_from_to(texts)}."
    if series.marks:
        told = [f"{text} at epoch {_epochs(x)}" for x, text in series.marks[:MAX_CHANGES]]
        more = len(series.marks) - len(told)
        yield f"Changed on the way: {', '.join(told)}{f', and {more} more' if more else ''}."
    if series.diverged:
        yield f"It diverged at epoch {end}."


def curve_table(runs: Sequence[CurveSeries], shown: ShownMetric) -> tuple[str, Table]:
    """Return the numbers of the picture, about `MAX_ROWS` rows at most, and what they are.

    Args:
        runs: As the picture shows them.
        shown: What is shown besides the loss.
    """
    begun = [series for series in runs if series.x]
    epochs = max((series.x[-1] for series in begun), default=0.0)
    step = next((step for step in STEPS if epochs / step <= MAX_ROWS), -(-epochs // MAX_ROWS))
    places = {round(step * number, 2) for number in range(1, int(epochs / step + 1e-9) + 1)}
    places |= {series.x[-1] for series in begun}  # where each ended
    name = shortened(shown.name, 30)
    heads, columns = ["epoch"], ("loss", "held-out loss", f"held-out {name}")
    for series in begun:
        before = f"{_label(series)}: " * (len(begun) > 1)
        heads += [before + column for column in columns]
    rows = [
        [_epochs(place), *(cell for series in begun for cell in _cells(series, place, shown))]
        for place in sorted(places)
    ]
    every = f"every {step:g} epoch{'s' * (step > 1)}"
    caption = f"Smoothed loss, and scores on what is held out: {every}, and where a run ends"
    return caption if begun else "No run has begun", Table(heads, _without_twins(rows))


def _cells(series: CurveSeries, place: float, shown: ShownMetric) -> Iterator[str]:
    """Yield what a run's curves show at a number of epochs; nothing where they do not reach."""
    steps = bisect_right(series.x, place + 1e-9)
    reaches = steps > 0 and place <= series.x[-1] + 1e-9
    yield loss_text(series.smoothed[steps - 1]) if reaches else ""
    scored = [number for number, x in enumerate(series.scored_x) if abs(x - place) < 1e-9]
    loss = series.scored_loss[scored[-1]] if scored else np.nan
    score = series.scores[scored[-1]] if scored else np.nan
    yield loss_text(loss) if np.isfinite(loss) else ""
    yield score_text(score, shown) if np.isfinite(score) else ""


def score_text(score: float, shown: ShownMetric) -> str:
    """Return a score as the picture has it: shares in percent."""
    return f"{score:.1f}%" if shown.is_share else loss_text(score)


def _without_twins(rows: list[list[str]]) -> list[list[str]]:
    """Leave out a row whose epoch reads like that of the row before; the fuller one stays."""
    by_epoch: dict[str, list[str]] = {}
    for row in rows:
        before = by_epoch.get(row[0], [""] * len(row))
        by_epoch[row[0]] = [new or old for new, old in zip(row, before, strict=True)]
    return list(by_epoch.values())


def _from_to(texts: Sequence[str]) -> str:
    """Say how a few numbers went."""
    if len(texts) == 1:
        return texts[0]
    return f"from {texts[0]} to {texts[-1]} in {len(texts)} epochs"


def _label(series: CurveSeries) -> str:
    return shortened(series.label, 60) or "The run"


def _epochs(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")
