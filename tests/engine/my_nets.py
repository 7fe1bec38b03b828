"""Networks as a learner has them in a module: scripts bring them by their names."""

import torch
from torch import nn


class Residual(nn.Module):
    """Has dropout, batch normalisation, and a way around them."""

    def __init__(self, num_inputs: int = 13, num_outputs: int = 3) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(num_inputs, 16), nn.Linear(16, 16)
        self.norm, self.drop = nn.BatchNorm1d(16), nn.Dropout(0.3)
        self.out = nn.Linear(16, num_outputs)

    def forward(self, inputs):
        x = torch.relu(self.first(inputs))
        x = x + self.drop(torch.relu(self.norm(self.second(x))))
        return self.out(x)
