"""What is on a figure is said in words, with its own numbers; the picture stays what it is."""

import datetime
import re

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure

from tutorial_lib import pictures
from tutorial_lib.pictures import STYLE, alt_of
from tutorial_lib.pictures.alt import MOST_LETTERS, plain
from tutorial_lib.pictures.shown import give_words


@pytest.fixture
def figure():
    with matplotlib.style.context(STYLE):
        yield Figure(figsize=(6, 3))


@pytest.fixture
def axes(figure):
    return figure.add_subplot()


def test_a_line_is_told_by_its_name_its_ends_and_its_lowest_and_highest_point(figure, axes):
    axes.plot([0, 1, 2, 3], [2.3026, 0.1234, 9, 0.5], label="lr 0.1")
    axes.set(xlabel="epochs", ylabel="loss", title="a title")
    assert alt_of(figure) == (
        "A title. Loss against epochs from 0 to 3. lr 0.1 begins at 2.3, is lowest with 0.123 at "
        "1, is highest with 9 at 2, ends at 0.5."
    )


def test_runs_are_told_by_their_bold_curves_alone(figure, axes, new_run):
    pictures.draw_runs(axes, {"first": list(new_run()), "second": list(new_run())})
    words = alt_of(figure)
    assert words.startswith("Loss (logarithmic) against epochs from 0.1 to 3. first begins at 2.2")
    assert words.count("ends at") == 2


def test_a_curve_that_leaves_the_picture_is_said_to(figure, axes):
    axes.plot([1, 2, 3], [1, 1e11, 2], label="lr 2")
    axes.set_ylim(0, 6)
    assert alt_of(figure) == "lr 2 begins at 1, is highest above 6 at 2, ends at 2."


def test_bars_are_told_by_their_names(figure, axes):
    pictures.draw_parameter_counts(axes, {"conv1": 156, "fc1": 48_120})
    assert alt_of(figure) == "Parameters. conv1: 156, fc1: 48,120."


def test_a_histogram_is_told_by_its_reach_and_its_highest_bar(figure, axes):
    axes.hist([1.0] * 50 + [2.0, 3.0], bins=20)
    assert alt_of(figure) == "20 bars from 1.05 to 2.95, highest 50 at 1.05."


def test_bars_and_points_without_a_label_have_the_name_in_the_legend(figure, axes):
    bars = axes.bar([0, 1], [3, 4], color="#1063A8")
    axes.legend([bars], ["computing"])
    assert alt_of(figure) == "computing: 0: 3, 1: 4."


def test_pictures_are_told_by_their_number_size_and_titles(figure, axes):
    pictures.draw_digits(axes, torch.rand(3, 1, 32, 32), [7, 1, 4])
    assert alt_of(figure) == "3 pictures of 32 x 32: 7, 1, 4."


def test_a_confusion_matrix_is_told_by_its_largest_mistakes(figure, axes):
    pictures.draw_confusion(axes, [[5, 1, 0], [0, 6, 4], [0, 0, 7]], "abc")
    assert alt_of(figure) == (
        "True class against the net's answer. 18 of 23 right; the largest numbers: 4 (true class "
        "b, the net's answer c), 1 (true class a, the net's answer b)."
    )


def test_small_matrices_side_by_side_have_their_titles_and_numbers(figure, axes):
    pictures.draw_kernels(axes, np.array([[[0.5, -0.25]], [[0.125, 0]]]), ["a 7", "their mean"])
    words = "A 7: 1 x 2 numbers from -0.25 to 0.5; their mean: 1 x 2 numbers from 0 to 0.125."
    assert alt_of(figure) == words


def test_what_draws_on_axes_may_say_it_better(figure, axes):
    whole = {(1, 32): 0.5, (2, 32): 0.75, (1, 64): 1.0, (2, 64): 0.625}
    compute = {(1, 32): 0.5, (2, 32): 0.25, (1, 64): 1.0, (2, 64): 0.5}
    pictures.draw_step_shares(axes, whole, compute)
    assert alt_of(figure).endswith(" 32 images: 1.50 on 2 (0.50). 64 images: 0.62 on 2 (0.50).")


def test_errors_and_squared_errors_are_told_apart(figure):
    one, other = figure.subplots(1, 2)
    pictures.draw_errors(one, torch.tensor([1.0, 5.0]), torch.tensor([0.5, 2.0]))
    pictures.draw_errors(other, torch.tensor([5.0]), torch.tensor([2.0]), squares=True)
    assert "2: true value 2, guess 5, error 3. Right" in alt_of(figure)
    assert alt_of(figure).endswith("1: true value 2, guess 5, squared error 9.")


def test_axes_side_by_side_and_below_each_other_are_told_apart(figure):
    for axes, title in zip(figure.subplots(1, 2), ("one", "two"), strict=True):
        axes.set_title(title)
    assert alt_of(figure) == "Left: One. Right: Two."
    figure.clear()
    figure.subplots(2, 1)[1].set_title("lower")
    assert alt_of(figure) == "Below: Lower."


def test_notes_are_read_and_numbers_beside_bars_are_not_told_twice(figure, axes):
    axes.bar_label(axes.bar(["a", "b"], [2, 3]))
    pictures.note(axes, "lowest", (1, 0.5), (0, 5))
    axes.text(0, 1, r"$\eta = 10^{-3}$, \$5")
    assert alt_of(figure) == "a: 2, b: 3; noted: lowest, 0.5 at b; η = 10^-3, $5."


def test_dates_are_dates(figure, axes):
    days = [datetime.date(2026, 8, 1), datetime.date(2026, 8, 3)]
    axes.plot(days, [1, 2])
    axes.set_xlabel("day")
    words = "Day from 2026-08-01 to 2026-08-03. A line begins at 1, ends at 2."
    assert alt_of(figure) == words


def test_a_way_over_two_weights_is_told_by_its_ends(figure, axes):
    axes.plot([3, -1, 0.5], [1, -2, 0], "o-", label="sgd")
    assert alt_of(figure) == "sgd goes from (3, 1) in 2 steps to (0.5, 0)."


ODD = (  # with nothing, with no numbers, and with too much on them
    lambda axes: None,
    lambda axes: axes.plot([], []),
    lambda axes: axes.plot([1, 2], [np.nan, np.inf]),
    lambda axes: axes.pie([1, 2], labels=["a", "b"]),
    lambda axes: axes.boxplot([1, 2, 9]),
    lambda axes: axes.stem([1, 2, 3]),
    lambda axes: axes.errorbar([1, 2], [3, 4], yerr=1),
    lambda axes: axes.imshow(np.full((3, 3), np.nan)),
    lambda axes: axes.imshow(np.zeros((3, 3, 3))),
    lambda axes: axes.pcolormesh(np.ones((2, 2))),
    lambda axes: axes.contourf(np.eye(4)),
    lambda axes: axes.scatter([1, 2], [3, 4], c=[0, 1]),
    lambda axes: axes.scatter([], []),
    lambda axes: axes.hist([[1, 2], [3, 4]]),
    lambda axes: axes.bar([], []),
    lambda axes: axes.fill_between([0, 1], [1, 2], label="band"),
    lambda axes: axes.step([1, 2], [3, 4]),
    lambda axes: axes.stackplot([1, 2], [3, 4], [1, 1], labels=["a", "b"]),
    lambda axes: axes.hexbin([1, 2], [3, 4]),
    lambda axes: axes.quiver([1], [1], [1], [1]),
    lambda axes: axes.table([["a"]]),
    lambda axes: axes.twinx().plot([1, 2]),
    lambda axes: axes.axline((0, 0), (1, 1)),
    lambda axes: axes.plot(["a", "b"], [1, 2]),
    lambda axes: axes.figure.colorbar(axes.imshow(np.eye(2))),
    lambda axes: axes.set_title("long " * 500),
    lambda axes: [axes.plot([1, 2], label=f"a rather long name of run {n}") for n in range(99)],
    lambda axes: axes.figure.subplots(8, 8),
)


@pytest.mark.parametrize("draw", ODD, ids=map(str, range(len(ODD))))
def test_any_figure_has_words_in_few_letters(figure, axes, draw):
    draw(axes)
    words = alt_of(figure)
    assert words == " ".join(words.split())
    assert len(words) <= MOST_LETTERS
    assert not {"nan", "inf"} & set(re.findall(r"[a-z]+", words))


@pytest.mark.parametrize("projection", ["polar", "3d", "mollweide"])
def test_axes_of_other_kinds_are_no_hindrance(figure, projection):
    axes = figure.add_subplot(projection=projection)
    axes.plot([0, 1], [0, 1])
    axes.set_title("a title")
    assert alt_of(figure).startswith("A title")


def test_an_empty_figure_is_called_so(figure):
    assert alt_of(figure) == "An empty picture."


@pytest.mark.parametrize("seed", range(5))
def test_no_number_is_said_that_is_not_on_the_figure(figure, axes, seed):
    generator = np.random.default_rng(seed)
    x, values = (
        np.arange(20),
        generator.normal(scale=10.0 ** generator.integers(-3, 6), size=(3, 20)),
    )
    pictures.draw_lines(axes, {name: (x, y) for name, y in zip("abc", values, strict=True)}, "", "")
    axes.set_ylim(1.1 * values.min(), 1.1 * values.max())
    said = re.findall(r"-?\d[\d,]*\.?\d*(?:e-?\d+)?", alt_of(figure))
    assert len(said) >= 6
    held = np.append(x, values)
    for number in (float(text.replace(",", "")) for text in said):
        assert np.abs(held - number).min() <= max(5e-3 * abs(number), 2e-3 * np.ptp(values))


def test_where_there_is_much_the_last_value_of_each_line_stays(figure, axes):
    for number in range(12):
        axes.plot([3, 1, 2, number], label=f"run number {number}")
    words = alt_of(figure)
    assert [float(end) for end in re.findall(r"ends at ([\d.]+)", words)] == list(range(12))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"$\propto 1/\sqrt{B}$", "proportional to 1/root of B"),
        ("two\nlines", "two lines"),
        (pictures.plain_text("_child_$x"), "_child_$x"),
        (r"$\Delta w_t$", "Δ w_t"),
    ],
)
def test_formulas_are_read_as_letters(text, read):
    assert plain(text) == read


@pytest.fixture
def shell():
    """Return an IPython that shows figures as a notebook does."""
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    yield shell
    InteractiveShell.clear_instance()


def test_a_figure_that_a_cell_shows_has_its_words_and_the_same_bytes(shell, axes):
    axes.plot([1, 2, 3], label="up")
    before, without = shell.display_formatter.format(axes.figure)
    give_words()
    after, metadata = shell.display_formatter.format(axes.figure)
    assert after == before
    assert "image/png" in after
    assert (without, metadata) == ({}, {"image/png": {"alt": "up begins at 1, ends at 3."}})


def test_words_outlive_another_choice_of_matplotlib(shell, axes):
    give_words()
    select_figure_formats(shell, {"png", "svg"})
    _, metadata = shell.display_formatter.format(axes.figure)
    assert metadata["image/png"]["alt"]


def test_a_figure_that_cannot_be_told_is_shown(shell, axes, monkeypatch):
    give_words()
    monkeypatch.setattr(pictures.alt, "plain", None)
    axes.plot([1, 2, 3], label="up")
    data, metadata = shell.display_formatter.format(axes.figure)
    assert "image/png" in data
    assert metadata == {}


def test_outside_of_ipython_nothing_happens():
    give_words()
    assert plt.get_fignums() == []
