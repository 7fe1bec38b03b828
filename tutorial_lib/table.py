"""Numbers as texts, and small tables of texts: HTML in a notebook, aligned columns elsewhere."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_COUNTED = 200  # of so many it is said how many are right, of more which share


def loss_text(loss: float) -> str:
    """Return a loss with three significant digits, whatever its size: 1.48, 0.0502, 0.000210."""
    if loss == 0 or 999.5 <= abs(loss) < 1e6:
        return f"{loss:,.0f}"
    return f"{loss:#.3g}".removesuffix(".")


def share_text(share: float, count: int) -> str:
    """Return which share of so many is right: "18 of 20", or of more than 200 "93.4% of 500".

    Args:
        share: 0 to 1; the mean of several may lie between two counts: "17.5 of 20".
    """
    if count > MOST_COUNTED:
        return f"{share:.1%} of {count:,}"
    return f"{round(share * count, 1):g} of {count}"


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 hint", "2 hints", "1,000 hints"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True, repr=False)
class Table:
    """A table that shows itself, in a notebook and in a terminal.

    Args:
        heads: A title for each column.
        rows: A text for each column of each row.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        lines = [[" ".join(cell.split("\n")) for cell in line] for line in (self.heads, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )

    def _repr_html_(self) -> str:
        lines = [[plain_html(cell) for cell in line] for line in (self.heads, *self.rows)]
        return html_table(lines[0], lines[1:])


def plain_html(text: str) -> str:
    """Return a text as HTML that shows it as it stands: no tags, and no formulas of MathJax."""
    escaped = html.escape(text)
    if re.search(r"\$|\\", text) is None:
        return escaped
    return f'<span class="mathjax_ignore tex2jax_ignore">{escaped}</span>'


def shortened(text: str, most: int = 40) -> str:
    """Return a text of at most so many letters; of a longer one the end is an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, num_words: int = 0) -> str:
    """Return a table of cells that are HTML already; the first `num_words` columns are words."""
    lines = [_html_line(heads, "th", num_words)]
    lines += [_html_line(cells, "td", num_words) for cells in rows]
    return f"<table>{''.join(lines)}</table>"


def _html_line(cells: Sequence[str], tag: str, num_words: int) -> str:
    """Return a line of the table: words to the left, numbers to the right."""
    sides = ["left" if index < num_words else "right" for index in range(len(cells))]
    return "<tr>" + "".join(
        f'<{tag} style="text-align:{side};padding:2px 10px">{cell}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    ) + "</tr>"  # fmt: skip
