"""In a terminal and in scripts nobody sees a picture: run() prints lines there."""

import os
import re
import subprocess
import sys

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.panels import MeasurePanel, TrainingPanel, measure, training

SCRIPT = """from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
panel = TrainingPanel(load_digits("sample"), settings=Hyperparameters(epochs=1, batch_size=1024))
run = panel.run()
picture = panel.picture()
"""
LAST_LINE = r"Epoch:\[  0/  1\], step:\[ +\d+/ +\d+\], loss:\["


@pytest.fixture
def panel(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=8))
    yield panel
    panel.close()


def test_a_run_from_code_prints_loss_monitors_lines(panel, capsys):
    panel.run()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Epoch", "Epoch time"] * 2


@pytest.mark.parametrize("module", [training, measure])
def test_a_notebook_gets_no_lines_beside_the_picture(panel, monkeypatch, capsys, module):
    monkeypatch.setattr(module, "in_kernel", lambda: True)
    (panel if module is training else measuring()).run()
    assert capsys.readouterr().out == ""


def measuring() -> MeasurePanel:
    def draw(figure, records):
        figure.subplots()
        return f"There are {len(records)}."

    return MeasurePanel("three", lambda: iter(range(3)), draw, lambda: 3, {})


def test_a_measurement_from_code_prints_what_is_to_be_seen(capsys):
    measuring().run()
    assert capsys.readouterr().out == "Measured: There are 3.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty on Windows")
def test_ipython_in_a_terminal_prints_lines_and_says_what_a_picture_shows(tmp_path):
    import pty

    (tmp_path / "cell.py").write_text(SCRIPT)
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "TUTORIAL_OFFLINE": "1",
        "TUTORIAL_DATA_DIR": str(tmp_path),
        "IPYTHONDIR": str(tmp_path),
        "TERM": "dumb",
    }
    flags = ["--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"]
    with subprocess.Popen(
        [sys.executable, "-m", "IPython", *flags],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment,
    ):  # fmt: skip
        os.close(theirs)
        os.write(ours, b"%run cell.py\npicture\nexit\n")
        shown = read_all(ours)
    os.close(ours)
    assert re.search(LAST_LINE, shown), shown
    assert "Picture: " in shown, shown


def read_all(terminal: int) -> str:
    """Return what is written to a terminal until its program ends."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's way to say the end
            part = b""
        if not part:
            return b"".join(parts).decode(errors="replace")
        parts.append(part)
