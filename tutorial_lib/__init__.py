"""Train real neural networks in a notebook, and watch them learn."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tutorial_lib import checks, interrupts

if sys.argv[:1] == ["-m"]:  # python -m tutorial_lib, on its way to the command line
    interrupts.exit_at_once()  # while torch is loading
    checks.suspect_other_packages()

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import (
    Data,
    Split,
    from_csv,
    from_dataset,
    from_folder,
    from_tensors,
    load_digits,
)
from tutorial_lib.engine import (
    Diverged,
    EvaluationRecord,
    Session,
    StepRecord,
    TrainingRun,
    checkpoint,
    monitor,
    monitor_table,
    progress,
    script_of,
    step_line,
    with_accuracy,
)
from tutorial_lib.evaluation import evaluate, hardest_mistakes, predict
from tutorial_lib.hardware import choose_device
from tutorial_lib.models import LeNet5


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[..., Any], ...]:
    """Return a package's __getattr__, which finds names when they are asked for, and __dir__.

    Args:
        modules: Module of the package -> the names to be had from it, with spaces between.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return find, lambda: sorted(module_of)


__getattr__, _ = lazily(__name__, {"engine.processes": "ProcessesRun"})  # loads torch.distributed
if "IPython" in sys.modules:
    importlib.import_module("tutorial_lib.pictures")  # gives words to figures that cells show
