"""A table shows itself."""

from tutorial_lib.table import Table, html_table


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
