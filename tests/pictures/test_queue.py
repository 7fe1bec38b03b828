"""Where the losses are asked for together, the same steps are told sooner, and nothing overlaps."""

import pytest
from matplotlib.figure import Figure

from tutorial_lib.pictures import alt_of, draw_queue


def bars(axes):
    return sorted((bar.get_y(), bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)


@pytest.mark.parametrize("ask_every", [1, 5])
def test_each_does_one_step_at_a_time(ask_every):
    axes = Figure().subplots()
    draw_queue(axes, 5, ask_every)
    assert len(bars(axes)) == 10
    for (row, _, end), (next_row, begin, _) in zip(bars(axes), bars(axes)[1:], strict=False):
        assert row != next_row or end <= begin + 1e-9


def test_fewer_questions_are_told_sooner_and_in_words():
    figure = Figure()
    every, once = figure.subplots(2, 1)
    draw_queue(every, 5, 1)
    draw_queue(once, 5, 5)
    assert max(end for *_, end in bars(once)) < max(end for *_, end in bars(every))
    assert "after every 5 steps: all is told at 16.5" in alt_of(figure)
