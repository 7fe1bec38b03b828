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
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.engine import StepRecord, pool
from tutorial_lib.engine.drive import warm_up
from tutorial_lib.hardware import usable_cores
from tutorial_lib.labs.race.measure import race

def raced(*, rates, seeds, **settings):
    "Race; return the seconds, how many went at once, and the losses of each runner and start."
    runners = {str(rate): Hyperparameters(learning_rate=rate, **settings) for rate in rates}
    losses, start = {}, time.perf_counter()
    for record in race(data, runners, seeds=seeds):
        if isinstance(record.event, StepRecord):
            losses.setdefault(f"{record.label} {record.seed}", []).append(record.event.loss.hex())
    return time.perf_counter() - start, record.at_once, losses

if __name__ == "__main__":
    options, is_dry = json.loads(sys.argv[1])
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    first = raced(**options)
    if usable_cores() > 1 and not is_dry:
        pool.wait_until_warm(usable_cores())  # as a panel does, once it is shown
    print(json.dumps([first, raced(**options)]))
"""


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds of the race, in line and side by side, and whether the losses agree."""
    options = {"rates": RATES, "seeds": SEEDS, "epochs": 1, "batch_size": 32}
    if dry:
        options |= {"rates": RATES[:1], "seeds": 1, "batch_size": 2000}
    found = {"in line": [], "beside": []}
    if dry:  # one process does for both
        same = races(options, IN_LINE, dry=True)
        found = {"in line": [same], "beside": [same]}
    for number in range(0 if dry else pairs):
        turns = [("in line", IN_LINE), ("beside", {})]
        for name, environment in reversed(turns) if number % 2 else turns:
            found[name].append(races(options, environment, dry=dry))
    in_line = [later[0] for _, later in found["in line"]]
    beside = [later[0] for _, later in found["beside"]]
    firsts = [first[0] for first, _ in found["beside"]]
    ratios = [after / before for before, after in zip(in_line, beside, strict=True)]
    first, later = found["beside"][0]
    return [
        row("side by side, beside one after the other", ratios, note=f"{later[1]} at once"),
        row("one training after the other", in_line, unit="s"),
        row("side by side, its processes warm", beside, unit="s"),
        row("the first race of a process", firsts, unit="s", note=f"{first[1]} at once"),
        agreement([losses for own in found.values() for two in own for _, _, losses in two]),
    ]


def races(options: Mapping, environment: Mapping[str, str], *, dry: bool) -> list[list]:
    """Race twice in a new process; return seconds, how many at once, and losses, of both."""
    kept = {name: text for name, text in os.environ.items() if name not in FIXED}
    command = [sys.executable, "-c", RACE, json.dumps([options, dry])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=kept | environment, **pipes) as process:
        printed, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the race has failed:\n{errors[-3000:]}")
    return json.loads(printed.splitlines()[-1])


def agreement(all_losses: list[dict[str, list[str]]]) -> Row:
    """Return the row of how many losses are those of the first race, to the last bit."""
    base, *others = all_losses
    count = sum(map(len, base.values()))
    same = sum(
        a == b
        for losses in others
        for name, own in base.items()
        for a, b in zip(own, losses.get(name, ()), strict=False)
    )
    words = f"{count:,} losses of {len(all_losses)} races"
    share = 100 * same / (count * len(others))
    return row("losses equal to the last bit", [share], unit="%", at_least=100, note=words)
