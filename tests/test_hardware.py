"""The device is chosen or refused in plain words; threads follow what this process may use."""

import os
import subprocess
import sys

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


PRINT_THREADS = (
    "import torch; from tutorial_lib.hardware import use_usual_threads as use;"
    "print(use().count, torch.get_num_threads())"
)


def threads_of_a_process(prefix: tuple[str, ...] = (), **environment: str) -> list[str]:
    command = [*prefix, sys.executable, "-c", PRINT_THREADS]
    clean = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True)
    return done.stdout.split()


@pytest.mark.skipif(not os.path.exists("/usr/bin/taskset"), reason="taskset is Linux's")
def test_threads_follow_the_affinity():
    assert threads_of_a_process(("taskset", "-c", "0")) == ["1", "1"]


# LOKY_MAX_CPU_COUNT takes the same path in joblib.cpu_count as a cgroup quota does
@pytest.mark.parametrize(("cores", "threads"), [("1", "1"), ("2", "1")])
def test_threads_follow_a_quota_and_leave_a_core_to_the_browser(cores, threads):
    assert threads_of_a_process(LOKY_MAX_CPU_COUNT=cores) == [threads, threads]


def test_a_number_fixed_by_the_user_stays():
    assert threads_of_a_process(OMP_NUM_THREADS="2") == ["2", "2"]
