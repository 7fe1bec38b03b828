"""What a step may change, copied before it: so it happens whole or not at all."""

from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.engine.batches import Batches
from tutorial_lib.models import Kept


class Snapshot:
    """Copies of model, optimizer, position and history, taken again and again in one memory.

    Args:
        with_gradients: Whether the gradients count: an update of the learner's own may gather
            them over several steps.
    """

    def __init__(self, *, with_gradients: bool) -> None:
        self._with_gradients = with_gradients
        self._tensors: list[Tensor] = []  # that were copied
        self._copies: list[Tensor] = []

    def take(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, at: Batches, history: list[Any]
    ) -> None:
        """Copy what there is now."""
        self._kept = Kept(model)
        self._at, self._position = at, (at.steps, at.taken, at.total_loss)
        self._history, self._num_records = history, len(history)
        self._optimizer = optimizer
        self._options = [group.copy() for group in optimizer.param_groups]
        parameters = self._kept.parameters
        self._memories = {w: optimizer.state[w].copy() for w in parameters if w in optimizer.state}
        memories = [value for memory in self._memories.values() for value in memory.values()]
        gradients = [(w, w.grad) for w in parameters] if self._with_gradients else []
        self._gradients = gradients
        self._copy(
            [*parameters, *self._kept.buffers]
            + [value for value in memories if isinstance(value, Tensor)]
            + [gradient for _, gradient in gradients if gradient is not None]
        )

    def put_back(self) -> None:
        """Let all of it be as it was; where that was cut short, it may be called again."""
        self._kept.put_back()
        with torch.no_grad():
            for tensor, copy in zip(self._tensors, self._copies, strict=True):
                tensor.copy_(copy)
        for weights in list(self._optimizer.state):
            if weights not in self._memories:
                del self._optimizer.state[weights]
        for weights, memory in self._memories.items():
            self._optimizer.state[weights] = memory.copy()
        for group, options in zip(self._optimizer.param_groups, self._options, strict=True):
            group.update(options)
        for weights, gradient in self._gradients:
            weights.grad = gradient
        del self._history[self._num_records :]
        self._at.steps, self._at.taken, self._at.total_loss = self._position

    def _copy(self, tensors: list[Tensor]) -> None:
        as_before = len(tensors) == len(self._tensors) and all(
            one is other and one.dtype == copy.dtype and one.shape == copy.shape
            for one, other, copy in zip(tensors, self._tensors, self._copies, strict=True)
        )
        with torch.no_grad():
            if as_before:
                torch._foreach_copy_(self._copies, tensors)  # one kernel on a GPU, not many
            else:
                self._copies = [tensor.clone() for tensor in tensors]
        self._tensors = tensors
