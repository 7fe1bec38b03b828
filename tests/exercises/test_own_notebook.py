"""What notebook 06 says of its runs holds for other seeds, too, by the notebook's own code.

With `TUTORIAL_THOROUGH` set, each claim is held against nine seeds.
"""

import ast
import math
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from tutorial_lib import Hyperparameters, TrainingRun, evaluate, from_folder, predict, script_of
from tutorial_lib.labs.lr_finder.measure import lr_finder, suggest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_your_own.ipynb"
THOROUGH = "TUTORIAL_THOROUGH" in os.environ
SEEDS = range(9 if THOROUGH else 3)
FEW_SEEDS = range(9 if THOROUGH else 1)  # where a run takes seconds
DATA = {
    "table", "patients", "train", "validation", "test", "names", "raw", "wine", "diabetes",
    "tumours", "mean", "spread", "y_mean", "y_spread", "slow_and_steady", "digits", "rng",
    "new_net", "norms",
}  # fmt: skip


def is_taught(statement: ast.stmt) -> bool:
    """Say whether it imports, defines or makes data, and neither trains nor draws."""
    if isinstance(statement, ast.Assign):
        names = {node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)}
        return names <= DATA
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)


@pytest.fixture(scope="module")
def taught() -> list[dict]:
    """Return what the notebook has defined at the end of each of its sections, from 0 on."""
    sections, namespace = [], {"__name__": "notebook"}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "markdown":
            sections += [dict(namespace)] if "\n## " in f"\n{cell.source}" else []
            continue
        body = [statement for statement in ast.parse(cell.source).body if is_taught(statement)]
        exec(compile(ast.Module(body, type_ignores=[]), str(NOTEBOOK), "exec"), namespace)
    return sections


def highest_loss(run: TrainingRun) -> float:
    return max(record.loss for record in run.history)


# ---- 1: a table ----


@pytest.mark.parametrize("seed", SEEDS)
def test_on_columns_that_are_not_scaled_a_network_dies(taught, seed):
    wine = taught[1]
    raw = wine["raw"]
    run = wine["train_on"](raw, raw.default_network, epochs=20, batch_size=16, seed=seed)
    assert highest_loss(run) > 50
    assert wine["num_right"](run.model, raw.validation) <= 14
    assert predict(run.model, raw.validation).argmax(dim=1).unique().numel() == 1
    assert run.history[-1].mean_loss == pytest.approx(math.log(3), abs=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_on_scaled_columns_nearly_all_wines_are_right(taught, seed):
    wine = taught[1]
    data = wine["wine"]
    run = wine["train_on"](data, data.default_network, epochs=20, batch_size=16, seed=seed)
    assert wine["num_right"](run.model, data.validation) >= 34
    assert wine["num_right"](run.model, data.test) >= 33


def test_scaling_asks_the_training_rows_alone(taught):
    wine = taught[1]["wine"]
    assert torch.allclose(wine.train.inputs.mean(dim=0), torch.zeros(13), atol=1e-6)
    assert wine.validation.inputs.mean(dim=0).abs().max() > 0.05


# ---- 2: a regression ----


@pytest.mark.parametrize("seed", SEEDS)
def test_a_target_in_the_hundreds_throws_a_run(taught, seed):
    section = taught[2]
    raw = section["raw"]
    run = section["train_on"](raw, raw.default_network, epochs=40, batch_size=20, seed=seed)
    assert highest_loss(run) > 1e6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_scaled_target_is_learned_with_predictions_drawn_to_the_mean(taught, seed):
    section = taught[2]
    data = section["diabetes"]
    run = section["train_on"](data, data.default_network, epochs=20, batch_size=20, seed=seed)
    assert 0.3 < evaluate(run.model, data.validation, loss="mse").r2 < 0.7
    truth = data.validation.targets[:, 0].numpy()
    residuals = predict(run.model, data.validation)[:, 0].numpy() - truth
    assert residuals[truth < np.quantile(truth, 0.25)].mean() > 0
    assert residuals[truth > np.quantile(truth, 0.75)].mean() < 0


# ---- 3: a folder ----


@pytest.mark.parametrize("seed", FEW_SEEDS)
def test_a_network_learns_the_colours_where_they_go_with_the_classes(taught, seed, tmp_path):
    section = taught[3]
    digits, write = section["digits"], section["write_pictures"]
    write(tmp_path / "train", digits.train, 48, section["own_colour"])
    write(tmp_path / "validation", digits.validation, 6, section["own_colour"])
    write(tmp_path / "test", digits.test, 6, lambda label: section["rng"].random())
    data = from_folder(tmp_path)
    run = section["train_on"](data, data.default_network, epochs=6, batch_size=20, seed=seed)
    assert evaluate(run.model, data.validation).accuracy > 0.9
    assert evaluate(run.model, data.test).accuracy < 0.45


# ---- 4: a network of one's own ----


@pytest.mark.parametrize("seed", FEW_SEEDS)
def test_each_of_three_cures_brings_the_losses_together(taught, seed):
    section = taught[4]
    data = section["diabetes"]

    def net(**options):
        torch.manual_seed(seed)
        return section["OwnNet"](**options)

    train = section["train_and_score"]
    plain = train(net(), seed=seed)
    dropout, decay = train(net(dropout=0.5), seed=seed), train(net(), weight_decay=1.0, seed=seed)
    early = TrainingRun(net(), data, Hyperparameters(**section["slow_and_steady"], seed=seed))
    best = section["stop_early"](early, data.validation, 10)
    assert plain.history[-1].mean_loss < 0.3 < 0.5 < plain.scores[-1].loss
    assert max(best.loss, dropout.scores[-1].loss, decay.scores[-1].loss) < 0.48
    tested = [
        evaluate(run.model, data.test, loss="mse").loss for run in (plain, early, dropout, decay)
    ]
    assert max(tested[1:]) < 0.9 * tested[0]
    assert evaluate(early.model, data.validation, loss="mse").loss == best.loss  # its weights


# ---- 5: a step of one's own ----


@pytest.mark.parametrize("seed", SEEDS)
def test_clipping_lets_the_run_learn_that_explodes_without(taught, seed):
    section = taught[5]
    settings = {"epochs": 40, "batch_size": 20, "seed": seed}
    raw, train = section["raw"], section["train_on"]
    section["norms"].clear()
    clipped = train(raw, raw.default_network, update=section["clipped_step"], **settings)
    assert evaluate(clipped.model, raw.validation, loss="mse").r2 > 0.4
    assert min(section["norms"]) > 1  # every step is clipped
    broken = train(raw, raw.default_network, update=section["clips_too_soon"], **settings)
    assert highest_loss(broken) > 1e6


# ---- 6: the finder, and a race ----


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rate_that_is_found_beats_a_tenth_and_ten_times_of_it(taught, seed):
    section = taught[6]
    data, net, train = section["tumours"], section["new_net"], section["train_on"]
    settings = Hyperparameters(optimizer="sgd", seed=seed)
    torch.manual_seed(seed)
    found = suggest(list(lr_finder(net(), data, settings)), num_early=20).learning_rate
    rates = found / 10, found, 10 * found
    settings = {"optimizer": "sgd", "epochs": 5, "seed": seed}
    slow, good, thrown = (train(data, net, learning_rate=rate, **settings) for rate in rates)
    assert good.history[-1].mean_loss < slow.history[-1].mean_loss
    assert highest_loss(thrown) > 10


# ---- 7: take it home ----


def test_the_script_of_the_wines_has_their_losses(taught, tmp_path, monkeypatch):
    section = taught[1]
    wine = section["wine"]
    run = section["train_on"](wine, wine.default_network, epochs=5, batch_size=16)
    torch.manual_seed(0)
    script, there = script_of(run, wine.default_network()), {}
    torch.save((wine.train.inputs, wine.train.labels), tmp_path / "inputs.pt")
    monkeypatch.chdir(tmp_path)
    exec(script, there)
    assert there["losses"] == [record.loss for record in run.history]
