"""A process ends quietly, and forks, whatever its sessions do."""

import os
import subprocess
import sys

import pytest

BEGIN = """
import os, sys, time
from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
data = load_digits("sample", "cpu")
def run(**settings):
    return TrainingRun(LeNet5(), data, Hyperparameters(**settings))
"""

SCRIPTS = {  # what a script does at its end -> its code, and the last words on its stderr
    """
from tutorial_lib.panels import TrainingPanel
panels = [TrainingPanel(data) for _ in range(3)]
for panel in panels:
    panel.train()
while not any(panel.last_run and panel.last_run.history for panel in panels):
    time.sleep(0.001)
sys.exit(3)
""": (3, ""),
    """
sessions = [Session(run(epochs=100)).start() for _ in range(8)]
sessions[0].pause()
while not sessions[1].records():
    time.sleep(0.001)
""": (0, ""),
    """
failed = Session(iter([1, 2]).__next__ for _ in "a")
failed.start().join()
session = Session(run(epochs=100)).start()
while not session.records():
    time.sleep(0.001)
raise LookupError("of the script itself")
""": (1, "LookupError: of the script itself"),
}


WHILE_TORCH_LOADS = """
from tutorial_lib.panels import TrainingPanel
panel = TrainingPanel(data)
"""


def of_script(code):
    """Return a script's exit code and what it says on stderr."""
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("script", "ends"), SCRIPTS.items(), ids=range(len(SCRIPTS)))
def test_a_script_ends_quietly_with_its_own_code(warm_python, script, ends):
    done = warm_python.run(BEGIN + script)
    assert (done.returncode, (done.error.splitlines() or [""])[-1]) == ends
    assert done.error.count("Traceback") == (done.returncode == 1)


def test_a_script_that_ends_while_torch_is_being_loaded_ends_quietly():
    assert of_script(WHILE_TORCH_LOADS) == (0, "")


FORKS = """
import multiprocessing
import torch

def train_anew(session):
    assert session.state == "stopped", session.state
    session.stop(), session.resume()
    other = run(batch_size=1000)
    assert Session(other).start().wait(60) == "finished"
    assert torch.equal(other.model.fc3.weight, expected), "other weights"

alone = run(batch_size=1000, epochs=1)
alone.use_threads(1)  # as many as a child of a fork has
list(alone)
expected = alone.model.fc3.weight.detach().clone()

def run_of(model):
    return TrainingRun(model, data, Hyperparameters(epochs=100, batch_size=8))

def run(**settings):
    return TrainingRun(LeNet5(), data, Hyperparameters(epochs=1, **settings))

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(1024, 10))
session = Session(run_of(model)).start()
for number in range(3):
    reached = len(session.records()) + 20 * number
    while len(session.records()) < reached:
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        try:
            train_anew(session)
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
process = multiprocessing.get_context("fork").Process(target=train_anew, args=(session,))
process.start()
process.join(60)
assert process.exitcode == 0, process.exitcode
assert session.state == "running"
session.stop()
assert session.wait(60) == "stopped"
paused = Session(run_of(model)).start()
paused.pause()
paused.join(60)
if os.fork() == 0:
    paused.resume()  # in this process alone
    while len(paused.records()) < 10:
        time.sleep(0.001)
    sys.exit(0)  # as a script of its own would
assert os.wait()[1] == 0
assert paused.state == "paused"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_of_a_fork_has_sessions_of_its_own(warm_python, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::DeprecationWarning")  # Python's, of any fork
    done = warm_python.run(BEGIN + FORKS)
    assert (done.returncode, done.error) == (0, "")


FORK_WHILE_TORCH_LOADS = """
import torch
from tutorial_lib.engine import in_background, warm_up
in_background(lambda: warm_up(data.device))
while "torch._dynamo" not in sys.modules:
    time.sleep(0.001)
child = os.fork()
if child == 0:
    Session(run(batch_size=1000, epochs=1)).start().wait(100)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_of_a_fork_does_not_wait_for_what_its_parent_was_loading(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::DeprecationWarning")
    assert of_script(FORK_WHILE_TORCH_LOADS) == (0, "")
