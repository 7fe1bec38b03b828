"""The step: our loop and our session, and other ways to train LeNet, beside a bare loop."""

import itertools
import time

import peers
from loops import bare_loop, endless_run
from pairs import CONTROL, Row, Way, compare, row, skipped, stepping

from tutorial_lib import Session, load_digits
from tutorial_lib.data import Digits
from tutorial_lib.train import warm_up, with_accuracy

BATCH = 32
BARS = {"TrainingRun": 1.00, "Session, in the background": 1.03}


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds a step in ratio to the bare loop's, the loss read at every step."""
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    epoch = 3 if dry else len(data.train) // BATCH  # steps
    block = 2 if dry else 25
    ours = our_ways(data, block)
    base = stepping(bare_loop(data, BATCH), block)
    ratios = compare(ours, base, pairs=pairs, blocks=1 if dry else 10)
    rows = [row(name, ratios[name], at_most=BARS.get(name)) for name in ratios]
    bare = stepping(bare_loop(data, BATCH), epoch)
    milliseconds = [1000 * bare() / epoch for _ in range(pairs)]
    rows.append(row("the bare loop itself, a step", milliseconds, unit="ms"))
    if dry:
        data = peers.few(data, epoch * BATCH)
    return rows + peer_rows(data, bare, pairs=pairs, dry=dry)


def our_ways(data: Digits, block: int) -> dict[str, Way]:
    """Return the three ways of ours, each on a run of its own."""
    alone, scored = (endless_run(data, BATCH) for _ in range(2))
    background = endless_run(data, BATCH)

    def session() -> float:
        start = time.perf_counter()
        Session(itertools.islice(background, block)).start().wait()
        return time.perf_counter() - start

    return {
        "TrainingRun": stepping(alone, block),
        "Session, in the background": session,
        "TrainingRun, with the accuracy after each epoch": stepping(
            with_accuracy(scored, data.test), block
        ),
    }


def peer_rows(data: Digits, bare: Way, *, pairs: int, dry: bool) -> list[Row]:
    """Return a row for each peer, or a word on why it is missing."""
    ways, missing = {}, []
    for name, (package, make) in peers.PEERS.items():
        if dry and "workers" in name:
            continue
        if not peers.installed(package):
            missing.append(skipped(name, f"{package} is not installed"))
        else:
            ways[name] = make(data, BATCH)
    try:
        ratios = compare(ways, bare, pairs=pairs)
    finally:
        peers.close()
    control = row(f"{CONTROL}, a whole epoch", ratios.pop(CONTROL))
    return [row(name, values) for name, values in ratios.items()] + missing + [control]
