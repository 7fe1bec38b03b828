"""What a learner types beside a slider, in JupyterLab."""

import nbformat
import pytest
from lab_page import (
    errors,
    number_control,
    number_field,
    open_notebook,
    panel,
    press,
    run_all,
    save_notebook,
    write_number,
)
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser
CELLS = [
    """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel""",
    """settings = Hyperparameters(learning_rate=1e-5, momentum=0.995, batch_size=100, epochs=150)
TrainingPanel(load_digits("sample"), settings=settings)""",
]


@pytest.fixture(scope="module")
def live(shared_page: Page, lab: str) -> Locator:
    """Return a panel that was given settings beyond the ends of its sliders."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    save_notebook(shared_page, lab, "typed.ipynb", nbformat.v4.new_notebook(cells=cells))
    open_notebook(shared_page, lab, "typed.ipynb")
    run_all(shared_page)
    assert errors(shared_page) == []
    live = panel(shared_page)
    live.scroll_into_view_if_needed()
    return live


def test_what_the_panel_was_given_is_what_it_shows(live: Locator) -> None:
    given = {"learning rate": "1e-5", "momentum": "0.995", "batch size": "100", "epochs": "150"}
    for label, value in given.items():
        expect(number_field(live, label)).to_have_value(value)


@pytest.mark.parametrize(
    ("label", "typed", "shown"),
    [
        ("learning rate", "0,05", "0.05"),
        ("learning rate", "2 %", "0.02"),
        ("momentum", "0,995", "0.995"),
        ("batch size", "1 024", "1024"),
        ("epochs", "2,0", "2"),
    ],
)
def test_a_number_in_any_usual_spelling_is_taken(live: Locator, label, typed, shown) -> None:
    write_number(live, label, typed)
    expect(number_field(live, label)).to_have_value(shown)
    expect(live.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize(
    ("label", "typed", "words"),
    [
        ("learning rate", "-1", "learning rate must be a number above 0; got '-1'"),
        ("batch size", "many", "batch size must be a whole number from 1 to 4,000; got 'many'"),
        ("epochs", "2.5", "epochs must be a whole number, 1 or more; got '2.5'"),
        ("momentum", "1", "momentum must be a number from 0 to below 1; got '1'"),
    ],
)
def test_anything_else_is_answered_and_the_old_value_shows(live, label, typed, words) -> None:
    field = number_field(live, label)
    before = field.input_value()
    write_number(live, label, typed)
    expect(live.get_by_role("alert")).to_contain_text(words)
    expect(field).to_have_value(before)
    write_number(live, label, f" {before}")
    expect(live.get_by_role("alert")).to_have_count(0)


def test_by_keyboard_alone_a_number_is_typed_and_acts_on_the_run(live: Locator) -> None:
    write_number(live, "epochs", "100")
    press(live, "Train")
    expect(live.locator(".widget-html-content").last).to_contain_text("Training:", timeout=60_000)
    number_control(live, "learning rate").locator(".noUi-handle").focus()
    live.page.keyboard.press("Tab")
    live.page.keyboard.press("Control+a")
    live.page.keyboard.type("0,003")
    live.page.keyboard.press("Tab")
    expect(number_field(live, "learning rate")).to_have_value("0.003")
    press(live, "Stop")
    expect(live.locator(".widget-html-content").last).to_contain_text("Stopped:", timeout=30_000)


def test_momentum_looks_dead_under_an_optimizer_without_one(live: Locator) -> None:
    live.locator("select").select_option("sgd")
    expect(live.locator(".widget-html-content [role=status]")).to_have_text("sgd has no momentum.")
    expect(number_field(live, "momentum")).to_be_disabled()
    live.locator("select").select_option("adam")
    expect(number_field(live, "momentum")).to_be_enabled()
    expect(live.locator(".widget-html-content [role=status]")).to_have_count(0)
