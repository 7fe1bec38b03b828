"""Train real neural networks in a notebook, and watch them learn."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Digits, Split, load_digits
from tutorial_lib.engine import checkpoint
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.engine.monitor import monitor, monitor_table, step_line
from tutorial_lib.engine.records import Diverged, EvaluationRecord, StepRecord
from tutorial_lib.engine.script import script_of
from tutorial_lib.engine.session import Session
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.evaluation import evaluate, hardest_mistakes
from tutorial_lib.hardware import choose_device
from tutorial_lib.models import LeNet5

__all__ = [
    "Digits",
    "Diverged",
    "EvaluationRecord",
    "Hyperparameters",
    "LeNet5",
    "ProcessesRun",
    "Session",
    "Split",
    "StepRecord",
    "TrainingRun",
    "checkpoint",
    "choose_device",
    "evaluate",
    "hardest_mistakes",
    "load_digits",
    "monitor",
    "monitor_table",
    "script_of",
    "step_line",
    "with_accuracy",
]


def lazily(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return what finds the names of a package when they are first asked for, as its __getattr__.

    Args:
        modules: Name -> the module of the package that has it.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return find


__getattr__ = lazily(__name__, {"ProcessesRun": "engine.processes"})  # it loads torch.distributed
