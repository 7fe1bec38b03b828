"""The LeNet that reads drawings in a page: trained for real, its weights written into a script.

``python -m tutorial_lib.playing.record_lenet`` trains it anew, in a few seconds.
"""

import base64
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, load_digits
from tutorial_lib.engine import TrainingRun
from tutorial_lib.evaluation import evaluate
from tutorial_lib.hardware import processor
from tutorial_lib.models import LeNet5, make_model
from tutorial_lib.playing.bundle import FOLDER, as_script

PATH = FOLDER / "recorded" / "lenet.js"
SETTINGS = Hyperparameters()
THREADS = 1  # another number may change the last digits


def record(data: Data, settings: Hyperparameters = SETTINGS) -> dict[str, Any]:
    """Train a LeNet and return what a page needs of it, and what it should say of it.

    Args:
        data: Digits, on the CPU.
    """
    run = TrainingRun(make_model(LeNet5, settings.seed), data, settings)
    run.use_threads(THREADS)
    for _ in run:
        pass
    scores = {name: getattr(data, name) for name in ("validation", "test")}
    return {
        "weights": weights_text(run.model),
        "parameters": sum(weights.numel() for weights in run.model.parameters()),
        "data": data.notice,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "settings": f"{settings.optimizer}, learning rate {settings.learning_rate:g}, batches of "
        f"{settings.batch_size}, {settings.epochs} epochs, seed {settings.seed}",
        "accuracy": {
            name: {"share": evaluate(run.model, split).accuracy, "of": len(split)}
            for name, split in scores.items()
            if split is not None
        },
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "processor": processor(),
    }


def weights_text(model: nn.Module) -> str:
    """Return all weights, float32 and little-endian, one layer after the other, in base64."""
    parts = [weights.detach().cpu().contiguous().numpy() for weights in model.parameters()]
    flat = np.concatenate([part.reshape(-1) for part in parts]).astype("<f4")
    return base64.b64encode(flat.tobytes()).decode()


def model_of(text: str) -> LeNet5:
    """Return the network whose weights these are."""
    flat = torch.from_numpy(np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32))
    model = LeNet5()
    nn.utils.vector_to_parameters(flat, model.parameters())
    return model


def write(path: Path, recorded: dict[str, Any]) -> None:
    """Write what was recorded into a script for pages."""
    about = (
        "// A LeNet5 trained for real, for the pad: made by tutorial_lib.playing.record_lenet.\n"
    )
    path.write_text(about + as_script("lenet", recorded), encoding="utf-8")


if __name__ == "__main__":
    made = record(load_digits("sample", device="cpu"))
    write(PATH, made)
    print(f"{PATH.name}: {PATH.stat().st_size:,} bytes, {made['accuracy']}")
