"""The lesson plans name what is there, and last as long as they say."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tutorial_lib.classroom.challenge import challenge_from
from tutorial_lib.classroom.hand_in import usual_file
from tutorial_lib.exercises import EXERCISES

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import lesson_facts  # noqa: E402

PAGE = (ROOT / "docs/teaching.md").read_text(encoding="utf-8")
LESSONS = re.findall(r"^## (Lesson \d): .+?\n(.+?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS = re.findall(r"(0\d): (.+?)(?=<br>| \|)", PAGE)


def headings_of(number: str) -> set[str]:
    (path,) = lesson_facts.NOTEBOOKS.glob(f"{number}_*.ipynb")
    return {part.heading for part in lesson_facts.parts_of(path)}


@pytest.mark.parametrize(("lesson", "text"), LESSONS, ids=[name for name, _ in LESSONS])
def test_a_lesson_lasts_90_minutes(lesson, text):
    assert sum(map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))) == 90


def test_there_are_three_lessons_of_many_sections():
    assert len(LESSONS) == 3
    assert len(SECTIONS) >= 25


@pytest.mark.parametrize("number", sorted({number for number, _ in SECTIONS}))
def test_each_section_stands_in_its_notebook(number):
    assert {name for other, name in SECTIONS if other == number} <= headings_of(number)


def test_each_exercise_that_is_set_is_there():
    homework, *others = re.findall(r"^\*\*Homework.+?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"`([a-z_]+)`", "".join([homework, *others]))) - {"zero_grad"}
    assert len(names) >= 9
    assert names <= {name for some in EXERCISES.values() for name in some}


def test_each_link_leads_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", PAGE)
    anchors = {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    for path, anchor in links:
        assert (ROOT / "docs" / path).exists()
        assert path or anchor in anchors


def test_each_variable_is_one_that_is_read():
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in [*ROOT.glob("tutorial_lib/**/*.py"), *ROOT.glob("tools/*.py")]
    )
    names = set(re.findall(r"\bTUTORIAL_[A-Z_]+", PAGE))
    assert len(names) >= 5
    assert all(f'"{name}"' in code for name in names)


def test_the_challenge_can_be_given_and_the_hand_in_has_its_name():
    (text,) = re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL)
    assert "250 steps" in challenge_from(tomllib.loads(text)).in_words()
    (name,) = re.findall(r'hand-in --name "(.+?)"', PAGE)
    assert f"`{usual_file(name)}`" in PAGE
