"""Whoever listens, or has no mouse, gets all of a panel: WCAG 2.2 AA, by axe-core and by hand."""

import itertools
import os
import re
import signal
from collections.abc import Iterator

import nbformat
import pytest
from axe import found_by_axe, load_axe
from lab_page import (
    change_theme,
    errors,
    number_field,
    open_notebook,
    run_all,
    save_notebook,
    turn_learning_rate,
    write_number,
)
from playwright.sync_api import Locator, Page, expect

from tutorial_lib.panels import controls

pytestmark = pytest.mark.browser

LABS = (
    "LrFinderPanel(panel)",
    "RacePanel(data, {'slow': settings, 'fast': settings.replace(learning_rate=0.1)}, seeds=1)",
    "batch_size_panel(panel.last_run.model, data)",
    "batch_race_panel(data)",
    "map_panel(data)",
    "descent_panel()",
    "schedules_panel(num_steps=50)",
    "loss_panel()",
    "softmax_panel()",
    "paths_panel()",
    "step_panel()",
    "plane_panel(LossPlane(panel.last_run.model, data.validation), size=5, num_steps=3)",
    "inside_panel(data)",
    "DigitPad(lambda: panel.last_run.model)",
    """import ipywidgets as widgets
from tutorial_lib.panels import PlayPanel
PlayPanel("of a learner's own", lambda axes, **values: f"It shows {values}.", {
    "rate": widgets.FloatLogSlider(value=0.01, min=-4, max=0, description="rate"),
    "span": widgets.FloatRangeSlider(value=(2, 5), description="span"),
    "when": widgets.SelectionSlider(options=["now", "later"], description="when"),
    "what": widgets.ToggleButtons(options=["loss", "score"], description="what"),
    "kind": widgets.RadioButtons(options=["one", "other"], description="kind"),
    "count": widgets.BoundedIntText(3, description="count"),
    "smooth": widgets.Checkbox(description="smooth")})""",
)
FIRST = """import os
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs import (
    DigitPad, LossPlane, LrFinderPanel, RacePanel, batch_race_panel, batch_size_panel,
    descent_panel, inside_panel, loss_panel, map_panel, paths_panel, plane_panel, schedules_panel,
    softmax_panel, step_panel)
from tutorial_lib.panels import TrainingPanel
data, settings = load_digits("sample"), Hyperparameters(epochs=1, batch_size=100)
panel = TrainingPanel(data, settings=settings)
panel.run()
panel"""
CELLS = (FIRST, *LABS, "print('kernel', os.getpid())")
PANELS = ".tutorial-panel, .digit-pad"
IS_NAMED = """panel => [...panel.querySelectorAll(
    "input, select, textarea, button, [role=slider], [role=progressbar], canvas")]
    .filter(part => !part.getAttribute("aria-label") && !part.textContent.trim()
        && !part.labels?.length && part.type !== "file")
    .map(part => part.outerHTML)"""
RING = """() => {
    const {outlineStyle, outlineWidth, outlineColor} = getComputedStyle(document.activeElement);
    return [outlineStyle, parseFloat(outlineWidth), outlineColor];
}"""
FOCUSED = """() => {
    const at = document.activeElement;
    return (at.getAttribute("role") ?? at.localName) + " "
        + (at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText.trim());
}"""
LEADS = ("Train", "Stop")
PITCHES = """() => {
    window.pitches = [];
    const set = AudioParam.prototype.setTargetAtTime;
    AudioParam.prototype.setTargetAtTime = function (value, ...rest) {
        if (value > 1) window.pitches.push(value);
        return set.call(this, value, ...rest);
    };
}"""
LISTEN = """region => {
    window.heard = [[performance.now(), region.textContent]];
    new MutationObserver(() => region.textContent
            && window.heard.push([performance.now(), region.textContent]))
        .observe(region, {childList: true, characterData: true, subtree: true});
}"""
TWICE = "() => window.heard.filter(([_, text]) => text.startsWith('Training:')).length > 1"


@pytest.fixture(scope="module")
def notebook(shared_page: Page, lab: str) -> Iterator[Page]:
    """Yield a notebook with a panel of each kind."""
    page = shared_page
    page.emulate_media(reduced_motion="reduce")
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    save_notebook(page, lab, "readers.ipynb", nbformat.v4.new_notebook(cells=cells))
    open_notebook(page, lab, "readers.ipynb")
    run_all(page)
    assert errors(page) == []
    first = page.locator(".tutorial-panel").first
    expect(first).not_to_contain_text("Getting ready", timeout=120_000)
    load_axe(page)
    expect.set_options(timeout=60_000)  # fifteen panels are drawn for this screen first
    yield page
    expect.set_options(timeout=5_000)  # as it was


@pytest.fixture
def training(notebook: Page) -> Locator:
    return notebook.locator(".tutorial-panel").first


def serious(page: Page, panels: str) -> tuple[list[tuple], dict[str, int]]:
    """Return what axe finds serious or critical, and how many elements passed each rule."""
    found = found_by_axe(page, panels)
    told = [
        (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]])
        for one in found["violations"]
    ]
    print(f"{len(told)} violations, {len(found['passes'])} rules passed")
    passed = {rule["id"]: len(rule["nodes"]) for rule in found["passes"]}
    return [one for one in told if one[1] in ("serious", "critical")], passed


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_serious_in_any_panel(
    notebook: Page, training: Locator, theme: str
) -> None:
    change_theme(notebook, theme)
    optimizer = training.get_by_role("combobox", name="optimizer")
    optimizer.select_option("sgd")
    expect(training.get_by_text("sgd has no momentum.")).to_be_visible()
    write_number(training, "learning rate", "-1")
    expect(training.get_by_role("alert").first).to_contain_text("learning rate must be")
    expect(notebook.locator(PANELS)).to_have_count(len(LABS) + 1)

    found, passed = serious(notebook, PANELS)
    assert found == []
    assert passed["color-contrast"] > 50  # it has truly looked
    assert passed["aria-input-field-name"] > 40
    optimizer.select_option("momentum")
    for rate in ("0.02", "0.01"):
        write_number(training, "learning rate", rate)
        expect(training.get_by_text("learning rate must be")).to_have_count(0)


def test_every_control_of_every_panel_has_a_name(notebook: Page) -> None:
    for panel in notebook.locator(PANELS).all():
        assert panel.evaluate(IS_NAMED) == []


def test_every_slider_says_its_value_as_the_field_beside_it(notebook: Page) -> None:
    sliders = notebook.locator(".number-control:has(.noUi-handle)").all()
    assert len(sliders) > 40
    for control in sliders:
        said = control.locator(".noUi-handle").get_attribute("aria-valuetext")
        assert said.split()[0] == control.locator("input").input_value()


def test_a_slider_that_is_moved_says_so_before_and_after_the_kernel_answers(
    training: Locator,
) -> None:
    handle = training.get_by_role("slider", name="learning rate")
    before = handle.get_attribute("aria-valuetext")
    handle.evaluate("""handle => {
        window.said = [];
        new MutationObserver(() => window.said.push(handle.getAttribute('aria-valuetext')))
            .observe(handle, {attributes: true, attributeFilter: ['aria-valuetext']});
    }""")
    _, shown = turn_learning_rate(training, 1)
    said = training.page.evaluate("() => window.said.filter(text => text)")
    assert before != shown
    assert {*said} <= {before, shown}
    expect(handle).to_have_attribute("aria-valuetext", shown)
    assert handle.get_attribute("aria-valuemin") == "0.0001"


def test_a_value_with_a_unit_is_told_with_it(training: Locator) -> None:
    handle = training.get_by_role("slider", name="batch size")
    expect(handle).to_have_attribute("aria-valuetext", "100 images")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rate", "0.0100"),
        ("span, from", "2"),
        ("span, to", "5"),
        ("when", "now"),
    ],
)
def test_a_plain_slider_says_what_its_readout_shows(notebook: Page, name: str, said: str) -> None:
    handle = notebook.locator(".tutorial-panel").last.get_by_role("slider", name=name)
    expect(handle).to_have_attribute("aria-valuetext", said)


def test_of_several_buttons_it_is_told_which_is_pressed(notebook: Page) -> None:
    group = notebook.locator(".tutorial-panel").last.get_by_role("group", name="what")
    group.get_by_role("button", name="score").click()
    expect(group.get_by_role("button", pressed=True)).to_have_text("score")


def test_a_picture_tells_its_numbers(training: Locator) -> None:
    expect(training.locator("> img")).to_have_attribute("alt", re.compile("smoothed loss from"))


def test_the_keyboard_reaches_everything_in_order_with_a_ring_around_it(
    training: Locator, notebook: Page
) -> None:
    number_field(training, "learning rate").focus()
    notebook.keyboard.press("Shift+Tab")  # within the panel: outside, JupyterLab moves the focus
    expect(training.locator(".noUi-handle").first).to_be_focused()
    path = []
    while training.evaluate("panel => panel.contains(document.activeElement)"):
        path.append(notebook.evaluate(FOCUSED))
        style, width, colour = notebook.evaluate(RING)
        assert (style, colour) == ("solid", "rgb(31, 120, 209)"), path[-1]
        assert width >= 2
        notebook.keyboard.press("Tab")
    assert path == [
        *("slider learning rate", "input learning rate"),
        *("slider batch size", "input batch size"),
        *("slider momentum", "input momentum", "select optimizer", "input epochs"),
        *("button Train", "button Restore", "button Clear", "button Copy as code", "button Table"),
        "button Hear it",
    ]


def press_later(page: Page, key: str) -> None:
    """Press a key once a second click of a button is one."""
    least = 1000 * controls.DOUBLE_CLICK_SECONDS + 100
    now = page.evaluate("() => performance.now()")
    page.wait_for_function(f"() => performance.now() > {now + least}")
    page.keyboard.press(key)


def test_t_shows_the_curve_as_a_table_and_escape_goes_back(
    training: Locator, notebook: Page, tmp_path
) -> None:
    handle = training.get_by_role("slider", name="momentum")
    handle.focus()
    notebook.keyboard.press("t")
    table = training.get_by_role("table")
    expect(training.get_by_role("region")).to_be_focused()
    expect(table.get_by_role("columnheader", name="loss", exact=True)).to_be_visible()
    expect(table.get_by_role("rowheader", name="1", exact=True)).to_be_visible()
    assert serious(notebook, ".tutorial-table")[0] == []
    training.screenshot(path=tmp_path / "table.png")
    notebook.context.grant_permissions(["clipboard-read", "clipboard-write"])
    training.get_by_role("button", name="Copy the table").click()
    expect(training.get_by_role("button", name="Copied")).to_be_visible()
    lines = notebook.evaluate("() => navigator.clipboard.readText()").split("\n")
    assert lines[0] == "epoch\tloss\theld-out loss\theld-out accuracy"
    training.get_by_role("region").focus()
    press_later(notebook, "Escape")
    expect(table).to_have_count(0)
    expect(handle).to_be_focused()


def test_t_in_a_field_is_a_letter(training: Locator, notebook: Page) -> None:
    field = training.get_by_role("textbox", name="epochs")
    field.press("t")
    assert field.input_value().count("t") == 1
    field.fill("60")
    field.press("Enter")
    expect(training.get_by_role("table")).to_have_count(0)


def test_a_table_that_is_opened_by_its_button_has_the_focus(
    training: Locator, notebook: Page
) -> None:
    button = training.get_by_role("button", name="Table", exact=True)
    button.focus()
    press_later(notebook, "Space")
    expect(training.get_by_role("region")).to_be_focused()
    press_later(notebook, "Escape")
    expect(training.get_by_role("table")).to_have_count(0)
    expect(training.locator(".tutorial-table-button")).to_be_focused()


def test_a_choice_and_a_lone_field_say_what_they_are_for(training: Locator) -> None:
    for role, name, words in (
        ("combobox", "optimizer", re.compile("For a new run")),
        ("textbox", "epochs", re.compile("Takes a whole number, 1 or more")),
        ("textbox", "momentum", re.compile("Takes a number from 0 to below 1")),
    ):
        expect(training.get_by_role(role, name=name)).to_have_accessible_description(words)


def test_line_by_line_nothing_is_read_twice_or_spoken_by_a_bar(training: Locator) -> None:
    label = training.locator(".widget-label").filter(visible=True)
    expect(label).to_have_count(5)
    expect(label.and_(training.locator("[aria-hidden=true]"))).to_have_count(5)
    expect(training.get_by_role("progressbar")).to_have_count(0)
    expect(training.get_by_role("img", name=re.compile(r"^progress: \d+ of \d+$"))).to_have_count(1)
    expect(training.locator(".tutorial-spoken")).to_be_empty()


def test_a_button_that_its_own_click_disables_keeps_the_focus(
    training: Locator, notebook: Page
) -> None:
    train, stop = (training.get_by_role("button", name=name, exact=True) for name in LEADS)
    train.focus()
    notebook.keyboard.press("Space")
    expect(train).to_have_attribute("aria-disabled", "true")
    expect(train).to_be_focused()
    expect(stop).to_be_enabled()
    notebook.keyboard.press("Tab")
    expect(train).to_have_attribute("disabled", "")
    stop.focus()
    notebook.keyboard.press("Space")
    expect(training.get_by_text("Stopped:")).to_be_visible(timeout=15_000)
    expect(stop).to_be_focused()
    expect(stop).to_have_attribute("aria-disabled", "true")
    expect(train).to_be_enabled()


def test_the_pad_speaks_its_answer_alone(notebook: Page) -> None:
    pad = notebook.locator(".digit-pad")
    pad.get_by_role("combobox").select_option("3")
    expect(pad.locator(".digit-pad-words")).to_contain_text("The network reads a")
    expect(pad.get_by_role("listitem").first).to_have_text(re.compile(r"^0\d+ %$"))
    expect(pad.locator("output, [role=status], [role=alert]")).to_have_count(0)
    clear = pad.get_by_role("button", name="Clear")
    clear.focus()
    notebook.keyboard.press("Space")
    expect(pad.locator(".digit-pad-words")).to_contain_text("Draw a digit")
    expect(clear).to_be_focused()


def test_a_run_is_heard_in_words_each_ten_seconds_and_as_a_tone_and_its_end_at_once(
    training: Locator, notebook: Page
) -> None:
    write_number(training, "epochs", "60")
    training.locator(".tutorial-spoken").evaluate(LISTEN)
    notebook.evaluate(PITCHES)
    training.get_by_role("button", name="Hear it").click()
    training.get_by_role("button", name="Train", exact=True).click()
    spoken = training.locator(".tutorial-spoken")
    expect(spoken).to_contain_text("Training: epoch", timeout=20_000)
    notebook.wait_for_function(TWICE, timeout=40_000)
    training.get_by_role("button", name="Stop", exact=True).click()
    stopped = notebook.evaluate("() => performance.now()")
    expect(spoken).to_contain_text("Stopped:", timeout=15_000)
    training.get_by_role("button", name="Hear it", pressed=True).click()
    pitches = notebook.evaluate("() => window.pitches")
    assert 220 <= min(pitches) < max(pitches) < 1760  # it has fallen with the loss
    heard = notebook.evaluate("() => window.heard")[1:]
    times, words = zip(*heard, strict=True)
    print([(round(time / 1000, 1), text[:60]) for time, text in heard])
    goes_on = [(time, text) for time, text in heard if text.startswith("Training:")]
    assert all(later - time > 9000 for (time, _), (later, _) in itertools.pairwise(goes_on))
    assert all(len(text) < 80 for _, text in goes_on)  # there is time to say it
    assert times[-1] - stopped < 5000
    assert all(text != after for text, after in itertools.pairwise(words))


def test_nothing_moves_for_those_who_ask_for_that(training: Locator) -> None:
    moving = training.evaluate(
        """panel => [...panel.querySelectorAll('*')].filter(part =>
            getComputedStyle(part).transitionDuration.split(',').some(text => parseFloat(text) > 0))
            .map(part => part.className)"""
    )
    assert moving == []


def test_a_kernel_that_died_while_nothing_ran_is_told(notebook: Page, tmp_path) -> None:
    pid = int(notebook.locator(".jp-RenderedText", has_text="kernel ").inner_text().split()[-1])
    ended = notebook.locator(".tutorial-end").filter(visible=True)
    expect(ended).to_have_count(0)
    os.kill(pid, signal.SIGKILL)
    panels = notebook.locator(".tutorial-panel").count()
    expect(ended).to_have_count(panels, timeout=20_000)
    expect(ended.first).to_have_text(
        "The kernel has ended or was restarted. Buttons and sliders do nothing any more: "
        "run the cell again; Restore takes up the run where it was saved."
    )
    notebook.keyboard.press("Escape")  # JupyterLab's own dialog
    notebook.screenshot(path=tmp_path / "ended.png")
