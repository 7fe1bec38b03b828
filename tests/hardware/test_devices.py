"""The device is chosen, or refused in plain words."""

import pytest
import torch

from tutorial_lib.hardware import choose_device


def test_auto_takes_what_is_there():
    expected = "cpu" if not torch.accelerator.is_available() else None
    assert expected in (None, choose_device("auto").type)


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "", None, 3.5, "meta"])
def test_a_device_that_is_not_here_is_refused(name):
    with pytest.raises(ValueError, match=r"device must be auto or one that .*; got") as caught:
        choose_device(name)
    assert repr(name) in str(caught.value)
