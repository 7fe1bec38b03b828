"""What is said about a race: a table, a sentence."""

import math
from collections.abc import Mapping, Sequence

from tutorial_lib.config import Hyperparameters
from tutorial_lib.evaluation import ACCURACY, ShownMetric
from tutorial_lib.labs.own import at_a_time, score_text
from tutorial_lib.labs.race.measure import Standing, winner
from tutorial_lib.pictures import on_dark
from tutorial_lib.table import html_table, loss_text, plain_html, shortened

_REACHED = {"steps": "step {:,.0f}", "images": "after {:,.0f} {unit}", "seconds": "after {:.1f} s"}


def standings_table(
    rows: Sequence[Standing],
    colours: Mapping[str, str],
    target_loss: float | None,
    *,
    ended: bool = False,
    unit: str = "images",
    metric: ShownMetric = ACCURACY,
    num_held_out: int = 0,
) -> str:
    """Return the standings as an HTML table; without a target, its columns are left out.

    Args:
        ended: Whether the race goes on no more, to its end or not.
        unit: What is counted as a run goes on, in the plural.
        metric: What is told of the scores.
        num_held_out: How many examples were scored.
    """
    if not rows:
        return ""
    reached = (
        [] if target_loss is None else [f"steps to {target_loss:g}", plain_html(unit), "seconds"]
    )
    heads = [
        "runner",
        "what differs",
        "smoothed loss",
        "held-out right" if metric.is_share else f"held-out {plain_html(metric.name)}",
        *([] if target_loss is None else reached),
        "diverged at step",
    ]
    lines = []
    for row in rows:
        words = [
            colour_square(colours[row.label]) + plain_html(shortened(row.label)),
            plain_html(row.differs),
        ]
        score = score_text(row.score, metric, num_held_out)
        lines.append([*words, *_numbers(row, score, target_loss is not None, ended)])
    clock = at_a_time(max(row.at_once for row in rows)) if reached else ""
    note = f"<small>Seconds of training{clock}.</small>" if clock else ""
    return html_table(heads, lines, num_words=2) + note


def _numbers(row: Standing, score: str, target: bool, ended: bool) -> list[str]:
    """Return a row's numbers as texts."""
    none = "\N{EN DASH}"
    loss = none if math.isnan(row.final_loss) else loss_text(row.final_loss)
    texts = [loss, score]
    if target and row.steps is None:
        texts += ["never" if row.over else "not reached" if ended else "not yet"] * 3
    elif target:
        some = "" if row.num_reached == row.num_starts else f" ({_share(row)})"
        texts += [f"{row.steps:,.0f}{some}", f"{row.images:,.0f}", f"{row.seconds:.1f}"]
    return [*texts, ", ".join(f"{step:,}" for step in row.diverged_at) or none]


def standings_in_words(
    rows: Sequence[Standing],
    x: str,
    target_loss: float | None,
    *,
    noun: str = "digits",
    unit: str = "images",
    metric: ShownMetric = ACCURACY,
    num_held_out: int = 0,
) -> str:
    """Say who is ahead, for eyes and screen readers; without a target, by the held-out scores.

    Args:
        noun: What the held-out examples are, in the plural.
        unit, metric, num_held_out: As of `standings_table`.
    """
    if target_loss is None:
        return _scores_in_words(rows, noun, metric, num_held_out)
    first = winner(rows, x)
    if first is None:
        return f"nobody has reached a loss of {target_loss:g} yet{_nearest_in_words(rows)}."
    where = _REACHED[x].format(getattr(first, x), unit=unit)
    where += at_a_time(first.at_once) if x == "seconds" else ""
    starts = "" if first.num_starts == 1 else f", from {_share(first)} starts"
    return f"{shortened(first.label)} was the first at a loss of {target_loss:g}: {where}{starts}."


def _nearest_in_words(rows: Sequence[Standing]) -> str:
    """Say who has the lowest loss now, if there is more than one to tell."""
    losses = {row.label: row.final_loss for row in rows if math.isfinite(row.final_loss)}
    if len(losses) < 2:
        return ""
    lowest = min(losses, key=losses.get)
    return f"; {shortened(lowest)} is nearest, at {loss_text(losses[lowest])}"


def _scores_in_words(
    rows: Sequence[Standing], noun: str, metric: ShownMetric, num_held_out: int
) -> str:
    scored = [row for row in rows if row.score is not None]
    if not scored:
        return f"no {noun} have been held up to them yet."
    if metric.is_share:
        best = max(scored, key=lambda row: row.score)
        score = score_text(best.score, metric, num_held_out)
        return f"{shortened(best.label)} names most held-out {noun} right so far, {score}."
    if metric.field == "mean_absolute_error":
        best = min(scored, key=lambda row: row.score)
        score = score_text(best.score, metric, num_held_out)
        return (
            f"{shortened(best.label)} is nearest to the held-out {noun} so far, with a "
            f"{metric.name} of {score}."
        )
    # Whether more is better, its maker alone knows.
    told = [f"{shortened(row.label)} {score_text(row.score, metric, 0)}" for row in scored]
    return f"{metric.name} on held-out {noun}: {', '.join(told)}."


def _share(row: Standing) -> str:
    return f"{row.num_reached} of {row.num_starts}"


def settings_in_words(settings: Hyperparameters, loss: str = "") -> str:
    """Return the settings that tell runners apart.

    Args:
        loss: The name of what takes the place of the settings' loss, if something does.
    """
    return (
        f"{settings.optimizer}, lr {settings.learning_rate:g}, batch {settings.batch_size}, "
        f"{(loss or settings.loss).replace('_', ' ')}, epochs {settings.epochs}"
    )


def colour_square(colour: str) -> str:
    """Return a small square of this colour, as HTML; on a dark page a panel shows its cousin."""
    looks = f"color:{colour};--on-dark:{on_dark(colour)}"
    return f'<span class="tutorial-square" style="{looks}">\N{BLACK SQUARE}</span> '
