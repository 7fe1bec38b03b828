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
        first, middle, last = rates[0], rates[num_steps // 2], rates[-1]
        return f"{schedule}: {first:.3g} at first, {middle:.3g} halfway, {last:.3g} at last."

    plan, peak = "Which plan to draw bold.", "The highest rate of the plan."
    share = "Share of the steps in which one-cycle rises."
    by_name = {
        "schedule": controls.dropdown("schedule", SCHEDULES, "one-cycle", plan, width="430px"),
        "peak": controls.play_rate_slider("highest rate", 0.1, peak, low=-3),
        "warm_up": controls.play_slider("warm-up share", 0.25, 0.05, 0.95, share),
    }
    boxes = [(0.085, 0.17, 0.815, 0.78)]
    return PlayPanel("schedules", draw, by_name, boxes=boxes, size=(9, 3))
