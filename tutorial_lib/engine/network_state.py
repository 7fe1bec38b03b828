"""What a network is, as plain values and tensors: taken, compared with another one, put in."""

import copy
import re
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.models import plain_attributes

PLAIN = bool, int, float, complex, str, bytes, type(None)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def network_state(model: nn.Module) -> dict[str, Any]:
    """Return all that a network is, copied.

    Returns:
        "model", its state_dict; "unsaved_buffers", which torch leaves out of it; "evaluating", the
        names of parts that are not in training mode; "frozen", the names of parameters that are
        not trained; "attributes", part -> numbers, words and tensors of its own; "network", how it
        is printed.

    Raises:
        ValueError: The extra state of a part is not made of tensors and plain values.
    """
    saved = model.state_dict()
    for name, value in saved.items():
        if not is_plain(value):
            raise ValueError(
                f"{name} of the network is a {type(value).__name__}, which cannot be kept: "
                "get_extra_state must return tensors, numbers, words, lists or dicts of these"
            )
    attributes = {name: plain_attributes(part) for name, part in model.named_modules()}
    state = {
        "model": saved,
        "unsaved_buffers": {
            name: buffer.detach() for name, buffer in model.named_buffers() if name not in saved
        },
        "evaluating": [name for name, part in model.named_modules() if not part.training],
        "frozen": [name for name, weights in model.named_parameters() if not weights.requires_grad],
        "attributes": {name: values for name, values in attributes.items() if values},
        "network": in_words(model),
    }
    return copy.deepcopy(state)


def load_network_state(model: nn.Module, state: dict[str, Any]) -> None:
    """Let a network be the one whose `network_state` this is; it has no differences from it."""
    model.load_state_dict(state["model"])
    buffers = dict(model.named_buffers())
    for name in buffers.keys() - state["model"].keys() if "unsaved_buffers" in state else ():
        if name not in state["unsaved_buffers"]:
            owner, _, own_name = name.rpartition(".")
            setattr(model.get_submodule(owner), own_name, None)
    for name, value in state.get("unsaved_buffers", {}).items():
        here = buffers.get(name)
        if here is not None and (here.shape, here.dtype) == (value.shape, value.dtype):
            buffers[name].copy_(value)
        else:
            owner, _, own_name = name.rpartition(".")
            device = next((tensor.device for tensor in model.parameters()), value.device)
            setattr(model.get_submodule(owner), own_name, value.to(device, copy=True))
    parts = dict(model.named_modules())
    if "evaluating" in state:  # states of earlier versions leave it as it is here
        evaluating = set(state["evaluating"])
        for name, part in parts.items():
            part.training = name not in evaluating
    for name, values in state.get("attributes", {}).items():
        for attribute, value in values.items():
            here = plain_attributes(parts[name])
            if isinstance(value, Tensor):
                like = here[attribute] if isinstance(here.get(attribute), Tensor) else value
                setattr(parts[name], attribute, value.to(like.device, copy=True))
            elif attribute in here:
                setattr(parts[name], attribute, value)


def network_differences(state: dict[str, Any], model: nn.Module) -> list[str]:
    """Say in what a state is of another network than this one."""
    differences = _value_differences(state["model"], model.state_dict())
    parts = dict(model.named_modules())
    for name in state.get("unsaved_buffers", {}):
        owner, _, own_name = name.rpartition(".")
        if owner not in parts or own_name not in parts[owner]._buffers:
            differences.append(f"its model has a buffer {name}, the one here has not")
    for name in state.get("attributes", {}):
        if name not in parts:
            differences.append(f"its model has a part {name}, the one here has not")
    if "frozen" in state:
        theirs = set(state["frozen"])
        ours = {name for name, weights in model.named_parameters() if not weights.requires_grad}
        differences += [f"its {name} is frozen, here it is trained" for name in theirs - ours]
        differences += [f"its {name} is trained, here it is frozen" for name in ours - theirs]
    if not differences and state.get("network", in_words(model)) != in_words(model):
        lines = zip(state["network"].splitlines(), in_words(model).splitlines(), strict=False)
        there, here = next(
            ((a.strip(), b.strip()) for a, b in lines if a != b), ("longer", "shorter")
        )
        differences.append(f"its network has {there[:120]}, here is {here[:120]}")
    return differences


def in_words(model: nn.Module) -> str:
    """Return how a network is printed, the same in every process."""
    try:
        words = repr(model)
    except Exception:  # a learner's own __repr__
        words = ""
    return f"{type(model).__qualname__}\n{_ADDRESS.sub('', words)}"


def is_plain(value: Any) -> bool:
    """Say whether a value is made of tensors, numbers, words, and lists and dicts of these."""
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if type(value) in (list, tuple, set):
        return all(map(is_plain, value))
    return type(value) in (*PLAIN, Tensor, nn.Parameter)


def _value_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Say what of a model's state_dict is missing, unknown, or of another shape or type."""
    differences = []
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        if name not in ours:
            differences.append(f"its model has {name}{_shape(theirs[name])}, the one here has not")
        elif name not in theirs:
            differences.append(f"the model here has {name}{_shape(ours[name])}, its own has not")
        elif not isinstance(theirs[name], Tensor) or not isinstance(ours[name], Tensor):
            if type(theirs[name]) is not type(ours[name]):
                kinds = f"{type(theirs[name]).__name__}, here a {type(ours[name]).__name__}"
                differences.append(f"its {name} is a {kinds}")
        elif theirs[name].shape != ours[name].shape:
            shapes = f"{list(theirs[name].shape)}, here it is {list(ours[name].shape)}"
            differences.append(f"its {name} is {shapes}")
        elif theirs[name].dtype != ours[name].dtype:
            differences.append(f"its {name} is {theirs[name].dtype}, here {ours[name].dtype}")
    return differences


def _shape(value: Any) -> str:
    return f" {list(value.shape)}" if isinstance(value, Tensor) else ""


def make_lazy_layers(model: nn.Module, inputs: Tensor) -> None:
    """Give layers that wait for their first inputs, such as nn.LazyLinear, their parameters.

    Args:
        inputs: Some, (B, ...).

    Raises:
        ValueError: A layer still waits after the model has answered these.
    """
    if not _lazy_names(model):
        return
    modes = [(part, part.training) for part in model.modules()]
    model.eval()  # batch normalisation learns nothing here
    try:
        with torch.no_grad():
            model(inputs)
    except Exception as error:  # whatever a learner's network does
        what = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"the model cannot take the inputs, {list(inputs.shape)} a batch: {what}"
        ) from error
    finally:
        for part, is_training in modes:
            part.training = is_training
    if names := _lazy_names(model):
        raise ValueError(f"the model's {names[0]} has no shape: no input has reached that layer")


def _lazy_names(model: nn.Module) -> list[str]:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return [name for name, tensor in tensors if nn.parameter.is_lazy(tensor)]
