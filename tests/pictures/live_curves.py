"""A live curve with all that can stand on it, for tests."""

from collections.abc import Sequence

from tutorial_lib.engine.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.pictures.curve import LiveCurve


def crowded_curve(labels: Sequence[str], *, num_held_out: int = 100_000) -> LiveCurve:
    """Return the curves of runs with these labels; the last one goes on, its knobs were turned."""
    shown = ShownMetric("a metric of my very own", "metric", is_share=False)
    curve = LiveCurve(1000, num_held_out, noun="examples of some kind", shown=shown)
    for number, label in enumerate(labels):
        curve.begin(label, epochs=10_000 if len(labels) == 1 else 3)
        curve.add(_step(step, 20_000 / step) for step in range(1, 301))
        scores = [EvaluationRecord(300, 2, 3000, 1.0, metric=value) for value in (-1e-5, 12_345.6)]
        curve.add(scores)
        if number < len(labels) - 1:
            curve.end()
            continue
        for step in range(1, 301, 20):
            rate = Change(step, step * 10 - 10, "learning_rate", 0.1, step / 1e4)
            batch = Change(step, step * 10 - 10, "batch_size", 10, 1000 + step)
            for change in (rate, batch):
                curve.mark(change)
    return curve


def _step(step: int, loss: float) -> StepRecord:
    return StepRecord(
        step=step, epoch=(step - 1) // 100, epochs=3, epoch_step=(step - 1) % 100 + 1,
        epoch_steps=100, images_seen=step * 10, batch_size=10, learning_rate=0.01, loss=loss,
        mean_loss=loss, seconds=0.005,
    )  # fmt: skip
