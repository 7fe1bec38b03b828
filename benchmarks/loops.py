"""The bare loop that all else is held against, and ours in the same form: iterators over steps."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data import Data

ENDLESS = 1_000_000  # epochs


class BareLeNet(nn.Module):
    """LeNet as it is usually written: ReLU before pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, 10) for images (B, 1, 32, 32)."""
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)  # (B, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (B, 16, 5, 5)
        x = torch.flatten(x, 1)  # (B, 400)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)  # (B, 10)


def bare_loop(data: Data, batch_size: int) -> Iterator[float]:
    """Train as PyTorch's tutorials do, from tensors in memory; yield each loss, for ever."""
    torch.manual_seed(0)  # the weights that LeNet5() begins with, too
    model = BareLeNet()
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images, labels = data.train.images, data.train.labels
    while True:
        order = torch.randperm(len(images))
        for start in range(0, len(images) - batch_size + 1, batch_size):
            indices = order[start : start + batch_size]
            optimizer.zero_grad()
            loss = loss_function(model(images[indices]), labels[indices])
            loss.backward()
            optimizer.step()
            yield loss.item()


def endless_run(data: Data, batch_size: int) -> TrainingRun:
    """Return our run on the same task."""
    return TrainingRun(LeNet5(), data, Hyperparameters(epochs=ENDLESS, batch_size=batch_size))
