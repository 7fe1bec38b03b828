"""Searches of a map: by made-up maps whose answers are worked out by hand."""

import itertools
import json
import math
import sys
from collections import Counter
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.labs.map import recorded
from tutorial_lib.labs.map import search as searches
from tutorial_lib.labs.map.grid import HyperparameterMap, MapCell
from tutorial_lib.labs.map.measure import blank_map, fill_map
from tutorial_lib.labs.map.recorded import SEARCHED, long_map, recording
from tutorial_lib.labs.map.search import (
    METHODS,
    REDUCTION,
    Try,
    best_of,
    latest,
    looked_up,
    methods_here,
    pairs_for,
    real,
    rungs_of,
    search,
    search_all,
    search_table,
    space_of,
)
from tutorial_lib.labs.map.tries import draw_searches, draw_tries, size_of
from tutorial_lib.playing import bundle

RATES = (0.1, 0.2, 0.4, 0.8)
SIZES = (8, 16, 32)
EPOCHS = 9
TRAINED = ["grid", "random", "halving"]


def made_up(curve=None, *, rates=RATES, sizes=SIZES, epochs=EPOCHS) -> HyperparameterMap:
    """Return a map; `curve(row, column)` gives the losses of a cell, short where it diverged.

    Where it is not said, the loss after epoch e is the cell's number + 1 / e: the first is best.
    """
    curve = curve or (lambda row, column: [row * len(sizes) + column + 1 / e for e in range(1, 10)])
    cells = {}
    for row, rate in enumerate(rates):
        for column, size in enumerate(sizes):
            losses = curve(row, column)
            state = "learned" if len(losses) == epochs else "diverged"
            loss = losses[-1] if state == "learned" else math.inf
            cells[rate, size] = MapCell(rate, size, state, loss, validation=tuple(losses))
    return HyperparameterMap(rates, sizes, cells, budget="epochs", amount=epochs)


def searched(method, the_map, budget, seed=0, *, reduction=3, **more):
    given = {"budget": budget, "seed": seed, "reduction": reduction}
    return list(search(method, the_map, **given, **more))


@pytest.mark.parametrize(
    ("epochs", "reduction", "rungs"),
    [
        (9, 3, [1, 3, 9]),
        (10, 3, [1, 3, 10]),
        (4, 2, [1, 2, 4]),
        (2, 3, [2]),
        (27, 3, [1, 3, 9, 27]),
    ],
)
def test_halving_looks_after_ever_longer_trainings(epochs, reduction, rungs):
    assert rungs_of(epochs, reduction) == rungs


def test_halving_begins_with_as_many_pairs_as_it_can_bring_to_the_end():
    # 13 for one epoch, 4 for two more, 1 for six more: 13 + 8 + 6 = 27
    assert pairs_for(27, [1, 3, 9], 3) == 13
    assert pairs_for(26, [1, 3, 9], 3) == 12
    assert pairs_for(9, [1, 3, 9], 3) == 1


def test_halving_halves_where_nothing_else_is_said():
    given = Counter(each.epochs for each in search("halving", made_up(), budget=25))
    assert given == {1: 11, 2: 5, 4: 2, 9: 1}  # 11 + 5 + 2 * 2 + 5 = 25 epochs


def test_halving_goes_on_with_the_third_that_is_ahead():
    tries = searched("halving", made_up(), 27)  # 13 pairs could begin; there are 12
    first = [each for each in tries if each.epochs == 1]
    assert len(first) == 12
    assert Counter(each.epochs for each in tries) == {1: 12, 3: 4, 9: 1}
    ahead = {each.number for each in sorted(first, key=lambda each: each.loss)[:4]}
    assert {each.number for each in tries if each.epochs == 3} == ahead
    assert best_of(tries).pair == (0.1, 8)
    assert tries[-1].spent == 12 + 4 * 2 + 6


def test_halving_loses_a_pair_that_is_slow_at_first():
    """One pair is last after an epoch, and best after nine."""
    the_map = made_up(lambda row, column: [9.0, *[0.1] * 8] if row == column == 0 else [2.0] * 9)
    assert the_map.best().pair == (0.1, 8)
    assert best_of(searched("halving", the_map, 27)).loss == 2.0
    assert best_of(searched("random", the_map, 12 * 9)).loss == 0.1


def test_a_grid_has_as_many_rates_as_sizes_a_whole_training_each():
    tries = searched("grid", made_up(), 9 * EPOCHS)
    assert (
        len({each.learning_rate for each in tries}) == len({each.batch_size for each in tries}) == 3
    )
    assert [each.epochs for each in tries] == [EPOCHS] * 9


def test_the_seed_shifts_a_grid_as_a_whole():
    wide = made_up(lambda row, column: [1.0] * 9, rates=tuple(0.01 * 2**n for n in range(10)))
    rates = [
        sorted({t.learning_rate for t in searched("grid", wide, 36, seed)}) for seed in range(9)
    ]
    assert len({tuple(each) for each in rates}) > 1
    for low, high in rates:
        assert high / low == pytest.approx(32)  # half of the ten


def test_a_random_rate_is_log_uniform_and_each_size_as_likely():
    """One cell of twelve at the first draw, from 1,200 seeds: 100 each, give or take 40."""
    first = Counter(searched("random", made_up(), 9, seed)[0].pair for seed in range(1200))
    assert len(first) == 12
    assert all(60 < count < 140 for count in first.values())


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("budget", [9, 20, 50, 500])
def test_no_search_spends_more_than_its_budget_or_tries_a_pair_twice(method, budget):
    tries = searched(method, made_up(), budget)
    last = latest(tries)
    assert sum(each.epochs for each in last) == tries[-1].spent <= budget
    assert len({each.pair for each in last}) == len(last)
    assert [each.number for each in last] == list(range(1, len(last) + 1))


@pytest.mark.parametrize("method", ["grid", "random"])
def test_no_training_is_begun_that_cannot_be_ended(method):
    tries = searched(method, made_up(), 2 * EPOCHS + 8)
    assert [each.epochs for each in tries] == [EPOCHS, EPOCHS]


def test_with_a_budget_for_all_random_search_tries_all_and_finds_the_best():
    tries = searched("random", made_up(), 12 * EPOCHS)
    assert len(tries) == 12
    assert best_of(tries).pair == made_up().best().pair


def test_what_diverges_costs_the_epochs_that_it_began():
    the_map = made_up(lambda row, column: [2.0] if row else [1.0] * 9)  # in the second epoch
    tries = searched("random", the_map, 12 * EPOCHS)
    assert {each.epochs for each in tries if each.learning_rate > 0.1} == {2}
    assert all(each.loss == math.inf for each in tries if each.epochs == 2)
    assert tries[-1].spent == 3 * 9 + 9 * 2


def test_where_all_diverge_nothing_is_found():
    the_map = made_up(lambda row, column: [])
    for found in search_all(the_map, budget=30, seeds=[0], methods=TRAINED):
        assert found.best is None
        assert found.spent <= 30


@pytest.mark.parametrize("method", TRAINED)
def test_the_same_seed_tries_the_same(method):
    assert searched(method, made_up(), 40, 3) == searched(method, made_up(), 40, 3)


def test_a_table_counts_over_the_seeds():
    given = {"budget": 27, "seeds": range(4), "reduction": 3}
    found = search_all(made_up(), **given, methods=["random", "halving"])
    random, halving = search_table(found).rows
    assert halving[:4] == ("successive halving", "12", "26", "0.111")  # 0 + 1/9
    assert halving[-2:] == ("0", "4 of 4")
    assert random[:3] == ("random", "3", "27")
    assert [each.misses for each in found if each.method == "halving"] == [0.0] * 4


def test_the_space_reaches_half_a_cell_beyond_the_map():
    low, high, sizes, epochs = space_of(made_up())
    assert (low, high) == pytest.approx((0.1 / math.sqrt(2), 0.8 * math.sqrt(2)))
    assert (sizes, epochs) == (SIZES, EPOCHS)


# ---- trained for real ----


@pytest.fixture(scope="module")
def small_map(few):
    settings = Hyperparameters(optimizer="sgd", seed=1)
    grid = {"learning_rates": (0.05, 0.2, 1e9), "batch_sizes": (16, 32), "amount": 3}
    the_map = blank_map(few, settings, **grid)
    for _ in fill_map(the_map, few):
        pass
    return the_map, real(few, settings.replace(epochs=3))


def test_what_is_looked_up_is_what_a_training_gives(small_map):
    the_map, train = small_map
    for pair in the_map.order():
        assert list(train(*pair)) == pytest.approx(list(looked_up(the_map, *pair)), rel=1e-4)


def test_a_search_that_trains_takes_the_rate_that_was_drawn(small_map):
    the_map, train = small_map
    tries = searched("halving", the_map, 12, reduction=2, train=train)
    assert not {each.learning_rate for each in tries} & {*the_map.learning_rates}
    assert tries[-1].spent <= 12
    best = best_of(tries)
    assert list(train(*best.pair))[-1] == best.loss  # it went on where it had stopped


# ---- on the picture, and recorded ----


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def marks_of(axes):
    return [line for line in axes.lines if line.get_marker() == "o"]


def test_marks_are_numbered_and_grow_with_the_epochs(axes):
    the_map = made_up()
    tries = [
        Try(1, 0.2, 16, 1, 5.0, 1, False),
        Try(2, 0.8, 8, 1, 1.0, 2, False),
        Try(2, 0.8, 8, 9, 0.5, 10, True),
    ]
    draw_tries(axes, the_map, tries)
    first, second = marks_of(axes)
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert (first.get_xdata()[0], first.get_ydata()[0]) == (1, 1)
    assert (second.get_xdata()[0], second.get_ydata()[0]) == (0, 3)
    assert (first.get_markersize(), second.get_markersize()) == (13, 24)
    assert first.get_markerfacecolor() == "white" != second.get_markerfacecolor()  # the best


def test_the_area_of_a_mark_grows_with_its_epochs():
    areas = [size_of(epochs, 9) ** 2 for epochs in range(1, 10)]
    assert [b - a for a, b in itertools.pairwise(areas)] == pytest.approx([(24**2 - 13**2) / 8] * 8)


def test_a_picture_has_a_map_for_each_search_and_says_what_was_found():
    the_map = made_up()
    figure = plt.figure(figsize=(9, 3))
    tries = {method: searched(method, the_map, 27) for method in TRAINED}
    draw_searches(figure, the_map, tries)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[-1] == "successive halving: 12 pairs, 26 epochs"
    assert "The best is number" in figure.axes[-1].get_label()
    assert [len(marks_of(axes)) for axes in figure.axes] == [3, 3, 12]
    plt.close(figure)


def test_what_is_recorded_for_a_page_is_what_was_searched(few):
    the_map = made_up(
        lambda row, column: [2.0] if row else [1.0 + column + 1 / e for e in range(1, 10)]
    )
    the_map.made_with = {"on": "2026-01-01", "torch": "2", "python": "3"}
    content = recording(few, {SEARCHED: the_map}, budget=27, seeds=[0, 5])
    json.dumps(content, allow_nan=False)
    for method, (_, of_five) in content["searches"]["tries"].items():
        tries = searched(method, the_map, 27, 5, reduction=REDUCTION)
        assert [number for number, *_ in of_five] == [each.number for each in tries]
        for each, (_, row, column, epochs, loss) in zip(tries, of_five, strict=True):
            assert (RATES[row], SIZES[column], epochs) == (*each.pair, each.epochs)
            assert loss is None if each.loss == math.inf else loss == pytest.approx(each.loss, 1e-4)


def test_the_map_that_is_searched_is_whole_and_has_every_loss():
    the_map = long_map()
    assert the_map.is_whole
    for cell in the_map.trained:
        assert len(cell.validation) == 9 or cell.state == "diverged"
        if cell.state != "diverged":
            assert cell.validation[-1] == pytest.approx(cell.validation_loss, rel=1e-4)


def test_the_command_writes_the_maps_that_travel_with_the_tutorial(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recorded, "PATH", tmp_path / "map.js")
    assert recorded.main(["--help"]) == 2
    assert not recorded.PATH.exists()
    assert recorded.main([]) == 0
    assert "searched by grid, random, halving" in capsys.readouterr().out
    for path in (recorded.PATH, bundle.path_of("recorded/map.js")):  # what pages play is the same
        *_, last = path.read_text(encoding="utf-8").splitlines()
        content = json.loads(last.partition(" = ")[2].removesuffix(";"))
        the_map = HyperparameterMap.from_json(json.dumps(content["maps"][SEARCHED]))
        assert [cell.validation for cell in the_map.trained] == [
            cell.validation for cell in long_map().trained
        ]
        rows = search_table(search_all(long_map(), budget=81, methods=TRAINED)).rows
        assert content["searches"]["rows"][:3] == [list(row) for row in rows]


# ---- Optuna ----


class FakeStudy:
    """What `_by_optuna` asks of a study: pairs are given, in turn, and one kind is pruned."""

    def __init__(self, pairs, *, pruned=()):
        self.pairs, self.pruned, self.told, self.reports = list(pairs), pruned, [], []

    def ask(self):
        rate, which = self.pairs.pop(0) if len(self.pairs) > 1 else self.pairs[0]
        reports = {}
        self.reports.append(reports)
        return SimpleNamespace(
            suggest_float=lambda name, low, high, log: rate,
            suggest_int=lambda name, low, high: which,
            report=lambda loss, epoch: reports.__setitem__(epoch, loss),
            should_prune=lambda: which in self.pruned and max(reports) >= 3,
        )

    def tell(self, trial, value=None, state="complete"):
        self.told.append((value, state))


@pytest.fixture
def fake(monkeypatch):
    """Return a function that puts a study in Optuna's place."""

    def put(study):
        module = SimpleNamespace(
            create_study=lambda **options: study,
            samplers=SimpleNamespace(TPESampler=lambda **options: None),
            pruners=SimpleNamespace(SuccessiveHalvingPruner=lambda **options: None),
            trial=SimpleNamespace(TrialState=SimpleNamespace(PRUNED="pruned")),
            logging=SimpleNamespace(
                WARNING=30, get_verbosity=lambda: 20, set_verbosity=lambda level: None
            ),
        )
        monkeypatch.setitem(sys.modules, "optuna", module)
        return study

    return put


def test_optuna_is_told_each_epoch_and_ends_what_it_prunes(fake):
    study = fake(FakeStudy([(0.1, 0), (0.21, 1)], pruned=[1]))
    tries = searched("optuna", made_up(), 12)
    assert [(each.pair, each.epochs) for each in tries] == [((0.1, 8), 9), ((0.2, 16), 3)]
    assert study.reports[0] == {epoch: pytest.approx(1 / epoch) for epoch in range(1, 10)}
    assert study.told == [(pytest.approx(1 / 9), "complete"), (None, "pruned")]


def test_a_pair_that_optuna_asks_for_again_goes_on_or_costs_nothing(fake):
    study = fake(FakeStudy([(0.1, 1), (0.1, 1), (0.1, 0)], pruned=[1]))
    tries = searched("optuna", made_up(), 12)
    assert [each.spent for each in tries] == [3, 12]  # the second asked for nothing new
    assert study.reports[0] == study.reports[1]


def test_a_budget_ends_a_try_of_optuna_half_way(fake):
    fake(FakeStudy([(0.1, 0), (0.2, 0)]))
    tries = searched("optuna", made_up(), 13)
    assert [(each.epochs, each.is_done) for each in tries] == [(9, True), (4, False)]
    assert best_of(tries).number == 1


def test_without_optuna_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert methods_here() == TRAINED
    with pytest.raises(ImportError, match=r"^this search needs Optuna.*pip install optuna$"):
        search("optuna", made_up(), budget=27)


def test_optuna_itself_searches_a_map():
    pytest.importorskip("optuna")
    tries = searched("optuna", made_up(), 40, seed=1)
    assert tries[-1].spent <= 40
    assert any(each.epochs < EPOCHS for each in tries[:-1])  # pruned
    assert best_of(tries) is not None


def test_all_methods_have_names():
    assert list(METHODS) == list(searches.NAMES)


# ---- what makes no sense ----


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"method": "hill"}, "method must be one of grid, random, halving, optuna; got 'hill'"),
        ({"budget": 8}, "budget must be a whole number, 9 or more epochs"),
        ({"seed": -1}, "seed must be"),
        ({"reduction": 1}, "reduction must be"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(wrong, words):
    given = {"method": "random", "budget": 27} | wrong
    with pytest.raises(ValueError, match=words):
        search(given.pop("method"), made_up(), **given)


def test_a_map_of_equal_steps_is_refused():
    the_map = HyperparameterMap(RATES, SIZES, budget="steps", amount=100)
    with pytest.raises(ValueError, match=r"one of equal epochs.*got one of 100 steps"):
        search("random", the_map, budget=27)


def test_a_cell_that_was_not_trained_is_named():
    the_map = HyperparameterMap(RATES, SIZES, budget="epochs", amount=9)
    with pytest.raises(ValueError, match="must have trained the cell of rate"):
        searched("random", the_map, 27)


def test_a_training_that_ends_too_early_is_no_divergence():
    tries = search("random", made_up(), budget=27, train=lambda rate, size: iter([1.0, 0.5]))
    with pytest.raises(ValueError, match=r"for each of 9 epochs.*it ended after 2"):
        list(tries)


def test_a_search_by_training_needs_held_out_examples(pictures):
    with pytest.raises(ValueError, match="needs held-out examples, and 'noise' has none"):
        real(pictures, Hyperparameters())
