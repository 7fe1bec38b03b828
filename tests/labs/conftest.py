"""Small data of every kind that labs take: a table, a regression, coloured pictures."""

import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine

from tutorial_lib import from_tensors
from tutorial_lib.data import Data


def scaled(inputs) -> torch.Tensor:
    inputs = torch.tensor(inputs, dtype=torch.float32)
    return (inputs - inputs.mean(dim=0)) / inputs.std(dim=0)


@pytest.fixture(scope="session")
def wine() -> Data:
    """Return 138 wines to train on and 40 to choose by, of three classes."""
    bunch = load_wine()
    classes = ("barolo", "grignolino", "barbera")
    words = {"name": "wine", "noun": "wines", "classes": classes, "device": "cpu"}
    return from_tensors((scaled(bunch.data), bunch.target), **words).hold_out(40)


@pytest.fixture(scope="session")
def diabetes() -> Data:
    """Return 382 patients to train on and 60 to choose by, the targets in their own unit."""
    bunch = load_diabetes()
    words = {"name": "diabetes", "noun": "patients", "device": "cpu"}
    return from_tensors((scaled(bunch.data), bunch.target), **words).hold_out(60)


@pytest.fixture(scope="session")
def pictures() -> Data:
    """Return 60 coloured pictures of noise, of four classes, none of them held out."""
    inputs = torch.randn(60, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    words = {"name": "noise", "noun": "pictures", "device": "cpu"}
    return from_tensors((inputs, torch.arange(60) % 4), **words)
