"""Measure all that is said about speed, and write it into benchmarks/README.md.

    python benchmarks/bench.py [SECTION ...] [--pairs 7] [--dry]

Sections: step, panel, startup, data, stream, own, scaling, memory; all unless some are named.
Peers that are not installed (`pip install -e '.[bench]'`) are skipped with a word. Dry: a few steps
of each, to see that it runs; nothing is kept but in the folder that --folder names.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import digits
import memory
import own
import panel
import report
import scaling
import startup
import step
import stream
from pairs import Row

from tutorial_lib.checks import check_whole
from tutorial_lib.hardware import use_available_cores

HERE = Path(__file__).resolve().parent
SECTIONS: dict[str, tuple[str, Callable[..., list[Row]]]] = {  # name -> (question, measure)
    "step": ("A step, against a bare loop", step.measure),
    "panel": ("The live panel", panel.measure),
    "startup": ("Starting up", startup.measure),
    "data": ("Data", digits.measure),
    "stream": ("Data read as it is needed, against a DataLoader's loop", stream.measure),
    "own": ("Own tables, beside scikit-learn on the same splits", own.measure),
    "scaling": ("Our step against a bare one, by batch size and training set", scaling.measure),
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
    use_available_cores()
    for name in options.sections or SECTIONS:
        measure(name, pairs=1 if options.dry else options.pairs, dry=options.dry, folder=folder)
    if folder is not None:
        report.write(folder, list(SECTIONS))


def measure(name: str, *, pairs: int, dry: bool, folder: Path | None) -> None:
    """Measure one section, and keep it if there is a folder for it."""
    question, section = SECTIONS[name]
    print(f"\n{question}", flush=True)
    about, start = report.machine(), time.monotonic()
    rows = section(pairs=pairs, dry=dry)
    for row in rows:
        print(" ", report.cells(row).replace("**", ""))
    print(f"  took {time.monotonic() - start:.0f} s", flush=True)
    if folder is not None:
        report.keep(folder, name, question, rows, about)


if __name__ == "__main__":
    sys.exit(main())
