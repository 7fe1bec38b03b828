"""Data: prepared once, then opened, and shared by the kernels of a machine."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pairs import Row, row, skipped, timed

from tutorial_lib import load_digits
from tutorial_lib.data import data_folder

SHARED = Path(__file__).parents[2] / "shared" / "data"
RAW = Path("MNIST", "raw")
OPEN = """
import pathlib, re
from tutorial_lib import load_digits

def kilobytes():
    "Pages of this process alone, and those that it shares by the number of sharers."
    text = pathlib.Path("/proc/self/smaps_rollup").read_text()
    return [int(re.search(rf"^{name}: +([0-9]+)", text, re.M)[1]) for name in ("Rss", "Pss")]

before = kilobytes()
train = load_digits("mnist", device="cpu").train
total = train.images.sum()  # every page is read
print("open", flush=True)
input()
print(*(now - then for now, then in zip(kilobytes(), before)), flush=True)
input()
"""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds that data takes, and the memory of a second kernel."""
    sample = timed(lambda: load_digits("sample", device="cpu"))
    sample()  # prepares it, where that was not done before
    rows = [row("the sample, opened", [sample() for _ in range(pairs)], unit="s", at_most=0.3)]
    raw = next((folder for folder in (data_folder(), SHARED) if (folder / RAW).is_dir()), None)
    if dry or raw is None:
        return [*rows, skipped("all of MNIST", "dry" if dry else f"no {RAW} in {data_folder()}")]
    with prepared_nowhere(raw):
        mnist = timed(lambda: load_digits("mnist", device="cpu"))
        rows.append(row("all of MNIST, verified and prepared, once", [mnist()], unit="s"))
        rows.append(row("then opened", [mnist() for _ in range(pairs)], unit="s", at_most=1))
        return [*rows, *shared_memory()]


@contextlib.contextmanager
def prepared_nowhere(raw: Path) -> Iterator[None]:
    """Let the data folder be a new one that holds the raw files alone."""
    before = {name: os.environ.get(name) for name in ("TUTORIAL_DATA_DIR", "TUTORIAL_OFFLINE")}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "MNIST").mkdir()
        (Path(folder) / RAW).symlink_to((raw / RAW).resolve())
        os.environ.update(TUTORIAL_DATA_DIR=folder, TUTORIAL_OFFLINE="1")
        try:
            yield
        finally:
            for name, text in before.items():
                os.environ.pop(name) if text is None else os.environ.update({name: text})


def shared_memory() -> list[Row]:
    """Return what MNIST takes in each of two processes that read all of it."""
    if not Path("/proc/self/smaps_rollup").exists():
        return [skipped("memory of two kernels with MNIST", "only Linux tells")]
    command = [sys.executable, "-c", OPEN]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        both = (one, other)
        for process in both:
            process.stdout.readline()
        found = []
        for process in both:
            print(file=process.stdin, flush=True)
            found.append([int(text) / 1000 for text in process.stdout.readline().split()])
        for process in both:
            process.communicate("\n")
    resident, proportional = zip(*found, strict=True)
    return [
        row("MNIST in each of two processes, pages in memory", resident, unit="MB"),
        row("the same, shared pages counted by half", proportional, unit="MB"),
    ]
