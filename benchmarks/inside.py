"""How much of its speed does a run keep while `looking_inside` measures its layers?

    python benchmarks/inside.py [--pairs 9] [--steps 400] [--every 10]

The same run of LeNet on the sample is taken three times side by side, a few steps of each in turn:
looked into, plain, and plain once more as a control. Each pair gives a ratio of seconds.
"""

import argparse
import statistics
import time
from collections import deque
from itertools import islice

from machine import equal_threads

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.engine.drive import warm_up
from tutorial_lib.labs.inside.measure import EVERY, looking_inside


def main() -> None:
    """Time the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=EVERY)
    arguments = parser.parse_args()
    data = load_digits("sample", device="cpu")
    looks, controls = [], []
    with equal_threads() as threads:
        warm_up(data.device)
        in_turn(data, arguments.every, 10 * arguments.every)  # to warm up
        for _ in range(arguments.pairs):
            looked, plain, again = in_turn(data, arguments.every, arguments.steps)
            looks.append(looked / plain)
            controls.append(again / plain)
    print(f"threads: {threads}")
    for name, ratios in ((f"a look every {arguments.every} steps", looks), ("control", controls)):
        print(
            f"{name}: median {statistics.median(ratios):.3f} times the plain run's seconds "
            f"({min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs)"
        )


def in_turn(data, every: int, steps: int) -> list[float]:
    """Return the seconds that so many steps took: looked into, plain, and plain again."""
    runs = [TrainingRun(LeNet5(), data, Hyperparameters()) for _ in range(3)]
    ways = [(looking_inside(runs[0], every=every), every + 1), (runs[1], every), (runs[2], every)]
    seconds = [0.0] * len(ways)
    for turn in range(steps // every):
        for place in range(len(ways)):
            number = (place + turn) % len(ways)  # who comes first changes: caches are warm or not
            records, count = ways[number]  # of `every` steps: a look is one record more
            start = time.perf_counter()
            deque(islice(records, count), maxlen=0)
            seconds[number] += time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
