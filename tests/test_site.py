"""The site: nothing from another host, each picture with its words, each link with its end."""

import functools
import gzip
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import bs4
import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import build_site  # noqa: E402
import publish  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
IS_INSTALLED = all(map(importlib.util.find_spec, build_site.NEEDED))
WITH_PANELS = {  # page -> the panels that play on it, in their order, besides the map
    "index": ["training"],
    "notebooks/00_start_here": ["training"],
    "notebooks/01_hyperparameters": ["parabola", "training", "training"],
    "notebooks/02_losses": ["losses", "softmax"],
    "notebooks/03_optimizers": ["paths", "one_step", "training"],
    "notebooks/04_training": ["training", "pad"],
}
LOADED = ("script[src]", "img[src]", "source[src]", "iframe[src]", "video[src]", "embed[src]")
LOOKED_AT = ("index", "notebooks/02_losses", "api/tutorial_lib.panels")  # by axe
WEIGHT = 1_000_000  # bytes of a page, its style sheets, scripts and fonts


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if not IS_INSTALLED and not os.environ.get("TUTORIAL_THOROUGH"):
        pytest.skip("Sphinx, or what it needs, is not installed; make site installs it")
    folder = tmp_path_factory.mktemp("made") / "site"
    build_site.build(folder)
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, bs4.BeautifulSoup]:
    return {
        path: bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no Chromium was found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def parts_of(page: bs4.BeautifulSoup) -> list[str]:
    """Return the addresses of all that a page needs."""
    sources = [part["src"] for part in page.select(", ".join(LOADED))]
    kinds = {"stylesheet", "preload", "modulepreload", "icon", "preconnect", "dns-prefetch"}
    links = [link["href"] for link in page.select("link[href]") if kinds & {*link.get("rel", [])}]
    return sources + links


def local(path: Path, address: str) -> Path:
    return (path.parent / unquote(urlsplit(address).path)).resolve()


def test_badges_become_words_and_the_cell_for_hosts_is_not_shown():
    notebook = nbformat.read(ROOT / "notebooks/02_losses.ipynb", as_version=4)
    cells = len([cell for cell in notebook.cells if "host" not in cell.metadata.get("tags", [])])
    publish.put_into(notebook, "somebody/copy", "notebooks/02_losses.ipynb")
    assert "![Open in Binder](https://" in notebook.cells[0].source
    build_site.prepare(notebook)
    assert len(notebook.cells) == cells
    first = notebook.cells[0].source
    assert "![" not in first
    for host in ("mybinder.org/v2", "colab.research.google.com", "kaggle.com"):
        assert re.search(rf"\[Open in \w+\]\(https://{host}/[^)]*\)\{{\.launch\}}", first)


def shown(source: str, *, outputs: int = 1, base: str = "../_static/playing/"):
    """Return the places of panels in a notebook of these cells, each with a picture."""
    notebook = nbformat.v4.new_notebook()
    picture = nbformat.v4.new_output("execute_result", {"image/png": "", "text/plain": ""})
    for cell in source.split("\n---\n"):
        notebook.cells.append(nbformat.v4.new_code_cell(cell, outputs=[picture] * outputs))
    build_site.add_panels(notebook, base)
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    places = [output.data["text/html"] for output in outputs if "text/html" in output.data]
    return [bs4.BeautifulSoup(place, "html.parser").div for place in places]


def test_a_panel_plays_where_a_notebook_shows_it_and_begins_as_there():
    (place,) = shown(
        "from tutorial_lib.labs import descent_panel\n"
        "ball = descent_panel()\n---\nball.set(learning_rate=1.8)\nball"
    )
    assert place["data-panel"] == "parabola"
    assert (
        place["data-base"] + place["data-scripts"].split()[-1] == "../_static/playing/parabola.js"
    )
    assert json.loads(place["data-options"]) == {"learning_rate": 1.8}
    settings = 'Hyperparameters(optimizer="sgd", epochs=2)'
    for cells in (
        f'data = load_digits("sample")\n---\nTrainingPanel(data, settings={settings})',
        f"data = load_digits()\nset = {settings}\n---\np = TrainingPanel(data, settings=set)\np",
    ):
        (place,) = shown(cells)
        assert place["data-panel"] == "training"
        assert json.loads(place["data-options"]) == {"optimizer": "sgd", "epochs": 2}


@pytest.mark.parametrize(
    "cells",
    [
        "data = from_csv('wine.csv')\n---\nTrainingPanel(data)",
        "data = load_digits()\n---\nTrainingPanel(data, new_model=MyNet)",
        "data = load_digits()\npanel = TrainingPanel(data)\n---\npanel.picture()",
        "data = load_digits()\npanel = TrainingPanel(data)\npanel = inside_panel(data)\n---\npanel",
    ],
)
def test_what_was_not_recorded_does_not_play(cells):
    assert shown(cells) == []


def test_a_panel_without_a_picture_has_no_place():
    assert shown("loss_panel()", outputs=0) == []


def test_links_within_a_notebook_lead_to_its_headings():
    told = 0
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        build_site.prepare(notebook)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        headings = {build_site.slug(title) for title in re.findall(r"^#+ (.*)", text, re.MULTILINE)}
        linked = re.findall(r"\]\(#([^)]+)\)", text)
        assert set(linked) <= headings, path.name
        told += len(linked)
    assert told > 3


def test_links_of_a_guide_to_what_is_no_page_become_words(tmp_path):
    (tmp_path / "docs").mkdir()
    text = (
        "[a](../benchmarks/README.md#b) [c](#d) [e](../CHANGELOG.md) [f](https://g.h) ![i](j.png)"
    )
    (tmp_path / "CHANGELOG.md").touch()
    assert build_site.kept_links(text, tmp_path, "docs/teaching.md") == text.replace(
        "[a](../benchmarks/README.md#b)", "a"
    )


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert build_site.main([str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "other things" in line
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_makes_the_site_is_an_extra_alone():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {Requirement(one).name for one in extras["optional-dependencies"]["site"]}
    assert {name.replace("-", "_") for name in named} == set(build_site.NEEDED)
    locked = re.findall(r"^([\w-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert not named & set(locked)
    makefile = (ROOT / "Makefile").read_text()
    assert f"\t  {' '.join(build_site.NEEDED)} ||" in makefile
    assert "/site/" in (ROOT / ".gitignore").read_text().splitlines()


FAKE_PYTHON = """#!/bin/sh
case "$2" in
*starts*) echo starts;;
*find_spec*) exit {missing};;
*) echo "made by $*";;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("missing", [0, 1])
def test_make_site_installs_what_is_missing_and_says_so(tmp_path, missing):
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("requirements.lock", "pyproject.toml", ".venv/.ready"):  # in this order
        (tmp_path / name).touch()
    (programs / "python").write_text(FAKE_PYTHON.format(missing=missing))
    (programs / "uv").write_text('#!/bin/sh\necho "uv $*"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    done = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "site"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ("Installing into .venv" in done.stdout) == bool(missing)
    installed = re.search(r"^uv pip install .*--constraint requirements.lock", done.stdout, re.M)
    assert bool(installed) == bool(missing)
    assert "made by tools/build_site.py" in done.stdout


def test_no_page_needs_another_host(site, pages):
    assert len(pages) > len(NOTEBOOKS)
    for path, page in pages.items():
        for address in parts_of(page):
            assert not urlsplit(address).scheme, f"{path.name} loads {address}"
            assert not address.startswith("//"), f"{path.name} loads {address}"
            assert local(path, address).is_file(), f"{path.name} lacks {address}"
        for text in (script.string or "" for script in page.select("script:not([src])")):
            assert not re.search("import|https?://", text), path.name
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        for address in re.findall(r"(?:url\(|@import)\s*[\"']?(?!data:|#)([^\"');]+)", text):
            assert not re.match("https?:|//", address), f"{style.name} loads {address}"
            assert local(style, address).is_file(), f"{style.name} lacks {address}"


def test_every_link_has_its_end(site, pages):
    names = {
        path: {tag.get("id") or tag.get("name") for tag in page.select("[id], a[name]")}
        for path, page in pages.items()
    }
    for path, page in pages.items():
        for link in page.select("a[href]"):
            address = urlsplit(link["href"])
            if address.scheme or not (address.path or address.fragment):
                continue
            target = local(path, link["href"]) if address.path else path
            assert target.is_file(), f"{path.name}: {link['href']}"
            assert target.is_relative_to(site)
            if address.fragment and target in names and path.name != "search.html":
                assert unquote(address.fragment) in names[target], f"{path.name}: {link['href']}"


def test_every_picture_of_a_notebook_is_there_with_its_words(site, pages):
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        words = [
            " ".join(output.metadata["image/png"]["alt"].split())
            for output in outputs
            if "image/png" in output.get("data", {})
        ]
        page = pages[site / path.relative_to(ROOT).with_suffix(".html")]
        shown = [" ".join(image["alt"].split()) for image in page.select("article img")]
        assert shown == words, path.name


def test_every_page_says_its_language_and_has_its_headings_in_order(pages):
    for path, page in pages.items():
        levels = [int(tag.name[1]) for tag in page.select("article :is(h1, h2, h3, h4, h5, h6)")]
        assert page.html["lang"] == "en"
        assert page.title.string
        assert levels.count(1) <= 1, path.name
        assert all(after <= before + 1 for before, after in pairwise(levels)), path.name


def test_formulas_are_drawn_by_the_browser(site, pages):
    page = pages[site / "notebooks/02_losses.html"]
    assert len(page.select("math")) > 50
    assert len(page.select("math[display=block]")) > 10
    assert {tag.name for tag in page.find_all(string="ln")[0].parents} >= {"mo", "math"}  # spaced
    for path in NOTEBOOKS:
        page = pages[site / path.relative_to(ROOT).with_suffix(".html")]
        for tag in page.select("pre, code"):
            tag.decompose()
        assert "$" not in page.article.get_text(), path.name


def test_every_page_is_light_before_its_pictures(site, pages):
    fonts = sum(font.stat().st_size for font in site.rglob("*.woff2"))
    for path, page in pages.items():
        files = {local(path, address) for address in parts_of(page)}
        parts = [file for file in files if file.suffix in (".css", ".js")]
        parts.append(path.parents[len(path.relative_to(site).parts) - 1] / "_static/basic.css")
        if path.name != "search.html":
            parts = [file for file in parts if file.name != "searchindex.js"]  # fetched on a search
        weight = sum(file.stat().st_size for file in [path, *parts]) + fonts
        later = {  # what panels load as they come near the screen
            local(path, panel["data-base"] + script)
            for panel in panels_of(page)
            for script in panel["data-scripts"].split()
        }
        sent = fonts + sum(len(gzip.compress(file.read_bytes())) for file in [path, *parts, *later])
        both = f"{weight / 1000:5.0f} kB, {sent / 1000:5.0f} kB packed and with all panels"
        print(both, path.relative_to(site))
        assert weight < WEIGHT
        assert sent < WEIGHT


def panels_of(page: bs4.BeautifulSoup) -> list[bs4.Tag]:
    return page.select(".playing[data-panel]")


def test_panels_play_below_their_pictures_and_nothing_is_loaded_elsewhere(site, pages):
    found = {}
    for path, page in pages.items():
        name = path.relative_to(site).with_suffix("").as_posix()
        panels = panels_of(page)
        loads = {Path(urlsplit(one).path).name for one in parts_of(page) if "/playing/" in one}
        assert loads == ({"core.js", "start.js", "play.css"} if panels else set()), name
        if panels:
            names = [panel["data-panel"] for panel in panels]
            found[name] = [panel for panel in names if panel != "map"]
        for panel in panels:
            around = panel.find_parent(class_=panel["data-within"].lstrip("."))
            around = around or panel.find_parent(panel["data-within"])
            assert around.select("img.playing-still"), name
            for script in panel["data-scripts"].split():
                assert local(path, panel["data-base"] + script).is_file(), script
    assert found == WITH_PANELS


def test_every_public_name_is_in_the_reference(site, pages):
    for name in build_site.MODULES:
        page = pages[site / "api" / f"{name}.html"]
        told = {tag["id"] for tag in page.select("dt[id]")}
        public = {name for name, _ in build_site.public_names(importlib.import_module(name))}
        assert {f"{name}.{one}" for one in public} <= told
        assert len(public) > 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_pages_whole_and_axe_finds_nothing(browser, site, pages, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path.name
        if path.relative_to(site).with_suffix("").as_posix() not in LOOKED_AT:
            continue
        found = Axe().run(page).response
        assert len(found["passes"]) > 30  # it has truly looked
        assert [one["id"] for one in found["violations"]] == [], path.name
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (360, "dark")])
def test_every_panel_plays_in_the_place_of_its_picture(browser, address, width, scheme):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect

    page = browser.new_page(viewport={"width": width, "height": 768}, color_scheme=scheme)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "warning" else None)
    for name, panels in WITH_PANELS.items():
        page.goto(f"{address}/{name}.html")
        places = page.locator(".playing").all()
        assert len(places) >= len(panels)
        for place in places:
            place.evaluate("place => place.parentElement.scrollIntoView()")
            expect(place).to_have_attribute("data-state", "alive", timeout=30_000)
            assert place.locator("button, input").first.is_visible()
        assert page.locator("img.playing-still:visible").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        assert [one["id"] for one in Axe().run(page).response["violations"]] == [], name
    page.goto(f"{address}/index.html")
    training = page.locator("[data-panel=training]")
    training.get_by_label("pace").select_option(label="at once")
    for rate in ("Home", "End"):
        training.get_by_label("learning rate").press(rate)
        training.get_by_role("button", name="Train").click()
        expect(training.locator(".playing-status")).to_contain_text("Finished: epoch 3 of 3")
    assert training.locator("svg[role=img] [data-name$=loss]").count() == 2
    assert wrong == []
    page.close()


def test_without_javascript_pictures_stand(browser, address):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    for name in WITH_PANELS:
        page.goto(f"{address}/{name}.html")
        stills = page.locator("img.playing-still")
        assert stills.count() >= 1
        assert all(still.is_visible() for still in stills.all())
        assert all(place.inner_html() == "" for place in page.locator(".playing").all())
    context.close()
