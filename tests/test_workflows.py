"""The workflows, which run elsewhere: they call what there is, and let in what is pinned."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
each_workflow = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def steps_of(path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@each_workflow
def test_what_make_is_asked_for_is_there(path):
    asked = re.findall(r"\bmake (\w+)", " ".join(step.get("run", "") for step in steps_of(path)))
    assert set(asked) <= set(TARGETS)


@each_workflow
def test_each_action_is_pinned_and_no_job_may_write_to_the_repository(path):
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used)
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    allowed = {name: job.get("permissions") for name, job in workflow["jobs"].items()}
    pages = {"pages": "write", "id-token": "write"}
    assert allowed == dict.fromkeys(allowed) | ({"publish": pages} if path.stem == "pages" else {})


def test_windows_is_set_up_as_the_readme_says():
    readme = (ROOT / "README.md").read_text()
    (told,) = re.findall(r"```powershell\n(.*?)```", readme, re.DOTALL)
    runs = [step["run"] for step in steps_of(ROOT / ".github/workflows/test.yml") if "run" in step]
    (lines,) = (run.splitlines() for run in runs if "py -m venv" in run)
    assert set(lines) <= set(told.splitlines())


@pytest.mark.parametrize("linter", [["actionlint"], ["zizmor", "--offline", "--quiet", ".github"]])
def test_linters_find_nothing(linter):
    program = shutil.which(linter[0], path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{linter[0]} is not installed")
    done = subprocess.run([program, *linter[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dev_container_sets_up_by_make():
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert re.fullmatch(r"make (\w+) TORCH=cpu", told["postCreateCommand"]).group(1) in TARGETS
