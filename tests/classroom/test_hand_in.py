"""A hand-in comes back as it was written; what is odd is named, and nothing of it is taken."""

import dataclasses
import gzip
import json
import os
import sys

import numpy as np
import pytest
from made_up_class import AT, gigabyte_of_zeros, make_class, record_of

from tutorial_lib.classroom import hand_in
from tutorial_lib.classroom.hand_in import (
    HandIn,
    OddHandIn,
    checked_name,
    in_words,
    read_folder,
    read_hand_in,
    usual_file,
    write_hand_in,
)


@pytest.fixture
def one(honest, tmp_path):
    record = record_of(0.5, np.random.RandomState(1))
    return HandIn("Ada Lovelace", AT, record, (honest,), tmp_path / "ada.json")


@pytest.fixture
def change(one, tmp_path):
    """Return a function that changes the values of a hand-in, writes it, and returns the file."""

    def write(path, value):
        write_hand_in(one.path, one)
        held = json.loads(one.path.read_text(encoding="utf-8"))
        *names, last = path.split("/")
        part = held
        for name in names:
            part = part[int(name) if name.isdigit() else name]
        part[int(last) if last.isdigit() else last] = value
        one.path.write_text(json.dumps(held), encoding="utf-8")
        return one.path

    return write


def test_it_comes_back_as_it_was_written(one):
    assert write_hand_in(one.path, one) == one.path.stat().st_size
    assert read_hand_in(one.path) == one


def test_an_older_hand_in_is_replaced_and_nothing_else(one):
    write_hand_in(one.path, one)
    write_hand_in(one.path, dataclasses.replace(one, name="Ada L."))
    assert read_hand_in(one.path).name == "Ada L."
    one.path.write_text("my thesis")
    with pytest.raises(ValueError, match="is another program's file, which stays as it is"):
        write_hand_in(one.path, one)


def test_it_is_said_what_it_holds(one):
    lines = in_words(one)
    assert lines[0] == "Name: Ada Lovelace"
    assert lines[2] == "Predictions: 5, with what was seen then"
    assert "40 steps of LeNet5 on sample, momentum, lr 0.003, batch 32, 1 change on" in lines[3]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Ada Lovelace", "hand-in-ada-lovelace.json"),
        ("../../etc/passwd", "hand-in-etc-passwd.json"),
        ("李雷", "hand-in-李雷.json"),
        ("?", "hand-in.json"),
    ],
)
def test_a_name_becomes_the_name_of_a_file(name, file):
    assert str(usual_file(name)) == file


def test_a_long_name_becomes_a_short_file():
    assert len(os.fsencode(usual_file("李" * 80))) < 120


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "Ada\x1b[31m", "\u202eadA", "Ada\ud800"])
def test_a_name_must_be_seen(name):
    with pytest.raises(ValueError, match=r"^name must "):
        checked_name(name)


def test_names_are_written_in_many_ways():
    assert checked_name("  بی\u200cبی   O'Neil ") == "بی\u200cبی O'Neil"


# ---- what is odd ----


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("version", 2, "of a newer tutorial_lib, in version 2"),
        ("what", "thesis", "no hand-in of this tutorial"),
        ("name", "\x1b[2J", "it holds what cannot be: name must be letters that can be seen"),
        ("name", 3, 'name is not as it should be: no "string"'),
        ("extra", 1, "the whole is not as it should be: a name is unknown"),
        ("at", "yesterday", "it holds what cannot be: Invalid isoformat string"),
        ("exercises/one_epoch/tries", -1, "tries must be counted, 0 or more"),
        ("exercises/one_epoch/tries", 1.0, "tries must be counted, 0 or more"),
        ("predictions", [[]] * 1001, "predictions is not as it should be: more parts than 1000"),
        ("predictions/0/expected", [1], "expected must be a number"),
        ("runs/0/settings/epochs", 1e9, 'runs/0/settings/epochs is not as it should be: no "integ'),
        ("runs/0/settings/epochs", 0, "runs/0/settings/epochs is not as it should be: below 1"),
        ("runs/0/settings/learning_rate", 1e300, "learning_rate is not as it should be: above 1e+"),
        ("runs/0/settings/optimizer", "__import__", "optimizer must be one of sgd, momentum"),
        ("runs/0/losses", [], "runs/0/losses is not as it should be: fewer parts than 1"),
        ("runs/0/losses", [0.5] * 200_001, "losses is not as it should be: more parts than 200000"),
        ("runs/0/losses/3", "x", "a loss is no number from 0 to 1e+30"),
        ("runs/0/losses/3", -0.5, "a loss is no number from 0 to 1e+30"),
        ("runs/0/losses/3", None, "a loss is no number from 0 to 1e+30"),
        ("runs/0/losses/3", 10**400, "a loss is no number from 0 to 1e+30"),
        ("runs/0/rates", [[2, 0.1]], "rates do not begin at step 1, or are not in order"),
        ("runs/0/rates", [[1, "x"]], "a learning_rate is no number"),
        ("runs/0/rates", [[1, 0]], "learning_rate must be a finite number in (0, inf)"),
        ("runs/0/rates", [[1.0, 0.1]], "rates must begin at whole steps"),
        ("runs/0/rates", [{}], "rates must be pairs of a step and a value"),
        ("runs/0/batch_sizes", [[1, 0]], "batch_size must be a whole number, 1 or more"),
        ("runs/0/batch_sizes", [[1, 2.5]], "batch_size must be a whole number, 1 or more"),
        ("runs/0/threads", [10**6], "above 64"),
        ("runs/0/changes/0/field", "seed", "a change is of no setting"),
        ("runs", [{}] * 21, "runs is not as it should be: more parts than 20"),
    ],
)
def test_what_cannot_be_is_named(path, value, words, change):
    with pytest.raises(OddHandIn) as odd:
        read_hand_in(change(path, value))
    assert words in str(odd.value)
    assert len(str(odd.value)) < 300


def text(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (gigabyte_of_zeros, "it has 1,000 MB, and a hand-in has at most 8 MB"),
        (text(b"\0" * 1000), "it is no JSON of ours"),
        (text(b"[" * 1_000_000), "it is no JSON of ours: it lies too deep"),
        (text(b'{"what": NaN}'), "it is no JSON of ours: NaN is no finite number"),
        (text(b'{"what": 1e999}'), "it is no JSON of ours: 1e999 is no finite number"),
        (text(b'{"what": 1, "what": 2}'), "it is no JSON of ours: a name stands in it twice"),
        (text(b"\xff\xfe"), "it is no JSON of ours: 'utf-8' codec can't decode"),
        (text(gzip.compress(b"\0" * 10**7)), "it is no JSON of ours"),
        (text(b"cos\nsystem\n(S'echo'\ntR."), "it is no JSON of ours"),
        (text(b"[]"), "it is no hand-in of this tutorial"),
        (text(b""), "it is no JSON of ours"),
        (lambda path: path.symlink_to(__file__), "it is a link"),
        pytest.param(
            os.mkfifo if hasattr(os, "mkfifo") else text(b""),
            "it cannot be read: that is a FIFO",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has none"),
        ),
    ],
)
def test_another_file_is_named(make, words, tmp_path):
    make(tmp_path / "odd.json")
    with pytest.raises(OddHandIn) as odd:
        read_hand_in(tmp_path / "odd.json")
    assert str(odd.value).startswith(words)


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    gigabyte_of_zeros(tmp_path / "zeros.json")
    monkeypatch.setattr(hand_in.json, "loads", lambda *a, **b: pytest.fail("it was read"))
    with pytest.raises(OddHandIn):
        read_hand_in(tmp_path / "zeros.json")


# ---- a folder ----


def test_of_a_class_the_odd_ones_are_left_out_with_a_reason(tmp_path, honest):
    make_class(tmp_path, [honest])
    gigabyte_of_zeros(tmp_path / "zeros.json")
    (tmp_path / "class.csv").write_text("the teacher's own")
    found, odd = read_folder(tmp_path, without=[tmp_path / "class.csv"])
    assert len(found) == 27
    assert [name for name, _ in odd] == [
        *(f"hand-in-{name}.json" for name in ("cut", "infinite", "negative")),
        "zeros.json",
    ]
    assert all(why.startswith("it ") for _, why in odd)


def test_folders_of_a_learning_platform_are_looked_into(tmp_path, one):
    folder = tmp_path / "class" / "Ada_1234_assignsubmission_file"
    folder.mkdir(parents=True)
    write_hand_in(folder / "hand-in.json", one)
    (tmp_path / "class" / "loop").symlink_to(tmp_path / "class", target_is_directory=True)
    found, odd = read_folder(tmp_path / "class")
    assert [each.name for each in found] == ["Ada Lovelace"]
    assert odd == [("loop", "it is a link")]


def test_of_too_many_files_the_rest_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(hand_in, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    assert [name for name, _ in read_folder(tmp_path)[1]] == ["a", "b", "c"]
