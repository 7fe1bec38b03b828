"""The doctor names what is there and what is broken, each with its cure, on one screen."""

import gzip
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tiny_digits import serving, tiny_files

from tutorial_lib import doctor
from tutorial_lib.data import digits as data
from tutorial_lib.data import fetch
from tutorial_lib.doctor import Finding, report
from tutorial_lib.hardware import ThreadChoice

GOOD = {
    "torch": "2.15.0+cu132",
    "torchvision": "0.29.2",
    "matplotlib": "3.11.2",
    "jupyterlab": "4.6.6",
    "ipykernel": "7.4.0",
    "ipywidgets": "8.1.9",
    "jupyterlab_widgets": "3.0.17",
    "anywidget": "0.11.0",
}


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}


def test_everything_is_said_on_one_screen(monkeypatch):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    lines = report(doctor.examine()).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("fine     torch ") for line in lines)


def test_a_sick_machine_fits_on_one_screen_too():
    sick = GOOD | {"ipykernel": "7.0.1", "jupyterlab": "4.4.2", "jupyterlab_widgets": "1.1.0"}
    findings = [
        *doctor.look_at_versions(sick, ["mlxtend>=0.23.1", "ipywidgets>=9"]),
        *doctor.look_for_troubles(sick),
        *doctor.look_at_widgets(sick),
        doctor.look_at_device(),
        doctor.look_at_cores(ThreadChoice(8, "as OMP_NUM_THREADS says"), usable=2, present=8),
        doctor.look_at_memory(int(3e8)),
        *doctor.look_at_data({"mnist": "missing", "fashion": "missing"}, None, sample=False),
    ]
    lines = report(findings).splitlines()
    assert len(lines) <= 24
    assert lines[-1] == "8 things are broken."
    assert all(finding.cure for finding in findings if finding.kind == "problem")


def test_problems_come_last_with_their_cure():
    text = report([Finding("problem", "It hurts", "rest"), Finding("fine", "All is well")])
    assert text.splitlines() == [
        "fine     All is well.",
        "problem  It hurts. Cure: rest",
        "1 thing is broken.",
    ]


def test_good_versions_are_fine():
    findings = doctor.look_at_versions(GOOD, ["torch>=2.6", "ipykernel>=6.29"])
    assert kinds(findings) == {"fine"}
    assert doctor.look_for_troubles(GOOD) == doctor.look_at_widgets(GOOD) == []


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("mlxtend>=0.23.1", "mlxtend is not installed"),
        ("ipykernel>=8", "ipykernel 7.4.0 is too old"),
    ],
)
def test_what_is_missing_or_too_old_is_named_with_its_command(requirement, said):
    *_, finding = doctor.look_at_versions(GOOD, [requirement])
    assert finding == Finding("problem", said, f"pip install '{requirement}'")


def test_what_the_tutorial_requires_is_read_from_its_own_metadata():
    requirements = doctor.requirements_of("tutorial_lib")
    assert "torch>=2.6" in requirements
    assert not any("pytest" in requirement for requirement in requirements)
    assert doctor.requirements_of("no-such-package") == []


RUBBISH = {
    "torch-0.1.dist-info": "Name: torch\nVersion: 0.1\n",  # of another Python, and before ours
    "anywidget-x.dist-info": "Name: anywidget\nVersion: rubbish\n",
    "nameless.dist-info": "Version: 1.0\n",
    "versionless.dist-info": "Name: versionless\n",
    "binary.dist-info": "\0\1\2",
    "empty.dist-info": None,
}


@pytest.fixture
def rubbish(tmp_path):
    for name, words in RUBBISH.items():
        (tmp_path / name).mkdir()
        if words is not None:
            (tmp_path / name / "METADATA").write_text(words)
    return tmp_path


def test_packages_of_another_python_are_said_and_end_nothing(rubbish, monkeypatch):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    genuine = doctor.installed_versions()
    monkeypatch.setenv("PYTHONPATH", f"{rubbish}{os.pathsep}{rubbish / 'not there'}")
    monkeypatch.syspath_prepend(str(rubbish))
    assert doctor.installed_versions() == genuine | {"torch": "0.1"}  # it is imported first
    problems = [finding for finding in doctor.examine() if finding.kind == "problem"]
    cure = "unset PYTHONPATH"
    words = f"PYTHONPATH takes packages from {rubbish} first"
    assert Finding("problem", words, cure) in problems
    assert any(finding.text == "torch 0.1 is too old" for finding in problems)


def test_a_folder_of_modules_and_our_own_packages_are_no_problem(tmp_path):
    own = sysconfig.get_path("purelib")
    assert doctor.look_at_other_packages([str(tmp_path), "", own, "/nowhere"]) == []


@pytest.mark.parametrize("command", ["doctor", "train"])
def test_what_cannot_even_be_loaded_is_said_in_words(tmp_path, command):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('of another Python')")
    path = os.pathsep.join([str(tmp_path), str(Path(doctor.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "tutorial_lib", command],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "problem  The tutorial cannot be loaded (ImportError: of another Python).",
        f"         PYTHONPATH lets Python look for packages in {path} first.",
        "         Cure: unset PYTHONPATH",
    ]


@pytest.mark.parametrize(
    ("package", "version", "known"),
    [
        ("ipykernel", "6.30.1", False),
        ("ipykernel", "7.0.0", True),
        ("ipykernel", "7.0.1", True),
        ("ipykernel", "7.1.0", False),
        ("jupyterlab", "4.3.0", False),
        ("jupyterlab", "4.3.1", True),
        ("jupyterlab", "4.4.10", True),
        ("jupyterlab", "4.5.0", False),
    ],
)
def test_versions_that_misbehave_are_known(package, version, known):
    findings = doctor.look_for_troubles(GOOD | {package: version})
    assert bool(findings) == known


@pytest.mark.parametrize("found", [None, "1.1.7"])
def test_widgets_that_jupyterlab_cannot_show_are_a_problem(found):
    versions = {k: v for k, v in GOOD.items() if k != "jupyterlab_widgets"}
    (finding,) = doctor.look_at_widgets(versions | ({"jupyterlab_widgets": found} if found else {}))
    assert "no panel is shown" in finding.text


def test_a_torchvision_made_for_another_torch_is_a_problem():
    assert doctor.look_at_torchvision(GOOD, ["numpy", "torch==2.15.0"]) == []
    (finding,) = doctor.look_at_torchvision(GOOD, ["numpy", "torch==2.14.1"])
    assert finding.text == "torchvision 0.29.2 was made for torch 2.14.1, here is 2.15.0"
    assert finding.cure == "pip install 'torch==2.14.1'"


def test_vs_code_gets_a_note_only_where_it_is_used():
    assert doctor.look_at_editor(GOOD, {}) == []
    assert kinds(doctor.look_at_editor(GOOD, {"TERM_PROGRAM": "vscode"})) == {"note"}
    older = GOOD | {"ipykernel": "6.30.1"}
    assert doctor.look_at_editor(older, {"TERM_PROGRAM": "vscode"}) == []


@pytest.mark.parametrize(("threads", "kind"), [(1, "fine"), (2, "fine"), (3, "problem")])
def test_more_threads_than_cores_are_a_problem(threads, kind):
    choice = ThreadChoice(threads, "as OMP_NUM_THREADS says")
    assert doctor.look_at_cores(choice, usable=2, present=8).kind == kind


def test_little_memory_is_a_problem():
    assert doctor.look_at_memory(int(5e9)).kind == "fine"
    assert doctor.look_at_memory(int(5e8)).text.startswith("0.5 GB of memory are free; ")
    assert doctor.free_memory() > 0


def test_data_that_is_missing_is_a_note_and_damaged_data_a_problem(tmp_path):
    here, note = doctor.look_at_data(
        {"mnist": "whole", "fashion": "missing"}, tmp_path, sample=True
    )
    assert here.text == f"Data, here and whole: sample, MNIST (kept in {tmp_path})"
    assert note.text == "Fashion-MNIST is not here; it is downloaded when asked for, 31 MB"
    _, problem = doctor.look_at_data({"mnist": "raw/labels is damaged"}, tmp_path, sample=True)
    assert (problem.kind, problem.text) == ("problem", "MNIST: raw/labels is damaged")


def test_the_condition_of_a_set_is_that_of_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTORIAL_DATA_DIR", str(tmp_path))
    assert data.condition("mnist") == "missing"
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / fetch.TEST_LABELS).write_bytes(b"half a file")
    assert f"{fetch.TEST_LABELS} is damaged" in data.condition("mnist")
    assert (raw / fetch.TEST_LABELS).read_bytes() == b"half a file"


def test_the_mirror_is_one_that_torchvision_names():
    assert doctor.MIRROR in fetch.mirrors(fetch.MNIST)


def test_the_network_is_left_alone_offline(monkeypatch):
    monkeypatch.setenv("TUTORIAL_OFFLINE", "1")
    monkeypatch.setattr(fetch, "why_silent", None)
    assert "TUTORIAL_OFFLINE is set" in doctor.look_at_network().text


@pytest.mark.parametrize(
    ("manners", "said"),
    [
        ("good", "The network reaches a mirror"),
        ("404", "answers 404"),
        ("refused", "cannot be reached"),
        ("silent", "sends nothing for 0.2 seconds"),
        ("trickles", "sends nothing for 0.2 seconds"),
    ],
)
def test_the_network_is_asked_and_given_up_soon(monkeypatch, manners, said):
    monkeypatch.delenv("TUTORIAL_OFFLINE", raising=False)
    monkeypatch.setattr(doctor, "REPLY_SECONDS", 0.2)
    packed = {f"{name}.gz": gzip.compress(content) for name, content in tiny_files().items()}
    with serving(packed) as mirror:
        monkeypatch.setattr(doctor, "MIRROR", mirror.url(manners))
        assert said in doctor.look_at_network().text
