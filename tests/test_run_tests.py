"""`make test` runs every phase to its end, counts all, and lets no failure go."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import run_tests

PASSES, FAILS = "def test_it():\n    assert True\n", "def test_it():\n    assert False\n"
SKIPS = "import pytest\n\ndef test_it():\n    pytest.skip('no browser')\n"


@pytest.fixture
def run(monkeypatch, tmp_path, capfd):
    """Return a runner of three phases, of one file each: its exit status and its lines."""

    def runner(**files):
        phases = {}
        for phase, text in files.items():
            path = tmp_path / f"test_{phase}.py"
            path.write_text(text)
            phases[phase] = [str(path), "-pno:nbval", "-pno:xdist", "-pno:hypothesispytest"]
        monkeypatch.setattr(run_tests, "PHASES", phases)
        monkeypatch.setattr(run_tests.warm_python, "IS_POSSIBLE", False)  # they start no kernel
        return run_tests.main(), capfd.readouterr().out.splitlines()

    return runner


def test_what_the_browsers_tests_say_stands_after_that_of_the_notebooks(run):
    status, lines = run(unit=PASSES, notebooks=PASSES, browser=PASSES)
    assert status == 0
    assert lines[-1] == "3 passed, 0 failed"
    (notebooks,) = (n for n, line in enumerate(lines) if line.startswith("notebooks tests took"))
    assert lines.index("unit tests") < lines.index("notebooks tests") < notebooks
    assert notebooks < lines.index("browser tests")
    assert sum("1 passed" in line for line in lines) == 6  # pytest's own line, and ours, of each


@pytest.mark.parametrize("phase", ["unit", "browser"])
def test_a_failure_in_any_phase_is_a_failure_of_all_and_the_others_run(run, phase):
    status, lines = run(**{"unit": PASSES, "notebooks": PASSES, "browser": PASSES, phase: FAILS})
    assert (status, lines[-1]) == (1, "2 passed, 1 failed")


def test_no_test_at_all_is_a_failure(run):
    assert run(unit=PASSES, notebooks=PASSES, browser="")[0] == 1


def test_a_browser_that_is_required_may_not_be_missing(run, monkeypatch):
    monkeypatch.delenv("TUTORIAL_REQUIRE_BROWSER", raising=False)
    status, lines = run(unit=PASSES, notebooks=PASSES, browser=SKIPS)
    assert (status, lines[-1]) == (0, "2 passed, 0 failed, 1 skipped")
    monkeypatch.setenv("TUTORIAL_REQUIRE_BROWSER", "1")
    assert run(unit=PASSES, notebooks=PASSES, browser=SKIPS)[0] == 1
