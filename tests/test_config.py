"""Hyperparameters refuse bad values at once, and say which."""

import numpy as np
import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.config import labels_by_difference


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
