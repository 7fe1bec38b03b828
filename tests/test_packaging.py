"""The files that install the tutorial agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

PROJECT = tomllib.loads(PYPROJECT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINES = PROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["test"]
DEPENDENCIES = [Requirement(line) for line in LINES if not line.startswith("tutorial_lib[")]


def locked_entries() -> list[tuple[Requirement, list[str]]]:
    """Return each requirement in the lock file, with its hashes."""
    text = re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).replace("\\\n", " ")
    entries = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return [(Requirement(requirement), hashes) for requirement, *hashes in entries]


def conda_requirements() -> dict[str, str]:
    """Return what environment.yml asks conda for: name -> version, "" if any will do."""
    lines = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]
    return {name: version for name, _, version in (line.partition("=") for line in lines)}


def test_environment_has_a_python_that_the_package_accepts():
    version = conda_requirements()["python"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)


def test_environment_leaves_every_other_version_to_pyproject():
    assert set(conda_requirements()) == {"python", "pip"}


def test_environment_installs_this_package_and_nothing_else():
    pip_lines = [line["pip"] for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)]
    assert pip_lines == [["-e .[lab]"]]


def test_a_host_keeps_its_own_kernel_and_front_end():
    own = {"jupyterlab", "ipykernel", "notebook"}
    assert (
        own & {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
        == set()
    )


def test_environment_uses_conda_forge_alone():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


def test_binder_takes_a_smaller_torch_and_the_same_python():
    binder = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    names = {line.partition("=")[0] for line in binder["dependencies"]}
    assert names == {"python", "pytorch-cpu", "torchvision", "pip"}
    assert f"python={conda_requirements()['python']}" in binder["dependencies"]
    assert binder["channels"] == ENVIRONMENT["channels"]


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_lock_file_has_a_version_that_pyproject_accepts(dependency):
    name = canonicalize_name(dependency.name)
    locked = [entry for entry, _ in locked_entries() if canonicalize_name(entry.name) == name]
    assert locked, f"{name} is not locked: make lock"
    for entry in locked:  # one for each range of Python versions
        (pin,) = entry.specifier
        assert pin.operator == "=="
        assert dependency.specifier.contains(pin.version)


def test_lock_file_has_hashes_for_every_entry():
    entries = locked_entries()
    assert len(entries) > 100
    assert [entry.name for entry, hashes in entries if not hashes] == []


def test_lock_file_names_no_address():
    assert re.findall(r"\w+://\S*|\bfile:\S*|^--\S*", LOCK, flags=re.MULTILINE) == []


def test_lock_file_serves_every_platform():
    assert {"linux", "win32"} <= set(re.findall(r"sys_platform == '(\w+)'", LOCK))


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_each_dependency_says_why_it_is_there(dependency):
    written = re.escape(str(dependency).replace('"', "'"))  # of a marker, as it is quoted there
    (reason,) = re.findall(rf'^ *"{written}", +# (.*)$', PYPROJECT, re.MULTILINE)
    assert reason.endswith(".")
