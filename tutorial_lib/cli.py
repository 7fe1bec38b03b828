"""The command line: train without a notebook, see what a machine can do, and teach a class."""

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tqdm import tqdm

from tutorial_lib.checks import check_whole
from tutorial_lib.classroom import commands
from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import Data, DataUnavailable
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
from tutorial_lib.engine.named import DIGITS, absolute, make_importable, named_data, named_network
from tutorial_lib.evaluation import evaluate
from tutorial_lib.files import free_names
from tutorial_lib.interrupts import BROKEN_PIPE, Interrupts, ignore, silence
from tutorial_lib.losses import LOSSES
from tutorial_lib.models import LeNet5, make_model
from tutorial_lib.optimizers import OPTIMIZERS
from tutorial_lib.pictures.curve_file import check_curve, save_curve
from tutorial_lib.table import share_text

PROGRAM = "python -m tutorial_lib"
SUCCESS, FAILURE, MISUSE = 0, 1, 2
_ending = Interrupts()  # what asks this call of `main` to end


def _option(metavar: str, default: str = "none") -> Any:
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})")


def _files(metavar: str) -> Any:
    """Return the marks of an option that may be given several times, with one value each."""
    return tyro.conf.UseAppendAction, _option(metavar)


def _choice(names: Iterable[str], default: str) -> Any:
    hint = f"(default: {default})"
    words = f"one of {', '.join(names)}"
    return tyro.conf.arg(metavar="NAME", help=words, help_behavior_hint=hint)


@dataclass(frozen=True)
class _Unchecked(Hyperparameters):
    """The hyperparameters. The defaults are those of the MindSpore r1.8 tutorial."""

    optimizer: Annotated[str | None, _choice(OPTIMIZERS, "momentum; adam for a regression")] = None
    loss: Annotated[str | None, _choice(LOSSES, "cross_entropy; mse for a regression")] = None

    def __post_init__(self) -> None:
        """Leave it to Hyperparameters to refuse bad values, in one line."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a network, print the lines of LossMonitor, and score it on examples it has not seen.

    It learns digits with LeNet, or your own pictures or table with your own network.

    Ctrl-C saves the run and says how to go on with it.
    """

    hyperparameters: tyro.conf.OmitArgPrefixes[_Unchecked] = field(default_factory=_Unchecked)
    data: Annotated[str, _option("SOURCE", "auto")] = "auto"
    """what to learn from: auto, which is mnist if it can be had, or else the sample; sample, mnist,
    fashion; folder:PATH, pictures in a folder for each class; csv:FILE, a table"""
    target: Annotated[str | None, _option("COLUMN")] = None
    """the column of the table to predict"""
    model: Annotated[str | None, _option("MODULE:NAME", "one that fits the data")] = None
    """your own network, as in my_module:MyNet: a class or function without arguments, or with
    num_outputs or num_classes alone"""
    init: Literal["torch", "mindspore"] = "torch"
    """whose way of drawing the first weights of LeNet"""
    save: Annotated[Path | None, _option("FILE")] = None
    """keep the run in this file, every few seconds and at its end"""
    resume: Annotated[Path | None, _option("FILE")] = None
    """go on with the run in this file, and keep it there if --save names no other"""
    curve: Annotated[Path | None, _option("FILE.png")] = None
    """draw the loss into this picture at the end"""
    share: Annotated[Path | None, _option("FILE.html")] = None
    """write the run into this page at the end: one file that opens anywhere, offline"""
    per_print_times: Annotated[int | None, _option("INT", "only the last of an epoch")] = None
    """print a line each time so many steps have passed"""


@dataclass(frozen=True)
class Doctor:
    """Say in one screen whether everything works here, and what to do if not."""


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """Write what you have done into one file for your teacher: it is yours to give, or not.

    It holds your name, the exercises that you tried and solved, your predictions, and the runs
    that you name, with their settings and losses. What is in it is printed; nothing is sent.
    """

    name: Annotated[str, tyro.conf.arg(metavar="NAME")]
    """your name, as your teacher should read it"""
    run: Annotated[tuple[Path, ...], *_files("FILE")] = ()
    """a run that is handed in, as train --save or a panel saved it; may be given several times"""
    challenge: Annotated[Path | None, _option("FILE.toml")] = None
    """your teacher's challenge: it is said how your runs stand in it"""
    to: Annotated[Path | None, _option("FILE.json", "hand-in-NAME.json, here")] = None
    """the file that is written"""


@dataclass(frozen=True, kw_only=True)
class Class:
    """Read the hand-ins in a folder, and write a page and a table about them.

    Nothing in a hand-in is executed; what is odd is named and left out.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """where the hand-ins are, in it or in folders in it"""
    challenge: Annotated[Path | None, _option("FILE.toml")] = None
    """the challenge that runs were handed in for: its data, steps, target, and what is chosen"""
    rerun: Annotated[tuple[str, ...], *_files("NAME")] = ()
    """train this learner's entry once more, and say whether it comes again; may be given several
    times; all: everybody's"""
    to: Annotated[Path | None, _option("FOLDER", "that of the hand-ins")] = None
    """where class.html and class.csv are written"""


@dataclass(frozen=True)
class Forget:
    """Begin a new record of exercises and predictions; it is said where the old one is kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say, and return the exit status.

    Returns:
        0: done. 1: the training diverged, its end, its curve or its page is not on the disk, the
        doctor found something broken, or a hand-in or a class could not be read or written. 2: the
        arguments are wrong, and nothing was touched. Ended early, with the run saved if steps were
        taken: 129 as its terminal was closed (SIGHUP), 130 by Ctrl-C (SIGINT), 141 as nobody can
        read what it prints (SIGPIPE), 143 by SIGTERM.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    global _ending
    _ending = Interrupts(patient=distributed.started_by_torchrun())
    with contextlib.suppress(AttributeError):  # a name of a file may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _ending:
            try:
                return _do(arguments)
            finally:
                with _printing():
                    if sys.stdout is not None:
                        sys.stdout.flush()
    except KeyboardInterrupt as end:
        _warn("Interrupted.")
        return _status(end)
    except BrokenPipeError:
        silence(sys.stdout)
        return 128 + BROKEN_PIPE


def _do(arguments: Sequence[str]) -> int:
    with _printing():
        kinds = Train | Doctor | HandIn | Class | Forget
        command = tyro.cli(kinds, args=arguments, prog=PROGRAM, description=__doc__)
    if isinstance(command, Train):
        return _train(command, arguments[1:])
    if not isinstance(command, Doctor):
        return _teach(command, arguments[0])
    findings = examine()
    _say(report(findings))
    return FAILURE if any(finding.kind == "problem" for finding in findings) else SUCCESS


def _teach(command: HandIn | Class | Forget, name: str) -> int:
    """Do what concerns a learner's record, or a class; return the exit status."""
    try:
        if isinstance(command, HandIn):
            asked = {"runs": command.run, "challenge": command.challenge, "to": command.to}
            commands.hand_in(command.name, **asked, say=_say)
        elif isinstance(command, Class):
            asked = {"names": command.rerun, "challenge": command.challenge, "to": command.to}
            commands.read_class(command.folder, **asked, say=_say)
        else:
            commands.forget(_say)
    except (CheckpointError, DataUnavailable, TypeError, ValueError) as error:
        _warn(f"{PROGRAM} {name}: {error}")
        return MISUSE
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        _warn(f"{PROGRAM} {name}: {error.filename or ''}: {error.strerror or error}")
        return FAILURE
    return SUCCESS


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    """End in one sentence where what is printed within cannot be written: on a full disk, say."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        _warn(f"What is printed cannot be written: {error.strerror}.")
        sys.exit(128 + BROKEN_PIPE)


def _status(end: KeyboardInterrupt) -> int:
    return 128 + getattr(end, "number", signal.SIGINT)


# ---- before the first step: everything that can be wrong ----


def _train(command: Train, arguments: Sequence[str]) -> int:
    if not distributed.started_by_torchrun():
        return _prepare_and_drive(command, arguments, lambda make_run: make_run())
    with distributed.process_group() as rank:
        status = SUCCESS  # what there is to say, rank 0 says
        if rank == 0:
            status = _prepare_and_drive(command, arguments, distributed.lead)
        else:
            ignore()  # rank 0 decides when to end
            make_importable(command.model)
            distributed.follow()
        with _printing():
            sys.stdout.flush()
        os._exit(status)  # to be taken apart while others are, torch's threads may abort


def _prepare_and_drive(
    command: Train,
    arguments: Sequence[str],
    lead: Callable[[Callable[[], TrainingRun]], TrainingRun],
) -> int:
    """Train, where `lead` returns the run to be trained of one that is ready."""
    savers: list[checkpoint.Saver] = []
    makers: list[Callable[[], Any]] = []  # of networks as the run's was at first

    def make_run() -> TrainingRun:
        run, makers[:], savers[:] = _prepare(command, arguments)
        return run

    try:
        run = lead(make_run)
    except (CheckpointError, DataUnavailable, TypeError, ValueError) as error:
        _warn(f"{PROGRAM} train: {error}")
        return MISUSE
    for saver in savers:
        saver.run = run
    return _drive(run, command, savers, makers)


def _with_saved_defaults(arguments: Sequence[str], saved: checkpoint.Checkpoint) -> Train:
    """Read the arguments again: what they leave open is as in the run that was saved."""
    (name, *_), network = saved.state["data"], _class_of_network(saved)
    is_bare = network == LeNet5.__name__ and "conv1.bias" not in saved.state["model"]
    defaults = Train(
        hyperparameters=_Unchecked(**dataclasses.asdict(saved.hyperparameters)),
        data=name if name in DIGITS else "",
        init="mindspore" if is_bare else "torch",
    )
    command = tyro.cli(Train, args=arguments, default=defaults, prog=f"{PROGRAM} train")
    if not command.data:
        raise ValueError(
            f"{saved.path} learned from {name!r}, data of your own: name them again, with "
            "--data folder:PATH, or --data csv:FILE --target COLUMN"
        )
    return command


def _class_of_network(saved: checkpoint.Checkpoint) -> str:
    """Return the name of the class of a network that was saved."""
    return saved.state.get("network", LeNet5.__name__).partition("\n")[0]


def _prepare(
    command: Train, arguments: Sequence[str]
) -> tuple[TrainingRun, list[Callable[[], Any]], list[checkpoint.Saver]]:
    """Return the run, ready for its next step, what makes its network, and what keeps it, if it is.

    What is wrong is refused, and then no file has been written.
    """
    saved = checkpoint.load(command.resume) if command.resume else None
    if saved is not None:
        command = _with_saved_defaults(arguments, saved)
    settings = _settings(command, {"optimizer": "momentum", "loss": "cross_entropy"})
    if command.per_print_times is not None:
        check_whole("per_print_times", command.per_print_times, low=1)
    save = command.save or command.resume
    if save is not None:
        checkpoint.check_place(checkpoint.as_path(save))
    if command.curve is not None:
        check_curve(command.curve, beside=[path for path in (save, command.resume) if path])
    if command.share is not None:
        from tutorial_lib.playing.run_page import check_share  # slow, and not always needed

        others = (save, command.resume, command.curve)
        check_share(command.share, beside=[path for path in others if path])
    device = distributed.rank_device() if distributed.started_by_torchrun() else "auto"
    data = named_data(command.data, target=command.target, device=device)
    if data.task == "regression":  # whose targets are of any size, and so are its gradients
        settings = _settings(command, {"optimizer": "adam", "loss": data.default_loss})
    make_network = partial(make_model, _new_model(command, data), settings.seed)
    run = TrainingRun(make_network(), data, settings)
    num_weights = sum(weights.numel() for weights in run.model.parameters())
    said = [data.notice, f"Network: {type(run.model).__name__}, {num_weights:,} parameters."]
    if saved is not None:
        _check_network(run, command, saved)
        saved = checkpoint.restore(run, saved)
        _change(run, settings)
        said.append(f"Going on from {saved}. {saved.notice}".strip())
        if run.step_number == run.num_steps:
            said[-1] = f"That run is over, at step {run.num_steps:,}; --epochs gives it more."
    savers = [] if save is None else [checkpoint.Saver(run, save, sink=_warn)]
    said += [saver.notice for saver in savers if saver.notice]
    if not (distributed.started_by_torchrun() or run.step_number == run.num_steps):
        run.settle_threads()
        said.append(f"Threads: {run.threads}, {run.why_threads}.")
    _say("\n".join(said))
    return run, [make_network], savers


def _settings(command: Train, defaults: dict[str, str]) -> Hyperparameters:
    """Return the hyperparameters, with these where none was named."""
    named = dataclasses.asdict(command.hyperparameters)
    return Hyperparameters(
        **{name: defaults.get(name) if value is None else value for name, value in named.items()}
    )


def _new_model(command: Train, data: Data) -> Callable[..., Any]:
    """Return what makes the network."""
    new_model = named_network(command.model, data)
    if new_model is LeNet5:
        return partial(LeNet5, init=command.init)
    if command.init != "torch":
        name = command.model or getattr(new_model, "func", new_model).__name__
        raise ValueError(
            f"init is for LeNet alone, and the network is {name}; got {command.init!r}"
        )
    return new_model


def _check_network(run: TrainingRun, command: Train, saved: checkpoint.Checkpoint) -> None:
    """Refuse to go on with a network of one's own that is not named again."""
    theirs = _class_of_network(saved)
    if command.model is None and theirs != type(run.model).__qualname__:
        raise ValueError(
            f"{saved.path} trained a network of your own, {theirs}: name it again, with --model "
            f"MODULE:{theirs}"
        )


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


def _drive(
    run: TrainingRun,
    command: Train,
    savers: list[checkpoint.Saver],
    makers: Sequence[Callable[[], Any]],
) -> int:
    """Take the steps that are left, and see that they are saved; return the exit status.

    Args:
        savers: The one that keeps the run, if one does.
        makers: The one that makes its network.
    """
    lines = {"per_print_times": command.per_print_times, "sink": _say}
    records = monitor(iterate_for_device(run), run=run, **lines)
    diverged = None
    with contextlib.ExitStack() as open_savers:
        open_savers.callback(lambda: [saver.close() for saver in savers])
        with _ending.held():
            try:
                _take_steps(run, savers[0].saving(records) if savers else records)
            except Diverged as error:
                diverged = error
            if _ending.number:
                run.close()
                _save_for_later(run, savers)
            elif savers and savers[0].step_saved != run.step_number:
                savers[0].save()
        try:
            return _conclude(run, command, savers, makers, diverged)
        except KeyboardInterrupt as end:  # all steps that were to be taken have been
            with _ending.held():
                if _save_for_later(run, savers):
                    _say_how_to_go_on(command, savers[0])
                return _status(end)


def _take_steps(run: TrainingRun, records: Iterator[Any]) -> None:
    """Take all steps with a progress bar, or those until something asks to end."""
    steps = {"total": run.num_steps, "initial": run.step_number, "unit": " steps"}
    # It shows on a terminal only.
    with tqdm(**steps, disable=None, leave=False, dynamic_ncols=True) as bar:
        for record in records:
            bar.update()
            if _ending.number and is_synchronized(run, record):
                return


def _conclude(
    run: TrainingRun,
    command: Train,
    savers: list[checkpoint.Saver],
    makers: Sequence[Callable[[], Any]],
    diverged: Diverged | None,
) -> int:
    """Say what has become of the run, which is at rest; return the exit status."""
    drawn = _draw_curve(run, command.curve) if command.curve and run.history else True
    missing = [saver for saver in savers if saver.step_saved != run.step_number]
    score = ""
    if diverged is not None:
        _warn(f"The training diverged: {diverged}")
    elif _ending.number:
        _say(f"Stopped at step {run.step_number:,} of {run.num_steps:,}.")
    else:
        score = _score_in_words(run)
        _say(score)
    if command.share and run.history:
        drawn &= _share(run, command.share, makers[0], diverged, score)
    for saver in savers:
        step = f"step {run.step_number:,}"
        if missing:
            held = "nothing of it" if saver.step_saved is None else f"step {saver.step_saved:,}"
            _warn(f"The run is not saved at {step}: {saver.path} holds {held}.")
        elif diverged is not None:
            _warn(f"{saver.path} has the last good weights, those of {step}.")
        elif _ending.number:
            _say_how_to_go_on(command, saver)
        else:
            _say(f"The run is saved as {saver.path}, at {step}.")
    if _ending.number:
        return 128 + _ending.number
    return SUCCESS if drawn and not missing and diverged is None else FAILURE


def _score_in_words(run: TrainingRun) -> str:
    """Say how a run does on what it never learned from: the test set, if there is one."""
    data = run.data
    split = data.validation if data.test is None else data.test
    if split is None:
        return f"There are no held-out {data.noun} to score it on."
    kind = "held-out" if data.test is None else "test"  # panels and classes score on the former
    name = run.hyperparameters.loss
    score = evaluate(run.model, split, loss=name)
    if data.task == "regression":
        r2 = "" if score.r2 is None else f", R squared {score.r2:.2f}"
        error = f"{score.mean_absolute_error:.4g} on {len(split):,} {kind} {data.noun}"
        worse = score.r2 is not None and score.r2 < 0
        hint = " To answer all with the mean is better: more epochs may help." if worse else ""
        return f"Mean absolute error {error}{r2}.{hint}"
    right = share_text(score.accuracy, len(split))
    loss = "cross-entropy" if name == "cross_entropy" else name
    return f"{right} {kind} {data.noun} right, mean {loss} {score.loss:.3f}."


def _say_how_to_go_on(command: Train, saver: checkpoint.Saver) -> None:
    _say(f"The run is saved as {saver.path}, at step {saver.step_saved:,}. To go on with it:")
    _say(f"  {_command_to_go_on(command, saver.path)}")


def _save_for_later(run: TrainingRun, savers: list[checkpoint.Saver]) -> bool:
    """Save a run that ends early, where no file was named as training.run; say if that worked."""
    free = (path for path in free_names(Path("training.run")) if not checkpoint.exists(path))
    try:
        savers[:] = savers or [checkpoint.Saver(run, next(free), sink=_warn)]
    except CheckpointError as error:
        _warn(str(error))
        return False
    return savers[0].save() or savers[0].step_saved == run.step_number


def _command_to_go_on(command: Train, save: Path) -> str:
    words = [*_program(), "-m", "tutorial_lib", "train", "--resume", str(save)]
    if command.data not in DIGITS:
        words += ["--data", absolute(command.data)]
    if command.target is not None:
        words += ["--target", command.target]
    if command.model is not None:
        words += ["--model", absolute(command.model)]
    if command.curve is not None:
        words += ["--curve", str(command.curve)]
    if command.share is not None:
        words += ["--share", str(command.share)]
    if command.per_print_times is not None:
        words += ["--per-print-times", str(command.per_print_times)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _program() -> list[str]:
    """Return the words that start what runs here: python, or torchrun with as many processes."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    if not distributed.started_by_torchrun():
        return [python]
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    words = [python, "-m", "torch.distributed.run"]
    if shutil.which("torchrun") == torchrun:
        words = ["torchrun"]
    hosts = os.environ["GROUP_WORLD_SIZE"]
    if hosts != "1":
        address = os.environ["MASTER_ADDR"]
        words += [f"--nnodes={hosts}", "--node-rank=0", f"--master-addr={address}"]
    return [*words, f"--nproc-per-node={os.environ['LOCAL_WORLD_SIZE']}"]


def _draw_curve(run: TrainingRun, path: Path) -> bool:
    """Draw the loss into a picture; return whether it is there."""
    try:
        save_curve(path, {labels_by_difference([run.hyperparameters])[0]: run.history})
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        _warn(f"The curve cannot be written to {path}: {words}.")
        return False
    _say(f"The curve is in {path}.")
    return True


def _share(
    run: TrainingRun,
    path: Path,
    new_model: Callable[[], Any],
    diverged: Diverged | None,
    score: str,
) -> bool:
    """Write the run as a page; return whether it is there.

    Args:
        score: What was said of the test set, which the page itself does not look at.
    """
    from tutorial_lib.playing.run_page import write_run_page  # slow, and not always needed

    data = run.data
    score = score if data.validation is not None and data.test is not None else ""
    try:
        write_run_page(path, run, new_model=new_model, error=diverged, remark=score)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        _warn(f"The run cannot be shared as {path}: {words}.")
        return False
    _say(f"The run is shared as {path}.")
    return True


def _say(line: str) -> None:
    _ending.say(line)


def _warn(line: str) -> None:
    _ending.warn(line)
