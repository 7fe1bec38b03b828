"""Record the maps of learning rate and batch size that travel with the tutorial.

    python benchmarks/maps.py [BUDGET ...]

Trains LeNet on the sample for each cell, from seed 0 by plain SGD, with equal epochs, steps and
seconds, and writes tutorial_lib/reference/map_BUDGET.json. A map that is there and was made with
the same is gone on with: to record it anew, remove the file. Some five minutes of one core.
"""

import argparse
import time

from tqdm import tqdm

from tutorial_lib import load_digits
from tutorial_lib.labs.map.draw import map_in_words, scaling_table
from tutorial_lib.labs.map.measure import BUDGETS, RECORDED, HyperparameterMap, measure_map


def main() -> None:
    """Record them, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("budgets", nargs="*", default=BUDGETS, help=", ".join(BUDGETS))
    data = load_digits("sample", device="cpu")
    for budget in parser.parse_args().budgets:
        path, start = RECORDED / f"map_{budget}.json", time.perf_counter()
        for _ in tqdm(measure_map(data, budget=budget, save_to=path), unit="cell"):
            pass
        the_map = HyperparameterMap.load(path)
        computed = sum(cell.seconds for cell in the_map.trained)
        seconds = time.perf_counter() - start
        print(f"{budget}: {seconds:.0f} seconds here, {computed:.0f} of one core in steps")
        print(map_in_words(the_map), scaling_table(the_map), sep="\n")


if __name__ == "__main__":
    main()
