"""Files are replaced whole, by one program at a time."""

import os
import subprocess
import sys
import time

import pytest

from tutorial_lib.files import locked

HOLD = """
import sys, time
from pathlib import Path
from tutorial_lib.files import locked
with locked(Path(sys.argv[1]), patience=10):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path, warm_python):
    """Let another process hold the lock of a file until its input is closed."""
    path = tmp_path / "a.run"
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with warm_python.popen(command, **pipes) as other:
        assert other.stdout.readline().strip() == "held"
        yield path, other


def test_another_program_is_waited_for(held):
    path, other = held
    waited = []

    def wait(lock):
        waited.append(lock.is_locked)
        other.stdin.close()
        lock.acquire(timeout=60)

    with locked(path, patience=0.1, wait=wait):
        assert other.wait(60) == 0
    assert waited == [False]


def test_patience_ends(held):
    start = time.monotonic()
    with locked(held[0], patience=0.2):
        assert time.monotonic() - start >= 0.2


def test_a_lock_leaves_no_file(tmp_path):
    with locked(tmp_path / "a.run", patience=1):
        assert [file.name for file in tmp_path.iterdir()] == [".a.run.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with locked(tmp_path / "nowhere" / "a.run", patience=1):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="of Linux and macOS")
def test_where_nothing_can_be_written_it_goes_on_without(tmp_path, monkeypatch):
    real = os.open

    def refuse(path, flags, *mode, **more):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode, **more)

    monkeypatch.setattr(os, "open", refuse)
    with locked(tmp_path / "a.run", patience=1):
        pass
