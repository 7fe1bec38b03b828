"""What stands already where a run is to be saved: the run itself, one like it, or another."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tutorial_lib import files
from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine.checkpoint.places import CheckpointError, previous_of
from tutorial_lib.engine.checkpoint.reading import Contents, read
from tutorial_lib.engine.checkpoint.schema import ROW, rows_of
from tutorial_lib.engine.state import name_of
from tutorial_lib.engine.train import TrainingRun


@dataclass(frozen=True)
class Older:
    """A file that stands where a run is to be saved, beside that run.

    "same": the run goes on where the file ends. "alike": its settings, data, network, and
    the names of an own step or loss are the run's. "other": they differ, or it cannot be read.
    "none": there is no file.
    """

    relation: Literal["none", "same", "alike", "other"]
    contents: Contents | None = None  # if it can be read

    def is_beginning_of(self, other: "Older") -> bool:
        """Say whether the other file holds all steps of this one."""
        if self.contents is None or other.contents is None:
            return False
        rows = self.contents.rows
        return np.array_equal(rows, other.contents.rows[: len(rows)])


def look_at(path: Path, run: TrainingRun) -> Older:
    """Compare the file at a path with a run."""
    if not os.path.lexists(path):
        return Older("none")
    try:
        there = read(path)
    except CheckpointError:
        return Older("other")
    num_steps = len(there.rows)
    alike = _is_alike(there, run)
    begun = num_steps <= run.step_number and (num_steps or alike)
    if begun and np.array_equal(there.rows, _rows_of_run(run, num_steps)):
        return Older("same", there)
    return Older("alike" if alike else "other", there)


def _rows_of_run(run: TrainingRun, stop: int) -> np.ndarray:
    """Return the first records of a run as rows (stop,) of schema.ROW."""
    records = run.history[:stop]
    return rows_of({name: [getattr(record, name) for record in records] for name in ROW.names})


def move_aside(path: Path, beside: Path) -> Path:
    """Give a checkpoint a free name, like that of the file beside it; return the name.

    Raises:
        OSError: That cannot be done; nothing has moved.
    """
    return files.move_aside(
        path,
        beside,
        is_taken=lambda name: os.path.lexists(name) or os.path.lexists(previous_of(name)),
    )


def _is_alike(there: Contents, run: TrainingRun) -> bool:
    """Say whether a file holds a run of the same settings, data and network."""
    state, train = there.held["state"], run.data.train
    data = [run.data.name, len(train), train.digest]
    settings = Hyperparameters(**state["hyperparameters"])
    shapes, ours = (
        {name: getattr(value, "shape", None) for name, value in model.items()}
        for model in (state["model"], run.model.state_dict())
    )
    return (
        settings in (run.hyperparameters, run.first_hyperparameters)
        and state.get("update", "") == name_of(run.update)
        and state.get("own_loss", "") == name_of(run.own_loss)
        and list(state["data"][:2]) == data[:2]
        and list(state["data"][2:]) in ([], data[2:])  # earlier versions kept no digest
        and shapes == ours
    )
