"""Panels that play: their texts go into a page as they are, and nothing ends a script."""

import html.parser
import json
import re

import pytest

from tutorial_lib.pictures.contrast import contrast, ink_of
from tutorial_lib.pictures.theme import DARK_GROUND, PALETTE, PAPER_GROUND
from tutorial_lib.playing import bundle

SCRIPTS = sorted((bundle.FOLDER / "scripts").glob("*.js"))
HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 \u2029 ]]> \\ \" ' \x00 😀"


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def tags_of(text):
    tags = Tags()
    tags.feed(text)
    return tags.seen


def test_data_of_any_text_stay_data():
    script = bundle.as_script(HOSTILE, {HOSTILE: [HOSTILE, 1.5, None]})
    assert not set("<>&\u2028\u2029\x00") & set(script)
    name, data = re.fullmatch(r".*\nplaying\.recorded\[(.*?)\] = (.*);\n", script, re.S).groups()
    assert json.loads(name) == HOSTILE
    assert json.loads(data) == {HOSTILE: [HOSTILE, 1.5, None]}
    assert tags_of(f"<script>{script}</script>") == [("script", {})]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        bundle.as_script("runs", [number])


def test_a_place_keeps_its_options_whatever_they_are():
    place = bundle.place_of("training", {"name": HOSTILE.replace("\x00", "")}, base="../s/")
    (tag, attributes), *others = tags_of(place)
    assert (tag, others) == ("div", [])
    assert json.loads(attributes["data-options"])["name"] == HOSTILE.replace("\x00", "")
    assert attributes["data-scripts"] == "recorded/training.js training.js"


def test_an_unknown_script_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"core\.js.*got '\.\./bundle\.py'"):
        bundle.script_text("core.js", "../bundle.py")


@pytest.mark.parametrize("panel", bundle.PANELS)
def test_each_panel_has_its_scripts(panel):
    text = bundle.script_text(*bundle.PANELS[panel])
    assert f"playing.panels.{panel} = function" in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_plain_and_keeps_to_itself(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ")
    assert '(function () {\n  "use strict";\n' in text
    assert text.rstrip().endswith("})();")
    for forbidden in (r"innerHTML", r"\beval\(", r"document\.write", r"\bimport\b", r"fetch\("):
        assert not re.search(forbidden, text), forbidden
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}


def colours_of(block):
    return dict(re.findall(r"--play-([\w-]+): (#\w+);", block))


def test_colours_are_those_of_the_pictures_and_texts_can_be_read():
    light, *dark = map(
        colours_of, re.findall(r"\.playing \{([^}]*--play-1:[^}]*)\}", bundle.style_text())
    )
    assert len(dark) == 2
    assert dark[0] == dark[1]  # by the page's own switch, and by the system's
    for colours, ground, at in ((light, PAPER_GROUND, 0), (dark[0], DARK_GROUND, 1)):
        assert colours.keys() == light.keys()
        assert colours["ground"].lower() == ground.lower()
        for number, pair in enumerate(PALETTE.values(), 1):
            assert colours[str(number)].lower() == pair[at].lower()
            assert contrast(colours[f"{number}-ink"], ground) >= 4.5
        for name in ("ink", "muted"):
            assert contrast(colours[name], ground) >= 4.5
        for name in ("edge", "accent", "focus"):
            assert contrast(colours[name], ground) >= 3
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert [light[f"{n}-ink"] for n in range(1, 9)] == [ink_of(one) for one, _ in PALETTE.values()]
