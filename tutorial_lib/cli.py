"""The command line: train without a notebook, and see what a machine can do."""

import contextlib
import dataclasses
import itertools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tqdm import tqdm

from tutorial_lib.checks import check_choice, check_whole
from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import DOWNLOADED, DataUnavailable, load_digits
from tutorial_lib.doctor import examine, report
from tutorial_lib.engine import (
    ADJUSTABLE,
    CheckpointError,
    Diverged,
    TrainingRun,
    checkpoint,
    distributed,
    is_synchronized,
    iterate_for_device,
    monitor,
)
from tutorial_lib.evaluation import evaluate
from tutorial_lib.files import replacing
from tutorial_lib.losses import LOSSES
from tutorial_lib.models import LeNet5, make_model
from tutorial_lib.optimizers import OPTIMIZERS

PROGRAM = "python -m tutorial_lib"
SUCCESS, FAILURE, MISUSE, INTERRUPTED = 0, 1, 2, 130


class _Unchecked(Hyperparameters):
    """The hyperparameters. The defaults are those of the MindSpore r1.8 tutorial."""

    optimizer: Annotated[str, tyro.conf.arg(help=f"one of {', '.join(OPTIMIZERS)}")] = "momentum"
    loss: Annotated[str, tyro.conf.arg(help=f"one of {', '.join(LOSSES)}")] = "cross_entropy"

    def __post_init__(self) -> None:
        """Leave it to Hyperparameters to refuse bad values, in one line."""


def _option(metavar: str, default: str = "none") -> Any:
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})")


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train LeNet, print the lines of LossMonitor, and score it on held-out digits.

    Ctrl-C saves the run and says how to go on with it.
    """

    hyperparameters: tyro.conf.OmitArgPrefixes[_Unchecked] = field(default_factory=_Unchecked)
    data: Literal["auto", "sample", "mnist", "fashion"] = "auto"
    """what to learn from; auto is mnist if it can be had, or else the sample"""
    init: Literal["torch", "mindspore"] = "torch"
    """whose way of drawing the first weights"""
    save: Annotated[Path | None, _option("FILE")] = None
    """keep the run in this file, every few seconds and at its end"""
    resume: Annotated[Path | None, _option("FILE")] = None
    """go on with the run in this file, and keep it there if --save names no other"""
    curve: Annotated[Path | None, _option("FILE.png")] = None
    """draw the loss into this picture at the end"""
    per_print_times: Annotated[int | None, _option("INT", "only the last of an epoch")] = None
    """print a line each time so many steps have passed"""


@dataclass(frozen=True)
class Doctor:
    """Say in one screen whether everything works here, and what to do if not."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say, and return the exit status.

    Returns:
        0: done. 1: the training diverged, or the doctor found something broken. 2: the arguments
        are wrong, and nothing was touched. 130: interrupted by Ctrl-C.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    command = tyro.cli(Train | Doctor, args=arguments, prog=PROGRAM, description=__doc__)
    try:
        if isinstance(command, Train):
            return _train(command, arguments[1:])
        findings = examine()
        print(report(findings))
        return FAILURE if any(finding.kind == "problem" for finding in findings) else SUCCESS
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED


# ---- before the first step: everything that can be wrong ----


def _train(command: Train, arguments: Sequence[str]) -> int:
    prepare = partial(_prepare, command, arguments)
    if not distributed.started_by_torchrun():
        return _prepare_and_drive(command, prepare)
    with distributed.process_group() as rank:
        if rank == 0:
            return _prepare_and_drive(command, partial(distributed.lead, prepare))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 decides when to end
        distributed.follow()
        return SUCCESS  # what there is to say, rank 0 says


def _prepare_and_drive(command: Train, prepare: Callable[[], TrainingRun]) -> int:
    try:
        run = prepare()
    except (CheckpointError, DataUnavailable, TypeError, ValueError) as error:
        print(f"{PROGRAM} train: {error}", file=sys.stderr)
        return MISUSE
    return _drive(run, command)


def _with_saved_defaults(arguments: Sequence[str], saved: checkpoint.Checkpoint) -> Train:
    """Read the arguments again: what they leave open is as in the run that was saved."""
    name, _ = saved.state["data"]
    check_choice(f"the data that {saved.path} learned from", name, DOWNLOADED | {"sample": None})
    defaults = Train(
        hyperparameters=_Unchecked(**dataclasses.asdict(saved.hyperparameters)),
        data=name,
        init="torch" if "conv1.bias" in saved.state["model"] else "mindspore",
    )
    return tyro.cli(Train, args=arguments, default=defaults, prog=f"{PROGRAM} train")


def _prepare(command: Train, arguments: Sequence[str]) -> TrainingRun:
    """Return the run, ready for its next step, or refuse what is wrong; no file is written."""
    saved = checkpoint.load(command.resume) if command.resume else None
    if saved is not None:
        command = _with_saved_defaults(arguments, saved)
    settings = Hyperparameters(**dataclasses.asdict(command.hyperparameters))
    if command.per_print_times is not None:
        check_whole("per_print_times", command.per_print_times, low=1)
    if command.curve is not None and command.curve.suffix != ".png":
        raise ValueError(f"curve must name a .png file; got {str(command.curve)!r}")
    if command.save is not None and command.save.is_dir():
        raise ValueError(f"save must name a file; {str(command.save)!r} is a folder")
    device = distributed.rank_device() if distributed.started_by_torchrun() else "auto"
    model = make_model(partial(LeNet5, init=command.init), settings.seed)
    run = TrainingRun(model, load_digits(command.data, device), settings)
    going_on = ""
    if saved is not None:
        saved = checkpoint.restore(run, saved)
        _change(run, settings)
        going_on = f"Going on from {saved}. {saved.notice}".strip()
        if run.step_number == run.num_steps:
            going_on = f"That run is over, at step {run.num_steps:,}; --epochs gives it more."
    _say(f"{run.data.notice}\n{going_on}".strip())
    return run


def _change(run: TrainingRun, settings: Hyperparameters) -> None:
    """Let a run that was taken up go on with other settings, as far as that makes sense."""
    saved = run.hyperparameters
    if settings.seed != saved.seed:
        raise ValueError(f"seed must stay {saved.seed} within a run; got {settings.seed}")
    run.extend(settings.epochs)
    changed = [name for name in ADJUSTABLE if getattr(settings, name) != getattr(saved, name)]
    if changed:
        run.adjust(**{name: getattr(settings, name) for name in changed})


# ---- the training ----


def _drive(run: TrainingRun, command: Train) -> int:
    save = command.save or command.resume
    records = monitor(iterate_for_device(run), per_print_times=command.per_print_times, sink=_say)
    if save is not None:
        records = checkpoint.autosaved(records, run, save, sink=_warn)
    diverged, interrupted = None, False
    try:
        interrupted = _take_steps(run, records)
    except Diverged as error:
        diverged = error
    if command.curve is not None and run.history:
        _draw_curve(run, command.curve)
    if diverged is not None:
        _warn(f"The training diverged: {diverged}")
        if save is not None and checkpoint.try_to_save(run, save, _warn):
            _warn(f"{save} has the last good weights, those of step {run.step_number:,}.")
        return FAILURE
    if interrupted:
        run.close()
        save = save or _free_file()
        _say(f"Stopped at step {run.step_number:,} of {run.num_steps:,}.")
        if checkpoint.try_to_save(run, save, _warn):
            _say(f"The run is saved as {save}. To go on with it:")
            _say(f"  {_command_to_go_on(command, save)}")
        return INTERRUPTED
    score = evaluate(run.model, run.data.test)
    right = f"{score.accuracy:.1%} of {len(run.data.test):,} right"
    _say(f"Held-out pictures: {right}, mean cross-entropy {score.loss:.3f}.")
    if save is not None:
        _say(f"The run is saved as {save}.")
    return SUCCESS


def _take_steps(run: TrainingRun, records: Iterator[Any]) -> bool:
    """Take all steps with a progress bar; return whether Ctrl-C ended them early."""
    bar = tqdm(
        total=run.num_steps,
        initial=run.step_number,
        unit=" steps",
        disable=None,  # it shows on a terminal only
        leave=False,
        dynamic_ncols=True,
    )
    with _interrupts() as interrupted, bar:
        for record in records:
            bar.update()
            at_rest = is_synchronized(run, record) and run.step_number < run.num_steps
            if interrupted.is_set() and at_rest:
                return True
    return False


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Turn a first Ctrl-C into an event, so that no step is cut in two; a second acts as ever."""
    interrupted = threading.Event()

    def on_interrupt(*_: Any) -> None:
        interrupted.set()
        if (
            not distributed.started_by_torchrun()
        ):  # the other ranks would wait for a step cut in two
            signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _command_to_go_on(command: Train, save: Path) -> str:
    words = [*_program(), "-m", "tutorial_lib", "train", "--resume", str(save)]
    if command.curve is not None:
        words += ["--curve", str(command.curve)]
    if command.per_print_times is not None:
        words += ["--per-print-times", str(command.per_print_times)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _program() -> list[str]:
    """Return the words that start what runs here: python, or torchrun with as many processes."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    if not distributed.started_by_torchrun():
        return [python]
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    words = (
        ["torchrun"]
        if shutil.which("torchrun") == torchrun
        else [python, "-m", "torch.distributed.run"]
    )
    hosts = os.environ["GROUP_WORLD_SIZE"]
    if hosts != "1":
        address = os.environ["MASTER_ADDR"]
        words += [f"--nnodes={hosts}", "--node-rank=0", f"--master-addr={address}"]
    return [*words, f"--nproc-per-node={os.environ['LOCAL_WORLD_SIZE']}"]


def _free_file() -> Path:
    """Return a name in this folder that no earlier run has: training.run, training-2.run ..."""
    names = itertools.chain(["training.run"], (f"training-{n}.run" for n in itertools.count(2)))
    return next(path for path in map(Path, names) if not checkpoint.exists(path))


def _draw_curve(run: TrainingRun, path: Path) -> None:
    import matplotlib.style  # slow, and not always needed
    from matplotlib.figure import Figure

    from tutorial_lib.pictures import STYLE, draw_runs

    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
        label = labels_by_difference([run.hyperparameters])[0]
        axes = figure.add_subplot(title="Loss: each batch faint, smoothed bold")
        draw_runs(axes, {label: run.history})
        try:
            with replacing(path) as file:
                figure.savefig(file, format="png")
        except OSError as error:
            _warn(f"The curve cannot be written to {path}: {error.strerror or error}.")
        else:
            _say(f"The curve is in {path}.")


def _say(line: str) -> None:
    """Print a line at once, above the progress bar if there is one."""
    with tqdm.external_write_mode(file=sys.stdout):
        print(line, flush=True)


def _warn(line: str) -> None:
    with tqdm.external_write_mode(file=sys.stderr):
        print(line, file=sys.stderr, flush=True)
