"""Who holds how much of a sum while it goes round a ring."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.theme import BLUE, INK, MUTED, PAPER_GROUND

GAP = 0.9  # between two moments, in cells


def draw_ring(axes: Axes, moments: Sequence[np.ndarray], titles: Sequence[str]) -> None:
    """Draw tables side by side, a moment each: how many gradients a rank's part is the sum of.

    Args:
        moments: Tables (n, n) of whole numbers from 1 to n: a row for each rank, a column for each
            part. What is complete is bold.
        titles: One above each.
    """
    ranks = len(moments[0])
    for number, (counts, title) in enumerate(zip(moments, titles, strict=True)):
        left = number * (ranks + GAP)
        axes.text(left + ranks / 2, -0.3, plain_text(title), ha="center", va="bottom", color=INK)
        for row, part in np.ndindex(ranks, ranks):
            held = int(counts[row, part])
            is_whole = held == ranks
            opacity = 0.85 if is_whole else 0.3 * (held - 1) / max(1, ranks - 2)
            corner, looks = (left + part, row), {"edgecolor": MUTED, "linewidth": 0.6}
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=(BLUE, opacity), **looks))
            ink = {"color": PAPER_GROUND, "weight": "bold"} if is_whole else {"color": INK}
            where = left + part + 0.5, row + 0.55
            axes.text(*where, f"{held}", ha="center", va="center", **ink)
    for row in range(ranks):
        axes.text(-0.3, row + 0.5, f"rank {row}", ha="right", va="center", color=INK)
    axes.set(xlim=(-2.2, len(moments) * (ranks + GAP) - GAP + 0.1), ylim=(ranks + 0.1, -1.3))
    axes.set_aspect("equal")
    axes.axis("off")
    told = (
        f"{title}: {sum(int(count) == ranks for count in counts.flat)} of {ranks**2} whole"
        for counts, title in zip(moments, titles, strict=True)
    )
    axes.set_label(
        f"How many gradients each part of {ranks} ranks is the sum of. {'; '.join(told)}."
    )
