"""One line that says how far a training is, and how many seconds are left."""

from collections.abc import Iterable, Iterator, Sized
from typing import Any

from tutorial_lib.engine.records import StepRecord
from tutorial_lib.engine.run import Run

DELAY_SECONDS = 0.5  # what is done sooner shows no line


def progress(records: Iterable[Any], *, run: Run | None = None) -> Iterator[Any]:
    """Pass the records on, and show in one line the steps taken, of how many, and the time left.

    The line comes after half a second and goes with the last record. TQDM_DISABLE=1 in the
    environment keeps it away.

    Args:
        records: A TrainingRun, what wraps one, or anything else that can be gone through.
        run: The TrainingRun, where records wrap it: it knows how many steps there will be.
    """
    from tqdm.auto import tqdm  # slow to load

    run = records if isinstance(records, Run) else run
    total = len(records) if isinstance(records, Sized) else None
    first = 0
    if run is not None:
        total, first = run.num_steps, run.step_number
    words = "{n_fmt} of {total_fmt} steps, {remaining} left"
    with tqdm(
        total=total, initial=first, delay=DELAY_SECONDS, leave=False, bar_format=words
    ) as line:
        for record in records:
            if run is None or isinstance(record, StepRecord):
                line.update()
            yield record
