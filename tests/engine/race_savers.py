"""Several processes save to one path at the same moment; each must find a file of its own.

`python tests/engine/race_savers.py 25` prints how often they did. A process without threads, so
that it may fork: torch is imported once.
"""

import os
import sys
import tempfile
from pathlib import Path

from test_saver_states import new_run

from tutorial_lib import checkpoint

PROCESSES = 6


def save_on(start: int, number: int, path: Path) -> None:
    """Wait for the start, take some steps and save each."""
    run = new_run(number)
    os.read(start, 1)
    with checkpoint.Saver(run, path, sink=print) as saver:
        for _ in range(3):
            run.step()
            assert saver.save()


def race(folder: Path) -> bool:
    """Let all of them save to one path; return whether each run has a file, and nothing else."""
    start, starter = os.pipe()
    children = []
    for number in range(PROCESSES):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(starter)
                save_on(start, number, folder / "a.run")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(start)
    os.close(starter)  # that is the start
    fine = not any(os.waitpid(child, 0)[1] for child in children)
    held = [checkpoint.load(path) for path in folder.iterdir()]
    rates = {one.hyperparameters.learning_rate for one in held if one.step_number == 3}
    return fine and len(rates) == len(held) == PROCESSES


def main(times: int) -> int:
    new_run(0).step()  # loads what a first step needs
    fine = 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            fine += race(Path(folder))
    return fine


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    print(f"{main(times)} of {times}")
