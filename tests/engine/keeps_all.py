"""A network that keeps something in every way that there is; other processes can import it."""

import torch
import torch.nn.functional as F
from torch import nn


class KeepsAll(nn.Module):
    """Has frozen and evaluating parts, a buffer that torch does not save, extra state, a count."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 16), nn.Linear(16, 10)
        self.hidden.requires_grad_(False)
        self.norm = nn.BatchNorm1d(16).eval()
        self.register_buffer("mean", torch.zeros(16), persistent=False)
        self.seen = {"mean": torch.zeros(16)}
        self.calls = 0

    def forward(self, images):
        features = self.norm(torch.tanh(self.hidden(F.avg_pool2d(images, 4).flatten(1))))
        if self.training:
            self.calls += 1
            self.mean.mul_(0.9).add_(features.detach().mean(0), alpha=0.1)
            self.seen = {"mean": self.seen["mean"] + features.detach().mean(0)}
        features = F.dropout(features - self.mean, 0.3, training=self.training)
        return self.out(features - self.calls * 0.001 * self.seen["mean"])

    def get_extra_state(self):
        return self.seen

    def set_extra_state(self, state):
        self.seen = state
