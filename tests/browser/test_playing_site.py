"""A page with panels that play: pictures give way to them, and stand where they cannot."""

import functools
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from axe import load_axe, violations
from playwright.sync_api import Browser, Page, expect

from tutorial_lib.playing import bundle

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)
DOT = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='300' height='100'>"
    "<rect width='300' height='100' fill='gray'/></svg>"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Panels</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font-family: sans-serif; margin: 8px; }} .far {{ height: 4000px; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111; color: #eee; }} }}</style>
<link rel="stylesheet" href="playing/play.css">{scripts}</head><body><main>
<h1>Panels</h1>
<div class="cell_output"><img class="playing-still" alt="A training" src="{dot}">{training}</div>
<div class="cell_output"><img class="playing-still" alt="Nothing" src="{dot}">{broken}</div>
<div class="far"></div>
<div class="cell_output"><img class="playing-still" alt="A parabola" src="{dot}">{parabola}</div>
</main></body></html>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(bundle.FOLDER / "scripts", folder / "playing")
    shutil.copytree(bundle.FOLDER / "recorded", folder / "playing/recorded")
    shutil.copy(bundle.FOLDER / "play.css", folder / "playing")
    place = functools.partial(bundle.place_of, base="playing/", within=".cell_output")
    text = PAGE.format(
        dot=DOT,
        scripts="".join(f'<script defer src="playing/{name}"></script>' for name in bundle.START),
        training=place("training", {"learning_rate": 0.01}),
        broken=place("losses").replace("losses.js", "nowhere.js"),
        parabola=place("parabola"),
    )
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.fixture
def training(page: Page, address: str) -> Page:
    page.clock.install(time=datetime(2026, 1, 1))
    page.goto(address)
    expect(page.locator("[data-panel=training]")).to_have_attribute("data-state", "alive")
    page.clock.pause_at(datetime(2026, 1, 2))  # from now on time passes in run_for alone
    return page


def press(page: Page, name: str) -> None:
    page.locator("[data-panel=training]").get_by_role("button", name=name, exact=True).click()


def choose(page: Page, label: str, text: str) -> None:
    page.locator("[data-panel=training]").get_by_label(label).select_option(label=text)


def slide(page: Page, label: str, value: str) -> None:
    """Move a slider until it says this."""
    slider = page.locator("[data-panel=training]").get_by_label(label)
    slider.focus()
    page.keyboard.press("Home")
    while slider.get_attribute("aria-valuetext") != value:
        before = slider.input_value()
        page.keyboard.press("ArrowRight")
        assert slider.input_value() != before, f"{label} has no {value}"


def status(page: Page) -> str:
    return page.locator("[data-panel=training] .playing-status").text_content()


def step(page: Page) -> int:
    return int(re.search(r"step ([\d,]+) of", status(page))[1].replace(",", ""))


def train_at_once(page: Page) -> None:
    choose(page, "pace", "at once")
    press(page, "Train")
    page.clock.run_for(100)


def recorded(**wanted) -> dict:
    text = bundle.script_text("recorded/training.js").partition("] = ")[2]
    runs = json.loads(text.rstrip().removesuffix(";"))["runs"]
    (run,) = [run for run in runs if wanted.items() <= run.items()]
    return run


def test_a_picture_gives_way_to_what_plays_and_stands_where_nothing_does(training):
    assert training.get_by_alt_text("A training").is_hidden()
    expect(training.locator("[data-panel=losses]")).to_have_attribute("data-state", "failed")
    assert training.get_by_alt_text("Nothing").is_visible()
    assert training.locator("[data-panel=losses]").is_hidden()


def test_a_run_takes_no_room_from_the_picture_that_it_is_drawn_on(training):
    plot = training.locator("[data-panel=training] .playing-wide clipPath rect")
    before = plot.get_attribute("width")
    train_at_once(training)
    assert training.locator("[data-panel=training] .playing-name").first.is_visible()
    assert plot.get_attribute("width") == before


def test_scripts_are_loaded_when_their_panel_comes_near(training):
    loaded = "[...document.scripts].map(script => script.src).join(' ')"
    assert "parabola.js" not in training.evaluate(loaded)
    training.get_by_alt_text("A parabola").scroll_into_view_if_needed()
    expect(training.locator("[data-panel=parabola]")).to_have_attribute("data-state", "alive")
    assert "parabola.js" in training.evaluate(loaded)


def test_without_javascript_all_pictures_stand(browser: Browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    for words in ("A training", "Nothing", "A parabola"):
        assert page.get_by_alt_text(words).is_visible()
    assert all(place.inner_text() == "" for place in page.locator(".playing").all())
    context.close()


def test_a_file_plays_as_well(page: Page, site):
    page.goto((site / "index.html").as_uri())
    expect(page.locator("[data-panel=training]")).to_have_attribute("data-state", "alive")


def test_a_run_plays_in_the_time_that_it_took_or_faster(training):
    run = recorded(optimizer="momentum", learning_rate=0.01, batch_size=32, brake=1)
    for text, pace in (("as it was", 1), ("10 times", 10)):
        choose(training, "pace", text)
        press(training, "Train")
        training.clock.run_for(int(1000 * run["seconds"] / pace / 2))
        assert step(training) == pytest.approx(run["steps"] / 2, rel=0.03 * pace)
        training.clock.run_for(int(1000 * run["seconds"] / pace))
        assert status(training).startswith("Finished: epoch 3 of 3, step 375 of 375, smoothed loss")
        share = f"{100 * run['scores'][-1][2]:.1f}% of 500 held-out digits right"
        assert share in status(training)


def test_pause_holds_a_run_and_stop_ends_it(training):
    press(training, "Train")
    training.clock.run_for(500)
    press(training, "Pause")
    held = step(training)
    training.clock.run_for(1000)
    assert status(training).startswith("Paused: ")
    assert step(training) == held > 0
    press(training, "Resume")
    training.clock.run_for(300)
    assert step(training) > held
    press(training, "Stop")
    assert status(training).startswith("Stopped: ")
    stopped = step(training)
    training.clock.run_for(1000)
    assert step(training) == stopped
    expect(training.get_by_role("button", name="Pause")).to_be_disabled()


def test_runs_are_laid_over_each_other_until_they_are_cleared(training):
    train_at_once(training)
    slide(training, "learning rate", "0.001")
    train_at_once(training)
    choose(training, "optimizer", "adam")
    train_at_once(training)
    loss = training.locator("[data-panel=training] svg[role=img]").first
    labels = ["momentum, lr 0.01", "momentum, lr 0.001", "adam, lr 0.001"]
    words = loss.get_attribute("aria-label")
    assert [words.index(f"{label}: smoothed loss from 2.3") for label in labels] == sorted(
        words.index(f"{label}:") for label in labels
    )
    for label in labels:
        assert training.get_by_text(label, exact=True).count() == 1
    press(training, "Clear")
    training.clock.run_for(10)
    assert "no run has begun" in loss.get_attribute("aria-label")
    assert status(training).startswith("Ready.")


def test_a_setting_in_between_goes_to_the_nearest_and_is_told(training):
    slide(training, "learning rate", "0.025")
    slide(training, "batch size", "1,024")
    words = "learning rate 0.03 instead of 0.025, batch size 256 instead of 1,024."
    assert training.get_by_text(words).count() == 1
    train_at_once(training)
    assert words in status(training)
    run = recorded(optimizer="momentum", learning_rate=0.03, batch_size=256, brake=1)
    assert f"step {run['steps']} of {run['num_steps']}" in status(training)
    slide(training, "learning rate", "0.03")
    slide(training, "batch size", "256")
    training.clock.run_for(10)
    assert training.locator(".playing-wish").first.text_content() == ""


def test_a_run_that_diverges_says_so(training):
    run = recorded(optimizer="sgd", learning_rate=3, batch_size=64, brake=1)
    choose(training, "optimizer", "sgd")
    slide(training, "learning rate", "3")
    slide(training, "batch size", "64")
    train_at_once(training)
    assert status(training).startswith(f"Diverged: {run['diverged']['words']}")
    words = training.locator("[data-panel=training] svg[role=img]").first.get_attribute(
        "aria-label"
    )
    assert "where it diverged" in words
    assert training.locator("[data-name='0 cross'] path").count() == 1


def test_a_change_on_the_way_is_marked(training):
    choose(training, "rate on the way", "a tenth of it in epoch 3")
    train_at_once(training)
    assert training.locator("[data-name='0 mark'] text").text_content() == "lr 0.001"


def test_the_table_has_the_recorded_numbers(training):
    train_at_once(training)
    training.get_by_text("Numbers as a table").click()
    run = recorded(optimizer="momentum", learning_rate=0.01, batch_size=32, brake=1)
    rows = training.locator("[data-panel=training] tbody tr").all_inner_texts()
    assert rows[0].strip() == "lr 0.01, batch 32"
    for row, (epoch, loss, share) in zip(rows[1:], run["scores"], strict=True):
        cells = row.split("\t")
        assert cells[0] == str(epoch)
        assert float(cells[2]) == pytest.approx(loss, rel=0.006)
        assert cells[3] == f"{100 * share:.1f}%"


def test_who_listens_hears_where_it_stands_not_each_step(training):
    spoken = training.locator("[data-panel=training] [role=status]")
    train_at_once(training)
    assert spoken.text_content() == ""  # it may still move on
    training.clock.run_for(1000)
    assert spoken.text_content() == status(training)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_and_axe_finds_nothing(browser: Browser, address, scheme):
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto(address)
    expect(page.locator("[data-panel=training]")).to_have_attribute("data-state", "alive")
    choose(page, "pace", "at once")
    press(page, "Train")
    expect(page.locator(".playing-status").first).to_contain_text("Finished")
    page.get_by_text("Numbers as a table").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for control in page.locator(".playing :is(button, input, select)").all():
        assert control.bounding_box()["height"] >= 24
    load_axe(page)
    assert violations(page, ".playing[data-state=alive]") == []
    page.close()
