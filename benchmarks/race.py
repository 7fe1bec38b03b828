"""A race of four settings from three starts: one training after the other, and side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from learner import FIXED
from pairs import Row, row

RATES = (0.001, 0.003, 0.01, 0.03)
SEEDS = 3
IN_LINE = {"LOKY_MAX_CPU_COUNT": "1"}  # as on a machine of one core
RACE = """
import json, sys, time
import torch
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.engine.drive import warm_up
from tutorial_lib.labs.race.measure import race

def seconds(*, rates, seeds, **settings):
    "Race; return the seconds, and the losses of each runner from each start."
    runners = {str(rate): Hyperparameters(learning_rate=rate, **settings) for rate in rates}
    losses, start = {}, time.perf_counter()
    for record in race(data, runners, seeds=seeds):
        if hasattr(record.event, "learning_rate"):  # a step
            losses.setdefault(f"{record.label} {record.seed}", []).append(record.event.loss.hex())
    return time.perf_counter() - start, losses

if __name__ == "__main__":  # where processes are begun anew, they read this, too
    options = json.loads(sys.argv[1])
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    found = [seconds(**options) for _ in range(2)]
    print(json.dumps({"seconds": [one[0] for one in found], "losses": [one[1] for one in found]}))
"""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds of the race, in line and side by side, and whether the losses agree."""
    options = {"rates": RATES, "seeds": SEEDS, "epochs": 1, "batch_size": 32}
    if dry:
        options |= {"rates": RATES[:1], "seeds": 1, "batch_size": 2000}
    in_line, beside = [], []
    for number in range(pairs):
        turns = [(in_line, IN_LINE), (beside, {})]
        for found, environment in reversed(turns) if number % 2 else turns:
            found.append(raced(options, environment))
    base = in_line[0]["losses"][0]
    all_losses = [losses for one in in_line + beside for losses in one["losses"]]
    wrong = sum(differing(base, losses) for losses in all_losses)
    count = sum(map(len, base.values()))
    ratios = [b["seconds"][1] / a["seconds"][1] for a, b in zip(in_line, beside, strict=True)]
    return [
        row("side by side, a later race, beside one after the other", ratios),
        row("one training after the other", [one["seconds"][1] for one in in_line], unit="s"),
        row("side by side, a process's first race", [one["seconds"][0] for one in beside],
            unit="s"),
        row("side by side, a later race", [one["seconds"][1] for one in beside], unit="s"),
        row("losses equal to the last bit", [100 * (1 - wrong / (count * len(all_losses)))],
            unit="%", at_least=100, note=f"{count:,} losses, {len(all_losses)} races"),
    ]  # fmt: skip


def raced(options: Mapping, environment: Mapping[str, str]) -> dict:
    """Race twice in a new process."""
    kept = {name: text for name, text in os.environ.items() if name not in FIXED}
    command = [sys.executable, "-c", RACE, json.dumps(options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=kept | environment, **pipes) as process:
        printed, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the race has failed:\n{errors[-3000:]}")
    return json.loads(printed.splitlines()[-1])


def differing(losses: Mapping[str, list[str]], others: Mapping[str, list[str]]) -> int:
    """Return how many losses of a race are not those of another."""
    if losses.keys() != others.keys():
        return sum(map(len, losses.values()))
    return sum(
        sum(a != b for a, b in zip(own, others[name], strict=False))
        + abs(len(own) - len(others[name]))
        for name, own in losses.items()
    )
