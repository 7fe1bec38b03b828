"""The map in a page: cells by pointer and by keys, its lines as Python's, searches try by try."""

import gzip
import json

import pytest
from axe import load_axe, violations
from windows import windows

from tutorial_lib.labs.map.draw import goodness
from tutorial_lib.labs.map.grid import HyperparameterMap
from tutorial_lib.labs.map.recorded import PATH, SEARCH_EPOCHS, SEARCH_SEEDS, long_map
from tutorial_lib.labs.map.search import best_of, latest, search
from tutorial_lib.playing import bundle

pytestmark = pytest.mark.browser
PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A map</title>
<meta name="viewport" content="width=device-width">
<style>{style} body {{ font-family: sans-serif }}</style>
<main><h1>A map</h1><div><div class="playing" data-panel="map"></div></div></main>
<script>{script}; playing.start(document)</script>"""
OURS = "playing.recorded.map.maps"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("map") / "map.html"
    script = bundle.script_text("core.js", "recorded/map.js", "map.js")
    path.write_text(PAGE.format(style=bundle.style_text(), script=script), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def open_map(browser, address):
    """Return a function that opens the map in a window; what it said is in `page.said`."""
    with windows(browser, address) as open_one:

        def open_map(**options):
            page = open_one(**options)
            page.get_by_role("grid").wait_for()
            return page

        yield open_map


@pytest.fixture(scope="module")
def page(open_map):
    return open_map()


@pytest.fixture(scope="module")
def recorded() -> dict:
    last = PATH.read_text(encoding="utf-8").splitlines()[-1]
    return json.loads(last.partition(" = ")[2].removesuffix(";"))


@pytest.fixture(scope="module")
def maps(recorded) -> dict[str, HyperparameterMap]:
    """Return the maps that the page has, as Python reads them."""
    return {
        name: HyperparameterMap.from_json(json.dumps(each))
        for name, each in recorded["maps"].items()
    }


@pytest.fixture
def whole(page):
    """Return the page with the searched map, no search, and its best cell chosen."""
    page.get_by_label("search by").select_option(label="none")
    page.get_by_label("equal for all").select_option(label="9 epochs")
    page.get_by_label("colour by").select_option(label="validation loss")
    page.get_by_label("cover what was not tried").evaluate("box => { box.checked = true }")
    page.mouse.move(0, 0)
    return page


def cell(page, words: str):
    return page.get_by_role("gridcell", name=words)


def status(page) -> str:
    return page.locator(".playing-status").inner_text()


# ---- what is computed, against Python ----


def test_ridge_and_rules_are_those_of_python(page, maps):
    for name, the_map in maps.items():
        theirs = page.evaluate(
            f"map => playing.map.ridge({OURS}[map]).map(c => [c.batch_size, c.learning_rate])", name
        )
        ridge = the_map.ridge()
        assert theirs == [[size, best.learning_rate] for size, best in ridge.items()]
        for rule in ("linear", "square root"):
            rates = page.evaluate(
                "([map, rule, sizes]) => "
                f"sizes.map(size => playing.map.scaledRate({OURS}[map], rule, size))",
                [name, rule, list(the_map.batch_sizes)],
            )
            ours = [the_map.scaled_rate(rule, size) for size in the_map.batch_sizes]
            assert rates == pytest.approx(ours, rel=1e-12)


@pytest.mark.parametrize("by", ["loss", "accuracy"])
def test_cells_are_as_blue_as_in_the_notebook(page, maps, by):
    for name, the_map in maps.items():
        theirs = page.evaluate(
            f"([map, by]) => playing.map.cellsOf({OURS}[map]).flat()"
            f".map(cell => playing.map.goodness(cell, {OURS}[map], by))",
            [name, by],
        )
        pairs = [(rate, size) for rate in the_map.learning_rates for size in the_map.batch_sizes]
        ours = [goodness(the_map.cells[pair], the_map, by) for pair in pairs]
        assert theirs == pytest.approx(ours, abs=1e-12)


def test_searches_are_those_of_python_to_the_last_try(page, recorded):
    the_map = long_map()
    for method in ("grid", "random", "halving"):
        for number, seed in enumerate(SEARCH_SEEDS):
            tries = list(search(method, the_map, budget=SEARCH_EPOCHS, seed=seed))
            theirs = page.evaluate(
                "([method, number]) => playing.map.after("
                "playing.recorded.map.searches.tries[method][number], 1e9, 9)",
                [method, number],
            )
            assert theirs["spent"] == tries[-1].spent <= SEARCH_EPOCHS
            assert [one["epochs"] for one in theirs["tries"]] == [t.epochs for t in latest(tries)]
            assert theirs["best"]["number"] == best_of(tries).number


@pytest.mark.parametrize(
    ("rate", "height"), [(0.1, 0), (0.2, 1), (0.8, 3), (0.1 * 2**0.5, 0.5), (0.05, -1), (1.6, 4)]
)
def test_a_rate_has_its_height_between_the_rows_and_beyond(page, rate, height):
    found = page.evaluate("rate => playing.map.heightOf(rate, [0.1, 0.2, 0.4, 0.8])", rate)
    assert found == pytest.approx(height, abs=1e-9)


def test_only_a_whole_training_is_the_best_and_a_try_counts_as_far_as_it_came(page):
    events = [[1, 0, 0, 1, 2.0], [2, 1, 1, 1, 0.1], [3, 2, 0, 1, None], [1, 0, 0, 9, 0.5]]
    found = page.evaluate("events => playing.map.after(events, 4, 9)", events)
    assert (found["spent"], found["best"]["number"]) == (9 + 1 + 1, 1)
    before = page.evaluate("events => playing.map.after(events, 3, 9)", events)
    assert (before["spent"], before["best"]) == (3, None)


# ---- what a visitor does ----


def test_a_cell_is_pointed_at_and_its_curve_is_told(whole, maps):
    one = maps["long"].cells[0.1, 64]
    cell(whole, "learning rate 0.1, batch size 64:").hover()
    told = whole.get_by_role("img", name="Loss of learning rate 0.1, batch size 64")
    told.wait_for()
    assert f"{one.validation[0]:#.3g}" in told.get_attribute("aria-label")
    assert whole.locator("[data-name=validation] circle").count() == len(one.validation) == 9


def test_arrow_keys_walk_over_the_cells_one_of_which_is_in_the_order_of_tabs(whole):
    start = cell(whole, "learning rate 0.1, batch size 32:")
    start.click()
    walked = {
        "ArrowRight": "learning rate 0.1, batch size 64",
        "ArrowUp": "learning rate 0.2, batch size 64",
        "Home": "learning rate 0.2, batch size 8",
        "ArrowLeft": "learning rate 0.2, batch size 8",
        "End": "learning rate 0.2, batch size 512",
        "PageDown": "learning rate 0.0125, batch size 512",
        "ArrowDown": "learning rate 0.0125, batch size 512",
        "Control+Home": "learning rate 1.6, batch size 8",
    }
    for key, words in walked.items():
        whole.keyboard.press(key)
        focused = whole.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused.startswith(f"{words}:"), key
    assert whole.locator(".playing-map td[tabindex='0']").count() == 1
    assert whole.locator(".playing-map td[aria-selected=true]").count() == 1


@pytest.mark.parametrize("label", ["2 epochs", "9 epochs", "250 steps", "1 second of one core"])
def test_each_budget_has_its_map_and_its_best_cell(whole, maps, label):
    name = {"2": "epochs", "9": "long", "250": "steps", "1": "seconds"}[label.split()[0]]
    whole.get_by_label("equal for all").select_option(label=label)
    best = maps[name].best()
    words = f"learning rate {best.learning_rate:g}, batch size {best.batch_size}: learned"
    assert status(whole).startswith(f"{label} each. The lowest loss: {words}")
    ridge = whole.locator(".playing-over circle").count()
    assert ridge == len(maps[name].ridge())


def test_accuracy_takes_the_place_of_the_loss(whole, maps):
    one = maps["long"].cells[0.1, 64]
    whole.get_by_label("colour by").select_option(label="accuracy")
    found = cell(whole, "learning rate 0.1, batch size 64:").inner_text()
    assert found == f"{100 * one.accuracy:.0f}%"


def test_a_search_shows_what_it_has_seen_and_no_more(whole, recorded):
    events = recorded["searches"]["tries"]["halving"][0]
    whole.get_by_label("search by").select_option(label="successive halving")
    assert whole.locator("td[data-state=covered]").count() == 56
    whole.get_by_role("button", name="Next try").click()
    number, row, column, epochs, loss = events[0]
    rates = recorded["maps"]["long"]["learning_rates"]
    size = recorded["maps"]["long"]["batch_sizes"][column]
    words = f"learning rate {rates[row]:.3g}, batch size {size}: after 1 epoch, loss {loss:#.3g}"
    assert cell(whole, words).count() == 1
    assert whole.locator("[data-try]").count() == 1
    assert whole.locator("[data-name=validation] circle").count() == epochs == 1
    assert whole.locator("td[data-state=covered]").count() == 55
    assert status(whole).startswith(f"Try {number}: rate")


def test_a_search_goes_to_its_end_and_begins_anew(whole):
    whole.get_by_label("search by").select_option(label="random")
    whole.get_by_role("button", name="All").click()
    tries = list(search("random", long_map(), budget=SEARCH_EPOCHS, seed=0))
    assert whole.locator("[data-try]").count() == len(tries)
    best = best_of(tries)
    assert f"Best whole training: try {best.number}, loss {best.loss:#.3g}" in status(whole)
    assert whole.get_by_role("button", name="Next try").is_disabled()
    whole.get_by_role("button", name="Anew").click()
    assert whole.locator("[data-try]").count() == 0


def test_play_shows_one_try_after_the_other_until_pause(open_map, address):
    page = open_map()
    page.clock.install()
    page.goto(address)
    page.get_by_role("grid").wait_for()
    page.get_by_label("search by").select_option(label="grid")
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1900)
    assert page.locator("[data-try]").count() == 4  # one at once, and one each 0.6 seconds
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5000)
    assert page.locator("[data-try]").count() == 4
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(60_000)
    assert page.get_by_role("button", name="Play").is_disabled()  # it has come to the end
    assert page.said == []


def test_another_seed_is_another_search_and_another_budget_ends_it(whole):
    whole.get_by_label("search by").select_option(label="random")
    whole.get_by_role("button", name="All").click()
    first = status(whole)
    whole.get_by_label("seed of the search").fill("1")
    whole.get_by_role("button", name="All").click()
    assert status(whole) != first
    whole.get_by_label("equal for all").select_option(label="250 steps")
    assert whole.locator("[data-try]").count() == 0
    assert whole.get_by_label("search by").input_value() == "0"


def test_what_the_searches_found_is_a_table(whole, recorded):
    whole.get_by_text("What the searches found").click()
    found = whole.get_by_role("table", name="What each search found")
    for name, *rest in recorded["searches"]["rows"]:
        assert " ".join([name, *rest]) in " ".join(found.inner_text().split())
    whole.get_by_text("What the searches found").click()


def test_it_says_where_and_when_it_was_recorded(whole, recorded):
    note = whole.locator(".playing-note").inner_text()
    made = recorded["made"]
    assert f"Recorded on {made['date']} with torch {made['torch']}" in note
    assert "56 real trainings" in note
    assert made["processor"] in note


# ---- on every screen, for everybody ----


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1366, "light")])
def test_it_fits_and_axe_finds_nothing(open_map, width, scheme):
    page = open_map(viewport={"width": width, "height": 768}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    load_axe(page)
    assert violations(page, "main") == []
    page.get_by_label("search by").select_option(label="successive halving")
    page.get_by_role("button", name="All").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert violations(page, "main") == []
    box = page.locator(".playing-map td").first.bounding_box()
    assert min(box["width"], box["height"]) >= 24
    assert page.said == []


def test_the_file_is_small():
    assert len(gzip.compress(PATH.read_bytes(), 9)) < 80_000
