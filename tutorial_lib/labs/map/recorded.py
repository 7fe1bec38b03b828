"""The map that searches look up, and what pages play of all maps that were measured beforehand.

Usage: python -m tutorial_lib.labs.map.recorded

Measures the map of nine epochs, or what is left of it, lets every search look for its best cell,
and writes that and the maps of benchmarks/maps.py into the file that pages play. To record the map
anew, remove its file; it takes some ten minutes of one core. Optuna's search is recorded where
Optuna is installed.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tutorial_lib.data import Data, load_digits
from tutorial_lib.files import replacing
from tutorial_lib.labs.map.grid import BUDGETS, HyperparameterMap
from tutorial_lib.labs.map.measure import RECORDED, measure_map, recorded_map
from tutorial_lib.labs.map.search import NAMES, Try, methods_here, search, search_all, search_table
from tutorial_lib.playing.bundle import FOLDER, as_script
from tutorial_lib.playing.record import made_with
from tutorial_lib.waiting import Waiting

LONG_EPOCHS = 9
LONG = RECORDED / "map_9_epochs.json"
PATH = FOLDER / "recorded" / "map.js"
SEARCHED = "long"  # the name, in the page, of the map that is searched
SEARCH_EPOCHS = 81  # nine whole trainings, a sixth of the map
SEARCH_SEEDS = range(10)
DIGITS = 5  # of a number


def long_map() -> HyperparameterMap:
    """Return a map of nine epochs for each cell, with what searches need: all losses on the way.

    LeNet on the sample, plain SGD, from seed 0, recorded; `made_with` says when, and with which
    versions. Nothing is trained.
    """
    return HyperparameterMap.load(LONG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet, and write the file; return the exit status."""
    if sys.argv[1:] if arguments is None else arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    data = load_digits("sample", device="cpu")
    if not (LONG.exists() and long_map().is_whole):
        with Waiting("cells", at_once=True) as waiting:
            cells = measure_map(data, amount=LONG_EPOCHS, save_to=LONG)
            for number, _ in enumerate(cells):
                waiting.reach(number + 1)
    maps = {budget: recorded_map(budget) for budget in BUDGETS}
    written = as_script("map", recording(data, maps | {SEARCHED: long_map()})).encode()
    with replacing(PATH, start=b"window.playing") as file:
        file.write(written)
    print(f"{PATH.name}: {len(written) / 1000:,.0f} kB, searched by {', '.join(methods_here())}")
    return 0


def recording(
    data: Data,
    maps: Mapping[str, HyperparameterMap],
    *,
    budget: int = SEARCH_EPOCHS,
    seeds: Iterable[int] = SEARCH_SEEDS,
) -> dict[str, Any]:
    """Return what a page needs to show maps and to play searches of one of them.

    Args:
        maps: Name -> the map, whole; that of SEARCHED is one of equal epochs.
        budget: Epochs that a search has in all.
        seeds: With which each search is made.
    """
    searched, seeds, methods = maps[SEARCHED], list(seeds), methods_here()
    found = search_all(searched, budget=budget, seeds=seeds, methods=methods)
    table = search_table(found)
    made = made_with(searched.seed) | {"date": searched.made_with["on"]}
    made |= {name: searched.made_with[name] for name in ("torch", "python")}
    return {
        "made": made | ({"optuna": _optuna_version()} if "optuna" in methods else {}),
        "data": {"held_out": len(data.held_out), "train": len(data.train), "noun": data.noun},
        "maps": {name: _rounded(json.loads(each.as_json())) for name, each in maps.items()},
        "searches": {
            "map": SEARCHED,
            "budget": budget,
            "seeds": seeds,
            "names": {method: NAMES[method] for method in methods},
            "tries": {
                method: [_events(method, searched, budget, seed) for seed in seeds]
                for method in methods
            },
            "heads": table.heads,
            "rows": table.rows,
        },
    }


def _events(
    method: str, the_map: HyperparameterMap, budget: int, seed: int
) -> list[list[float | None]]:
    return [_short(each, the_map) for each in search(method, the_map, budget=budget, seed=seed)]


def _short(each: Try, the_map: HyperparameterMap) -> list[float | None]:
    """Return number, place of the rate and of the size, epochs, loss (None: diverged)."""
    row = the_map.learning_rates.index(each.learning_rate)
    column = the_map.batch_sizes.index(each.batch_size)
    loss = _rounded(each.loss) if math.isfinite(each.loss) else None
    return [each.number, row, column, each.epochs, loss]


def _rounded(content: Any) -> Any:
    """Return what JSON can hold, with numbers of a few digits."""
    if isinstance(content, float):
        return float(f"{content:.{DIGITS}g}")
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    return [_rounded(each) for each in content] if isinstance(content, list) else content


def _optuna_version() -> str:
    import optuna

    return optuna.__version__


if __name__ == "__main__":
    raise SystemExit(main())
