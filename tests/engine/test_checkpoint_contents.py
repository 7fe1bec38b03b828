"""A file may hold anything under a right header: it is refused, or it is a run."""

import dataclasses
import itertools
import json
import math
import os
import sys
from pathlib import Path

import mutations
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutorial_lib import Hyperparameters, LeNet5, StepRecord, TrainingRun, checkpoint, with_accuracy
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.checkpoint import CheckpointError, schema
from tutorial_lib.engine.checkpoint.packing import pack, unpack
from tutorial_lib.models import make_model

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))


def test_wrong_contents_are_refused_or_a_run_and_take_little_memory(warm_python):
    command = [sys.executable, mutations.__file__, str(200 * TIMES)]
    done = warm_python.call(command)
    print(done.stdout)
    seen = json.loads(done.stdout)
    assert seen["files"] == 200 * TIMES
    assert seen["refused"] > 100
    assert seen["MB more"] < 100


@pytest.fixture
def contents(new_run):
    run = new_run()
    list(itertools.islice(run, 12))
    return mutations.contents_of(run)


def test_both_formats_hold_the_same(contents, tmp_path):
    path, columns = tmp_path / "a.run", mutations._columns(contents.rows)
    path.write_bytes(mutations.format_2(contents.held, contents.rows.tobytes()))
    two = checkpoint.load(path)
    path.write_bytes(mutations.format_1(contents.held, columns))
    one = checkpoint.load(path)
    assert one.state["history"] == two.state["history"]
    assert one.step_number == 12
    assert all(torch.equal(one.state["model"][name], w) for name, w in two.state["model"].items())


def test_a_run_of_format_1_goes_on(contents, new_run, tmp_path):
    path, run, whole = tmp_path / "a.run", new_run(), new_run()
    path.write_bytes(mutations.format_1(contents.held, mutations._columns(contents.rows)))
    checkpoint.restore(run, path)
    with checkpoint.Saver(run, path) as saver:
        list(saver.saving(run))
    losses = [record.loss for record in whole]
    assert checkpoint.load(path).state["history"]["loss"] == losses


def test_a_row_is_a_step_record():
    kinds = {int: "<i8", float: "<f8"}
    fields = [(field.name, kinds[field.type]) for field in dataclasses.fields(StepRecord)]
    assert np.dtype(fields) == schema.ROW


def test_a_damaged_end_gives_way_to_the_one_before_if_that_is_whole(contents, tmp_path):
    good = mutations.format_2(contents.held, contents.rows.tobytes())
    wrong = mutations.format_2(contents.held | {"saved_at": 1e300}, contents.rows.tobytes())
    path = tmp_path / "a.run"
    path.write_bytes(wrong)
    checkpoint.previous_of(path).write_bytes(good)
    assert "something else than the numbers" in checkpoint.load(path).notice


def test_what_could_not_be_read_again_is_not_saved(new_run, tmp_path):
    run = new_run()
    object.__setattr__(run.hyperparameters, "seed", 2**2040)
    with pytest.raises(CheckpointError, match="seed must be a whole number"):
        checkpoint.save(run, tmp_path / "a.run")


def test_extra_state_that_no_file_can_hold_is_said_when_it_is_saved(new_run, tmp_path):
    run = new_run()
    run.optimizer.param_groups[0]["mine"] = object()
    with pytest.raises(CheckpointError, match=r"\['mine'\] is a object, which cannot be kept"):
        checkpoint.save(run, tmp_path / "a.run")


@pytest.mark.parametrize(
    "row",
    [
        [1, 0, 5, 0.1, 0.9],  # of earlier versions
        [1, 0, 5, math.nan, None, math.inf, -math.inf, math.nan],  # of a run that went astray
        [1, 0, 5, 0.1, None, 43.0, 1.0, -7.0],
    ],
)
def test_scores_of_every_task_are_read(contents, row):
    held = contents.held | {"state": contents.held["state"] | {"scores": [row]}}
    schema.check_held(held, len(contents.rows), 1)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([1, 0, 5, 0.1, 1.5], "accuracy of a score is 1.5"),
        ([1, 0, 5, 0.1, None, -1.0], "mean_absolute_error of a score is -1.0"),
        ([1, 0, 5, 0.1, None, 1.0, 1.5], "r2 of a score is 1.5"),
        ([1, 0, 5, 0.1, None, None, None, "many"], "metric of a score is 'many'"),
        ([1, 0, 5, None, 0.9], "the loss of a score is None"),
    ],
)
def test_scores_that_no_run_has_are_refused(contents, row, words):
    held = contents.held | {"state": contents.held["state"] | {"scores": [row]}}
    with pytest.raises(ValueError, match=words):
        schema.check_held(held, len(contents.rows), 1)


def test_a_file_of_a_regression_is_taken_up_by_its_like_alone(few, tmp_path):
    def squared(outputs, targets):
        return (outputs - targets).square().mean()

    def largest(outputs, targets):
        return (outputs - targets).abs().max()

    def new_run(name, **options):
        draw = torch.Generator().manual_seed(0)
        split = Split(torch.randn(30, 3, generator=draw), torch.randn(30, 1, generator=draw))
        data = Data(name, "", split, split, torch.device("cpu"), noun="points")
        return TrainingRun(make_model(data.default_network, 0), data, **options)

    settings = Hyperparameters(loss="mse", batch_size=10, epochs=2)
    run = new_run("line", hyperparameters=settings, loss=squared, metric=largest)
    list(with_accuracy(run, run.data.test))
    path = checkpoint.save(run, tmp_path / "a.run")
    again = new_run("line", hyperparameters=settings, loss=squared, metric=largest)
    checkpoint.restore(again, path)
    assert again.scores == run.scores
    assert again.scores[-1].accuracy is None
    assert again.scores[-1].metric > again.scores[-1].mean_absolute_error > 0
    with pytest.raises(CheckpointError, match="its loss is squared, here it is mse"):
        checkpoint.restore(new_run("line", hyperparameters=settings), path)
    words = "it learned from 30 examples of 'line', here are 30 points of 'plane'"
    with pytest.raises(CheckpointError, match=words):
        checkpoint.restore(new_run("plane", hyperparameters=settings, loss=squared), path)
    with pytest.raises(CheckpointError, match=r"its model has 1.weight \[64, 3\], the one here"):
        checkpoint.restore(TrainingRun(LeNet5(), few, Hyperparameters()), path)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers(),
    lambda parts: (
        st.lists(parts)
        | st.tuples(parts, parts)
        | st.dictionaries(st.text() | st.integers(), parts)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=20,
)


@settings(max_examples=100 * TIMES, deadline=None, derandomize=TIMES == 1)
@given(PLAIN)
def test_plain_values_come_back_as_they_were(value):
    assert repr(unpack(pack(value))) == repr(value) or _same(unpack(pack(value)), value)


def _same(one, other) -> bool:
    if isinstance(one, set):
        return one == other
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return repr(one) == repr(other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.bool, torch.complex64])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 4, 5)])
def test_tensors_come_back_as_they_lay(dtype, shape):
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    if len(shape) == 4:
        tensor = tensor.to(memory_format=torch.channels_last)
    found = unpack(pack([tensor, tensor.expand(2, *shape)]))
    assert found[0].dtype == dtype
    assert torch.equal(found[0], tensor)
    assert found[0].stride() == tensor.stride()
    assert torch.equal(found[1][1], tensor)


def test_tied_weights_are_written_once():
    weight = torch.randn(1000)
    assert len(pack({"a": weight, "b": weight})) < 4500


def test_a_model_s_layers_keep_their_versions():
    state = torch.nn.BatchNorm1d(2).state_dict()
    assert unpack(pack(state))._metadata == state._metadata


@pytest.mark.parametrize(
    "path", ["~nosuchuser/a.run", "a\0b", "x" * 300, Path("/dev/null"), "", ".", "/", ".."]
)
def test_a_name_that_means_no_file_is_one_error(path, new_run):
    for action in (checkpoint.load, lambda path: checkpoint.save(new_run(), path)):
        with pytest.raises(CheckpointError):
            action(path)
