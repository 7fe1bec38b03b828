"""What the training panel plays in a page: real runs, whole, small, and the same when run again."""

import functools
import gzip
import itertools
import json
import math
from itertools import islice

import pytest

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.playing import bundle, record


@functools.cache
def recorded():
    text = bundle.script_text("recorded/training.js")
    return json.loads(text.partition("] = ")[2].rstrip().removesuffix(";"))


def of(**wanted):
    (run,) = [run for run in recorded()["runs"] if wanted.items() <= run.items()]
    return run


def points(curve):
    return list(zip(itertools.accumulate(curve["gaps"]), curve["loss"], strict=True))


def test_the_whole_grid_is_there_once_and_small():
    grid = {(r["optimizer"], r["batch_size"], r["learning_rate"]) for r in recorded()["runs"]}
    assert grid == set(
        itertools.product(record.OPTIMIZERS, record.BATCH_SIZES, record.LEARNING_RATES)
    )
    assert len(grid) == 9 * 6 * 3
    braked = [run for run in recorded()["runs"] if run["brake"] != 1]
    assert len(recorded()["runs"]) == len(grid) + len(braked)
    assert len(braked) == 9 * 3
    text = bundle.script_text("recorded/training.js").encode()
    assert len(gzip.compress(text)) < 500_000


def test_it_says_where_when_and_with_what_it_was_made():
    made = recorded()["made"]
    assert all(map(str, made.values()))
    assert {"date", "torch", "python", "tutorial_lib", "processor"} < made.keys()
    assert made["seed"] == 0
    assert recorded()["data"] == {
        "name": "sample",
        "train": 4000,
        "held_out": 500,
        "noun": "digits",
    }


@pytest.mark.parametrize(
    ("optimizer", "rate", "batch_size"), [("momentum", 0.01, 32), ("adam", 0.001, 64)]
)
def test_a_run_trained_anew_has_the_recorded_losses(sample, optimizer, rate, batch_size):
    settings = Hyperparameters(
        optimizer=optimizer, learning_rate=rate, batch_size=batch_size, epochs=record.EPOCHS
    )
    run = TrainingRun(LeNet5(seed=0), sample, settings)
    losses = [step.loss for step in islice(run, 60)]
    told = of(optimizer=optimizer, learning_rate=rate, batch_size=batch_size, brake=1)
    kept = [(step, loss) for step, loss in points(told["loss"]) if step <= 60]
    assert len(kept) >= 25
    for step, loss in kept:  # rounded to three digits; another processor rounds in other ways
        assert loss == pytest.approx(losses[step - 1], rel=0.02)


def test_each_run_is_whole_or_says_where_it_diverged():
    per_epoch = {size: 4000 // size for size in record.BATCH_SIZES}
    for run in recorded()["runs"]:
        planned = record.EPOCHS * per_epoch[run["batch_size"]]
        last, _ = points(run["smoothed"])[-1]
        assert run["num_steps"] == planned
        assert run["steps"] == last == points(run["loss"])[-1][0]
        assert run["seconds"] > 0
        if run["diverged"]:
            assert run["diverged"]["step"] == run["steps"] + 1 <= planned
            assert f"step {run['diverged']['step']:,} " in run["diverged"]["words"]
        else:
            assert run["steps"] == planned
            assert [epoch for epoch, _, _ in run["scores"]] == [1, 2, 3]
        assert all(0 <= share <= 1 for _, _, share in run["scores"])
    assert any(run["diverged"] for run in recorded()["runs"])


def test_a_braked_run_is_the_other_one_until_it_brakes():
    plain, braked = (
        of(optimizer="momentum", learning_rate=0.03, batch_size=32, brake=b) for b in (1, 0.1)
    )
    ((step, field, before, after),) = braked["changes"]
    assert (field, before, after) == ("learning_rate", 0.03, 0.003)
    assert 250 < step <= 252  # the first after the second epoch, or the next
    assert plain["changes"] == []
    assert [p for p in points(plain["loss"]) if p[0] < step] == [
        p for p in points(braked["loss"]) if p[0] < step
    ]
    assert plain["loss"] != braked["loss"]


def test_runs_are_recorded_side_by_side_as_alone(few):
    wanted = record.orders([0.01, 1e30], [32], ["sgd"], epochs=2)
    told = record.recording(few, wanted)
    alone = [record.recorded_run(few, order, told["smoothed_over"]) for order in wanted]
    without_seconds = [
        [{key: value for key, value in run.items() if key != "seconds"} for run in runs]
        for runs in (told["runs"], alone)
    ]
    assert without_seconds[0] == without_seconds[1]
    assert [run["brake"] for run in alone] == [1, 0.1, 1, 0.1]
    assert alone[2]["diverged"]["step"] == 2
    assert all(map(math.isfinite, alone[2]["loss"]["loss"]))
    bundle.as_script("training", told)  # no number in it is none
