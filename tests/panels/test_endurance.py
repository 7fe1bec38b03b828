"""A long class in small: `python tests/panels/endurance.py` is the whole of it."""

import endurance
import pytest
from test_kernel import Kernel

pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    kernel.execute(endurance.SETUP)
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def test_runs_leave_nothing_behind(kernel):
    counted = endurance.short_runs(kernel, runs=24, samples=4)
    assert endurance.not_flat(counted[1:]) == {}
    # What is kept of each run is kept in each stretch; what an allocator takes at once is not.
    stretches = [counted[start : start + 2] for start in (1, 2)]
    grown = [endurance.growth(stretch, per_sample=6) for stretch in stretches]
    assert min(grown) < 500  # kB a run; a model kept would be more


def test_a_cell_run_again_leaves_nothing_behind(kernel):
    counted = endurance.run_the_cell_again(kernel, reruns=10, samples=5)
    assert endurance.not_flat(counted[3:]) == {}  # IPython's _, __ and ___ keep the last three


def test_panels_replaced_leave_nothing_behind(kernel):
    counted = endurance.many_panels(kernel, panels=2, times=3)
    assert endurance.not_flat(counted) == {}
