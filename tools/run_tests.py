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
PHASES = {
    "unit": ["tests", "--ignore=tests/browser"],
    "notebooks": ["notebooks", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"],
    "browser": ["tests/browser"],
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
    with tempfile.TemporaryDirectory() as folder:
        environment = {"TUTORIAL_OFFLINE": "1", "TUTORIAL_DATA_DIR": f"{folder}/data", **os.environ}
        results = {}
        for phase, arguments in PHASES.items():
            print(f"\n{phase} tests", flush=True)
            started = time.monotonic()
            counts, problem = run_phase(arguments, Path(folder, f"{phase}.xml"), environment)
            if phase == "browser" and counts.skipped and os.environ.get("TUTORIAL_REQUIRE_BROWSER"):
                problem = "skipped, but TUTORIAL_REQUIRE_BROWSER is set"
                counts = Counts(counts.passed, counts.failed + counts.skipped, 0)
            results[phase] = counts, problem, time.monotonic() - started

    print()
    for phase, (counts, problem, seconds) in results.items():
        print(f"{phase}: {counts} in {seconds:.0f} s" + (f" ({problem})" if problem else ""))
    total = Counts(*map(sum, zip(*(counts for counts, _, _ in results.values()), strict=True)))
    print(total if total.skipped else f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


def run_phase(arguments: list[str], report: Path, environment: dict) -> tuple[Counts, str]:
    """Run pytest once; return its counts, and what is wrong beyond them, if anything.

    A phase that cannot run, or that finds no test, counts as one failure.
    """
    command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}"]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    counts = read_counts(report) if report.exists() else Counts(0, 0, 0)
    if sum(counts) == 0:
        return Counts(0, 1, 0), f"no test ran; pytest's exit status is {status}"
    if status != 0 and counts.failed == 0:
        return counts._replace(failed=1), f"pytest's exit status is {status}"
    return counts, ""


def read_counts(report: Path) -> Counts:
    """Read the counts from a report in JUnit's XML form."""
    suites = ElementTree.parse(report).getroot().findall("testsuite")
    tests, failures, errors, skipped = (
        sum(int(suite.get(name)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Counts(tests - failed - skipped, failed, skipped)


if __name__ == "__main__":
    sys.exit(main())
