"""The command line trains as a plain loop does, survives Ctrl-C, and refuses in one line."""

import contextlib
import io
import itertools
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from warm_python import Script, WarmPython

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint, cli
from tutorial_lib.doctor import Finding
from tutorial_lib.optimizers import OPTIMIZERS

SHORT = ["train", "--data", "sample", "--batch-size", "500", "--epochs", "2"]
SETTINGS = Hyperparameters(batch_size=500, epochs=2)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def short_run(tmp_path_factory) -> bytes:
    """Return the file that SHORT saves."""
    path = tmp_path_factory.mktemp("short") / "a.run"
    assert cli.main([*SHORT, "--save", str(path)]) == 0
    return path.read_bytes()


@pytest.fixture
def interrupt_at(monkeypatch):
    """Return a function that has Ctrl-C pressed when line number n about a step is printed."""

    def arrange(number: int) -> None:
        say, count = cli._say, itertools.count(1)

        def say_and_press(line: str) -> None:
            say(line)
            if line.startswith("Epoch:") and next(count) == number:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(cli, "_say", say_and_press)

    return arrange


def weights_of(path: str) -> dict[str, torch.Tensor]:
    return checkpoint.load(path).state["model"]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


def trained(sample, settings=SETTINGS, **options) -> TrainingRun:
    run = TrainingRun(LeNet5(seed=settings.seed, **options), sample, settings)
    for _ in run:
        pass
    return run


def test_it_trains_to_the_weights_of_a_plain_loop(sample, capsys):
    assert cli.main([*SHORT, "--save", "a.run"]) == 0
    run = trained(sample)
    assert same(weights_of("a.run"), run.model.state_dict())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == sample.notice
    assert [line[:34] for line in lines if line.startswith("Epoch:")] == [
        "Epoch:[  0/  2], step:[    8/    8",
        "Epoch:[  1/  2], step:[    8/    8",
    ]
    score = r"\d+\.\d% of 500 test digits right, mean cross-entropy \d\.\d{3}\."
    assert re.fullmatch(score, lines[-2])
    assert lines[1] == "Network: LeNet5, 61,706 parameters."


def test_every_hyperparameter_is_an_option(sample):
    options = "--learning-rate 0.003 --momentum 0.8 --optimizer adam --loss mse"
    options += " --weight-decay 0.01 --seed 7 --init mindspore --save a.run"
    assert cli.main([*SHORT, *options.split()]) == 0
    settings = SETTINGS.replace(
        learning_rate=0.003, momentum=0.8, optimizer="adam", loss="mse", weight_decay=0.01, seed=7
    )
    assert checkpoint.load("a.run").hyperparameters == settings
    assert same(weights_of("a.run"), trained(sample, settings, init="mindspore").model.state_dict())


def test_ctrl_c_saves_and_the_run_goes_on_exactly(sample, interrupt_at, capsys):
    interrupt_at(5)
    assert cli.main([*SHORT, "--save", "a.run", "--per-print-times", "1"]) == 130
    assert checkpoint.load("a.run").step_number == 5
    command = capsys.readouterr().out.splitlines()[-1]
    arguments = shlex.split(command)[3:]
    assert arguments == ["train", "--resume", "a.run", "--per-print-times", "1"]
    assert cli.main(arguments) == 0
    assert same(weights_of("a.run"), trained(sample).model.state_dict())


def test_each_ctrl_c_without_save_has_a_file_of_its_own(interrupt_at):
    interrupt_at(1)
    assert cli.main(SHORT) == 130
    interrupt_at(1)
    assert cli.main(SHORT) == 130
    assert checkpoint.exists("training.run")
    assert checkpoint.exists("training-2.run")


def test_a_real_ctrl_c_ends_with_the_command_that_goes_on():
    options = ["--epochs", "100", "--per-print-times", "1"]
    command = [sys.executable, "-m", "tutorial_lib", *SHORT, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if line.startswith("Epoch:"))  # it trains
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().splitlines()
    assert process.returncode == 130
    step = int(re.fullmatch(r"Stopped at step (\d+) of 800\.", rest[-3])[1])
    assert rest[-2] == f"The run is saved as training.run, at step {step}. To go on with it:"
    assert rest[-1].endswith("train --resume training.run --per-print-times 1")
    assert checkpoint.load("training.run").step_number == step


@pytest.mark.skipif(sys.platform != "linux", reason="an interrupt is a signal; ps is Linux's")
def test_ctrl_c_ends_all_processes_of_torchrun_and_one_goes_on(sample, warm_python, capsys):
    with under_torchrun(warm_python, "--per-print-times", "1", "--save", "a.run") as (
        torchrun,
        lines,
    ):
        seconds = interrupted_after_its_first_step(torchrun, lines)
        rest = torchrun.stdout.read().splitlines()
    print(f"two processes had ended {seconds:.1f} s after Ctrl-C")
    assert seconds < 10
    step = checkpoint.load("a.run").step_number
    assert [line for line in rest if line.startswith("The run is saved")] == [
        f"The run is saved as a.run, at step {step}. To go on with it:"
    ]
    assert "--nproc-per-node=2 -m tutorial_lib train --resume a.run" in rest[-1]
    assert f"Stopped at step {step} of 800." in rest
    assert len([line for line in rest if line.startswith("Epoch:")]) < step  # of one rank alone

    epochs = step // 8 + 1
    assert cli.main(["train", "--resume", "a.run", f"--epochs={epochs}"]) == 0  # by one process
    losses = [record.loss for record in trained(sample, SETTINGS.replace(epochs=epochs)).history]
    resumed = checkpoint.load("a.run").state["history"]["loss"]
    assert resumed[:8] == pytest.approx(losses[:8], abs=1e-5)
    assert len(resumed) == len(losses)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes with Linux's ps")
def test_a_killed_process_ends_all_of_torchrun_and_the_save_is_whole(warm_python):
    with under_torchrun(warm_python, "--per-print-times", "1", "--save", "a.run") as (
        torchrun,
        lines,
    ):
        next(line for line in lines if line.startswith("Epoch:[  0/100], step:[    2/"))
        ps = ["ps", "-o", "pid=", "--ppid", str(torchrun.pid)]
        ranks = subprocess.run(ps, capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(ranks[1]), signal.SIGKILL)
        killed = time.perf_counter()
        torchrun.wait(30)
        seconds = time.perf_counter() - killed
    print(f"all had ended {seconds:.1f} s after one was killed")
    assert len(ranks) == 2
    assert seconds < 10
    assert torchrun.returncode == 1
    assert checkpoint.load("a.run").step_number >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="starts torchrun twice on one machine")
def test_two_hosts_train_as_one(sample, warm_python):
    port = free_port()
    options = ([*SHORT, "--save", "a.run"], SHORT)
    with contextlib.ExitStack() as end:
        hosts = [
            end.enter_context(
                warm_python.torchrun(
                    *("--nnodes=2", f"--node-rank={rank}", "--master-addr=127.0.0.1"),
                    *(f"--master-port={port}", "--nproc-per-node=1", "-m", "tutorial_lib", *words),
                )
            )
            for rank, words in enumerate(options)
        ]
        first, second = (host.communicate()[0] for host in hosts)
    assert [host.returncode for host in hosts] == [0, 0]
    assert "test digits right" in first
    assert second == ""  # what there is to say, rank 0 says
    losses = [record.loss for record in trained(sample).history]
    assert checkpoint.load("a.run").state["history"]["loss"] == pytest.approx(losses, abs=1e-4)


@contextlib.contextmanager
def under_torchrun(python: WarmPython, *options: str):
    """Start two processes on a long run; yield torchrun and its lines."""
    words = ["--nproc-per-node=2", "-m", "tutorial_lib", *SHORT, "--epochs", "100", *options]
    with python.torchrun(*words, stderr=subprocess.DEVNULL) as torchrun:
        yield torchrun, iter(torchrun.stdout.readline, "")


def interrupted_after_its_first_step(torchrun: Script, lines: Iterator[str]) -> float:
    """Press Ctrl-C once it trains; return how many seconds torchrun took to end."""
    next(line for line in lines if line.startswith("Epoch:"))
    torchrun.send_signal(signal.SIGINT)
    pressed = time.perf_counter()
    torchrun.wait(60)
    return time.perf_counter() - pressed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_run_goes_on_with_other_settings(sample, short_run, capsys):
    Path("a.run").write_bytes(short_run)
    again = ["train", "--resume", "a.run", "--epochs", "3", "--learning-rate", "0.1"]
    assert cli.main([*again, "--save", "b.run"]) == 0
    run = trained(sample)
    run.hyperparameters = run.hyperparameters.replace(epochs=3)
    run.adjust(learning_rate=0.1)
    for _ in run:
        pass
    assert same(weights_of("b.run"), run.model.state_dict())
    assert checkpoint.load("a.run").step_number == 16


def test_a_run_that_is_over_says_how_it_gets_more(capsys):
    cli.main([*SHORT, "--init", "mindspore", "--save", "a.run"])
    assert cli.main(["train", "--resume", "a.run"]) == 0
    assert "That run is over, at step 16; --epochs gives it more." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learning-rate", "-1"], "learning_rate must be a finite number in (0, inf); got -1.0"),
        (["--optimizer", "lion"], "optimizer must be one of sgd, momentum"),
        (["--batch-size", "4001"], "batch_size must be a whole number, from 1 to 4,000"),
        (["--per-print-times", "0"], "per_print_times must be a whole number, 1 or more; got 0"),
        (["--curve", "loss.jpg"], "drawn into loss.jpg: it must name a .png file"),
        (["--save", "."], "cannot be saved as .: that is a folder; name a file in it"),
        (["--resume", "missing.run"], "there is no checkpoint missing.run"),
    ],
)
def test_bad_values_are_refused_in_one_line(folder, capsys, arguments, message):
    assert cli.main(["train", "--data", "sample", "--save", "a.run", *arguments]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert message in error
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1"], "seed must stay 0 within a run; got 1"),
        (["--epochs", "1"], "epochs must be a whole number, 2 or more (2 have begun); got 1"),
        (["--optimizer", "adam"], "its optimizer is momentum, here it is adam"),
        (["--init", "mindspore"], "its model has conv1.bias"),
    ],
)
def test_a_run_does_not_go_on_as_another_one(short_run, capsys, arguments, message):
    Path("a.run").write_bytes(short_run)
    assert cli.main(["train", "--resume", "a.run", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert Path("a.run").read_bytes() == short_run


def test_a_diverged_run_keeps_its_last_good_weights(sample, capsys):
    wild = ["--loss", "mse", "--optimizer", "sgd", "--learning-rate", "1000"]
    assert cli.main([*SHORT, *wild, "--save", "a.run", "--curve", "a.png"]) == 1
    error = capsys.readouterr().err
    assert re.search(r"diverged: the loss became (inf|nan) at step \d+ with learning rate", error)
    assert all(value.isfinite().all() for value in weights_of("a.run").values())
    assert f"those of step {checkpoint.load('a.run').step_number}" in error


def test_the_curve_is_a_picture(capsys):
    assert cli.main([*SHORT, "--curve", "pictures/loss.png"]) == 0
    assert Path("pictures/loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_progress_bar_is_shown_on_a_terminal_only(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    cli.main([*SHORT, "--epochs", "1"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    cli.main([*SHORT, "--epochs", "1"])
    assert "0/8" in sys.stderr.getvalue()


def test_help_names_every_hyperparameter_and_its_choices(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["train", "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    for name in Hyperparameters.__dataclass_fields__:
        assert f"--{name.replace('_', '-')} " in text
    words = text.replace("│", " ").split()  # older versions of tyro draw boxes
    assert f"one of {', '.join(OPTIMIZERS)}" in " ".join(words)


def test_nothing_at_all_shows_the_help(warm_python):
    done = warm_python.call([sys.executable, "-m", "tutorial_lib"])
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m tutorial_lib")
    assert all(word in done.stdout for word in ("train", "doctor"))


@pytest.mark.parametrize(("kind", "status"), [("fine", 0), ("note", 0), ("problem", 1)])
def test_the_doctors_exit_status_says_whether_something_is_broken(monkeypatch, kind, status):
    monkeypatch.setattr(cli, "examine", lambda: [Finding(kind, "The sky is blue", "look up")])
    assert cli.main(["doctor"]) == status
