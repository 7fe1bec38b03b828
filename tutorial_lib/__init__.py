"""Train real neural networks in a notebook, and watch them learn."""

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import load_digits
from tutorial_lib.evaluation import evaluate
from tutorial_lib.models import LeNet5
from tutorial_lib.session import Session
from tutorial_lib.train import Diverged, TrainingRun

__all__ = [
    "Diverged",
    "Hyperparameters",
    "LeNet5",
    "Session",
    "TrainingRun",
    "evaluate",
    "load_digits",
]
