"""One way to train LeNet on the sample, in a process of its own: it steps when it is told to.

    python benchmarks/learner_worker.py WAY

WAY is "loop", "run", "one thread", or the name of a peer. Says "ready" once torch is loaded. A line
"32 1.5" on its input asks for about 1.5 seconds of steps with batches of 32; the answer is a line
of JSON. It ends with its input, so with whoever started it.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator

import torch

DEFAULT_THREADS = torch.get_num_threads()  # before anybody else can have set it

import peers  # noqa: E402
from loops import bare_loop, endless_run  # noqa: E402

from tutorial_lib import load_digits  # noqa: E402
from tutorial_lib.data import Data  # noqa: E402

OURS = "run", "one thread"
WARM_STEPS, WARM_SECONDS = 20, 2.0  # whichever ends first
Take = Callable[[float], tuple[float, int]]  # at least these seconds -> seconds, steps
Threads = Callable[[], int]


def main() -> None:
    """Answer until the input ends."""
    way = sys.argv[1]
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what frameworks print is no answer
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # loads what optimizers need, for seconds
    if way not in OURS:
        os.environ["MALLOC_TOP_PAD_"] = "as it is"  # too late for C, but ours leaves memory alone
    if way == "one thread":
        torch.set_num_threads(1)  # before ours can choose
    data = load_digits("sample", device="cpu")
    if way not in OURS:  # by hand, torch's own number is the default
        torch.set_num_threads(DEFAULT_THREADS)
    print("ready", file=replies, flush=True)
    made: dict[int, tuple[Take, Threads]] = {}
    try:
        for line in sys.stdin:
            size, seconds = line.split()
            if int(size) not in made:
                made[int(size)] = make(way, data, int(size))
            take, threads = made[int(size)]
            taken, steps = take(float(seconds))
            answer = {"seconds": taken, "steps": steps, "threads": threads()}
            print(json.dumps(answer), file=replies, flush=True)
    finally:
        peers.close()


def make(way: str, data: Data, batch_size: int) -> tuple[Take, Threads]:
    """Return what takes steps, warm, and what says with how many threads."""
    if way in peers.PEERS:
        if "DataLoader" in way:  # these need no whole epoch
            data = peers.few(data, WARM_STEPS * batch_size)
        epoch = peers.PEERS[way][1](data, batch_size)
        epoch()
        return epochs(epoch, len(data.train) // batch_size), torch.get_num_threads
    if way == "loop":
        steps, threads = bare_loop(data, batch_size), torch.get_num_threads
    else:
        run = steps = endless_run(data, batch_size)
        threads = lambda: run.threads  # noqa: E731
    next(steps)
    start = time.perf_counter()
    for _ in itertools.islice(steps, WARM_STEPS):
        if time.perf_counter() - start > WARM_SECONDS:
            break
    return single_steps(steps), threads


def single_steps(steps: Iterator) -> Take:
    """Return what takes an iterator's steps one by one."""

    def take(at_least: float) -> tuple[float, int]:
        start = time.perf_counter()
        for count, _ in enumerate(steps, start=1):
            if (seconds := time.perf_counter() - start) >= at_least:
                return seconds, count
        raise RuntimeError("the steps have come to an end")

    return take


def epochs(epoch: Callable[[], float], steps: int) -> Take:
    """Return what takes whole epochs of so many steps."""

    def take(at_least: float) -> tuple[float, int]:
        seconds, count = epoch(), steps
        while seconds < at_least:
            seconds, count = seconds + epoch(), count + steps
        return seconds, count

    return take


if __name__ == "__main__":
    main()
