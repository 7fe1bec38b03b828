"""What those hear who do not see a panel: its state, its picture in words, its curve as a table."""

import re

import ipywidgets as widgets
import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.evaluation import ACCURACY, ShownMetric
from tutorial_lib.panels import MeasurePanel, PlayPanel, TrainingPanel, controls, live
from tutorial_lib.panels.live import SPOKEN_SECONDS, LivePanel
from tutorial_lib.panels.page import PanelPage
from tutorial_lib.panels.table_shelf import table_html
from tutorial_lib.pictures import curve_in_words, curve_table
from tutorial_lib.pictures.curve import CurveSeries
from tutorial_lib.pictures.curve_words import MAX_CHANGES, MAX_ROWS
from tutorial_lib.table import Table

NAN = float("nan")
ERROR = ShownMetric("mean absolute error", "mean_absolute_error", is_share=False)


def run_of(epochs: float, *, label: str = "adam", scores: tuple[float, ...] = ()) -> CurveSeries:
    """Return a run of ten steps an epoch: its losses fall from 2 to 1 and end a little higher."""
    run, steps = CurveSeries(label, "black", max(1, round(epochs)), 100), round(10 * epochs)
    run.x.extend((step + 1) / 10 for step in range(steps))
    run.smoothed.extend([2.0] * (steps - 2) + [1.0, 1.25])
    run.lowest = 1.0
    for epoch, score in enumerate(scores):
        run.scored_x.append(epoch + 1)
        run.scored_loss.append(1 - epoch / 10)
        run.scores.append(score)
    return run


class Busy(LivePanel):
    """A panel on which something goes on for as long as a test wants."""

    goes_on = True

    def is_active(self) -> bool:
        return self.goes_on


def finder() -> MeasurePanel:
    """Return a panel that has something to measure."""

    def draw(figure, records):
        figure.add_subplot()
        return "Nothing yet."

    return MeasurePanel("finder", lambda: iter(()), draw, lambda: 3, {})


@pytest.fixture
def busy(monkeypatch):
    """Return a panel, what it has spoken so far, and a function that lets seconds pass."""
    now, spoken, panel = [100.0], [], Busy("busy", {})
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    panel.page.observe(lambda change: spoken.append(change["new"]), "spoken")
    yield panel, spoken, lambda seconds: now.append(now.pop() + seconds)
    panel.close()


def test_what_goes_on_is_spoken_each_ten_seconds_and_its_end_at_once(busy):
    panel, spoken, wait = busy
    for step in range(100):
        panel.say("Training:", f"step {step}.")
        wait(0.2)
    assert len(spoken) == 100 * 0.2 / SPOKEN_SECONDS
    panel.goes_on = False
    panel.say("Finished:", "step 100.")
    assert spoken[-1] == "Finished: step 100."


def test_another_headline_is_spoken_at_once(busy):
    panel, spoken, _ = busy
    panel.say("Training:", "step 1.")
    panel.say("Pausing:", "step 2.")
    assert spoken == ["Training: step 1.", "Pausing: step 2."]


def test_the_words_for_a_kernel_that_ends_are_not_spoken_before(busy):
    panel, spoken, _ = busy
    panel.say("Training:", "<step> 1.")
    assert "Nothing was heard" in panel.status.value
    assert spoken == ["Training: <step> 1."]
    assert panel.page.ended_words.endswith("run the cell again.")


def test_a_panel_says_which_widget_the_page_looks_at(busy):
    assert busy[0].page.panel == busy[0].model_id


def test_a_picture_that_answers_sliders_has_their_sentence():
    slider = controls.play_slider("height", 1.0, 0, 2, "How high.")
    panel = PlayPanel("play", lambda axes, height: f"It is {height} high.", {"height": slider})
    panel.set(height=2.0)
    assert panel.page.picture_words == panel.page.spoken == "It is 2.0 high."
    panel.close()


def test_a_curve_in_words_tells_each_run_by_name():
    runs = [run_of(2, label="sgd", scores=(50.0, 75.5)), run_of(0.5, label="adam")]
    runs[1].marks, runs[1].diverged = [(0.3, "lr 0.5")], True
    assert curve_in_words(runs, ACCURACY) == (
        "Loss and accuracy of 2 runs. "
        "sgd: smoothed loss from 2.00 to 1.25 at epoch 2, lowest 1.00. "
        "Held-out loss from 1.00 to 0.900 in 2 epochs. "
        "Held-out accuracy from 50.0% to 75.5% in 2 epochs. "
        "adam: smoothed loss from 2.00 to 1.25 at epoch 0.5, lowest 1.00. "
        "Changed on the way: lr 0.5 at epoch 0.3. It diverged at epoch 0.5."
    )


def test_a_curve_in_words_counts_the_changes_that_it_leaves_out():
    run = run_of(1)
    run.marks = [(number / 10, f"lr {number}") for number in range(MAX_CHANGES + 3)]
    assert ", and 3 more." in curve_in_words([run], ACCURACY)


@pytest.mark.parametrize("runs", [[], [CurveSeries("adam", "black", 1, 100)]])
def test_a_curve_without_a_step_has_words_and_a_table(runs):
    assert "no" in curve_in_words(runs, ACCURACY)
    caption, table = curve_table(runs, ACCURACY)
    assert (caption, table.rows) == ("No run has begun", [])


def test_a_score_that_is_no_number_is_left_out():
    run = run_of(2, scores=(NAN, 3.5))
    assert "Held-out mean absolute error 3.50." in curve_in_words([run], ERROR)


@pytest.mark.parametrize("epochs", [0.3, 1, 2.7, 5, 30, 31, 1000])
def test_a_table_of_a_curve_has_few_rows_and_the_last_step(epochs):
    _, table = curve_table([run_of(epochs)], ACCURACY)
    assert len(table.rows) <= MAX_ROWS + 1
    assert table.rows[-1][:2] == [f"{epochs:g}", "1.25"]
    assert len({row[0] for row in table.rows}) == len(table.rows)


def test_a_table_of_two_runs_names_them_and_says_how_often():
    runs = [run_of(2, label="sgd", scores=(50.0, 75.5)), run_of(1, label="adam")]
    caption, table = curve_table(runs, ACCURACY)
    assert "every 0.1 epoch, and where a run ends" in caption
    assert table.heads[1:3] == ["sgd: loss", "sgd: held-out loss"]
    assert table.rows[-1] == ["2", "1.25", "0.900", "75.5%", "", "", ""]
    assert table.rows[9] == ["1", "2.00", "1.00", "50.0%", "1.25", "", ""]


def test_a_table_in_the_page_has_caption_and_headings_and_shows_names_as_they_stand():
    page = table_html("Losses", Table(["epoch", "<b>: loss"], [["1", "0.5"]]))
    assert ">Losses</caption>" in page
    assert re.findall(r'<th scope="(\w+)"[^>]*>([^<]*)</th>', page) == [
        ("col", "epoch"),
        ("col", "&lt;b&gt;: loss"),
        ("row", "1"),
    ]


def test_a_training_panel_has_its_run_in_words_and_as_a_table(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=10))
    panel.run()
    words = panel.picture().alt
    assert words == panel.page.picture_words
    assert "smoothed loss from" in words
    assert panel.page.spoken.startswith("Finished: epoch 2 of 2")
    panel.table_button.click()
    assert "<caption" in panel.table_shelf.children[0].value
    assert panel.table_button.description == "Hide table"
    panel.table_button.click()
    assert not panel.table_shelf.is_open
    panel.close()


def test_a_run_that_goes_on_is_spoken_shorter_than_it_is_written(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=10))
    panel.run()
    said = panel.in_few_words("Training:")
    assert re.fullmatch(r"Training: epoch 2 of 2, loss [\d.]+, \d+ of \d+ right\.", said)
    assert panel.in_few_words("Finished:") == panel.page.spoken
    panel.close()


def test_a_measurement_that_goes_on_is_spoken_by_how_far_it_is(monkeypatch):
    panel = finder()
    monkeypatch.setattr(type(panel), "state", "running")
    assert panel.in_few_words("Measuring:") == "Measuring: 0 of 3."
    monkeypatch.undo()
    assert panel.in_few_words("Ready.") == "Ready. Nothing yet."
    panel.close()


def test_a_panel_that_is_closed_leaves_no_table_behind(few):
    before = set(widgets.widget._instances)
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1))
    panel.show_table()
    panel.close()
    assert set(widgets.widget._instances) <= before


def test_a_batch_size_is_told_with_its_unit():
    assert controls.batch_size_slider(32, 4000, unit="wines").unit == "wines"


@pytest.mark.parametrize(("hears", "loss", "sounds"), [(0, 2.5, 0), (1, 2.5, 2.5), (1, NAN, 0)])
def test_a_loss_is_handed_on_as_a_tone_where_somebody_listens(hears, loss, sounds):
    page = PanelPage(hears=bool(hears))
    page.sound(loss)
    assert page.loss == sounds
    page.close()


def test_the_tone_of_a_run_ends_with_it(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1000, batch_size=10))
    panel.page.hears = True
    panel.train()
    panel._session.join(0.1)
    panel.refresh()
    assert 0 < panel.page.loss < 4
    panel.stop()
    panel._session.join()
    panel.refresh()
    assert panel.page.loss == 0
    panel.close()
