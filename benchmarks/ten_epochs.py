"""Train the original's ten epochs on all of MNIST, and keep what notebook 04 compares.

    python benchmarks/ten_epochs.py [--seeds 3] [--starts 20] [--device cpu]

Needs the full MNIST (`TUTORIAL_DATA_DIR` names its folder, or it is downloaded). Trains ten epochs
from each of the first seeds, one epoch from each further start: ten minutes on one core. Writes
tutorial_lib/reference/ten_epochs.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.data import Data
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.engine.records import StepRecord

FILE = Path(__file__).parents[1] / "tutorial_lib" / "reference" / "ten_epochs.json"
SPAN = 25  # steps whose mean loss says whether the plateau is left


def main() -> None:
    """Train, print a line an epoch, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="runs of ten epochs: 0, 1, ...")
    parser.add_argument("--starts", type=int, default=20, help="runs of one epoch or more in all")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    data = load_digits("mnist", device=options.device)
    runs = [
        train(data, seed, epochs=10 if seed < options.seeds else 1)
        for seed in range(max(options.seeds, options.starts))
    ]
    numbers = {"device": options.device, "torch": torch.__version__, "runs": runs}
    FILE.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def train(data: Data, seed: int, *, epochs: int) -> dict[str, Any]:
    """Return what a run from the original's initialisation tells: the fields of MnistRun."""
    settings = Hyperparameters(epochs=epochs, seed=seed)
    run = TrainingRun(LeNet5(init="mindspore", seed=seed), data, settings)
    for record in with_accuracy(run, data.test):
        if not isinstance(record, StepRecord):
            mean_loss = run.history[-1].mean_loss
            words = f"mean loss {mean_loss:.3f}, test accuracy {record.accuracy:.2%}"
            print(f"seed {seed}, epoch {record.epoch}: {words}", flush=True)
    ends = [record for record in run.history if record.epoch_step == record.epoch_steps]
    return {
        "seed": seed,
        "plateau_steps": plateau_steps([record.loss for record in run.history]),
        "mean_losses": [round(record.mean_loss, 4) for record in ends],
        "accuracies": [round(score.accuracy, 4) for score in run.scores],
    }


def plateau_steps(losses: list[float], below: float = 2.2) -> int:
    """Return the first step whose batch and the 24 before it have a mean loss below this."""
    return next(
        step for step in range(SPAN, len(losses)) if sum(losses[step - SPAN : step]) / SPAN < below
    )


if __name__ == "__main__":
    main()
