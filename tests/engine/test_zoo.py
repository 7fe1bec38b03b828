"""A run is exact for any network: stopped, scored, diverged, interrupted or in bursts, it is equal.

`TUTORIAL_THOROUGH=10` interrupts at every line of a step, not at some, takes up by both ways at
each stop, and does all of that with each optimizer.
"""

import itertools
import os
import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from test_exact import disturb, same, through_a_file, through_memory
from test_exact import outcome as outcome_of
from torch import nn
from zoo import DRAWS, ZOO

import tutorial_lib
from tutorial_lib import Diverged, Hyperparameters, TrainingRun, evaluate
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.engine.processes import why_not_shared
from tutorial_lib.interrupts import is_held_here
from tutorial_lib.models import _LAYERS, draws_at_random, make_model, surely_draws_nothing
from tutorial_lib.random_state import RANDOM_STATE

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
RATES = {"momentum": 0.02, "adam": 2e-3}
STEPS = 8
LAYERS = {  # name -> arguments and the shape of inputs, where they are not () and (2, 8)
    "Unflatten": ((1, (2, 4)), (2, 8)),
    "Linear": ((8, 3), (2, 8)),
    "Embedding": ((9, 3), (2, 8)),
    "LayerNorm": ((8,), (2, 8)),
    "GroupNorm": ((2, 4), (2, 4, 8)),
    "BatchNorm1d": ((8,), (2, 8)),
    "BatchNorm2d": ((3,), (2, 3, 8, 8)),
    **{f"Conv{n}d": ((3, 4, 3), (2, 3, *[8] * n)) for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": ((2,), (2, 3, *[8] * n)) for kind in ("Max", "Avg") for n in (1, 2)},
    **{f"Adaptive{kind}Pool2d": ((2,), (2, 3, 8, 8)) for kind in ("Max", "Avg")},
    **{f"{kind}oftmax": ((1,), (2, 8)) for kind in ("S", "LogS")},
}


@pytest.fixture(scope="module")
def tiny(sample) -> Data:
    """Return 33 training digits: 4 steps of 8 in an epoch, one left out."""
    train = Split(sample.train.images[:33], sample.train.labels[:33])
    return Data("tiny", "For tests.", train, train, torch.device("cpu"))


@pytest.fixture(params=ZOO)
def kind(request) -> str:
    return request.param


@pytest.fixture(params=RATES)
def optimizer(request) -> str:
    return request.param


@pytest.fixture(params=RATES if TIMES > 1 else ["either"])
def either_optimizer(request, kind) -> str:
    """Return one optimizer for each network, the next for the next; all of them if thorough."""
    names, turn = list(RATES), list(ZOO).index(kind)
    return request.param if request.param in RATES else names[turn % len(names)]


def new_run(tiny, kind, optimizer="momentum", *, seed=0, update=None) -> TrainingRun:
    rate = RATES[optimizer]
    settings = Hyperparameters(epochs=2, batch_size=8, optimizer=optimizer, learning_rate=rate)
    return TrainingRun(make_model(ZOO[kind], seed), tiny, settings, update=update)


def whole(tiny, kind, optimizer="momentum", **options) -> TrainingRun:
    run = new_run(tiny, kind, optimizer, **options)
    list(run)
    assert run.step_number == STEPS
    return run


def outcome(run: TrainingRun) -> dict:
    """Return all that a run is; the end of an epoch and the start of the next one are the same."""
    state = outcome_of(run)
    epoch, _, taken, _ = state["position"]
    if taken == 32:
        state["position"] = [epoch + 1, 0, 0, 0.0]
    return state


def random_states():
    with ThreadPoolExecutor(1) as other:
        assert other.submit(RANDOM_STATE.acquire, timeout=20).result(), "the lock was left behind"
        other.submit(RANDOM_STATE.release).result()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


def test_who_draws_is_known(tiny, kind):
    model = new_run(tiny, kind).model
    if kind == "late noise":
        model.calls = 4
    assert draws_at_random(model, tiny.train.images) == (kind in DRAWS)
    assert not (surely_draws_nothing(model) and kind in DRAWS)


@pytest.mark.parametrize("name", _LAYERS.split())
def test_layers_that_are_said_to_draw_nothing_do_not(name):
    arguments, shape = LAYERS.get(name, ((), (2, 8)))
    layer = getattr(nn, name)(*arguments)
    inputs = torch.ones(shape, dtype=torch.int64 if name == "Embedding" else None)
    assert surely_draws_nothing(layer)
    assert not draws_at_random(layer, inputs)


@pytest.mark.parametrize("first", [0, 1] if TIMES > 1 else [0])
def test_stopped_and_taken_up_it_is_equal(tiny, tmp_path, kind, optimizer, first):
    expected, run = whole(tiny, kind, optimizer), new_run(tiny, kind, optimizer)
    ways = itertools.islice(itertools.cycle([through_memory, through_a_file]), first, None)
    for stop, resume in zip((0, 1, 3, 4, 7, STEPS), ways, strict=False):
        for _ in range(stop - run.step_number):
            disturb()
            before = random_states()
            next(run)
            assert random_states() == before
        earlier, run = run, new_run(tiny, kind, optimizer, seed=1)
        resume(earlier, run, tmp_path)
    assert next(run, None) is None
    assert same(outcome(run), outcome(expected))


def test_scored_after_every_step_it_is_equal(tiny, kind, optimizer):
    expected, run = whole(tiny, kind, optimizer), new_run(tiny, kind, optimizer)
    before = random_states()
    while True:
        assert evaluate(run.model, tiny.test) == evaluate(run.model, tiny.test, chunk=33)
        if next(run, None) is None:
            break
    assert same(outcome(run), outcome(expected))
    assert random_states() == before


def test_its_scores_are_a_function_of_seed_and_step(tiny, kind):
    one, other = new_run(tiny, kind), new_run(tiny, kind)
    list(with_accuracy(one, tiny.test))
    for _ in with_accuracy(other, tiny.test):
        disturb()
    assert same(outcome(one), outcome(other))


@pytest.mark.parametrize("in_burst", [False, True])
def test_a_step_that_diverges_leaves_it_as_it_was(tiny, kind, either_optimizer, in_burst):
    expected, run = whole(tiny, kind, either_optimizer), new_run(tiny, kind, either_optimizer)
    usual = run.loss_function
    for step in range(STEPS):
        run.loss_function = lambda *batch: usual(*batch) * torch.nan
        before = outcome(run)
        with pytest.raises(Diverged, match=f"at step {step + 1} "):
            run.take(3) if in_burst else run.step()
        assert same(outcome(run), before)
        run.loss_function = usual
        next(run)
    assert same(outcome(run), outcome(expected))


def test_in_bursts_it_is_equal(tiny, kind, optimizer):
    expected, run = whole(tiny, kind, optimizer), new_run(tiny, kind, optimizer)
    for _ in range(4):
        run.take(3)  # 3, 1, 3, 1
    assert same(outcome(run), outcome(expected))


# ---- interrupted ----

OURS = str(Path(tutorial_lib.__file__).parent), str(Path(torch.optim.__file__).parent), "zoo.py"


class At:
    """Raises KeyboardInterrupt at a line of ours, of torch.optim or of the zoo, counted from 1."""

    def __init__(self, line: float) -> None:
        self.line, self.lines = line, 0

    def __enter__(self) -> "At":
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame, event, argument):
        name = frame.f_code.co_filename
        if not (name.startswith(OURS[:2]) or name.endswith(OURS[2])):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.line:
                raise KeyboardInterrupt
        return self._trace


def test_interrupted_at_any_line_a_step_is_whole_or_not_at_all(tiny, kind, either_optimizer):
    expected, run = whole(tiny, kind, either_optimizer), new_run(tiny, kind, either_optimizer)
    counting = new_run(tiny, kind, either_optimizer)
    draw = random.Random(0)
    for _ in range(STEPS):
        with At(float("inf")) as counted:
            next(counting)
        lines = range(1, counted.lines + 1)
        before, states = outcome(run), random_states()
        for line in lines if TIMES > 1 else draw.sample(lines, 4):
            try:
                with At(line):
                    next(run)
            except KeyboardInterrupt:
                pass
            assert random_states() == states
            if run.step_number != len(before["history"]["step"]):
                break  # it was whole
            assert same(outcome(run), before), f"line {line} of {counted.lines}"
        else:
            next(run)
        assert same(outcome(run), outcome(counting))
    assert same(outcome(run), outcome(expected))


@pytest.mark.parametrize("kind", ["LeNet", "batch normalisation", "extra state", "late noise"])
def test_ctrl_c_at_any_moment_costs_no_more_than_the_step(tiny, kind, optimizer):
    expected, run = whole(tiny, kind, optimizer), new_run(tiny, kind, optimizer)

    def interrupt(*_):
        raise KeyboardInterrupt

    usual, interrupts, draw = signal.signal(signal.SIGALRM, interrupt), 0, random.Random(0)
    try:
        while run.step_number < STEPS:
            steps = run.step_number
            try:
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-6, 4e-3))
                next(run)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupts += 1
            assert not is_held_here(RANDOM_STATE)
            assert run.step_number in (steps, steps + 1)
            if interrupts < 20 * TIMES and run.step_number == STEPS:
                run = new_run(tiny, kind, optimizer)  # once more
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    assert same(outcome(run), outcome(expected))


# ---- on several processes ----

SHARED = ["LeNet", "tied", "float64", "spectral norm"]  # no other can be trained share by share


def test_what_processes_would_train_otherwise_is_known(tiny, kind):
    run = new_run(tiny, kind)
    why = why_not_shared(run.model, tiny.train.images[:8])
    if kind in DRAWS - {"late noise"}:
        assert "draws at random" in why
    elif kind in SHARED:
        assert why == ""
    elif kind != "late noise":
        assert "depends on the batch as a whole" in why


def test_two_processes_train_the_others_as_one_does(warm_python):
    script = Path(__file__).with_name("zoo_on_ranks.py")
    options = "--standalone", "--nproc-per-node=2"
    with warm_python.torchrun(*options, script, *SHARED) as torchrun:
        out, error = torchrun.communicate()
    assert torchrun.returncode == 0, error
    differences = dict(line.split(":") for line in out.splitlines())
    assert list(differences) == SHARED
    assert all(float(difference) < 2e-6 for difference in differences.values()), differences
