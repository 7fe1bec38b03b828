"""What people type as their first answers, on the first page, works or is told in words."""

from pathlib import Path

import nbformat
import pytest
import torch

from tutorial_lib import exercises
from tutorial_lib.exercises import check

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_start_here.ipynb"
NEEDED = "from tutorial_lib import load_digits", "import math"  # how the cells begin


@pytest.fixture(scope="module")
def page():
    """Return what is defined where the exercises begin."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    namespace = {"torch": torch}
    for cell in cells:
        if cell.cell_type == "code" and cell.source.startswith(NEEDED):
            exec(cell.source, namespace)
    return namespace


@pytest.fixture
def said(capsys):
    def ask(name, answer):
        exercises._wrong_tries.clear()
        check(name, answer)
        return " ".join(capsys.readouterr().out.split())

    return ask


RIGHT = [
    *(("one_epoch", words) for words in (
        "80", "4000 / 50", "4_000 // 50", "len(data.train) / 50", "len(data.train.images) / 50",
        "data.train.images.shape[0] // 50", "math.ceil(4000 / 50)", "round(4000 / 50)",
    )),
    *(("two_digits", words) for words in (
        "log(2)", "ln(2)", "math.log(2)", "np.log(2)", "torch.log(torch.tensor(2.0))", "0.69",
        "0.693", "-log(1 / 2)", "-math.log(0.5)", "round(log(2), 3)",
    )),
    *(("right_set", words) for words in ('"test"', "'Test'", '"the test digits"')),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words"), RIGHT)
def test_a_right_answer_may_be_typed_in_many_ways(name, words, page, said):
    assert said(name, eval(words, page)).startswith("Right.")


TOLD = [
    ("one_epoch", '"80"', "Write a number, without quotes; you gave the text '80'."),
    ("one_epoch", "125", "That is with 32 digits in a step"),
    ("one_epoch", "5000 / 50", "Those are all 5,000 digits."),
    ("one_epoch", "len(data.train)", "A step looks at 50 of them at once."),
    ("one_epoch", "len", "you gave a function"),
    ("two_digits", "log(1 / 2)", "The right size, and below 0."),
    ("two_digits", "math.log10(2)", "to base 10"),
    ("two_digits", "math.log2(2)", "to base 2"),
    ("two_digits", "1 / 2", "how often such a guess is right"),
    ("two_digits", '"ln 2"', "Write a number, without quotes; you gave the text 'ln 2'."),
    ("right_set", "data.test", 'Write one of "all", "test", "training", "validation".'),
    ("right_set", '"test or training"', "Write one of"),
    ("right_set", '"train"', 'Write one of "all", "test", "training", "validation".'),
    ("too_low_a_rate", "0", "A learning rate lies above 0"),
]


@pytest.mark.parametrize(("name", "words", "told"), TOLD)
def test_of_another_answer_it_is_said_in_words_what_is_wrong(name, words, told, page, said):
    sentence = said(name, eval(words, page))
    assert sentence.startswith("Not yet. ")
    assert told in sentence
