"""A panel's own file in a real kernel: found under a new name, never written over by a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_kernel import Kernel

from tutorial_lib import checkpoint

pytestmark = pytest.mark.notebook

SETUP = """
import os
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
settings = Hyperparameters(epochs=1, batch_size=200)  # 20 steps
os.environ["TUTORIAL_RUNS_DIR"] = {folder!r}
os.environ["JPY_SESSION_NAME"] = "/home/me/04_training.ipynb"  # as Jupyter Server does
"""
RENAME = 'os.environ["JPY_SESSION_NAME"] = "/home/me/{name}.ipynb"'
PANEL = "panel = TrainingPanel(data, settings=settings)\npanel"  # the cell is known by its source
OFFERED = "panel.status.value.partition('A run was saved here: ')[2]"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def kernel(runs: Path) -> Iterator[Kernel]:
    """Return a kernel in whose notebook a panel has trained."""
    kernel = Kernel()
    kernel.execute(SETUP.format(folder=str(runs)))
    kernel.execute(PANEL)
    kernel.execute("run = panel.run()")
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def of_notebook(runs: Path, name: str) -> list[Path]:
    return sorted(runs.glob(f"*-{name[:40].replace('[', '[[]')}.run"))


def test_a_run_of_run_is_in_the_panels_own_file(kernel, runs):
    kernel.until("'Saved at step 20.' in panel.status.value", True)
    (file,) = of_notebook(runs, "04_training")
    assert checkpoint.load(file).step_number == 20


@pytest.mark.parametrize("name", ["renamed", "a copy [1] of *", "n" * 300])
def test_a_cell_finds_its_run_in_a_notebook_of_another_name(kernel, runs, name):
    (first,) = of_notebook(runs, "04_training")
    before = first.read_bytes()
    kernel.execute(RENAME.format(name=name))
    kernel.execute(PANEL)
    kernel.until("'step 20, in epoch 1 of 1' in panel.status.value", True)
    assert " in 04_training. Restore takes it up" in kernel.value(OFFERED)
    kernel.execute("panel.restore()")
    assert kernel.value("panel.last_run.step_number") == 20
    kernel.execute("run = panel.run(learning_rate=0.02)")
    kernel.execute("panel.train()")
    kernel.until("panel.state", "finished")
    kernel.execute("panel.close()")
    assert first.read_bytes() == before
    rates = {checkpoint.load(own).hyperparameters.learning_rate for own in of_notebook(runs, name)}
    assert rates == {0.01, 0.02}
    for own in of_notebook(runs, name):
        own.unlink()


def test_a_run_from_code_replaces_none_that_a_hand_started(kernel, runs):
    """So it is after a restart: all cells run again, and one of them trains."""
    kernel.execute(RENAME.format(name="by_hand"))
    kernel.execute(PANEL)
    kernel.execute("panel.epochs.value = 1000; panel.train()")
    kernel.until("panel.last_run.step_number > 30", True)
    kernel.execute("panel.pause()")
    kernel.until("panel.state", "paused")
    step = kernel.value("panel.last_run.step_number")
    kernel.execute(PANEL)
    kernel.execute("run = panel.run()")
    assert f"Restore takes up what was saved here: step {step}," in kernel.value(
        "panel.status.value"
    )
    kernel.execute("panel.restore()")
    assert kernel.value("panel.last_run.step_number") == step
    kernel.execute("panel.close()")
    for own in of_notebook(runs, "by_hand"):
        own.unlink()


def test_another_cell_is_offered_nothing(kernel):
    kernel.execute(f"{PANEL}  # another one")
    kernel.until("panel.status.value.startswith('<b>Ready.</b> Set the sliders')", True)
    assert kernel.value("panel.restore_button.disabled")


@pytest.mark.parametrize("folder", ["~nosuchuser/runs", "/dev/null/runs"])
def test_where_no_run_can_be_kept_it_is_said_and_trained(kernel, runs, folder):
    kernel.execute(f'os.environ["TUTORIAL_RUNS_DIR"] = {folder!r}')
    kernel.execute(PANEL)
    kernel.execute("run = panel.run()")
    assert "Runs are not saved: " in kernel.value("panel.status.value")
    assert kernel.value("panel.state") == "finished"
    kernel.execute(f'os.environ["TUTORIAL_RUNS_DIR"] = {str(runs)!r}')
