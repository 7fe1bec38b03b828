"""Ways to iterate over a run: a fast device kept busy, an accuracy after each epoch."""

from collections.abc import Iterator

import torch

from tutorial_lib.data import Split
from tutorial_lib.engine.records import EvaluationRecord, StepRecord
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.evaluation import evaluate
from tutorial_lib.hardware import use_usual_threads
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import make_optimizer

BURST_SECONDS = 0.05  # so long a GPU may run ahead of what is told: a Stop waits no longer


def iterate_for_device(run: TrainingRun) -> Iterator[StepRecord]:
    """Yield the run's records, with as little waiting for its device as there need be.

    A CPU takes them one by one. On a GPU, where each wait for a loss costs more than many a step,
    several are taken at once: until the last of them has been told, the model, the history and the
    state are those of steps to come. `is_synchronized` says whether that is so.
    """
    yield from run if run.data.device.type == "cpu" else in_bursts(run)


def in_bursts(run: TrainingRun, *, seconds: float = BURST_SECONDS) -> Iterator[StepRecord]:
    """Yield the run's records, taking as many steps at once as that many seconds allow."""
    count = 1
    while True:
        try:
            records = run.take(count)
        except StopIteration:
            return
        yield from records
        # At most twice as many: the first ones may have had to load something.
        count = max(1, min(2 * count, int(seconds / records[-1].seconds)))


def is_synchronized(run: TrainingRun, record: StepRecord | EvaluationRecord) -> bool:
    """Say whether the run has taken no step beyond this record's."""
    return record.step == run.step_number


def with_accuracy(run: TrainingRun, split: Split | None) -> Iterator[StepRecord | EvaluationRecord]:
    """Yield the run's records, and after each epoch one on how it does on the split.

    The latter are kept in `run.scores`, too. One that was due when a run stopped comes first when
    it is taken up again. Where there is no split, there are none.
    """
    if split is None:
        yield from iterate_for_device(run)
        return
    if _score_is_due(run):
        yield _score(run, split)
    for record in iterate_for_device(run):
        yield record
        if is_synchronized(run, record) and _score_is_due(run):
            yield _score(run, split)


def _score_is_due(run: TrainingRun) -> bool:
    """Say whether an epoch has ended, be it by a change of the batch size, and has no score yet."""
    if not run.history:
        return False
    scored = bool(run.scores) and run.scores[-1].step == run.history[-1].step
    return not scored and run.prepare()


def _score(run: TrainingRun, split: Split) -> EvaluationRecord:
    record = score_of(run, split)
    run.scores.append(record)
    return record


def score_of(run: TrainingRun, split: Split) -> EvaluationRecord:
    """Return how the run does on a split now, after its last step: by its loss and its metric."""
    loss, last = run.own_loss or run.hyperparameters.loss, run.history[-1]
    score = evaluate(run.model, split, loss=loss, metric=run.metric)
    return EvaluationRecord(
        step=last.step,
        epoch=last.epoch,
        images_seen=last.images_seen,
        loss=score.loss,
        accuracy=score.accuracy,
        mean_absolute_error=score.mean_absolute_error,
        r2=score.r2,
        metric=score.metric,
    )


def warm_up(device: torch.device) -> None:
    """Pay now for what torch loads when it first trains (seconds, once per process)."""
    use_usual_threads()
    model = LeNet5().to(device)
    optimizer = make_optimizer("momentum", model.parameters(), learning_rate=0.01)
    model(torch.zeros(2, 1, 32, 32, device=device)).sum().backward()
    optimizer.step()
