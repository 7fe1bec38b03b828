"""Each cell of the ring says how many gradients it is the sum of, and whole ones are bold."""

import numpy as np
from matplotlib.figure import Figure

from tutorial_lib.pictures import alt_of, draw_ring

MOMENTS = [np.ones((2, 2)), np.array([[1, 2], [2, 1]]), np.full((2, 2), 2)]


def test_each_number_stands_in_its_cell_and_what_is_whole_is_bold():
    axes = Figure(figsize=(6, 2)).subplots()
    draw_ring(axes, MOMENTS, ["start", "step 1", "step 2"])
    cells = [text for text in axes.texts if text.get_text().isdigit()]
    assert [int(text.get_text()) for text in cells] == np.concatenate(MOMENTS).flatten().tolist()
    assert all((text.get_weight() == "bold") == (text.get_text() == "2") for text in cells)


def test_the_ring_is_told_in_words():
    figure = Figure(figsize=(6, 2))
    draw_ring(figure.subplots(), MOMENTS, ["start", "step 1", "step 2"])
    assert "start: 0 of 4 whole; step 1: 2 of 4 whole; step 2: 4 of 4 whole." in alt_of(figure)
