"""From a learner's record to the teacher's page, by the command line."""

import json

import pytest
from made_up_class import CHALLENGE, HOSTILE, NAMES, forged, make_class

from tutorial_lib import cli
from tutorial_lib.learning_record import note_hint, note_try, read

TOML = CHALLENGE.format(steps=40, target="loss = 2.31")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(tmp_path / "user" / "learning.json"))
    (tmp_path / "challenge.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def train(capsys):
    def train(*options):
        words = [
            "train",
            "--data",
            "sample",
            "--epochs",
            "1",
            "--batch-size",
            "100",
            "--save",
            "a.run",
        ]
        assert cli.main([*words, *options]) == 0
        capsys.readouterr()

    return train


def test_a_learner_hands_in_and_a_teacher_reads(folder, train, capsys):
    note_try("num_steps", solved=False, mistake="That is one epoch. Ten were asked for.")
    note_hint("num_steps")
    note_try("num_steps", solved=True)
    train("--learning-rate", "0.1")
    words = ["--name", "Ada L.", "--run", "a.run", "--run", "a.run"]
    assert cli.main(["hand-in", *words, "--challenge", "challenge.toml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("hand-in-ada-l.json holds (")
    assert lines[2].endswith(
        "1 solved, 0 others; 2 tried answers, 1 hint, and 1 mistake that check knew"
    )
    assert lines[4].startswith("  Run a.run: 40 steps of LeNet5 on sample, momentum, lr 0.1, batch")
    assert "  a.run: does not keep the rules: batch_size is 100, not 32." in lines
    assert lines[-1] == "Nothing was sent anywhere: give the file to your teacher yourself."

    class_folder = folder / "class"
    class_folder.mkdir()
    (folder / "hand-in-ada-l.json").rename(class_folder / "ada.json")
    assert cli.main(["class", "class"]) == 0
    assert "1 hand-in was read, and 0 left out." in capsys.readouterr().out
    assert "Ada L." in (class_folder / "class.html").read_text(encoding="utf-8")
    assert "solved (2)" in (class_folder / "class.csv").read_text(encoding="utf-8-sig")


def test_a_hand_in_has_no_weights_and_no_folder(folder, train):
    train()
    (folder / "private").mkdir()
    (folder / "a.run").rename(folder / "private" / "a.run")
    assert cli.main(["hand-in", "--name", "Ada", "--run", "private/a.run"]) == 0
    text = (folder / "hand-in-ada.json").read_text(encoding="utf-8")
    assert "private" not in text
    assert len(text) < 10_000
    (run,) = json.loads(text)["runs"]
    assert run["score"]["count"] == 500
    assert len(run["losses"]) == 40


def test_in_a_challenge_a_forged_entry_is_found_and_an_honest_one_comes_again(
    folder, honest, capsys
):
    make_class(folder / "class", [honest, forged(honest, 30), honest])
    words = ["class", "class", "--challenge", "challenge.toml", "--rerun"]
    assert cli.main([*words, "all"]) == 0
    out = capsys.readouterr().out
    assert f"  {NAMES[0]}: comes again to the last digit." in out
    assert f"  {NAMES[1]}: differs from step 30 on: it claims " in out
    assert "27 hand-ins were read, and 3 left out." in out
    page = (folder / "class" / "class.html").read_text(encoding="utf-8")
    assert page.index("comes again to the last digit") < page.index("\u2717 differs from step 30")
    assert HOSTILE not in page

    assert cli.main([*words, NAMES[1], "--to", "elsewhere"]) == 0  # the class's page is no hand-in
    out = capsys.readouterr().out
    assert "comes again" not in out
    assert "differs from step 30" in out
    assert "27 hand-ins were read, and 3 left out." in out.replace("5 left out", "3 left out")
    assert (folder / "elsewhere" / "class.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hand-in", "--name", " "], "name must have 1 to 80 letters; got 0"),
        (["hand-in", "--name", "A", "--run", "no.run"], "there is no checkpoint no.run"),
        (["hand-in", "--name", "A", "--to", "challenge.toml"], "is another program's file"),
        (["hand-in", "--name", "A", "--challenge", "no.toml"], "the challenge no.toml cannot be"),
        (["class", "nowhere"], "folder must be one with hand-ins in it; there is none at nowhere"),
        (["class", ".", "--rerun", "all"], "name its file, --challenge FILE"),
        (
            ["class", ".", "--challenge", "challenge.toml", "--rerun", "Bob"],
            'rerun must name a learner who handed in a run, or be "all": nobody; got Bob',
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, words, folder, capsys):
    assert cli.main(arguments) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert words in error
    assert [path.name for path in folder.iterdir()] == ["challenge.toml"]


def test_a_teachers_own_page_is_not_replaced(folder, capsys):
    (folder / "class.html").write_text("<p>mine")
    assert cli.main(["class", "."]) == 2
    assert "is another program's file" in capsys.readouterr().err
    assert (folder / "class.html").read_text() == "<p>mine"


def test_a_damaged_record_is_not_handed_in(folder, capsys):
    path = folder / "user" / "learning.json"
    path.parent.mkdir()
    path.write_text("{")
    assert cli.main(["hand-in", "--name", "Ada"]) == 2
    assert "learning.json cannot be read: it is damaged" in capsys.readouterr().err


def test_forgetting_keeps_the_old_record_and_says_where(folder, capsys):
    assert cli.main(["forget"]) == 0
    assert "There is no learning record yet; it would be" in capsys.readouterr().out
    note_hint("brake")
    assert cli.main(["forget"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Your learning record begins anew. The old one is kept as ")
    assert out.strip().endswith("learning-2.json.")
    assert read().exercises == {}


def test_where_none_is_kept_there_is_nothing_to_forget(monkeypatch, capsys):
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", "off")
    assert cli.main(["forget"]) == 0
    assert capsys.readouterr().out == "No learning record is kept here.\n"


def test_the_help_tells_of_all_commands(capsys):
    for name in ("hand-in", "class", "forget"):
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0
    out = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    assert "--run FILE" in out
    assert "--rerun NAME" in out
    assert "nothing is sent" in out
