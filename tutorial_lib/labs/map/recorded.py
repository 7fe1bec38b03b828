"""The map that was measured beforehand: for searches that train nothing, and for pages.

Usage: python -m tutorial_lib.labs.map.recorded FOLDER

Measures three maps into FOLDER, where a recording that was stopped goes on, lets every search look
for the best cell, and writes it all into the file that pages play. It takes half an hour or so.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tutorial_lib.checks import check_choice
from tutorial_lib.data import Data, load_digits
from tutorial_lib.files import replacing
from tutorial_lib.labs.map.grid import BUDGETS, HyperparameterMap
from tutorial_lib.labs.map.measure import measure_map
from tutorial_lib.labs.map.search import NAMES, Try, methods_here, search, search_all, search_table
from tutorial_lib.playing.bundle import FOLDER, as_script
from tutorial_lib.playing.record import made_with
from tutorial_lib.waiting import Waiting

PATH = FOLDER / "recorded" / "map.js"
AMOUNTS = {"epochs": 9, "steps": 250, "seconds": 1.0}
SEARCH_EPOCHS = 81  # nine whole trainings, a sixth of the map
SEARCH_SEEDS = range(10)
DIGITS = 5  # of a number


def recorded_map(budget: str = "epochs") -> HyperparameterMap:
    """Return a map of LeNet on the sample that was measured beforehand; nothing is trained.

    Args:
        budget: "epochs": 9 for each cell; "steps": 250; "seconds": 1 of one core.
    """
    check_choice("budget", budget, BUDGETS)
    return HyperparameterMap.from_json(json.dumps(_recording()["maps"][budget]))


@cache
def _recording() -> dict[str, Any]:
    last = PATH.read_text(encoding="utf-8").splitlines()[-1]
    return json.loads(last.partition(" = ")[2].removesuffix(";"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet, and write the file; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    data = load_digits("sample", device="cpu")
    maps = {
        budget: measured(data, budget, amount, Path(arguments[0]) / f"{budget}.json")
        for budget, amount in AMOUNTS.items()
    }
    written = as_script("map", recording(data, maps)).encode()
    with replacing(PATH, start=b"window.playing") as file:
        file.write(written)
    print(f"{PATH.name}: {len(written) / 1000:,.0f} kB, searched by {', '.join(methods_here())}")
    return 0


def measured(data: Data, budget: str, amount: float, path: Path) -> HyperparameterMap:
    """Measure a map into a file, or what is left of it, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Waiting("cells", at_once=True) as waiting:
        cells = measure_map(data, budget=budget, amount=amount, save_to=path)
        for number, _ in enumerate(cells):
            waiting.reach(number + 1, None)
    return HyperparameterMap.load(path)


def recording(
    data: Data,
    maps: Mapping[str, HyperparameterMap],
    *,
    budget: int = SEARCH_EPOCHS,
    seeds: Iterable[int] = SEARCH_SEEDS,
) -> dict[str, Any]:
    """Return what a page needs to show maps and to play searches of the one of equal epochs.

    Args:
        maps: Budget -> the map, whole; that of "epochs" among them.
        budget: Epochs that a search has in all.
        seeds: With which each search is made.
    """
    the_map, seeds = maps["epochs"], list(seeds)
    methods = methods_here()
    table = search_table(search_all(the_map, budget=budget, seeds=seeds, methods=methods))
    made = made_with(the_map.seed) | {
        "date": the_map.made_with["on"],
        "torch": the_map.made_with["torch"],
        "python": the_map.made_with["python"],
    }
    return {
        "made": made | ({"optuna": _optuna_version()} if "optuna" in methods else {}),
        "data": {"held_out": len(data.held_out), "train": len(data.train), "noun": data.noun},
        "maps": {name: _rounded(json.loads(each.as_json())) for name, each in maps.items()},
        "searches": {
            "budget": budget,
            "seeds": seeds,
            "names": {method: NAMES[method] for method in methods},
            "tries": {
                method: [
                    [_short(each, the_map) for each in _search(method, the_map, budget, seed)]
                    for seed in seeds
                ]
                for method in methods
            },
            "heads": table.heads,
            "rows": table.rows,
        },
    }


def _search(method: str, the_map: HyperparameterMap, budget: int, seed: int) -> Iterable[Try]:
    return search(method, the_map, budget=budget, seed=seed)


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
