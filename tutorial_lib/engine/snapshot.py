"""A step happens whole or not at all: what it may change is kept, and signals wait."""

import _signal  # signal.signal itself takes twenty times as long as what it wraps
import signal
import sys
import threading
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.engine.batches import Batches
from tutorial_lib.models import Kept

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
]


class Snapshot:
    """What a step may change of a run, kept again and again in the same memory.

    Copying all weights before each step would take a tenth of a small network's step. So it is
    done only where the update of the weights itself may be cut short: see `update_is_safe`.

    Args:
        with_gradients: Whether the gradients count: an update of the learner's own may gather
            them over several steps.
    """

    def __init__(self, *, with_gradients: bool) -> None:
        self._with_gradients = with_gradients
        self._tensors: list[Tensor] = []  # that were copied
        self._copies: list[Tensor] = []

    def take(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        at: Batches,
        history: list[Any],
        *,
        with_weights: bool,
        with_rest: bool = True,
    ) -> None:
        """Keep what there is now; the weights, and what the optimizer remembers, if asked.

        Args:
            with_rest: Whether the network may change more than its weights.
        """
        self._kept = Kept(model) if with_weights or with_rest else None
        self._at, self._position = at, (at.steps, at.taken, at.total_loss)
        self._history, self._num_records = history, len(history)
        self._optimizer, self._with_weights = optimizer, with_weights
        if self._kept is None:
            self._tensors = self._copies = []
            return
        tensors = self._kept.buffers
        if with_weights:
            weights = self._kept.parameters()
            self._options = [group.copy() for group in optimizer.param_groups]
            self._memories = {w: optimizer.state[w].copy() for w in weights if w in optimizer.state}
            memories = [value for memory in self._memories.values() for value in memory.values()]
            self._gradients = [(w, w.grad) for w in weights] if self._with_gradients else []
            tensors = [*tensors, *weights, *(v for v in memories if isinstance(v, Tensor))]
            tensors += [gradient for _, gradient in self._gradients if gradient is not None]
        self._copy(tensors)

    def put_back(self) -> None:
        """Let all of it be as it was; where that was cut short, it may be called again."""
        if self._kept is not None:
            self._kept.put_back()
        with torch.no_grad():
            for tensor, copy in zip(self._tensors, self._copies, strict=True):
                tensor.copy_(copy)
        if self._with_weights:
            self._put_back_optimizer()
        del self._history[self._num_records :]
        self._at.steps, self._at.taken, self._at.total_loss = self._position

    def _put_back_optimizer(self) -> None:
        state = self._optimizer.state
        for weights in [weights for weights in state if weights not in self._memories]:
            del state[weights]
        for weights, memory in self._memories.items():
            state[weights] = memory.copy()
        for group, options in zip(self._optimizer.param_groups, self._options, strict=True):
            group.update(options)
        for weights, gradient in self._gradients:
            weights.grad = gradient

    def _copy(self, tensors: list[Tensor]) -> None:
        as_before = len(tensors) == len(self._tensors) and all(
            one is other and one.dtype == copy.dtype and one.shape == copy.shape
            for one, other, copy in zip(tensors, self._tensors, self._copies, strict=True)
        )
        values = [tensor.detach() for tensor in tensors]
        if not as_before:
            self._copies = [value.clone() for value in values]
        elif values:
            torch._foreach_copy_(self._copies, values)  # one kernel on a GPU, not many
        self._tensors = tensors


def update_is_safe(optimizer: torch.optim.Optimizer) -> bool:
    """Say whether nothing but a signal, which can wait, may cut short this optimizer's step.

    Something else may be: a hook or a step put on it, its first step, which makes its memory, a
    device that runs out of memory, a debugger or another tracing function.
    """
    device = optimizer.param_groups[0]["params"][0].device
    return (
        device.type == "cpu"
        and type(optimizer).__module__.startswith("torch.optim.")
        and "step" not in vars(optimizer)
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and sys.gettrace() is None
        and not _is_monitored()
    )


def _is_monitored() -> bool:
    """Say whether a tool of sys.monitoring, which Python has from 3.12 on, is at work."""
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(map(monitoring.get_tool, range(6)))


class WaitingSignals:
    """Lets signals wait whose handlers might raise, from `hold` to `release`.

    Python calls handlers in the main thread alone, so elsewhere there is nothing to do.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}  # signal -> whose turn comes at the release
        self._came: list[tuple[int, FrameType | None]] = []

    def hold(self) -> None:
        """Let what comes from now on wait."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if callable(handler := _signal.getsignal(number)):
                    self._handlers[number] = handler  # first: it may not get lost
                    _signal.signal(number, self._note)

    def release(self) -> None:
        """Let handlers act again, first on what has come."""
        while self._handlers:
            number, handler = next(iter(self._handlers.items()))
            _signal.signal(number, handler)
            del self._handlers[number]
        while self._came:
            number, frame = self._came.pop(0)
            _signal.getsignal(number)(number, frame)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))
