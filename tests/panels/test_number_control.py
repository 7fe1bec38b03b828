"""A number control shows exactly what it is worth, and bends nothing that is typed or set."""

import asyncio
import threading

import ipywidgets as widgets
import pytest
from ipywidgets.widgets.widget import _instances

from tutorial_lib.panels import controls
from tutorial_lib.panels.controls import NumberControl, Range

CONTROLS = {
    "rate": lambda: controls.learning_rate_slider(0.01),
    "momentum": lambda: controls.momentum_slider(0.9),
    "batch size": lambda: controls.batch_size_slider(32, 4000),
    "play": lambda: controls.play_slider("error", 2.0, -3, 3, "An error."),
    "play rate": lambda: controls.play_rate_slider("rate", 0.1, "A rate."),
    "count": lambda: controls.count_slider("steps", 40, 1, 100, "How many."),
    "typed count": lambda: controls.count_field("epochs", 5, "Passes."),
    "field": lambda: NumberControl("target loss", 0.5, Range(0, above=True), "Who is first?"),
}


@pytest.fixture
def rate():
    control = CONTROLS["rate"]()
    yield control
    controls.close_all(control)


@pytest.fixture(params=CONTROLS, ids=lambda name: name.replace(" ", "_"))
def any_control(request):
    control = CONTROLS[request.param]()
    yield control
    controls.close_all(control)


@pytest.mark.parametrize(
    ("text", "value"), [("0,05", 0.05), ("2%", 0.02), (" 5e-2 ", 0.05), ("1e-5", 1e-5), ("3", 3.0)]
)
def test_a_typed_number_is_taken_shown_and_reached_by_the_slider(rate, text, value):
    seen = []
    rate.observe(lambda change: seen.append(change["new"]), "value")
    rate.field.value = text
    assert seen == [rate.value] == [value]
    assert float(rate.field.value) == rate.slider.value == value
    assert rate.refusal == ""


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1,024", "nan", "<b>"])
def test_what_is_not_taken_is_answered_and_the_old_value_stays_and_shows(rate, text):
    rate.field.value = text
    assert (rate.value, rate.field.value, rate.slider.value) == (0.01, "0.01", 0.01)
    assert "learning rate must be a number above 0; got" in rate.refusal
    assert rate.refusal.endswith(". It stays 0.01.")
    rate.field.value = text  # again
    assert (rate.field.value, bool(rate.refusal)) == ("0.01", True)


def test_an_answer_goes_when_the_value_is_set_in_any_way(rate):
    for take in (
        lambda: setattr(rate.field, "value", "0.02"),
        lambda: setattr(rate.slider, "value", 0.1),
        lambda: setattr(rate, "value", 0.3),
        lambda: setattr(rate.field, "value", "0.30"),
    ):
        rate.field.value = "abc"
        assert rate.refusal
        take()
        assert rate.refusal == ""


def test_every_control_answers_words_and_numbers_that_it_does_not_take(any_control):
    before = any_control.value, any_control.field.value
    for text in ("twelve", "-1e9"):
        any_control.field.value = text
        assert any_control.allowed.words in any_control.refusal
        assert (any_control.value, any_control.field.value) == before


def test_every_control_refuses_from_code_what_it_does_not_take(any_control):
    before = any_control.value, any_control.field.value
    for bad in (-(10**9), "1", None, True, float("nan"), 10**400):
        with pytest.raises((ValueError, TypeError), match=f"{any_control.name} must be"):
            any_control.value = bad
    assert (any_control.value, any_control.field.value) == before


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rate", (1e-5, 1e-300, 5e-324, 10**-1.7, 1.995, 0.1 + 0.2, 2, 1e9, 1e30)),
        ("momentum", (0.995, 1 - 2**-53, 0, 0.123456789)),
        ("batch size", (1, 100, 33, 3999, 4000)),
        ("typed count", (150, 10**6, 10**12)),
    ],
)
def test_what_is_set_from_code_is_never_bent(name, values):
    control = CONTROLS[name]()
    for value in values:
        control.value = value
        assert control.value == value
        assert float(control.field.value) == value
        if control.slider is not None:
            assert control.slider.value == pytest.approx(value, rel=1e-9)
    controls.close_all(control)


def test_a_slider_that_was_widened_is_as_it_was_once_its_value_is_near_again(rate):
    rate.value = 1e-7
    assert (rate.slider.min, rate.slider.max) == (-7, 0)
    rate.value = 0.1
    assert (rate.slider.min, rate.slider.max) == (-4, 0)


def test_a_slider_never_goes_to_where_a_value_is_refused():
    control = controls.batch_size_slider(100, 100)
    assert control.slider.max == pytest.approx(6.643856)  # 2^6.64 = 100
    for power in (6.643856, 6, 0, 6.64385):
        control.slider.value = 2**power
    assert control.value == 100
    controls.close_all(control)


def test_the_stops_of_a_batch_size_are_powers_of_two():
    control = controls.batch_size_slider(32, 4000)
    for power in range(11):
        control.slider.value = 2**power
        assert (control.value, control.field.value) == (2**power, str(2**power))
    controls.close_all(control)


@pytest.mark.parametrize(("largest", "powers"), [(1, None), (2, 1), (3, 1), (100, 6), (60_000, 10)])
def test_a_slider_of_batch_sizes_goes_as_far_as_the_data(largest, powers):
    control = controls.batch_size_slider(1, largest)
    assert (control.slider and control.slider.max) == powers
    control.field.value = str(largest)
    assert control.value == largest
    controls.close_all(control)


def test_a_hand_on_a_slider_gives_round_numbers():
    control = controls.play_slider("error", 0.0, -3, 3, "")
    control.slider.value = 0.30000000000000004
    assert (control.value, control.field.value) == (0.3, "0.3")
    controls.close_all(control)


def test_new_ends_bring_a_new_range():
    control = controls.play_slider("start", -1.5, -2, 2, "")
    control.go(-4.0, low=-5, high=-3)
    assert (control.slider.min, control.slider.max, control.slider.value) == (-5, -3, -4)
    control.field.value = "0"
    assert "from -5 to -3; got '0'" in control.refusal
    controls.close_all(control)


def test_one_that_rests_says_why_and_can_be_set_from_code(rate):
    row = controls.row(rate, widgets.Button())
    rate.rest("Nobody heeds it.")
    assert rate.slider.disabled
    assert rate.field.disabled
    assert "Nobody heeds it." in row.children[-1].value
    rate.value = 0.5
    assert "Nobody heeds it." in row.children[-1].value
    rate.rest("")
    assert (rate.slider.disabled, rate.field.disabled) == (False, False)
    assert len(row.children) == 2


def test_answers_stand_under_the_row_as_plain_text(rate):
    row = controls.row(rate, widgets.Button())
    rate.field.value = "<b>1</b> $x$"
    assert 'role="alert"' in row.children[-1].value
    assert "&lt;b&gt;1&lt;/b&gt; $x$" in row.children[-1].value
    rate.field.value = "1"
    assert len(row.children) == 2


def test_closing_gives_every_part_back():
    before = set(_instances)
    row = controls.row(*(make() for make in CONTROLS.values()))
    for control in row.children[: len(CONTROLS)]:
        control.field.value = "abc"
    controls.close_all(row)
    assert set(_instances) - before == set()


def test_what_comes_in_another_thread_is_shown_by_the_main_thread_alone():
    writers = set()

    async def main():
        control = CONTROLS["rate"]()
        for part in (control.field, control.slider):
            part.observe(lambda _: writers.add(threading.get_ident()), "disabled")
        shown = control._show
        control._show = lambda *texts: (writers.add(threading.get_ident()), shown(*texts))

        def hand():
            control.slider.value = 10**-1.7
            control.field.value = "0,05"
            control.field.value = "abc"

        thread = threading.Thread(target=hand)
        thread.start()
        thread.join()
        assert control.value == 0.05
        while not control.refusal:
            await asyncio.sleep(0)
        assert (control.field.value, control.slider.value) == ("0.05", 0.05)
        controls.close_all(control)

    asyncio.run(main())
    assert writers == {threading.get_ident()}


def test_each_part_says_what_it_is_for(any_control):
    assert any_control.allowed.words in any_control.field.tooltip
    part = any_control.slider or any_control.field
    assert part.description == any_control.name
    assert part.tooltip
