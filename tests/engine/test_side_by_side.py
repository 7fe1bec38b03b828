"""Runs side by side are told as if they took turns here: the same bits, whatever befalls them."""

import inspect
import itertools
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import warnings
from functools import partial

import psutil
import pytest
import torch
from loky.backend import fork_exec
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, from_tensors
from tutorial_lib.engine import Session, pool
from tutorial_lib.engine.side_by_side import side_by_side
from tutorial_lib.hardware import usable_cores
from tutorial_lib.labs.batch_size.measure import race_batches
from tutorial_lib.labs.race.measure import race
from tutorial_lib.labs.slices.measure import LossPlane, measure_plane
from tutorial_lib.models import copy_of

pytestmark = pytest.mark.skipif(usable_cores() == 1, reason="one core goes through all by itself")
LENGTHS = (7, 0, 3, 12, 5)


@pytest.fixture(scope="module", autouse=True)
def no_process_stays_or_is_a_fork():
    pool.end()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_exec, "fork_exec", inspect.unwrap(fork_exec.fork_exec))
        yield
        pool.end()


def until(condition, seconds=20.0):
    """Wait until something is so; fail if it is not within these seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def numbers(first, count):
    return iter(range(first, first + count))


COUNTS = [partial(numbers, 100 * number, length) for number, length in enumerate(LENGTHS)]


def trained(model, data, settings):
    run = TrainingRun(copy_of(model), data, settings)
    run.use_threads(1)
    return ((record.step, record.loss) for record in run)


def in_processes(makers, **options):
    """Return what is told by processes; it is not told here."""
    told = side_by_side(makers, **options)
    items = [next(told)]
    assert told.at_once > 1
    return [*items, *told]


# ---- the same, in the same order ----


@pytest.mark.parametrize("turn", [None, 1, 5])
@pytest.mark.parametrize("seconds", [None, LENGTHS])
def test_the_order_is_that_of_taking_turns(turn, seconds):
    if seconds:
        pool.wait_until_warm(2)
    told = in_processes(COUNTS, turn=turn, seconds=seconds)
    assert told == list(side_by_side(COUNTS, turn=turn, here=True))
    assert sorted(item for _, item in told) == [item for make in COUNTS for item in make()]


def test_turns_by_hand():
    two = [partial(numbers, 0, 3), partial(numbers, 10, 2)]
    assert in_processes(two, turn=2) == [(0, 0), (0, 1), (1, 10), (1, 11), (0, 2)]


@pytest.mark.parametrize(
    "network",
    [
        LeNet5(seed=1),
        nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(1024, 10)),
        nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(10)),
    ],
    ids=["LeNet5", "dropout", "batch norm"],
)
def test_the_bits_are_those_of_a_run_alone(few, network):
    settings = [Hyperparameters(epochs=2, batch_size=10, seed=seed) for seed in range(3)]
    makers = [partial(trained, network, few, one) for one in settings]
    told = in_processes(makers, turn=5)
    for number, make in enumerate(makers):
        assert [item for which, item in told if which == number] == list(make())


def test_a_table_is_learned_with_the_same_bits():
    inputs = torch.randn(200, 7, generator=torch.Generator().manual_seed(0))
    data = from_tensors((inputs, inputs[:, :2].clone()), device="cpu")
    settings = Hyperparameters(epochs=3, batch_size=10, optimizer="adam", loss="mse")
    makers = [partial(trained, nn.Linear(7, 2), data, settings.replace(seed=s)) for s in (0, 1)]
    assert in_processes(makers, turn=5) == list(side_by_side(makers, turn=5, here=True))


def test_weights_that_share_memory_still_do(few):
    net = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    net.register_buffer("view", net[1].weight.detach()[0])  # sees each step
    makers = [partial(first_weight, net)] * 2
    assert in_processes(makers) == [(0, 5.0), (1, 5.0)]


def first_weight(net):
    with torch.no_grad():
        net[1].weight.fill_(5.0)
    yield net.view[3].item()


def without_seconds(record):
    names = ("seconds", "at_once", "event")
    facts = {name: getattr(record, name) for name in record.__dataclass_fields__}
    event = [without_seconds(facts["event"])] if "event" in facts else []
    return [*event, {name: value for name, value in facts.items() if name not in names}]


def test_labs_measure_the_same_on_processes_as_here(few, monkeypatch):
    short = Hyperparameters(epochs=2, batch_size=10)
    runners = {"slow": short, "fast": short.replace(learning_rate=0.1)}
    rates = {"learning_rate": 0.02, "adaptive_rate": 0.05, "momentum": 0.8}
    labs = [
        lambda: race(few, runners, seeds=2, scores_an_epoch=2),
        lambda: race_batches(few, sizes=(5, 20)),
        lambda: measure_plane(LossPlane(LeNet5(seed=0), few.test), size=5, num_steps=3, **rates),
    ]
    pool.wait_until_warm(2)
    there = [list(lab()) for lab in labs]
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    for told, lab in zip(there, labs, strict=True):
        here = list(lab())
        assert [*map(without_seconds, told)] == [*map(without_seconds, here)]
        assert getattr(told[0], "at_once", 2) > getattr(here[0], "at_once", 1)


# ---- an end before the end ----


def waits_for(path):
    yield 0
    until(path.exists)
    yield 1


def test_to_close_takes_no_time_while_steps_are_long(tmp_path):
    seconds = []
    for number in range(5):
        told = side_by_side([partial(waits_for, tmp_path / f"{number}")] * 2)
        next(told)
        start = time.perf_counter()
        told.close()
        seconds.append(time.perf_counter() - start)
        (tmp_path / f"{number}").touch()
    assert statistics.median(seconds) < 0.1
    assert in_processes(COUNTS) == list(side_by_side(COUNTS, here=True))  # they are free again


def test_a_session_that_waits_for_an_item_hears_stop(tmp_path):
    session = Session(side_by_side([partial(waits_for, tmp_path / "go")] * 2)).start()
    until(session.records)
    start = time.perf_counter()
    session.stop()
    assert session.join(5.0) == "stopped"
    assert time.perf_counter() - start < 0.1
    assert len(session.records()) == 1
    (tmp_path / "go").touch()


def steps_noted(path):
    for step in itertools.count():
        time.sleep(0.005)  # what a step takes
        with path.open("ab") as file:
            file.write(b".")
        yield step


def test_where_nobody_asks_nothing_goes_on(tmp_path):
    paths = [tmp_path / "0", tmp_path / "1"]
    told = side_by_side([partial(steps_noted, path) for path in paths], turn=1)
    assert [item for _, item in itertools.islice(told, 6)] == [0, 0, 1, 1, 2, 2]
    sizes = [None]

    def stands_still():
        sizes.append(paths[0].stat().st_size)
        time.sleep(0.2)
        return sizes[-1] == sizes[-2]

    until(stands_still, seconds=5.0)  # long before the line is full
    for _ in range(2 * sizes[-1]):
        next(told)
    until(lambda: paths[0].stat().st_size > sizes[-1])
    told.close()


# ---- what cannot go, or need not ----


def holds(lock):
    yield from (1, 2)


@pytest.mark.parametrize("held", [threading.Lock(), (n for n in range(3))], ids=type)
def test_what_cannot_be_sent_goes_on_here(held):
    told = side_by_side([partial(holds, held)] * 2, turn=1)
    assert (next(told), told.at_once) == ((0, 1), 1)
    assert list(told) == [(1, 1), (0, 2), (1, 2)]


def test_one_core_goes_through_all_here(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    told = side_by_side(COUNTS, turn=5)
    assert next(told) == (0, 0)
    assert told.at_once == 1


def nested():
    told = side_by_side(COUNTS, turn=1)
    yield [item for _, item in told], told.at_once


def test_within_a_process_all_go_there():
    items, at_once = dict(in_processes([nested] * 2))[0]
    assert at_once == 1
    assert items == [item for _, item in side_by_side(COUNTS, turn=1, here=True)]


# ---- what they raise, and what they write ----


def test_an_exception_is_raised_in_its_turn():
    class Mine(ValueError):
        pass

    def fails():
        yield 0
        raise Mine("no more")

    told, items = side_by_side([fails, partial(numbers, 10, 5)], turn=2), []
    with pytest.raises(Mine, match="no more") as caught:
        items.extend(told)
    assert (told.at_once == 2 and items == []) or items == [(0, 0)]
    assert "in fails" in caught.value.__notes__[0]


def chatters(name):
    for number in range(2):
        print(f"{name}{number}")
        yield number
    print("end", file=sys.stderr)


def test_what_they_write_is_written_here_in_its_turn(capsys):
    in_processes([partial(chatters, "a"), partial(chatters, "b")], turn=1)
    assert capsys.readouterr() == ("a0\nb0\na1\nb1\n", "end\nend\n")


def test_a_child_of_a_fork_goes_on_by_itself_and_takes_nothing_from_its_parent():
    many = [partial(numbers, 0, 9_000)] * 2  # more than come at once
    told = side_by_side(many, turn=1)
    first = [next(told) for _ in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os._exit(sum(1 for _ in told) == 17_996)
    expected = list(side_by_side(many, turn=1, here=True))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert [*first, *told] == expected


# ---- processes that end ----


def processes():
    return [
        each for each in psutil.Process().children() if "popen_loky" in " ".join(each.cmdline())
    ]


def test_a_killed_process_changes_nothing(few):
    settings = Hyperparameters(epochs=20, batch_size=10)
    makers = [partial(trained, LeNet5(seed=0), few, settings.replace(seed=s)) for s in range(3)]
    told = side_by_side(makers, turn=5)
    items = list(itertools.islice(told, 20))
    processes()[0].send_signal(signal.SIGKILL)
    items += told
    assert told.at_once == 2  # on new ones
    assert items == list(side_by_side(makers, turn=5, here=True))


def kills_itself():
    yield 0
    if pool.is_worker:
        os.kill(os.getpid(), signal.SIGKILL)
    yield 1


def test_what_kills_its_process_each_time_goes_on_here():
    told = side_by_side([kills_itself] * 2, turn=1)
    assert list(told) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert told.at_once == 1


def test_what_is_over_soon_starts_no_processes():
    pool.end()
    told = side_by_side(COUNTS, seconds=[0.1] * 5)
    next(told)
    assert (told.at_once, pool.is_warm(2)) == (1, False)


SCRIPT = """
import itertools, sys, time
import torch
import my_nets
from torch import nn
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs.race.measure import race

class Mine(my_nets.Base):
    def forward(self, images):
        return self.layer(images.flatten(1))

data = load_digits("sample", device="cpu")
runners = {name: Hyperparameters(epochs=99, optimizer=name) for name in ("sgd", "adam")}
records = race(data, runners, new_model=Mine)
first = list(itertools.islice(records, 40))
print(first[0].at_once, first[-1].event.loss, flush=True)
"""
LONG_STEPS = """
from tutorial_lib.engine.side_by_side import side_by_side

def long_steps():
    yield 0
    time.sleep(99)

records.close()
for _ in side_by_side([long_steps] * 2, turn=1): print("one", flush=True)
"""
MY_NETS = """
from torch import nn

class Base(nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        self.layer = nn.Linear(1024, 10)
"""


@pytest.fixture
def script(tmp_path, warm_python):
    """Return a function that starts a script that races, with lines of its own at the end."""
    (tmp_path / "my_nets.py").write_text(MY_NETS)

    def start(lines):
        (tmp_path / "script.py").write_text(SCRIPT + lines)
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        command = [sys.executable, "script.py"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return warm_python.popen(command, cwd=tmp_path, env=environment, **pipes)

    return start


def test_a_network_of_a_script_goes_along_and_processes_end_with_the_script(script):
    with script("") as done:
        out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    assert out.split()[0] == "2"


def test_no_process_outlives_a_killed_parent(script, tmp_path):
    with script(LONG_STEPS) as parent:
        parent.stdout.readline()
        parent.stdout.readline()
        theirs = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(theirs) >= 2
    assert psutil.wait_procs(theirs, timeout=10)[1] == []
