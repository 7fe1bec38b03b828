"""A challenge: data, a budget of steps and a target, and what a learner may choose to reach it.

The teacher's file is TOML:

    title = "Nine of ten in two epochs"
    data = "sample"                # sample, mnist or fashion
    steps = 250                    # at most
    choose = ["learning_rate", "momentum", "optimizer"]
    [target]
    accuracy = 0.9                 # of the held-out digits, after the last step; or
    # loss = 0.3                   # mean of the latest 25 batches
    [settings]                     # those that are not chosen, where they are not the defaults
    batch_size = 32
    init = "torch"                 # of LeNet
"""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tutorial_lib.checks import check_choice, check_number, check_whole, shown
from tutorial_lib.classroom.entries import LENET, MOST_STEPS, RunEntry
from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine.named import DIGITS
from tutorial_lib.files import open_to_read
from tutorial_lib.models import INITS

MOST_BYTES = 100_000
LATEST = 25  # batches whose mean loss is compared with a target
NUM_TRAIN = {"sample": 4_000, "mnist": 60_000, "fashion": 60_000}
CHOICES = tuple(
    field.name for field in dataclasses.fields(Hyperparameters) if field.name != "epochs"
)
_NAMES = {"title", "data", "steps", "choose", "target", "settings"}


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What is asked for. A run may be planned for any number of epochs."""

    title: str
    data: str  # "sample", "mnist" or "fashion"
    steps: int  # at most
    kind: Literal["accuracy", "loss"]  # of the target
    target: float
    choose: tuple[str, ...]  # fields of Hyperparameters, or "init"
    settings: Hyperparameters  # what the others are
    init: str = "torch"

    def faults(self, entry: RunEntry) -> list[str]:
        """Say in what a run does not keep the rules; nothing if it does."""
        found = []
        name, count, _ = entry.data
        if (name, count) != (self.data, NUM_TRAIN[self.data]):
            found.append(f"it learned from {count:,} examples of {name!r}, not from {self.data}")
        if entry.network != LENET or entry.own:
            own = ", ".join(entry.own) or entry.network
            found.append(f"it is not LeNet as the tutorial trains it ({own})")
        if entry.init != self.init and "init" not in self.choose:
            found.append(f"init is {entry.init or 'another'}, not {self.init}")
        if entry.num_steps > self.steps:
            found.append(f"it took {entry.num_steps:,} steps, and may take {self.steps:,}")
        for field in CHOICES:
            if field in self.choose:
                continue
            wanted, theirs = getattr(self.settings, field), getattr(entry.settings, field)
            if theirs != wanted:
                found.append(f"{field} is {theirs}, not {wanted}")
        changed = {change.field for change in entry.changes}
        for field, steps in (("learning_rate", entry.rates), ("batch_size", entry.batch_sizes)):
            if {value for _, value in steps} != {getattr(entry.settings, field)}:
                changed.add(field)  # also where the first step took another one than is claimed
        found += [f"{field} was changed on the way" for field in sorted(changed - {*self.choose})]
        if self.kind == "accuracy" and entry.score is None:
            found.append("its accuracy is not in it")
        return found

    def reached(self, entry: RunEntry) -> int | None:
        """Return the step at which a run reached the target, as it claims; None if it did not."""
        if self.kind == "accuracy":
            is_there = entry.score is not None and entry.score.accuracy >= self.target
            return entry.num_steps if is_there else None
        below = np.flatnonzero(latest_means(entry.losses) <= self.target)
        return int(below[0]) + LATEST if len(below) else None

    def value(self, entry: RunEntry) -> float:
        """Return how far a run came, as it claims: its accuracy, or its lowest mean loss."""
        if self.kind == "accuracy":
            return entry.score.accuracy if entry.score else 0.0
        return float(min(latest_means(entry.losses), default=np.inf))

    def order(self, entry: RunEntry) -> tuple[float, ...]:
        """Return what runs are sorted by, the best first."""
        reached, value = self.reached(entry), self.value(entry)
        first = np.inf if reached is None else reached
        return (-value, first) if self.kind == "accuracy" else (first, value)

    def in_words(self) -> str:
        """Say what is asked for."""
        goal = f"a mean loss of {self.target:g} over {LATEST} batches"
        if self.kind == "accuracy":
            goal = f"{self.target:.1%} of the held-out examples right"
        choose = ", ".join(self.choose) or "nothing"
        return (
            f"LeNet is to reach {goal}, on {self.data}, in at most {self.steps:,} steps. "
            f"To be chosen: {choose}."
        )


def latest_means(losses: tuple[float, ...]) -> np.ndarray:
    """Return the means of each LATEST losses (N,) that follow each other: (N - LATEST + 1,)."""
    if len(losses) < LATEST:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(np.array(losses), LATEST).mean(axis=1)


def read_challenge(path: Path) -> Challenge:
    """Return what a teacher's file asks for.

    Raises:
        OSError: It cannot be read.
        TypeError, ValueError: It is no challenge; it says which part of it is wrong.
    """
    with open_to_read(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"a challenge has at most {MOST_BYTES:,} bytes")
    try:
        held = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no TOML: {error}") from error
    return challenge_from(held)


def challenge_from(held: dict[str, Any]) -> Challenge:
    """Return what the values of a teacher's file ask for; it raises as `read_challenge` does."""
    for name in held:
        check_choice("a name", name, sorted(_NAMES))
    for name in ("data", "steps", "target"):
        if name not in held:
            raise ValueError(f"{name} is missing")
    data = held["data"]
    check_choice("data", data, [name for name in DIGITS if name != "auto"])
    steps = check_whole("steps", held["steps"], low=1, high=MOST_STEPS)
    choose, settings = held.get("choose", []), held.get("settings", {})
    if not isinstance(choose, list):
        raise TypeError(f"choose must be a list of names; got {shown(choose)}")
    for name in choose:
        check_choice("choose", name, [*CHOICES, "init"])
    if not isinstance(settings, dict):
        raise TypeError(f"settings must be a table, [settings]; got {shown(settings)}")
    settings = dict(settings)
    init = settings.pop("init", "torch")
    check_choice("init", init, INITS)
    for name in settings:
        check_choice("a name in settings", name, CHOICES)
    kind, target = _target(held["target"])
    title = held.get("title", "A challenge")
    if not isinstance(title, str) or not 1 <= len(title) <= 200:
        raise ValueError(f"title must be a text of 1 to 200 letters; got {shown(title)}")
    return Challenge(
        title=title,
        data=data,
        steps=steps,
        kind=kind,
        target=target,
        choose=tuple(choose),
        settings=Hyperparameters(**settings),
        init=init,
    )


def _target(held: Any) -> tuple[Any, float]:
    if not isinstance(held, dict) or len(held) != 1:
        raise ValueError(f"target must name an accuracy or a loss; got {shown(held)}")
    ((kind, value),) = held.items()
    check_choice("target", kind, ("accuracy", "loss"))
    if kind == "accuracy":
        return kind, check_number("accuracy", value, "(0, 1]", lambda value: 0 < value <= 1)
    return kind, check_number("loss", value, "(0, inf)", lambda value: value > 0)
