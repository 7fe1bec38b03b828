"""A challenge says what is asked for; a run that does not keep its rules is told so."""

import dataclasses
import tomllib

import numpy as np
import pytest
from made_up_class import CHALLENGE

from tutorial_lib.classroom.challenge import challenge_from, latest_means, read_challenge

BOTH = CHALLENGE.format(steps=40, target="loss = 2.0")


def of(text: str):
    return challenge_from(tomllib.loads(text))


def test_a_file_is_read(tmp_path):
    path = tmp_path / "challenge.toml"
    path.write_text(CHALLENGE.format(steps=250, target="accuracy = 0.9"))
    found = read_challenge(path)
    assert (found.data, found.steps, found.kind, found.target) == ("sample", 250, "accuracy", 0.9)
    assert "90.0% of the held-out examples right, on sample, in at most 250 steps" in (
        found.in_words()
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"sample"', '"folder:/etc"', "data must be one of sample, mnist, fashion"),
        ('"sample"', '"auto"', "data must be one of sample, mnist, fashion"),
        ("40", "0", "steps must be a whole number"),
        ("40", "1_000_000_000", "steps must be a whole number"),
        ("loss = 2.0", "loss = -1", "loss must be a finite number"),
        ("loss = 2.0", "", "target must name an accuracy or a loss"),
        ("loss = 2.0", "beauty = 1", "target must be one of accuracy, loss"),
        ('"momentum",', '"epochs",', "choose must be one of"),
        ("title", "headline", "a name must be one of"),
        ("[target]", "[settings]\nbatch_size = 0\n[target]", "batch_size must be a whole number"),
        ("[target]", '[settings]\ninit = "x"\n[target]', "init must be one of torch, mindspore"),
        ("steps = 40\n", "", "steps is missing"),
    ],
)
def test_what_is_wrong_is_named(old, new, words):
    assert old in BOTH
    with pytest.raises(ValueError, match=words):
        of(BOTH.replace(old, new))


@pytest.mark.parametrize("text", ["title =", "a = " + "[" * 10_000])
def test_what_is_no_toml_is_named(text, tmp_path):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ValueError, match="this is no TOML"):
        read_challenge(tmp_path / "c.toml")


def test_an_honest_run_keeps_the_rules(honest):
    assert of(BOTH).faults(honest) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": ("mnist", 60_000, "x")}, "it learned from 60,000 examples of 'mnist', not from"),
        ({"data": ("sample", 5_000, "x")}, "it learned from 5,000 examples"),
        ({"network": "MyNet"}, "it is not LeNet as the tutorial trains it (MyNet)"),
        ({"own": ("update",)}, "it is not LeNet as the tutorial trains it (update)"),
        ({"init": "mindspore"}, "init is mindspore, not torch"),
        ({"losses": (1.0,) * 41}, "it took 41 steps, and may take 40"),
        ({"batch_sizes": [(1, 32), (3, 64)]}, "batch_size was changed on the way"),
        ({"batch_sizes": [(1, 64)]}, "batch_size was changed on the way"),  # settings claim 32
    ],
)
def test_what_does_not_keep_the_rules_is_said(changes, words, honest):
    (fault,) = of(BOTH).faults(dataclasses.replace(honest, **changes))
    assert words in fault


def test_what_is_not_to_be_chosen_is_said(honest):
    fixed = of(BOTH.replace('"learning_rate", ', ""))
    assert fixed.faults(honest) == [
        "learning_rate is 0.003, not 0.01",
        "learning_rate was changed on the way",
    ]
    other = dataclasses.replace(honest, settings=honest.settings.replace(seed=1))
    assert of(BOTH).faults(other) == ["seed is 1, not 0"]


def test_a_target_is_reached_by_the_mean_of_25_losses(honest):
    losses = (3.0,) * 20 + (1.0,) * 20
    run = dataclasses.replace(honest, losses=losses)
    # Worked by hand: with n ones among 25, the mean is 3 - 2 n / 25 <= 2 from n = 13 on.
    assert of(BOTH).reached(run) == 33
    assert latest_means(losses)[-1] == pytest.approx((5 * 3 + 20) / 25)
    assert of(BOTH.replace("2.0", "1.0")).reached(run) is None
    assert of(BOTH).reached(dataclasses.replace(run, losses=losses[:24])) is None


def test_the_best_come_first(honest):
    quick, slow, never = (
        dataclasses.replace(honest, losses=tuple(np.r_[[3.0] * n, [1.0] * (40 - n)].tolist()))
        for n in (0, 20, 39)
    )
    challenge = of(BOTH)
    assert sorted([never, slow, quick], key=challenge.order) == [quick, slow, never]


def test_an_accuracy_that_is_not_handed_in_does_not_count(honest):
    challenge = of(CHALLENGE.format(steps=40, target="accuracy = 0.1"))
    assert challenge.faults(dataclasses.replace(honest, score=None)) == [
        "its accuracy is not in it"
    ]
    assert challenge.faults(honest) == []
