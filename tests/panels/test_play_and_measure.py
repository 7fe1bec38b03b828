"""Panels that answer sliders, and panels that measure in the background."""

import threading

import ipywidgets as widgets
import pytest

from tutorial_lib.panels import MeasurePanel, PlayPanel, controls, live

PATIENCE = 60


def draw_line(axes, slope):
    axes[0].plot([0, 1], [0, slope])
    return f"A line of slope {slope:g}."


@pytest.fixture
def play():
    panel = PlayPanel("slope", draw_line, {"slope": widgets.FloatSlider(value=1.0, max=9)})
    yield panel
    panel.close()


def test_a_moved_slider_changes_picture_and_words(play):
    before = play.image.value
    play.set(slope=3)
    assert play.image.value != before
    assert "A line of slope 3." in play.status.value
    assert play.picture(slope=2).alt == "A line of slope 2."
    assert repr(play) == "PlayPanel('slope')"


def test_a_picture_of_other_values_leaves_the_panel_as_it_is(play):
    before = play.image.value, play.status.value
    assert play.picture(slope=2).data != play.image.value
    assert (play.image.value, play.status.value) == before
    assert play.values() == {"slope": 1.0}
    play.set(slope=2)
    assert play.picture().data == play.image.value == play.picture(slope=2).data


@pytest.mark.parametrize("call", ["set", "picture"])
def test_a_control_that_is_not_there_is_named_and_nothing_moves(play, call):
    with pytest.raises(ValueError, match="got 'slop'"):
        getattr(play, call)(slope=2, slop=3)
    assert play.values() == {"slope": 1.0}


def test_stops_of_a_rate_are_read_as_the_round_numbers_that_they_show():
    control = controls.play_rate_slider("rate", 0.1, "", low=-2, high=1)
    for exponent, shown in (
        (0.3, 2.0),
        (-0.3, 0.5),
        (0.26, 1.8),
        (0.6, 4.0),
        (-2, 0.01),
        (1, 10.0),
    ):
        control.slider.value = 10**exponent
        assert control.value == shown
    for value in (1.234, 10**0.3):  # from code
        control.value = value
        assert control.value == value


def count_up(until):
    yield from range(until)


def draw_numbers(figure, records, until):
    figure.add_subplot().plot(list(records))
    return f"{len(records)} of {until}."


@pytest.fixture
def measure():
    controls = {"until": widgets.IntSlider(value=5)}
    panel = MeasurePanel("count", count_up, draw_numbers, lambda until: until, controls)
    yield panel
    panel.close()


def test_a_measurement_is_run_drawn_and_returned(measure):
    before = measure.image.value
    assert measure.run() == (0, 1, 2, 3, 4)
    assert measure.image.value != before
    assert measure.status.value == "<b>Measured:</b> 5 of 5."
    assert measure.progress_bar.value == measure.progress_bar.max == 5
    assert measure.run(until=3) == (0, 1, 2)


def test_stop_looks_dead_while_run_holds_the_kernel():
    said, has_said = [], threading.Event()

    def until_it_is_said(until):
        yield 0
        assert has_said.wait(60)

    def listen(change):
        if change.new.startswith("<b>Measuring:"):
            said.append((live.HELD in change.new, panel.stop_button.disabled))
            has_said.set()

    controls = {"until": widgets.IntSlider(value=1)}
    panel = MeasurePanel("count", until_it_is_said, draw_numbers, lambda until: until, controls)
    panel.status.observe(listen, "value")
    for run in (panel.run, panel.start):
        has_said.clear(), run(), panel._session.join(60)
    assert {*said[:-1]} == {(True, True)}
    assert said[-1] == (False, False)
    assert live.HELD not in panel.status.value
    panel.close()


def test_what_is_measured_is_what_the_controls_say_afterwards(measure):
    measure.run(until=3)
    assert measure.controls["until"].value == 3
    with pytest.raises(ValueError, match="untill"):
        measure.run(untill=4)
    assert measure.records == (0, 1, 2)


def test_until_it_is_started_the_picture_says_which_button_to_press():
    figures = []

    def draw(figure, records, until):
        figures.append(figure)
        return draw_numbers(figure, records, until)

    controls = {"until": widgets.IntSlider(value=5)}
    panel = MeasurePanel("count", count_up, draw, lambda until: until, controls, button="Count")
    panel.run()
    hints = [[text.get_text() for text in figure.axes[0].texts] for figure in figures]
    assert hints[0] == ["Press Count:\nthe picture grows here."]
    assert hints[-1] == []
    panel.close()


def test_where_the_kernel_has_no_loop_the_panel_says_so_and_waits(monkeypatch):
    monkeypatch.setattr(live, "in_ipython", lambda: True)
    controls = {"until": widgets.IntSlider(value=5)}
    panel = MeasurePanel("count", count_up, draw_numbers, lambda until: until, controls)
    assert live.WAITS in panel.children[-1].value
    panel.start_button.click()
    assert not panel.is_active()
    assert len(panel.records) == 5
    panel.close()


def test_where_no_controls_can_be_shown_words_say_what_works(measure):
    data, _ = measure._repr_mimebundle_()
    assert "from code run() measures and picture() shows it" in data["text/plain"]


def test_a_measurement_started_by_its_button_can_be_stopped():
    go = threading.Event()

    def slow(until):
        for number in range(until):
            yield number
            assert go.wait(PATIENCE)

    controls = {"until": widgets.IntSlider(value=5)}
    panel = MeasurePanel("slow", slow, draw_numbers, lambda until: until, controls)
    panel.start_button.click()
    assert panel.start_button.disabled
    panel.stop_button.click()
    go.set()
    panel._session.wait(PATIENCE)
    panel.refresh()
    assert "Stopped:" in panel.status.value
    assert len(panel.records) < 5
    panel.close()


def test_an_error_in_a_measurement_is_raised_and_said():
    def broken(until):
        yield 0
        raise ValueError("no such net")

    controls = {"until": widgets.IntSlider(value=5)}
    panel = MeasurePanel("broken", broken, draw_numbers, lambda until: until, controls)
    with pytest.raises(ValueError, match="no such net"):
        panel.run()
    assert "<b>Failed:</b> no such net" in panel.status.value
    panel.close()
