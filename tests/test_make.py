"""What `make lab` opens, and to whom."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READY = ROOT / ".venv" / ".ready"


@pytest.fixture
def printed() -> Iterator[str]:
    """Run `make lab` until it prints its address; yield that line."""
    process = subprocess.Popen(
        ["make", "lab", "LAB_FLAGS=--no-browser"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if re.search(r"http://\S+token=\w+", line):
                yield line
                break
        else:
            pytest.fail("no address was printed:\n" + "".join(lines))
    finally:
        watchdog.cancel()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def status_once_it_listens(address: str) -> int:
    """Return the status of the answer; Jupyter prints its address a moment before it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return answer.status
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # between two looks at the condition


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
SHOW = """include {makefile}
show:
\t@printf '%s\\n' "$$TUTORIAL_DATA_DIR" "$$TUTORIAL_RUNS_DIR"
"""


@needs_make
@pytest.mark.parametrize("how", ["environment", "argument"])
@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("/tmp/my data", "/tmp/my data"),
        ("/tmp/two  spaces/and 'quotes\"", "/tmp/two  spaces/and 'quotes\""),
        ("~/my data", "~/my data"),  # Python expands it
        ("~somebody/data", "~somebody/data"),
        ("my data", "{here}/my data"),
        ("data", "{here}/data"),
        ("../data", "{here}/../data"),
    ],
)
def test_a_folder_that_make_is_told_reaches_the_kernels_whole(tmp_path, how, named, told):
    (tmp_path / "show.mk").write_text(SHOW.format(makefile=ROOT / "Makefile"))
    variables = {"TUTORIAL_DATA_DIR": named, "TUTORIAL_RUNS_DIR": named}
    arguments = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "--silent", "-f", "show.mk", "show", *(arguments if how == "argument" else [])],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | (variables if how == "environment" else {}),
    )  # fmt: skip
    assert done.stdout.splitlines() == [told.format(here=tmp_path)] * 2


@needs_make
def test_a_python_with_a_space_in_its_path_sets_up(tmp_path):
    python = tmp_path / "my python"
    python.symlink_to(sys.executable)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "-n", "-f", ROOT / "Makefile", ".venv/.ready", f"PYTHON={python}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    check = next(line for line in done.stdout.splitlines() if "sys.version_info" in line)
    subprocess.run(check.partition(" 2>/dev/null")[0], shell=True, check=True)
    assert f'"{python}" -m venv' in done.stdout


@pytest.mark.skipif(
    shutil.which("make") is None or not READY.exists(), reason="needs make and its .venv"
)
def test_make_lab_prints_a_loopback_address_that_needs_its_token(printed):
    address = re.search(r"http://\S+", printed).group()
    base, token = re.match(r"(http://[^/]+)/.*token=(\w+)", address).groups()
    assert base.startswith(("http://127.0.0.1:", "http://localhost:"))
    assert "/lab/tree/notebooks/00_start_here.ipynb" in address
    assert status_once_it_listens(address) == 200
    contents = f"{base}/api/contents/notebooks"
    with urllib.request.urlopen(f"{contents}?token={token}", timeout=60) as answer:
        assert b"00_start_here.ipynb" in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(contents, timeout=60)
