"""The text lines of MindSpore's LossMonitor, driven by the run itself."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tutorial_lib.config import check_whole
from tutorial_lib.records import StepRecord


def monitor(
    records: Iterable[Any],
    *,
    per_print_times: int | None = None,
    sink: Callable[[str], object] = print,
) -> Iterator[Any]:
    """Pass the records on, and print a line now and then and a summary after each epoch.

    Args:
        records: A TrainingRun, or what wraps one.
        per_print_times: Steps between two lines, 1 or more; None prints one line an epoch.
        sink: What is given each line.
    """
    if per_print_times is not None:
        check_whole("per_print_times", per_print_times, low=1)
    return _monitored(records, per_print_times, sink)


def _monitored(
    records: Iterable[Any], per_print_times: int | None, sink: Callable[[str], object]
) -> Iterator[Any]:
    epoch_start = time.perf_counter()
    for record in records:
        if isinstance(record, StepRecord):
            if record.epoch_step == 1:
                epoch_start = time.perf_counter() - record.seconds
            epoch_ends = record.epoch_step == record.epoch_steps
            if record.step % per_print_times == 0 if per_print_times else epoch_ends:
                sink(step_line(record))
            if epoch_ends:
                sink(epoch_line(record, time.perf_counter() - epoch_start))
        yield record


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


def epoch_line(record: StepRecord, seconds: float) -> str:
    """Return the line about an epoch that took so many seconds and ended with this record."""
    milliseconds = seconds * 1000
    return (
        f"Epoch time: {milliseconds:.3f} ms, "
        f"per step time: {milliseconds / record.epoch_step:.3f} ms, "
        f"avg loss: {record.mean_loss:.3f}"
    )
