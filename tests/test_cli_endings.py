"""Whatever ends the command line, its steps are saved, and what it says is true."""

import contextlib
import io
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from warm_python import Script, WarmPython

from tutorial_lib import checkpoint, cli, interrupts

TIMES = int(os.environ.get("TUTORIAL_THOROUGH", "1"))
PYTHON = [sys.executable, "-m", "tutorial_lib"]
WARM = "import runpy; runpy.run_module('tutorial_lib', run_name='__main__')"  # the same, loaded
AS_NOHUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"  # before it starts
SHORT = ["train", "--data", "sample", "--batch-size", "500", "--epochs", "2"]
LONG = ["train", "--data", "sample", "--batch-size", "500", "--epochs", "100"]
EACH_STEP = ["--per-print-times", "1"]
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
only_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(command: list[str], **options) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes | options)


@pytest.fixture
def python(warm_python) -> WarmPython:
    return warm_python


def slow_in(python: WarmPython, function: str, arguments: list[str]) -> Script:
    """Start the command line, which says so and waits for ever once it calls this function."""
    code = (
        "import sys, threading; from tutorial_lib import cli\n"
        "def wait(*_, **__): print('waits', flush=True); threading.Event().wait()\n"
        f"cli.{function} = wait\nsys.exit(cli.main(sys.argv[1:]))"
    )
    return python.start(code, *arguments)


# ---- signals ----


@only_posix
@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_while_training_saves_and_says_how_to_go_on(python, number):
    with python.start(WARM, *LONG, *EACH_STEP, "--save", "a.run") as process:
        next(line for line in process.stdout if line.startswith("Epoch:"))
        process.send_signal(number)
        out, error = process.communicate()
    assert (process.returncode, error) == (128 + number, "")
    step = int(re.search(r"saved as a\.run, at step (\d+)\. To go on with it:", out)[1])
    assert checkpoint.load("a.run").step_number == step
    assert shlex.split(out.splitlines()[-1])[-4:] == ["--resume", "a.run", *EACH_STEP]


@only_posix
@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_while_torch_is_loading_ends_at_once_without_a_word(number):
    Path("sitecustomize.py").write_text(
        "import sys\n"
        "class Said:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': print('loads', flush=True)\n"
        "sys.meta_path.insert(0, Said())\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([".", *sys.path])}
    with started([*PYTHON, *SHORT], env=environment) as process:
        assert process.stdout.readline() == "loads\n"
        process.send_signal(number)
        assert process.communicate() == ("", "")
    assert process.returncode == 128 + number


@only_posix
@pytest.mark.parametrize(
    ("function", "number"), [("named_data", signal.SIGTERM), ("make_model", signal.SIGHUP)]
)
def test_a_signal_before_the_first_step_saves_nothing(python, function, number, folder):
    with slow_in(python, function, [*SHORT, "--save", "a.run"]) as process:
        assert process.stdout.readline() == "waits\n"
        process.send_signal(number)
        _, error = process.communicate()
    assert (process.returncode, error) == (128 + number, "Interrupted.\n")
    assert list(folder.iterdir()) == []


@only_posix
@pytest.mark.parametrize(
    ("function", "save"), [("evaluate", []), ("save_curve", ["--save", "a.run"])]
)
def test_a_signal_after_the_last_step_leaves_the_run_saved(python, function, save):
    with slow_in(python, function, [*SHORT, *save, "--curve", "a.png"]) as process:
        assert "waits\n" in process.stdout
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate()
    assert (process.returncode, error) == (143, "")
    name = "a.run" if save else "training.run"
    assert f"The run is saved as {name}, at step 16. To go on with it:" in out
    assert checkpoint.load(name).step_number == 16


@only_posix
def test_what_nohup_switches_off_stays_off(python):
    with python.start(f"{AS_NOHUP}\n{WARM}", *SHORT, *EACH_STEP) as process:
        next(line for line in process.stdout if line.startswith("Epoch:"))
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert "test digits right" in out


@only_posix
def test_a_second_signal_does_not_wait():
    with interrupts.Interrupts() as asked, asked.held():
        signal.raise_signal(signal.SIGTERM)
        assert asked.number == signal.SIGTERM
        with pytest.raises(interrupts.Ended):
            signal.raise_signal(signal.SIGTERM)
    with interrupts.Interrupts(patient=True) as asked, asked.held():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)


def test_the_handlers_are_given_back():
    before = [signal.getsignal(number) for number in NUMBERS]
    assert cli.main([*SHORT, "--epochs", "1"]) == 0
    assert [signal.getsignal(number) for number in NUMBERS] == before


# ---- nobody reads ----


@only_posix
@pytest.mark.parametrize("one_stream", [False, True])
def test_a_reader_that_goes_away_ends_the_run_saved(python, one_stream):
    command = (WARM, *LONG, *EACH_STEP, "--save", "a.run")
    with python.start(*command, one_stream=one_stream) as process:
        said = [next(line for line in process.stdout if line.startswith("Epoch:"))]
        process.stdout.close()  # as `head` does
        said += [] if one_stream else process.stderr
    assert process.returncode == 141
    assert "Traceback" not in "".join(said)
    assert "Exception ignored" not in "".join(said)
    step = checkpoint.load("a.run").step_number
    assert 1 <= step < 800
    if not one_stream:  # errors are still read
        assert f"The run is saved as a.run, at step {step}." in "".join(said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize(
    "arguments", [["doctor"], LONG, *[["--help"], ["train", "--help"]] * (TIMES > 1)]
)
def test_what_cannot_be_printed_is_one_sentence(python, arguments):
    with open("/dev/full", "w") as full:
        done = python.run(WARM, *arguments, stdout=full)
    assert done.returncode == 141
    assert "What is printed cannot be written: No space left on device." in done.error
    assert "Traceback" not in done.error


@only_posix
def test_help_may_be_cut_short():
    script = f"{shlex.join(PYTHON)} --help | :"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@only_posix
def test_an_output_that_is_closed_from_the_start_is_no_reason_to_end():
    command = f"{shlex.join([*PYTHON, *SHORT, '--save', 'a.run'])} >&-"
    assert subprocess.run(["sh", "-c", command], capture_output=True).returncode == 0
    assert checkpoint.load("a.run").step_number == 16


# ---- what stands where something is to be written ----


@pytest.mark.parametrize("name", ["t.txt", "t.run.previous", ".t.run.part"])
def test_another_program_s_file_is_refused_before_anything_starts(name, capsys):
    Path(name).write_text("thesis")
    save = "t.txt" if name == "t.txt" else "t.run"
    assert cli.main([*SHORT, "--save", save]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert name in error
    assert Path(name).read_text() == "thesis"


@pytest.mark.parametrize(
    ("save", "curve"),
    [("r.png", "r.png"), ("r.png", "./r.png"), ("r.PNG", "r.png"), ("link.png", "r.png")],
)
def test_the_run_and_its_curve_are_two_files(save, curve, capsys):
    Path("link.png").symlink_to("r.png")
    assert cli.main([*SHORT, "--save", save, "--curve", curve]) == 2
    assert "that is the file of the run; name another one" in capsys.readouterr().err
    assert not Path("r.png").exists()


def test_a_curve_takes_the_place_of_a_curve_of_ours_alone(capsys):
    assert cli.main([*SHORT, "--curve", "a.png"]) == 0
    assert cli.main([*SHORT, "--curve", "a.png"]) == 0
    others = Path("a.png").read_bytes().replace(b"tutorial_lib", b"another_tool")
    Path("a.png").write_bytes(others)
    assert cli.main([*SHORT, "--curve", "a.png"]) == 2
    assert "another program's file, which stays as it is" in capsys.readouterr().err
    assert Path("a.png").read_bytes() == others


def test_a_curve_that_cannot_be_written_is_said_and_no_success(monkeypatch, capsys):
    Path(".a.png.part").write_text("thesis")
    assert cli.main([*SHORT, "--curve", "a.png", "--save", "a.run"]) == 1
    assert "The curve cannot be written to a.png" in capsys.readouterr().err
    assert Path(".a.png.part").read_text() == "thesis"


def test_an_older_run_of_other_settings_is_said_and_kept(capsys):
    cli.main([*SHORT, "--save", "a.run"])
    assert cli.main([*SHORT, "--save", "a.run", "--seed", "1"]) == 0
    assert "a.run held another run, which is kept as a-2.run." in capsys.readouterr().out
    assert checkpoint.load("a-2.run").hyperparameters.seed == 0
    assert checkpoint.load("a.run").hyperparameters.seed == 1


def test_the_second_command_on_a_path_takes_another_name(few, new_run, capsys):
    with checkpoint.Saver(new_run(), "a.run"):
        assert cli.main([*SHORT, "--save", "a.run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "a.run is in use by another run; this one is saved as a-2.run." in lines
    assert lines[-1] == "The run is saved as a-2.run, at step 16."


# ---- writes that fail and recover ----

EVENTS = st.sampled_from(["full", "free", "foreign", "ours again", "SIGTERM", "none"])


@contextlib.contextmanager
def what_happens(events: list[str], foreign: bytes):
    """Let something happen at each line about a step; yield the lines that are said."""
    say, said, left = cli._say, [], iter(events)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def say_and_act(line: str) -> None:
        say(line)
        said.append(line)
        event = next(left, "none") if line.startswith("Epoch:") else "none"
        if event in ("full", "free"):
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (0 if event == "full" else limits[0], limits[1])
            )
        elif event == "foreign" and resource.getrlimit(resource.RLIMIT_FSIZE)[0]:
            Path("mine").write_bytes(foreign)
            Path("mine").replace("a.run")
        elif event == "ours again" and Path("a.run").is_file():
            if Path("a.run").read_bytes() == foreign:
                Path("a.run").unlink()
        elif event == "SIGTERM":
            signal.raise_signal(signal.SIGTERM)

    cli._say = say_and_act
    try:
        yield said
    finally:
        cli._say = say
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@only_posix
def test_the_last_line_is_true_whatever_happens_to_the_disk(sample, monkeypatch):
    monkeypatch.setitem(checkpoint.Saver.saving.__kwdefaults__, "seconds", 0.0)
    codes = []

    @settings(
        max_examples=8 * TIMES, deadline=None, derandomize=TIMES == 1, phases=[Phase.generate]
    )
    @given(st.lists(EVENTS, max_size=16), st.binary(min_size=1, max_size=9))
    def property_holds(events, foreign):
        with tempfile.TemporaryDirectory() as there, contextlib.chdir(there):
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()) as errors,
                what_happens(events, foreign) as said,
            ):
                codes.append(cli.main([*SHORT, *EACH_STEP, "--save", "a.run"]))
            is_foreign = Path("a.run").is_file() and Path("a.run").read_bytes() == foreign
            lines = "\n".join([*said, errors.getvalue()])
            good = re.search(r"The run is saved as a\.run, at step (\d+)\.", lines)
            bad = re.search(r"not saved at step (\d+): a\.run holds (?:step )?(\d+|nothing)", lines)
            assert bool(good) != bool(bad)
            assert codes[-1] in ((0, 143) if good else (1, 143))
            if good or (not is_foreign and bad[2] != "nothing"):
                step = int(good[1] if good else bad[2])
                assert checkpoint.load("a.run").step_number == step
            if good and codes[-1] == 0:
                assert step == 16
            events_of_disk = [event for event in events if event not in ("none", "SIGTERM")]
            if not events_of_disk or events_of_disk == ["full", "free"]:
                assert good

    property_holds()
    assert set(codes) >= {0, 1, 143}
