"""Measure what the notebooks claim: each sentence of tests/claims/, with one and two threads.

Usage: python tools/claims.py [NOTEBOOK ...] [--threads 1 2] [--missing]

Prints a line for each claim, keeps what was seen in tests/claims/results.json, and writes the table
of all that is kept there, tests/claims/README.md. The exit status is 1 if a claim did not hold.
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests" / "claims" / "README.md"
KEPT = TABLE.with_name("results.json")
sys.path.insert(0, str(ROOT / "tests"))

from claims.table import Claim, Seen, all_claims  # noqa: E402

from tutorial_lib.hardware.threads import usable_cores  # noqa: E402


class Result(NamedTuple):
    """A claim, and what was seen: (threads, seed) -> what."""

    claim: Claim
    seen: dict[tuple[int, int], Seen]

    @property
    def num_held(self) -> int:
        """With how many seeds and numbers of threads it held."""
        return sum(seen.holds for seen in self.seen.values())

    @property
    def numbers(self) -> str:
        """What was seen, each once."""
        return "; ".join(dict.fromkeys(self.seen[key].numbers for key in sorted(self.seen)))

    @property
    def holds(self) -> bool:
        """Whether it was measured, and failed with no more seeds than it may, for any threads."""
        may_fail = len(self.claim.seeds) - self.claim.at_least
        failed: dict[int, int] = {}
        for (threads, _), seen in self.seen.items():
            failed[threads] = failed.get(threads, 0) + (not seen.holds)
        return bool(failed) and max(failed.values()) <= may_fail

    @property
    def is_whole(self) -> bool:
        """Whether it was measured for all its seeds, with one thread and with two."""
        return all((threads, seed) in self.seen for threads in (1, 2) for seed in self.claim.seeds)


def main() -> int:
    """Measure, print, write the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="their numbers, as 01; all if none")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--missing", action="store_true", help="only what was never measured")
    options = parser.parse_args()
    chosen = [
        each for each in all_claims() if each.notebook in (options.notebooks or each.notebook)
    ]
    results = [kept(each) if options.missing else Result(each, {}) for each in chosen]
    for threads in options.threads:
        measure_all(results, threads)
    for result in results:
        print(line(result))
    num_held = sum(result.holds for result in results)
    print(f"{num_held} of {len(results)} claims hold")
    TABLE.write_text(table_of([kept(each) for each in all_claims()]), encoding="utf-8")
    return 0 if num_held == len(results) else 1


def keep(results: list[Result]) -> None:
    """Put what was seen beside what is kept of other claims; what is no claim any more goes."""
    measured = all_kept()
    for result in results:
        before = measured.get(result.claim.name, {})
        seen = before.get("seen", {}) if before.get("sentence") == result.claim.sentence else {}
        for (threads, seed), each in sorted(result.seen.items()):
            seen.setdefault(str(threads), {})[str(seed)] = list(each)
        measured[result.claim.name] = {"sentence": result.claim.sentence, "seen": seen}
    names = {claim.name for claim in all_claims()}
    text = json.dumps({k: measured[k] for k in sorted(measured) if k in names}, indent=1)
    KEPT.write_text(text + "\n", encoding="utf-8")


def all_kept() -> dict[str, dict]:
    """Return all that is kept: name of a claim -> its sentence, and what was seen of it."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def kept(claim: Claim) -> Result:
    """Return what is kept of a claim as it stands: nothing of another sentence or seed."""
    found = all_kept().get(claim.name, {})
    seen = found.get("seen", {}) if found.get("sentence") == claim.sentence else {}
    return Result(
        claim,
        {
            (int(threads), int(seed)): Seen(*each)
            for threads, seeds in seen.items()
            for seed, each in seeds.items()
            if int(seed) in claim.seeds
        },
    )


def measure_all(results: list[Result], threads: int) -> None:
    """Measure them with so many threads, in as many processes as leave each its cores."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for the processes below
    os.environ["TUTORIAL_OFFLINE"] = "1"
    by_name = {result.claim.name: result for result in results}
    tasks: dict[tuple[str, int], list[str]] = {}  # of a notebook and a seed: they share runs
    for name, result in by_name.items():
        for seed in result.claim.seeds:
            if (threads, seed) not in result.seen:
                tasks.setdefault((result.claim.notebook, seed), []).append(name)
    workers = max(1, usable_cores() // threads)
    spawn = multiprocessing.get_context("spawn")
    options = {"mp_context": spawn, "max_tasks_per_child": 1, "initializer": end_with_parent}
    with ProcessPoolExecutor(workers, **options) as pool:
        futures = {pool.submit(seen_by, names, seed): seed for (_, seed), names in tasks.items()}
        for future in tqdm(as_completed(futures), total=len(futures), desc=f"threads {threads}"):
            for name, seen in future.result().items():
                by_name[name].seen[threads, futures[future]] = seen
            keep(results)  # at once: it takes long, and may be ended before its end


def end_with_parent() -> None:
    """Let this process end as soon as the one that started it has, however that ended."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def seen_by(names: list[str], seed: int) -> dict[str, Seen]:
    """Measure some claims for one seed; what a measurement raises counts as not holding."""
    claims = {claim.name: claim for claim in all_claims()}
    found = {}
    for name in names:
        try:
            found[name] = Seen(*claims[name].measure(seed))
        except Exception as error:
            found[name] = Seen(False, f"{type(error).__name__}: {error}")
        found[name] = Seen(bool(found[name].holds), found[name].numbers)  # no tensor travels
    return found


def line(result: Result) -> str:
    """Return one line for a claim: whether it held, how often, and the numbers seen."""
    mark = "holds" if result.holds else "FAILS"
    return f"{mark}  {result.claim.name}  {result.num_held} of {len(result.seen)}  {result.numbers}"


def table_of(results: list[Result]) -> str:
    """Return the text of the table's page."""
    import torch

    rows = [
        (
            result.claim.notebook,
            result.claim.sentence,
            result.claim.how,
            f"{result.num_held} of {len(result.seen)}" if result.seen else "not measured",
            result.numbers,
        )
        for result in results
    ]
    num_held = sum(result.holds for result in results)
    num_with_both = sum(result.is_whole for result in results)
    how_far = "with one thread and with two"
    if num_with_both < len(results):
        how_far += f" ({num_with_both} of them; the others with one alone, or not yet with all)"
    columns = ["notebook", "sentence", "how it is measured", "held", "seen"]
    return (
        "# What the notebooks claim, measured\n\n"
        f"Written by `make claims`: **{num_held} of {len(results)} claims hold**. Each is measured "
        f"for its seeds, {how_far}; *held* counts what was measured. The measurements stand in "
        "this folder, a file for each notebook.\n\n"
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"{platform.machine()}.\n\n"
        f"{markdown(columns, rows)}\n"
    )


def markdown(columns: list[str], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown; a bar in a cell is written so that it does not part it."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


if __name__ == "__main__":
    sys.exit(main())
