"""A panel in a real kernel, spoken to as JupyterLab speaks to it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from jupyter_client.manager import start_new_kernel

PATIENCE = 120  # seconds; only a broken test waits so long
SETUP = """
from tutorial_lib import Hyperparameters, load_digits
from tutorial_lib.panels import TrainingPanel
data = load_digits("sample")
panel = TrainingPanel(data, settings=Hyperparameters(epochs=100))
panel
"""

pytestmark = pytest.mark.notebook


class Kernel:
    """A real kernel and the few things that a frontend does with it."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel()

    def execute(self, code: str) -> None:
        """Run a cell to its end; an error in it is an error here."""
        reply = self.client.execute_interactive(
            code, timeout=PATIENCE, allow_stdin=False, output_hook=lambda message: None
        )
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])

    def value(self, expression: str):
        """Return what an expression is worth: a plain number, string or tuple."""
        reply = self.client.execute_interactive(
            "",
            silent=True,
            timeout=PATIENCE,
            user_expressions={"value": f"repr({expression})"},
            output_hook=lambda message: None,
        )
        return eval(eval(reply["content"]["user_expressions"]["value"]["data"]["text/plain"]))

    def click(self, button: str, *, after: tuple[float, ...] = (0,)) -> None:
        """Send the messages that clicks on one of the panel's buttons send.

        Args:
            after: How many seconds after now each of them was made, as the browser says.
        """
        model_id, now = self.value(f"panel.{button}.model_id"), datetime.now(UTC)
        content = {"comm_id": model_id, "data": {"method": "custom", "content": {"event": "click"}}}
        for seconds in after:
            self._send(content, now + timedelta(seconds=seconds))

    def move(self, slider: str, value: float) -> None:
        """Send the message that a moved slider sends."""
        self._update(f"panel.{slider}.slider", value)

    def write(self, control: str, text: str) -> None:
        """Send the message that a field sends into which something was typed."""
        self._update(f"panel.{control}.field", text)

    def _update(self, part: str, value: float | str) -> None:
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        self._send({"comm_id": self.value(f"{part}.model_id"), "data": data})

    def until(self, expression: str, wanted) -> None:
        """Wait until an expression is worth what is wanted."""
        deadline = time.monotonic() + PATIENCE
        while (value := self.value(expression)) != wanted:
            assert time.monotonic() < deadline, f"{expression} is still {value!r}"

    def _send(self, content: dict, date: datetime | None = None) -> None:
        message = self.client.session.msg("comm_msg", content)
        if date is not None:
            message["header"]["date"] = date
        self.client.shell_channel.send(message)

    def see_pictures(self, count: int) -> None:
        """Read what the kernel sends until so many pictures have come."""
        deadline = time.monotonic() + PATIENCE
        while count:
            assert time.monotonic() < deadline, "the picture does not change"
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            count -= message["msg_type"] == "comm_msg" and bool(message["buffers"])


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


def test_train_draws_while_the_kernel_is_free_and_stop_stops(kernel):
    kernel.execute(SETUP)
    kernel.click("train_button")
    kernel.until("panel.state", "running")
    kernel.until("len(panel.last_run.history) > 20", True)
    kernel.see_pictures(5)
    kernel.click("stop_button")
    kernel.until("panel.state", "stopped")
    kernel.until("'Stopped:' in panel.status.value", True)
    assert kernel.value("panel.last_run.step_number < panel.last_run.num_steps")


def test_a_slider_moved_mid_run_acts_and_is_marked(kernel):
    kernel.execute(SETUP)
    kernel.click("train_button")
    kernel.until("len(panel.last_run.history) > 5 if panel.last_run else False", True)
    kernel.move("learning_rate", 0.002)
    kernel.until("panel.last_run.history[-1].learning_rate", 0.002)
    kernel.until("[text for _, text in panel._display.curve.runs[-1].marks]", ["lr 0.002"])
    kernel.click("pause_button")
    kernel.until("panel.state", "paused")
    kernel.until("panel.pause_button.description", "Resume")
    kernel.click("stop_button")
    kernel.until("panel.state", "stopped")


def test_a_number_typed_mid_run_acts_and_anything_else_is_answered(kernel):
    kernel.execute(SETUP)
    kernel.click("train_button")
    kernel.until("len(panel.last_run.history) > 5 if panel.last_run else False", True)
    kernel.write("learning_rate", "0,002")
    kernel.until("panel.last_run.history[-1].learning_rate", 0.002)
    kernel.write("learning_rate", "2 per cent")
    kernel.until("panel.learning_rate.refusal[:13]", "learning rate")
    kernel.until("panel.learning_rate.field.value", "0.002")
    assert kernel.value("[change.field for change in panel.last_run.changes]") == ["learning_rate"]
    kernel.click("stop_button")
    kernel.until("panel.state", "stopped")


def test_an_interrupt_ends_a_blocking_run_and_not_the_kernel(kernel):
    kernel.execute(SETUP + "\nmarker = 7")
    request = kernel.client.execute("run = panel.run(epochs=100)")
    kernel.see_pictures(3)  # it draws while the cell runs
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=PATIENCE)
    while reply["parent_header"].get("msg_id") != request:
        reply = kernel.client.get_shell_msg(timeout=PATIENCE)
    assert reply["content"]["status"] == "ok"
    assert kernel.value("(marker, panel.state)") == (7, "stopped")
    assert kernel.value("0 < run.step_number < run.num_steps")


def test_running_a_cell_again_replaces_its_panel(kernel):
    count = "len(__import__('ipywidgets').widgets.widget._instances)"
    kernel.execute(SETUP)
    first = kernel.value(count)
    for _ in range(3):
        kernel.execute(SETUP)
    assert kernel.value(count) == first


@pytest.mark.parametrize("after", [(-0.15, 0), (-1.2, 0), (-0.4, -0.2, 0)])
def test_clicks_that_arrive_together_are_one(kernel, after):
    """A double click, and what was clicked again while a busy kernel did not answer."""
    kernel.execute(SETUP)
    kernel.click("train_button", after=after)
    kernel.until("len(panel.last_run.history) > 5 if panel.last_run else False", True)
    kernel.click("pause_button", after=after)
    kernel.until("panel.state", "paused")
    kernel.until("panel.pause_button.description", "Resume")
    kernel.execute("panel.close()")


def test_a_double_click_is_one_though_the_kernel_was_busy_between(kernel):
    kernel.execute(SETUP)
    kernel.click("train_button")
    kernel.until("len(panel.last_run.history) > 5 if panel.last_run else False", True)
    start = datetime.now(UTC)
    kernel.click("pause_button")
    kernel.until("panel.state", "paused")
    kernel.execute("import time; done = panel.pause_button._done")
    kernel.until("time.monotonic() > done + 1", True)
    kernel.click("pause_button", after=((start - datetime.now(UTC)).total_seconds() + 0.2,))
    kernel.until("panel.pause_button._done > done", True)
    assert kernel.value("panel.state") == "paused"
    kernel.execute("done = panel.pause_button._done")
    kernel.until("time.monotonic() > done + 1", True)
    kernel.click("pause_button", after=(1,))
    kernel.until("panel.state", "running")
    kernel.execute("panel.close()")
