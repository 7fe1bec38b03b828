"""How long a save keeps the training thread, after a thousand steps and after a million.

`python tests/engine/save_cost.py` prints a line for each; a million takes half a minute.
"""

import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tutorial_lib import Hyperparameters, LeNet5, StepRecord, TrainingRun, checkpoint, load_digits

EPOCHS, BATCH, STEPS = 100_000, 32, 125  # planned, and of an epoch of the sample


def run_after(num_steps: int) -> TrainingRun:
    """Return LeNet on the sample with so long a history."""
    data = load_digits("sample", device="cpu")
    run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=EPOCHS, batch_size=BATCH))
    run.step()  # the optimizer has its buffers
    losses = np.random.default_rng(0).random(num_steps).tolist()
    run.history[:] = [
        StepRecord(
            step=index + 1,
            epoch=index // STEPS,
            epochs=EPOCHS,
            epoch_step=index % STEPS + 1,
            epoch_steps=STEPS,
            images_seen=BATCH * (index + 1),
            batch_size=BATCH,
            learning_rate=0.01,
            loss=loss,
            mean_loss=loss,
            seconds=0.003,
        )
        for index, loss in enumerate(losses)
    ]
    last = run.history[-1]
    run.batches.begin(last.epoch, last.epoch_step, BATCH * last.epoch_step, 1.0)
    return run


def measure(num_steps: int, saves: int, between: int) -> dict[str, float]:
    """Return seconds and bytes of saves, with so many real steps between two of them."""
    run, seconds = run_after(num_steps), []
    with tempfile.TemporaryDirectory() as folder:
        with checkpoint.Saver(run, Path(folder, "a.run")) as saver:
            assert saver.save()
            for _ in range(saves):
                list(itertools.islice(run, between))
                start = time.perf_counter()
                assert saver.save()
                seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        assert checkpoint.load(saver.path).step_number == num_steps + saves * between
        return {
            "median": float(np.median(seconds)),
            "mean": float(np.mean(seconds)),
            "longest": max(seconds),
            "load": time.perf_counter() - start,
            "bytes": saver.path.stat().st_size,
        }


def main() -> None:
    for num_steps, saves in ((1_000, 100), (100_000, 100), (1_000_000, 400)):
        got = measure(num_steps, saves, between=20)
        words = ", ".join(f"{got[name] * 1000:.1f} ms {name}" for name in ("median", "longest"))
        share = got["mean"] / 5
        print(
            f"{num_steps:,} steps: a save {words}; every 5 s that is {share:.2%} of the time; "
            f"{got['bytes'] / 1e6:.0f} MB, loaded in {got['load']:.2f} s"
        )


if __name__ == "__main__":
    sys.exit(main())
