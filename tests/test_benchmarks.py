"""`make bench` still runs, and what it calls a ratio is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def pairs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import pairs

    return pairs


@pytest.mark.notebook
def test_all_sections_run_dry_and_fill_the_table(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("above\n<!-- results -->\nstale figures\n<!-- /results -->\nbelow\n")
    command = [sys.executable, BENCHMARKS / "bench.py", "--dry", "--folder", tmp_path]
    subprocess.run(command, check=True)

    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    found, readme = json.loads((tmp_path / "results.json").read_text()), page.read_text()
    assert [*found] == ["step", "panel", "startup", "data", "stream", "own", "scaling", "memory"]
    assert found["step"]["machine"]["threads"] >= 1
    values = [row["value"] for section in found.values() for row in section["rows"]]
    assert all(value is None or value > 0 for value in values)
    assert "| TrainingRun |" in readme
    assert "| any later Train, to the first point drawn |" in readme
    assert readme.startswith("above")
    assert readme.endswith("below\n")
    assert "stale figures" not in readme


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
