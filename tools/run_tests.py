"""Run the unit, notebook and browser tests, each to its end, and count them on the last lines.

With TUTORIAL_REQUIRE_BROWSER=1 a skipped browser test is a failure.
"""

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TWO_AT_A_TIME = ["--numprocesses=2", "--dist=loadfile"]  # a notebook's cells stay together
PHASES = {
    "unit": [
        "tests",
        "-pno:nbval",  # slow to load
        "--ignore=tests/browser",
        "--continue-on-collection-errors",
        "--numprocesses=3",  # on two cores: many of them wait
        "--dist=loadfile",
    ],
    "notebooks": [
        "notebooks",
        *TWO_AT_A_TIME,
        "--nbval",
        "--nbval-current-env",
        "--nbval-cell-timeout=120",
        "--override-ini=xfail_strict=false",  # nbval expects every cell after a time-out to fail
    ],
    "browser": [
        "tests/browser",
        "-pno:nbval",
        "--confcutdir=tests/browser",  # what the unit tests share loads torch
        "--numprocesses=3",  # half of the time they wait for a page
        "--dist=loadfile",
        "--no-loadscope-reorder",  # by name: the long ones would else come last, since they are few
    ],
}


class Counts(NamedTuple):
    """How many tests ended in which way."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def main() -> int:
    """Run every phase, say what came out, and return the exit status."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "TUTORIAL_OFFLINE": "1",
            "TUTORIAL_DATA_DIR": f"{folder}/data",
            "OMP_NUM_THREADS": "1",  # threads of several tests would wait for each other
            **os.environ,
        }
        for phase, arguments in PHASES.items():
            print(f"\n{phase} tests", flush=True)
            started = time.monotonic()
            results[phase] = run_phase(arguments, Path(folder, f"{phase}.xml"), environment)
            print(f"{phase} tests took {time.monotonic() - started:.0f} s")
            if phase == "notebooks":
                print_times(Path(folder, f"{phase}.xml"))

    browser = results["browser"]
    if browser.skipped and os.environ.get("TUTORIAL_REQUIRE_BROWSER"):
        print("\nskipped browser tests count as failed: TUTORIAL_REQUIRE_BROWSER is set")
        results["browser"] = Counts(browser.passed, browser.failed + browser.skipped, 0)

    print()
    for phase, counts in results.items():
        print(f"{phase}: {counts}")
    total = Counts(*(sum(column) for column in zip(*results.values(), strict=True)))
    print(total if total.skipped else f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


def run_phase(arguments: list[str], report: Path, environment: dict[str, str]) -> Counts:
    """Run pytest once and count; to find no test, or not to run at all, is one failure."""
    command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}"]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    counts = read_counts(report) if report.exists() else Counts(0, 0, 0)
    if counts.failed == 0 and (status != 0 or sum(counts) == 0):
        print(f"pytest's exit status is {status}, after {sum(counts)} tests: that is a failure")
        return counts._replace(failed=1)
    return counts


def read_counts(report: Path) -> Counts:
    """Read the counts from a report in JUnit's XML form."""
    suites = ElementTree.parse(report).getroot().findall("testsuite")
    tests, failures, errors, skipped = (
        sum(int(suite.get(name)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Counts(tests - failed - skipped, failed, skipped)


def print_times(report: Path) -> None:
    """Print how long each notebook took, and the slowest cell of each."""
    if not report.exists():
        return
    cells: dict[str, list[tuple[float, str]]] = {}
    for test in ElementTree.parse(report).iter("testcase"):
        name = test.get("classname", "").removeprefix("notebooks.").removesuffix(".ipynb")
        cells.setdefault(name, []).append((float(test.get("time", 0)), test.get("name", "")))
    for name, times in sorted(cells.items()):
        slowest, cell = max(times)
        total = sum(seconds for seconds, _ in times)
        print(f"  {name:34s} {total:6.1f} s; slowest {slowest:5.1f} s, {cell}")


if __name__ == "__main__":
    sys.exit(main())
