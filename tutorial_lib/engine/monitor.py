"""The text lines of MindSpore's LossMonitor, driven by the run itself.

A loss that is not a number never reaches a line: the run raises Diverged at that step.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tutorial_lib.checks import check_whole
from tutorial_lib.engine.records import StepRecord
from tutorial_lib.table import Table


def monitor(
    records: Iterable[Any],
    *,
    per_print_times: int | None = None,
    sink: Callable[[str], object] = print,
) -> Iterator[Any]:
    """Pass the records on, and print a line now and then and a summary after each epoch.

    Args:
        records: A TrainingRun, or what wraps one.
        per_print_times: A line each time that so many steps of the run have passed, 1 or more.
            The last step of an epoch always gets one; None prints no others.
        sink: What is given each line.
    """
    _check_interval(per_print_times)
    return _monitored(records, per_print_times, sink)


def monitor_table(records: Iterable[Any], *, per_print_times: int | None = None) -> Table:
    """Return what `monitor` says of each step as a table, from `run.history` say.

    Args:
        records: Records of a run; others than StepRecords are passed over.
        per_print_times: As in `monitor`.
    """
    _check_interval(per_print_times)
    rows = [_cells(record) for record, due in _marked(records, per_print_times) if due]
    return Table(["epoch", "step", "loss", "mean loss", "time (ms)", "learning rate"], rows)


def _monitored(
    records: Iterable[Any], per_print_times: int | None, sink: Callable[[str], object]
) -> Iterator[Any]:
    epoch_start, before = time.perf_counter(), None
    for record, due in _marked(records, per_print_times):
        if isinstance(record, StepRecord):
            if record.epoch_step == 1:
                epoch_start = time.perf_counter() - record.seconds
            if before is None:  # the steps before the first one that is watched in this epoch
                before = record.epoch_step - 1
            if due:
                sink(step_line(record))
            if record.epoch_step == record.epoch_steps:
                seconds = time.perf_counter() - epoch_start
                sink(epoch_line(record, seconds, num_steps=record.epoch_step - before))
                before = None
        yield record


def _marked(records: Iterable[Any], per_print_times: int | None) -> Iterator[tuple[Any, bool]]:
    """Yield each record, and whether it is a step that is due for a line."""
    last_step = None
    for record in records:
        if not isinstance(record, StepRecord):
            yield record, False
            continue
        last_step = record.step - 1 if last_step is None else last_step
        interval = per_print_times or math.inf
        passed = record.step // interval > last_step // interval  # also where records are skipped
        yield record, passed or record.epoch_step == record.epoch_steps
        last_step = record.step


def _check_interval(per_print_times: int | None) -> None:
    if per_print_times is not None:
        check_whole("per_print_times", per_print_times, low=1)


def step_line(record: StepRecord) -> str:
    """Return the line about one step, as LossMonitor writes it.

    The epoch counts from 0. loss is [this step / mean since the epoch began], time is this step
    without fetching its batch, lr is the rate in force.
    """
    return (
        f"Epoch:[{record.epoch:3d}/{record.epochs:3d}], "
        f"step:[{record.epoch_step:5d}/{record.epoch_steps:5d}], "
        f"loss:[{record.loss:.3f}/{record.mean_loss:.3f}], "
        f"time:{record.seconds * 1000:.3f} ms, lr:{record.learning_rate:.5f}"
    )


def _cells(record: StepRecord) -> list[str]:
    """Return the numbers of a step's line, with its decimals."""
    return [
        f"{record.epoch} / {record.epochs}",
        f"{record.epoch_step:,} / {record.epoch_steps:,}",
        f"{record.loss:.3f}",
        f"{record.mean_loss:.3f}",
        f"{record.seconds * 1000:.3f}",
        f"{record.learning_rate:.5f}",
    ]


def epoch_line(record: StepRecord, seconds: float, *, num_steps: int | None = None) -> str:
    """Return the line about an epoch that ended with this record.

    Args:
        seconds: How long the epoch took, fetching included.
        num_steps: How many steps that was, if not the whole epoch.
    """
    milliseconds = seconds * 1000
    return (
        f"Epoch time: {milliseconds:.3f} ms, "
        f"per step time: {milliseconds / (num_steps or record.epoch_step):.3f} ms, "
        f"avg loss: {record.mean_loss:.3f}"
    )
