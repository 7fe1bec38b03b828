"""Schedules, against their formulas, and on a real run."""

import math

import pytest

from tutorial_lib.engine.monitor import step_line
from tutorial_lib.labs.schedules.measure import SCHEDULES, planned_rates, scheduled
from tutorial_lib.labs.schedules.panel import schedules_panel


def test_constant_stays():
    assert planned_rates("constant", peak=0.2, num_steps=5) == [0.2] * 5


def test_three_drops_by_hand():
    rates = planned_rates("step", peak=1.0, num_steps=8)
    assert rates == pytest.approx([1, 1, 0.3, 0.3, 0.09, 0.09, 0.027, 0.027])


def test_cosine_is_half_a_wave():
    rates = planned_rates("cosine", peak=0.4, num_steps=4)
    by_hand = [0.4 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx(by_hand)
    assert rates[2] == pytest.approx(0.2)  # half the peak, halfway


def test_one_cycle_rises_to_its_peak_and_falls_almost_to_nothing():
    rates = planned_rates("one-cycle", peak=0.5, num_steps=101, warm_up=0.2)
    assert rates[0] == pytest.approx(0.5 / 25)
    assert max(rates) == pytest.approx(0.5, rel=0.01)
    assert rates.index(max(rates)) in (19, 20)
    assert rates[-1] < 1e-4


def test_the_rate_in_force_stands_in_record_and_line_and_leaves_no_marks(new_run):
    run = new_run(optimizer="sgd")
    rates = planned_rates("cosine", peak=0.1, num_steps=run.num_steps)
    records = list(scheduled(run, rates))
    assert [record.learning_rate for record in records] == rates
    assert f"lr:{rates[7]:.5f}" in step_line(records[7])
    assert run.changes == []


def test_the_steps_are_those_of_a_run_adjusted_by_hand(new_run):
    rates = [0.1, 0.05, 0.2, 0.01]
    planned, by_hand = new_run(), new_run()
    losses = [record.loss for record in scheduled(planned, rates)]
    expected = []
    for rate in rates:
        by_hand.adjust(learning_rate=rate)
        expected.append(by_hand.step().loss)
    assert losses == expected


def test_it_ends_with_the_run_too(new_run):
    assert len(list(scheduled(new_run(epochs=1), [0.01] * 99))) == 10


@pytest.mark.parametrize(
    "wrong", [{"schedule": "sine"}, {"peak": 0}, {"num_steps": 1}, {"warm_up": 1}]
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        planned_rates(**({"schedule": "cosine"} | wrong))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_panel_previews_each(schedule):
    panel = schedules_panel(40)
    panel.set(schedule=schedule, peak=0.5)
    assert f"{schedule}: " in panel.status.value
    panel.close()
