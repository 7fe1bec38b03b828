"""Own tables: how well our run does beside scikit-learn's models, on the same splits."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from pairs import Row, row
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tutorial_lib import Hyperparameters, TrainingRun, evaluate
from tutorial_lib.data import from_tensors
from tutorial_lib.models import MLP, make_model

EPOCHS, BATCH, HIDDEN, TEST = 60, 32, (64, 64), 0.25
SEEDS_A_PAIR = 3
TABLES: dict[str, Callable] = {
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "diabetes": load_diabetes,
}
Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # x, x of the test, y, y of the test


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return the share of test rows named right, or R squared, over as many splits as seeds."""
    rows = []
    for table, load in TABLES.items():
        is_regression = table == "diabetes"
        for name, score in (REGRESSIONS if is_regression else CLASSIFIERS).items():
            scores = []
            for seed in range(1 if dry else SEEDS_A_PAIR * pairs):
                found = score(split(*load(return_X_y=True), seed, is_regression), seed)
                scores.append(found if is_regression else 100 * found)
            what, unit = ("R squared", "") if is_regression else ("right", "%")
            rows.append(row(f"{table}, {what}: {name}", scores, unit=unit))
    return rows


def split(inputs: np.ndarray, targets: np.ndarray, seed: int, is_regression: bool) -> Parts:
    """Return three quarters to learn from and a quarter to test on, scaled by the former."""
    labels = None if is_regression else targets  # by class
    parts = train_test_split(inputs, targets, test_size=TEST, random_state=seed, stratify=labels)
    train, test, y, y_test = parts
    mean, std = train.mean(0), train.std(0)
    if is_regression:  # R squared is the same in any unit
        centre, spread = y.mean(), y.std()
        y, y_test = (y - centre) / spread, (y_test - centre) / spread
    return (train - mean) / std, (test - mean) / std, y, y_test


def with_sklearn(make: Callable[[int], object]) -> Callable[[Parts, int], float]:
    """Return what fits a model of scikit-learn and scores it on the test rows."""

    def score(parts: Parts, seed: int) -> float:
        inputs, test, targets, test_targets = parts
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it gets as many epochs as ours
            return float(make(seed).fit(inputs, targets).score(test, test_targets))

    return score


def ours(parts: Parts, seed: int) -> float:
    """Train our default network for such tables, and score it on the test rows."""
    inputs, test, targets, test_targets = (torch.from_numpy(part) for part in parts)
    data = from_tensors((inputs, targets), test=(test, test_targets), device="cpu")
    settings = Hyperparameters(
        epochs=EPOCHS,
        batch_size=BATCH,
        optimizer="adam",
        learning_rate=1e-3,
        loss=data.default_loss,
        seed=seed,
    )
    run = TrainingRun(
        make_model(lambda: MLP(inputs.shape[1], data.num_outputs, HIDDEN), seed), data, settings
    )
    for _ in run:
        pass
    found = evaluate(run.model, data.test)
    return found.r2 if found.accuracy is None else found.accuracy


NETWORK = {
    "hidden_layer_sizes": HIDDEN,
    "batch_size": BATCH,
    "max_iter": EPOCHS,
    "n_iter_no_change": EPOCHS,
}
CLASSIFIERS = {
    "TrainingRun, an MLP": ours,
    "scikit-learn's MLPClassifier": with_sklearn(
        lambda seed: MLPClassifier(random_state=seed, **NETWORK)
    ),
    "scikit-learn's LogisticRegression": with_sklearn(lambda _: LogisticRegression(max_iter=1000)),
}
REGRESSIONS = {
    "TrainingRun, an MLP": ours,
    "scikit-learn's MLPRegressor": with_sklearn(
        lambda seed: MLPRegressor(random_state=seed, **NETWORK)
    ),
    "scikit-learn's LinearRegression": with_sklearn(lambda _: LinearRegression()),
}
