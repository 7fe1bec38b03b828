"""The step: our loop and our session, and other ways to train LeNet, beside a bare loop."""

import itertools
import time

import peers
from loops import bare_loop, endless_run
from pairs import CONTROL, Row, Way, compare, row, skipped, stepping

from tutorial_lib import Session, load_digits
from tutorial_lib.data import Data
from tutorial_lib.engine.drive import warm_up

BATCH = 32
TURNS = 10  # steps that a session takes in a row: it is started for them


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the seconds a step in ratio to the bare loop's, the loss read at every step."""
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    rows = our_rows(data, pairs=pairs, dry=dry)
    if dry:
        data = peers.few(data, 3 * BATCH)
    return rows + peer_rows(data, pairs=pairs, dry=dry)


def our_rows(data: Data, *, pairs: int, dry: bool) -> list[Row]:
    """Return our loop's row, our session's, a control each, and the milliseconds of it all."""
    loop = compare(
        {"ours": stepping(endless_run(data, BATCH), 1)},
        lambda: stepping(bare_loop(data, BATCH), 1),
        pairs=pairs,
        blocks=2 if dry else 200,
    )
    background = compare(
        {"ours": in_session(data)},
        lambda: stepping(bare_loop(data, BATCH), TURNS),
        pairs=pairs,
        blocks=1 if dry else 20,
    )
    bare = stepping(bare_loop(data, BATCH), 1)
    seconds = [bare() for _ in range(3 if dry else 100)]
    return [
        row("TrainingRun", loop["ours"], at_most=1.00),
        row(CONTROL, loop[CONTROL]),
        row("Session, in the background", background["ours"], at_most=1.03),
        row(f"{CONTROL}, {TURNS} steps at a time", background[CONTROL]),
        row("a step of the bare loop", [1000 * each for each in seconds], unit="ms"),
    ]


def in_session(data: Data) -> Way:
    """Return a way whose steps are taken by a session, and waited for."""
    run = endless_run(data, BATCH)

    def seconds() -> float:
        start = time.perf_counter()
        Session(itertools.islice(run, TURNS)).start().wait()
        return time.perf_counter() - start

    return seconds


def peer_rows(data: Data, *, pairs: int, dry: bool) -> list[Row]:
    """Return a row for each peer, or a word on why it is missing."""
    ways, missing = {}, []
    for name, (package, make) in peers.PEERS.items():
        if dry and "workers" in name:
            continue
        if not peers.installed(package):
            missing.append(skipped(name, f"{package} is not installed"))
        else:
            ways[name] = make(data, BATCH)
    epoch = len(data.train) // BATCH  # steps
    try:
        ratios = compare(ways, lambda: stepping(bare_loop(data, BATCH), epoch), pairs=pairs)
    finally:
        peers.close()
    control = row(f"{CONTROL}, a whole epoch", ratios.pop(CONTROL))
    found = [row(name, values) for name, values in ratios.items()]
    return sorted(found, key=lambda row: row.value) + missing + [control]
