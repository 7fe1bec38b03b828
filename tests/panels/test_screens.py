"""A picture is drawn for the screen that its panel is on, once, and is saved as for paper."""

import asyncio
import base64
import io
import time

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tutorial_lib import Hyperparameters
from tutorial_lib.labs import descent_panel, loss_panel
from tutorial_lib.panels import MeasurePanel, TrainingPanel, live
from tutorial_lib.pictures import PAPER, Screen
from tutorial_lib.pictures.theme import DARK_GROUND

SHARP_AND_DARK = {"width": 900, "dots": 2, "dark": True}


def a_measurement() -> MeasurePanel:
    def draw(figure: Figure, records: list[int]) -> str:
        figure.add_subplot().plot(records)
        return f"{len(records)} records"

    return MeasurePanel(
        "numbers", lambda: iter(range(3)), draw, lambda: 3, {}, size=(9, 2), narrow_size=(9, 4)
    )


@pytest.fixture(params=["training", "play", "measure"])
def panel(request, few):
    def training() -> TrainingPanel:
        return TrainingPanel(few, settings=Hyperparameters(epochs=1, batch_size=10))

    panel = {"training": training, "play": loss_panel, "measure": a_measurement}[request.param]()
    yield panel
    panel.close()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_picture_has_the_dots_and_the_ground_of_its_screen(panel):
    on_paper = pixels(panel.image.value)
    panel.page.screen = SHARP_AND_DARK
    seen = pixels(panel.image.value)
    assert seen.shape == (2 * on_paper.shape[0], 1800, 3)
    assert "#{:02X}{:02X}{:02X}".format(*seen[0, 0]) == DARK_GROUND
    assert panel.image.layout.width == "900px"
    panel.page.screen = {"width": 900, "dots": 1, "dark": False}
    np.testing.assert_array_equal(pixels(panel.image.value), on_paper)


def test_a_picture_is_as_wide_as_its_room_and_higher_where_that_is_narrow(panel):
    height = pixels(panel.image.value).shape[0]
    panel.page.screen = {"width": 777, "dots": 1, "dark": False}
    assert pixels(panel.image.value).shape == (height, 770, 3)
    panel.page.screen = {"width": 500, "dots": 1, "dark": False}
    narrow = pixels(panel.image.value)
    assert narrow.shape[1] == 500
    assert narrow.shape[0] > height
    assert panel.image.layout.width == "500px"


def test_what_is_saved_is_drawn_for_paper_whatever_the_screen(panel):
    saved = panel.picture().data
    assert saved == panel.image.value
    panel.page.screen = SHARP_AND_DARK
    assert panel.picture().data == saved != panel.image.value
    shown, _ = panel._repr_mimebundle_()
    assert shown["image/png"] == base64.b64encode(saved).decode()


def test_what_comes_later_is_drawn_for_the_screen_too(panel):
    panel.page.screen = SHARP_AND_DARK
    before = panel.image.value
    if hasattr(panel, "run"):
        panel.run()
    else:
        panel.set(error=-3)
    assert panel.image.value != before
    assert pixels(panel.image.value).shape[1] == 1800


@pytest.mark.parametrize(
    "told",
    [{}, {"width": None, "dots": "2", "dark": 1}, {"width": -5, "dots": float("nan")}, {"dots": 0}],
)
def test_a_page_that_says_nothing_of_use_changes_nothing(told):
    panel = descent_panel()
    before = panel.image.value
    panel.page.screen = told
    assert panel.image.value is before
    assert panel.screen == PAPER
    panel.close()


def test_a_closed_panel_draws_no_more():
    panel = descent_panel()
    before = panel.image.value
    panel.close()
    panel.page.screen = SHARP_AND_DARK
    assert panel.image.value is before


# ---- no needless drawing ----


class Drawn(live.LivePanel):
    """Notes the screens that it is drawn for, each of which takes a while."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.drawn: list[Screen] = []
        self.seconds = seconds
        super().__init__("drawn", {})

    def draw_anew(self) -> None:
        self.drawn.append(self.screen)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            pass


async def all_that_waits() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_many_changes_in_a_row_are_drawn_once():
    async def change() -> list[Screen]:
        panel = Drawn()
        for width in range(400, 900, 10):
            panel.page.screen = {"width": width, "dots": 1, "dark": False}
        await all_that_waits()
        panel.close()
        return panel.drawn

    assert asyncio.run(change()) == [Screen(890)]


def test_a_window_that_changes_all_the_time_takes_a_fifth_of_the_time_at_most():
    async def change() -> tuple[int, float, Screen]:
        panel, start = Drawn(seconds=0.01), time.monotonic()
        while time.monotonic() < start + 0.5:
            width = 400 + 10 * (int(1000 * (time.monotonic() - start)) % 40)
            panel.page.screen = {"width": width, "dots": 1, "dark": False}
            await asyncio.sleep(0.001)
        count, seconds = len(panel.drawn), time.monotonic() - start
        panel.page.screen = {"width": 888, "dots": 1, "dark": False}
        while panel.screen != Screen(880):
            await asyncio.sleep(0.001)
        panel.close()
        return count, seconds, panel.drawn[-1]

    count, seconds, last = asyncio.run(change())
    assert 2 <= count <= 1 + seconds / (0.01 / live.SCREEN_SHARE)
    assert last == Screen(880)


def test_a_change_that_is_taken_back_is_not_drawn():
    async def change() -> list[Screen]:
        panel = Drawn()
        panel.page.screen = {"width": 500, "dots": 1, "dark": False}
        panel.page.screen = {"width": 900, "dots": 1, "dark": False}
        await all_that_waits()
        panel.close()
        return panel.drawn

    assert asyncio.run(change()) == []


def test_a_training_in_full_swing_goes_on_through_changes_of_its_screen(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1000, batch_size=10))
    panel.train()
    for width in (500, 700, 900):
        panel.page.screen = {"width": width, "dots": 2, "dark": True}
        panel.refresh()
        assert pixels(panel.image.value).shape[1] == 2 * width
    panel.stop()
    panel._session.join(60)
    panel.refresh()
    assert panel._display.curve.runs[0].x[-1] == pytest.approx(panel.last_run.step_number / 10)
    panel.close()
