"""The matrix of Pythons and versions: what it looks for, and what it counts."""

import os
import platform
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
matrix = runpy.run_path(str(ROOT / "tools" / "matrix.py"))


def test_the_python_that_runs_is_found():
    python = matrix["find_python"](".".join(platform.python_version_tuple()[:2]))
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0


def test_a_python_that_is_not_here_is_left_out_in_words():
    line, failed = matrix["try_row"](matrix["Row"]("newest-3.99", "3.99", "newest"))
    assert line == "| newest-3.99 | 3.99 | not found here: left out | | | | |"
    assert failed == 0


def test_an_unknown_row_gets_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["matrix.py", "oldest"])
    with pytest.raises(SystemExit):
        matrix["main"]()
    assert "a row must be one of lowest, newest-3.11, " in capsys.readouterr().err


def test_each_quick_test_is_there():
    for path in matrix["files_of"](matrix["QUICK_TESTS"]):
        assert (ROOT / path).is_file()


def test_tests_need_no_front_end_but_what_their_imports_need():
    names = {line.split(">=")[0] for line in matrix["tools_for_tests"]()}
    assert {"pytest", "nbclient", "hypothesis"} <= names
    assert names.isdisjoint({"voila", "notebook", "tutorial_lib[lab]"})


def test_tests_that_do_not_run_count_as_one_failure(tmp_path, capfd):
    run = matrix["run_pytest"]
    counts = run(Path(sys.executable), ["tests/no_such_file.py"], tmp_path, os.environ)
    assert counts == (0, 1, 0)
    assert "no_such_file" in capfd.readouterr().err
