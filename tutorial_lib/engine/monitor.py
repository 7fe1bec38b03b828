"""The text lines of MindSpore's LossMonitor, driven by the run itself.

A loss that is not a number never reaches a line: the run raises Diverged at that step.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tutorial_lib.checks import check_whole
from tutorial_lib.engine.records import StepRecord
from tutorial_lib.engine.run import Run
from tutorial_lib.table import Table


def monitor(
    records: Iterable[Any],
    *,
    per_print_times: int | None = None,
    sink: Callable[[str], object] = print,
    run: Run | None = None,
) -> Iterator[Any]:
    """Pass the records on, and print a line now and then and a summary after each epoch.

    Args:
        records: A TrainingRun, or what wraps one.
        per_print_times: A line each time that so many steps of the run have passed, 1 or more.
            The last step of an epoch always gets one; None prints no others.
        sink: What is given each line.
        run: The TrainingRun, where records wrap it. It knows whether a larger batch size, asked
            for within the last epoch, has ended that before its time.
    """
    _check_interval(per_print_times)
    run = records if isinstance(records, Run) else run
    return _monitored(records, per_print_times, sink, run)


def monitor_table(records: Iterable[Any], *, per_print_times: int | None = None) -> Table:
    """Return what `monitor` says of each step as a table, from `run.history` say.

    Args:
        records: Records of a run; others than StepRecords are passed over.
        per_print_times: As in `monitor`.
    """
    _check_interval(per_print_times)
    rows, untold, passed = [], None, _passed(per_print_times)
    for record in records:
        if isinstance(record, StepRecord):
            if untold is not None and record.epoch > untold.epoch:
                rows.append(_cells(untold))  # its epoch has ended before its time
            is_due = passed(record) or _ends_epoch(record)
            rows += [_cells(record)] if is_due else []
            untold = None if is_due else record
    return Table(["epoch", "step", "loss", "mean loss", "time (ms)", "learning rate"], rows)


def _monitored(
    records: Iterable[Any],
    per_print_times: int | None,
    sink: Callable[[str], object],
    run: Run | None,
) -> Iterator[Any]:
    epoch = _Epoch(sink)
    passed = _passed(per_print_times)
    for record in records:
        if isinstance(record, StepRecord):
            epoch.add(record, due=passed(record))
        yield record
    if run is not None:
        epoch.leave(run.batches.epoch)


class _Epoch:
    """What is said of the epoch that is under way."""

    def __init__(self, sink: Callable[[str], object]) -> None:
        self._sink = sink
        self._start = time.perf_counter()  # of the watching, or of the epoch
        self._last: StepRecord | None = None  # of an epoch that has not ended
        self._told = False  # whether that one has had its line

    def add(self, record: StepRecord, *, due: bool) -> None:
        now = time.perf_counter()
        self.leave(record.epoch)
        if self._last is None:
            if record.epoch_step == 1:
                self._start = now - record.seconds
            self._before = record.epoch_step - 1  # steps of it that were not watched
        self._last, self._end, self._told = record, now, due
        if due:
            self._sink(step_line(record))
        if _ends_epoch(record):
            self._say_end(record)

    def leave(self, epoch: int) -> None:
        """Say the end of an earlier epoch than this: a larger batch size has come before it."""
        if self._last is not None and self._last.epoch < epoch:
            self._say_end(self._last)

    def _say_end(self, last: StepRecord) -> None:
        """Say the last step's line, if it was not said, and that of the whole epoch."""
        self._last = None
        if not self._told:
            self._sink(step_line(last))
        seconds = self._end - self._start
        self._sink(epoch_line(last, seconds, num_steps=last.epoch_step - self._before))


def _passed(per_print_times: int | None) -> Callable[[StepRecord], bool]:
    """Return what says of each step in turn whether so many more have passed."""
    interval, last_step = per_print_times or math.inf, None

    def passed(record: StepRecord) -> bool:
        nonlocal last_step
        before = record.step - 1 if last_step is None else last_step
        last_step = record.step
        return record.step // interval > before // interval  # also where records are skipped

    return passed


def _ends_epoch(record: StepRecord) -> bool:
    return record.epoch_step == record.epoch_steps


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
