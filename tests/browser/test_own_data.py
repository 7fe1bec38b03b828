"""A learner trains on data of his own in JupyterLab: a table, a regression, pictures, a stream."""

import ast
import re

import nbformat
import pytest
from lab_page import (
    errors,
    number_field,
    open_notebook,
    press,
    restart_kernel,
    run_all,
    save_notebook,
    turn_learning_rate,
)
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

SETUP = """from pathlib import Path
import numpy as np
from PIL import Image
from sklearn.datasets import load_diabetes, load_wine
from torch.utils.data import TensorDataset
from tutorial_lib import Hyperparameters, from_dataset, from_folder, from_tensors
from tutorial_lib.panels import TrainingPanel

def scaled(rows):
    return ((rows - rows.mean(axis=0)) / rows.std(axis=0)).astype("float32")

draw = np.random.default_rng(0)
for kind, level in {"dark": 90, "bright": 170}.items():
    folder = Path("own_pictures", kind)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(40):
        pixels = draw.normal(level, 60, (32, 32, 3)).clip(0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{number}.png")

wine, diabetes = load_wine(), load_diabetes()
x, y = scaled(wine.data), wine.target
pictures = from_folder("own_pictures", noun="noises")"""
KINDS = {  # data: the cell that shows its panel, and what is said of what is held out
    "table": (
        'table = from_tensors((x, y), name="wine", noun="wines", classes=wine.target_names)\n'
        "panel = TrainingPanel(table.hold_out(20), settings=Hyperparameters(epochs=300))",
        r"\d+ of 20 held-out wines right",
    ),
    "regression": (
        "pair = scaled(diabetes.data), diabetes.target\n"
        'patients = from_tensors(pair, name="diabetes", noun="patients").hold_out(44)\n'
        'settings = Hyperparameters(epochs=150, loss="mse", optimizer="adam")\n'
        "panel = TrainingPanel(patients, settings=settings)",
        r"mean absolute error [\d.]+ on 44 held-out patients",
    ),
    "folder": (
        "panel = TrainingPanel(pictures, settings=Hyperparameters(epochs=40, batch_size=8))",
        r"\d of 8 held-out noises right",
    ),
    "streamed": (
        "from torch import tensor\n"
        "rows = TensorDataset(tensor(x), tensor(y))\n"
        'streamed = from_dataset(rows, in_memory=False, workers=2, name="rows", noun="rows")\n'
        "settings = Hyperparameters(epochs=150)\n"
        "panel = TrainingPanel(streamed.hold_out(20), settings=settings)",
        r"\d+ of 20 held-out rows right",
    ),
}
MARKS = "print([[text for _, text in panel._display.curve.runs[-1].marks] for panel in panels])"
CELLS = [
    SETUP,
    "panels = []",
    *(f"{cell}\npanels.append(panel)\npanel" for cell, _ in KINDS.values()),
]
RUN_LAST = """(source) => {
    const content = window.jupyterapp.shell.currentWidget.content;
    content.activeCellIndex = content.widgets.length - 1;
    content.activeCell.model.sharedModel.setSource(source);
    window.jupyterapp.commands.execute("notebook:run-cell");
}"""


def panel_of(page: Page, kind: str) -> Locator:
    """Return the panel that trains on this kind of data, in view."""
    has_train = page.locator("button", has_text="Train")
    live = page.locator(".widget-vbox", has=has_train).nth([*KINDS].index(kind))
    live.scroll_into_view_if_needed()
    return live


def words(live: Locator) -> Locator:
    return live.locator("> .widget-html > .widget-html-content")


def begin_and_hold(live: Locator) -> tuple[str, str]:
    """Train, turn a knob, pause; return the rate that was set, and the step that was reached."""
    press(live, "Train")
    expect(words(live)).to_contain_text(re.compile("Training: .*held-out"), timeout=60_000)
    turn_learning_rate(live, presses=-1)
    press(live, "Pause")
    expect(words(live)).to_contain_text("Paused:", timeout=60_000)
    expect(words(live)).to_contain_text("Saved at step", timeout=60_000)
    step = re.search(r"step ([\d,]+) of", words(live).inner_text())[1]
    return number_field(live, "learning rate").input_value(), step


def take_up_and_finish(live: Locator, step: str, held_out: str) -> None:
    """Restore the run that was paused, and let it go on to its end."""
    press(live, "Restore")
    expect(words(live)).to_contain_text(
        re.compile(rf"Restored: epoch \d+ of \d+, step {step} of .*{held_out}"), timeout=60_000
    )
    press(live, "Resume")
    expect(words(live)).to_contain_text(
        re.compile(rf"Finished: epoch (\d+) of \1, .*{held_out}\."), timeout=90_000
    )


@pytest.mark.timeout(400)
def test_runs_on_data_of_ones_own_are_turned_held_and_taken_up(page: Page, lab, tmp_path) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    cells = [nbformat.v4.new_code_cell(cell) for cell in (*CELLS, "")]
    save_notebook(page, lab, "own_data.ipynb", nbformat.v4.new_notebook(cells=cells))
    open_notebook(page, lab, "own_data.ipynb")
    run_all(page)
    assert errors(page) == []
    held = {kind: begin_and_hold(panel_of(page, kind)) for kind in KINDS}
    for kind in KINDS:
        panel_of(page, kind).screenshot(path=tmp_path / f"{kind}_paused.png")

    restart_kernel(page)
    run_all(page)
    assert errors(page) == []
    for kind, (_, step) in held.items():
        take_up_and_finish(panel_of(page, kind), step, KINDS[kind][1])
        panel_of(page, kind).screenshot(path=tmp_path / f"{kind}_finished.png")

    page.evaluate(RUN_LAST, MARKS)
    printed = page.locator(".jp-Cell").last.locator(".jp-OutputArea-output")
    expect(printed).to_have_count(1)
    assert ast.literal_eval(printed.inner_text()) == [[f"lr {rate}"] for rate, _ in held.values()]
