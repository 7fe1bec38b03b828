"""Do we compute what MindSpore computed? From its weights, on its batches, step by step."""

import io
import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data, Split, normalise
from tutorial_lib.engine import TrainingRun, order_of_epoch
from tutorial_lib.models import LeNet5
from tutorial_lib.table import Table

FOLDER = Path(__file__).parents[2] / "reference"
PAGE_LOSSES = (1.176, 0.080, 0.054, 0.041, 0.032, 0.027, 0.024, 0.022, 0.018, 0.017)


@dataclass(frozen=True, eq=False)
class Reference:
    """A short training as MindSpore did it."""

    pixels: Tensor  # (N, 28, 28) uint8, the digits of all batches in the order of their use
    labels: Tensor  # (N,) int64
    first_batch: Tensor  # (32, 1, 32, 32) float32, as MindSpore prepared it
    losses: list[float]  # of each step, before its update
    initial: dict[str, Tensor]  # parameters before the first step
    final: dict[str, Tensor]  # every `final_stride`th value of those after the last, flattened
    final_stride: int

    def __repr__(self) -> str:
        return f"Reference({len(self.losses)} steps, {len(self.labels):,} images)"


def load_reference() -> Reference:
    """Return the hundred steps that travel with the tutorial; see reference/README.md."""
    packed = (FOLDER / "mindspore.npz.xz").read_bytes()
    return reference_of(np.load(io.BytesIO(lzma.decompress(packed))))


def reference_of(arrays: Mapping[str, np.ndarray]) -> Reference:
    """Return the reference that these arrays hold, by the names in reference/README.md."""

    def tensors(prefix: str) -> dict[str, Tensor]:
        names = [name for name in arrays if name.startswith(prefix)]
        return {name.removeprefix(prefix): torch.from_numpy(arrays[name]) for name in names}

    return Reference(
        pixels=torch.from_numpy(arrays["pixels"]),
        labels=torch.from_numpy(arrays["labels"].astype(np.int64)),
        first_batch=torch.from_numpy(arrays["first_batch"]),
        losses=arrays["losses"].tolist(),
        initial=tensors("initial."),
        final=tensors("final."),
        final_stride=int(arrays["final_stride"]),
    )


def reference_run(reference: Reference, *, device: str = "cpu") -> TrainingRun:
    """Return a run of ours from MindSpore's weights that will draw MindSpore's batches."""
    settings = Hyperparameters(epochs=1)  # the rest is the original's by default
    images = normalise(reference.pixels)  # (N, 1, 32, 32)
    # The run takes the images in an order of its own: lay them so that it meets them in theirs.
    order = order_of_epoch(len(images), seed=settings.seed, epoch=0)
    split = Split(torch.empty_like(images), torch.empty_like(reference.labels))
    split.images[order], split.labels[order] = images, reference.labels
    split = Split(split.images.to(device), split.labels.to(device))
    digits = Data("reference", "MindSpore's batches.", split, split, torch.device(device))
    model = LeNet5(init="mindspore")
    model.load_state_dict(reference.initial)
    return TrainingRun(model, digits, settings)


def largest_weight_difference(run: TrainingRun, reference: Reference) -> float:
    """Return how far any weight of the run lies from MindSpore's after the last step."""
    ours = {name: weight.detach().cpu() for name, weight in run.model.named_parameters()}
    stride = reference.final_stride
    return max(
        (ours[name].flatten()[::stride] - theirs.flatten()).abs().max().item()
        for name, theirs in reference.final.items()
    )


@dataclass(frozen=True, slots=True)
class MnistRun:
    """What a run of ours on all of MNIST told, from weights drawn as MindSpore's page does."""

    seed: int
    plateau_steps: int  # until the mean loss of 25 steps fell below 2.2
    mean_losses: list[float]  # of each epoch
    accuracies: list[float]  # on all test digits after each epoch, 0 to 1


def load_mnist_runs(*, epochs: int) -> list[MnistRun]:
    """Return the runs of at least so many epochs that benchmarks/ten_epochs.py made."""
    numbers: dict[str, Any] = json.loads((FOLDER / "ten_epochs.json").read_text(encoding="utf-8"))
    runs = [MnistRun(**run) for run in numbers["runs"]]
    return [run for run in runs if len(run.mean_losses) >= epochs]


def epochs_table(runs: Sequence[MnistRun]) -> Table:
    """Return a line for each of ten epochs: MindSpore's mean loss, ours, our test accuracy."""
    heads = ["epoch", "the page", f"ours, mean of {len(runs)}", "lowest to highest"]
    rows = []
    for epoch, theirs in enumerate(PAGE_LOSSES):
        losses = [run.mean_losses[epoch] for run in runs]
        accuracies = [run.accuracies[epoch] for run in runs]
        cells = [f"{theirs:.3f}", *_mean_and_range(losses, ".3f")]
        rows.append([str(epoch), *cells, *_mean_and_range(accuracies, ".2%")])
    return Table([*heads, "test accuracy", "lowest to highest"], rows)


def _mean_and_range(values: Sequence[float], form: str) -> tuple[str, str]:
    return f"{mean(values):{form}}", f"{min(values):{form}} to {max(values):{form}}"
