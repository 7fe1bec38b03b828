"""Kept numbers of threads are read again, and a file that is damaged or foreign does no harm."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tutorial_lib.hardware import kept_threads as kept_file
from tutorial_lib.hardware.kept_threads import keep_threads, kept_threads

FOREIGN = [
    b"", b"mine", b"[1, 2]", b'{"other": 1}', b"\xff\xfe", b"[" * 100_000, b'{"threads": 7',
]  # fmt: skip


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(tmp_path))
    return tmp_path / "threads.json"


def test_what_is_kept_is_read_again_for_this_machine_alone(path):
    keep_threads("steps", 4)
    keep_threads("others", 1)
    assert (kept_threads("steps"), kept_threads("others"), kept_threads("none")) == (4, 1, None)
    path.write_text(path.read_text().replace(" cores", " other cores"))
    assert kept_threads("steps") is None


def test_the_newest_numbers_are_kept(monkeypatch):
    monkeypatch.setattr(kept_file, "MOST", 2)
    for what in ("first", "second", "first", "third"):
        keep_threads(what, 3)
    assert [kept_threads(what) for what in ("first", "second", "third")] == [3, None, 3]


@pytest.mark.parametrize("content", FOREIGN[:-1])
def test_a_file_of_another_program_stays_as_it_is(path, content):
    path.write_bytes(content)
    keep_threads("steps", 4)
    assert kept_threads("steps") is None
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("rest", [b"7", b"null}", b"[[[], 1]]}", b'{"a": 1'])
def test_a_damaged_file_of_ours_is_made_anew(path, rest):
    path.write_bytes(kept_file.START + rest)
    assert kept_threads("steps") is None
    keep_threads("steps", 4)
    assert kept_threads("steps") == 4


@pytest.mark.parametrize("count", [0, -1, 10**9, 2.0, True, "2", None, [2]])
def test_what_is_no_number_of_threads_is_not_taken(path, count):
    keep_threads("steps", 4)
    numbers = json.loads(path.read_text())["threads"]
    path.write_text(json.dumps({"threads": dict.fromkeys(numbers, count)}))
    assert kept_threads("steps") is None


def test_a_folder_in_its_place_and_one_that_is_read_only_are_borne(path, monkeypatch):
    path.mkdir()
    keep_threads("steps", 4)
    path.parent.chmod(0o555)
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))  # which is in there, too
    keep_threads("steps", 4)
    path.parent.chmod(0o755)
    assert kept_threads("steps") is None


def test_those_that_keep_numbers_at_once_lose_none():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keep_threads(f"steps {number}", 4), range(40)))
    assert all(kept_threads(f"steps {number}") == 4 for number in range(40))
