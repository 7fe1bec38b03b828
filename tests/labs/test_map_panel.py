"""The map's panel and its pictures: what the hand and the keyboard do, by the public methods."""

import io
import math

import matplotlib.style
import pytest
from labs.test_map import RATES, SIZES, known, network
from matplotlib.figure import Figure
from PIL import Image
from text_boxes import collisions

from tutorial_lib import Hyperparameters
from tutorial_lib.labs import map_panel
from tutorial_lib.labs.map.draw import (
    BLUEST,
    MARKS,
    draw_cell_curve,
    draw_legend,
    draw_map,
    draw_maps,
    goodness,
    map_in_words,
    map_table,
    scaling_table,
    tint,
    tints,
)
from tutorial_lib.labs.map.grid import STATES, MapCell
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.pictures import PAPER, STYLE, Screen, alt_of, columns_or_rows, size_on
from tutorial_lib.pictures.contrast import contrast, on_dark
from tutorial_lib.pictures.theme import DARK_INK, INK

SCREENS = {"paper": PAPER, "hardly wide": Screen(660), "narrow": Screen(600), "phone": Screen(340)}


@pytest.fixture
def panel(wine):
    made = map_panel(wine, learning_rates=RATES, batch_sizes=SIZES, new_model=network)
    yield made
    made.close()


@pytest.fixture
def trainer(wine):
    made = TrainingPanel(wine, new_model=network)
    yield made
    made.close()


def place_of(panel, rate: float, size: int) -> list[float]:
    """Return the middle of a cell on the panel's picture, from its upper left corner."""
    left, bottom, width, height = panel._box
    column, row = panel.map.batch_sizes.index(size), panel.map.learning_rates.index(rate)
    return [left + width * (column + 0.5) / 3, 1 - bottom - height * (row + 0.5) / 3]


def test_a_map_is_trained_and_told_of(panel):
    cells = panel.run()
    assert len(cells) == len(panel.map.trained) == 9
    assert panel.state == "finished"
    assert "Trained:" in panel.status.value
    assert "9 of 9 cells, 2 epochs each" in panel.status.value
    assert panel.picture().alt.startswith("Map of 3 batch sizes and 3 learning rates")
    assert (panel.progress_bar.value, panel.progress_bar.max) == (9, 9)


def test_stop_and_go_on_give_the_map_that_was_never_stopped(panel, wine):
    panel.run()
    whole = dict(panel.map.cells)
    for pair in panel.map.order()[4:]:
        panel.map.add(MapCell(*pair))  # as if it had been stopped there
    panel.redraw()
    assert not panel.go_on_button.disabled
    panel.go_on()
    panel._session.wait(60)
    panel.refresh()
    assert panel.map.cells == whole
    assert len(panel.records) == 5
    assert panel.go_on_button.disabled


def test_measure_begins_anew(panel):
    panel.run()
    before = panel.map
    panel.run()
    assert panel.map is not before
    assert panel.map.cells == before.cells


def test_each_budget_has_a_map_of_its_own(panel):
    panel.run()
    panel.run(budget="steps")
    assert panel.map.budget == "steps"
    assert {cell.steps for cell in panel.map.trained} == {250}
    panel.set(budget="epochs")
    assert panel.map.budget == "epochs"
    assert panel.map.is_whole


def test_the_map_of_equal_seconds_says_whose_they_are(panel):
    panel.set(budget="seconds")
    assert "of this machine" in panel.status.value
    assert "of this machine" in panel.picture_in_words()


def test_sliders_choose_a_cell_and_its_curve_is_drawn(panel):
    panel.run()
    before = panel.image.value
    panel.controls["learning_rate"].value = 0.05
    panel.controls["batch_size"].value = 32
    assert panel.chosen.pair == (0.05, 32)
    assert panel.image.value != before
    assert "Chosen: rate 0.05, batch 32" in panel.status.value


def test_the_mouse_chooses_the_cell_on_which_it_rests(panel):
    panel.pointer.pointed = place_of(panel, 0.2, 8)
    assert panel.chosen.pair == (0.2, 8)
    panel.pointer.pointed = [0.0, 0.0]  # beside the map
    assert panel.chosen.pair == (0.2, 8)


def test_a_click_gives_the_cell_to_the_training_panel(wine, trainer):
    settings = Hyperparameters(optimizer="nesterov", momentum=0.5)
    panel = map_panel(
        wine, panel=trainer, settings=settings, learning_rates=RATES, batch_sizes=SIZES,
        new_model=network, amounts={"epochs": 3},
    )  # fmt: skip
    panel.pointer.clicked = [*place_of(panel, 0.05, 16), 1]
    wanted = {"learning_rate": 0.05, "batch_size": 16, "optimizer": "nesterov"}
    wanted |= {"momentum": 0.5, "epochs": 3}
    assert {name: trainer.values()[name] for name in wanted} == wanted
    panel.choose(0.2, 32)
    panel.use_button.click()
    assert trainer.settings.batch_size == 32
    panel.close()


def test_what_it_gives_trains_as_the_cell_did(wine, trainer):
    panel = map_panel(
        wine, panel=trainer, learning_rates=RATES, batch_sizes=SIZES, new_model=network
    )
    panel.run()
    panel.choose(0.1, 16)
    panel.use()
    run = trainer.run()
    assert run.scores[-1].loss == pytest.approx(panel.chosen.validation_loss, rel=1e-4)
    panel.close()


def test_a_training_panel_that_trains_is_left_alone(wine, trainer, monkeypatch):
    panel = map_panel(wine, panel=trainer, new_model=network)
    monkeypatch.setattr(TrainingPanel, "state", "running")
    before = trainer.settings
    assert panel.use() is None
    assert trainer.settings == before
    assert "Stop it first" in panel.status.value
    panel.close()


def test_a_map_in_a_file_is_gone_on_with_and_kept_when_it_begins_anew(wine, tmp_path):
    looks = {"learning_rates": RATES, "batch_sizes": SIZES, "new_model": network}
    looks["save_to"] = tmp_path / "map.json"
    first = map_panel(wine, **looks)
    first.run()
    first.close()
    second = map_panel(wine, **looks)
    assert second.map.cells == first.map.cells
    assert "9 of 9 cells" in second.status.value
    second.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "map-epochs-2.json",
        "map-epochs.json",
    ]
    second.close()


def test_a_recorded_map_is_shown_at_first_and_says_that_it_is_one(wine, panel):
    panel.run()
    looks = {"learning_rates": RATES, "batch_sizes": SIZES, "new_model": network}
    again = map_panel(wine, maps=[panel.map], **looks)
    assert "9 of 9 cells" in again.status.value
    assert f"Recorded on {panel.map.made_with['on']}" in again.status.value
    again.run()
    assert again.map is not panel.map
    assert "Recorded" not in again.status.value
    again.close()
    with pytest.raises(ValueError, match="learning_rates"):
        map_panel(wine, new_model=network, maps=[panel.map])


def test_the_table_has_each_cell(panel):
    panel.run()
    panel.show_table()
    text = panel.table_shelf.children[0].value
    assert text.count("<tr>") == 4
    assert panel.table_button.description == "Hide table"
    panel.show_table()
    assert not panel.table_shelf.is_open


def test_a_regression_has_no_accuracy_to_colour_by(diabetes):
    panel = map_panel(diabetes, learning_rates=[1e-5, 1e-4], batch_sizes=[16, 32])
    assert "by" not in panel.controls
    panel.run()
    assert "2 learning rates, coloured by validation loss" in panel.picture_in_words()
    panel.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"panel": 3}, "TrainingPanel"),
        ({"amounts": 3}, "amounts"),
        ({"amounts": {"money": 3}}, "money"),
        ({"amounts": {"steps": 1.5}}, "amount"),
        ({"save_to": 3}, "save_to"),
        ({"batch_sizes": [500]}, "batch_size"),
        ({"settings": 3}, "settings"),
        ({"maps": [3]}, "maps"),
    ],
)
def test_bad_input_is_refused(wine, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        map_panel(wine, new_model=network, **options)


# ---- pictures ----


def figure_of(the_map, screen=PAPER, chosen=None, **looks):
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=size_on(screen, (9, 3.9), (9, 7.6)), dpi=100)
        axes = columns_or_rows(figure, 2, width_ratios=(1.9, 1))
        draw_map(axes[0], the_map, chosen=chosen, **looks)
        draw_cell_curve(axes[1], chosen, the_map)
        draw_legend(axes[0], STATES, lines=screen.is_narrow)
        figure.canvas.draw()
    return figure


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_the_names_beside_a_map_do_not_touch(screen):
    is_wide = screen.width > 640
    with matplotlib.style.context(STYLE):
        figure = figure_of(known(), screen, labels=is_wide, numbers=is_wide)
        assert collisions(figure) == []


def test_states_are_told_apart_by_letter_and_by_hatch_not_by_colour_alone():
    told = [MARKS[state] for state in STATES if state not in ("learned", "open")]
    assert len({letter for letter, _ in told}) == len({hatch for _, hatch in told}) == 4
    figure = figure_of(known())
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "\N{INFINITY}" in texts
    assert "2.00 s" in texts
    assert "0.10" in texts


def test_numbers_can_be_read_on_the_bluest_cell_on_white_and_on_dark():
    assert contrast(tint(1.0), INK) >= 4.5
    dark = [on / 255 for on in Image.new("RGB", (1, 1), on_dark("#1063A8")).getpixel((0, 0))]
    ground = [BLUEST * part + (1 - BLUEST) * 0x11 / 255 for part in dark]
    assert contrast(ground, DARK_INK) >= 4.5


def test_blue_is_of_the_small_palette():
    assert len(set(tints().round(3))) >= 8
    assert tint(0.0) == (1.0, 1.0, 1.0)


def test_what_is_better_is_bluer():
    the_map = known()
    pairs = (0.4, 8), (0.1, 512), (0.1, 32)  # diverged, slow, best
    by_loss = [goodness(the_map.cells[pair], the_map, "loss") for pair in pairs]
    assert by_loss[0] == 0.0
    assert by_loss == sorted(by_loss)
    assert goodness(the_map.cells[0.1, 32], the_map, "accuracy") == pytest.approx(0.0)


def test_rules_are_lines_through_the_best_rate_at_32():
    axes = figure_of(known()).axes[0]
    linear, root, ridge = axes.lines
    (x32, y32), half = (1, 2), 0.05  # of a step of the line
    for line, rate in ((linear, 4), (root, 2)):
        x, y = line.get_data()
        at = abs(x - x32).argmin()
        assert y[at] == pytest.approx(y32, abs=2 * half)
        slope = (y[at + 10] - y[at]) / (x[at + 10] - x[at])
        assert slope == pytest.approx(math.log2(rate), rel=0.01)  # 32 to 128: two rates, or one
    assert list(ridge.get_data()[1]) == [1, 2, 3]


def test_words_and_tables_by_hand():
    the_map = known()
    words = map_in_words(the_map)
    assert "20 of 20 cells trained, 2 epochs each" in words
    assert "Lowest loss 0.100: rate 0.1, batch 32" in words
    assert "Best rate by batch size: 8: 0.05, 32: 0.1, 128: 0.2" in words
    assert "14 learned, 5 slow, 1 diverged" in words
    assert "The rule linear gives 8: rate 0.025, 0.500, 128: rate 0.4, 0.500" in words
    _, table = map_table(the_map)
    assert table.rows[0] == ["0.4", "diverged", "0.500", "0.500", "2.00 slow"]
    assert scaling_table(the_map).rows[2] == [
        "128", "0.2", "0.300", "0.4", "0.500", "0.2", "0.300",
    ]  # fmt: skip


def test_three_maps_side_by_side_have_one_legend():
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9, 3.4))
        draw_maps(figure.subplots(1, 3), [known()] * 3)
        assert len(figure.legends) == 1
        assert alt_of(figure).count("14 of 20 cells learned; best rates by batch size") == 3
        assert collisions(figure) == []


def test_a_panels_picture_is_small(panel):
    panel.run()
    png = panel.picture().data
    assert len(png) < 60_000
    assert Image.open(io.BytesIO(png)).size == (900, 390)
