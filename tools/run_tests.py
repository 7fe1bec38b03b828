"""Run the unit, notebook and browser tests, each to its end, and count them on the last lines.

The tests in a browser wait half of their time: they run beside all others, and what they say is
printed last. Kernels, and much else that loads torch, are forks of a Python that has loaded it:
tests/warm_python.py, which see.

With TUTORIAL_REQUIRE_BROWSER=1 a skipped browser test is a failure.
"""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TextIO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import warm_python  # noqa: E402

TWO_AT_A_TIME = ["--numprocesses=2", "--dist=loadfile"]  # what is in one file stays together
PHASES = {
    "unit": [
        "tests",
        "-pno:nbval",  # slow to load
        "--ignore=tests/browser",
        "--continue-on-collection-errors",
        *TWO_AT_A_TIME,
    ],
    "notebooks": [
        "notebooks",
        *TWO_AT_A_TIME,
        "--nbval",
        "--nbval-kernel-name=python3",
        "--nbval-cell-timeout=120",
        "--override-ini=xfail_strict=false",  # nbval expects every cell after a time-out to fail
    ],
    "browser": [
        "tests/browser",
        "-pno:nbval",
        "--confcutdir=tests/browser",  # what the unit tests share loads torch
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
    results = dict.fromkeys(("unit", "notebooks", "browser"), Counts(0, 0, 0))
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "TUTORIAL_OFFLINE": "1",
            "TUTORIAL_DATA_DIR": f"{folder}/data",
            "OMP_NUM_THREADS": "1",  # threads of several tests would wait for each other
            **os.environ,
        }
        said = Path(folder, "browser.txt")
        with (
            warm(folder, environment) as kernels,
            ThreadPoolExecutor() as threads,
            said.open("w+", encoding="utf-8") as output,
        ):
            in_browser = environment | kernels
            browser = threads.submit(run_phase, "browser", folder, in_browser, output)
            results["unit"] = run_phase("unit", folder, environment)
            quiet = environment | kernels | {"TQDM_DISABLE": "1"}  # no lines on how far a cell is
            results["notebooks"] = run_phase("notebooks", folder, quiet)
            print_times(Path(folder, "notebooks.xml"))
            results["browser"] = browser.result()
        print(said.read_text(encoding="utf-8"))

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


@contextlib.contextmanager
def warm(folder: str, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Have a Python that has loaded torch, of which tests know by the environment.

    Yields:
        Variables by which Jupyter's kernels are forks of it, too.
    """
    variables = {"JUPYTER_PREFER_ENV_PATH": "1"}  # the kernel of this environment, not of the user
    if not warm_python.IS_POSSIBLE:
        yield variables
        return
    with warm_python.serving(folder, env=environment) as address:
        environment[warm_python.SHARED] = address
        kernel = Path(folder, "jupyter", "kernels", "python3", "kernel.json")
        kernel.parent.mkdir(parents=True)
        command = [f"{address}.sh", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        names = {"display_name": "Python 3 (ipykernel)", "language": "python"}
        kernel.write_text(json.dumps({"argv": command, **names, "metadata": {"debugger": True}}))
        yield variables | {"JUPYTER_PATH": f"{folder}/jupyter"}


def run_phase(
    phase: str, folder: str, environment: dict[str, str], output: TextIO | None = None
) -> Counts:
    """Run pytest once and count; to find no test, or not to run at all, is one failure.

    Args:
        phase: A name in `PHASES`.
        folder: Where its report goes, in JUnit's XML form.
        environment: What pytest is told.
        output: An open file that all is said to, by pytest, too; None for the screen.
    """
    say = functools.partial(print, file=output, flush=True)
    say(f"\n{phase} tests")
    started, report = time.monotonic(), Path(folder, f"{phase}.xml")
    command = [sys.executable, "-m", "pytest", *PHASES[phase], f"--junitxml={report}"]
    pipes = {"stdout": output, "stderr": subprocess.STDOUT}
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False, **pipes).returncode
    say(f"{phase} tests took {time.monotonic() - started:.0f} s")
    counts = read_counts(report) if report.exists() else Counts(0, 0, 0)
    if counts.failed == 0 and (status != 0 or sum(counts) == 0):
        say(f"pytest's exit status is {status}, after {sum(counts)} tests: that is a failure")
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
