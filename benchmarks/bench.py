"""Measure all that is said about speed, and write it into benchmarks/README.md.

    python benchmarks/bench.py [SECTION ...] [--pairs 7] [--dry]

Sections: learner, race, step, panel, startup, data, stream, own, scaling, memory; all unless some
are named. In learner, race and startup each process takes as many threads as it does by default; in
the others all take equally many, one less than there are cores.
Peers that are not installed (`pip install -e '.[bench]'`) are skipped with a word. Dry: a few steps
of each, to see that it runs; nothing is kept but in the folder that --folder names.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import digits
import learner
import memory
import own
import panel
import race
import report
import scaling
import startup
import step
import stream
from machine import equal_threads
from pairs import Row

from tutorial_lib.checks import check_whole

HERE = Path(__file__).resolve().parent
EACH_ITS_OWN = ("learner", "race", "startup")  # threads: what a learner gets
SECTIONS: dict[str, tuple[str, Callable[..., list[Row]]]] = {  # name -> (question, measure)
    "learner": ("As a learner runs it: defaults against defaults", learner.measure),
    "race": ("A race of four settings, from three starts each", race.measure),
    "step": ("A step against a bare loop, at equal threads", step.measure),
    "panel": ("The live panel, at equal threads", panel.measure),
    "startup": ("Starting up", startup.measure),
    "data": ("Data", digits.measure),
    "stream": (
        "Data read as it is needed, against a DataLoader's loop, at equal threads",
        stream.measure,
    ),
    "own": ("Own tables, beside scikit-learn on the same splits", own.measure),
    "scaling": (
        "Our step against a bare one, by batch size and training set, at equal threads",
        scaling.measure,
    ),
    "memory": ("Memory", memory.measure),
}


def main() -> None:
    """Measure the sections, print a line a row, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--pairs", type=int, default=7, help="ratios of each thing")
    parser.add_argument("--dry", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--folder", type=Path, help="where README.md and the results are")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    check_whole("pairs", options.pairs, low=1)
    folder = options.folder or (None if options.dry else HERE)
    if folder is not None and not (folder / "README.md").is_file():
        parser.error(f"--folder must name a folder with a README.md; got {folder}")
    for name in options.sections or SECTIONS:
        measure(name, pairs=1 if options.dry else options.pairs, dry=options.dry, folder=folder)
    if folder is not None:
        report.write(folder, {name: question for name, (question, _) in SECTIONS.items()})


def measure(name: str, *, pairs: int, dry: bool, folder: Path | None) -> None:
    """Measure one section, and keep it if there is a folder for it."""
    question, section = SECTIONS[name]
    print(f"\n{question}", flush=True)
    start = time.monotonic()
    if name in EACH_ITS_OWN:
        about = report.about(threads=None)
        rows = section(pairs=pairs, dry=dry)
    else:
        with equal_threads() as threads:
            about = report.about(threads=threads)
            rows = section(pairs=pairs, dry=dry)
    for row in rows:
        print(" ", report.cells(row).replace("**", ""))
    print(f"  took {time.monotonic() - start:.0f} s", flush=True)
    if folder is not None:
        report.keep(folder, name, rows, about)


if __name__ == "__main__":
    sys.exit(main())
