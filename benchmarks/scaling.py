"""Whether our loop's overhead stays flat: over batch sizes, and over sizes of the training set."""

import torch
from loops import bare_loop, endless_run
from pairs import Row, compare, row, stepping

from tutorial_lib import load_digits
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.drive import warm_up

BATCH_SIZES = (1, 8, 32, 128, 1024)
SET_SIZES = (1_000, 10_000, 60_000)
IMAGES = 2_000  # about so many are trained on for a ratio


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return our seconds a step in ratio to the bare loop's."""
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    rows = [
        compared(data, size, f"batch size {size:,}", pairs=pairs, dry=dry)
        for size in BATCH_SIZES[: 2 if dry else None]
    ]
    for size in SET_SIZES[: 1 if dry else None]:
        rows.append(compared(grown(data, size), 32, f"{size:,} images", pairs=pairs, dry=dry))
    return rows


def compared(data: Data, batch_size: int, what: str, *, pairs: int, dry: bool) -> Row:
    """Return the ratio at one size, with our images a second in the note."""
    blocks = 1 if dry else max(4, min(100, IMAGES // batch_size))
    ours = stepping(endless_run(data, batch_size), 1)
    found = compare(
        {"ours": ours},
        lambda: stepping(bare_loop(data, batch_size), 1),
        pairs=pairs,
        blocks=blocks,
    )
    rate = batch_size / min(ours() for _ in range(5))
    return row(what, found["ours"], note=f"{rate:,.0f} images a second")


def grown(data: Data, size: int) -> Data:
    """Return a training set of that size: the sample's digits, many of them more than once."""
    places = torch.arange(size) % len(data.train)
    train = Split(data.train.images[places], data.train.labels[places])
    return Data(data.name, data.notice, train, data.test, data.device)
