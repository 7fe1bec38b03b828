"""A step takes the memory that the one before has freed, and not new pages from the system."""

import ctypes
import sys

import pytest
from free_threads import told_by

from tutorial_lib.hardware import freed_memory, keep_freed_memory

IS_GNU = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
pytestmark = pytest.mark.skipif(not IS_GNU, reason="there is another C library")

# What a step does: it takes large pieces of memory, and frees them all.
BEGIN = """
import json, resource
import torch
from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.hardware import keep_freed_memory
torch.set_num_threads(1)
run = TrainingRun(LeNet5(), load_digits("sample", device="cpu"), Hyperparameters())

def pages_of(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        pieces = [torch.ones(2**20) for _ in range(12)]  # 4 MB each, 1,024 pages
        del pieces
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count

def pages_a_step():
    next(run)
    pages_of(3)
    return pages_of(20)
"""
FEW = 100  # of 12,288


def test_a_run_keeps_it(tmp_path):
    code = "print(json.dumps([pages_a_step(), keep_freed_memory()]))"
    pages, is_kept = told_by(code, tmp_path, begin=BEGIN)
    assert pages < FEW
    assert is_kept is True


@pytest.mark.parametrize(
    ("name", "said"),
    [("MALLOC_TRIM_THRESHOLD_", "131072"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")],
)
def test_what_a_user_says_about_memory_wins(monkeypatch, name, said):
    ask = keep_freed_memory.__wrapped__  # what was answered before is not asked again
    monkeypatch.setattr(freed_memory, "_mallopt", lambda: lambda option, value: 1)
    assert ask() is True
    monkeypatch.setenv(name, said)
    assert ask() is False
