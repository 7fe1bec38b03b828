"""Learning rates that follow a plan, from torch.optim.lr_scheduler."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch.optim import lr_scheduler

from tutorial_lib.checks import check_choice, check_number, check_whole
from tutorial_lib.engine import StepRecord, TrainingRun

STEP_DROPS = 3  # "step" multiplies the rate by 0.3 this many times
STEP_FACTOR = 0.3
SCHEDULES: dict[str, Callable[..., lr_scheduler.LRScheduler]] = {
    "constant": lambda optimizer, **_: lr_scheduler.ConstantLR(optimizer, factor=1.0),
    "step": lambda optimizer, num_steps, **_: lr_scheduler.StepLR(
        optimizer, step_size=-(-num_steps // (STEP_DROPS + 1)), gamma=STEP_FACTOR
    ),
    "cosine": lambda optimizer, num_steps, **_: lr_scheduler.CosineAnnealingLR(
        optimizer, num_steps
    ),
    "one-cycle": lambda optimizer, num_steps, peak, warm_up: lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=num_steps, pct_start=warm_up, cycle_momentum=False
    ),
}


def planned_rates(
    schedule: str, *, peak: float = 0.1, num_steps: int = 375, warm_up: float = 0.25
) -> list[float]:
    """Return the learning rate of each step, as torch's scheduler of that name gives it.

    Args:
        schedule: "constant"; "step", three drops to 0.3 of what it was; "cosine", half a wave
            down towards 0; "one-cycle", up from a 25th of the peak and then down to almost 0.
        peak: The highest rate, above 0.
        num_steps: 2 or more.
        warm_up: The share of the steps in which "one-cycle" rises, in (0, 1).

    Raises:
        ValueError: A name is unknown, or a number lies outside its range.

    Source: Loshchilov and Hutter, "SGDR", 2017, for "cosine"; Smith and Topin,
    "Super-convergence", 2018, for "one-cycle".
    """
    check_choice("schedule", schedule, SCHEDULES)
    check_number("peak", peak, "(0, inf)", lambda value: value > 0)
    check_whole("num_steps", num_steps, low=2)
    check_number("warm_up", warm_up, "(0, 1)", lambda value: 0 < value < 1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = SCHEDULES[schedule](optimizer, num_steps=num_steps, peak=peak, warm_up=warm_up)
    optimizer.step()  # once: torch warns of a scheduler that goes first
    rates = [float(optimizer.param_groups[0]["lr"])]
    while len(rates) < num_steps:
        scheduler.step()
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def scheduled(run: TrainingRun, rates: Iterable[float]) -> Iterator[StepRecord]:
    """Take a step of the run at each rate; ends with the rates, or with the run.

    The rate of each step stands in its record. That it changes is the plan, so the run's
    `changes` hold nothing of it.

    Raises:
        ValueError: A rate is not above 0.
    """
    for rate in rates:
        run.adjust(learning_rate=rate, mark=False)
        try:
            record = next(run)
        except StopIteration:
            return
        yield record
