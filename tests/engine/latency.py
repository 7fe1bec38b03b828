"""How long Stop and Pause take: `python tests/engine/latency.py` presses each 100 times.

On the sample with batches of 32, as a learner would. From the call to the moment when the session
has let go of the model: what is left of the step being taken, and the hand-over between threads.
"""

import argparse
import random
import time
from collections.abc import Callable

import numpy as np

from tutorial_lib import Hyperparameters, LeNet5, Session, TrainingRun, load_digits
from tutorial_lib.engine.drive import warm_up, with_accuracy

PATIENCE = 60  # seconds


def new_session(data) -> Session:
    run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=1000, batch_size=32))
    return Session(with_accuracy(run, data.test)).start()


def seconds_until(ask: Callable[[], None], session: Session, state: str) -> float:
    """Ask for it at a random moment of a step; return how long it took to be so."""
    time.sleep(random.uniform(0.01, 0.03))
    asked = time.perf_counter()
    ask()
    assert session.wait(PATIENCE) == state
    return time.perf_counter() - asked


def stops(data, times: int) -> list[float]:
    """Return the seconds that each stop took, each of a session of its own."""
    sessions = (new_session(data) for _ in range(times))
    return [seconds_until(session.stop, session, "stopped") for session in sessions]


def pauses(data, times: int) -> list[float]:
    """Return the seconds that each pause took, all in one session."""
    session, seconds = new_session(data), []
    for _ in range(times):
        seconds.append(seconds_until(session.pause, session, "paused"))
        session.resume()
    session.stop()
    session.wait(PATIENCE)
    return seconds


def in_words(name: str, seconds: list[float]) -> str:
    middle, late = np.percentile(seconds, [50, 99]) * 1000
    return f"{len(seconds)} {name}: p50 {middle:.1f} ms, p99 {late:.1f} ms"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    times = parser.parse_args().times
    data = load_digits("sample", device="cpu")
    warm_up(data.device)
    print(in_words("stops", stops(data, times)))
    print(in_words("pauses", pauses(data, times)))
