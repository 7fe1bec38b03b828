"""A data folder that cannot be used is said in words, and something else is done."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tutorial_lib import doctor, folders
from tutorial_lib.data import DataUnavailable, load_digits, named_folder
from tutorial_lib.data import digits as data

NOBODY = 54_321  # a user that no list of users knows


def nameless(monkeypatch, folder):
    monkeypatch.setenv("TUTORIAL_DATA_DIR", "~nosuchuser/data")


def too_long(monkeypatch, folder):
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(folder / ("x" * 300)))


def a_file(monkeypatch, folder):
    (folder / "data").write_text("a letter")
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(folder / "data"))


def in_a_file(monkeypatch, folder):
    (folder / "letter").write_text("a letter")
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(folder / "letter" / "data"))


def a_loop(monkeypatch, folder):
    (folder / "data").symlink_to(folder / "data")
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(folder / "data"))


WORDS = {
    nameless: "TUTORIAL_DATA_DIR must name a folder; got '~nosuchuser/data', and nothing is known",
    too_long: "x cannot be used (File name too long)",
    a_file: "data cannot be used (Not a directory)",
    in_a_file: "data cannot be used (Not a directory)",
    a_loop: "data cannot be used (Too many levels of symbolic links)",
}


@pytest.mark.parametrize(("unusable", "words"), WORDS.items(), ids=lambda case: str(case)[:20])
@pytest.mark.parametrize("cache", ["usable", "none"])
def test_a_folder_that_cannot_be_used_is_said(few, tmp_path, monkeypatch, unusable, words, cache):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    unusable(monkeypatch, tmp_path)
    cache_folder = tmp_path / "cache" if cache == "usable" else None
    monkeypatch.setattr(folders, "cache_folder", lambda: cache_folder)
    monkeypatch.setattr(data, "_read_sample", lambda: small_sample(few))
    assert words in load_digits("auto").notice
    with pytest.raises(DataUnavailable, match=re.escape(words)):
        load_digits("mnist")
    assert data.condition("mnist") == "missing"
    assert any(words in finding.text for finding in doctor.examine() if finding.kind == "problem")
    assert not [path for path in tmp_path.iterdir() if "~" in path.name]


def small_sample(few):
    images = few.test.images[:, 0, :28, :28].byte()
    return images, few.test.labels, images, few.test.labels


@pytest.mark.parametrize("variable", ["TUTORIAL_DATA_DIR", "TUTORIAL_RUNS_DIR"])
def test_a_folder_may_begin_with_a_home(monkeypatch, tmp_path, variable):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "~/my data")
    assert named_folder(variable) == tmp_path / "my data"
    monkeypatch.setenv(variable, "my data")
    assert named_folder(variable) == Path.cwd() / "my data"
    for none in ("", None):
        monkeypatch.setenv(variable, none) if none == "" else monkeypatch.delenv(variable)
        assert named_folder(variable) is None


AS_ANOTHER = """
import os, sys, torch, tqdm.auto
from tutorial_lib import doctor
from tutorial_lib.data import DataUnavailable, digits, load_digits

images, labels = torch.zeros(20, 28, 28, dtype=torch.uint8), torch.arange(20) % 10
digits._read_sample = lambda: (images, labels, images, labels)
load_digits("sample")  # all that is imported, as long as it can be read
os.setuid(int(sys.argv[1]))
for folder in sys.argv[2:]:
    os.environ["TUTORIAL_DATA_DIR"] = folder
    print(load_digits("auto").notice)
    try:
        load_digits("mnist")
    except DataUnavailable as error:
        print(error)
"""
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become another user"
)


@needs_root
def test_folders_that_another_user_may_not_use_are_said_too():
    """The user has no name and no home, so there is no cache folder either."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        modes = {"closed": 0o000, "not-entered": 0o644, "not-written": 0o555}
        for name, mode in modes.items():
            Path(folder, name).mkdir()
            Path(folder, name).chmod(mode)
        Path(folder, "own").mkdir()
        Path(folder, "own", "prepared").mkdir(mode=0o000)
        os.chown(Path(folder, "own"), NOBODY, NOBODY)
        inside = Path(folder, "closed", "data")
        tried = [*(Path(folder, name) for name in modes), Path(folder, "own"), inside, "~/data"]
        environment = {name: value for name, value in os.environ.items() if name != "HOME"}
        environment |= {"TUTORIAL_OFFLINE": "1", "TUTORIAL_DATA_DIR": f"{folder}/for root"}
        done = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER, str(NOBODY), *tried],
            capture_output=True, text=True, cwd="/", env=environment, check=False,
        )  # fmt: skip
    assert done.stderr == ""
    notices, errors = done.stdout.splitlines()[::2], done.stdout.splitlines()[1::2]
    assert len(notices) == len(errors) == len(tried)
    for number, name in ((0, "closed"), (1, "not-entered"), (4, "closed/data")):
        words = f"{name} cannot be used (Permission denied)"
        assert words in notices[number]
        assert words in errors[number]
    assert "nothing is known of ~" in notices[5]
