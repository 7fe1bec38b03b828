"""What of a run a plain script can repeat: a LeNet5 as it is made, and the usual steps."""

import copy
import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import torch
from torch import nn

from tutorial_lib.data import Split
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine.batches import Batches
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.losses import loss_function
from tutorial_lib.models import LeNet5, has_global_hooks
from tutorial_lib.optimizers import make_optimizer

NUM_REPLAYED = 3  # steps; from the third on, momentum, hooks and frozen layers have acted
_FORWARDS = {kind: kind.forward for kind in (LeNet5, nn.Conv2d, nn.Linear)}
_HELD = {"_parameters", "_buffers", "_modules"}  # compared by themselves


def is_plain_lenet(model: nn.Module) -> bool:
    """Say whether a model computes as a new LeNet5 does, whatever its weights.

    It has the same layers and types, no hook, no other forward, and nothing is shared; some of its
    weights may be frozen.
    """
    if type(model) is not LeNet5 or has_global_hooks():
        return False
    if any(kind.forward is not forward for kind, forward in _FORWARDS.items()):
        return False
    try:
        fresh = LeNet5(init=model.init, seed=model.seed)
    except (AttributeError, TypeError, ValueError):  # these were changed
        return False
    return are_same_networks(model, fresh, without={"training"})  # its layers have no two modes


def are_same_networks(
    model: nn.Module, fresh: nn.Module, *, without: AbstractSet[str] = frozenset()
) -> bool:
    """Say whether a network computes as another one that is new, whatever its weights.

    It has the same layers and types, no hook, no other forward, and the same parts are shared. The
    whole may be of another class, a chain of layers with a name of its own.

    Args:
        without: Attributes that need not be the same.
    """
    ours, theirs = (list(net.named_modules(remove_duplicate=False)) for net in (model, fresh))
    return (
        len(ours) == len(theirs)
        and all(_are_same_parts(*pair, without) for pair in zip(ours, theirs, strict=True))
        and _tensors(model) == _tensors(fresh)
        and all(weights.dtype is torch.float32 for weights in model.parameters())
    )


def _are_same_parts(
    ours: tuple[str, nn.Module], theirs: tuple[str, nn.Module], without: AbstractSet[str]
) -> bool:
    (name, part), (other_name, other) = ours, theirs
    values, others = (
        {key: value for key, value in vars(one).items() if key not in _HELD | without}
        for one in (part, other)
    )
    is_same_class = type(part) is type(other) or (
        name == "" and type(part).forward is type(other).forward
    )
    try:
        return name == other_name and is_same_class and bool(values == others)
    except Exception:  # a value of the learner's own that cannot be compared
        return False


def _tensors(model: nn.Module) -> list[tuple]:
    """Return what each tensor of a model is, besides its numbers and whether it is frozen."""
    everything = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    first_names: dict[int, str] = {}
    return [
        (
            *(name, first_names.setdefault(id(tensor), name), type(tensor)),
            *(tensor.dtype, tensor.shape, tensor.stride()),
            *(bool(tensor._backward_hooks), bool(tensor._post_accumulate_grad_hooks)),
        )
        for name, tensor in everything
    ]


def frozen_parts(model: nn.Module) -> list[str]:
    """Return the names of frozen parameters; where a whole layer is frozen, its name."""
    names = []
    for name, layer in model.named_children():
        weights = dict(layer.named_parameters(prefix=name))
        frozen = [key for key, weight in weights.items() if not weight.requires_grad]
        names += [name] if weights and len(frozen) == len(weights) else frozen
    return names


def what_was_done_by_hand(run: TrainingRun, start: nn.Module, *, is_written: bool) -> str:
    """Say what of a run is not as its settings and its changes tell; "" if nothing is known.

    Args:
        start: A model as the run's was before its first step.
        is_written: Whether the script makes such a model by itself.
    """
    if not _is_ours(run) or not _is_ours(run.batches) or not _is_ours(run.data.train):
        return f"The run, its batches or its {run.data.unit} are of a class of your own"
    if type(run.batches) is not Batches or type(run.data.train) not in (Split, StreamedSplit):
        return "Its batches were replaced"
    if _replaced(run) or _replaced(run.batches):
        return "A method of the run was replaced"
    if not _has_usual_loss(run):
        return "Its loss function was replaced"
    if _is_changed(run.optimizer, run):
        return "Its optimizer was changed by hand"
    if run.first_digest and run.data.train.digest != run.first_digest:
        return f"Its {run.data.unit} or their targets were changed after the first step"
    if not _is_in_order(run.history, len(run.data.train)):
        return "Its position was changed by hand"
    if is_written and run.processes == 1 and type(run.data.train) is Split:
        if _froze_later(run.model, start):
            return "Layers were frozen on its way"
        if not _first_losses_come_again(run, start):
            return "Its first losses do not come again"
    return ""


def _has_usual_loss(run: TrainingRun) -> bool:
    weighted = getattr(run.loss_function, "__self__", None) is run  # by its process's share
    usual = run.own_loss or loss_function(run.hyperparameters.loss)
    return weighted or run.loss_function is usual


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("tutorial_lib.")


def _replaced(thing: object) -> list[str]:
    """Return the names of methods that this object has of its own instead of its class's."""
    return [name for name in vars(thing) if callable(getattr(type(thing), name, None))]


def _is_changed(optimizer: torch.optim.Optimizer, run: TrainingRun) -> bool:
    """Say whether an optimizer is another one than the run's settings make now."""
    settings, weights = run.hyperparameters, list(run.model.parameters())
    usual = make_optimizer(settings.optimizer, weights, **settings.optimizer_settings)
    (wanted,) = usual.param_groups
    groups = optimizer.param_groups
    return (
        type(optimizer) is not type(usual)
        or bool(_replaced(optimizer) or optimizer._optimizer_step_pre_hooks)
        or bool(optimizer._optimizer_step_post_hooks)
        or len(groups) != 1
        or [id(weight) for weight in groups[0]["params"]] != [id(weight) for weight in weights]
        or _without_weights(groups[0]) != _without_weights(wanted)
    )


def _without_weights(group: dict) -> dict:
    return {name: value for name, value in group.items() if name != "params"}


def _is_in_order(history: Iterable[StepRecord], num_images: int) -> bool:
    """Say whether steps follow each other as they do when nobody moves a run's position."""
    epoch = steps = taken = 0
    for number, record in enumerate(tuple(history), start=1):
        if num_images - taken < record.batch_size:
            epoch, steps, taken = epoch + 1, 0, 0
        steps, taken = steps + 1, taken + record.batch_size
        if (record.step, record.epoch, record.epoch_step) != (number, epoch, steps):
            return False
    return True


def _froze_later(model: nn.Module, start: nn.Module) -> bool:
    """Say whether a parameter that is frozen now has moved since the start."""
    first = dict(start.named_parameters())
    return any(
        not torch.equal(weights.detach().cpu(), first[name].detach().cpu())
        for name, weights in model.named_parameters()
        if not weights.requires_grad
    )


def _first_losses_come_again(run: TrainingRun, start: nn.Module) -> bool:
    """Take the first steps again, up to the first change, and compare their losses.

    With as many threads as they had, these are equal on a CPU; else, up to rounding.
    """
    records = tuple(run.history[:NUM_REPLAYED])
    stop = min((change.step for change in tuple(run.changes)), default=len(records) + 1)
    records = [record for record in records if record.step < stop]
    if not records or run.update is not None:
        return True
    model = copy.deepcopy(start)
    for name, weights in run.model.named_parameters():
        dict(model.named_parameters())[name].requires_grad_(weights.requires_grad)
    settings = run.first_hyperparameters.replace(batch_size=records[0].batch_size)
    again = TrainingRun(model, run.data, settings, loss=run.own_loss)
    again.use_threads(max(threads_of(run)))
    rates = [record.learning_rate for record in records]
    losses = []
    try:
        for rate in rates:
            again.adjust(learning_rate=rate, mark=False)
            losses.append(again.step().loss)
    except (Diverged, StopIteration):
        return False
    exact = run.data.device.type == "cpu" and threads_of(run) == again.thread_counts
    return _agree(losses, [record.loss for record in records], exact=exact)


def _agree(losses: Sequence[float], others: Sequence[float], *, exact: bool) -> bool:
    tolerance = 0.0 if exact else 1e-4
    return all(math.isclose(*pair, rel_tol=tolerance) for pair in zip(losses, others, strict=True))


def threads_of(run: TrainingRun) -> set[int]:
    """Return with how many threads the run's steps were taken; if there are none, it was made."""
    if run.threads is None:
        run.settle_threads()
    return run.thread_counts or {run.threads}
