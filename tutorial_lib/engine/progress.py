"""How far a training is, in one line."""

from collections.abc import Iterable, Iterator, Sized
from typing import Any

from tutorial_lib.engine.records import EvaluationRecord, StepRecord
from tutorial_lib.engine.run import Run
from tutorial_lib.waiting import Waiting


def progress(
    records: Iterable[Any], *, run: Run | None = None, num_steps: int | None = None
) -> Iterator[Any]:
    """Pass the records on, and show in one line the steps taken, of how many, and the time left.

    The line comes after half a second and goes with the last record, or when the loop ends in any
    other way. TQDM_DISABLE=1 in the environment keeps it away.

    Args:
        records: A TrainingRun, what wraps one, or anything else that can be gone through.
        run: The TrainingRun, where records wrap it: before the first of them, what is waited for.
        num_steps: How many of them there will be, where the loop ends before the run does.
    """
    run = records if isinstance(records, Run) else run
    if num_steps is None and isinstance(records, Sized):
        num_steps = len(records)
    starts_slowly = run is not None and run.processes > 1
    words = f"{run.processes} processes: " if starts_slowly else ""
    start: dict[str, Any] = {}
    if starts_slowly and num_steps is None:
        start = {"done": run.step_number, "total": run.num_steps, "at_once": True}
    passed = 0
    with Waiting("steps", words=words, **start) as line:
        for record in records:
            if num_steps is None and isinstance(record, StepRecord):
                line.reach(record.step, _num_steps(record))
            elif not isinstance(record, EvaluationRecord):
                passed += 1
                line.reach(passed, num_steps)
            yield record


def _num_steps(record: StepRecord) -> int:
    """Return how many steps its run had planned in all when it took this one."""
    left = record.epoch_steps - record.epoch_step
    return record.step + left + (record.epochs - record.epoch - 1) * record.epoch_steps
