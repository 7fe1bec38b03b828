"""A network as lines of plain PyTorch, or as its class by name, where that makes the same."""

import importlib.util
import inspect
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tutorial_lib.engine.repeatable import are_same_networks
from tutorial_lib.models import MLP, ConvNet, has_global_hooks
from tutorial_lib.random_state import seeded

PLAIN = (bool, int, float, str, type(None))
CHAINS = (nn.Sequential, MLP, ConvNet)
OTHER_WEIGHTS = "# that run began with other weights: load them"
WIDTH = 84  # of a line of layers, without what it is indented by


@dataclass(frozen=True)
class NetworkCode:
    """Lines that make a network, checked by making one."""

    text: str
    imported: str = ""  # the line that brings its class, of a module of the learner's own
    module: str = ""  # that module
    began_so: bool = True  # whether the weights that it gives are those that the run began with


def code_of_network(start: nn.Module, model: nn.Module, *, seed: int) -> NetworkCode | None:
    """Return the lines that make a network, or None if none are known to make the same.

    Args:
        start: As the model was before the first step.
        model: As it is now. Some of its weights may be frozen.
        seed: Of the run.
    """
    if has_global_hooks():
        return None
    head = f"torch.manual_seed({seed})"
    if type(start) in CHAINS:
        layers = _layers(start)
        if layers is None:
            return None
        lines = _packed(layers)
        chain = "".join(f"    {line}\n" for line in lines)
        code = NetworkCode(f"{head}\nmodel = nn.Sequential(\n{chain})  # fmt: skip\n")
    else:
        kind = type(start)
        if not _can_be_imported(kind):
            return None
        options = f"seed={seed}" if "seed" in _parameters(kind) else ""
        code = NetworkCode(
            f"{head}\nmodel = {kind.__name__}({options})\n",
            f"from {kind.__module__} import {kind.__name__}",
            kind.__module__,
        )
    fresh = _made(code)
    if fresh is None or not all(are_same_networks(each, fresh) for each in (start, model)):
        return None
    if code.module and _requiring(model) != _requiring(fresh):
        return None
    weights, others = (net.state_dict() for net in (start, fresh))
    if all(torch.equal(value.cpu(), others[name]) for name, value in weights.items()):
        return code
    if code.module:  # it may have been made with other arguments
        return None
    return NetworkCode(code.text.replace(head, f"{head}  {OTHER_WEIGHTS}", 1), began_so=False)


def _made(code: NetworkCode) -> nn.Module | None:
    """Make the network as the script does; the learner's random states stay as they are."""
    names: dict[str, Any] = {"torch": torch, "nn": nn}
    with seeded(20_261_126):  # what draws otherwise than by torch then differs from the start
        try:
            exec(f"{code.imported}\n{code.text}", names)
        except Exception:  # whatever a learner's class does
            return None
    return names["model"] if isinstance(names["model"], nn.Module) else None


def _layers(chain: nn.Module) -> list[str] | None:
    """Return the layers of a chain as code, or None."""
    if [*chain._modules] != [str(number) for number in range(len(chain._modules))]:
        return None
    written = [_layer(layer) for layer in chain._modules.values()]
    return None if None in written or not written else written


def _layer(layer: nn.Module) -> str | None:
    kind = type(layer)
    if getattr(nn, kind.__name__, None) is not kind:
        return None
    if kind is nn.Sequential:
        layers = _layers(layer)
        return layers and f"nn.Sequential({', '.join(layers)})"
    if not kind.forward.__module__.startswith("torch."):
        return None
    words = []
    for name, parameter in _parameters(kind).items():
        if not hasattr(layer, name):
            continue
        value = getattr(layer, name)
        if name == "bias":
            value = value is not None
        if isinstance(value, tuple) and len(set(value)) == 1 and len(value) > 1:
            value = value[0]
        default = parameter.default
        if value == default or (name == "stride" and default is None and value == _size(layer)):
            continue
        if type(value) not in PLAIN and not (
            type(value) is tuple and all(type(part) in PLAIN for part in value)
        ):
            return None
        text = repr(value).replace("'", '"')
        words.append(text if default is parameter.empty else f"{name}={text}")
    return f"nn.{kind.__name__}({', '.join(words)})"


def _size(layer: nn.Module) -> Any:
    size = layer.kernel_size
    return size[0] if isinstance(size, tuple) and len(set(size)) == 1 else size


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(kind).parameters)
    except (TypeError, ValueError):  # of some, Python does not know what they take
        return {}


def _packed(layers: list[str]) -> list[str]:
    """Return lines of layers, as many in each as there is room for."""
    lines = [""]
    for layer in layers:
        longer = f"{lines[-1]} {layer},".strip()
        if len(longer) > WIDTH and lines[-1]:
            lines.append(f"{layer},")
        else:
            lines[-1] = longer
    return lines


def _can_be_imported(kind: type) -> bool:
    """Say whether a class is to be had by its name, from a module of the learner's own."""
    name = kind.__module__
    if name == "__main__" or name.split(".")[0] in ("tutorial_lib", "torch", "builtins"):
        return False
    try:
        is_file = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
    return is_file and getattr(sys.modules.get(name), kind.__name__, None) is kind


def _requiring(model: nn.Module) -> list[bool]:
    return [weights.requires_grad for weights in model.parameters()]
