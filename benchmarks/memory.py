"""Memory: of a process that trains, and of a long history."""

import itertools
import tracemalloc
from pathlib import Path

from fresh import python
from pairs import CONTROL, Row, row
from torch import nn

from tutorial_lib import Hyperparameters, TrainingRun, load_digits

FOLDERS = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
TRAIN = """
import itertools, resource, sys
sys.path[:0] = {folders}
from loops import bare_loop, endless_run
from tutorial_lib import load_digits
data = load_digits("sample", device="cpu")
for step in itertools.islice({loop}(data, 32), {steps}):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return peak memory in ratio to the bare loop's, and what a step's record takes."""
    history = row("history, of 1,000 steps", [history_kilobytes(20 if dry else 2_000)], unit="kB")
    if dry:
        return [history]
    loops = ("bare_loop", "endless_run", "bare_loop")  # once: they differ by less than a hundredth
    bare, ours, again = (peak(loop, steps=125) for loop in loops)
    return [
        row("peak memory of a process that trains, ours", [ours / bare]),
        row(CONTROL, [again / bare]),
        row("peak memory of the bare one", [bare / 1000], unit="MB"),
        history,
    ]


def peak(loop: str, steps: int) -> int:
    """Return the peak resident memory in kB of a fresh process that takes these steps."""
    return int(python(TRAIN.format(folders=FOLDERS, loop=loop, steps=steps)))


def history_kilobytes(steps: int) -> float:
    """Return how much memory a run keeps for each 1,000 of its steps."""
    data = load_digits("sample", device="cpu")
    model = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10))
    run = TrainingRun(model, data, Hyperparameters(epochs=1000, batch_size=8))
    next(run)
    tracemalloc.start()
    for _ in itertools.islice(run, steps):
        pass
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / steps
