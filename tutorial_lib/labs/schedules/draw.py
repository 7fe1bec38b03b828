"""The picture of learning rates that follow a plan."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from tutorial_lib.pictures import label_ends, plain_text, run_colour


def draw_schedules(
    axes: Axes, plans: Mapping[str, Sequence[float]], *, chosen: str | None = None
) -> None:
    """Draw the rate of each step for each plan, the chosen one bold."""
    for number, (name, rates) in enumerate(plans.items()):
        looks = {"lw": 2.8} if chosen in (None, name) else {"lw": 1.0}
        steps = range(1, len(rates) + 1)
        axes.plot(steps, rates, color=run_colour(number), label=plain_text(name), **looks)
    axes.set(xlabel="step", ylabel="learning rate")
    axes.set_ylim(0, 1.08 * max(map(max, plans.values())))
    label_ends(axes)
