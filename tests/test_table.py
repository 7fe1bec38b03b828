"""A table shows itself."""

import math

import pytest

from tutorial_lib.table import Table, html_table, loss_text, share_text


def test_columns_are_aligned_in_a_terminal():
    table = Table(["epoch", "loss"], [["0", "2.303"], ["10", "0.1"]])
    assert repr(table).splitlines() == ["epoch   loss", "    0  2.303", "   10    0.1"]


def test_html_is_escaped():
    assert "&lt;b&gt;" in Table(["<b>"], [["1 < 2"]])._repr_html_()


def test_words_stand_to_the_left_and_numbers_to_the_right():
    table = html_table(["name", "loss"], [["a", "1"]], num_words=1)
    assert table.count("text-align:left") == table.count("text-align:right") == 2


def test_an_empty_table_shows_its_heads():
    assert repr(Table(["epoch", "loss"], [])) == "epoch  loss"


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (2.302585, "2.30"), (0.9996, "1.00"), (0.5, "0.500"), (0.0502, "0.0502"), (0, "0"),
        (2.1e-4, "0.000210"), (2.1e-5, "2.10e-05"), (99.96, "100"), (123.4, "123"),
        (999.6, "1,000"), (12_345, "12,345"), (1.5e9, "1.50e+09"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_a_loss_has_three_digits_at_every_size(loss, text):
    assert loss_text(loss) == text


@pytest.mark.parametrize(
    ("share", "count", "words"),
    [(0.9, 20, "18 of 20"), (0.875, 20, "17.5 of 20"), (1, 200, "200 of 200"),
     (0.934, 500, "93.4% of 500"), (1 / 3, 60_000, "33.3% of 60,000")],
)  # fmt: skip
def test_of_few_the_count_is_told_of_many_the_share(share, count, words):
    assert share_text(share, count) == words
