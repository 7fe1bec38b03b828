"""Kill a process that saves in a loop, at random moments, and look at what it left.

`python tests/engine/kill_saves.py 200` prints one line of JSON. A process of its own, without
threads, so that it may fork: torch is imported once and each victim is a copy.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint
from tutorial_lib.data import Data, Split

LONGEST_LIFE_SECONDS = 0.15  # a save takes a tenth of that
LOCKS = (".run.ckpt.lock", ".run.ckpt.previous.lock")  # which the next save removes


def new_run() -> TrainingRun:
    """Return a run on random pictures; every step changes its weights and its momentum."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 1, 32, 32, generator=generator)
    split = Split(images, torch.randint(10, (64,), generator=generator))
    data = Data("noise", "For tests.", split, split, torch.device("cpu"))
    return TrainingRun(LeNet5(), data, Hyperparameters(epochs=10_000, batch_size=2))


def save_for_ever(run: TrainingRun, path: Path, pipe: int) -> None:
    """Take a step, save, say so; again and again."""
    saver = checkpoint.Saver(run, path)
    assert saver.path == path
    while True:
        run.step()
        assert saver.save()
        os.write(pipe, run.step_number.to_bytes(4, "big"))


def kill_one(run: TrainingRun, path: Path, life_seconds: float) -> int:
    """Kill a copy of this process while it saves; return the last step it said was saved."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_for_ever(run, path, writer)
        finally:
            os._exit(1)
    os.close(writer)
    said = os.read(reader, 4)  # it is on its way
    time.sleep(life_seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    while more := os.read(reader, 4):
        said = more
    os.close(reader)
    return int.from_bytes(said, "big")


def main(kills: int, seed: int = 0) -> dict[str, int]:
    """Kill so many times; return what was seen. What must hold is asserted on the way."""
    seen = {"killed": 0, "loadable": 0, "lost": 0, "while_writing": 0, "between_renames": 0}
    seen |= {"most_files": 0}
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path, run = Path(folder, "run.ckpt"), new_run()
        for number in range(10 * kills):
            if number >= kills and seen["while_writing"]:  # by chance, none of them may have hit
                break
            said = kill_one(run, path, draw.uniform(0, LONGEST_LIFE_SECONDS))
            left = {file.name for file in Path(folder).iterdir()}
            assert left <= {"run.ckpt", "run.ckpt.previous", ".run.ckpt.part", *LOCKS}, left
            held = checkpoint.restore(run, path)  # and the next victim goes on from here
            seen["killed"] += 1
            seen["loadable"] += 1
            seen["lost"] += held.step_number < said
            seen["while_writing"] += ".run.ckpt.part" in left or "is cut short" in held.notice
            seen["between_renames"] += "run.ckpt" not in left
            seen["most_files"] = max(seen["most_files"], len(left))
        run.step()
        checkpoint.save(run, path)
        seen["files_after_the_next_save"] = len(list(Path(folder).iterdir()))
    return seen


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)))
