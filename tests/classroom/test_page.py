"""The page shows what learners wrote as text; it has no scripts and fetches nothing."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest
from made_up_class import HOSTILE, make_class

from tutorial_lib.classroom.challenge import Challenge
from tutorial_lib.classroom.hand_in import read_folder
from tutorial_lib.classroom.page import START, page_of
from tutorial_lib.classroom.standings import standings_of
from tutorial_lib.config import Hyperparameters

CHALLENGE = Challenge(
    title=HOSTILE, data="sample", steps=40, kind="loss", target=2.0,
    choose=("learning_rate", "optimizer"), settings=Hyperparameters(),
)  # fmt: skip


class Reader(HTMLParser):
    """Gathers what a page consists of."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(tmp_path_factory, honest):
    folder = tmp_path_factory.mktemp("class")
    entries = [honest] * 3 + [dataclasses.replace(honest, network=HOSTILE)] + [None] * 22
    make_class(folder, [*entries, honest])
    hand_ins, odd = read_folder(folder)
    return page_of(
        hand_ins, odd, title="Class: <b>", challenge=CHALLENGE,
        standings=standings_of(hand_ins, CHALLENGE),
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_html_of_a_learner_is_text(page, reader):
    assert HOSTILE in reader.text
    assert not {"script", "b", "iframe", "object"} & {*reader.tags}
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.tags.count("img") == 3  # the charts
    assert HOSTILE not in page


def test_it_fetches_nothing(reader):
    addresses = [v for name, v in reader.attributes if name in ("src", "srcset", "href", "action")]
    assert addresses
    assert all(v.startswith(("data:image/png;base64,", "#")) for v in addresses)


def test_its_policy_lets_in_its_own_style_alone(page, reader):
    (policy,) = [v for name, v in reader.attributes if name == "content" and "default-src" in v]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not [name for name, _ in reader.attributes if name == "style"]


def test_it_says_what_there_is(page, reader):
    assert page.encode().startswith(START)
    text = " ".join(reader.text.split())
    assert "27 hand-ins were read, as handed in. 3 hand-ins were left out." in text
    assert "hand-in-cut.json" in text
    assert "does not count: it is not LeNet as the tutorial trains it (<script>" in text
    assert "Where the class struggles most: " in text


def test_a_question_that_one_learner_alone_was_asked_is_not_shown(reader):
    assert 'Furthest off: "<script>' not in reader.text


def test_every_chart_has_words_and_four_forms(reader):
    words = [value for name, value in reader.attributes if name == "alt"]
    assert [one.split(":")[0] for one in words] == ["Curves", "Bars", "Bars"]
    assert reader.tags.count("source") == 9


def test_an_empty_class_has_a_page():
    page = page_of([], [], title="Class: nobody", challenge=CHALLENGE)
    assert "Nobody has tried an exercise yet." in page
    assert "Of the entries that count, nobody reached it." in page
    assert "<img" not in page


def test_equal_names_are_said(tmp_path, honest):
    make_class(tmp_path, [])
    hand_ins = [dataclasses.replace(one, name="Ada") for one in read_folder(tmp_path)[0][:2]]
    assert "More than one hand-in bears the name Ada" in page_of(hand_ins, [], title="Class")


def test_settings_are_those_of_the_first_step_and_not_what_is_claimed(tmp_path, honest):
    claims = honest.settings.replace(learning_rate=0.004)  # the steps were taken with 0.003
    planned = dataclasses.replace(honest, rates=[(1, 0.001), (9, 0.1), (30, 0.01)], changes=())
    make_class(tmp_path, [dataclasses.replace(honest, settings=claims), planned])
    hand_ins, _ = read_folder(tmp_path)
    standings = standings_of(hand_ins, CHALLENGE)
    page = page_of(hand_ins, [], title="Class", challenge=CHALLENGE, standings=standings)
    assert "lr 0.003" in page
    assert "lr 0.004" not in page
    assert "lr 0.001; rates from 0.001 to 0.1" in page


def test_who_handed_in_the_same_losses_is_said(honest, tmp_path):
    make_class(tmp_path, [honest])
    hand_ins, _ = read_folder(tmp_path)
    first = next(one for one in hand_ins if one.runs)
    copied = dataclasses.replace(first, name="Mallory")
    standings = standings_of([first, copied], CHALLENGE)
    page = page_of([first, copied], [], title="Class", challenge=CHALLENGE, standings=standings)
    assert "; the same losses as Mallory" in page
    alone = page_of([first], [], title="Class", challenge=CHALLENGE, standings=standings[:1])
    assert "the same losses" not in alone
