"""What goes on inside a network while it trains: gradients, updates and dead ReLUs by layer."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.data import Data
from tutorial_lib.engine import StepRecord, TrainingRun
from tutorial_lib.engine.run import Update
from tutorial_lib.labs.own import spread_over
from tutorial_lib.losses import LossFunction
from tutorial_lib.models import INITS, LeNet5
from tutorial_lib.panels.run_maker import NewRun, RunMaker

EVERY = 10  # a look costs less than half a step, so this slows a run by about a twentieth
MOST_LAYERS = 8  # as many as there are colours
MOST_LETTERS = 16  # of a layer's name, in pictures and words


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
    bit. A unit of a ReLU is dead if it gave 0 for every example of the batch; a filter of a
    convolution is one unit, and dead if it gave 0 everywhere. Dead units pass no gradient on.

    Args:
        run: Any model will do. Looked at are its parts that hold weights of their own, and each
            call of ReLU within it, be it a layer, a function or a clamp at 0, which counts for the
            layer that was called last before it. A leaky ReLU is never dead.
        every: Steps from one look to the next, 1 or more.

    Raises:
        ValueError: every is less than 1.

    Source: Karpathy, notes of Stanford's course CS231n, "Neural networks, part 3", for the ratio.
    """
    check_whole("every", every, low=1)
    return _looked(run, every)


def _looked(run: TrainingRun, every: int) -> Iterator[StepRecord | InsideRecord]:
    while True:
        if run.step_number % every:
            records = tuple(islice(run, 1))
        else:
            layers = layers_of(run.model)
            before = {name: _copies(weights) for name, weights in layers.items()}
            with _ReluWatch(run.model, layers) as watch, _gradients_of(run) as lengths:
                records = tuple(islice(run, 1))
            looks = (
                LayerRecord(
                    name,
                    *_norms(weights, before[name], lengths),
                    watch.dead_shares.get(name),
                )
                for name, weights in layers.items()
            )
            records += tuple(InsideRecord(step.step, tuple(looks)) for step in records)
        if not records:
            return
        yield from records


def layers_of(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the weights of each part of a model that holds some of its own, by its name.

    What the model itself holds goes by the name of its class. The parts that a layer's weight is
    computed from, as by torch's weight_norm, count as that layer's.
    """
    layers: dict[str, list[nn.Parameter]] = {}
    for name, part in model.named_modules():
        if weights := list(part.parameters(recurse=False)):
            layers.setdefault(_owner(name) or type(model).__name__, []).extend(weights)
    return layers


def _owner(name: str) -> str:
    """Return the name of the layer that a part belongs to: "fc" of "fc.parametrizations.weight"."""
    return f".{name}".partition(".parametrizations.")[0].removeprefix(".")


def _copies(weights: Iterable[Tensor]) -> list[Tensor]:
    return [weight.detach().clone() for weight in weights]


@contextlib.contextmanager
def _gradients_of(run: TrainingRun) -> Iterator[dict[Tensor, Tensor]]:
    """Note the length of each gradient as the optimizer sees it, where a step is the learner's own.

    Such a step may clear them afterwards.
    """
    lengths: dict[Tensor, Tensor] = {}

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            lengths.update({w: _length([w.grad]) for w in group["params"] if w.grad is not None})

    if run.update is None:
        yield lengths
        return
    hook = run.optimizer.register_step_pre_hook(note)
    try:
        yield lengths
    finally:
        hook.remove()


def _norms(
    weights: Sequence[nn.Parameter], before: Sequence[Tensor], lengths: Mapping[Tensor, Tensor]
) -> list[float]:
    """Return the lengths of gradient, weights before the update, and update."""
    noted = [lengths[weight] for weight in weights if weight in lengths]
    if not noted:
        noted = [_length([weight.grad]) for weight in weights if weight.grad is not None]
    gradient = _length(noted) if noted else before[0].new_zeros(()).abs()
    changed = [now.detach() - old for now, old in zip(weights, before, strict=True)]
    return torch.stack([gradient, _length(before), _length(changed)]).tolist()


def _length(tensors: Sequence[Tensor]) -> Tensor:
    """Return how long tensors are together, sparse ones too: ()."""
    lengths = [torch.linalg.vector_norm(tensor.to_dense()) for tensor in tensors]
    return torch.linalg.vector_norm(torch.stack([part.to(lengths[0]) for part in lengths]))


class _ReluWatch(TorchFunctionMode):
    """While it is entered, notes for each layer the share of dead units in the ReLU after it.

    F.relu is a plain function, which no forward hook sees; a torch function mode sees every call.
    Those outside of the model, within a loss say, do not count.
    """

    def __init__(self, model: nn.Module, layers: Iterable[str]) -> None:
        super().__init__()
        self.dead_shares: dict[str, float] = {}
        self._model, self._layers = model, layers
        self._last: str | None = None  # the layer called last
        self._kind: nn.Module | None = None  # and what it is

    def __enter__(self) -> Self:
        parts = dict(self._model.named_modules())
        self._hooks = [
            parts[name].register_forward_hook(partial(self._note, name))
            for name in self._layers
            if name in parts
        ]
        # Added last, so that it is called last: whatever comes then is no longer the model's.
        self._hooks.append(self._model.register_forward_hook(partial(self._note, None)))
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def _note(self, name: str | None, part: nn.Module, *_: Any) -> None:
        self._last, self._kind = name, part

    def __torch_function__(self, function, types, args=(), kwargs=None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if self._last is not None and (kind := _relu_kind(_name(function), args, kwargs)):
            share = dead_share(result, units_at=self._units_at(result)) if kind == "relu" else 0.0
            # A layer that is called several times is as dead as it is in the liveliest of them.
            self.dead_shares[self._last] = min(share, self.dead_shares.get(self._last, share))
        return result

    def _units_at(self, result: Tensor) -> int:
        """Return which dimension the units of the layer called last lie along."""
        if isinstance(self._kind, _ConvNd | _NormBase | nn.GroupNorm):
            return 1
        return -1 if isinstance(self._kind, nn.Linear) or result.dim() == 3 else 1


def _name(function: Any) -> str:
    return getattr(function, "__name__", "")


def _relu_kind(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return "relu" for a call that makes negative numbers 0, "leaky", or "" for all others."""
    name = name.strip("_")  # in place, or one that torch renames
    if name in ("relu", "relu6"):
        return "relu"
    if name == "leaky_relu":
        slope = args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01)
        return "leaky" if slope else "relu"
    at = {"clamp": "min", "clip": "min", "clamp_min": "min", "hardtanh": "min_val"}
    at["threshold"] = "threshold"
    if name not in at:
        return ""
    low = args[1] if len(args) > 1 else kwargs.get(at[name])
    return "relu" if isinstance(low, int | float) and low == 0 else ""


def dead_share(activations: Tensor, *, units_at: int = 1) -> float:
    """Return the share of units that are 0 for every example, 0 to 1.

    Args:
        activations: What a ReLU gave, (B, units), (B, filters, ...) or (B, ..., units).
        units_at: The dimension that the units lie along.
    """
    activations = activations.detach()
    if activations.dim() < 2:  # one unit, (B,), or one number
        activations = activations.reshape(-1, 1)
    units = activations.movedim(units_at, 0).flatten(1)  # (units, B * what else there is)
    return (units <= 0).all(dim=1).float().mean().item()


def train_and_look(
    data: Data,
    *,
    init: str = "torch",
    learning_rate: float = 0.01,
    num_steps: int = 400,
    every: int = EVERY,
    new_model: Callable[..., nn.Module] | None = None,
    new_run: NewRun = TrainingRun,
    update: Update | None = None,
    loss: LossFunction | None = None,
) -> Iterator[StepRecord | InsideRecord]:
    """Train a network for so many steps, with batches of 32 and momentum 0.9, and look inside.

    Args:
        data: Of any kind. Of few examples, batches are smaller.
        init: Of LeNet5 alone: "torch" or "mindspore".
        learning_rate: Above 0.
        num_steps: 1 or more.
        every: Steps from one look to the next, 1 or more.
        new_model: Makes any network that fits the data, with a seed if it takes one. None:
            `data.default_network`.
        new_run: Called with model, data and settings, and with those of the next two that there
            are, by name.
        update, loss: A step and a loss of your own, as of TrainingRun.

    Raises:
        TypeError, ValueError: Something is not what is wanted, or does not fit the data.
    """
    check_whole("num_steps", num_steps, low=1)
    check_choice("init", init, INITS)
    make_run = RunMaker(data, new_model, new_run, update=update, loss=loss)
    if make_run.new_model is LeNet5:
        make_run.new_model = partial(LeNet5, init=init)
    elif init != INITS[0]:
        raise ValueError(f"init must be {INITS[0]!r} for a network that is no LeNet5; got {init!r}")
    settings = make_run.first_settings()
    settings = settings.replace(learning_rate=learning_rate, epochs=num_steps)  # more than enough
    check_whole("every", every, low=1)
    return _first(make_run(settings), count_records(num_steps, every=every), every)


def _first(run: TrainingRun, count: int, every: int) -> Iterator[StepRecord | InsideRecord]:
    try:
        yield from islice(looking_inside(run, every=every), count)
    finally:
        run.close()


def count_records(num_steps: int, *, every: int = EVERY) -> int:
    """Return how many records so many steps make, looks included."""
    return num_steps + (num_steps - 1) // every + 1


def describe(records: Sequence[StepRecord | InsideRecord]) -> str:
    """Say in words what the last look found."""
    look = next((r for r in reversed(records) if isinstance(r, InsideRecord)), None)
    if look is None:
        return "Gradients, updates and dead ReLUs of each layer, every tenth step."
    ends = list(dict.fromkeys((look.layers[0], look.layers[-1])))
    names = [short_name(layer.layer) for layer in ends]
    lengths = [
        f"{layer.gradient_norm:.2g}{' long' * (not number)} in {name}"
        for number, (layer, name) in enumerate(zip(ends, names, strict=True))
    ]
    changes = [
        f"{name} by {100 * layer.update_ratio:.2g} %"
        for layer, name in zip(ends, names, strict=True)
    ]
    words = (
        f"Step {look.step:,}: the gradient is {' and '.join(lengths)}. A step changes "
        f"{' and '.join(changes)}."
    )
    if len(look.layers) > MOST_LAYERS:
        words += f" {MOST_LAYERS} of {len(look.layers)} layers are drawn."
    if with_relu := [layer for layer in look.layers if layer.dead_share is not None]:
        dead = max(with_relu, key=lambda layer: layer.dead_share)
        words += f" Most dead ReLUs: {100 * dead.dead_share:.0f} % in {short_name(dead.layer)}."
    return words


def short_name(layer: str) -> str:
    """Return a layer's name as pictures and words have it: of a long one the end, which tells."""
    if layer.isdigit():  # a part of an nn.Sequential
        return f"layer {layer}"
    if len(layer) <= MOST_LETTERS:
        return layer
    return f"\N{HORIZONTAL ELLIPSIS}{layer[1 - MOST_LETTERS :]}"


def drawn_layers(layers: Sequence[LayerRecord]) -> list[int]:
    """Return which layers are drawn, where there are more than can be told apart.

    Half of them are layers that a ReLU follows, as far as there are some.
    """
    with_relu = [number for number, layer in enumerate(layers) if layer.dead_share is not None]
    others = [number for number, layer in enumerate(layers) if layer.dead_share is None]
    if len(layers) <= MOST_LAYERS or not with_relu:
        return spread_over(range(len(layers)), MOST_LAYERS)
    some = spread_over(with_relu, max(MOST_LAYERS // 2, MOST_LAYERS - len(others)))
    return sorted(some + spread_over(others, MOST_LAYERS - len(some)))
