"""What a warm Python runs is a process of its own, as far as anybody can tell."""

import os
import signal
import subprocess
import sys
import time

import pytest
import warm_python as warm

pytestmark = pytest.mark.skipif(not warm.IS_POSSIBLE, reason="each script loads torch anew")
WAITS = "import os, time; print(os.getpid(), flush=True); time.sleep(100)"

POOL = """
import os
from loky import ProcessPoolExecutor

def told():
    import os, sys
    return os.getppid(), "torch" in sys.modules

print(os.getpid(), *ProcessPoolExecutor(1).submit(told).result())
"""


@pytest.fixture
def stand_in(warm_python):
    """Return a function that starts what stands for Python."""

    def start(*arguments):
        command = [f"{warm_python.address}.sh", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    return start


def is_there(pid):
    """Say whether a process is there, after a moment in which it may end."""
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.path.exists(f"/proc/{pid}")


def test_streams_arguments_and_exit_code_are_its_own(warm_python):
    code = "import sys; print(sys.argv); print('no', file=sys.stderr); sys.exit(7)"
    done = warm_python.run(code, "a b")
    assert (done.out, done.error, done.returncode) == ("['-c', 'a b']\n", "no\n", 7)


def test_environment_folder_and_random_numbers_are_its_own(warm_python, tmp_path):
    code = "import os, numpy; print(os.getcwd(), os.environ['MINE'], numpy.random.random())"
    command = [sys.executable, "-c", code]
    calls = [
        warm_python.call(command, cwd=tmp_path, env={**os.environ, "MINE": "x"}).stdout.split()
        for _ in range(2)
    ]
    assert [call[:2] for call in calls] == [[str(tmp_path), "x"]] * 2
    assert calls[0][2] != calls[1][2]


def test_a_file_and_a_module_are_run_as_main(warm_python, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; print(__name__, __file__ == sys.argv[0], sys.path[0])")
    done = warm_python.call([sys.executable, script])
    assert done.stdout.split() == ["__main__", "True", str(tmp_path)]
    assert warm_python.call([sys.executable, "-m", "script"], cwd=tmp_path).returncode == 0


def test_a_signal_reaches_it_and_its_end_is_told(warm_python):
    command = [sys.executable, "-c", WAITS]
    with warm_python.popen(command, stdout=subprocess.PIPE) as script:
        assert int(script.stdout.readline()) == script.pid
        assert script.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            script.wait(0.01)
        script.terminate()
        assert script.wait(20) == script.poll() == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_stands_for_python_ends_as_it_does_and_takes_it_along(stand_in, number):
    with stand_in("-c", WAITS) as python:
        pid = int(python.stdout.readline())
        assert pid != python.pid
        python.send_signal(number)
        assert python.wait(20) in (-number, 1)  # 1: Python's own, after a KeyboardInterrupt
    assert not is_there(pid)


def test_what_stands_for_python_hands_on_an_exit_code(stand_in):
    with stand_in("-u", "-c", "import sys; print('here'); sys.exit(5)") as python:
        assert (python.stdout.read(), python.wait()) == ("here\n", 5)


def test_the_processes_of_its_pools_are_forks_and_know_their_parent(stand_in, capfd):
    with stand_in("-c", POOL) as python:
        pid, parent, has_torch = python.stdout.read().split()
    assert (python.returncode, parent, has_torch) == (0, pid, "True")
    assert capfd.readouterr().err == ""


def test_what_stands_for_python_ends_by_the_signal_that_ended_it(stand_in, capfd):
    with stand_in("-c", "import os; os.kill(os.getpid(), 9)") as python:
        assert python.wait() == -signal.SIGKILL
    assert capfd.readouterr().err == ""
