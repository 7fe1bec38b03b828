"""An honest run comes again, to the last digit or to rounding; a forged one is found."""

import dataclasses

import pytest
import torch
from made_up_class import forged, real_entry, settings_of

from tutorial_lib import TrainingRun
from tutorial_lib.classroom import rerun as module
from tutorial_lib.classroom.rerun import rerun
from tutorial_lib.models import make_model


def test_an_honest_run_comes_again_to_the_last_digit(honest, sample):
    verdict = rerun(honest, sample)
    assert verdict.kind == "exact"
    assert verdict.said == "comes again to the last digit"


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


@pytest.fixture
def other_machine(monkeypatch):
    """Let first weights be rounded in other ways, as another processor would round a step."""

    def make(new_model, seed):
        model = make_model(new_model, seed)
        draw = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(1 + 6e-8 * torch.randn(weights.shape, generator=draw))
        return model

    monkeypatch.setattr(module, "make_model", make)


def test_on_another_machine_an_honest_run_comes_again_to_rounding(honest, sample, other_machine):
    verdict = rerun(honest, sample)
    assert verdict.kind == "rounding"
    assert verdict.said.startswith("comes again to rounding: losses are at most ")


def test_there_a_forged_run_is_found_all_the_same(honest, sample, other_machine):
    verdict = rerun(forged(honest, 17), sample)
    assert (verdict.kind, verdict.step) == ("differs", 17)


def test_there_a_wild_run_drifts_and_counts_as_it_was_here(sample, tmp_path, other_machine):
    settings = settings_of(1).replace(learning_rate=0.5)
    entry = real_entry(tmp_path, sample, settings, 60)
    verdict = rerun(entry, sample)
    assert verdict.kind == "drifts"
    assert 20 < verdict.step < 60
    assert verdict.here.losses != entry.losses
    assert verdict.here.losses[:10] == pytest.approx(entry.losses[:10], abs=1e-5)


@pytest.mark.parametrize(
    ("add", "kind"),
    [
        (lambda step: 1e-6, "rounding"),
        (lambda step: 1e-5, "differs"),  # there at once
        (lambda step: 1e-7 * 1.5**step, "drifts"),
    ],
)
def test_how_a_difference_begins_tells_what_it_is(add, kind, honest, sample):
    losses = tuple(loss + add(at) for at, loss in enumerate(honest.losses))
    assert rerun(dataclasses.replace(honest, losses=losses), sample).kind == kind


def test_it_takes_as_many_threads_as_the_run_had(honest, sample, monkeypatch):
    counts = []
    monkeypatch.setattr(TrainingRun, "use_threads", lambda run, count: counts.append(count))
    rerun(dataclasses.replace(honest, threads=(2, 4)), sample)
    assert counts == [2]


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
