"""What notebook 06 says, measured by what the notebook itself defines."""

import ast
import contextlib
import math
import tempfile
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import torch

from claims.table import NOTEBOOKS, Seen, claim
from tutorial_lib import (
    Diverged,
    Hyperparameters,
    TrainingRun,
    evaluate,
    from_folder,
    predict,
    script_of,
)
from tutorial_lib.labs import LrFinderPanel
from tutorial_lib.panels import TrainingPanel

NINE = range(9)
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


@cache
def sections() -> list[dict[str, Any]]:
    """Return what the notebook has defined at the end of each of its sections, from 0 on.

    A function looks up what it uses where all of the notebook is defined.
    """
    path = next(NOTEBOOKS.glob("06_*.ipynb"))
    ends, namespace = [], {"__name__": "notebook"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            ends += [dict(namespace)] if "\n## " in f"\n{cell.source}" else []
            continue
        body = [statement for statement in ast.parse(cell.source).body if is_taught(statement)]
        exec(compile(ast.Module(body, type_ignores=[]), str(path), "exec"), namespace)
    return ends


def taught(section: int) -> SimpleNamespace:
    return SimpleNamespace(**sections()[section])


def highest_loss(run: TrainingRun) -> float:
    return max(record.loss for record in run.history)


# ---- 1: a table ----


@cache
def dead_run(seed: int) -> TrainingRun:
    nb = taught(1)
    return nb.train_on(nb.raw, nb.raw.default_network, epochs=20, batch_size=16, seed=seed)


@claim("06", "It was thrown about, and then it stayed near $\\ln 3 = 1.10$")
def on_raw_columns_a_network_dies(seed: int) -> Seen:
    """The highest loss of a batch, and the mean loss of the last epoch."""
    run = dead_run(seed)
    high, last = highest_loss(run), run.history[-1].mean_loss
    return Seen(high > 50 and abs(last - math.log(3)) < 0.2, f"{high:.0f}, {last:.2f}")


@claim("06", "The same answer for every wine.")
def on_raw_columns_all_answers_are_one(seed: int) -> Seen:
    """How many different answers the dead network gives to 36 wines, and how many are right."""
    nb, run = taught(1), dead_run(seed)
    answers = predict(run.model, nb.raw.validation).argmax(dim=1).unique().numel()
    right = nb.num_right(run.model, nb.raw.validation)
    return Seen(answers == 1 and right <= 14, f"{answers} answer, {right} right")


@claim("06", "From a third to nearly all, by one line of arithmetic.")
def on_scaled_columns_nearly_all_wines_are_right(seed: int) -> Seen:
    """How many of 36 validation wines and of 36 test wines are right; 33 at least."""
    nb = taught(1)
    data = nb.wine
    run = nb.train_on(data, data.default_network, epochs=20, batch_size=16, seed=seed)
    right = [nb.num_right(run.model, split) for split in (data.validation, data.test)]
    return Seen(min(right) >= 33, f"{right[0]}, {right[1]}")


@claim("06", "Scale the columns, and the target, by the training rows alone.", seeds=[0])
def scaling_asks_the_training_rows_alone(seed: int) -> Seen:
    """The largest mean of a column: of the training rows, and of the validation rows."""
    wine = taught(1).wine
    train, validation = (
        split.inputs.mean(dim=0).abs().max().item() for split in (wine.train, wine.validation)
    )
    return Seen(train < 1e-6 < 0.05 < validation, f"{train:.0e}, {validation:.2f}")


# ---- 2: a regression ----


@claim("06", "What it learns is to answer everybody with nearly the mean of all")
def the_square_teaches_the_mean(seed: int) -> Seen:
    """How far answers to 120 patients spread, as a share of the targets: trained on the square."""
    nb = taught(2)
    data = nb.diabetes

    def square(run: TrainingRun, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with contextlib.suppress(UserWarning):
            loss = (run.model(inputs) - targets[:, 0]).square().mean()  # (B, 1) and (B,)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        return loss

    run = nb.train_on(
        data, data.default_network, update=square, epochs=20, batch_size=20, seed=seed
    )
    answers, targets = predict(run.model, data.validation), data.validation.targets
    share = (answers.std() / targets.std()).item()
    return Seen(share < 0.2, f"{share:.2f}")


@claim("06", "It explodes: the gradient of a squared error grows with the error")
def a_target_in_the_hundreds_throws_a_run(seed: int) -> Seen:
    """The highest loss of a batch."""
    nb = taught(2)
    run = nb.train_on(nb.raw, nb.raw.default_network, epochs=40, batch_size=20, seed=seed)
    return Seen(highest_loss(run) > 1e6, f"{highest_loss(run):.0e}")


@claim("06", "A lower rate is one, a loss that grows more slowly another (`huber`).", quick=False)
def a_lower_rate_or_huber_does_not_explode(seed: int) -> Seen:
    """R squared of the target in hundreds: with a thousandth of the rate, and with huber."""
    nb, r2 = taught(2), []
    for change in ({"learning_rate": 1e-5}, {"loss": "huber"}):
        chosen = {"loss": "mse", "epochs": 40, "batch_size": 20, "seed": seed} | change
        torch.manual_seed(seed)
        run = TrainingRun(nb.raw.default_network(), nb.raw, Hyperparameters(**chosen))
        with contextlib.suppress(Diverged):
            list(run)
        r2.append(evaluate(run.model, nb.raw.validation, loss="mse").r2)
    return Seen(min(r2) > 0.2, f"{r2[0]:.2f}, {r2[1]:.2f}")


@claim("06", "those who are well are predicted too ill, and the other way round")
def predictions_are_drawn_to_the_mean(seed: int) -> Seen:
    """The mean residual of the lowest and the highest quarter of the truth, in spreads."""
    nb = taught(2)
    data = nb.diabetes
    run = nb.train_on(data, data.default_network, epochs=20, batch_size=20, seed=seed)
    r2 = evaluate(run.model, data.validation, loss="mse").r2
    truth = data.validation.targets[:, 0].numpy()
    residuals = predict(run.model, data.validation)[:, 0].numpy() - truth
    low = residuals[truth < np.quantile(truth, 0.25)].mean()
    high = residuals[truth > np.quantile(truth, 0.75)].mean()
    return Seen(bool(high < 0 < low and 0.3 < r2 < 0.7), f"{low:.2f}, {high:.2f}, R² {r2:.2f}")


# ---- 3: a folder ----


@claim("06", "48 pictures of each class to learn from, and most are right", quick=False)
def most_pictures_of_a_folder_are_right(seed: int) -> Seen:
    """How many of 60 validation pictures are named right."""
    nb = taught(3)
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "digits"
        nb.write_pictures(there, nb.digits.train, 60, lambda label: nb.rng.random())
        data = from_folder(there, size=32)
    settings = Hyperparameters(epochs=15, batch_size=20, seed=seed)
    right = nb.num_right(TrainingPanel(data, settings=settings).run().model, data.validation)
    return Seen(right > 36, f"{right}")


@claim("06", "It has learned colours, because that was the easier way down.", quick=False)
def a_network_learns_the_colours_where_they_go_with_the_classes(seed: int) -> Seen:
    """The accuracy where colours go with the classes, and where they are drawn at random."""
    nb = taught(3)
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        nb.write_pictures(there / "train", nb.digits.train, 48, nb.own_colour)
        nb.write_pictures(there / "validation", nb.digits.validation, 6, nb.own_colour)
        nb.write_pictures(there / "test", nb.digits.test, 6, lambda label: nb.rng.random())
        data = from_folder(there, name="tinted digits")
    run = nb.train_on(data, data.default_network, epochs=15, batch_size=20, seed=seed)
    same, other = (evaluate(run.model, s).accuracy for s in (data.validation, data.test))
    return Seen(same > 0.9 and other < 0.5, f"{same:.0%}, {other:.0%}")


# ---- 4: a network of one's own ----


@claim("06", "In `model.eval()` dropout does nothing")
def a_network_in_use_rolls_no_dice(seed: int) -> Seen:
    """How many different answers to one patient, asked 100 times, in training and in use."""
    nb = taught(4)
    torch.manual_seed(seed)
    model, batch = nb.OwnNet(dropout=0.3), nb.diabetes.validation.inputs[:20]
    answers = []
    with torch.no_grad():
        for mode in (model.train(), model.eval()):
            mode.train(not answers)
            answers.append(len({mode(batch)[0, 0].item() for _ in range(100)}))
    return Seen(answers[0] > 90 and answers[1] == 1, f"{answers[0]}, {answers[1]}")


@cache
def overfit(seed: int) -> TrainingRun:
    nb = taught(4)
    return nb.train_and_score(own_net(seed), seed=seed)


def own_net(seed: int, **options: float) -> torch.nn.Module:
    torch.manual_seed(seed)
    return taught(4).OwnNet(**options)


@cache
def cured(seed: int) -> dict[str, TrainingRun]:
    """Return the runs with each of the three cures; the one that stopped early has its best."""
    nb = taught(4)
    early = TrainingRun(
        own_net(seed), nb.diabetes, Hyperparameters(**nb.slow_and_steady, seed=seed)
    )
    nb.stop_early(early, nb.diabetes.validation, 10)
    return {
        "dropout": nb.train_and_score(own_net(seed, dropout=0.5), seed=seed),
        "weight decay": nb.train_and_score(own_net(seed), weight_decay=1.0, seed=seed),
        "stop early": early,
    }


def validation_loss(run: TrainingRun) -> float:
    return evaluate(run.model, taught(4).diabetes.validation, loss="mse").loss


@claim("06", "The two curves part early.", seeds=NINE, quick=False)
def the_losses_part(seed: int) -> Seen:
    """The epoch of the lowest validation loss, of 60; the training and validation loss at last."""
    run = overfit(seed)
    losses = [score.loss for score in run.scores]
    lowest, training = int(np.argmin(losses)) + 1, run.history[-1].mean_loss
    parted = training < min(losses) < losses[-1]
    return Seen(parted and lowest <= 30, f"{lowest}; {training:.2f} < {losses[-1]:.2f}")


@claim("06", "validation loss ended between 0.50 and 0.62", seeds=NINE, quick=False)
def without_a_cure_the_validation_loss_ends_high(seed: int) -> Seen:
    """The validation loss after 60 epochs."""
    loss = overfit(seed).scores[-1].loss
    return Seen(0.495 <= loss < 0.625, f"{loss:.2f}")


@claim("06", "with each of the three cures, each time, below 0.48", seeds=NINE, quick=False)
def each_cure_lowers_the_validation_loss(seed: int) -> Seen:
    """The validation loss at the end: with dropout, with weight decay, stopped early."""
    losses = [validation_loss(run) for run in cured(seed).values()]
    return Seen(max(losses) < 0.48, ", ".join(f"{loss:.2f}" for loss in losses))


@claim("06", "The test patients agree.", seeds=NINE, quick=False)
def the_test_patients_agree(seed: int) -> Seen:
    """The test loss with nothing, and the highest one with a cure."""
    nb = taught(4)
    plain, *others = (
        evaluate(run.model, nb.diabetes.test, loss="mse").loss
        for run in (overfit(seed), *cured(seed).values())
    )
    return Seen(max(others) < 0.9 * plain, f"{plain:.2f}, {max(others):.2f}")


# ---- 5: a step of one's own ----


@claim(
    "06",
    "here every step is clipped, so of the gradient only the direction is left",
    quick=False,
)
def clipped_steps_learn_what_explodes_without(seed: int) -> Seen:
    """The shortest gradient before it was clipped to 1, and R squared on the validation rows."""
    nb = taught(5)
    nb.norms.clear()
    run = nb.train_on(
        nb.raw,
        nb.raw.default_network,
        update=nb.clipped_step,
        epochs=40,
        batch_size=20,
        seed=seed,
    )
    r2 = evaluate(run.model, nb.raw.validation, loss="mse").r2
    return Seen(min(nb.norms) > 1 and r2 > 0.4, f"{min(nb.norms):.0f}, R² {r2:.2f}")


@claim("06", "it is as if the line were not there", quick=False)
def to_clip_before_backward_changes_nothing(seed: int) -> Seen:
    """Whether the losses are those of the run without the line, and the highest one."""
    nb = taught(5)
    train = partial(nb.train_on, nb.raw, nb.raw.default_network, epochs=40, batch_size=20)
    broken, plain = train(update=nb.clips_too_soon, seed=seed), train(seed=seed)
    same = [r.loss for r in broken.history] == [r.loss for r in plain.history]
    return Seen(same and highest_loss(broken) > 1e6, f"same: {same}, {highest_loss(broken):.0e}")


# ---- 6: the finder, and a race ----


@claim("06", "The rate that was found is ahead of a tenth of it", quick=False)
def the_rate_that_is_found_is_a_good_one(seed: int) -> Seen:
    """The loss of the last epoch with the rate and with a tenth of it; the highest with ten."""
    nb = taught(6)
    settings = Hyperparameters(optimizer="sgd", epochs=5, seed=seed)
    finder = LrFinderPanel(TrainingPanel(nb.tumours, new_model=nb.new_net, settings=settings))
    finder.run()
    found = finder.use()
    chosen = {"optimizer": "sgd", "epochs": 5, "seed": seed}
    slow, good, thrown = (
        nb.train_on(nb.tumours, nb.new_net, learning_rate=rate, **chosen)
        for rate in (found / 10, found, 10 * found)
    )
    ends = good.history[-1].mean_loss, slow.history[-1].mean_loss
    holds = ends[0] < ends[1] and highest_loss(thrown) > 10
    high = f"{highest_loss(thrown):.0e}"
    return Seen(holds, f"{found:.2g}: {ends[0]:.2f} < {ends[1]:.2f}, up to {high}")


# ---- 7: take it home ----


@claim("06", "None at all: on one machine the same steps give the same numbers.")
def the_script_has_the_losses_of_the_run(seed: int) -> Seen:
    """The largest difference of a loss."""
    nb, there = taught(1), {}
    run = nb.train_on(nb.wine, nb.wine.default_network, epochs=5, batch_size=16, seed=seed)
    torch.manual_seed(seed)
    script = script_of(run, nb.wine.default_network())
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        torch.save((nb.wine.train.inputs, nb.wine.train.labels), "inputs.pt")
        with contextlib.redirect_stdout(None):
            exec(script, there)
    ours = [record.loss for record in run.history]
    largest = max(abs(a - b) for a, b in zip(there["losses"], ours, strict=True))
    return Seen(largest == 0, f"{largest}")
