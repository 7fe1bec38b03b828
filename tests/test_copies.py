"""A learner's own copies of the notebooks: without answers, kept, and never written over."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import copies  # noqa: E402
import lab  # noqa: E402

NAMES = ["01_rates.ipynb", "solutions/01_rates.ipynb"]


def write(path: Path, *sources: str, outputs: tuple = ("42",)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    output = [nbformat.v4.new_output("stream", text=text) for text in outputs]
    cells = [nbformat.v4.new_code_cell(s, outputs=output, execution_count=1) for s in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def all_bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def mine(tmp_path) -> copies.Copies:
    """Return a tutorial of one notebook and its solution, in a folder with a space in its name."""
    root = tmp_path / "my tutorial"
    for name in NAMES:
        write(root / "notebooks" / name, "x = 1", "print(x)")
    return copies.Copies(root / "notebooks", root / "my-notebooks")


def change(copy: Path, source: str = "x = 2  # my own") -> None:
    """Change a copy as a learner would, in JupyterLab, which writes in its own way."""
    notebook = read(copy)
    notebook.cells[0].source = source
    copy.write_text(nbformat.writes(notebook, indent=4))


def test_a_copy_has_no_outputs_and_a_solution_keeps_them(mine):
    assert mine.look_after() == []
    assert all(not cell.outputs for cell in read(mine.folder / NAMES[0]).cells)
    assert all(cell.execution_count is None for cell in read(mine.folder / NAMES[0]).cells)
    assert read(mine.folder / NAMES[1]).cells == read(mine.notebooks / NAMES[1]).cells


def test_the_tutorials_notebooks_stay_as_they_are(mine):
    before = all_bytes(mine.notebooks)
    mine.look_after()
    mine.look_after([])
    assert all_bytes(mine.notebooks) == before


def test_a_second_start_changes_nothing(mine):
    mine.look_after()
    change(mine.folder / NAMES[0])
    before = all_bytes(mine.folder)
    assert mine.look_after() == []
    assert all_bytes(mine.folder) == before


def test_what_the_learner_deleted_is_made_again(mine):
    mine.look_after()
    (mine.folder / NAMES[0]).unlink()
    mine.look_after()
    assert (mine.folder / NAMES[0]).exists()


def test_a_newer_version_is_told_and_the_learners_stays(mine):
    mine.look_after()
    change(mine.folder / NAMES[0])
    before = (mine.folder / NAMES[0]).read_bytes()
    write(mine.notebooks / NAMES[0], "x = 1", "print(x + 1)")
    (line,) = mine.look_after()
    assert line.startswith(f"There is a newer {NAMES[0]}; yours is left as it is.")
    assert "01_rates" in line.partition("beside it: ")[2]
    assert (mine.folder / NAMES[0]).read_bytes() == before


def test_outputs_that_a_learner_made_count_as_a_change(mine):
    mine.look_after()
    write(mine.notebooks / NAMES[0], "x = 1", "print(x + 1)")
    notebook = read(mine.folder / NAMES[0])
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    nbformat.write(notebook, mine.folder / NAMES[0])
    assert len(mine.look_after()) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("saved", [False, True], ids=["as made", "saved by JupyterLab"])
def test_a_copy_that_nobody_changed_is_renewed(mine, name, saved):
    mine.look_after()
    if saved:
        notebook = read(mine.folder / name)
        notebook.metadata["language_info"] = {"name": "python"}
        (mine.folder / name).write_text(nbformat.writes(notebook, indent=4))
    write(mine.notebooks / name, "x = 1", "print(x + 1)")
    assert mine.look_after() == []
    assert read(mine.folder / name).cells[1].source == "print(x + 1)"
    assert len(all_bytes(mine.folder)) == 2


def test_other_outputs_are_no_newer_version(mine):
    mine.look_after()
    change(mine.folder / NAMES[0])
    write(mine.notebooks / NAMES[0], "x = 1", "print(x)", outputs=("43",))
    assert mine.look_after() == []


def test_on_request_it_is_new_and_the_old_one_is_kept(mine):
    mine.look_after()
    kept = []
    for number in (1, 2):
        change(mine.folder / NAMES[0], f"mine {number}")
        kept.append((mine.folder / NAMES[0]).read_bytes())
        (line,) = mine.look_after(["01_rates"])
        assert (
            line == f"01_rates.ipynb is new; your old one is 01_rates-old-{number}.ipynb beside it."
        )
    there = all_bytes(mine.folder)
    assert [there[f"01_rates-old-{number}.ipynb"] for number in (1, 2)] == kept
    assert read(mine.folder / NAMES[0]).cells[0].source == "x = 1"


@pytest.mark.parametrize(
    "asked", ["01_rates", "01_rates.ipynb", "my-notebooks/01_rates.ipynb", "solutions\\01_rates"]
)
def test_a_notebook_is_asked_for_in_any_usual_way(mine, asked):
    mine.look_after()
    assert mine.look_after([asked]) == []  # nothing of the learner's is there to be kept


def test_a_notebook_that_is_not_there_is_one_line(mine):
    with pytest.raises(copies.Trouble, match=r"no notebook '07'; there are 01_rates\.ipynb"):
        mine.look_after(["07"])


@pytest.mark.parametrize("content", ["", "{", '{"cells": 3}', "[]", "\x00"])
def test_half_a_notebook_is_left_and_told_with_what_to_do(mine, content):
    mine.look_after()
    copy = mine.folder / NAMES[0]
    copy.write_text(content)
    (line,) = mine.look_after()
    assert line.startswith("Your 01_rates.ipynb is no whole notebook, and is left as it is.")
    assert copy.read_text() == content
    mine.look_after(["01_rates"])
    assert copy.with_name("01_rates-old-1.ipynb").read_text() == content
    assert len(read(copy).cells) == 2


def test_a_notebook_of_the_learners_under_our_name_is_left(mine):
    write(mine.folder / NAMES[0], "mine")
    before = (mine.folder / NAMES[0]).read_bytes()
    assert len(mine.look_after()) == 1
    assert (mine.folder / NAMES[0]).read_bytes() == before


def test_ended_in_the_middle_it_leaves_no_half_copy_and_the_next_one_goes_on(mine, monkeypatch):
    def end(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", end)
        with pytest.raises(KeyboardInterrupt):
            mine.look_after()
    assert all_bytes(mine.folder) == {}
    (mine.folder / f".{NAMES[0]}.part").write_text('{"cells')  # where it was killed
    assert mine.look_after() == []
    assert sorted(all_bytes(mine.folder)) == NAMES


def test_two_at_once_make_each_copy_once(mine):
    root = mine.notebooks.parent
    (root / "tools").mkdir()
    shutil.copy(ROOT / "tools/copies.py", root / "tools")
    command = [sys.executable, root / "tools/copies.py"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=60)[0] == f"Your notebooks are in {mine.folder}.\n"
        assert process.returncode == 0
    assert sorted(all_bytes(mine.folder)) == NAMES


def test_one_that_never_ends_is_waited_for_and_then_told(mine, monkeypatch):
    monkeypatch.setattr(copies, "PATIENCE_SECONDS", 0.1)
    mine.folder.mkdir()
    with copies.filelock.FileLock(mine.folder / ".lock"):
        other = copies.Copies(mine.notebooks, mine.folder)
        with pytest.raises(copies.Trouble, match="try again once it has ended"):
            other.look_after()
    assert other.look_after() == []


def test_a_folder_that_cannot_be_written_is_one_line_with_its_cure(mine):
    mine.folder.write_text("a file")
    with pytest.raises(copies.Trouble, match="make lab TUTORIAL_NOTEBOOKS_DIR=") as error:
        mine.look_after()
    assert len(str(error.value).splitlines()) == 1


def refuse(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("owner", "name"), [(Path, "mkdir"), (copies.filelock.FileLock, "acquire"), (os, "fsync")]
)
def test_a_read_only_tutorial_is_one_line_with_its_cure(mine, monkeypatch, owner, name):
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, refuse)
        with pytest.raises(copies.Trouble) as error:
            mine.look_after()
    assert mine.look_after() == []
    assert "Read-only file system. Name another folder, as in: make lab " in str(error.value)


def test_copies_are_never_made_among_the_tutorials_own(monkeypatch, capsys):
    monkeypatch.setenv("TUTORIAL_NOTEBOOKS_DIR", str(ROOT / "notebooks/solutions"))
    assert copies.main([]) == lab.main() == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("named", "root", "first"),
    [
        (None, "my tutorial", "my-notebooks/00_start_here.ipynb"),
        ("my tutorial/a b", "my tutorial", "a b/00_start_here.ipynb"),
        ("else where", "else where", "00_start_here.ipynb"),
    ],
)
def test_jupyterlab_opens_the_copies(mine, tmp_path, monkeypatch, named, root, first):
    monkeypatch.delenv("TUTORIAL_NOTEBOOKS_DIR", raising=False)
    if named is not None:
        monkeypatch.setenv("TUTORIAL_NOTEBOOKS_DIR", str(tmp_path / named))
    for module in (copies, lab):
        monkeypatch.setattr(module, "ROOT", tmp_path / "my tutorial")
    monkeypatch.setattr("jupyterlab.labapp.main", lambda: None)
    monkeypatch.setattr("sys.argv", ["lab.py", "--no-browser"])
    assert lab.main() == 0
    assert sys.argv[1] == f"--ServerApp.root_dir={tmp_path / root}"
    assert sys.argv[2] == f"--LabApp.default_url=/lab/tree/{first}"
    assert sys.argv[-1] == "--no-browser"


def test_every_link_of_the_notebooks_leads_somewhere_from_their_copies(tmp_path):
    folder = tmp_path / "my-notebooks"
    assert copies.Copies(ROOT / "notebooks", folder).look_after() == []
    links = 0
    for path in folder.rglob("*.ipynb"):
        text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in link:
                links += 1
                assert (path.parent / link).resolve().is_relative_to(folder.resolve()), link
                assert (path.parent / link).exists(), link
    assert links >= 20


def test_copies_are_not_in_git():
    asked = ["git", "check-ignore", f"{copies.FOLDER}/01_rates.ipynb"]
    assert subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode in (0, 128)


def test_a_copy_is_a_valid_notebook_that_says_where_it_is_from(mine):
    mine.look_after()
    notebook = read(mine.folder / NAMES[0])
    nbformat.validate(notebook)
    assert notebook.metadata[copies.ORIGIN].keys() == {"version", "held"}
    assert json.loads((mine.folder / NAMES[0]).read_text())["metadata"]
