"""What `make lab` opens, and to whom."""

import os
import re
import shutil
import signal
import subprocess
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
