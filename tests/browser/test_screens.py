"""Pictures are as sharp, as dark and as wide as the screen that they are seen on."""

from collections.abc import Iterator

import nbformat
import pytest
from lab_page import errors, labs, open_notebook, run_all, save_notebook
from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

CELLS = (
    """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.labs import loss_panel
from tutorial_lib.panels import TrainingPanel
panel = TrainingPanel(load_digits("sample"), settings=Hyperparameters(batch_size=100))
records = panel.run(epochs=1)""",
    "panel",
    "loss_panel()",
)
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
LOOK = """image => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.drawImage(image, 0, 0);
    const [ground] = canvas.getImageData(0, 0, 1, 1).data;
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    return { ground, dots: width / image.clientWidth, width: image.clientWidth,
             shape: height / width, room: image.parentElement.clientWidth };
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield a page on a screen with two dots for one."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, device_scale_factor=2)
    page.set_default_timeout(60_000)
    yield page
    page.close()


def wait_for(picture: Locator, test: str) -> None:
    """Wait until what is seen of a picture passes a test, in JavaScript."""
    picture.page.wait_for_function(
        f"([image, test]) => {{ const seen = ({LOOK})(image); return eval(test); }}",
        arg=[picture.element_handle(), test],
    )


def test_pictures_follow_the_screen(page: Page, lab: str, tmp_path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    save_notebook(page, lab, "screens.ipynb", notebook)
    open_notebook(page, lab, "screens.ipynb")
    run_all(page)
    assert errors(page) == []
    pictures = [labs(page).nth(number).locator("> img") for number in range(2)]

    def look(name: str, test: str) -> None:
        for number, picture in enumerate(pictures):
            wait_for(picture, test)
            picture.scroll_into_view_if_needed()
            page.screenshot(path=tmp_path / f"{name}_{number}.png")

    look("sharp", "seen.dots === 2 && seen.ground === 255 && seen.shape < 0.6")
    page.evaluate(THEME, "JupyterLab Dark")
    look("dark", "seen.dots === 2 && seen.ground === 17")
    page.evaluate(THEME, "JupyterLab Light")
    look("light", "seen.ground === 255")
    page.set_viewport_size({"width": 700, "height": 800})  # as a laptop's at 200 %
    look("narrow", "seen.width < 640 && seen.room - seen.width < 10 && seen.shape > 0.8")
    look("narrow", "seen.dots === 2")
    page.set_viewport_size({"width": 1366, "height": 768})
    look("wide", "seen.width > 640 && seen.shape < 0.6")
