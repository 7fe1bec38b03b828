"""A run all of whose names are meant to break out of the page that shows it."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tutorial_lib import Hyperparameters, TrainingRun
from tutorial_lib.data import Data, from_tensors
from tutorial_lib.engine import with_accuracy

RUN = "window.ran=(window.ran||0)+1"
HOSTILE = (
    f"</script><script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"'\"><svg onload={RUN}>",
    f"--></title></style><script>{RUN}//\u2028{RUN}\u2029",
    f"</bdi></pre><iframe srcdoc='<script>parent.{RUN}</script>'>",
    f"{{{{ {RUN} }}}}${{{RUN}}}\\u003cscript>",
    f"javascript:{RUN}\x00\x1b[31m\u202e\ud800",
)


def hostile_data(*, regression: bool = False) -> Data:
    """Return a few pictures that nobody can tell apart, so that some are named wrong."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.rand(40, 3, 6, 6, generator=draw)
    targets = torch.rand(40, 2, generator=draw) if regression else torch.arange(40) % 7
    return from_tensors(
        (inputs[:28], targets[:28]),
        validation=(inputs[28:], targets[28:]),
        name=HOSTILE[0],
        noun=HOSTILE[1],
        classes=None if regression else [name.replace("\ud800", "") for name in HOSTILE],
        device="cpu",
    )


def hostile_metric(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return len(outputs) / len(targets)


def hostile_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(outputs, targets)


class HostileNet(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(108, 7))


hostile_metric.__name__ = HOSTILE[0]
hostile_loss.__name__ = HOSTILE[4]
HostileNet.__name__ = HostileNet.__qualname__ = HOSTILE[3]


def hostile_run() -> TrainingRun:
    """Return the run, some steps after its begin, with a change."""
    data = hostile_data()
    settings = Hyperparameters(epochs=4, batch_size=4, learning_rate=0.1)
    run = TrainingRun(HostileNet(), data, settings, loss=hostile_loss, metric=hostile_metric)
    for record in with_accuracy(run, data.held_out):
        if record.step == 10:
            run.adjust(learning_rate=0.05)
        if record.step == 20:
            break
    return run


def hostile_error() -> Exception:
    return RuntimeError(" ".join(HOSTILE))
