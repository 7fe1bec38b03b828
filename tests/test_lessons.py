"""The short way through the notebooks holds by itself, and each has a pace that can be kept."""

import ast
import builtins
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from lesson_facts import NOTEBOOKS, first_training, longest_stretch, num_predictions, parts_of  # noqa: E402

ALL = sorted(NOTEBOOKS.glob("0?_*.ipynb"))  # without the page before them, 00a
ON_THE_WAY = [path for path in ALL if path.name < "05"]
MOST_WORDS = 700  # between two pictures
MINUTES_TO_A_TRAINING = 10
SHORT_MINUTES = 66  # of all together
GOES_ON = "*Deeper. The short way goes on at ["
EARLIER = {"get_ipython", "display", "In", "Out", "exit"}  # what IPython has ready


def headings(path: Path) -> list[str]:
    return list(dict.fromkeys(part.heading for part in parts_of(path) if part.heading))


def anchors(path: Path) -> set[str]:
    return {heading.replace(" ", "-") for heading in headings(path)}


def names_missing(sources: list[str]) -> set[str]:
    """Return the names that these cells, one after the other, use and have not made."""
    known, missing = {*dir(builtins), *EARLIER}, set()
    to_python = TransformerManager().transform_cell
    for source in sources:
        nodes = list(ast.walk(ast.parse(to_python(source))))
        used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        known |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        known |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        known |= {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {(a.asname or a.name).split(".")[0] for a in node.names}
        missing |= used - known
    return missing


def minutes_at_the_top(path: Path) -> tuple[int | None, int]:
    """Return how many minutes the notebook says that it takes: the short way, and all."""
    text = parts_of(path)[0].source
    both = re.search(r"\*\*Time:\*\* (\d+) minutes the short way \(◆\), (\d+) with all\.", text)
    if both:
        return int(both[1]), int(both[2])
    return None, int(re.search(r"\*\*Time:\*\* (\d+) minutes", text)[1])


@pytest.mark.parametrize("path", ON_THE_WAY, ids=lambda path: path.stem)
def test_no_cell_of_the_short_way_leans_on_a_deeper_one(path):
    sources = [part.source for part in parts_of(path) if part.is_code and part.is_short]
    assert sources
    assert not names_missing(sources)


def test_a_name_that_a_cell_lacks_is_seen():
    assert names_missing(["x = 1", "def f(a):\n    return a + x + y", "f(2)"]) == {"y"}


@pytest.mark.parametrize("path", ON_THE_WAY, ids=lambda path: path.stem)
def test_where_the_short_way_is_left_a_line_says_where_it_goes_on(path):
    parts = [part for part in parts_of(path) if part.heading]
    marked = [part.heading for part in parts if part.is_short]
    assert marked, "no heading is marked"
    before = None
    for index, part in enumerate(parts):
        leaves = before is not None and before.is_short and not part.is_short
        if leaves and not part.is_code:
            later = [each.heading for each in parts[index:] if each.is_short]
            assert GOES_ON in part.source, part.heading
            target = unquote(re.match(r"[^]]+\]\(([^)]+)\)", part.source.split(GOES_ON)[1])[1])
            if later:
                assert target == f"#{later[0].replace(' ', '-')}"
            else:
                assert (NOTEBOOKS / target.split("#")[0]).is_file()
        before = part


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_links_lead_to_headings_that_are_there(path):
    for part in parts_of(path):
        for name, anchor in re.findall(r"\]\(([\w/.]*)#([^)\s]+)\)", part.source):
            target = path.parent / name if name else path
            assert unquote(anchor) in anchors(target), f"{part.heading}: {name}#{anchor}"


def test_the_short_way_takes_about_an_hour():
    minutes = {
        path.stem: sum(part.minutes for part in parts_of(path) if part.is_short)
        for path in ON_THE_WAY
    }
    assert sum(minutes.values()) <= SHORT_MINUTES, minutes


def test_the_short_way_retells_the_original_page():
    text = " ".join(p.source for path in ON_THE_WAY for p in parts_of(path) if p.is_short).lower()
    for word in ("epoch", "batch size", "learning rate", "l1loss", "momentum", "lenet",
                 "ten epochs", "monitor", "mindspore"):  # fmt: skip
        assert word in text, word


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_pace_can_be_kept(path):
    parts = parts_of(path)
    assert first_training(parts)[0] <= MINUTES_TO_A_TRAINING
    assert longest_stretch(parts) <= MOST_WORDS
    if path in ON_THE_WAY[1:]:
        assert 8 <= num_predictions(parts) <= 13


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_time_at_the_top_is_what_reading_and_doing_take(path):
    parts = parts_of(path)
    short, whole = minutes_at_the_top(path)
    counted = sum(part.minutes for part in parts)
    assert abs(whole - counted) <= 10, f"{counted:.0f}"
    if short is not None:
        counted = sum(part.minutes for part in parts if part.is_short)
        assert abs(short - counted) <= 5, f"{counted:.0f}"


def test_all_notebooks_of_the_map_have_the_minutes_of_their_tops():
    start = "".join(part.source for part in parts_of(ALL[0]))
    for path in ALL[1:]:
        row = re.search(rf"\| \[[^|]*\]\({path.name}\) \|[^|]*\|([^|]*)\|", start)
        short, whole = minutes_at_the_top(path)
        assert str(whole) in row[1], path.name
        assert short is None or str(short) in row[1], path.name
