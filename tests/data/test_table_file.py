"""A table in a text file: its columns become inputs, its target classes or a regression."""

import pickle

import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import StandardScaler

from tutorial_lib.data import from_csv
from tutorial_lib.data.split import indices_apart

WINE = load_wine(as_frame=True).frame


@pytest.fixture
def put(tmp_path):
    """Return what writes a table and gives the data made of it."""

    def make(table, target="target", separator=",", **options):
        file = tmp_path / "wine.csv"
        if isinstance(table, pd.DataFrame):
            table.to_csv(file, index=options.pop("index", False), sep=separator)
        else:
            file.write_text(table, encoding="utf-8")
        return from_csv(file, target=target, **{"device": "cpu"} | options)

    return make


def test_wine_is_told_by_its_columns(put):
    data = put(WINE, noun="wines")
    assert (len(data.train), len(data.validation), len(data.test)) == (142, 18, 18)
    assert data.train.shape == (13,)
    assert data.classes == ("0", "1", "2")
    assert data.notice == (
        "wine: 142 wines to train on, 18 to choose by, 18 for the test. 13 numbers each; a "
        "classification of 'target', 3 classes: 0, 1, 2. 13 columns became 13 inputs: 13 of "
        "numbers, scaled by the training rows."
    )


def test_numbers_are_scaled_as_scikit_learn_scales_them_by_the_training_rows(put):
    data = put(WINE, validation=0)
    kept, held = indices_apart(torch.tensor(WINE.target.to_numpy()), 18, seed=0)
    columns = WINE.drop(columns="target").to_numpy()
    scaler = StandardScaler().fit(columns[kept])
    for split, rows in ((data.train, kept), (data.test, held)):
        expected = torch.from_numpy(scaler.transform(columns[rows])).float()
        assert torch.allclose(split.inputs, expected, atol=1e-6)


def test_texts_become_an_input_each(put):
    rows = "".join(f"{n},{'abc'[n % 3]},{'no' if n % 2 else 'yes'}\n" for n in range(60))
    data = put(f"x,letter,y\n{rows}", target="y", validation=0, test=0)
    assert data.train.inputs[:3, 1:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert data.classes == ("no", "yes")
    assert data.train.targets[:3].tolist() == [1, 0, 1]
    assert "2 columns became 4 inputs: 1 of numbers, scaled" in data.notice
    assert "1 of texts, an input for each text." in data.notice


def test_many_different_whole_numbers_are_a_regression_in_their_own_unit(put):
    table = load_diabetes(as_frame=True).frame.astype({"target": int})
    data = put(table, noun="patients", test=42)
    assert data.task == "regression"
    assert data.train.targets.min() >= 25
    assert data.train.targets.max() <= 346
    assert "44 to choose by, 42 for the test" in data.notice
    assert "'target' has 214 different values, so it is taken for a quantity." in data.notice


TARGETS = {  # values of the column, by turns -> names of the classes
    "whole numbers": (["3", "5", "-1"], ("-1", "3", "5")),
    "bools": (["True", "False"], ("False", "True")),
    "texts": (["b", "a b", "ä"], ("a b", "b", "ä")),
    "floats": (["0.5", "1.5"], ()),
    "whole floats": (["0.0", "1.0"], ()),
}


@pytest.mark.parametrize(("values", "names"), TARGETS.values(), ids=TARGETS)
def test_the_target_says_what_is_learned(put, values, names):
    rows = "".join(f"{n},{values[n % len(values)]}\n" for n in range(30))
    data = put(f"x,y\n{rows}", target="y")
    assert data.classes == names
    assert data.task == ("classification" if names else "regression")


def test_a_few_rows_of_different_whole_numbers_are_a_regression(put):
    data = put("x,y\n1,30\n2,35\n3,41\n4,48\n", target="y", validation=0)
    assert data.task == "regression"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found(put, separator):
    assert put(WINE, separator=separator).train.shape == (13,)


def test_commas_in_numbers_are_read_where_semicolons_separate(put):
    rows = "".join(f"{n},5;{n % 2}\n" for n in range(30))
    data = put(f"x;y\n{rows}", target="y", test=0, validation=0)
    assert data.train.shape == (1,)
    assert data.train.inputs[:, 0].diff().std() < 1e-5


def test_what_is_the_same_in_all_training_rows_is_left_out(put):
    data = put(WINE.assign(year=2024, land="Italy"))
    assert data.train.shape == (13,)
    assert "The same in all training rows, so left out: 'year', 'land'." in data.notice


def test_a_column_that_only_counts_the_rows_is_left_out(put):
    data = put(WINE, index=True)
    assert data.train.shape == (13,)
    assert "The column without a name counts the rows and is left out." in data.notice


def test_what_a_spreadsheet_leaves_behind_is_no_harm(put):
    rows = "".join(f"{n},{n % 2},\n" for n in range(30))
    data = put(f"\ufeffx , y,\n{rows},,\n,,\n", target="y", test=0, validation=0)
    assert data.train.shape == (1,)
    assert len(data.train) == 30
    assert "Empty rows are left out: 2." in data.notice


def test_the_same_seed_draws_the_same_rows(put):
    one, same, other = put(WINE), put(WINE, seed=0), put(WINE, seed=1)
    assert one.test.digest == same.test.digest != other.test.digest


def test_it_is_made_again_in_another_process(put):
    data = put(WINE, noun="wines", validation=20, test=0.2, seed=5)
    again = pickle.loads(pickle.dumps(data.make_again))("cpu")
    for part in ("train", "validation", "test"):
        assert getattr(again, part).digest == getattr(data, part).digest
    assert again.notice == data.notice


MIXED = pd.DataFrame({"size": [1.0, 2, 4, 8], "kind": list("abba"), "price": [1.5, 2, 3, 4]})


def test_new_rows_become_inputs_as_those_of_the_table(put):
    data = put(MIXED, target="price", validation=0, test=0)
    assert torch.equal(data.prepare(MIXED), data.train.inputs)
    one = data.prepare([{"kind": "b", "size": 4}])  # in another order, without the target
    assert torch.equal(one, data.train.inputs[2:3])
    assert torch.equal(data.hold_out(1).prepare(MIXED), data.train.inputs)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"kind": "a"}, "must have a column 'size'"),
        ({"kind": "c", "size": 1}, "'kind' must hold one of a, b; got 'c'"),
        ({"kind": "a", "size": "large"}, "'size' must hold numbers; got 'large'"),
        ({"kind": "a", "size": None}, "'size' must hold numbers; got None"),
    ],
)
def test_a_new_row_that_does_not_fit_is_refused_in_words(put, row, words):
    data = put(MIXED, target="price", validation=0, test=0)
    with pytest.raises(ValueError, match=words):
        data.prepare([row])
