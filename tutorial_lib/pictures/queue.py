"""What a processor and its GPU do at the same time, and where one waits for the other."""

from matplotlib.axes import Axes

from tutorial_lib.pictures.theme import BLUE, INK, ORANGE, PAPER_GROUND

HANDING, COMPUTING, TELLING = 3.0, 2.5, 1.0  # of a step, in an arbitrary unit
LAG = 0.5  # from a step's first call to when the GPU begins with it


def draw_queue(axes: Axes, num_steps: int, ask_every: int) -> None:
    """Draw the steps of a GPU, a sketch: who hands over or computes when, and who waits.

    Args:
        num_steps: How many are drawn.
        ask_every: After so many steps the losses are asked for, and no call is made meanwhile.
    """
    now = free = 0.0
    for step in range(1, num_steps + 1):
        axes.barh(1, HANDING, 0.7, left=now, color=BLUE, edgecolor=PAPER_GROUND)
        begin = max(free, now + LAG)
        free = max(begin + COMPUTING, now + HANDING + LAG)
        axes.barh(0, free - begin, 0.7, left=begin, color=ORANGE, edgecolor=PAPER_GROUND)
        for row, left, width in ((1, now, HANDING), (0, begin, free - begin)):
            looks = {"ha": "center", "va": "center", "color": INK if row == 0 else PAPER_GROUND}
            axes.text(left + width / 2, row, f"{step}", **looks)
        now += HANDING
        if step % ask_every == 0:
            now = free + TELLING
    axes.axvline(now, color=INK, lw=1, ls=":")
    every = "every step" if ask_every == 1 else f"every {ask_every} steps"
    axes.set_title(f"the loss is asked for after {every}")
    axes.set_yticks([0, 1], ["the GPU computes", "the processor\nhands over"])
    axes.set(xlim=(0, 1.15 * num_steps * (HANDING + TELLING)), ylim=(-0.6, 1.6), xticks=[])
    axes.set_xlabel("time")
    axes.grid(visible=False)
    axes.set_label(
        f"A sketch of {num_steps} steps, the loss asked for after {every}: all is told at {now:g}."
    )  # for those who do not see it
