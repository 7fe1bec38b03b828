"""The picture of learning rates that follow a plan."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from tutorial_lib.pictures import label_ends, run_colour


def draw_schedules(
    axes: Axes, plans: Mapping[str, Sequence[float]], *, chosen: str | None = None
) -> None:
    """Draw the rate of each step for each plan, the chosen one bold."""
    ends = []
    for number, (name, rates) in enumerate(plans.items()):
        bold = chosen in (None, name)
        colour = run_colour(number)
        axes.plot(range(1, len(rates) + 1), rates, color=colour, lw=2.4 if bold else 1.0,
                  alpha=1.0 if bold else 0.45)  # fmt: skip
        ends.append((rates[-1], name, colour))
    axes.set(xlabel="step", ylabel="learning rate")
    axes.set_ylim(0, 1.08 * max(max(rates) for rates in plans.values()))
    label_ends(axes, ends)
