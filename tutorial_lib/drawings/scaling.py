"""Pictures of what several processes gain, and of what they pay for it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.theme import BLUE, INK, MUTED, ORANGE

BAR = 0.8  # of the place that is there for a group of bars


def draw_step_shares(
    axes: Axes, whole: Mapping[tuple[int, int], float], compute: Mapping[tuple[int, int], float]
) -> None:
    """Draw how long a step takes, relative to one process, and which part of that is computing.

    Args:
        whole: (processes, batch size) -> seconds a step. Of each batch size the one process, too.
        compute: The same keys -> seconds that one process needs for its share alone.
    """
    sizes = sorted({size for _, size in whole})
    numbers = sorted({processes for processes, _ in whole})
    width = BAR / len(numbers)
    for place, size in enumerate(sizes):
        for bar, processes in enumerate(numbers):
            x = place + (bar - (len(numbers) - 1) / 2) * width
            alone, seconds = whole[1, size], whole[processes, size]
            computing = min(compute[processes, size], seconds)
            first = place == bar == 0
            axes.bar(x, computing / alone, 0.9 * width, color=BLUE,
                     label="computing its share" if first else None)  # fmt: skip
            axes.bar(x, (seconds - computing) / alone, 0.9 * width, bottom=computing / alone,
                     color=ORANGE, label="talking and waiting" if first else None)  # fmt: skip
            axes.text(x, seconds / alone, f"{processes}", ha="center", va="bottom", color=INK)
    axes.axhline(1, color=MUTED, lw=1, ls="--", zorder=0)
    labels = [f"{size} images\n{1000 * whole[1, size]:.1f} ms alone" for size in sizes]
    axes.set_xticks(np.arange(len(sizes)), labels)
    axes.set_ylim(0, 1.25 * max(whole[key] / whole[1, key[1]] for key in whole))
    axes.set(xlabel="global batch", ylabel="time of a step\n(one process = 1)")
    axes.legend(loc="upper right")
