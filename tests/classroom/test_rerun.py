"""An honest run comes again, to the last digit or to rounding; a forged one is found."""

import dataclasses

import pytest
import torch
from made_up_class import forged, real_entry, settings_of

from tutorial_lib.classroom.rerun import rerun, tolerance


def test_an_honest_run_comes_again_to_the_last_digit(honest, sample):
    verdict = rerun(honest, sample)
    assert verdict.kind == "exact"
    assert verdict.said == "comes again to the last digit, 40 steps"


@pytest.mark.parametrize("step", [1, 17, 40])
def test_a_forged_run_is_found_at_its_first_step(step, honest, sample):
    verdict = rerun(forged(honest, step), sample)
    assert (verdict.kind, verdict.step) == ("differs", step)
    assert verdict.said.startswith(f"differs from step {step} on: it claims ")


@pytest.mark.parametrize(
    "changes",
    [
        {"changes": (), "rates": [(1, 0.003)]},  # it does not tell of its change
        {"init": "mindspore"},
        {"batch_sizes": [(1, 16)]},
    ],
)
def test_a_run_of_other_settings_is_found(changes, honest, sample):
    assert rerun(dataclasses.replace(honest, **changes), sample).kind == "differs"


def test_a_change_without_a_mark_comes_again(honest, sample):
    assert rerun(dataclasses.replace(honest, changes=()), sample).kind == "exact"


def test_other_threads_are_rounding(sample, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        entry = real_entry(tmp_path, sample, settings_of(4), 60)
    finally:
        torch.set_num_threads(before)
    assert entry.threads == (2,)
    assert rerun(entry, sample).kind == "exact"  # it takes two, too
    assert torch.get_num_threads() == before
    assert rerun(dataclasses.replace(entry, threads=(1,)), sample).kind in ("exact", "rounding")


@pytest.mark.parametrize(("share", "kind"), [(0.5, "rounding"), (2, "differs")])
def test_what_rounding_may_be_is_bounded(share, kind, honest, sample):
    losses = [loss + share * tolerance(at) for at, loss in enumerate(honest.losses, 1)]
    assert rerun(dataclasses.replace(honest, losses=tuple(losses)), sample).kind == kind


def test_a_tolerance_grows_and_ends():
    assert tolerance(1) == 2e-6
    assert tolerance(2) == pytest.approx(2.04e-6)
    assert tolerance(10**6) == tolerance(10**5) == 0.02


def test_a_claimed_accuracy_is_measured(honest, sample):
    score = dataclasses.replace(honest.score, accuracy=honest.score.accuracy + 0.01)
    verdict = rerun(dataclasses.replace(honest, score=score), sample)
    assert verdict.kind == "differs"
    assert verdict.said.startswith("its losses come again, but it claims ")


def test_a_run_that_claims_more_steps_than_it_has_is_found(honest, sample):
    one_epoch = dataclasses.replace(honest, settings=honest.settings.replace(epochs=1))
    longer = dataclasses.replace(
        one_epoch, settings=one_epoch.settings.replace(batch_size=4000), batch_sizes=[(1, 4000)]
    )
    assert rerun(longer, sample).kind == "differs"


def test_absurd_settings_end_soon(honest, sample):
    endless = dataclasses.replace(honest, settings=honest.settings.replace(epochs=10**9))
    assert rerun(endless, sample).kind == "exact"  # of so many epochs, 40 steps
    huge = dataclasses.replace(honest, settings=honest.settings.replace(batch_size=10**9))
    verdict = rerun(huge, sample)
    assert verdict.kind == "impossible"
    assert "batch_size must be a whole number" in verdict.said


def test_a_run_that_diverges_is_found_where_it_claims_to_go_on(honest, sample):
    wild = honest.settings.replace(learning_rate=1e6, optimizer="sgd", loss="mse")
    verdict = rerun(dataclasses.replace(honest, settings=wild), sample)
    assert verdict.kind == "differs"


def test_other_examples_are_said(honest, sample):
    other = dataclasses.replace(honest, data=("sample", 4000, "another digest"))
    assert rerun(other, sample).said == "it learned from other examples than sample has"
