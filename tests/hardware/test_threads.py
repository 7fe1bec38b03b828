"""The number of threads is what is measured to be fastest, kept while that is so, or the user's.

Machines of 2 to 64 cores are simulated: what a step costs is told, and the choice is the real one.
"""

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from free_threads import SimulatedMachine, nothing_fixed
from hypothesis import example, given
from hypothesis import strategies as st

from tutorial_lib import load_digits
from tutorial_lib.hardware import (
    choose_threads,
    fixed_threads,
    is_in_force,
    threads,
    usable_cores,
    use_threads,
)
from tutorial_lib.hardware.kept_threads import keep_threads, kept_threads
from tutorial_lib.hardware.threads import fastest_count

CORES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 64]


def costs(serial, shared, wait, *, cores=64, busy=0):
    """Return what a step costs, in ms: a part that is shared, and waiting that grows with threads.

    Args:
        busy: How many cores a neighbour keeps busy; who needs one of them waits for it.
    """

    def cost(count):
        alone = serial + shared / count + wait * (count - 1)
        return alone * (2.5 if count > max(1, cores - busy) else 1.0)

    return cost


LENET = costs(0.5, 1.1, 0.05)  # 1.6 ms with one thread
LARGE = costs(2.0, 400.0, 0.05)
a_cost = st.builds(costs, *[st.floats(0.001, 10.0), st.floats(0.0, 1000.0), st.floats(0.0, 1.0)])
some_cores = st.sampled_from(CORES)


@pytest.fixture
def free(monkeypatch, tmp_path):
    with nothing_fixed(monkeypatch, tmp_path):
        yield


@pytest.fixture
def machine(free, monkeypatch):
    """Return a maker of machines whose clock this process has."""

    def make(cost):
        simulated = SimulatedMachine(lambda count: cost(count) / 1000)
        monkeypatch.setattr(threads, "time", simulated)
        return simulated

    return make


# ---- which number is the fastest ----


@pytest.mark.parametrize(
    ("cost", "cores", "best"),
    [
        (LENET, 1, 1), (LENET, 2, 2), (LENET, 8, 4), (LENET, 16, 4), (LENET, 64, 4),
        (LARGE, 2, 2), (LARGE, 3, 3), (LARGE, 6, 6), (LARGE, 12, 12), (LARGE, 16, 16),
        (costs(2.0, 400.0, 0.3), 64, 32),
        (costs(0.5, 0.1, 0.1), 16, 1),
        (costs(2.0, 400.0, 0.05, cores=2, busy=1), 2, 1),
        (costs(2.0, 400.0, 0.05, cores=16, busy=1), 16, 8),
        (costs(2.0, 400.0, 0.05, cores=16, busy=9), 16, 4),
    ],
)  # fmt: skip
def test_a_step_gets_as_many_threads_as_gain(cost, cores, best):
    assert fastest_count(cost, cores)[0] == best


@given(a_cost, some_cores)
def test_the_number_is_a_doubled_one_or_all_cores_and_each_doubling_gains(cost, cores):
    count, seconds = fastest_count(cost, cores)
    tried = sorted(seconds)
    assert set(tried) <= {1, 2, 4, 8, 16, 32, 64, cores}
    assert max(tried) <= cores
    assert all(cost(more) <= 0.95 * cost(less) for less, more in itertools.pairwise(tried[:-1]))
    assert seconds[count] <= min(seconds.values()) / 0.95


def test_a_stall_in_one_measurement_costs_no_kept_number():
    stalls = iter([0.0, 50.0])  # within the first one of two threads
    seconds_of = lambda count: LENET(count) + (next(stalls, 0.0) if count < 3 else 0.0)  # noqa: E731
    assert fastest_count(seconds_of, 2, kept=2)[0] == 2
    assert next(stalls, None) is None


@given(a_cost, some_cores, st.randoms(use_true_random=False))
@example(LENET, 16, random.Random(0))
def test_noise_of_a_tenth_changes_no_kept_number(cost, cores, draw):
    kept, seconds = fastest_count(cost, cores)
    if any(cost(count) < 0.97 * cost(kept) for count in seconds):
        return  # there is a better one
    noisy = lambda count: cost(count) * draw.uniform(0.95, 1.05)  # noqa: E731
    assert fastest_count(noisy, cores, kept=kept)[0] == kept


@pytest.mark.parametrize(
    ("two", "kept", "best"),
    [(0.94, None, 2), (0.96, None, 1), (0.91, 1, 1), (0.89, 1, 2), (1.1, 2, 2), (1.12, 2, 1)],
)
def test_a_kept_number_gives_way_only_to_one_that_is_clearly_faster(two, kept, best):
    assert fastest_count({1: 1.0, 2: two}.get, 2, kept=kept)[0] == best


@pytest.mark.parametrize(("busy", "kept", "best"), [(1, 2, 1), (0, 1, 2)])
def test_a_machine_that_became_busy_or_quiet_gets_another_number(busy, kept, best):
    assert fastest_count(costs(0.5, 1.1, 0.05, cores=2, busy=busy), 2, kept=kept)[0] == best


def test_a_kept_number_that_is_no_power_of_two_is_measured_too():
    count, seconds = fastest_count(costs(2.0, 400.0, 0.05, cores=12, busy=6), 12, kept=6)
    assert count == 6
    assert set(seconds) == {1, 2, 4, 8, 6}


def test_a_kept_number_larger_than_the_cores_is_none():
    assert fastest_count(LARGE, 4, kept=16) == (4, {1: LARGE(1), 2: LARGE(2), 4: LARGE(4)})


# ---- measured, for twenty seconds ----


def test_what_is_chosen_is_the_fastest_and_torch_has_it(machine):
    choice = choose_threads("steps", machine(LENET).step, cores=16)
    assert choice.count == 4 == torch.get_num_threads() == kept_threads("steps")
    assert choice.why.startswith("measured: a step takes 1.6 ms with 1, 1.1 ms with 2, 0.925 ms")


def test_the_figure_is_a_mean_that_a_stall_spoils(machine):
    pairs = itertools.count(1)  # every twentieth step on two threads stalls: the median sees none
    simulated = machine(lambda n: 1.0 if n == 1 else 0.6 + 20 * (next(pairs) % 20 == 0))
    assert choose_threads("steps", simulated.step, cores=2).count == 1


def test_within_twenty_seconds_nothing_is_measured_again(machine):
    simulated = machine(LENET)
    first = choose_threads("steps", simulated.step, cores=16)
    taken, simulated.now = simulated.num_steps, simulated.now + 19.0
    use_threads(1)
    assert choose_threads("steps", simulated.step, cores=16) == first
    assert simulated.num_steps == taken
    assert torch.get_num_threads() == 4
    simulated.now += 2.0
    choose_threads("steps", simulated.step, cores=16)
    assert simulated.num_steps > taken


def test_a_number_that_is_given_up_is_said_and_another_is_kept(machine):
    keep_threads("steps", 2)
    busy = machine(costs(0.5, 1.1, 0.05, cores=2, busy=1))
    choice = choose_threads("steps", busy.step, cores=2)
    assert "until now it was 2, so last digits may differ from earlier runs" in choice.why
    assert choice.count == 1 == kept_threads("steps")


def test_long_steps_are_taken_once_with_each_number(machine):
    simulated = machine(lambda count: 4000.0 / count)
    assert choose_threads("steps", simulated.step, cores=4).count == 4
    assert simulated.num_steps == 1 + 3


def test_who_loads_data_computes_by_hand_with_the_number_of_a_lenet(free):
    load_digits("sample", "cpu")
    assert torch.get_num_threads() == threads._known[threads.USUAL][0].count


def test_one_core_needs_no_measurement(machine):
    simulated = machine(LENET)
    assert choose_threads("steps", simulated.step, cores=1).count == 1
    assert simulated.num_steps == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("fatal", [1, 2, 30])
def test_a_step_that_ends_in_an_exception_leaves_the_number_as_it_was(machine, error, fatal):
    simulated = machine(LENET)

    def step():
        simulated.step()
        if simulated.num_steps == fatal:
            raise error

    use_threads(3)
    with pytest.raises(error):
        choose_threads("steps", step, cores=16)
    assert torch.get_num_threads() == 3
    assert kept_threads("steps") is None


def test_cores_are_those_of_the_quota(free, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # joblib takes a cgroup's quota the same way
    assert usable_cores() == 1


# ---- the user's number ----


def no_step():
    raise AssertionError("what is fixed is not measured")


@pytest.mark.parametrize("count", [2, 5])
def test_a_number_set_by_hand_wins(free, count):
    torch.set_num_threads(count)
    choice = choose_threads("steps", no_step, cores=16)
    assert choice == threads.ThreadChoice(count, "as torch.set_num_threads was told")
    assert fixed_threads() == count == torch.get_num_threads()


def test_the_variable_wins(free, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert choose_threads("steps", no_step).why == "as OMP_NUM_THREADS says"


def test_the_variable_wins_in_a_thread_that_had_another_number(free, monkeypatch):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fixed_threads).result() is None
        pool.submit(use_threads, 3).result()
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads._by_variable))
        assert pool.submit(fixed_threads).result() == threads._by_variable


def test_a_number_set_by_hand_wins_in_threads_that_begin_later(free):
    torch.set_num_threads(5)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fixed_threads).result() == 5


def test_our_own_number_is_no_users_in_any_thread(free):
    began, go_on = threading.Event(), threading.Event()

    def begin_early():
        torch.get_num_threads()  # this thread keeps what it was then
        began.set()
        assert go_on.wait(60)
        return fixed_threads()

    use_threads(5)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(begin_early)
        assert began.wait(60)
        use_threads(3)
        go_on.set()
        assert told.result() is None
        assert fixed_threads() is None


def test_a_number_told_by_hand_is_fixed_even_if_it_is_in_force(free):
    use_threads(2)
    torch.set_num_threads(2)
    assert fixed_threads() == 2
    assert choose_threads("steps", None).why == "as torch.set_num_threads was told"


def test_a_number_told_in_any_thread_holds_for_runs_that_go_on_in_others(free):
    use_threads(1)
    told = threading.Thread(target=torch.set_num_threads, args=(1,))
    told.start()
    told.join()
    assert fixed_threads() == 1
    assert not is_in_force(1)


def test_the_other_variable_that_fixes_the_number_is_named(free, monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", str(torch.get_num_threads()))
    assert choose_threads("steps", None).why == "as MKL_NUM_THREADS says"
