"""A name that somebody gives is drawn, and put into HTML, as it stands."""

from collections import OrderedDict

import matplotlib.style
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from tutorial_lib import TrainingRun
from tutorial_lib.engine import EvaluationRecord
from tutorial_lib.labs import draw_inside, looking_inside
from tutorial_lib.labs.losses.draw import draw_losses_at
from tutorial_lib.labs.race.draw import draw_race
from tutorial_lib.labs.race.measure import race
from tutorial_lib.labs.schedules.draw import draw_schedules
from tutorial_lib.pictures import (
    STYLE,
    LiveCurve,
    draw_activations,
    draw_digits,
    draw_kernels,
    draw_learning_rates,
    draw_lines,
    draw_parameter_counts,
    draw_runs,
    draw_valley,
    draw_ways,
    plain_text,
    png_of,
)
from tutorial_lib.table import Table, plain_html, shortened

NAMES = {  # what is given: what is drawn
    r"$\foo$": r"$\foo$",
    "$5": "$5",
    "$5 or $6": "$5 or $6",
    r"\$5$": r"\$5$",
    "$": "$",
    "_mine": "\u200b_mine",
    "_child0": "\u200b_child0",
    "50 % of {it}": "50 % of {it}",
    "\\frac": "\\frac",
    "<b>bold</b> & co": "<b>bold</b> & co",
    " two\nlines ": "two\nlines",
    "a\tb\x07\u202e": "a b",
    "1\n2\n3\n4\n5": "1\n2\n3…",
    500 * "x": 39 * "x" + "…",
    "rocket \U0001f680\ufe0f": "rocket □",
    "\ud800": "□",
    "": "",
    " \n ": "",
}
BAD = [*NAMES, "x\u0301", "中文"]


@pytest.fixture
def figure():
    with matplotlib.style.context(STYLE):
        yield Figure((14, 9), layout="none")  # room for all of them


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_a_name_is_drawn_as_it_stands(figure, name, shown):
    text = figure.text(0.1, 0.5, plain_text(name))
    picture = png_of(figure)
    text.set(text=shown, parse_math=False)
    assert png_of(figure) == picture


def test_a_letter_is_lacking_if_no_font_of_ones_own_has_it():
    assert plain_text("\u2c80 \u2202") == "□ \u2202"  # of Coptic, DejaVu Sans has nothing
    with matplotlib.rc_context({"font.family": ["cmr10", "DejaVu Sans"]}):
        assert plain_text("\u2202") == "\u2202"  # which only the second one has
    with matplotlib.rc_context({"font.family": ["cmr10"]}):
        assert plain_text("\u2202") == "□"


# ---- each picture that shows names ----


CURVE = np.array([[0.0, 1.0], [1.0, 2.0]])
EYES = np.eye(5)[None].repeat(len(BAD), 0)


def of_all(value):
    return dict.fromkeys(BAD, value)


def draw_with_legend(axes):
    draw_ways(axes, of_all(CURVE))
    axes.legend()


PICTURES = {
    "runs": lambda axes, steps: draw_runs(axes, of_all(steps)),
    "rates": lambda axes, steps: draw_learning_rates(axes, of_all(steps)),
    "ways": lambda axes, steps: draw_with_legend(axes),
    "lines": lambda axes, steps: draw_lines(axes, of_all(CURVE), "x", "y"),
    "counts": lambda axes, steps: draw_parameter_counts(axes, of_all(5)),
    "digits": lambda axes, steps: draw_digits(axes, EYES, BAD),
    "kernels": lambda axes, steps: draw_kernels(axes, EYES, BAD),
    "activations": lambda axes, steps: draw_activations(axes, of_all(torch.rand(1, 4))),
    "schedules": lambda axes, steps: draw_schedules(axes, of_all([0.1, 0.2])),
}


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def without_breaks(text):
    return "".join(text.split())


def shows_all(figure):
    shown = png_of(figure) and without_breaks(texts(figure))  # long names are broken into lines
    return all(without_breaks(plain_text(name)) in shown for name in BAD)


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_can_show_every_name(figure, picture, new_run):
    run = new_run()
    PICTURES[picture](figure.add_subplot(), [run.step(), run.step()])
    assert shows_all(figure)


def test_curves_of_losses_can_have_every_name(figure):
    curves, marks = of_all(([0, 1], [1, 1])), of_all((1.0, 1.0))
    draw_losses_at(figure.subplots(1, 2), [0, 1], curves, 0.5, marks)
    assert shows_all(figure)


@pytest.mark.parametrize("name", [r"$\foo$", "_x", 500 * "x"])
def test_a_loss_can_have_every_name(figure, name):
    draw_valley(figure.add_subplot(), *torch.rand(2, 9), name, best="")
    assert png_of(figure)


@pytest.mark.parametrize("y", ["loss", "accuracy"])
def test_runners_can_have_every_name(figure, y, few, new_run):
    settings = new_run(epochs=1, batch_size=50).hyperparameters
    runners = of_all(settings) | {r"$\out$": settings.replace(learning_rate=1e30)}
    draw_race(figure.add_subplot(), race(few, runners), y=y, noun=r"$\foo$")
    assert shows_all(figure)


@pytest.mark.parametrize("name", [r"$\foo$", "_x", 500 * "x", "rocket \U0001f680"])
def test_the_live_curve_can_show_every_name(name, new_run):
    curve = LiveCurve(100, 50, noun=name)
    curve.begin(name, 3)
    curve.add([new_run().step(), EvaluationRecord(2, 0, 20, 1.0, 0.5)])
    assert curve.png()
    curve.relabel([name * 2])
    assert curve.png()


def test_a_layer_can_have_any_name(figure, few, new_run):
    model = nn.Sequential(OrderedDict({"flat": nn.Flatten(), r"$\foo$": nn.Linear(1024, 10)}))
    run = TrainingRun(model, few, new_run().hyperparameters)
    draw_inside(figure.subplots(4, 1, squeeze=False), {r"$\bar$": list(looking_inside(run))})
    assert png_of(figure)
    assert plain_text(r"$\foo$") in texts(figure)


# ---- HTML and tables ----


def test_a_table_shows_texts_as_they_stand():
    table = Table(["<b>", "n"], [[r"$\foo$ & 'x'", "1\n2"]])
    assert table._repr_html_().count("&lt;b&gt;") == 1
    assert 'tex2jax_ignore">$\\foo$ &amp; &#x27;x&#x27;</span>' in table._repr_html_()
    assert repr(table).splitlines()[1:] == [r"$\foo$ & 'x'  1 2"]


def test_plain_texts_stay_plain_html():
    assert plain_html("lr 0.1, batch 32") == "lr 0.1, batch 32"
    assert plain_html(r"\(x\)").startswith('<span class="mathjax_ignore')


def test_a_long_text_ends_in_an_ellipsis():
    assert shortened(40 * "x") == 40 * "x"
    assert shortened(41 * "x") == 39 * "x" + "…"
