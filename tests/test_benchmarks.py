"""`make bench` still runs, and what it calls a ratio is one."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUICK = ["step", "data"]
# These take much memory, or start processes, kernels, JupyterLab and many a Python.
LONG = ["memory", "race", "stream", "own", "scaling", "learner", "panel", "startup"]
sections_to_try = pytest.mark.parametrize(
    "names", [QUICK, LONG] if os.environ.get("TUTORIAL_THOROUGH") else [QUICK], ids=" ".join
)
ROWS = {
    "step": "| TrainingRun |",
    "learner": "| TrainingRun, batches of 32 (",
    "startup": "| any later Train, to the first point",
}


@pytest.fixture
def pairs(monkeypatch):
    return module("pairs", monkeypatch)


@pytest.fixture
def report(monkeypatch):
    return module("report", monkeypatch)


def module(name, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module(name)


@pytest.mark.notebook
@sections_to_try
def test_sections_run_dry_and_fill_the_table(tmp_path, names, warm_python):
    page = tmp_path / "README.md"
    page.write_text("above\n<!-- results -->\nstale figures\n<!-- /results -->\nbelow\n")
    command = [sys.executable, BENCHMARKS / "bench.py", *names, "--dry", "--folder", tmp_path]
    assert warm_python.call(command, begets_forks=True).returncode == 0

    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    found, readme = json.loads((tmp_path / "results.json").read_text()), page.read_text()
    [(machine, sections)] = found.items()
    assert machine.endswith(("cores)", "core)"))
    assert [*sections] == names
    for name, section in sections.items():
        has_a_number = section["machine"]["threads"] is not None
        assert has_a_number == (name not in ("learner", "race", "startup"))
        assert ROWS.get(name, "") in readme
    values = [row["value"] for section in sections.values() for row in section["rows"]]
    assert all(value is None or value > 0 for value in values)
    assert readme.startswith("above")
    assert readme.endswith("below\n")
    assert "stale figures" not in readme


def test_every_section_is_tried():
    named = re.findall(r'^    "(\w+)": \(', (BENCHMARKS / "bench.py").read_text(), re.MULTILINE)
    assert sorted(named) == sorted([*QUICK, *LONG])


def test_a_ratio_is_of_neighbours_and_who_begins_takes_turns(pairs):
    calls = []

    def way(name, seconds):
        return lambda: calls.append(name) or seconds

    assert pairs.pair(way("w", 3.0), way("b", 2.0), blocks=2, base_first=True) == 1.5
    assert calls == ["b", "w", "w", "b"]


def test_every_comparison_has_its_control(pairs):
    ratios = pairs.compare({"twice": lambda: 2.0}, lambda: lambda: 1.0, pairs=3)
    assert ratios == {"twice": [2.0] * 3, pairs.CONTROL: [1.0] * 3}


@pytest.mark.parametrize(
    ("bar", "met"), [({"at_most": 2}, True), ({"at_most": 1.9}, False), ({"at_least": 3}, False)]
)
def test_a_bar_is_held_against_the_median(pairs, bar, met):
    row = pairs.row("what", [1.0, 2.0, 30.0], **bar)
    assert (row.value, row.low, row.high, row.count, row.met) == (2.0, 1.0, 30.0, 3, met)


def test_each_machine_keeps_its_own_rows_and_the_newest_has_the_table(pairs, report, tmp_path):
    (tmp_path / "README.md").write_text("<!-- results -->\n<!-- /results -->\n")
    kept = {"threads": 1, "cores": 2, "load": 0, "system": "", "python": "", "versions": {}}
    for kind, value, date in [("A", 0.8, "2026-01-01"), ("B", 0.9, "2026-01-03"),
                              ("A", 0.7, "2026-01-02")]:  # fmt: skip
        rows = [pairs.row("ours", [value], at_most=1), pairs.row("no bar", [5.0])]
        report.keep(tmp_path, "step", rows, kept | {"kind": kind, "date": date})
    report.write(tmp_path, {"step": "A step"})
    page = (tmp_path / "README.md").read_text()
    assert "| ours | **0.900 x** | 0.900 | 0.900 | 1 | ≤ 1 ✓ |" in page
    assert "| A | 2026-01-02 | ours **0.700 x** |" in page
    assert "0.800" not in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Intel(R) Xeon(R) Processor", "Intel Xeon"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", "Intel Core i5-8250U @ 1.60GHz"),
        ("", "processor not recorded"),
    ],
)
def test_a_processor_is_named_in_plain_words(monkeypatch, name, words):
    assert module("machine", monkeypatch).in_words(name) == words


def test_a_busy_neighbour_ends_with_whoever_started_it(monkeypatch):
    code = module("learner", monkeypatch).NEIGHBOUR
    process = subprocess.Popen([sys.executable, "-c", code, "0.2"], stdin=subprocess.PIPE)
    try:
        process.stdin.close()  # as when the parent is gone, however it went
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()


def test_a_way_s_milliseconds_are_the_mean_over_its_windows_and_say_its_threads(monkeypatch):
    learner = module("learner", monkeypatch)

    class Way:
        def __init__(self):
            few = [learner.Window(1.0, 100, 2), learner.Window(3.0, 100, 2)]
            self.windows = few * learner.ROUNDS

        def take(self, batch_size, seconds):
            return self.windows.pop()

    found = learner.in_turn({"ours": Way()}, [32])
    assert found == {("ours", 32): learner.Measured(20.0, 2)}
    assert learner.threads_of([found, found], "ours", 32) == "2 threads"


def test_equal_threads_hold_for_processes_too_and_are_given_back(monkeypatch):
    machine = module("machine", monkeypatch)
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    with machine.equal_threads() as threads:
        assert threads == torch.get_num_threads() == int(os.environ["OMP_NUM_THREADS"]) == 3
    assert torch.get_num_threads() == before
    assert "OMP_NUM_THREADS" not in os.environ
