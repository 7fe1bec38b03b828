"""What `make lab` opens, and to whom."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import cpu_requirements  # noqa: E402

READY = ROOT / ".venv" / ".ready"


@pytest.fixture
def printed(tmp_path) -> Iterator[str]:
    """Run `make lab` until it prints its address; yield that line."""
    folder = tmp_path / "my copies"
    process = subprocess.Popen(
        ["make", "lab", "LAB_FLAGS=--no-browser"],
        cwd=ROOT,
        env=os.environ | {"TUTORIAL_NOTEBOOKS_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if re.search(r"http://\S+token=\w+", line):
                yield line
                break
        else:
            pytest.fail("no address was printed:\n" + "".join(lines))
    finally:
        watchdog.cancel()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def status_once_it_listens(address: str) -> int:
    """Return the status of the answer; Jupyter prints its address a moment before it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return answer.status
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # between two looks at the condition


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
SHOW = """include {makefile}
show:
\t@printf '%s\\n' "$$TUTORIAL_DATA_DIR" "$$TUTORIAL_RUNS_DIR" "$$TUTORIAL_NOTEBOOKS_DIR"
"""


@needs_make
@pytest.mark.parametrize("how", ["environment", "argument"])
@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("/tmp/my data", "/tmp/my data"),
        ("/tmp/two  spaces/and 'quotes\"", "/tmp/two  spaces/and 'quotes\""),
        ("~/my data", "~/my data"),  # Python expands it
        ("~somebody/data", "~somebody/data"),
        ("my data", "{here}/my data"),
        ("data", "{here}/data"),
        ("../data", "{here}/../data"),
    ],
)
def test_a_folder_that_make_is_told_reaches_the_kernels_whole(tmp_path, how, named, told):
    (tmp_path / "show.mk").write_text(SHOW.format(makefile=ROOT / "Makefile"))
    variables = {f"TUTORIAL_{kind}_DIR": named for kind in ("DATA", "RUNS", "NOTEBOOKS")}
    arguments = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "--silent", "-f", "show.mk", "show", *(arguments if how == "argument" else [])],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | (variables if how == "environment" else {}),
    )  # fmt: skip
    assert done.stdout.splitlines() == [told.format(here=tmp_path)] * 3


@needs_make
def test_a_python_with_a_space_in_its_path_sets_up(tmp_path):
    python = tmp_path / "my python"
    python.symlink_to(sys.executable)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "-n", "-f", ROOT / "Makefile", ".venv/.ready", f"PYTHON={python}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    check = next(line for line in done.stdout.splitlines() if "sys.version_info" in line)
    subprocess.run(check.partition(" 2>/dev/null")[0], shell=True, check=True)
    assert f'"{python}" -m venv' in done.stdout


def dry(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Return what make says that it would do, in a folder of its own."""
    for name in ("requirements.lock", "pyproject.toml"):
        Path(folder, name).touch()
    return subprocess.run(
        ["make", "-n", "-f", ROOT / "Makefile", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@needs_make
@pytest.mark.parametrize(
    ("before", "asked", "begins_anew", "is_cpu"),
    [
        ("lock", [], False, False),
        ("cpu", [], False, True),  # it stays what it is
        ("cpu", ["TORCH=cpu"], False, True),
        ("lock", ["TORCH=cpu"], True, True),
        ("cpu", ["TORCH=lock"], True, False),
        ("", ["TORCH=cpu"], True, True),  # of before there was a choice
    ],
)
def test_another_build_of_torch_is_set_up_anew(tmp_path, before, asked, begins_anew, is_cpu):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / ".venv/.torch").write_text(before)
    said = dry(tmp_path, ".venv/.ready", *asked).stdout  # nothing is there yet
    assert ("--torch-backend=cpu" in said) == is_cpu
    (tmp_path / ".venv/.ready").touch()
    later = (tmp_path / "requirements.lock").stat().st_mtime + 60
    os.utime(tmp_path / ".venv/.ready", (later, later))  # what was set up is newer than its lock
    said = dry(tmp_path, ".venv/.ready", *asked).stdout
    assert ("-m venv --clear" in said) == begins_anew


@needs_make
def test_another_torch_than_there_is_one_line(tmp_path):
    done = dry(tmp_path, "venv", "TORCH=gpu")
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert "TORCH must be cpu or lock; got gpu" in line


@needs_make
def test_a_system_without_the_linters_of_workflows_is_checked_for_the_rest(tmp_path):
    dry(tmp_path)
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "ruff").symlink_to(shutil.which("true"))
    (tmp_path / ".venv/.ready").touch()
    check = ["make", "-f", ROOT / "Makefile", "check"]
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0
    (programs / "zizmor").symlink_to(shutil.which("false"))
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode != 0


def test_of_the_lock_a_cpu_needs_all_but_what_is_for_a_gpu():
    lock = (ROOT / "requirements.lock").read_text()
    own, others = cpu_requirements.split(lock)
    entries = re.compile(r"^([\w.-]+)==", re.MULTILINE)
    assert entries.findall(own) == ["torch", "torchvision"]
    assert "--hash" not in own
    left_out = set(entries.findall(lock)) - set(entries.findall(own + others))
    assert left_out
    assert all(name.startswith(("nvidia-", "cuda-")) or name == "triton" for name in left_out)
    assert others.count("==") <= others.count("--hash=sha256:")


@needs_make
def test_what_leads_python_astray_reaches_no_program(tmp_path):
    (tmp_path / "show.mk").write_text(f"include {ROOT / 'Makefile'}\nshow:\n\t@env\n")
    astray = dict.fromkeys(["PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER"], "/elsewhere")
    done = subprocess.run(
        ["make", "--silent", "-f", "show.mk", "show"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ | astray,
    )  # fmt: skip
    assert "/elsewhere" not in done.stdout


@needs_make
@pytest.mark.parametrize("home", ["/nowhere", ""])
def test_a_home_that_cannot_be_written_is_one_line_with_its_cure(home):
    command = ["make", "--silent", "-f", ROOT / "Makefile", "home"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"HOME": home}
    )
    line, _ = done.stderr.splitlines()  # the second is make's own
    assert line.startswith(f"HOME, '{home}', is no folder that can be written")
    assert subprocess.run([*command, "HOME=/tmp"], check=False).returncode == 0


@needs_make
@pytest.mark.skipif(not os.environ.get("TUTORIAL_THOROUGH"), reason="thorough: fetches uv")
def test_the_cpu_build_is_taken_from_where_make_is_told(tmp_path):
    for path in ("Makefile", "tools/cpu_requirements.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tutorial_lib"\nversion = "1"\n')
    lock = "torch==2.9.1 \\\n    --hash=sha256:0\nnvidia-none==1 \\\n    --hash=sha256:0\n"
    (tmp_path / "requirements.lock").write_text(lock)
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels/torch-2.9.1+cpu-py3-none-any.whl", "w") as wheel:
        info = "torch-2.9.1+cpu.dist-info"
        wheel.writestr("torch.py", "is_the_cpu_build = True\n")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1+cpu\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    told = ["TORCH=cpu", "TORCH_FROM=--find-links wheels --no-index", f"PYTHON={sys.executable}"]
    subprocess.run(["make", "venv", *told], cwd=tmp_path, check=True)
    python = tmp_path / ".venv/bin/python"
    subprocess.run([python, "-c", "import torch; assert torch.is_the_cpu_build"], check=True)


@pytest.mark.skipif(
    shutil.which("make") is None or not READY.exists(), reason="needs make and its .venv"
)
def test_make_lab_prints_a_loopback_address_that_needs_its_token(printed):
    address = re.search(r"http://\S+", printed).group()
    base, token = re.match(r"(http://[^/]+)/.*token=(\w+)", address).groups()
    assert base.startswith(("http://127.0.0.1:", "http://localhost:"))
    assert "/lab/tree/00_start_here.ipynb" in address
    assert status_once_it_listens(address) == 200
    contents = f"{base}/api/contents/"
    with urllib.request.urlopen(f"{contents}?token={token}", timeout=60) as answer:
        assert b"00_start_here.ipynb" in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(contents, timeout=60)


@pytest.mark.skipif(
    shutil.which("make") is None or not READY.exists(), reason="needs make and its .venv"
)
def test_an_extension_that_was_changed_is_installed_anew():
    (script,) = ROOT.glob("tutorial_lib/labextensions/*/static/*.js")
    command = ["make", "--dry-run", f"--what-if={script.relative_to(ROOT)}", "venv"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--editable ." in told.stdout
