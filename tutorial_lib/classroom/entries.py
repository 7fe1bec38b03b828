"""A run as it is handed in: its settings, its changes and its losses, from which it comes again."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine import ADJUSTABLE, checkpoint
from tutorial_lib.engine.records import Change

MOST_STEPS = 200_000  # of a run that is handed in
MOST_CHANGES = 1000
MOST_THREADS = 64
LARGEST_LOSS = 1e30
LENET = "LeNet5"
Steps = list[tuple[int, float]]  # first step -> value, as long as no other follows


@dataclass(frozen=True)
class Score:
    """How the network did on held-out examples, `Data.held_out`, after the last step."""

    accuracy: float  # 0 to 1
    loss: float
    count: int  # of those examples


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """What is handed in of a run."""

    file: str  # its name, without folders
    settings: Hyperparameters  # of the first step
    data: tuple[str, int, str]  # its name, how many training examples, their digest
    network: str  # the name of its class
    init: str  # of a LeNet5: "torch" or "mindspore"; "" of another one
    own: tuple[str, ...]  # what was the learner's own besides the network, in words
    torch: str  # its version
    device: str
    threads: tuple[int, ...]  # with which the steps were taken
    losses: tuple[float, ...]  # of each step
    rates: Steps  # the learning rates
    batch_sizes: Steps
    changes: tuple[Change, ...]
    score: Score | None = None

    @property
    def num_steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses)

    @property
    def first_settings(self) -> Hyperparameters:
        """The settings with which the first step was taken, whatever `settings` claims."""
        return self.settings.replace(
            learning_rate=self.rates[0][1], batch_size=self.batch_sizes[0][1]
        )

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it, which `entry_from` takes."""
        return dataclasses.asdict(self)


def entry_of(saved: checkpoint.Checkpoint, score: Score | None = None) -> RunEntry:
    """Return what is handed in of a run that was saved.

    Raises:
        ValueError: The run is too long, or has too many changes.
    """
    state, history = saved.state, saved.state["history"]
    steps, changes = history["step"], [Change(*row) for row in state["changes"]]
    if not 1 <= len(steps) <= MOST_STEPS:
        words = f"{saved.path} has {len(steps):,} steps; a run that is handed in has"
        raise ValueError(f"{words} 1 to {MOST_STEPS:,}")
    if len(changes) > MOST_CHANGES:
        words = f"{saved.path} has {len(changes):,} changes; a run that is handed in has"
        raise ValueError(f"{words} at most {MOST_CHANGES:,}")
    network = state.get("network", LENET).partition("\n")[0]
    settings = saved.hyperparameters
    for change in reversed(changes):
        settings = settings.replace(**{change.field: change.before})
    name, count, *digest = state["data"]
    return RunEntry(
        file=saved.path.name,
        settings=settings,
        data=(name, count, digest[0] if digest else ""),
        network=network,
        init="" if network != LENET else _init_of(state["model"]),
        own=tuple(part for part in ("update", "own_loss") if state.get(part)),
        torch=str(saved.made_with.get("torch", "")),
        device=str(saved.made_with.get("device", "")),
        threads=tuple(state.get("thread_counts", [state.get("threads", 1)])),
        losses=tuple(history["loss"]),
        rates=_runs_of(history["learning_rate"]),
        batch_sizes=_runs_of(history["batch_size"]),
        changes=tuple(changes),
        score=score,
    )


def entry_from(held: dict[str, Any]) -> RunEntry:
    """Return the entry that plain values hold, of which `schema` has checked the kinds.

    Raises:
        TypeError, ValueError: A run cannot be so; it says what.
    """
    settings = Hyperparameters(**held["settings"])
    losses = held["losses"]
    if not all(type(loss) in (int, float) and 0 <= loss <= LARGEST_LOSS for loss in losses):
        raise ValueError(f"a loss is no number from 0 to {LARGEST_LOSS:g}")
    name, count, digest = held["data"]
    entry = RunEntry(
        **held
        | {
            "settings": settings,
            "data": (name, count, digest),
            "own": tuple(held["own"]),
            "threads": tuple(held["threads"]),
            "losses": tuple(float(loss) for loss in losses),
            "rates": _checked("rates", held["rates"], len(losses)),
            "batch_sizes": _checked("batch_sizes", held["batch_sizes"], len(losses)),
            "changes": tuple(_change(row, len(losses)) for row in held["changes"]),
            "score": None if held["score"] is None else Score(**held["score"]),
        }
    )
    for field, steps in (("learning_rate", entry.rates), ("batch_size", entry.batch_sizes)):
        values = {value for _, value in steps}
        if not {type(value) for value in values} <= {int, float}:
            raise TypeError(f"a {field} is no number")
        for value in (min(values), max(values)):
            settings.replace(**{field: value})
        if field == "batch_size" and not all(type(value) is int for value in values):
            raise TypeError(f"a {field} is no whole number")
    return entry


def _change(row: dict[str, Any], num_steps: int) -> Change:
    change = Change(**row)
    if change.field not in ADJUSTABLE or not 1 <= change.step <= num_steps + 1:
        raise ValueError("a change is of no setting, or of no step of the run")
    return change


def _checked(name: str, steps: list[list[Any]], num_steps: int) -> Steps:
    if not all(isinstance(one, list) and len(one) == 2 for one in steps):
        raise TypeError(f"{name} must be pairs of a step and a value")
    firsts = [step for step, _ in steps]
    if not all(type(step) is int for step in firsts):
        raise TypeError(f"{name} must begin at whole steps")
    if firsts[0] != 1 or firsts != sorted(set(firsts)) or firsts[-1] > num_steps:
        raise ValueError(f"{name} do not begin at step 1, or are not in order")
    return [(step, value) for step, value in steps]


def _runs_of(values: Sequence[float]) -> Steps:
    """Return at which steps, from 1, a value begins to be another one."""
    before = (None, *values)
    pairs = zip(before, values, strict=False)
    return [(step, new) for step, (old, new) in enumerate(pairs, 1) if new != old]


def _init_of(model: dict[str, Any]) -> str:
    return "torch" if "conv1.bias" in model else "mindspore"
