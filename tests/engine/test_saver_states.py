"""Runs, savers, foreign files, full disks and kills in any order: nothing that was saved is lost.

`TUTORIAL_THOROUGH=10` goes ten times as far.
"""

import contextlib
import os
import resource
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from torch import nn

from tutorial_lib import Hyperparameters, TrainingRun, checkpoint
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.checkpoint import CheckpointError, Saver

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
NAMES = st.sampled_from(["a.run", "b.run", "link.run"])
FOREIGN = st.sampled_from(
    ["a.run", "b.run", "a-2.run", "a.run.previous", ".a.run.part", ".b.run.lock", "b-2.run"]
)

LIMITS = st.none() | st.none() | st.sampled_from([0, 100, 1500, 2500, 4000, 6000, 9000])
PLAN = st.lists(st.tuples(st.integers(0, 5), LIMITS), min_size=1, max_size=8)


def new_data() -> Data:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 1, 32, 32, generator=generator)
    split = Split(images, torch.randint(10, (64,), generator=generator))
    return Data("noise", "For tests.", split, split, torch.device("cpu"))


DATA = new_data()


def new_run(number: int) -> TrainingRun:
    """Return a run of settings that no other one has: what was saved of it must stay for good."""
    model = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(16, 10))
    rate = 1e-3 * (1 + number / 1000)
    return TrainingRun(model, DATA, Hyperparameters(epochs=1000, batch_size=8, learning_rate=rate))


@contextlib.contextmanager
def files_end_at(limit: int | None):
    """Let no file grow beyond so many bytes meanwhile; None lets all."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Saving(RuleBasedStateMachine):
    saves = failures = 0

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        (self.folder / "link.run").symlink_to("b.run")
        self.savers: list[Saver] = []
        self.foreign: dict[Path, bytes] = {}
        self.saved: dict[float, int] = {}  # learning rate of a run -> the step that was said
        self.number = 0

    def teardown(self) -> None:
        for saver in self.savers:
            saver.close()
        self._folder.cleanup()

    @rule(name=NAMES, again=st.booleans())
    def open(self, name: str, again: bool) -> None:
        """Begin a run, or go on with the one that is there."""
        path = self.folder / name
        self.number += 1
        run = new_run(self.number)
        if again:
            with contextlib.suppress(CheckpointError):
                checkpoint.restore(run, path)
        if len(self.savers) < 4:
            may_refuse = pytest.raises(CheckpointError, match=r"stays as it is|in the way")
            with may_refuse if self.foreign else contextlib.nullcontext():
                self.savers.append(Saver(run, path, sink=lambda line: None))
                if self.foreign:
                    raise CheckpointError("stays as it is")  # it need not refuse

    @rule(index=st.integers(0, 3), name=NAMES, plan=PLAN)
    def save(self, index: int, name: str, plan: list[tuple[int, int | None]]) -> None:
        """Take some steps and save, again and again, while files may grow so far."""
        if not self.savers:
            self.open(name, again=False)
        for steps, limit in plan if self.savers else []:
            self.save_once(self.savers[index % len(self.savers)], steps, limit)

    def save_once(self, saver: Saver, steps: int, limit: int | None) -> None:
        for _ in range(steps):
            saver.run.step()
        with files_end_at(limit):
            worked = saver.save()
        Saving.saves += worked
        Saving.failures += not worked
        if worked:
            self.saved[saver.run.hyperparameters.learning_rate] = saver.run.step_number
            assert saver.step_saved == saver.run.step_number
            assert checkpoint.load(saver.path).step_number == saver.step_saved
        else:
            assert limit is not None or self.is_foreign_near(saver.path)

    @precondition(lambda self: self.savers)
    @rule(index=st.integers(0, 3))
    def close(self, index: int) -> None:
        self.savers.pop(index % len(self.savers)).close()

    @rule(name=FOREIGN, content=st.binary(min_size=1, max_size=20))
    def put_foreign(self, name: str, content: bytes) -> None:
        """Let another program write a file, where there is none."""
        path = self.folder / name
        if not path.exists():
            path.write_bytes(content)
            self.foreign[path] = content

    @rule(name=FOREIGN)
    def take_foreign(self, name: str) -> None:
        if self.foreign.pop(self.folder / name, None) is not None:
            (self.folder / name).unlink()

    @precondition(lambda self: self.savers)
    @rule(index=st.integers(0, 3), share=st.floats(0, 1))
    def kill(self, index: int, share: float) -> None:
        """Let the process of a saver be killed while it appends."""
        saver = self.savers.pop(index % len(self.savers))
        if saver.step_saved is None or self.is_foreign_near(saver.path):
            saver.close()
            return
        before = saver.path.stat()
        said = saver.step_saved
        saver.run.step()
        worked = saver.save()
        saver.close()
        assert worked
        after = saver.path.stat()
        if before.st_ino == after.st_ino and before.st_size < after.st_size:
            os.truncate(saver.path, before.st_size + int(share * (after.st_size - before.st_size)))
        assert checkpoint.load(saver.path).step_number >= said

    @invariant()
    def what_is_foreign_is_as_it_was(self) -> None:
        for path, content in self.foreign.items():
            assert path.read_bytes() == content

    @invariant()
    def what_was_saved_is_there(self) -> None:
        found: dict[float, int] = {}
        for path in self.folder.iterdir():
            with contextlib.suppress(CheckpointError):
                there = checkpoint.load(path)
                rate = there.hyperparameters.learning_rate
                found[rate] = max(found.get(rate, 0), there.step_number)
        for rate, step in self.saved.items():
            assert found.get(rate, -1) >= step

    @invariant()
    def the_link_is_one(self) -> None:
        assert (self.folder / "link.run").is_symlink()

    def is_foreign_near(self, path: Path) -> bool:
        names = {path.name, f"{path.name}.previous", f".{path.name}.part"}
        return any(other.name in names for other in self.foreign)


def test_whatever_happens_what_was_saved_stays(request):
    run_state_machine_as_test(
        Saving,
        settings=settings(
            max_examples=15 * TIMES,
            stateful_step_count=40,
            deadline=None,
            derandomize=TIMES == 1,
            phases=[Phase.generate],  # to find the shortest one would take minutes
        ),
    )
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{Saving.saves:,} saves made, {Saving.failures:,} failed, none lost")
    assert Saving.failures > 30
    assert Saving.saves > 100
