"""Learning rates that follow a plan, previewed."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from tutorial_lib.labs.schedules.draw import draw_schedules
from tutorial_lib.labs.schedules.measure import SCHEDULES, planned_rates
from tutorial_lib.panels import PlayPanel, controls


def schedules_panel(num_steps: int) -> PlayPanel:
    """Return a panel that previews the schedules for a run of so many steps."""

    def draw(axes: Sequence[Axes], schedule: str, peak: float, warm_up: float) -> str:
        settings = {"peak": peak, "num_steps": num_steps, "warm_up": warm_up}
        plans = {name: planned_rates(name, **settings) for name in SCHEDULES}
        draw_schedules(axes[0], plans, chosen=schedule)
        rates = plans[schedule]
        middle = rates[num_steps // 2]
        return (
            f"{schedule}: {rates[0]:.3g} at first, {middle:.3g} halfway, {rates[-1]:.3g} at last."
        )

    choice = controls.dropdown(
        "schedule", SCHEDULES, "one-cycle", "Which plan to draw bold.", width="430px"
    )
    sliders = {
        "schedule": choice,
        "peak": controls.play_rate_slider(
            "highest rate", 0.1, "The highest rate of the plan.", low=-3
        ),
        "warm_up": controls.play_slider(
            "warm-up share", 0.25, 0.05, 0.95, "Share of the steps in which one-cycle rises."
        ),
    }
    boxes = [(0.085, 0.17, 0.815, 0.78)]
    return PlayPanel("schedules", draw, sliders, boxes=boxes, size=(9, 3))
