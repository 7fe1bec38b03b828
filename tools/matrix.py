"""Try the tutorial with the Pythons that are here: the oldest versions, the newest, and on hosts.

Usage: python tools/matrix.py [ROW ...]

Each row is a temporary environment in which unit tests and the first notebooks are run; for a
host, tests/test_hosts.py. Without names all rows are tried. A row takes minutes, and each version
of PyTorch gigabytes, which uv keeps in its cache. With TUTORIAL_THOROUGH=1 all unit tests are run.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from run_tests import Counts, read_counts

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ["00_start_here", "01_hyperparameters", "02_losses", "03_optimizers"]
# What most depends on versions, of the tests that are quick.
QUICK_TESTS = [
    *("models", "losses", "optimizers", "evaluation", "config", "random_state", "imports"),
    *("learning_record", "classroom/hand_in", "classroom/page", "predictions/number"),
    *("data/own", "data/table_file", "data/split", "engine/drive", "engine/script"),
    *("engine/session", "engine/train", "hardware/devices", "labs/digit_pad", "labs/paths"),
    *("panels/buttons", "panels/controls", "panels/live", "panels/play_and_measure"),
    *("pictures/blitting", "pictures/curve", "pictures/plots", "pictures/png"),
]
SHOWN = "torch", "numpy", "matplotlib", "ipywidgets", "jupyterlab"  # versions in the table
# Not of the tutorial, and not of these rows: other front ends, and what looks at files.
NOT_NEEDED = {
    *("tutorial_lib", "axe-playwright-python", "notebook", "nbclassic", "voila", "zizmor")
}


class Row(NamedTuple):
    """A Python, and what is installed there."""

    name: str
    python: str  # its version
    kind: str  # "lowest", "newest", or the name of a host's list


ROWS = [
    Row("lowest", "3.11", "lowest"),
    *(Row(f"newest-{python}", python, "newest") for python in ("3.11", "3.12", "3.13", "3.14")),
    Row("colab", "3.13", "colab-2026-08"),
    Row("kaggle", "3.12", "kaggle-2026-08"),
]


def main() -> int:
    """Try the rows that the command line names, and print a table."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", metavar="ROW", nargs="*", default=names, help=", ".join(names))
    wanted = parser.parse_args().rows
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"a row must be one of {', '.join(names)}; got {unknown[0]!r}")
    lines, failed = [], 0
    for row in ROWS:
        if row.name in wanted:
            line, row_failed = try_row(row)
            lines.append(line)
            failed += row_failed
            print(f"\n{line}\n", flush=True)
    print("| row | Python | what was there | passed | failed | skipped | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(lines))
    return 1 if failed else 0


def try_row(row: Row) -> tuple[str, int]:
    """Return a row's line of the table, and how much failed in it."""
    start = time.monotonic()
    python = find_python(row.python)
    if python is None:
        return f"| {row.name} | {row.python} | not found here: left out | | | | |", 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        versions, counts = (try_own if row.kind in ("lowest", "newest") else try_host)(
            row, python, folder
        )
    seconds = time.monotonic() - start
    cells = row.name, row.python, versions, *counts, f"{seconds:.0f}"
    return f"| {' | '.join(map(str, cells))} |", counts.failed


def try_own(row: Row, python: str, folder: Path) -> tuple[str, Counts]:
    """Install the tutorial in an environment of its own, test it, and run notebooks."""
    own, listed = new_environment(folder / "environment", python), folder / "versions.txt"
    resolution = "lowest-direct" if row.kind == "lowest" else "highest"
    compiled = ["compile", "pyproject.toml", "--extra=lab", f"--python-version={row.python}"]
    uv("pip", *compiled, f"--resolution={resolution}", f"--output-file={listed}")
    install(own, "--requirement", listed)
    install(own, "--no-deps", "--editable", ROOT)
    install(own, *tools_for_tests(), "--constraint", listed)
    environment = os.environ | {
        "TUTORIAL_OFFLINE": "1",
        "TUTORIAL_DATA_DIR": str(folder / "data"),
        "OMP_NUM_THREADS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    thorough = "TUTORIAL_THOROUGH" in os.environ
    tests = ["tests", "--ignore=tests/browser"] if thorough else files_of(QUICK_TESTS)
    found = run_pytest(own, tests, folder, environment)
    notebooks = [run_notebook(own, name, environment) for name in NOTEBOOKS]
    num_run = sum(notebooks)
    total = Counts(found.passed + num_run, found.failed + len(notebooks) - num_run, found.skipped)
    return versions_in(own), total


def try_host(row: Row, python: str, folder: Path) -> tuple[str, Counts]:
    """Run the tests of a host: they make what it runs themselves."""
    environment = os.environ | {"TUTORIAL_THOROUGH": "1"}
    tests = ["tests/test_hosts.py", "-s", f"-k={row.name}"]
    counts = run_pytest(Path(sys.executable), tests, folder, environment)
    return f"tests/hosts/{row.kind}.txt", counts


def find_python(version: str) -> str | None:
    """Return the path of a Python of a version such as "3.13", if there is one here."""
    for path in candidates(version):
        says = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            answer = subprocess.run([path, "-c", says], capture_output=True, text=True)
        except OSError:
            continue
        if answer.stdout.strip() == version:
            return path
    return None


def candidates(version: str) -> Iterator[str]:
    """Yield what may be a Python of a version: on the PATH, of pyenv, of uv."""
    yield sys.executable
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")), reverse=True)
    yield uv("python", "find", "--no-project", "--no-python-downloads", version, check=False)


def uv(*arguments: object, check: bool = True) -> str:
    """Return what the uv of this Python prints."""
    command = [sys.executable, "-m", "uv", "--no-config", "--quiet", *map(str, arguments)]
    kept = {"stdout": subprocess.PIPE, "stderr": None if check else subprocess.DEVNULL}
    done = subprocess.run(command, cwd=ROOT, text=True, check=check, **kept)
    return done.stdout.strip()


def new_environment(folder: Path, python: str) -> Path:
    """Make an environment; return the path of its Python."""
    uv("venv", "--python", python, folder)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(python: Path, *what: object) -> None:
    """Install what the arguments of `uv pip install` say."""
    uv("pip", "install", "--python", python, *what)


def tools_for_tests() -> list[str]:
    """Return what unit tests and notebooks need of the extra `test`: pytest and its like."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"]["test"]
    return [line for line in lines if re.match(r"[\w-]+", line)[0] not in NOT_NEEDED]


def versions_in(python: Path) -> str:
    """Return in words what is installed where the tests ran."""
    listed = json.loads(uv("pip", "list", "--python", python, "--format=json"))
    versions = {line["name"]: line["version"] for line in listed}
    return ", ".join(f"{name} {versions[name]}" for name in SHOWN)


def files_of(names: list[str]) -> list[str]:
    """Return the files of tests: "data/own" is tests/data/test_own.py."""
    paths = [Path("tests", name) for name in names]
    return [str(path.with_name(f"test_{path.name}.py")) for path in paths]


def run_pytest(
    python: Path, tests: list[str], folder: Path, environment: Mapping[str, str]
) -> Counts:
    """Run tests and count them; not to run at all is one failure."""
    report = folder / "report.xml"
    options = ["-pno:nbval", "-pno:cacheprovider", "-q", f"--junitxml={report}"]
    options.append("-Wignore::DeprecationWarning")  # old versions call what newer ones deprecate
    command = [python, "-m", "pytest", *options, *tests]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    counts = read_counts(report) if report.exists() else Counts(0, 0, 0)
    return counts._replace(failed=1) if status and not counts.failed else counts


def run_notebook(python: Path, name: str, environment: Mapping[str, str]) -> bool:
    """Run a notebook to its end, without saving it; say whether no cell failed."""
    start = time.monotonic()
    start_client = "import nbclient.cli; nbclient.cli.main()"
    command = [python, "-c", start_client, f"notebooks/{name}.ipynb", "--timeout=300"]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"{name}: {time.monotonic() - start:.0f} s, exit status {status}", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
