"""A curve is drawn by mouse, finger and keys in a real notebook, and the run goes over it."""

import itertools
import re
from math import log

import nbformat
import pytest
from axe import load_axe, violations
from lab_page import change_theme, errors, open_notebook, panel, press, run_all, save_notebook
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

CELLS = (
    """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.predictions import predict_curve

settings = Hyperparameters(epochs=2, batch_size=32, optimizer="adam", learning_rate=0.005)
panel = TrainingPanel(load_digits("sample"), settings=settings)
predict_curve("drawn", like=panel, topic="learning rate", asked="How does the loss fall?")""",
    "panel",
)
LEFT, RIGHT, TOP, BOTTOM = 56, 18, 12, 44  # as in curve.js
EPOCHS, LOWEST, HIGHEST = 2, 0.05, 5
SMALL = """root => [...root.querySelectorAll("button")]
    .map(button => button.getBoundingClientRect())
    .filter(box => box.width && (box.width < 24 || box.height < 24)).length"""
COLLECT_LINES = """path => {
    window.lines = new Set();
    new MutationObserver(() => window.lines.add(path.getAttribute("d")))
        .observe(path, {attributes: true, attributeFilter: ["d"]});
}"""
IS_COMMAND_MODE = "() => window.jupyterapp.shell.currentWidget.content.mode === 'command'"
NUM_CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
SCROLLED = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"


@pytest.fixture(scope="module")
def notebook(shared_page: Page, lab: str) -> Page:
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    save_notebook(shared_page, lab, "curve.ipynb", nbformat.v4.new_notebook(cells=cells))
    open_notebook(shared_page, lab, "curve.ipynb")
    run_all(shared_page)
    assert errors(shared_page) == []
    load_axe(shared_page)
    live = panel(shared_page)
    expect(live.locator(".widget-html-content").first).not_to_contain_text(
        "Getting ready", timeout=120_000
    )
    return shared_page


@pytest.fixture
def question(notebook: Page) -> Locator:
    """Return the question, with nothing drawn."""
    question = notebook.locator(".tutorial-prediction")
    for name in ("Draw anew", "Clear"):
        button = question.get_by_role("button", name=name)
        if button.is_visible() and button.is_enabled():
            button.click()
    expect(question).to_contain_text("Draw the loss with mouse")
    paper(question).scroll_into_view_if_needed()
    return question


def paper(question: Locator) -> Locator:
    return question.get_by_role("slider", name="The loss that you expect")


def place(question: Locator, epoch: float, loss: float) -> tuple[float, float]:
    """Return where a point is in the window."""
    box = paper(question).bounding_box()
    across, up = box["width"] - LEFT - RIGHT, box["height"] - TOP - BOTTOM
    share = log(HIGHEST / loss) / log(HIGHEST / LOWEST)
    return box["x"] + LEFT + across * epoch / EPOCHS, box["y"] + TOP + up * share


def draw(question: Locator, *points: tuple[float, float]) -> None:
    """Draw by mouse from point to point (epoch, loss)."""
    mouse = question.page.mouse
    mouse.move(*place(question, *points[0]))
    mouse.down()
    for point in points[1:]:
        mouse.move(*place(question, *point), steps=20)
    mouse.up()


def draw_by_finger(question: Locator, *points: tuple[float, float]) -> None:
    session = question.page.context.new_cdp_session(question.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    touch("touchStart", place(question, *points[0]))
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        for part in range(1, 21):
            share = part / 20
            loss = y0 * (y1 / y0) ** share
            touch("touchMove", place(question, x0 + share * (x1 - x0), loss))
    touch("touchEnd")
    session.detach()


def train(question: Locator) -> str:
    """Press Train, wait for the end and return the sentence."""
    press(panel(question.page), "Train")
    expect(question).to_contain_text("Locked: the run has begun.")
    expect(paper(question)).to_have_attribute("aria-readonly", "true")
    said = question.locator(".tutorial-said")
    ends = re.compile("You expected|Another shape|Well|first half")
    expect(said).to_contain_text(ends, timeout=60_000)
    return said.inner_text()


def test_run_all_has_passed_and_the_paper_is_empty(question: Locator) -> None:
    expect(paper(question)).to_have_attribute("aria-valuetext", "epoch 0, nothing drawn")
    assert question.locator(".predict-curve-you").get_attribute("d") == ""
    assert violations(question.page, ".tutorial-prediction") == []


def test_drawn_by_mouse_too_late_and_the_run_goes_over_it(question: Locator, tmp_path) -> None:
    draw(question, (0, 2.3), (2, 0.06))
    expect(question).to_contain_text(re.compile(r"You expect a loss of 2\.[23]\d at epoch 0, and"))
    run = question.locator("path.predict-curve-run").first
    run.evaluate(COLLECT_LINES)
    said = train(question)
    assert question.page.evaluate("() => window.lines.size") >= 2  # it came live
    found = re.match(
        "You expected the first half of the fall (.+) times later than it came: by epoch "
        r"([\d.]+), and it came by ([\d.]+)\.",
        said,
    )
    assert found, said
    factor, mine, its = found.groups()
    assert float(mine) == pytest.approx(1, abs=0.05)  # half of a straight line
    words = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    factor = words.index(factor) + 2 if factor in words else float(factor)
    assert factor == pytest.approx(float(mine) / float(its), abs=0.6)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        change_theme(question.page, theme)
        assert violations(question.page, ".tutorial-prediction") == []
        question.screenshot(path=tmp_path / f"{theme[-5:].strip()}.png")


def test_drawn_by_finger_too_early(question: Locator) -> None:
    before = question.page.evaluate(SCROLLED)
    draw_by_finger(question, (0, 2.3), (0.01, 0.2), (2, 0.2))
    assert question.page.evaluate(SCROLLED) == before  # the page stayed where it was
    expect(question).to_contain_text("It counts when the run begins.")
    said = train(question)
    assert re.match(
        "You expected the first half of the fall .+ times earlier than it came", said
    ), said


def test_drawn_by_keys_another_shape(question: Locator) -> None:
    page, point = question.page, paper(question)
    point.focus()
    page.keyboard.press("Home")
    expect(point).to_have_attribute("aria-valuetext", "epoch 0, nothing drawn")
    page.keyboard.press("ArrowUp")
    expect(point).to_have_attribute("aria-valuetext", "epoch 0, loss 0.561")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowUp")
    expect(point).to_have_attribute("aria-valuetext", "epoch 0, loss 1.77")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(point).to_have_attribute("aria-valuetext", "epoch 1, loss 1.77")
    page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(point).to_have_attribute("aria-valuetext", "epoch 2, loss 0.315")
    page.keyboard.press("Home")
    expect(point).to_have_attribute("aria-valuetext", "epoch 0, loss 1.77")
    said = train(question)
    assert said.startswith("Another shape: you expected the loss hardly to fall until"), said
    page.keyboard.press("ArrowRight")
    point.focus()
    page.keyboard.press("End")
    expect(point).to_have_attribute(
        "aria-valuetext", re.compile(r"epoch 2, you expected 0\.315, the run had 0\.\d+")
    )


def test_a_stroke_back_overwrites_and_is_taken_back(question: Locator) -> None:
    page, point = question.page, paper(question)
    draw(question, (0, 2), (2, 0.2))
    draw(question, (1.5, 1), (1, 1))
    expect(point).to_have_attribute("aria-valuetext", re.compile(r"epoch 1, loss (0\.99|1)"))
    page.keyboard.press("Shift+ArrowRight")
    expect(point).to_have_attribute("aria-valuetext", re.compile(r"epoch 1\.5, loss (0\.99|1)"))
    page.keyboard.press("Control+z")
    expect(point).to_have_attribute("aria-valuetext", re.compile(r"epoch 1\.5, loss 0\.3[45]"))
    page.keyboard.press("Delete")
    expect(point).to_have_attribute("aria-valuetext", "epoch 1.5, nothing drawn")
    question.get_by_role("button", name="Undo").click()
    expect(question).to_contain_text("It counts when the run begins.")
    question.get_by_role("button", name="Skip").click()
    expect(question).to_contain_text("Skipped.")
    expect(question.get_by_role("button", name="Clear")).to_be_disabled()


def test_keys_are_the_curves_alone_and_its_parts_are_large_enough(question: Locator) -> None:
    page, cells = question.page, question.page.evaluate(NUM_CELLS)
    paper(question).focus()
    for key in "abdxz":
        page.keyboard.press(key)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+z")
    question.get_by_role("button", name="Skip").focus()
    assert page.evaluate(NUM_CELLS) == cells
    assert page.evaluate(IS_COMMAND_MODE)
    assert question.evaluate(SMALL) == 0
