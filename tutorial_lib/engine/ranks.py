"""The processes of a run, started from this one and watched: what befalls them is said in words.

Nobody else can speak to them: the line to rank 0 is inherited, and they find each other by a file.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

import psutil

MODULE = "tutorial_lib.engine.processes"  # what each process runs
LINE, FOLDER, PARENT = "TUTORIAL_LINE", "TUTORIAL_FOLDER", "TUTORIAL_PARENT"  # told by variables
START_SECONDS = 120.0  # so long the processes may take to load torch
END_SECONDS = 10.0  # so long they may take to end once nobody asks any more
STOPPED_SECONDS = 5.0  # so long one may stand still by a signal
FOLLOW_SECONDS = 2.0  # within these, all that ended for one reason have ended
LOOK_SECONDS = 0.2  # between two looks at the processes, while an answer is waited for
LOST = re.compile("gloo|nccl|connection|broken pipe|peer|store", re.IGNORECASE)  # another one


class ProcessesEnded(RuntimeError):
    """A process of the run ended before its time; the run stands where it was last fetched."""


class Ranks:
    """The processes of a run, of which rank 0 answers what it is asked.

    Args:
        number: How many.
        threads: Of each.
        order: Called with the folder that all share, it returns what rank 0 finds in its file
            `order`.

    Raises:
        ProcessesEnded: They did not start; it says why.
    """

    def __init__(self, number: int, *, threads: int, order: Callable[[Path], bytes]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tutorial_lib_"))
        self._line, theirs = Pipe()
        self._owner = os.getpid()
        self._processes: list[subprocess.Popen] = []
        self._words: list[BinaryIO] = []  # what each of them says
        self._still_since: dict[int, float] = {}  # rank -> when it was first seen standing still
        self.close = weakref.finalize(
            self, _end, self._owner, self._line, self._processes, self._words, self.folder
        )
        try:
            (self.folder / "order").write_bytes(order(self.folder))
        except BaseException:
            self.close()
            raise
        with theirs:
            for rank in range(number):
                self._start(rank, number, threads, theirs)
        self._answer(time.monotonic() + START_SECONDS)

    def ask(self, question: Any) -> Any:
        """Return rank 0's answer; both are small: what is large goes through the folder.

        Raises:
            ProcessesEnded: There is none, since a process has ended or stands still: all are ended.
        """
        if os.getpid() != self._owner:
            raise ProcessesEnded("the processes belong to the one that this one was forked from")
        with contextlib.suppress(OSError):  # the answer fails, too, and says why
            self._line.send(question)
        return self._answer()

    def _start(self, rank: int, number: int, threads: int, line: Connection) -> None:
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
        told |= {"OMP_NUM_THREADS": threads, PARENT: self._owner, FOLDER: self.folder}
        told |= {LINE: line.fileno()} if rank == 0 else {}
        words = (self.folder / f"words-{rank}").open("w+b")
        self._words.append(words)
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            env={**os.environ, **{name: str(value) for name, value in told.items()}},
            stdin=subprocess.DEVNULL, stdout=words, stderr=words,
            start_new_session=True,  # an interrupt here is not theirs
            pass_fds=[line.fileno()] if rank == 0 else [],
        )  # fmt: skip
        self._processes.append(process)

    def _answer(self, deadline: float = float("inf")) -> Any:
        try:
            while not self._line.poll(LOOK_SECONDS):
                if why := self._why_over(deadline):
                    break
            else:
                return self._line.recv()
        except (EOFError, OSError):
            why = self._why_hung_up()
        for process in self._processes:
            process.kill()
        self.close()
        raise ProcessesEnded(why)

    def _why_over(self, deadline: float) -> str:
        """Return why there will be no answer; "" if one is still to come."""
        if any(process.poll() is not None for process in self._processes):
            return self._why_hung_up()
        for rank, process in enumerate(self._processes):
            if not _stands_still(process):
                self._still_since.pop(rank, None)
                continue
            since = self._still_since.setdefault(rank, time.monotonic())
            if time.monotonic() - since > STOPPED_SECONDS:
                seconds = f"for {STOPPED_SECONDS:.0f} seconds"
                return f"{self._name(rank)} has been stopped by a signal (as SIGSTOP) {seconds}"
        late = time.monotonic() > deadline
        return f"the processes did not start within {START_SECONDS:.0f} seconds" if late else ""

    def _why_hung_up(self) -> str:
        """Return which process ended first, and how: others end with it, and say less."""
        self._wait(END_SECONDS, lambda codes: any(code is not None for code in codes))
        self._wait(FOLLOW_SECONDS, lambda codes: None not in codes)
        ended = [rank for rank, process in enumerate(self._processes) if process.poll() is not None]
        if not ended:
            return "the first process does not answer any more"
        return min((self._how_ended(rank) for rank in ended), key=lambda how: how[0])[1]

    def _wait(self, seconds: float, enough: Callable[[list[int | None]], bool]) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not enough([p.poll() for p in self._processes]):
            time.sleep(0.01)

    def _how_ended(self, rank: int) -> tuple[int, str]:
        """Return how likely others caused a process's end, 0 to 3, and how it ended, in words."""
        code = self._processes[rank].returncode
        if code < 0:
            names = [f" ({each.name})" for each in signal.Signals if each == -code]
            ended = f"{self._name(rank)} was ended by signal {-code}{''.join(names)}"
            return (2 if -code == signal.SIGABRT else 0), ended
        self._words[rank].seek(0)
        words = _last_words(self._words[rank].read().decode(errors="replace"))
        return (3 if LOST.search(words) or not words else 1), (
            f"{self._name(rank)} ended with {words or f'status {code}'}"
        )

    def _name(self, rank: int) -> str:
        return f"process {rank + 1} of {len(self._processes)}"


def _stands_still(process: subprocess.Popen) -> bool:
    """Say whether a signal stopped a process: a long step is not that."""
    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:  # it has ended
        return False


def _last_words(text: str) -> str:
    """Return the error that a process ended with, from all that it has said; "" without one."""
    error = re.compile(r"(?:\[rank\d+\]: ?)?([\w.]*(?:Error|Exception|Unavailable)\b.*)")
    errors = [match[1] for line in text.splitlines() if (match := error.match(line))]
    own = [error for error in errors if not LOST.search(error)]
    return (own or errors or [""])[-1].strip()


def _end(
    owner: int,
    line: Connection,
    processes: list[subprocess.Popen],
    words: list[BinaryIO],
    folder: Path,
) -> None:
    """Hang up, which ends the processes, and see that they do end."""
    line.close()
    if os.getpid() != owner:  # a child of a fork: they are not its own
        return
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline and None in (codes := [p.poll() for p in processes]):
        if any(codes) or any(map(_stands_still, processes)):  # these would be waited for in vain
            break
        time.sleep(0.01)
    for process in processes:
        process.kill()  # one that stands still, too
        process.wait()
    for file in words:
        file.close()
    shutil.rmtree(folder, ignore_errors=True)


def end_with_parent() -> None:
    """Let this process end with the one that started it, however that ends."""
    parent = int(os.environ[PARENT])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
