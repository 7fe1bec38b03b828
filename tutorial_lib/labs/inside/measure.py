"""What goes on inside a network while it trains: gradients, updates and dead ReLUs by layer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tutorial_lib.checks import check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import StepRecord, TrainingRun
from tutorial_lib.models import LeNet5

EVERY = 10  # a look costs less than half a step, so this slows a run by about a twentieth


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """What one step did to one layer; w is all that the layer learns, biases included."""

    layer: str
    gradient_norm: float  # ||g||, of the loss of this batch
    weight_norm: float  # ||w||, before the update
    update_norm: float  # ||w after - w before||
    dead_share: float | None  # of its ReLU's units, 0 to 1; None if no ReLU follows the layer

    @property
    def update_ratio(self) -> float:
        """How long the update is, as a share of the weights; infinite if all of them were 0."""
        if self.weight_norm:
            return self.update_norm / self.weight_norm
        return float("inf") if self.update_norm else 0.0


@dataclass(frozen=True, slots=True)
class InsideRecord:
    """What one step did to each layer, in the order in which the model names them."""

    step: int  # of the run, from 1
    layers: tuple[LayerRecord, ...]


def looking_inside(run: TrainingRun, *, every: int = EVERY) -> Iterator[StepRecord | InsideRecord]:
    """Yield the run's records, and after the first and each `every`-th one a look inside.

    The run is not changed: losses, weights and random state are what they are without it, bit for
    bit. A unit of a ReLU is dead if it gave 0 for every image of the batch; a filter of a
    convolution is one unit, and dead if it gave 0 everywhere. Dead units pass no gradient on.

    Args:
        run: Any model will do. Looked at are its parts that hold weights of their own, and each
            call of ReLU, which counts for the layer that was called last before it.
        every: Steps from one look to the next, 1 or more.

    Raises:
        ValueError: every is less than 1.

    Source: Karpathy, notes of Stanford's course CS231n, "Neural networks, part 3", for the ratio.
    """
    check_whole("every", every, low=1)
    return _looked(run, every)


def _looked(run: TrainingRun, every: int) -> Iterator[StepRecord | InsideRecord]:
    layers = layers_of(run.model)
    while True:
        if run.step_number % every:
            records = tuple(islice(run, 1))
        else:
            before = {name: _weights(layer) for name, layer in layers.items()}
            with _ReluWatch(layers) as watch:
                records = tuple(islice(run, 1))
            looks = (
                LayerRecord(name, *_norms(layer, before[name]), watch.dead_shares.get(name))
                for name, layer in layers.items()
            )
            records += tuple(InsideRecord(step.step, tuple(looks)) for step in records)
        if not records:
            return
        yield from records


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the parts of a model that hold weights of their own, by name."""
    return {
        name or "model": part
        for name, part in model.named_modules()
        if next(part.parameters(recurse=False), None) is not None
    }


def _weights(layer: nn.Module) -> Tensor:
    """Return a copy of all that the layer learns: (P,)."""
    return torch.cat([p.detach().flatten() for p in layer.parameters(recurse=False)])


def _norms(layer: nn.Module, before: Tensor) -> list[float]:
    """Return the lengths of gradient, weights before the update, and update."""
    gradients = [p.grad for p in layer.parameters(recurse=False) if p.grad is not None]
    gradient = torch.cat([g.flatten() for g in gradients]) if gradients else before.new_zeros(1)
    changed = _weights(layer) - before
    return torch.stack([part.norm() for part in (gradient, before, changed)]).tolist()


class _ReluWatch(TorchFunctionMode):
    """While it is entered, notes for each layer the share of dead units in the ReLU after it.

    F.relu is a plain function, which no forward hook sees; a torch function mode sees every call.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.dead_shares: dict[str, float] = {}
        self._layers, self._last = layers, None  # the layer called last

    def __enter__(self) -> Self:
        self._hooks = [
            layer.register_forward_hook(partial(self._note, name))
            for name, layer in self._layers.items()
        ]
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def _note(self, name: str, *_: Any) -> None:
        self._last = name

    def __torch_function__(self, function, types, args=(), kwargs=None) -> Any:
        result = function(*args, **(kwargs or {}))
        if self._last is not None and function.__name__ in ("relu", "relu_"):
            self.dead_shares[self._last] = dead_share(result)
        return result


def dead_share(activations: Tensor) -> float:
    """Return the share of units that are 0 for every image, 0 to 1.

    Args:
        activations: What a ReLU gave, (B, units) or (B, filters, rows, columns).
    """
    units = activations.detach().transpose(0, 1).flatten(1)  # (units, B * rows * columns)
    return (units <= 0).all(dim=1).float().mean().item()


def train_and_look(
    data: Data,
    *,
    init: str = "torch",
    learning_rate: float = 0.01,
    num_steps: int = 400,
    every: int = EVERY,
) -> Iterator[StepRecord | InsideRecord]:
    """Train LeNet for so many steps, with batches of 32 and momentum 0.9, and look inside."""
    check_whole("num_steps", num_steps, low=1)
    settings = Hyperparameters(learning_rate=learning_rate, epochs=num_steps)  # more than enough
    run = TrainingRun(LeNet5(init=init), data, settings)
    return islice(looking_inside(run, every=every), count_records(num_steps, every=every))


def count_records(num_steps: int, *, every: int = EVERY) -> int:
    """Return how many records so many steps make, looks included."""
    return num_steps + (num_steps - 1) // every + 1


def describe(records: Sequence[StepRecord | InsideRecord]) -> str:
    """Say in words what the last look found."""
    look = next((r for r in reversed(records) if isinstance(r, InsideRecord)), None)
    if look is None:
        return "Gradients, updates and dead ReLUs of each layer, every tenth step."
    first, last = look.layers[0], look.layers[-1]
    dead = max(look.layers, key=lambda layer: layer.dead_share or 0)
    return (
        f"Step {look.step:,}: the gradient is {first.gradient_norm:.2g} long in {first.layer} "
        f"and {last.gradient_norm:.2g} in {last.layer}. A step changes {first.layer} by "
        f"{100 * first.update_ratio:.2g} % and {last.layer} by {100 * last.update_ratio:.2g} %. "
        f"Most dead ReLUs: {100 * (dead.dead_share or 0):.0f} % in {dead.layer}."
    )
