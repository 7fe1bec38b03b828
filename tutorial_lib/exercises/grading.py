"""Exercises as an assignment: answers are judged in a process of their own, by judges loaded anew.

In a learner's notebook `judged("num_steps", num_steps)` says what `check` says, and fails unless
that is "Right". Where nbgrader runs the notebook it hands the answer over, no more, and
nbgrader_judge.py has it judged here. So whatever a notebook has made of `check`, of `judged` or
of the rest of the library changes no grade. Neither network nor GPU is needed.

    python -I -m tutorial_lib.exercises.grading     judges what it is given, until its stdin ends

This is no wall against an attack: an answer is code, which runs on the grader's machine as the
notebook itself does.
"""

import base64
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from tutorial_lib.engine import TrainingRun
from tutorial_lib.exercises import Verdict, answered, find, verdict_on
from tutorial_lib.exercises.judging import described

MIME = "application/vnd.tutorial-lib.answer"  # of the output that hands an answer over
LIMIT_SECONDS = 300.0  # for one answer, which may be tried in a dozen cases
MOST_LETTERS = 64_000_000  # of an answer on its way
MOST_BYTES = 256_000_000  # of an answer unpacked
MOST_WORDS = 2000  # letters of what is said
_FOR_JUDGES = {  # the environment of those who judge
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",  # a grade does not depend on how busy the machine is
    "TUTORIAL_LEARNING_RECORD": "off",
    "TUTORIAL_OFFLINE": "1",
}


class NotRight(Exception):
    """An answer is not right; why has been said."""

    def _render_traceback_(self) -> list[str]:  # IPython then shows one line
        return [f"NotRight: {self}"]


def judged(name: str, answer: Any = None) -> None:
    """Say whether an answer is right and fail unless it is; to a grader, hand the answer over.

    Args:
        name: The name of the exercise.
        answer: As check takes it.

    Raises:
        NotRight: It is not, or it cannot be handed over.
        ValueError: There is no exercise of that name.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        from IPython.display import display

        find(name)
        display({MIME: packed(answer)}, raw=True)
    elif not answered(name, answer):
        raise NotRight("what is said above tells why.")


def packed(answer: Any) -> str:
    """Return an answer as text, for another process.

    Raises:
        NotRight: It cannot be sent, or is too large.
    """
    if isinstance(answer, TrainingRun):  # stands for its settings
        answer = answer.hyperparameters
    try:
        text = base64.b64encode(zlib.compress(cloudpickle.dumps(answer))).decode()
    except Exception as error:  # whatever a learner's object does when it is sent
        raise NotRight(f"{described(answer)} cannot be handed over: {error}") from None
    if len(text) > MOST_LETTERS:
        raise NotRight(f"{described(answer)} is too large to be handed over.")
    return text


def judge_apart(
    answers: Mapping[str, str], *, limit_seconds: float = LIMIT_SECONDS
) -> dict[str, Verdict]:
    """Judge answers in another process, which has loaded the library anew; each in one of its own.

    Args:
        answers: Name of the exercise -> the answer, packed.
        limit_seconds: So long an answer may take. One that takes longer is not right.

    Returns:
        Name -> what was found, in the same order.

    Raises:
        RuntimeError: Judging did not work at all, whatever the answers are.
    """
    given = json.dumps({"answers": dict(answers), "limit_seconds": limit_seconds})
    # -I: neither the folder of the notebook nor PYTHONPATH can bring another library.
    command = [sys.executable, "-I", "-m", "tutorial_lib.exercises.grading"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=os.environ | _FOR_JUDGES,
        )
    try:
        first, *lines = map(json.loads, done.stdout.splitlines())
        if first != "begins":
            raise ValueError
        found = {name: Verdict(is_right, _plain(words)) for name, is_right, words, *_ in lines}
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RuntimeError(f"no answer could be judged: {last}") from None
    return {name: found.get(name, _WITHOUT_WORDS) for name in answers}


_WITHOUT_WORDS = Verdict(False, "Not yet. Your answer ended the process that judged it.")


def _plain(words: str) -> str:
    """Return words without what cannot be written to a file, half letters."""
    return words.encode(errors="backslashreplace").decode()


def _serve() -> None:
    """Judge what stdin has; write one line of JSON for each answer."""
    given = json.load(sys.stdin)
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a learner's function prints is no verdict
    print(json.dumps("begins"), file=say, flush=True)
    for name, answer in given["answers"].items():
        found = _judge_in_a_child(name, answer, given["limit_seconds"], say.fileno())
        print(json.dumps([name, *found]), file=say, flush=True)


def _judge_in_a_child(name: str, answer: str, limit_seconds: float, *own: int) -> Verdict:
    """Judge an answer where it cannot spoil the judges of the next one.

    Args:
        own: Files that the child has no business with.
    """
    can_fork = "fork" in multiprocessing.get_all_start_methods()  # not on Windows
    context = multiprocessing.get_context("fork" if can_fork else "spawn")
    receive, send = context.Pipe(duplex=False)
    files = (*own, receive.fileno()) if can_fork else ()
    child = context.Process(target=_judge_into, args=(send, name, answer, files))
    child.start()
    send.close()
    try:
        if not receive.poll(limit_seconds):
            return Verdict(False, f"Not yet. It has not ended after {limit_seconds:g} s.")
        is_right, words, *_ = json.loads(receive.recv_bytes(maxlength=20 * MOST_WORDS))
        return Verdict(is_right is True, str(words)[:MOST_WORDS])
    except (EOFError, OSError, ValueError, TypeError):  # it ended, or sent something else
        return _WITHOUT_WORDS
    finally:
        child.kill()
        child.join()
        receive.close()


def _judge_into(send: Connection, name: str, answer: str, files: tuple[int, ...]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # by which a deadline ends a loop
    for number in files:
        os.close(number)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    send.send_bytes(json.dumps(_unpacked_and_judged(name, answer)).encode())


def _unpacked_and_judged(name: str, text: str) -> Verdict:
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
        if unpacking.unconsumed_tail:
            return Verdict(False, "Not yet. Your answer is too large to be judged.")
        answer = cloudpickle.loads(data)
    except BaseException as error:  # what it needs is not there, or it is no answer at all
        kind = type(error).__name__
        return Verdict(False, f"Not yet. Your answer cannot be read where it is judged: {kind}.")
    found = verdict_on(name, answer)
    return found._replace(words=found.words[:MOST_WORDS])


if __name__ == "__main__":
    _serve()
