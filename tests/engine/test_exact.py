"""A run that was stopped and taken up again is the run that never stopped, bit for bit.

`TUTORIAL_THOROUGH=10` tries ten times as many cases.
"""

import itertools
import math
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.optimizers import OPTIMIZERS

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
RATES = {"sgd": 0.05, "rmsprop": 1e-3, "adam": 2e-3, "adamw": 2e-3}

# What is asked for at a step: {step: [{"learning_rate": 0.1}, ...]}
CHANGES = st.dictionaries(
    st.integers(0, 14),
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"learning_rate": st.floats(1e-4, 0.05)}),
            st.fixed_dictionaries({"momentum": st.sampled_from([0.0, 0.5, 0.95])}),
            st.fixed_dictionaries({"batch_size": st.integers(3, 20)}),
            st.fixed_dictionaries({"weight_decay": st.floats(0, 0.1), "batch_size": st.just(8)}),
        ),
        min_size=1,
        max_size=2,
    ),
    max_size=3,
)
STOPS = st.lists(st.integers(0, 99), min_size=1, max_size=2)  # folded into 0 .. last + 1
exactly = settings(
    max_examples=4 * TIMES,
    deadline=None,
    derandomize=TIMES == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
resumed = {"count": 0}


def tiny(sample: Data) -> Data:
    """Return 50 training digits: 6 steps of 8 in an epoch, 2 left out."""
    train = Split(sample.train.images[:50], sample.train.labels[:50])
    return Data("tiny", "For tests.", train, train, torch.device("cpu"))


def new_run(data: Data, optimizer: str, model: nn.Module | None = None) -> TrainingRun:
    settings = Hyperparameters(
        epochs=2, batch_size=8, optimizer=optimizer, learning_rate=RATES.get(optimizer, 0.02)
    )
    return TrainingRun(model or LeNet5(seed=0), data, settings)


def disturb() -> None:
    """Do what a learner may do between cells."""
    torch.rand(3), np.random.rand(3), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)


def drive(run: TrainingRun, changes: dict[int, list], *, upto: float = math.inf) -> None:
    """Take steps until so many are taken or the end is reached; ask for each change once."""
    for step in range(run.step_number, 1000):
        if step >= upto:
            return
        for change in changes.pop(step, []):
            run.adjust(**change)
        if next(run, None) is None:
            return


def through_memory(run: TrainingRun, fresh: TrainingRun, folder: Path) -> None:
    fresh.load_state_dict(run.state_dict())


def through_a_file(run: TrainingRun, fresh: TrainingRun, folder: Path) -> None:
    checkpoint.restore(fresh, checkpoint.save(run, folder / "run.ckpt"))


def stop_and_resume(whole, changes, stops, resume, folder) -> TrainingRun:
    """Return a run with the settings of `whole` that was stopped and resumed at each stop."""
    data, optimizer, changes = whole.data, whole.hyperparameters.optimizer, dict(changes)
    run = new_run(data, optimizer)
    for stop in sorted(stop % (whole.step_number + 2) for stop in stops):  # 0, 1 .. last, last + 1
        drive(run, changes, upto=stop)
        disturb()
        earlier, run = run, new_run(data, optimizer, LeNet5(seed=1))
        resume(earlier, run, folder)
        resumed["count"] += 1
    drive(run, changes)
    return run


def outcome(run: TrainingRun) -> dict[str, Any]:
    """Return all that a run is, but for the time that its steps took."""
    state = run.state_dict()
    del state["history"]["seconds"]
    return state


def same(one: Any, other: Any) -> bool:
    """Say whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.fixture(scope="module", autouse=True)
def _say_how_many(request):
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nresumed {resumed['count']:,} times, each run equal to one that never stopped")


@pytest.mark.parametrize("resume", [through_memory, through_a_file])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopping_anywhere_and_going_on_changes_nothing(sample, tmp_path, optimizer, resume):
    data = tiny(sample)

    @exactly
    @given(changes=CHANGES, stops=STOPS)
    def property_holds(changes, stops):
        whole = new_run(data, optimizer)
        drive(whole, dict(changes))
        run = stop_and_resume(whole, changes, stops, resume, tmp_path)
        assert same(outcome(run), outcome(whole))

    property_holds()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_single_step_is_a_place_to_stop(sample, tmp_path, optimizer):
    whole = new_run(tiny(sample), optimizer)
    drive(whole, {})
    assert whole.step_number == 12
    for stop in range(14):  # 0, 1, the epoch's end 6, the last 12, and once more asked 13
        run = stop_and_resume(whole, {}, [stop], through_memory, tmp_path)
        assert same(outcome(run), outcome(whole))


def test_a_change_asked_for_just_before_the_stop_is_not_lost(sample, tmp_path):
    whole, run = (new_run(tiny(sample), "momentum") for _ in range(2))
    drive(whole, {5: [{"learning_rate": 0.1}, {"batch_size": 4}]})
    drive(run, {}, upto=5)
    run.adjust(learning_rate=0.1)
    run.adjust(batch_size=4)
    fresh = new_run(run.data, "momentum")
    through_a_file(run, fresh, tmp_path)
    drive(fresh, {})
    assert same(outcome(fresh), outcome(whole))


def test_one_state_serves_any_number_of_times(sample):
    whole, run = (new_run(tiny(sample), "momentum") for _ in range(2))
    drive(whole, {})
    drive(run, {}, upto=5)
    state = run.state_dict()
    for _ in range(3):
        fresh = new_run(run.data, "momentum")
        fresh.load_state_dict(state)
        drive(fresh, {})
        assert same(outcome(fresh), outcome(whole))


def with_dropout(seed: int) -> nn.Module:
    return nn.Sequential(LeNet5(seed=seed), nn.Dropout(0.3))


def test_what_dropout_drops_is_the_run_s_own(sample):
    data = tiny(sample)
    whole, run = (new_run(data, "momentum", with_dropout(seed=0)) for _ in range(2))
    drive(whole, {})
    for stop in (1, 6, 9):
        drive(run, {}, upto=stop)
        disturb()
        untouched = torch.get_rng_state()
        earlier, run = run, new_run(data, "momentum", with_dropout(seed=1))
        run.load_state_dict(earlier.state_dict())
    drive(run, {})
    assert same(outcome(run), outcome(whole))
    assert torch.equal(torch.get_rng_state(), untouched)


@pytest.mark.parametrize("stop", [5, 6, 7, 12, 14])  # 14 records: 12 steps and 2 accuracies
def test_the_accuracies_are_those_of_a_run_that_never_stopped(sample, stop):
    whole, run, fresh = (new_run(tiny(sample), "momentum") for _ in range(3))
    list(with_accuracy(whole, whole.data.test))
    records = with_accuracy(run, run.data.test)
    for _ in range(stop):
        next(records)
    fresh.load_state_dict(run.state_dict())
    list(with_accuracy(fresh, fresh.data.test))
    assert [score.step for score in fresh.scores] == [6, 12]
    assert same(outcome(fresh), outcome(whole))


# ---- in a new process ----

CONTINUE = """
import sys, random, numpy, torch
sys.path.insert(0, sys.argv[1])
import test_exact as exact
from tutorial_lib import LeNet5, checkpoint, load_digits
data = exact.tiny(load_digits("sample", device="cpu"))
for file in sys.argv[2:]:
    exact.disturb()
    run = exact.new_run(data, checkpoint.load(file).hyperparameters.optimizer, LeNet5(seed=3))
    assert checkpoint.restore(run, file).notice == ""
    exact.drive(run, dict(exact.PLAN))
    checkpoint.save(run, file + ".done")
"""
PLAN = {2: [{"learning_rate": 0.003}], 5: [{"batch_size": 5}], 9: [{"momentum": 0.4}]}


def test_a_new_process_goes_on_as_if_nothing_had_happened(sample, tmp_path, warm_python):
    data = tiny(sample)
    wholes = {}
    for optimizer, stop in zip(OPTIMIZERS, itertools.cycle((0, 1, 6, 7, 11, 99)), strict=False):
        run = new_run(data, optimizer)
        drive(run, dict(PLAN), upto=stop)
        wholes[checkpoint.save(run, tmp_path / optimizer)] = whole = new_run(data, optimizer)
        drive(whole, dict(PLAN))
    folder = str(Path(__file__).parent)
    assert warm_python.run(CONTINUE, folder, *map(str, wholes)).returncode == 0
    for file, whole in wholes.items():
        run = new_run(data, file.name)
        checkpoint.restore(run, f"{file}.done")
        assert same(outcome(run), outcome(whole))


# ---- broken on purpose: each property can fail ----


def without_momentum(state):
    state["optimizer"]["state"] = {}


def without_order(state):
    state["hyperparameters"]["seed"] += 1


def without_position(state):
    state["position"] = [0, 0, 0, 0.0]


def without_changes(state):
    state["changes"] = []


def without_history(state):
    state["history"] = {name: [] for name in state["history"]}


def without_the_rate_in_force(state):
    state["hyperparameters"]["learning_rate"] *= 2


BROKEN = [
    (without_momentum, "model"),
    (without_order, "model"),
    (without_position, "model"),
    (without_changes, "changes"),
    (without_history, "history"),
    (without_the_rate_in_force, "history"),
]


@pytest.mark.parametrize(("leave_out", "part"), BROKEN)
def test_what_is_left_out_is_missed(sample, leave_out, part):
    changes = {2: [{"learning_rate": 0.01}]}
    whole, run, fresh = (new_run(tiny(sample), "momentum") for _ in range(3))
    drive(whole, dict(changes))
    drive(run, dict(changes), upto=4)
    state = run.state_dict()
    leave_out(state)
    fresh.load_state_dict(state)
    drive(fresh, {})
    assert not same(outcome(fresh)[part], outcome(whole)[part])
