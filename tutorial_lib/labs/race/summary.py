"""What is said about a race: a table, a sentence."""

import math
from collections.abc import Mapping, Sequence

from tutorial_lib.config import Hyperparameters
from tutorial_lib.labs.race.measure import Standing, winner
from tutorial_lib.table import html_table, loss_text, plain_html, shortened

_REACHED = {"steps": "step {:,.0f}", "images": "after {:,.0f} images", "seconds": "after {:.1f} s"}


def standings_table(
    rows: Sequence[Standing],
    colours: Mapping[str, str],
    target_loss: float | None,
    *,
    ended: bool = False,
) -> str:
    """Return the standings as an HTML table; without a target, its columns are left out.

    Args:
        ended: Whether the race goes on no more, to its end or not.
    """
    if not rows:
        return ""
    reached = [] if target_loss is None else [f"steps to {target_loss:g}", "images", "seconds"]
    heads = [
        "runner",
        "what differs",
        "smoothed loss",
        "held-out right",
        *reached,
        "diverged at step",
    ]
    lines = []
    for row in rows:
        words = [
            colour_square(colours[row.label]) + plain_html(shortened(row.label)),
            plain_html(row.differs),
        ]
        lines.append([*words, *_numbers(row, target_loss is not None, ended)])
    return html_table(heads, lines, num_words=2)


def _numbers(row: Standing, target: bool, ended: bool) -> list[str]:
    """Return a row's numbers as texts."""
    none = "\N{EN DASH}"
    loss = none if math.isnan(row.final_loss) else loss_text(row.final_loss)
    texts = [loss, none if row.accuracy is None else f"{row.accuracy:.1%}"]
    if target and row.steps is None:
        texts += ["never" if row.over else "not reached" if ended else "not yet"] * 3
    elif target:
        some = "" if row.num_reached == row.num_starts else f" ({_share(row)})"
        texts += [f"{row.steps:,.0f}{some}", f"{row.images:,.0f}", f"{row.seconds:.1f}"]
    return [*texts, ", ".join(f"{step:,}" for step in row.diverged_at) or none]


def standings_in_words(
    rows: Sequence[Standing], x: str, target_loss: float | None, *, noun: str = "digits"
) -> str:
    """Say who is ahead, for eyes and screen readers; without a target, by accuracy on the noun."""
    if target_loss is None:
        best = max(rows, key=lambda row: row.accuracy or 0)
        if best.accuracy is None:
            return f"no {noun} have been held up to them yet."
        return (
            f"{shortened(best.label)} names most held-out {noun} right so far, {best.accuracy:.1%}."
        )
    first = winner(rows, x)
    if first is None:
        return f"nobody has reached a loss of {target_loss:g} yet."
    where = _REACHED[x].format(getattr(first, x))
    starts = "" if first.num_starts == 1 else f", from {_share(first)} starts"
    return f"{shortened(first.label)} was the first at a loss of {target_loss:g}: {where}{starts}."


def _share(row: Standing) -> str:
    return f"{row.num_reached} of {row.num_starts}"


def settings_in_words(settings: Hyperparameters) -> str:
    """Return the settings that tell runners apart."""
    return (
        f"{settings.optimizer}, lr {settings.learning_rate:g}, batch {settings.batch_size}, "
        f"{settings.loss.replace('_', ' ')}, epochs {settings.epochs}"
    )


def colour_square(colour: str) -> str:
    """Return a small square of this colour, as HTML."""
    return f'<span style="color:{colour}">\N{BLACK SQUARE}</span> '
