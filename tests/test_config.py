"""Hyperparameters refuse bad values at once, and say which."""

import contextlib
import itertools
from decimal import Decimal
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch

from tutorial_lib import Diverged, Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.config import labels_by_difference
from tutorial_lib.optimizers import OPTIMIZERS


def test_defaults_are_those_of_the_original_tutorial():
    defaults = Hyperparameters()
    assert (defaults.epochs, defaults.batch_size) == (10, 32)
    assert (defaults.learning_rate, defaults.momentum) == (0.01, 0.9)
    assert (defaults.optimizer, defaults.loss) == ("momentum", "cross_entropy")


@pytest.mark.parametrize(
    ("field", "value", "interval"),
    [
        *(("learning_rate", v, "(0, inf)") for v in (0, -0.1, float("nan"), float("inf"))),
        *(("learning_rate", v, "(0, inf)") for v in ("0.1", None, True, [0.1])),
        *(("batch_size", v, "1 or more") for v in (0, -1, 2.5, "32", None, True)),
        *(("epochs", v, "1 or more") for v in (0, -3, 1.5, float("nan"), None)),
        *(("momentum", v, "[0, 1)") for v in (-0.1, 1, 1.5, float("nan"), "0.9", True)),
        *(("weight_decay", v, "[0, inf)") for v in (-1e-4, float("inf"), None)),
        *(("seed", v, "0 or more") for v in (-1, 0.5, None)),
        *(("seed", v, "from 0 to 9,223,372,036,854,775,807") for v in (2**63, 10**30)),
        *(("optimizer", v, "sgd, momentum") for v in ("sdg", "SGD", None, 3)),
        *(("loss", v, "cross_entropy, mse, l1") for v in ("hinge", None)),
    ],
)
def test_a_bad_value_is_refused_by_field_value_and_range(field, value, interval):
    with pytest.raises((ValueError, TypeError)) as caught:
        Hyperparameters(**{field: value})
    message = str(caught.value)
    assert field in message
    assert repr(value) in message
    assert interval in message


WHOLE = ("epochs", "batch_size", "seed")
REAL = ("learning_rate", "momentum", "weight_decay")
LARGE = {
    "10**400": 10**400,
    "-10**400": -(10**400),
    "an int that Python does not write": 10**5000,
    "a fraction": Fraction(10**400),
    "a fraction that Python does not write": Fraction(-(10**5000), 3),
    "an extended float": np.longdouble("1e400"),
}


@pytest.mark.parametrize("field", [*WHOLE, *REAL])
@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_a_value_beyond_all_ranges_is_refused_in_few_words(field, value):
    with pytest.raises((ValueError, TypeError), match=f"^{field} must be .*; got") as caught:
        Hyperparameters(**{field: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("field", WHOLE)
def test_a_whole_number_must_fit_into_64_bits(field):
    largest = 2**63 - 1
    assert getattr(Hyperparameters(**{field: largest}), field) == largest
    assert getattr(Hyperparameters(**{field: np.int64(largest)}), field) == largest
    for value in (2**63, np.uint64(2**63), 2**2040):
        with pytest.raises(ValueError, match=f"{field} must be .* to 9,223,372,036,854,775,807"):
            Hyperparameters(**{field: value})


@pytest.mark.parametrize("field", [*WHOLE, *REAL])
@pytest.mark.parametrize(
    "value",
    [
        *(Decimal("0.5"), Decimal("1e400"), Decimal("NaN"), Decimal("sNaN")),
        *(torch.tensor(0.5), torch.tensor(1), torch.zeros(1000), np.array(1), np.zeros(1000)),
        *(np.bool_(True), 1j, b"1", "1e400", "x" * 10**6, {"a": 1}, object, type("", (), {})()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number_of_pythons_own_kinds_is_refused(field, value):
    with pytest.raises(TypeError, match=f"^{field} must be .*; got") as caught:
        Hyperparameters(**{field: value})
    message = str(caught.value)
    assert type(value).__name__ in message
    assert len(message) < 300
    assert "\n" not in message


def test_a_value_that_cannot_be_shown_is_refused_all_the_same():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    with pytest.raises(TypeError, match=r"epochs must be .*; got one that cannot be shown"):
        Hyperparameters(epochs=Broken())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", Fraction(1, 10**400)),  # above 0, but not as a float
        ("momentum", 1 - Fraction(1, 10**30)),  # below 1, but not as a float
        ("momentum", np.float64(1)),
        ("weight_decay", np.float32("inf")),
    ],
)
def test_the_float_that_is_computed_with_lies_in_the_range(field, value):
    with pytest.raises(ValueError, match=f"^{field} must be a finite number in"):
        Hyperparameters(**{field: value})


almost_one = 1 - 2**-53


@pytest.mark.parametrize("field", ["learning_rate", "weight_decay"])
def test_a_number_that_steps_cannot_compute_with_is_refused(field):
    with pytest.raises(ValueError, match=rf"^{field} must be .* not above 1e\+30; got 1e\+31"):
        Hyperparameters(**{field: 1e31})
    with pytest.raises(ValueError, match=r"^learning_rate must be .* or torch cannot compute a st"):
        Hyperparameters(learning_rate=1e25, momentum=almost_one)
    with pytest.raises(ValueError, match=r"^learning_rate must be .* or torch cannot compute a st"):
        Hyperparameters(learning_rate=1e20, weight_decay=1e18)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_largest_and_smallest_numbers_make_steps_or_diverge(few, optimizer):
    smallest = 5e-324
    extremes = itertools.product((1e18, smallest), (almost_one, 0.0, smallest), (1e18, smallest))
    for rate, momentum, decay in [*extremes, (1e30, 0.999999, 1e6), (1e30, 0.9, 0.0)]:
        settings = Hyperparameters(
            optimizer=optimizer, learning_rate=rate, momentum=momentum, weight_decay=decay
        )
        with contextlib.suppress(Diverged):
            list(islice(TrainingRun(LeNet5(), few, settings), 3))


@pytest.mark.parametrize("value", [Fraction(1, 4), np.float16(0.25), np.longdouble(0.25), 2**-2])
def test_other_kinds_of_numbers_become_the_float_that_they_are(value):
    settings = Hyperparameters(learning_rate=value, momentum=value, weight_decay=value)
    assert settings == Hyperparameters(learning_rate=0.25, momentum=0.25, weight_decay=0.25)
    assert all(type(getattr(settings, name)) is float for name in REAL)


def test_numpy_scalars_become_plain_numbers():
    settings = Hyperparameters(learning_rate=np.float32(0.5), batch_size=np.int64(8))
    assert type(settings.learning_rate) is float
    assert type(settings.batch_size) is int


def test_replace_refuses_unknown_fields():
    with pytest.raises(ValueError, match="learnin_rate"):
        Hyperparameters().replace(learnin_rate=0.1)


def test_labels_name_what_differs():
    base = Hyperparameters()
    settings = [base, base.replace(learning_rate=0.1), base.replace(optimizer="adam")]
    assert labels_by_difference(settings) == [
        "momentum, lr 0.01",
        "momentum, lr 0.1",
        "adam, lr 0.01",
    ]


def test_a_single_run_is_named_by_rate_and_batch_size():
    assert labels_by_difference([Hyperparameters()]) == ["lr 0.01, batch 32"]


def test_equal_settings_get_different_labels():
    labels = labels_by_difference([Hyperparameters()] * 3)
    assert labels == [
        "lr 0.01, batch 32",
        "lr 0.01, batch 32 (again)",
        "lr 0.01, batch 32 (again 2)",
    ]


def test_a_large_batch_is_named_in_full():
    settings = [Hyperparameters(batch_size=size) for size in (32, 1024)]
    assert labels_by_difference(settings) == ["batch 32", "batch 1024"]


def test_a_loss_of_ones_own_is_told_where_it_goes():
    with pytest.raises(TypeError, match=r"loss must be one of cross_entropy.*loss=my_loss"):
        Hyperparameters(loss=torch.nn.MSELoss())
