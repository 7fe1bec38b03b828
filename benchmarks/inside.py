"""How much of its speed does a run keep while `looking_inside` measures its layers?

    python benchmarks/inside.py [--pairs 9] [--steps 200] [--every 10]

The same run of LeNet on the sample is timed plain and looked into, in turn; each pair gives a
ratio of seconds. A control pairs plain with plain. What a single look costs follows from the
ratio, and is printed as a share of a step.
"""

import argparse
import statistics
import time
from collections import deque
from itertools import islice

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.config import check_whole
from tutorial_lib.labs.inside import EVERY, count_records, looking_inside
from tutorial_lib.train import warm_up


def main() -> None:
    """Time the pairs and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--every", type=int, default=EVERY)
    arguments = parser.parse_args()
    check_whole("pairs", arguments.pairs, low=2)
    data = load_digits("sample", device="cpu")

    def plain() -> float:
        return seconds(islice(new_run(data), arguments.steps))

    def looked_into() -> float:
        count = count_records(arguments.steps, every=arguments.every)
        return seconds(islice(looking_inside(new_run(data), every=arguments.every), count))

    warm_up(data.device)
    plain(), looked_into()
    looks, controls = [], []
    for number in range(arguments.pairs):  # who begins takes turns: machines drift
        first, second = (plain, looked_into) if number % 2 else (looked_into, plain)
        times = {way: way() for way in (first, second)}
        looks.append(times[looked_into] / times[plain])
        controls.append(plain() / plain())
    print(f"threads: {new_run(data).threads}")
    for name, ratios in ((f"a look every {arguments.every} steps", looks), ("control", controls)):
        print(
            f"{name}: median {statistics.median(ratios):.3f} of the plain run's seconds "
            f"({min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs)"
        )
    cost = (statistics.median(looks) - 1) * arguments.every
    print(f"so a look costs about {cost:.2f} of a step")


def new_run(data) -> TrainingRun:
    """Return the run that is timed, at its beginning."""
    return TrainingRun(LeNet5(), data, Hyperparameters())


def seconds(records) -> float:
    """Return how long it took to get all the records."""
    start = time.perf_counter()
    deque(records, maxlen=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
