"""Threads that were started for one thread do not slow the steps of another one."""

import sys

import pytest
from free_threads import told_by

from tutorial_lib.hardware import idle_threads, release_idle_threads

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="torch computes with another OpenMP"
)

BEGIN = """
import json, os, threading, time
import torch
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
from tutorial_lib.engine import in_background
from tutorial_lib.hardware import release_idle_threads
torch.set_num_threads(3)
numbers = torch.ones(2_000_000)

def count():
    return len(os.listdir("/proc/self/task"))

def shared():
    torch.exp(numbers)
    return count()

def fallen_to(number):
    deadline = time.monotonic() + 30
    while count() > number and time.monotonic() < deadline:
        time.sleep(0.001)
    return count()

torch.exp(numbers)
release_idle_threads()
alone = count()  # others, which wait for nothing of ours
"""


def test_they_go_and_come_again_and_of_the_main_and_the_training_thread_one_has_them(tmp_path):
    code = """
told, over = [shared()], threading.Event()
release_idle_threads()
told.append(fallen_to(alone))
told += [shared(), torch.get_num_threads() + alone]
in_background(lambda: (told.append(shared()), over.set()))
over.wait()
told += [fallen_to(alone + 1), shared()]
print(json.dumps([number - alone for number in told]))
"""
    again, then = [2, 0, 2, 3], [3, 1, 3]  # with the training thread's own; it alone; and again
    assert told_by(code, tmp_path, begin=BEGIN) == again + then


def test_a_child_of_a_fork_does_not_wait_for_what_was_left_behind(tmp_path):
    code = """
import signal, warnings
warnings.simplefilter("ignore")
shared()
child = os.fork()
if child == 0:
    signal.alarm(30)
    over = threading.Event()
    in_background(over.set)
    over.wait()
    os._exit(0)
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""
    assert told_by(code, tmp_path, begin=BEGIN) == 0


def test_a_run_that_rests_leaves_none(tmp_path):
    code = """
data = load_digits("sample", device="cpu")
run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=500))
next(run)  # autograd has a thread from then on
release_idle_threads()
alone = count()
session = Session(run).start()
while len(session.records()) < 3:
    time.sleep(0.001)
session.pause()
told = [session.join(60) == "paused", fallen_to(alone + 1) - alone]
session.resume()
session.stop()
told += [session.join(60) == "stopped", fallen_to(alone + 1) - alone]
print(json.dumps(told))
"""
    assert told_by(code, tmp_path, begin=BEGIN) == [True, 1, True, 1]


def test_where_torch_has_another_openmp_nothing_happens(monkeypatch):
    idle_threads._pause.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    try:
        release_idle_threads()
        assert idle_threads._pause() is None
    finally:
        idle_threads._pause.cache_clear()
