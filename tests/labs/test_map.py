"""The map of learning rate and batch size: its cells against runs alone, its rules by hand."""

import json
import math
import sys
import time

import pytest
import torch
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, evaluate
from tutorial_lib.engine import Session
from tutorial_lib.labs.map.grid import STATES, HyperparameterMap, MapCell
from tutorial_lib.labs.map.measure import blank_map, fill_map, measure_map, settings_of, state_of

RATES, SIZES = (0.05, 0.1, 0.2), (8, 16, 32)
SGD = Hyperparameters(optimizer="sgd")
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from labs.test_map import of_wine, wine_data
for number, cell in enumerate(of_wine(wine_data(), save_to=sys.argv[2]), 1):
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))


def wine_data():
    from labs.conftest import wine

    return wine.__wrapped__() if hasattr(wine, "__wrapped__") else wine._get_wrapped_function()()


def of_wine(wine, **options):
    given = {"learning_rates": RATES, "batch_sizes": SIZES, "new_model": network}
    return measure_map(wine, SGD, **given | options)


def made_up(losses: dict[tuple[float, int], float], **options) -> HyperparameterMap:
    """Return a map with these losses: what is infinite has diverged, what is above 1 is slow."""
    rates, sizes = (sorted({pair[place] for pair in losses}) for place in (0, 1))
    cells = {}
    for pair, loss in losses.items():
        state = "diverged" if loss == math.inf else "learned" if loss <= 1 else "slow"
        accuracy = math.nan if loss == math.inf else 0.5
        cells[pair] = MapCell(*pair, state, loss, accuracy, seconds=1.0, steps=9, epochs=2.0)
    return HyperparameterMap(rates, sizes, cells, **options)


def known() -> HyperparameterMap:
    """Return a map whose ridge is 0.05 at 8, 0.1 at 32 and 0.2 at 128; at 512 none learns."""
    losses = {(rate, size): 0.5 for rate in (0.025, 0.05, 0.1, 0.2, 0.4) for size in (8, 32, 128)}
    losses |= {(rate, 512): 2.0 for rate in (0.025, 0.05, 0.1, 0.2, 0.4)}
    losses |= {(0.05, 8): 0.2, (0.1, 32): 0.1, (0.2, 128): 0.3, (0.4, 8): math.inf}
    return made_up(losses)


# ---- the order, the ridge and the rules ----


def test_cells_come_from_coarse_to_fine_and_none_twice():
    the_map = HyperparameterMap([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    order = the_map.order()
    assert set(order[:4]) == {(1, 1), (5, 1), (1, 5), (5, 5)}
    assert set(order[:9]) == {(rate, size) for rate in (1, 3, 5) for size in (1, 3, 5)}
    assert len(set(order)) == len(order) == 25


def test_the_ridge_is_the_best_rate_where_any_has_learned():
    ridge = known().ridge()
    assert {size: cell.learning_rate for size, cell in ridge.items()} == {
        8: 0.05,
        32: 0.1,
        128: 0.2,
    }
    assert known().best().pair == (0.1, 32)


def test_what_the_rules_miss_by_hand():
    the_map = known()
    linear = {row.batch_size: row for row in the_map.scaled("linear")}
    root = {row.batch_size: row for row in the_map.scaled("square root")}
    assert linear[8].learning_rate == pytest.approx(0.025)
    assert linear[8].misses == pytest.approx(0.5 - 0.2)
    assert linear[8].factor == pytest.approx(0.5)
    assert linear[128].learning_rate == pytest.approx(0.4)
    assert linear[128].misses == pytest.approx(0.5 - 0.3)
    assert root[8].learning_rate == pytest.approx(0.05)
    assert [row.misses for row in root.values()] == [0, 0, 0]


def test_a_rule_that_leaves_the_map_is_not_held_against_its_edge():
    losses = {(0.1, 32): 0.1, (0.2, 32): 0.2, (0.1, 512): 0.4, (0.2, 512): 0.3}
    assert [row.batch_size for row in made_up(losses).scaled("linear")] == [32]


def test_without_a_best_rate_at_32_there_is_no_rule():
    the_map = made_up({(0.1, 32): 2.0, (0.1, 64): 0.1})
    assert the_map.scaled("linear") == []
    assert the_map.scaled_rate("linear", 64) is None


# ---- what became of a cell ----


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("diverged", {"diverged": True}),
        ("diverged", {"loss": math.nan}),
        ("dead", {"spread": 0.0, "loss": 2.31}),
        ("learned", {"loss": 1.1, "losses": [2.3, 3.0, 1.1]}),
        ("slow", {"loss": 2.2, "losses": [2.3, 2.25, 2.22, 2.2]}),
        ("slow", {"loss": 2.2, "losses": [2.3, 2.25, 2.3, 2.2]}),  # within a twentieth
        ("unsteady", {"loss": 2.33}),  # above where it began
        ("slow", {"loss": 2.31}),
        ("slow", {"loss": 2.2, "losses": [2.3, 2.0, 2.4, 2.1, 2.5, 2.2]}),  # batches differ so much
        ("unsteady", {"loss": 2.2, "losses": [*[2.3] * 9, *[2.0] * 9, *[2.2] * 9]}),
        ("unsteady", {"loss": 2.2, "losses": [*[2.3] * 9, 9.0, *[2.2] * 9]}),
        ("unsteady", {"loss": 2.2, "losses": [*[2.3] * 9, *[2.0] * 9]}),  # by the last step
    ],
)
def test_the_rule_for_states_by_hand(state, what):
    usual = {"diverged": False, "start_loss": 2.3, "loss": 2.2, "spread": 0.1, "losses": [2.3]}
    assert state_of(**usual | {"start_spread": 0.1} | what) == state


def test_real_cells_in_each_state(wine):
    rates = {1e-5: "slow", 0.1: "learned", 1e6: "diverged"}
    cells = of_wine(wine, learning_rates=list(rates), batch_sizes=[8, 32], amount=10)
    assert {cell.pair: cell.state for cell in cells} == {
        (rate, size): state for rate, state in rates.items() for size in (8, 32)
    }


def test_a_network_whose_hidden_units_are_off_is_dead(wine):
    def off() -> nn.Module:
        made = network()
        with torch.no_grad():
            made[0].bias -= 1e-3 if is_awake else 1e6
        return made

    found = {}
    for is_awake in (True, False):
        looks = {"learning_rates": [0.1], "batch_sizes": [8], "new_model": off}
        (cell,) = of_wine(wine, amount=3, **looks)
        found[is_awake] = cell.state
    assert found == {True: "learned", False: "dead"}


# ---- a cell is a run ----


def test_a_cell_is_bit_for_bit_what_its_run_does_alone(few):
    settings = SGD.replace(learning_rate=0.1, batch_size=16, epochs=3, seed=3)
    cells = measure_map(few, SGD.replace(seed=3), learning_rates=RATES, batch_sizes=SIZES, amount=3)
    cell = next(cell for cell in cells if cell.pair == (0.1, 16))
    run = TrainingRun(LeNet5(seed=3), few, settings)
    run.use_threads(1)
    records = list(run)
    assert cell.validation_loss == evaluate(run.model, few.held_out).loss
    assert cell.accuracy == evaluate(run.model, few.held_out).accuracy
    assert (cell.steps, cell.epochs) == (len(records), 3 * 96 / 100)
    assert [loss for _, loss in cell.curve] == [float(f"{record.loss:.5g}") for record in records]
    assert len(cell.validation) == 3


@pytest.mark.parametrize(("budget", "amount"), [("steps", 7), ("seconds", 0.01)])
def test_all_cells_are_given_the_same(wine, budget, amount):
    cells = list(of_wine(wine, budget=budget, amount=amount))
    assert len(cells) == 9
    for cell in cells:
        if budget == "steps":
            assert cell.steps == 7
            assert cell.epochs == pytest.approx(7 * cell.batch_size / 138, rel=1e-4)
        else:
            assert amount <= cell.seconds < 100 * amount
        assert cell.validation[-1] == pytest.approx(cell.validation_loss, rel=1e-4)


def test_a_regression_has_a_map_too(diabetes):
    cells = list(measure_map(diabetes, learning_rates=[1e-5, 1e-4], batch_sizes=[16], amount=3))
    assert all(cell.validation_loss > 0 and math.isnan(cell.accuracy) for cell in cells)


# ---- the file: kept, gone on with, refused ----


def test_a_file_gives_back_every_bit(tmp_path, wine):
    the_map = blank_map(wine, SGD, learning_rates=[0.1, 1e30], batch_sizes=[8], new_model=network)
    list(fill_map(the_map, wine, new_model=network))
    assert {cell.state for cell in the_map.trained} == {"learned", "diverged"}
    the_map.save(tmp_path / "map.json")
    again = HyperparameterMap.load(tmp_path / "map.json")
    assert repr(again.cells) == repr(the_map.cells)  # a nan is no other nan's equal
    assert again.made_with == the_map.made_with
    assert settings_of(again) == SGD
    assert "NaN" not in again.as_json()
    assert "Infinity" not in again.as_json()


def test_a_map_that_was_stopped_becomes_the_same(tmp_path, wine):
    whole = {cell.pair: cell for cell in of_wine(wine)}
    cells = of_wine(wine, save_to=tmp_path / "map.json")
    first = [next(cells) for _ in range(4)]
    cells.close()
    assert len(HyperparameterMap.load(tmp_path / "map.json").trained) == 4
    gone_on = list(of_wine(wine, save_to=tmp_path / "map.json"))
    assert gone_on[:4] == first
    assert {cell.pair: cell for cell in gone_on} == whole


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_map_whose_process_was_killed_becomes_the_same(tmp_path, wine, warm_python, request):
    file, tests = tmp_path / "map.json", request.config.rootpath / "tests"
    assert warm_python.run(KILLED, tests, file).returncode != 0
    assert len(HyperparameterMap.load(file).trained) == 4
    gone_on = {cell.pair: cell for cell in of_wine(wine, save_to=file)}
    assert gone_on == {cell.pair: cell for cell in of_wine(wine)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rates": (0.05, 0.1)}, "learning_rates"),
        ({"amount": 3}, "amount"),
        ({"budget": "steps", "amount": 2}, "budget"),
        ({"new_model": lambda: nn.Linear(13, 3)}, "network"),
    ],
)
def test_another_map_is_not_gone_on_with(tmp_path, wine, options, words):
    file = tmp_path / "map.json"
    next(of_wine(wine, save_to=file))
    before = file.read_bytes()
    with pytest.raises(ValueError, match=words):
        of_wine(wine, save_to=file, **options)
    assert file.read_bytes() == before


def test_a_map_of_another_torch_is_not_gone_on_with(wine):
    the_map = blank_map(wine, SGD, learning_rates=RATES, batch_sizes=SIZES, new_model=network)
    the_map.made_with["torch"] = "1.0"
    with pytest.raises(ValueError, match="another torch"):
        fill_map(the_map, wine, new_model=network)


def test_another_programs_file_stays_as_it_is(tmp_path, wine):
    file = tmp_path / "map.json"
    file.write_text("{}")
    for act in (known().save, HyperparameterMap.load, lambda path: of_wine(wine, save_to=path)):
        with pytest.raises((ValueError, OSError), match=r"map\.json"):
            act(file)
    assert file.read_text() == "{}"


def changed(text: str, **changes) -> str:
    return json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: changed(text, what="else"),
        lambda text: changed(text, version=99),
        lambda text: changed(text, budget="money"),
        lambda text: changed(text, amount=-1),
        lambda text: changed(text, learning_rates=[0.1, "high"]),
        lambda text: changed(text, learning_rates=None),
        lambda text: changed(text, cells={}),
        lambda text: changed(text, cells=[{"state": "learned"}]),
        lambda text: text.replace('"learned"', '"asleep"'),
        lambda text: text.replace('"validation_loss": 0.5', '"validation_loss": null'),
        lambda text: text.replace('"batch_size": 8', '"batch_size": 9'),
        lambda text: text.replace('"curve": []', '"curve": [[1]]'),
        lambda text: text.replace('"steps": 9', '"steps": -9'),
    ],
)
def test_a_file_that_is_no_whole_map_is_refused_in_words(tmp_path, spoil):
    file = tmp_path / "map.json"
    known().save(file)
    file.write_text(spoil(file.read_text()))
    with pytest.raises(ValueError, match="no map that can be read"):
        HyperparameterMap.load(file)


# ---- what is refused before anything is trained, and stopping ----


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rates": []}, "learning_rates"),
        ({"learning_rates": [0.1, 0.1]}, "none twice"),
        ({"learning_rates": [0.1, -1]}, "learning_rates"),
        ({"learning_rates": [math.nan]}, "learning_rates"),
        ({"learning_rates": 0.1}, "learning_rates"),
        ({"learning_rates": "0.1"}, "learning_rates"),
        ({"batch_sizes": [0]}, "batch_sizes"),
        ({"batch_sizes": [139]}, "batch_size"),
        ({"batch_sizes": [8.5]}, "batch_sizes"),
        ({"budget": "money"}, "budget"),
        ({"amount": 0}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"budget": "seconds", "amount": math.inf}, "amount"),
        ({"save_to": 3}, "save_to"),
        ({"new_model": lambda: nn.Linear(7, 3)}, "13"),
        ({"new_model": nn.Linear(13, 3)}, "new_model"),
    ],
)
def test_bad_input_is_refused_at_once(wine, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        of_wine(wine, **options)


def test_data_without_held_out_examples_have_no_map(pictures):
    with pytest.raises(ValueError, match="held-out"):
        measure_map(pictures)


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_stop_is_heard_within_a_cell(wine, is_shared, monkeypatch):
    if not is_shared:
        name = "tutorial_lib.engine.side_by_side._processes"
        monkeypatch.setattr(name, lambda number: 1)
    session = Session(of_wine(wine, budget="steps", amount=10_000_000)).start()
    session.join(0.5)
    before = time.perf_counter()
    session.stop()
    assert session.join(20) == "stopped"
    print(f"stopped after {1000 * (time.perf_counter() - before):.0f} ms")


def test_every_state_has_a_name():
    assert STATES == ("learned", "slow", "unsteady", "dead", "diverged", "open")
