"""A run on several processes, held from this one: as if it were a run here.

`ProcessesRun` starts `torchrun` and asks rank 0 for one step after the other, over a connection
on this machine. Not asking is stopping, so a Session can pause it and a panel can show it like any
other.
"""

import contextlib
import io
import os
import pickle
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any, BinaryIO

import torch
from joblib import wrap_non_picklable_objects
from torch import nn

from tutorial_lib.checks import check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import DOWNLOADED, Digits, load_digits
from tutorial_lib.engine.distributed import (
    DistributedRun,
    follow,
    lead,
    process_group,
    rank_device,
)
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.run import ADJUSTABLE
from tutorial_lib.engine.state import state_of
from tutorial_lib.engine.train import TrainingRun

CONTROL = "TUTORIAL_CONTROL"  # the variable that tells rank 0 whom to call: port:key
STATE = "state"  # the question for the weights
START_SECONDS = 120.0  # so long the processes may take to load torch
END_SECONDS = 10.0  # so long they may take to end once nobody asks any more


class ProcessesEnded(RuntimeError):
    """A process of the run ended before its time; the run stands where it was last fetched."""


class ProcessesRun(TrainingRun):
    """A TrainingRun whose steps are taken by several processes together.

    They start with the first step, and end with the run, with `close`, or when this process ends.
    The weights are brought here when somebody asks for the model or the state. Where a process is
    killed, or a step interrupted, all end, and the run goes back to the last weights brought here.

    Args:
        model: Of a class that the processes can import, so not one defined in a notebook.
        update: As in DistributedRun; it may well be defined in a notebook.
        data: From `load_digits`: the processes load it by its name.
        processes: 1 or more; batch_size is that of all together.

    Raises:
        TypeError: The model cannot be sent to another process.
        ValueError: The data are not from `load_digits`, or batch_size is less than processes.
    """

    def __init__(
        self, model: nn.Module, data: Digits, *settings: Any, processes: int = 2, **options: Any
    ) -> None:
        check_whole("processes", processes, low=1)
        self.processes = processes
        self._ranks: _Ranks | None = None
        self._behind = False  # whether the ranks' weights are newer than those here
        self._kept: dict[str, Any] = {}  # the state with the last weights that were brought here
        self._lock = threading.RLock()  # the model may be asked for while a step is being taken
        if data.name != "sample" and data.name not in DOWNLOADED:
            raise ValueError(f"data must come from load_digits(...); got {data.name!r}")
        super().__init__(model, data, *settings, **options)
        update = self.update and wrap_non_picklable_objects(self.update)  # a notebook may define it
        try:
            self._packed = pickle.dumps((model, update))
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise TypeError(f"the model cannot be sent to another process: {error}") from error

    @property
    def model(self) -> nn.Module:
        """The network, with the weights of the last step."""
        self._fetch()
        return self._model

    @model.setter
    def model(self, model: nn.Module) -> None:
        self._model = model

    def state_dict(self, **options: Any) -> dict[str, Any]:
        """Return all that is needed to go on; see TrainingRun.state_dict."""
        self._fetch()
        return super().state_dict(**options)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the run whose `state_dict` this is; see TrainingRun.load_state_dict."""
        self.close()
        super().load_state_dict(state)

    def close(self) -> None:
        """Bring the model here and end the processes; another step would start them again."""
        with self._lock:
            self._fetch()
            if self._ranks is not None:
                self._ranks.close()
                self._ranks = None

    def step(self) -> StepRecord:
        """Take one optimizer step on all processes together; see TrainingRun.step."""
        with self._lock:
            try:
                self.begin_step()
                if self._ranks is None:
                    self._start()
                settings = {name: getattr(self.hyperparameters, name) for name in ADJUSTABLE}
                value, seconds = self._ask(settings)
                if seconds is None:
                    raise self.divergence(value)
            except (Diverged, StopIteration):
                self.close()
                raise
            self._behind = True
            return self.record_step(value, seconds)

    def take(self, count: int) -> list[StepRecord]:
        """Take one step, whatever the count: the processes wait to be asked for each."""
        return [self.step()]

    def _start(self) -> None:
        self._kept = state_of(self)
        threads = max(1, self.threads // self.processes)
        # As bytes: tensors sent over a connection would be shared, and belong to this process.
        order = (self._packed, self.data.name, self.hyperparameters, _packed(self._kept))
        self.waits_for = f"{self.processes} processes start and load torch"
        try:
            self._ranks = _Ranks(self.processes, threads, order)
        finally:
            self.waits_for = ""

    def _fetch(self) -> None:
        """Bring weights and the optimizer's memory here, if they are newer there."""
        with self._lock:
            if self._behind:
                state = _unpacked(self._ask(STATE), self.data.device)
                self._behind = False
                self._model.load_state_dict(state["model"])
                self.optimizer.load_state_dict(state["optimizer"])
                self._kept = state_of(self)

    def _ask(self, question: Any) -> Any:
        """Return rank 0's answer; without one, go back to the last weights brought here."""
        try:
            return self._ranks.ask(question)
        except BaseException:  # an interrupt, too: its answer would be taken for the next one
            self._ranks.close()
            self._ranks, self._behind = None, False
            super().load_state_dict(self._kept)
            raise


class _Ranks:
    """The processes of a run, and the line to rank 0."""

    def __init__(self, number: int, threads: int, order: tuple[Any, ...]) -> None:
        key = secrets.token_bytes(32)
        folder = tempfile.TemporaryDirectory(prefix="tutorial_lib_")  # torchrun leaves its own
        words = Path(folder.name, "words").open("w+b")  # noqa: SIM115 - open as long as they live
        with socket.create_server(("127.0.0.1", 0)) as server:
            environment = {
                **os.environ,
                CONTROL: f"{server.getsockname()[1]}:{key.hex()}",
                "OMP_NUM_THREADS": str(threads),
            }
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            command += [f"--nproc-per-node={number}", f"--log-dir={folder.name}"]
            command += ["-m", "tutorial_lib.engine.processes"]
            self._torchrun = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=words,
                stderr=words, start_new_session=True,  # an interrupt here is not theirs
            )  # fmt: skip
            self._line = self._accept(server, key)
        self.close = weakref.finalize(self, _end, self._line, self._torchrun, words, folder)
        if self._line is None:
            raise ProcessesEnded(f"the processes did not start: {self.close()}")
        self.ask(order)

    def ask(self, question: Any) -> Any:
        """Return rank 0's answer.

        Raises:
            ProcessesEnded: There is none.
        """
        try:
            self._line.send(question)
            return self._line.recv()
        except (EOFError, OSError) as error:
            raise ProcessesEnded(f"a process of the run has ended: {self.close()}") from error

    def _accept(self, server: socket.socket, key: bytes) -> Connection | None:
        """Wait until rank 0 calls, or the processes have ended."""
        server.settimeout(0.2)
        deadline = time.monotonic() + START_SECONDS
        while self._torchrun.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError, AuthenticationError, EOFError):  # a stranger
                line = Connection(server.accept()[0].detach())
                deliver_challenge(line, key)
                answer_challenge(line, key)
                return line
        return None


def _end(
    line: Connection | None,
    torchrun: subprocess.Popen,
    words: BinaryIO,
    folder: tempfile.TemporaryDirectory,
) -> str:
    """Hang up, which ends the processes, see that they do end, and return their last words."""
    if line is not None:
        line.close()
    try:
        torchrun.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(torchrun)
    with folder, words:
        words.seek(0)
        return _last_words(words.read().decode(errors="replace"))


def _last_words(text: str) -> str:
    """Return the error that a process ended with, from all that they have said."""
    error = re.compile(r"(?:\[rank\d+\]: ?)?([\w.]*(?:Error|Exception)\b.*)")
    errors = [match[1] for line in text.splitlines() if (match := error.match(line))]
    own = [error for error in errors if "ChildFailedError" not in error]  # that one is torchrun's
    return (own or errors or ["they left no word"])[0].strip()


def _kill(torchrun: subprocess.Popen) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(torchrun.pid, signal.SIGKILL)  # it leads a session of its own
    torchrun.kill()
    torchrun.wait()


def serve() -> None:
    """Take steps for a ProcessesRun: what torchrun runs on every rank."""
    with process_group() as rank:
        if rank > 0:
            follow()
            return
        port, _, key = os.environ[CONTROL].partition(":")
        line = Client(("127.0.0.1", int(port)), authkey=bytes.fromhex(key))
        run = lead(lambda: _ordered(*line.recv()))
        line.send("ready")
        _answer(line, run)


def _ordered(
    packed: bytes, data_name: str, hyperparameters: Hyperparameters, state: bytes
) -> TrainingRun:
    """Return the run that a ProcessesRun ordered, where it stands."""
    data, (model, update) = load_digits(data_name, device=rank_device()), pickle.loads(packed)
    run = TrainingRun(model, data, hyperparameters, update=update)
    run.load_state_dict(_unpacked(state, data.device))
    return run


def _answer(line: Connection, run: DistributedRun) -> None:
    """Do as asked until nobody asks any more."""
    while True:
        try:
            question = line.recv()
        except (EOFError, OSError):
            run.close()
            return
        if question == STATE:
            states = {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict()}
            line.send(_packed(states))
            continue
        run.adjust(**question)
        try:
            record = run.step()
            line.send((record.loss, record.seconds))
        except Diverged as error:
            line.send((error.loss, None))


def _packed(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _unpacked(packed: bytes, device: torch.device) -> dict[str, Any]:
    return torch.load(io.BytesIO(packed), map_location=device, weights_only=True)


if __name__ == "__main__":
    serve()
