"""LossMonitor's lines, letter by letter."""

import re

import pytest

from tutorial_lib.monitor import epoch_line, monitor, step_line
from tutorial_lib.records import StepRecord

RECORD = StepRecord(
    step=1875,
    epoch=0,
    epochs=10,
    epoch_step=1875,
    epoch_steps=1875,
    images_seen=60_000,
    batch_size=32,
    learning_rate=0.01,
    loss=0.1893,
    mean_loss=1.1761,
    seconds=0.002254,
)


def test_the_step_line_is_the_originals():
    assert step_line(RECORD) == (
        "Epoch:[  0/ 10], step:[ 1875/ 1875], loss:[0.189/1.176], time:2.254 ms, lr:0.01000"
    )


def test_the_epoch_line_is_the_originals():
    assert epoch_line(RECORD, 4.286163) == (
        "Epoch time: 4286.163 ms, per step time: 2.286 ms, avg loss: 1.176"
    )


def test_one_line_and_a_summary_an_epoch(new_run):
    lines = []
    records = list(monitor(new_run(epochs=2), sink=lines.append))
    assert len(records) == 20
    assert [line.split(":")[0] for line in lines] == ["Epoch", "Epoch time"] * 2
    assert lines[2].startswith("Epoch:[  1/  2], step:[   10/   10], ")


def test_a_line_each_time_so_many_steps_have_passed(new_run):
    lines = []
    list(monitor(new_run(epochs=2), per_print_times=7, sink=lines.append))
    steps = [re.findall(r"\d+", line)[:3] for line in lines if line.startswith("Epoch:")]
    assert steps == [["0", "2", "7"], ["1", "2", "4"]]


def test_the_rate_in_force_is_printed(new_run):
    lines, run = [], new_run()
    watched = monitor(run, per_print_times=1, sink=lines.append)
    next(watched)
    run.adjust(learning_rate=0.002)
    next(watched)
    assert [line[-7:] for line in lines] == ["0.01000", "0.00200"]


@pytest.mark.parametrize("value", [0, -1, 2.5, "all", True])
def test_a_bad_interval_is_refused_at_once(new_run, value):
    with pytest.raises((ValueError, TypeError), match="per_print_times"):
        monitor(new_run(), per_print_times=value)
