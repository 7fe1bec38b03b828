"""Whether a network and data fit each other, found out before the first step."""

from typing import Any

from torch import Tensor, nn

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.data import Data
from tutorial_lib.evaluation import evaluating
from tutorial_lib.hardware import in_child_on_fresh_thread
from tutorial_lib.losses import check_outputs
from tutorial_lib.models import copy_of
from tutorial_lib.random_state import seeded

MOST_ASKED = 256  # examples, of a first batch
SIGNATURES = {  # of what a learner may hand in
    "update": "update(run, inputs, targets)",
    "loss": "loss(outputs, targets)",
    "metric": "metric(outputs, targets)",
}


def check_kinds(model: Any, data: Any, **functions: Any) -> None:
    """Refuse what is no network, no data, or no function where one is wanted, by TypeError."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module; got {shown(model)}")
    check_data_kind(data)
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function, {SIGNATURES[name]}; got {shown(function)}")


def check_data_kind(data: Any) -> None:
    """Refuse what is no Data, by a TypeError that says where it comes from."""
    if not isinstance(data, Data):
        raise TypeError(
            "data must come from load_digits, from_tensors, from_dataset, from_folder or from_csv; "
            f"got a {type(data).__name__}"
        )


def check_batch_size(size: int, data: Data, *, processes: int = 1) -> None:
    """Refuse a batch that is larger than the training set, or smaller than its processes."""
    count = len(data.train)
    why = f" (the training set of {data.name!r} has {count:,} {data.unit})"
    check_whole("batch_size", size, low=1, high=count, why=why)
    why = f" (each of {processes} processes needs an example)"
    check_whole("batch_size", size, low=processes, why=why)


def check_model(model: nn.Module, data: Data, *, batch_size: int) -> None:
    """Refuse a network that cannot take the inputs, or whose outputs do not fit the targets.

    A copy of it answers a first batch, in evaluation mode.

    Raises:
        ValueError: It says what does not fit.
    """
    in_child_on_fresh_thread(lambda: _check_model(model, data, batch_size))


def _check_model(model: nn.Module, data: Data, batch_size: int) -> None:
    inputs, targets = data.train.first(min(batch_size, MOST_ASKED))
    try:
        asked = copy_of(model)
    except Exception:  # one that cannot be copied is not asked before its first step
        return
    with evaluating(asked), seeded(0, data.device):
        try:
            outputs = asked(inputs)
        except Exception as error:  # whatever a learner's network does
            shape = list(inputs.shape)
            what = f"{type(error).__name__}: {error}"
            whole = (
                ""
                if inputs.is_floating_point()
                else (". They are whole numbers: make them floats, or begin with an nn.Embedding")
            )
            raise ValueError(
                f"the model cannot take the inputs of {data.name!r}, {shape} a batch: {what}{whole}"
            ) from error
    is_row = isinstance(outputs, Tensor) and outputs.dim() == 2
    if data.task == "classification" and is_row and outputs.shape[1] < data.num_outputs:
        raise ValueError(
            f"the model must answer with {data.num_outputs} logits, one for each class of "
            f"{data.name!r}; it answers with {outputs.shape[1]}"
        )
    check_outputs(outputs, targets)
