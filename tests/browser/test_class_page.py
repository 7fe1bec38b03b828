"""The page of a class in a real browser: nothing runs or is fetched, and it fits a telephone."""

import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from windows import SCREENS

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_up_class import HOSTILE, make_class

from tutorial_lib import cli

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("class")
    make_class(folder, [])
    assert cli.main(["class", str(folder)]) == 0
    return (folder / "class.html").as_uri()


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens the page; and what it asked for, said or ran."""
    contexts, events = [], []

    def open_page(width: int, scheme: str):
        context = browser.new_context(
            viewport={"width": width, "height": 768}, color_scheme=scheme, bypass_csp=False
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: events.append(message.text))
        page.on("dialog", lambda dialog: (events.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: events.append(request.url))
        page.goto(address)
        return page, [event for event in events if not event.startswith(("data:", address))]

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_fits_and_nothing_of_a_learner_runs(width, scheme, open_page):
    page, events = open_page(width, scheme)
    assert events == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.get_by_role("rowheader", name=HOSTILE).count() >= 1
    assert page.locator("script").count() == 0
    shown = page.locator("picture img").first.evaluate("img => img.currentSrc.length")
    assert shown > 1000
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}[scheme]


def test_readers_find_their_way(browser, address):
    context = browser.new_context()  # axe is a script, which the page itself would not let in
    page = context.new_page()
    page.goto(address)
    found = Axe().run(page).response["violations"]
    context.close()
    assert [(one["id"], one["nodes"][0]["html"][:80]) for one in found] == []
