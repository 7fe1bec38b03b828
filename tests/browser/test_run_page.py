"""The page of one run in a real browser: nothing of a name runs, and it is gone along by keys."""

import json
import re
import sys
from pathlib import Path

import pytest
from axe import load_axe, violations
from windows import SCREENS

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile_run import HOSTILE, hostile_error, hostile_run

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.engine import with_accuracy
from tutorial_lib.playing.run_page import write_run_page

pytestmark = pytest.mark.browser
WIDTHS = [360, 1366]


@pytest.fixture(scope="module")
def run():
    data = load_digits("sample", device="cpu")
    run = TrainingRun(LeNet5(), data, Hyperparameters(epochs=3, batch_size=64))
    for record in with_accuracy(run, data.held_out):
        if record.step == 100:
            run.adjust(learning_rate=0.02)
    return run


@pytest.fixture(scope="module")
def address(run, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("run") / "run.html"
    return write_run_page(path, run, new_model=LeNet5).as_uri()


@pytest.fixture(scope="module")
def hostile_address(tmp_path_factory) -> str:
    run = hostile_run()
    path = tmp_path_factory.mktemp("hostile") / "'><img src=x onerror=alert(1)>.html"
    options = {"error": hostile_error(), "remark": HOSTILE[0]}
    return write_run_page(path, run, new_model=type(run.model), **options).as_uri()


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page; what it asked for, said or ran is in `page.events`."""
    contexts = []

    def open_page(address: str, width: int = 1366, **options):
        context = browser.new_context(viewport={"width": width, "height": 768}, **options)
        contexts.append(context)
        page, events = context.new_page(), []
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("dialog", lambda dialog: (events.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: events.append(request.url))
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.locator(".playing-chart").first.wait_for()
        page.events = lambda: [one for one in events if not one.startswith(("data:", address))]
        return page

    yield open_page
    for context in contexts:
        context.close()


def status(page) -> str:
    return page.locator(".playing-status").inner_text()


# ---- nothing of a name runs ----


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_names_stand_there_and_nothing_runs_or_is_fetched(
    width, open_page, hostile_address
):
    page = open_page(hostile_address, width)
    slider = page.get_by_role("slider")
    slider.press("Home")
    page.get_by_label("Go to").select_option(index=1)
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("window.ran") is None
    assert page.events() == []
    assert page.get_by_text(HOSTILE[1]).count() >= 1
    assert page.locator("script").count() == 2
    assert page.locator("iframe, svg[onload], [onerror]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_is_put_into_the_page_all_the_same_does_not_run(open_page, address):
    page = open_page(address)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(script);
          const place = document.createElement("div");
          place.innerHTML = '<img src="x" onerror="window.ran = 2" style="color: red">';
          document.body.append(place);
        }"""
    )
    page.wait_for_function("document.querySelector('img[src=x]').complete")
    assert page.evaluate("window.ran") is None
    refused = " ".join(page.events())
    for directive in ("script-src", "style-src", "img-src"):
        assert directive in refused
    assert "net::" not in refused  # nothing was asked for


# ---- it plays ----


def test_the_slider_goes_along_the_steps_by_keys(run, open_page, address):
    page = open_page(address)
    slider = page.get_by_role("slider")
    last = run.history[-1]
    assert slider.get_attribute("aria-valuetext") == f"{last.step} of {run.num_steps}"
    assert status(page).startswith(f"Step {last.step}, epoch 3.00: ")
    slider.press("Home")
    assert status(page).startswith("Step 1, epoch 0.02: loss of its batch 2.")
    slider.press("ArrowRight")
    second = run.history[1]
    assert f"Step 2, epoch {64 * 2 / 62 / 64:.2f}" in status(page)
    assert float(re.search(r"batch (\S+),", status(page)).group(1)) == pytest.approx(
        second.loss, rel=5e-3
    )
    assert page.locator("[data-step='2']").count() == 2  # on both pictures
    assert page.events() == []


def test_it_goes_to_a_change_and_tells_the_rate_there(open_page, address):
    page = open_page(address)
    page.get_by_label("Go to").select_option(label="step 101: lr 0.02")
    assert status(page).startswith("Step 101, ")
    assert "learning rate 0.02, 64 images a step" in status(page)
    page.get_by_role("slider").press("ArrowLeft")
    assert "learning rate 0.01," in status(page)


def test_the_last_score_is_told_with_the_step(run, open_page, address):
    page = open_page(address)
    page.get_by_label("Go to").select_option(label="the end of epoch 1")
    told = f"{100 * run.scores[0].accuracy:.1f}%"
    assert f"Held-out accuracy, last measured: {told}." in status(page)
    page.get_by_role("slider").press("ArrowLeft")
    assert "Held-out" not in status(page)


def test_play_goes_on_from_the_start_to_the_end_and_rests(open_page, address):
    page = open_page(address)
    page.clock.install()
    play = page.locator(".playing-main")
    play.click()
    assert play.inner_text() == "Pause"
    page.clock.run_for(3000)  # of eight seconds; those of the clock on the wall pass, too
    play.click()
    assert play.inner_text() == "Play"
    middle = int(re.match(r"Step (\d+)", status(page)).group(1))
    assert 60 <= middle < 186
    page.clock.run_for(2000)
    assert status(page).startswith(f"Step {middle},")
    play.click()
    page.clock.run_for(9000)
    assert status(page).startswith("Step 186,")
    assert play.inner_text() == "Play"


def test_the_script_is_copied_as_it_stands(open_page, address):
    page = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name="Copy to the clipboard")
    button.click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code").evaluate("code => code.textContent")
    compile(copied, "script", "exec")


# ---- without a script, on paper, for all ----


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_picture_and_numbers_stand(width, run, open_page, address):
    page = open_page(address, width, java_script_enabled=False)
    assert page.locator(".playing-still img").is_visible()
    assert not page.locator(".playing").is_visible()
    right = f"{100 * run.scores[-1].accuracy:.1f}% of 500 validation digits right"
    assert page.get_by_text(right).first.is_visible()
    assert page.locator("#code").is_visible()
    assert page.get_by_role("button").count() == 0


def test_on_paper_the_picture_stands_for_the_panel(open_page, address):
    page = open_page(address)
    assert not page.locator(".playing-still").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".playing-still").is_visible()
    assert not page.locator(".playing").is_visible()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_readers_find_nothing_that_keeps_them_out(width, scheme, open_page, address):
    page = open_page(address, width, color_scheme=scheme)
    load_axe(page)
    assert violations(page, "html") == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    shown = page.locator(".playing-still img").evaluate("img => img.currentSrc.length")
    assert shown > 1000


def test_the_data_of_the_page_are_those_of_the_run(run, open_page, address):
    page = open_page(address)
    given = json.loads(page.locator("#run").evaluate("data => data.textContent"))
    assert given["step"] == [record.step for record in run.history]
