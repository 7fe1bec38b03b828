"""With how many threads a run takes its steps: what was measured of its network and batch size."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.data import Data
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.hardware import (
    ThreadChoice,
    choose_threads,
    fixed_threads,
    usable_cores,
    use_usual_threads,
)
from tutorial_lib.models import copy_of
from tutorial_lib.random_state import seeded

SHORT_STEPS = 100  # so short a run ends before it has paid for a measurement
MOST_READ = 8  # examples of a streamed set that make up a batch, again and again


def threads_for(model: nn.Module, data: Data, *, batch_size: int, num_steps: int) -> ThreadChoice:
    """Return with how many threads a network learns fastest, now; torch then has that number here.

    A copy of it takes a few steps, without the update, where that has not been measured just now. A
    short run, one on a GPU, and what cannot be measured have the number of a LeNet.

    Args:
        model: On the data's device.
        batch_size: 1 or more.
        num_steps: Of the run.
    """
    if fixed_threads() or data.device.type != "cpu" or num_steps < SHORT_STEPS:
        return _as_usual("the run is short" if num_steps < SHORT_STEPS else "it is on a GPU")
    cores = usable_cores()
    if isinstance(data.train, StreamedSplit):
        cores = max(1, cores - data.train.workers)  # these read meanwhile
    what = _kind(model, data, batch_size)
    try:
        with torch.inference_mode(False), torch.enable_grad(), seeded(0):
            return choose_threads(what, _Step(model, data, batch_size), cores=cores)
    except Exception:  # whatever a learner's network does; its first step will say so
        return _as_usual("its network cannot be measured")


def _as_usual(reason: str) -> ThreadChoice:
    """Return the number of a LeNet, and say why it is this run's; what is fixed stays so."""
    choice = use_usual_threads()
    if fixed_threads():
        return choice
    return ThreadChoice(choice.count, f"as for a LeNet at batch 32, for {reason}")


class _Step:
    """Takes a step but for the update, with a copy of a network that is made when it is needed."""

    def __init__(self, model: nn.Module, data: Data, batch_size: int) -> None:
        self._parts = model, data, batch_size
        self._take: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self._take is None:
            self._take = _step_of(*self._parts)
        self._take()


def _step_of(model: nn.Module, data: Data, batch_size: int) -> Callable[[], None]:
    network = copy_of(model)
    for part in network.modules():
        for hooks in (part._forward_hooks, part._forward_pre_hooks):
            for number, hook in list(hooks.items()):
                if not _is_of_torch(hook):  # a learner's, which may note down what it sees
                    del hooks[number]
    few = data.train.first(
        min(batch_size, MOST_READ) if isinstance(data.train, StreamedSplit) else batch_size
    )[0]
    inputs = few[torch.arange(batch_size, device=few.device) % len(few)]  # (B, ...)

    def take() -> None:
        network.zero_grad()
        _sum(network(inputs.clone())).backward()  # it may change them in place

    return take


def _is_of_torch(hook: Callable[..., Any]) -> bool:
    module = getattr(hook, "__module__", None) or type(hook).__module__
    return module.partition(".")[0] == "torch"


def _sum(outputs: Any) -> Tensor:
    """Return what a loss might be, of whatever a network answers."""
    if isinstance(outputs, Tensor):
        return outputs.square().mean()
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return sum(_sum(part) for part in parts)


def _kind(model: nn.Module, data: Data, batch_size: int) -> str:
    """Return what tells steps apart that take different times."""
    shapes = [(tuple(weights.shape), str(weights.dtype)) for weights in model.parameters()]
    workers = data.train.workers if isinstance(data.train, StreamedSplit) else 0
    facts = (str(model), shapes, data.train.shape, model.training, workers)
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    return f"{type(model).__name__} {digest}, batch {batch_size}"
