"""JupyterLab takes cells out of the page that are out of sight: their panels live on.

So they do in two views of one panel, and when their notebook is closed and opened again.
"""

import nbformat
import pytest
from lab_page import (
    READY,
    errors,
    number_control,
    number_field,
    open_notebook,
    press,
    run_all,
    save_notebook,
)
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

PANEL = """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
panel = TrainingPanel(load_digits("sample"), settings=Hyperparameters(epochs=1000))
panel"""
BETWEEN = "print('\\n' * 20)"
NAME = "windowing.ipynb"
NOTEBOOK = """[...window.jupyterapp.shell.widgets("main")].find(({context}) => context)"""
WINDOWED = f"""() => {{
    const notebook = {NOTEBOOK}.content;
    notebook.notebookConfig = {{...notebook.notebookConfig, windowingMode: "full"}};
}}"""
SCROLL = f"""place => {{ {NOTEBOOK}.content.scrollToItem(place, "start"); }}"""
CELLS = f"() => {NOTEBOOK}.content.widgets.map(cell => cell.model.type)"
COUNT_TOLD = f"""() => {{
    window.told = 0;
    {NOTEBOOK}.sessionContext.session.kernel.anyMessage.connect((_, {{direction, msg}}) => {{
        window.told += direction === "send" && Boolean(msg.content.data?.state?.screen);
    }});
}}"""
VIEW_BESIDE = """async () => {
    const {shell, commands} = window.jupyterapp;
    const notebook = shell.currentWidget;
    notebook.content.activeCellIndex = 0;
    await commands.execute("notebook:create-output-view");
    const view = [...shell.widgets("main")].find(({title}) => title.label === "Output View");
    shell.add(view, "main", {mode: "split-right", ref: notebook.id});
    shell.activateById(notebook.id);
}"""
IS_AS_WIDE_AS_THE_WIDER = """() => {
    const panels = ["[data-windowed-list-index='0']", ".jp-LinkedOutputView"].map(
        (place) => document.querySelector(`${place} .tutorial-panel`));
    const [one, other] = panels.map(({clientWidth}) => Math.floor(clientWidth / 10) * 10);
    return one !== other
        && panels[0].querySelector("img").naturalWidth === Math.max(one, other);
}"""
RUN = "name => { window.jupyterapp.commands.execute(name); }"
OPEN = "path => { window.jupyterapp.commands.execute('docmanager:open', {path}); }"


@pytest.fixture(scope="module")
def notebook(shared_page: Page, lab: str) -> Page:
    """Open a long notebook with one panel at both its ends, and run it."""
    sources = [PANEL, *[BETWEEN] * 12, "panel"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    save_notebook(shared_page, lab, NAME, nbformat.v4.new_notebook(cells=cells))
    open_notebook(shared_page, lab, NAME)
    run_all(shared_page)
    assert errors(shared_page) == []
    shared_page.evaluate(WINDOWED)
    return shared_page


def seen(page: Page, cell: int) -> Locator:
    """Scroll to a cell; return its panel once it is in the page."""
    page.evaluate(SCROLL, cell)
    found = page.locator(f".jp-Notebook-cell[data-windowed-list-index='{cell}'] .tutorial-panel")
    expect(found).to_be_visible(timeout=20_000)
    return found


def expect_live(panel: Locator) -> None:
    """See it drawn anew, and a slider of it follow arrow keys, which do nothing to cells."""
    cells = panel.page.evaluate(CELLS)
    image = panel.locator("> img")
    expect(image).not_to_have_attribute("src", image.get_attribute("src"), timeout=20_000)
    expect(panel.locator("[role=slider][aria-label]")).to_have_count(3)
    number_control(panel, "learning rate").locator(".noUi-handle").focus()
    field = number_field(panel, "learning rate")
    for key, shown in [("ArrowRight", "0.013"), ("m", "0.013"), ("ArrowLeft", "0.01")]:
        panel.page.keyboard.press(key)
        expect(field).to_have_value(shown, timeout=20_000)
    assert panel.page.evaluate(CELLS) == cells


def train(panel: Locator) -> None:
    press(panel, "Train")
    expect(panel.locator(".widget-html-content").first).to_contain_text("Training:", timeout=60_000)


def test_a_panel_that_was_scrolled_away_and_its_second_view_are_live(notebook: Page) -> None:
    last = len(notebook.evaluate(CELLS)) - 1
    train(seen(notebook, 0))
    notebook.evaluate(COUNT_TOLD)
    for place in (last, 0, last, 0):
        expect_live(seen(notebook, place))
    assert notebook.evaluate("window.told") <= 1  # no scrolling makes the picture be drawn anew
    press(seen(notebook, 0), "Stop")


def test_two_views_of_one_panel_share_a_picture_as_wide_as_the_wider(notebook: Page) -> None:
    first = seen(notebook, 0)
    train(first)
    notebook.evaluate(VIEW_BESIDE)
    view = notebook.locator(".jp-LinkedOutputView .tutorial-panel")
    expect(view).to_be_visible(timeout=20_000)
    notebook.wait_for_function(IS_AS_WIDE_AS_THE_WIDER, polling=100)
    notebook.evaluate(COUNT_TOLD)
    for each in (first, view):
        expect_live(each)
    assert notebook.evaluate("window.told") == 0  # they do not answer each other
    press(first, "Stop")
    notebook.evaluate(
        """() => [...window.jupyterapp.shell.widgets("main")]
            .find(({title}) => title.label === "Output View").close()"""
    )


def close_and_open(page: Page) -> None:
    """Save the notebook, close it, and open it again; its kernel goes on."""
    page.evaluate(RUN, "docmanager:save")
    page.wait_for_function(f"() => !{NOTEBOOK}.context.model.dirty", polling=100)
    page.evaluate(RUN, "application:close")
    expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    page.evaluate(OPEN, NAME)
    page.wait_for_function(READY, polling=100)
    page.evaluate(WINDOWED)


def test_a_notebook_that_is_opened_again_has_its_live_panel(notebook: Page) -> None:
    train(seen(notebook, 0))
    close_and_open(notebook)
    expect_live(seen(notebook, 0))
    press(seen(notebook, 0), "Stop")
