"""Fresh processes: Python ones, and kernels spoken to as a frontend does."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from live_panel import value


def python(code: str) -> str:
    """Run code in a new Python and return what it printed."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def kernel() -> Iterator[BlockingKernelClient]:
    """Yield the client of a new kernel, and end it."""
    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def wait_for(client: BlockingKernelClient, expression: str, *, patience: float = 120) -> None:
    """Ask a kernel until an expression is true there; its main loop is free in between."""
    deadline = time.monotonic() + patience
    while value(client, f"bool({expression})") != "True":
        if time.monotonic() > deadline:
            raise TimeoutError(f"{expression} is not true after {patience} s")
        time.sleep(0.1)
