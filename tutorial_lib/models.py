"""LeNet-5, the network of the tutorial, and plain ones for data of other shapes; what they keep."""

import contextlib
import copy
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.random_state import random_states, seeded

INITS = ("torch", "mindspore")
_PLAIN = {bool, int, float, str, type(None)}
_OF_EVERY_MODULE = set(nn.Module().__dict__)
_GLOBAL_HOOKS = [
    hooks
    for name, hooks in vars(torch_module).items()
    if name.startswith("_global_") and "_hooks" in name
]


def make_model(new_model: Callable[..., nn.Module], seed: int) -> nn.Module:
    """Return a new model whose first weights depend on the seed alone.

    Args:
        new_model: Called as new_model(seed=seed) if it takes a seed, else without arguments.
    """
    with contextlib.suppress(ValueError, TypeError):  # of some, Python does not know what they take
        if "seed" in inspect.signature(new_model).parameters:
            new_model = partial(new_model, seed=seed)
    with seeded(seed):
        return new_model()


class LeNet5(nn.Module):
    """Two convolutions and three dense layers that map a digit to ten logits.

    Args:
        init: "torch" takes torch's own initialisation (61,706 parameters). "mindspore" does as the
            original tutorial: convolutions without bias from N(0, 0.01), dense weights from
            N(0, 0.02) with zero biases, where the second number is the standard deviation (61,684).
        seed: Decides the initial weights; torch's global random state is neither used nor changed.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", 1998; with ReLU and max pooling as in the MindSpore r1.8 tutorial.
    """

    def __init__(self, init: str = "torch", seed: int = 0) -> None:
        check_choice("init", init, INITS)
        check_whole("seed", seed, low=0, high=2**63 - 1)
        super().__init__()
        self.init, self.seed = init, int(seed)
        original = init == "mindspore"
        with seeded(self.seed):
            self.conv1 = nn.Conv2d(1, 6, kernel_size=5, bias=not original)
            self.conv2 = nn.Conv2d(6, 16, kernel_size=5, bias=not original)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)
            if original:
                self._init_as_mindspore()
        # Channels last in memory: the convolutions after this one follow, and pooling then takes
        # many numbers at a time. On a CPU that saves a fifth of a step.
        self.conv1.to(memory_format=torch.channels_last)

    def _init_as_mindspore(self) -> None:
        for conv in (self.conv1, self.conv2):
            nn.init.normal_(conv.weight, std=0.01)
        for dense in (self.fc1, self.fc2, self.fc3):
            nn.init.normal_(dense.weight, std=0.02)
            nn.init.zeros_(dense.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, 10) for images (B, 1, 32, 32)."""
        # ReLU after pooling gives the same numbers as before it, on a quarter of the elements.
        x = F.relu(F.max_pool2d(self.conv1(images), 2))  # (B, 6, 14, 14)
        x = F.relu(F.max_pool2d(self.conv2(x), 2))  # (B, 16, 5, 5)
        x = x.flatten(1)  # (B, 400)
        x = F.relu(self.fc1(x))  # (B, 120)
        x = F.relu(self.fc2(x))  # (B, 84)
        return self.fc3(x)  # (B, 10)


class MLP(nn.Sequential):
    """Dense layers with ReLU between them, for inputs of any shape: a multilayer perceptron.

    Args:
        num_inputs: Numbers of an input, all together.
        num_outputs: Classes, or numbers to be predicted.
        hidden: Units of each hidden layer.
    """

    def __init__(
        self, num_inputs: int, num_outputs: int, hidden: tuple[int, ...] = (64, 64)
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()]  # (B, ...) -> (B, num_inputs)
        for width in hidden:
            layers += [nn.Linear(num_inputs, width), nn.ReLU()]
            num_inputs = width
        super().__init__(*layers, nn.Linear(num_inputs, num_outputs))


class ConvNet(nn.Sequential):
    """Two convolutions and two dense layers, for pictures (B, C, H, W) of any size from 2 x 2 on.

    Args:
        channels: C, 1 of grey pictures, 3 of coloured ones.
        num_outputs: Classes, or numbers to be predicted.
    """

    def __init__(self, channels: int, num_outputs: int) -> None:
        super().__init__(
            nn.Conv2d(channels, 16, kernel_size=3, padding=1),  # (B, 16, H, W)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 16, H / 2, W / 2)
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),  # (B, 32, 4, 4)
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, num_outputs),
        )


def default_network(shape: Sequence[int], num_outputs: int) -> Callable[..., nn.Module]:
    """Return what makes a sensible network for inputs of a shape: LeNet, a ConvNet or an MLP.

    Args:
        shape: Of one input, without the batch.
        num_outputs: Classes, or numbers to be predicted.
    """
    if (*shape, num_outputs) == (1, 32, 32, 10):
        return LeNet5
    if len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) > 1:
        return partial(ConvNet, shape[0], num_outputs)
    return partial(MLP, math.prod(shape), num_outputs)


class Kept:
    """What a network keeps besides its parameters, as it is now, to be put back.

    That is: its buffers, those that torch does not save, too; which of its parts are in training
    mode; what parts tell by `get_extra_state`; and numbers, words and tensors that are attributes
    of its own classes, a counter say.
    """

    def __init__(self, model: nn.Module) -> None:
        self._parts = parts_of(model)
        self._modes: list[bool] = []
        self._buffers: list[tuple[nn.Module, dict[str, Tensor | None]]] = []
        self._attributes: list[tuple[nn.Module, dict[str, Any]]] = []  # all that they have
        self._extra: list[tuple[nn.Module, Any]] = []
        for part in self._parts:  # before each step: so it is one loop, and a short one
            self._modes.append(part.training)
            if part._buffers:
                self._buffers.append((part, part._buffers.copy()))
            if not _is_of_torch(type(part)):
                self._attributes.append((part, part.__dict__.copy()))
            if has_extra_state(type(part)):
                self._extra.append((part, copy.deepcopy(part.get_extra_state())))

    @property
    def buffers(self) -> list[Tensor]:
        """Buffers, and tensors that are attributes: what they hold, others have to copy."""
        kept = [value for _, buffers in self._buffers for value in buffers.values()]
        kept += [value for _, had in self._attributes for value in had.values() if _is_plain(value)]
        return [value for value in kept if isinstance(value, Tensor)]

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters, shared ones once for each part that has them."""
        own = [weights for part in self._parts for weights in part._parameters.values()]
        return [weights for weights in own if weights is not None]

    def put_back(self) -> None:
        """Let all of it be as it was, but for what buffers and parameters hold."""
        for part, is_training in zip(self._parts, self._modes, strict=True):
            part.training = is_training
        for part, buffers in self._buffers:
            part._buffers.update(buffers)
        for part, attributes in self._attributes:
            for name in part.__dict__.keys() - attributes.keys():
                del part.__dict__[name]
            part.__dict__.update(attributes)
        for part, state in self._extra:
            part.set_extra_state(copy.deepcopy(state))


def plain_attributes(part: nn.Module) -> dict[str, Any]:
    """Return numbers, words and tensors that a part of a network, not of torch's, has by itself.

    A tensor that still hangs on the step that it came from, as what a forward pass notes down does,
    is none of them.
    """
    if _is_of_torch(type(part)):
        return {}
    return {
        name: value
        for name, value in part.__dict__.items()
        if name not in _OF_EVERY_MODULE and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is Tensor and value.grad_fn is None)


def copy_of(model: nn.Module) -> nn.Module:
    """Return a copy of a model, and of what it noted down of a step, which hangs on nothing."""
    values = [
        value for part in model.modules() for value in (*vars(part).values(), *part.buffers())
    ]
    noted = [v for v in values if isinstance(v, Tensor) and v.grad_fn is not None]
    return copy.deepcopy(model, {id(value): value.detach().clone() for value in noted})


def draws_at_random(model: nn.Module, inputs: Tensor) -> bool:
    """Say whether a model draws from a global generator when it answers, in its present mode.

    Args:
        inputs: What it is asked, (B, ...). A copy of the model answers; the random states are
            given back.
    """
    asked = copy_of(model)
    with seeded(0, inputs.device), torch.no_grad():
        before = random_states(inputs.device)
        asked(inputs.clone())
        return random_states(inputs.device) != before


class Habits(NamedTuple):
    """What a network surely does not do when it learns, besides changing its weights."""

    draws_nothing: bool  # at random
    keeps_nothing: bool  # of a step, in buffers, modes or attributes


UNKNOWN = Habits(draws_nothing=False, keeps_nothing=False)


def has_global_hooks() -> bool:
    """Say whether something is called for every module that there is."""
    return any(_GLOBAL_HOOKS)


def habits_of(model: nn.Module) -> Habits:
    """Say what a network surely does not do: one of known layers alone, without hooks."""
    if has_global_hooks():
        return UNKNOWN
    keeps_nothing = True
    for part in parts_of(model):  # before each step: so it is one loop, and a short one
        kind, own = type(part), part.__dict__
        if (
            _DRAW_NOTHING.get(kind) is not kind.forward
            or own["_forward_hooks"]
            or own["_forward_pre_hooks"]
            or "forward" in own
        ):
            return UNKNOWN
        if own["_buffers"] or own["_backward_hooks"] or own["_backward_pre_hooks"]:
            keeps_nothing = False
    return Habits(draws_nothing=True, keeps_nothing=keeps_nothing)


def surely_draws_nothing(model: nn.Module) -> bool:
    """Say whether a network is made of layers alone that never draw at random, without hooks."""
    return habits_of(model).draws_nothing


def parts_of(model: nn.Module) -> list[nn.Module]:
    """Return the network and all parts of it, each once; sooner than `modules()` does."""
    parts, seen = [model], {model}
    for part in parts:
        for child in part._modules.values():
            if child is not None and child not in seen:
                seen.add(child)
                parts.append(child)
    return parts


@functools.cache
def _is_of_torch(kind: type[nn.Module]) -> bool:
    return kind.__module__.startswith("torch.")


@functools.cache
def has_extra_state(kind: type[nn.Module]) -> bool:
    """Say whether parts of a network of this class tell what they keep by `get_extra_state`."""
    return kind.get_extra_state is not nn.Module.get_extra_state


_LAYERS = (
    "Sequential Identity Flatten Unflatten Linear Conv1d Conv2d Conv3d Embedding "
    "MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d "
    "BatchNorm1d BatchNorm2d LayerNorm GroupNorm "
    "ReLU LeakyReLU ELU GELU SiLU Sigmoid Tanh Softplus Softmax LogSoftmax"
)
_DRAW_NOTHING = {  # class -> its forward
    kind: kind.forward
    for kind in (LeNet5, MLP, ConvNet, *(getattr(nn, name) for name in _LAYERS.split()))
}
