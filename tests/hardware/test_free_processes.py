"""The number of threads in real processes, where nobody has fixed it, or somebody has."""

import json
import os
import sys

import pytest
from free_threads import told_by

from tutorial_lib.hardware import usable_cores

ONE_CORE = ("taskset", "-c", str(min(os.sched_getaffinity(0)))) if sys.platform == "linux" else ()
linux_only = pytest.mark.skipif(not ONE_CORE, reason="taskset and fork are Linux's")

BITS = """
def bits_of(run, count):
    before = losses(run, count)
    return before, sum(weights.double().sum().item() for weights in run.model.parameters())
"""
FIRST = (
    BITS
    + """
runs = [new_run(LeNet5(), batch_size=32) for _ in range(2)]
bits = [bits_of(run, 3) for run in runs]
kept = new_run(threads=2)
losses(kept, 2)
checkpoint.save(kept, "two.run")
made = {"two": bits_of(kept, 2), "threads": [run.threads for run in runs], "bits": bits}
checkpoint.save(new_run(), "none.run")
print(json.dumps(made | {"why": runs[0].why_threads, "file": open("threads.json").read()}))
"""
)
AGAIN = (
    BITS
    + """
run = new_run(LeNet5(), batch_size=32)
again = {"bits": bits_of(run, 3), "threads": run.threads, "why": run.why_threads}
told = {"again": again}
"""
)
# A child has none of the threads that its parent computed with: to wait for them is to hang.
FORKED = """
run = new_run(threads=2)
losses(run, 2)
score = evaluate(run.model, data.test).loss
child = os.fork()
if child == 0:
    begun = losses(run, 1)
    made = new_run(LeNet5(), batch_size=32)
    losses(made, 1)
    model = LeNet5()
    nn.functional.cross_entropy(model(data.train.images[:64]), data.train.labels[:64]).backward()
    session = Session(itertools.islice(background := new_run(threads=2), 1))
    session.start()
    theirs = {"score": evaluate(run.model, data.test).loss, "ended": session.wait()}
    theirs |= {"begun": begun, "counts": sorted(run.thread_counts), "why": made.why_threads}
    theirs |= {"threads": [run.threads, made.threads, torch.get_num_threads()]}
    theirs |= {"background": sorted(background.thread_counts)}
    open("child.json", "w").write(json.dumps(theirs))
    os._exit(0)
status = os.waitpid(child, 0)[1]
told["forked"] = [status, losses(run, 1), json.load(open("child.json"))]
"""
RESTORED = (
    BITS
    + """
told = {}
for name in ("none", "two"):
    run = new_run()
    notice = checkpoint.restore(run, name + ".run").notice
    told[name] = [run.threads, notice, run.why_threads]
    if name == "two":
        told["bits"] = bits_of(run, 2)
own = new_run(LeNet5())
own.settle_threads()
print(json.dumps(told | {"own": [own.threads, own.why_threads, torch.get_num_threads()]}))
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("free")


@pytest.fixture(scope="module")
def first(folder):
    """Return what a first process tells, which leaves numbers and runs in the folder."""
    return told_by(FIRST, folder)


@pytest.fixture(scope="module")
def second(first, folder):
    """Return what a second process tells: of the same run again, and of a child of a fork."""
    return told_by(f"{AGAIN}{FORKED if ONE_CORE else ''}\nprint(json.dumps(told))", folder)


def test_a_run_has_a_measured_number_which_is_kept(first):
    assert 1 <= first["threads"][0] <= usable_cores()
    assert first["why"].startswith("measured: a step takes ")
    (kept,) = [count for name, count in json.loads(first["file"])["threads"].items()
               if name.startswith("LeNet5 ")]  # fmt: skip
    assert kept == first["threads"][0]


def test_the_same_run_again_has_the_same_bits(first):
    assert first["threads"][0] == first["threads"][1]
    assert first["bits"][0] == first["bits"][1]


def test_the_same_run_in_a_new_process_has_the_same_bits_or_says_why_not(first, second):
    again = second["again"]
    if again["threads"] == first["threads"][0]:
        assert again["bits"] == first["bits"][0]
    else:  # the machine has become busy, or quiet
        assert f"until now it was {first['threads'][0]}, so last digits may differ" in again["why"]


@linux_only
def test_where_one_core_may_be_used_a_restored_run_goes_on_with_two_threads(first, folder):
    told = told_by(RESTORED, folder, prefix=ONE_CORE)
    why = "as the run began, though 1 core may be used here, on which they are slow"
    assert told["two"] == [2, "", why]
    assert told["bits"] == first["two"]
    assert told["none"] == [None, "", ""]
    assert told["own"] == [1, "there is one core", 1]


def test_the_variable_wins_over_a_restored_number_and_that_is_said(first, folder):
    told = told_by(RESTORED, folder, OMP_NUM_THREADS="1")
    notice = "It was saved with threads 2, now 1: the last digits may differ from here on."
    why = "as the user has fixed it, not 2 as before: last digits may differ"
    assert told["two"] == [1, notice, why]
    assert told["own"] == [1, "as OMP_NUM_THREADS says", 1]


def test_a_number_that_was_set_before_the_import_wins(folder):
    begin = "import json, torch; torch.set_num_threads(3)\n"
    code = (
        "from tutorial_lib.hardware import use_usual_threads as use, usable_cores\n"
        "choice = use()\n"
        "print(json.dumps([choice.count, choice.why, torch.get_num_threads(), usable_cores()]))"
    )
    told = told_by(code, folder, begin=begin, LOKY_MAX_CPU_COUNT="1")
    assert told == [3, "as torch.set_num_threads was told", 3, 1]


@linux_only
def test_a_child_of_a_fork_trains_alone_and_says_so(second):
    status, theirs, told = second["forked"]
    assert (status, told["ended"]) == (0, "finished")
    assert told["begun"] == pytest.approx(theirs, rel=1e-5)
    assert told["counts"] == [1, 2]
    assert told["threads"] == [2, 1, 1]
    assert told["why"] == "in a child of a fork"
    assert told["background"] == [2]  # its thread is a new one
