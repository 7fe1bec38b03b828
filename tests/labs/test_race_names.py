"""On a race's panel a runner can have any name, and keeps it in picture, table and words."""

import html

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.labs.race import panel as panel_module
from tutorial_lib.labs.race.panel import RacePanel

SHORT = Hyperparameters(epochs=1, batch_size=50)
NAMES = [r"$\foo$", "$5 or $6", "_child0", "<b>bold</b>", "100 %", "\\", "two\nlines", "rocket 🚀"]


@pytest.fixture
def panel(few):
    return RacePanel(few, {name: SHORT for name in NAMES}, target_loss=10)  # noqa: C420


def test_runners_race_under_any_name(panel):
    panel.run()
    assert panel.state == "finished"
    assert panel.status.value.startswith("<b>Raced:</b> $\\foo$ was the first")
    assert "<b>bold" not in panel.table().data
    assert html.escape("<b>bold</b>") in panel.table().data
    assert [row.label for row in panel.standings] == NAMES


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_runner_can_be_given_any_name_by_its_field(few, name):
    panel = RacePanel(few, {"before": SHORT})
    panel.run()
    panel._rows.children[0].name.value = name
    assert list(panel.runners) == [name]
    assert html.escape(name) in panel._table.value
    assert "Not renamed" not in panel.status.value


def test_a_long_name_is_shortened_in_table_and_words(few):
    panel = RacePanel(few, {500 * "x": SHORT}, target_loss=10)
    panel.run()
    short = 39 * "x" + "…"
    assert short in panel.status.value
    assert short in panel._table.value
    assert 40 * "x" not in panel.status.value + panel._table.value


@pytest.mark.parametrize(("name", "error"), [("", ValueError), (" \n", ValueError), (3, TypeError)])
def test_what_is_no_name_is_refused(panel, name, error):
    with pytest.raises(error, match="a runner's name must"):
        panel.add(name, SHORT)
    assert list(panel.runners) == NAMES


def test_a_race_that_could_not_be_drawn_is_drawn_once_it_can_be(panel, monkeypatch):
    panel.run()
    before = panel.image.value
    with monkeypatch.context() as broken:
        broken.setattr(panel_module, "draw_race", None)
        with pytest.raises(TypeError):
            panel.rename(NAMES[0], "other")
    panel.rename("other", "another")
    assert panel.image.value != before
    panel.run()
    assert panel.state == "finished"
    assert not panel.start_button.disabled
