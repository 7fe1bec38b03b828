"""Small networks of many kinds: each keeps, or draws, something in a way of its own.

All map images (B, 1, 32, 32) to logits (B, 10).
"""

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from tutorial_lib import LeNet5


class Small(nn.Module):
    """Eight by eight pixels, sixteen hidden features; subclasses change what lies between."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.between(torch.tanh(self.hidden(F.avg_pool2d(images, 4).flatten(1)))))

    def between(self, features: Tensor) -> Tensor:
        return features


class FunctionalDropout(Small):
    def between(self, features):
        return F.dropout(features, 0.4, training=self.training)


class RandomForward(Small):
    """Draws from all three global generators, when it answers too."""

    def between(self, features):
        noise = torch.rand_like(features) + float(np.random.rand()) + random.random()
        return features * (1 + 0.1 * noise)


class StochasticDepth(Small):
    def between(self, features):
        return features if self.training and random.random() < 0.5 else features + features.sin()


class LateNoise(Small):
    """Counts its calls in an attribute, and draws from the fourth on."""

    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def between(self, features):
        if self.training:
            self.calls += 1
        return features + (0.1 * torch.randn_like(features) if self.calls > 3 else 0)


class UnsavedBuffer(Small):
    """Follows the mean of its features in a buffer that torch does not save."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(16), persistent=False)

    def between(self, features):
        if self.training:
            self.mean.mul_(0.9).add_(features.detach().mean(0), alpha=0.1)
        return features - self.mean


class PlainTensors(Small):
    """Follows means in tensors that are mere attributes: one is replaced, one changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.total = torch.zeros(16), torch.zeros(16)

    def between(self, features):
        self.noted = features  # as many a learner does; nothing comes of it
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * features.detach().mean(0)
            self.total += features.detach().mean(0)
        return features - self.mean + 0.01 * self.total


class ReplacedBuffer(Small):
    """Puts a new tensor in the place of its buffers; one of them is there from a step on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("late", None, persistent=False)

    def between(self, features):
        if self.training:
            self.count = self.count + 1
            self.late = features.detach().mean(0) + (0 if self.late is None else self.late)
        return features + (0 if self.late is None else 0.01 * self.late) + 0.01 * self.count


class ExtraState(Small):
    """Tells what it keeps by get_extra_state: how many batches it saw, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = {"batches": 0, "mean": torch.zeros(16)}

    def between(self, features):
        if self.training:
            batches, mean = self.seen["batches"] + 1, features.detach().mean(0)
            self.seen = {"batches": batches, "mean": self.seen["mean"] + mean / batches}
        return features - 0.1 * self.seen["mean"]

    def get_extra_state(self):
        return self.seen

    def set_extra_state(self, state):
        self.seen = state


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(32, 12, 2, batch_first=True, dropout=0.5), nn.Linear(12, 10)

    def forward(self, images):
        return self.out(self.lstm(images[:, 0])[0][:, -1])


class Tied(nn.Module):
    """Goes back through the transposed weights of its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.back = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
        self.back.weight = self.there.weight
        self.out = nn.Linear(64, 10)

    def forward(self, images):
        pixels = F.avg_pool2d(images, 4).flatten(1)
        return self.out(self.back(torch.tanh(self.there(pixels))))


class Double(Small):
    def __init__(self) -> None:
        super().__init__()
        self.double()

    def forward(self, images):
        return super().forward(images.double())


def convolutional(*between: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=4), *between, nn.ReLU(), nn.Flatten(), nn.Linear(196, 10)
    )


def partly_frozen() -> nn.Module:
    net = convolutional(nn.BatchNorm2d(4))
    net[0].requires_grad_(False)
    return net


def partly_evaluating() -> nn.Module:
    net = convolutional(nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    net[1].eval()
    return net


def lazy() -> nn.Module:
    return nn.Sequential(
        nn.LazyConv2d(4, 5, stride=4), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10)
    )


def spectral() -> nn.Module:
    net = Small()
    parametrizations.spectral_norm(net.hidden)
    return net


def hooked() -> nn.Module:
    net = LeNet5()
    net.fc1.register_forward_hook(lambda part, inputs, output: output + 0.1 * random.random())
    return net


ZOO: dict[str, Callable[[], nn.Module]] = {
    "LeNet": LeNet5,
    "batch normalisation": lambda: convolutional(nn.BatchNorm2d(4)),
    "cumulative average": lambda: convolutional(nn.BatchNorm2d(4, momentum=None)),
    "frozen": partly_frozen,
    "partly evaluating": partly_evaluating,
    "dropout": lambda: convolutional(nn.Dropout(0.3)),
    "F.dropout": FunctionalDropout,
    "RReLU": lambda: convolutional(nn.RReLU()),
    "LSTM": Recurrent,
    "random forward": RandomForward,
    "stochastic depth": StochasticDepth,
    "late noise": LateNoise,
    "hook": hooked,
    "tied": Tied,
    "lazy": lazy,
    "float64": Double,
    "unsaved buffer": UnsavedBuffer,
    "replaced buffer": ReplacedBuffer,
    "extra state": ExtraState,
    "plain tensors": PlainTensors,
    "spectral norm": spectral,
}
DRAWS = {
    "dropout",
    "F.dropout",
    "RReLU",
    "LSTM",
    "random forward",
    "stochastic depth",
    "late noise",
    "hook",
}
