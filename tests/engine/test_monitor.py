"""LossMonitor's lines, letter by letter."""

import math
import re

import pytest
import torch

from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.engine.monitor import epoch_line, monitor, monitor_table, step_line
from tutorial_lib.engine.records import Diverged, StepRecord

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


def step_lines(lines):
    return [re.findall(r"\d+", line)[:3] for line in lines if line.startswith("Epoch:")]


def test_a_line_each_time_so_many_steps_have_passed(new_run):
    lines = []
    list(monitor(new_run(epochs=2), per_print_times=7, sink=lines.append))
    ends = [["0", "2", "10"], ["1", "2", "10"]]
    assert step_lines(lines) == [["0", "2", "7"], ends[0], ["1", "2", "4"], ends[1]]


@pytest.mark.parametrize("per_print_times", [None, 7, 1875])
def test_no_epoch_passes_in_silence(new_run, per_print_times):
    lines = []
    list(monitor(new_run(epochs=3), per_print_times=per_print_times, sink=lines.append))
    assert {line[0] for line in step_lines(lines)} == {"0", "1", "2"}


def test_records_that_are_left_out_hide_no_line(new_run):
    lines = []
    every_fourth = list(new_run(epochs=1))[::4]  # steps 1, 5, 9: none divides by 4
    list(monitor(every_fourth, per_print_times=4, sink=lines.append))
    assert [line[2] for line in step_lines(lines)] == ["5", "9"]


def test_a_second_run_is_watched_like_the_first(new_run):
    first, second = [], []
    for lines in (first, second):
        list(monitor(new_run(epochs=1), per_print_times=4, sink=lines.append))
    assert step_lines(first) == step_lines(second)


def test_the_rate_in_force_is_printed(new_run):
    lines, run = [], new_run()
    watched = monitor(run, per_print_times=1, sink=lines.append)
    next(watched)
    run.adjust(learning_rate=0.002)
    next(watched)
    assert [line[-7:] for line in lines] == ["0.01000", "0.00200"]


def test_the_time_is_that_of_the_step_itself(new_run):
    lines = []
    records = list(monitor(new_run(epochs=1), per_print_times=1, sink=lines.append))
    printed = [re.search(r"time:(\S+) ms", line)[1] for line in lines[:-1]]
    assert printed == [f"{record.seconds * 1000:.3f}" for record in records]


def test_the_epoch_time_holds_its_steps_and_is_shared_among_them(new_run):
    lines = []
    records = list(monitor(new_run(epochs=1), sink=lines.append))
    epoch, step = map(float, re.findall(r"time: (\S+) ms", lines[-1]))
    assert epoch >= sum(record.seconds for record in records) * 1000
    assert step == pytest.approx(epoch / 10, abs=0.001)


def test_half_an_epoch_is_divided_by_the_steps_it_had(new_run):
    lines, run = [], new_run(epochs=1)
    for _ in range(8):
        next(run)
    list(monitor(run, sink=lines.append))
    epoch, step = map(float, re.findall(r"time: (\S+) ms", lines[-1]))
    assert step == pytest.approx(epoch / 2, abs=0.001)


def test_a_loss_that_is_no_number_ends_the_run_and_is_never_printed(new_run):
    lines, run = [], new_run()
    watched = monitor(run, per_print_times=1, sink=lines.append)
    next(watched)
    torch.nn.init.constant_(run.model.fc3.bias, math.nan)
    with pytest.raises(Diverged, match="nan at step 2 "):
        list(watched)
    assert step_lines(lines) == [["0", "3", "1"]]


def test_the_table_says_what_the_lines_say(new_run):
    lines = []
    records = list(monitor(new_run(epochs=2), per_print_times=4, sink=lines.append))
    table = monitor_table(records, per_print_times=4)
    numbers = [re.findall(r"[\d.]+", line) for line in lines if line.startswith("Epoch:")]
    assert [re.findall(r"[\d.]+", " ".join(row)) for row in table.rows] == numbers


def test_the_table_of_the_originals_line():
    assert repr(monitor_table([RECORD])).splitlines() == [
        " epoch           step   loss  mean loss  time (ms)  learning rate",
        "0 / 10  1,875 / 1,875  0.189      1.176      2.254        0.01000",
    ]


@pytest.mark.parametrize("value", [0, -1, 2.5, "all", True])
def test_a_bad_interval_is_refused_at_once(new_run, value):
    with pytest.raises((ValueError, TypeError), match="per_print_times"):
        monitor(new_run(), per_print_times=value)
    with pytest.raises((ValueError, TypeError), match="per_print_times"):
        monitor_table([], per_print_times=value)


@pytest.mark.parametrize("epoch", [0, 1, 2])  # of three; the last one ends with the run
def test_an_epoch_that_a_larger_batch_ends_early_has_its_lines(new_run, epoch):
    run, said = new_run(), []
    for record in monitor(run, sink=said.append):
        if record.step == 10 * epoch + 8:
            run.adjust(batch_size=25)  # 20 images are left
    assert len([line for line in said if line.startswith("Epoch time")]) == 3
    assert f"Epoch:[  {epoch}/  3], step:[    8/   10]" in said[2 * epoch]
    # A list does not tell of the end.
    assert len(monitor_table(run.history).rows) == 3 - (epoch == 2)


def test_an_epoch_ended_early_is_told_of_where_the_records_are_wrapped(new_run):
    run, said = new_run(epochs=1), []
    for record in monitor(with_accuracy(run, run.data.test), sink=said.append, run=run):
        if record.step == 8:
            run.adjust(batch_size=25)
    assert len(said) == 2
    assert [score.step for score in run.scores] == [8]
