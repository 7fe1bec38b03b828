"""The panel does what its controls say, without a frontend too."""

import base64
import dataclasses
import re
import runpy
import threading
from functools import partial

import ipywidgets as widgets
import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tutorial_lib import Hyperparameters, LeNet5, Session
from tutorial_lib.engine.processes import ProcessesRun
from tutorial_lib.engine.records import Diverged
from tutorial_lib.engine.session import in_background
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.panels.status import Progress, Scoring, status_text

PATIENCE = 60
SCORING = Scoring(ShownMetric("accuracy", "accuracy", is_share=True))


@pytest.fixture
def panel(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=2, batch_size=8))
    yield panel
    panel.close()


def finish(panel: TrainingPanel) -> None:
    """Let the run end, and the panel see it, as its polling task would."""
    panel._session.wait(PATIENCE)
    panel.refresh()


def test_controls_stand_at_the_settings_given(panel):
    assert panel.settings == Hyperparameters(epochs=2, batch_size=8)


def test_the_learning_rate_slider_spans_exponents(panel):
    assert (panel.learning_rate.slider.min, panel.learning_rate.slider.max) == (-4, 0)


def test_batch_sizes_are_powers_of_two_as_far_as_the_data_goes(panel, sample):
    slider = panel.batch_size.slider
    assert (slider.base, slider.min, slider.max, slider.step) == (2, 0, 6, 1)
    large = TrainingPanel(sample)
    assert large.batch_size.slider.max == 10
    large.close()


def test_train_runs_with_what_the_sliders_say(panel):
    panel.learning_rate.value, panel.batch_size.value = 0.05, 16
    panel.train()
    finish(panel)
    assert panel.state == "finished"
    assert {(r.learning_rate, r.batch_size) for r in panel.last_run.history} == {(0.05, 16)}
    assert panel.status.value.startswith("<b>Finished:</b> epoch 2 of 2, step 12 of 12")
    assert panel.progress_bar.value == panel.progress_bar.max == 12


def test_run_gives_the_numbers_of_train(panel):
    panel.train()
    finish(panel)
    losses = [record.loss for record in panel.last_run.history]
    assert [record.loss for record in panel.run().history] == losses


def test_run_takes_settings_that_have_no_control(panel):
    run = panel.run(loss="mse", learning_rate=0.2, epochs=1)
    assert (run.hyperparameters.loss, run.hyperparameters.learning_rate) == ("mse", 0.2)
    assert panel.settings.loss == "cross_entropy"


@pytest.mark.parametrize("bad", [{"learning_rate": 0}, {"batch_size": 101}, {"epoch": 3}])
def test_bad_settings_are_refused_and_nothing_is_lost(panel, bad):
    run = panel.run(epochs=1)
    with pytest.raises((ValueError, TypeError), match=next(iter(bad))):
        panel.run(**bad)
    assert panel.last_run is run
    assert panel.state == "finished"
    assert len(panel._display.curve.runs) == 1


def test_bad_settings_leave_a_run_that_is_going_on_alone(panel):
    panel.epochs.value = 100
    panel.train()
    run = panel.last_run
    with pytest.raises(ValueError, match="batch_size"):
        panel.run(batch_size=101)
    assert (panel.state, panel.last_run) == ("running", run)
    panel.stop()
    finish(panel)


def test_stop_ends_the_run_and_keeps_the_model(panel):
    panel.epochs.value = 100
    panel.train()
    assert panel.train_button.disabled
    assert not panel.stop_button.disabled
    panel.stop()
    finish(panel)
    assert panel.state == "stopped"
    assert "Stopped:" in panel.status.value
    assert not panel.train_button.disabled


def test_pause_turns_into_resume_and_back(panel):
    panel.epochs.value = 100
    panel.train()
    panel.pause()
    finish(panel)
    assert (panel.state, panel.pause_button.description) == ("paused", "Resume")
    taken = panel.last_run.step_number
    panel.pause()
    assert panel.pause_button.description == "Pause"
    panel.stop()
    finish(panel)
    assert panel.last_run.step_number >= taken


def test_what_cannot_be_heard_looks_dead_while_run_holds_the_kernel(panel):
    seen, said = [], []
    panel.status.observe(lambda change: said.append(change.new), "value")
    for button in (panel.pause_button, panel.stop_button):
        button.observe(lambda change: seen.append(change.new), "disabled")
    panel.run()
    assert False not in seen
    assert all(
        "an interrupt of the kernel ends it" in words for words in said if "Training:" in words
    )
    assert "interrupt" not in panel.status.value
    panel.epochs.value = 100
    panel.train()
    assert sorted(seen) == [False, False]
    panel.stop()
    finish(panel)


def test_a_slider_moved_mid_run_acts_and_is_marked(panel):
    panel.epochs.value = 100
    panel.train()
    panel.learning_rate.value = 0.002
    while not panel.last_run.changes:
        panel._session.wait(0.01)
    panel.stop()
    finish(panel)
    assert panel.last_run.history[-1].learning_rate == 0.002
    assert [text for _, text in panel._display.curve.runs[-1].marks] == ["lr 0.002"]


def test_runs_stay_on_the_picture_named_by_what_differs(panel):
    for rate in (0.01, 0.1):
        panel.run(learning_rate=rate, epochs=1)
    panel.run(optimizer="adam", epochs=1, learning_rate=0.01)
    labels = [series.label for series in panel._display.curve.runs]
    assert labels == ["momentum, lr 0.01", "momentum, lr 0.1", "adam, lr 0.01"]
    panel.clear()
    assert panel._display.curve.runs == []


def test_a_diverging_run_says_so_and_the_next_one_works(panel):
    run = panel.run(loss="mse", learning_rate=100.0, optimizer="sgd", epochs=50)
    assert panel.state == "failed"
    assert "Diverged:" in panel.status.value
    assert f"at step {len(run.history) + 1}" in panel.status.value
    assert panel._display.curve.runs[-1].diverged
    panel.run(epochs=1)
    assert panel.state == "finished"


def test_an_exception_in_a_step_reaches_the_caller_and_the_status(few):
    class Broken(LeNet5):
        def forward(self, images):
            return super().forward(images if not self.training else images[:, :, 0])

    panel = TrainingPanel(few, new_model=Broken, settings=Hyperparameters(batch_size=8))
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        panel.run(epochs=1)
    assert "Failed:" in panel.status.value
    assert not panel.train_button.disabled
    panel.close()


def test_starting_one_panel_pauses_the_other(panel, few):
    other = TrainingPanel(few, settings=Hyperparameters(epochs=1, batch_size=8))
    panel.epochs.value = 100
    panel.train()
    while not panel._session.records():
        panel._session.wait(0.01)
    other.train()
    finish(other)
    finish(panel)
    assert (panel.state, other.state) == ("paused", "finished")
    assert "Press Resume" in panel.status.value
    other.close()


def test_the_panel_shows_itself_with_a_plain_picture_beside(panel):
    data, metadata = panel._repr_mimebundle_()
    assert data["text/plain"].startswith("TrainingPanel('few'): its controls cannot be shown here")
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in data
    assert metadata["image/png"] == {"alt": panel.picture().alt, "width": 900}


def test_the_static_picture_has_a_text_alternative(panel):
    panel.run(epochs=1)
    picture = panel.picture()
    assert picture.data.startswith(b"\x89PNG")
    assert picture.alt.startswith("Loss and accuracy of 1 run. lr 0.01, batch 8: smoothed loss")


def test_closing_gives_every_widget_back(few):
    before = set(_instances)
    panel = TrainingPanel(few, settings=Hyperparameters(batch_size=8))
    assert len(_instances) > len(before)
    panel.close()
    assert set(_instances) - before == set()


def test_a_callback_from_another_thread_does_not_draw(panel):
    panel.epochs.value = 100
    panel.train()
    before = panel.image.value
    thread = threading.Thread(target=panel.stop_button.click)
    thread.start()
    thread.join(PATIENCE)
    assert panel._session.wait(PATIENCE) == "stopped"
    assert panel.image.value == before


def test_every_control_has_a_tooltip(panel):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    controls = (widgets.Button, widgets.FloatSlider, widgets.FloatLogSlider, widgets.Dropdown)
    controls += (widgets.Text,)
    assert all(w.tooltip for w in walk(panel) if isinstance(w, controls))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"data": "sample"}, "data must come from load_digits"),
        ({"new_model": 3}, "new_model must be callable"),
        ({"new_run": 3}, "new_run must be callable"),
        ({"settings": Hyperparameters(batch_size=128)}, "batch_size must be .* from 1 to 100"),
    ],
)
def test_bad_arguments_are_refused(few, arguments, error):
    with pytest.raises((TypeError, ValueError), match=error):
        TrainingPanel(**({"data": few} | arguments))


def test_the_status_says_why_nothing_moves_yet():
    headline, text = status_text("running", Progress(SCORING), error=None, offer="", warm=False)
    assert headline == "Getting ready."
    assert "Your run starts right after" in text


@pytest.mark.parametrize(("wanted", "then"), [("running", ""), ("stopped", "; then it is stopped")])
def test_what_is_pressed_while_a_run_starts_is_said(wanted, then):
    waits = {"waits_for": "2 processes start", "wanted": wanted}
    words = status_text("running", Progress(SCORING), error=None, offer="", warm=True, **waits)
    assert words == ("Starting:", f"2 processes start; that takes about ten seconds{then}.")


def test_the_status_of_a_diverged_run_names_step_loss_and_rate():
    error = Diverged(7, float("nan"), 0.5)
    headline, text = status_text("failed", Progress(SCORING), error=error, offer="", warm=True)
    assert headline == "Diverged:"
    assert all(part in text for part in ("nan", "step 7", "0.5"))


def test_a_run_is_saved_at_a_pause_and_taken_up_by_another_panel(few, tmp_path):
    settings = Hyperparameters(epochs=100, batch_size=8)
    first = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    first.train()
    first.learning_rate.value = 0.02
    while not first.last_run.changes:
        first._session.wait(0.01)
    first.pause()
    finish(first)
    wait_for_the_thread()
    stood_at, weights = first.last_run.step_number, first.last_run.model.state_dict()

    second = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    assert f"A run was saved here: step {stood_at:,}" in second.status.value
    assert not second.restore_button.disabled
    second.restore()
    assert "Restored:" in second.status.value
    assert second.pause_button.description == "Resume"
    assert second.learning_rate.value == 0.02
    trace = second._display.curve.runs[-1]
    assert trace.label == "lr 0.01, batch 8"  # as it began, and what was turned is marked
    assert [text for _, text in trace.marks] == ["lr 0.02"]
    again = second.last_run.model.state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    second.pause()
    second.stop()
    finish(second)
    assert second.last_run.step_number >= stood_at
    for panel in (first, second):
        panel.close()


def test_a_run_restored_where_it_stands_takes_its_own_curve(few, tmp_path):
    settings = Hyperparameters(epochs=1, batch_size=8)
    panel = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    panel.train()
    finish(panel)
    panel.restore()
    assert [series.label for series in panel._display.curve.runs] == ["lr 0.01, batch 8"]
    panel.run(learning_rate=5.0)
    assert panel.settings == settings
    panel.close()


def test_a_panel_closed_twice_saves_once(few, tmp_path):
    settings = Hyperparameters(epochs=1, batch_size=8)
    panel = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    panel.train()
    finish(panel)
    panel.close()
    (tmp_path / "run").write_bytes(b"of another panel")
    panel.close()  # as the garbage collector does
    assert (tmp_path / "run").read_bytes() == b"of another panel"


def test_a_finished_run_is_restored_as_finished(few, tmp_path):
    settings = Hyperparameters(epochs=1, batch_size=8)
    first = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    first.train()
    finish(first)
    second = TrainingPanel(few, settings=settings, save_to=tmp_path / "run")
    second.restore()
    finish(second)
    assert second.state == "finished"
    assert second.last_run.history == first.last_run.history
    for panel in (first, second):
        panel.close()


def test_the_code_of_a_panel_gives_the_losses_of_its_last_run(sample, tmp_path):
    panel = TrainingPanel(sample, settings=Hyperparameters(epochs=1, batch_size=200, seed=4))
    panel.learning_rate.value, panel.optimizer.value = 0.05, "nesterov"
    before = panel.code()  # what Train would start
    run = panel.run()
    (tmp_path / "script.py").write_text(panel.code())
    assert runpy.run_path(str(tmp_path / "script.py"))["losses"] == [r.loss for r in run.history]
    assert before.splitlines()[1:] == panel.code().splitlines()[1:]  # the first line counts steps
    panel.close()


def test_a_knob_turned_mid_run_is_in_the_code(sample, tmp_path):
    panel = TrainingPanel(sample, settings=Hyperparameters(epochs=2, batch_size=128))
    panel.train()
    panel.momentum.value = 0.5
    finish(panel)
    assert [change.field for change in panel.last_run.changes] == ["momentum"]
    (tmp_path / "script.py").write_text(panel.code())
    losses = runpy.run_path(str(tmp_path / "script.py"))["losses"]
    assert losses == [record.loss for record in panel.last_run.history]
    panel.close()


def test_the_code_is_laid_out_and_hide(panel):
    assert panel.code_shelf.children == ()
    panel.code_button.click()
    assert panel.code_shelf.code == panel.code()
    assert panel.code_button.description == "Hide the code"
    panel.code_button.click()
    assert (panel.code_shelf.code, panel.code_button.description) == ("", "Copy as code")


def test_the_code_is_there_in_a_plain_field_too_for_pages_that_load_no_script(panel):
    panel.show_code()
    _, plain = panel.code_shelf.children
    hint, area = plain.children
    assert (area.value, "Ctrl-C" in hint.value) == (panel.code(), True)


def test_a_new_run_puts_the_code_of_the_old_one_away(panel):
    panel.show_code()
    panel.run(epochs=1)
    assert panel.code_shelf.code == ""


def test_laid_out_code_is_given_back(few):
    before = set(_instances)
    panel = TrainingPanel(few, settings=Hyperparameters(batch_size=8))
    panel.show_code()
    panel.close()
    assert set(_instances) - before == set()


@pytest.mark.usefixtures("warm_ranks")
def test_several_processes_are_driven_like_one_and_end_with_their_run(sample, tmp_path):
    two = partial(ProcessesRun, processes=2)
    settings = Hyperparameters(epochs=100, batch_size=100)
    panel = TrainingPanel(sample, new_run=two, settings=settings, save_to=tmp_path / "run")
    panel.train()
    while not panel.last_run.waits_for:
        panel._session.wait(0.01)
    panel.refresh()
    assert "Starting:</b> 2 processes start and load torch" in panel.status.value
    panel.learning_rate.value = 0.02
    while not panel.last_run.changes:
        panel._session.wait(0.01)
    panel.pause()
    finish(panel)
    processes = panel.last_run._ranks._processes
    assert panel.state == "paused"
    assert [process.poll() for process in processes] == [None, None]  # they wait
    assert "2 processes shared each step" in panel.code()
    panel.stop()
    wait_for_the_thread()
    assert [process.poll() for process in processes] == [0, 0]
    stood_at = panel.last_run.step_number
    panel.restore()  # starts no processes before Resume
    assert (panel.last_run.step_number, panel.last_run.processes) == (stood_at, 2)
    panel.close()


def test_what_a_panel_runs_is_closed_once_it_has_ended(few):
    closed = []

    class Counted(TrainingRun):
        def close(self) -> None:
            closed.append(self.step_number)

    panel = TrainingPanel(few, new_run=Counted, settings=Hyperparameters(batch_size=10))
    panel.run(epochs=1)
    panel.epochs.value = 100
    panel.train()
    panel.close()  # in the middle of a run, as when its cell is run again
    wait_for_the_thread()
    assert closed[0] == 10
    assert len(closed) == 2


def wait_for_the_thread() -> None:
    """Wait until the training thread has done what it was given."""
    done = threading.Event()
    in_background(done.set)
    assert done.wait(PATIENCE)


def test_the_model_of_a_run_is_made_only_when_the_run_before_it_is_held(few):
    states = []

    def new_model():
        states.append(other.state)
        return LeNet5()

    other = Session(TrainingRun(LeNet5(), few, Hyperparameters(epochs=10_000, batch_size=8)))
    other.start()
    while not other.records():
        other.join(0.01)
    panel = TrainingPanel(few, new_model=new_model, settings=Hyperparameters(epochs=1))
    states.clear()  # of the model that was asked whether it fits
    panel.train()
    finish(panel)
    assert states == ["paused"]
    other.stop(), panel.close()


def test_settings_that_are_refused_let_the_other_run_go_on(few, panel):
    other = Session(TrainingRun(LeNet5(), few, Hyperparameters(epochs=10_000, batch_size=8)))
    other.start()
    while not other.records():
        other.join(0.01)
    with pytest.raises(ValueError, match="batch_size"):
        panel.run(batch_size=1000)
    assert (other.state, other.wanted) == ("running", "running")
    other.stop()


def test_a_stop_of_the_slider_is_the_same_number_everywhere(panel):
    panel.epochs.value = 100
    panel.train()
    panel.pause()
    panel._session.join(PATIENCE)
    panel.learning_rate.slider.value = 10**-1.7  # a hand's 0.02, and 0.0199526
    panel.pause()
    run = panel.last_run
    while not run.changes or run.step_number < run.changes[-1].step:
        panel._session.join(0.01)
    panel.stop()
    finish(panel)
    assert panel.settings.learning_rate == 0.02  # what Train would take
    assert panel.last_run.history[-1].learning_rate == 0.02
    assert panel.last_run.changes[-1].after == 0.02
    assert '{"lr": 0.02}' in panel.code()


def test_a_slider_turned_back_before_the_next_step_changes_nothing(panel):
    panel.epochs.value = 100
    panel.train()
    panel.pause()
    panel._session.join(PATIENCE)
    for rate in (0.02, 0.01):
        panel.learning_rate.value = rate
    taken = panel.last_run.step_number
    panel.pause()
    while panel.last_run.step_number == taken:
        panel._session.join(0.01)
    panel.stop()
    finish(panel)
    assert panel.last_run.history[-1].learning_rate == panel.settings.learning_rate == 0.01


@pytest.mark.parametrize("seed", [0, 3])
def test_the_seed_decides_the_first_weights_too(few, seed):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1, seed=seed))
    run = panel.run()
    assert run.model.seed == seed
    panel.close()


def test_an_own_step_on_the_panel_is_taken_and_said_in_its_script(few):
    def halved(run, inputs, targets):
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        (loss / 2).backward()
        run.optimizer.step()
        return loss

    settings = Hyperparameters(epochs=1, batch_size=10, optimizer="sgd", learning_rate=0.2)
    panel = TrainingPanel(few, new_run=partial(TrainingRun, update=halved), settings=settings)
    expected = list(TrainingRun(LeNet5(), few, settings.replace(learning_rate=0.1)))
    panel.train()
    finish(panel)
    assert [r.loss for r in panel.last_run.history] == [r.loss for r in expected]
    assert "update = ...  # your own halved(run, inputs, targets): put it here" in panel.code()
    panel.close()


def test_clothes_are_not_called_digits(few):
    data = dataclasses.replace(few, name="fashion", noun="clothes")
    panel = TrainingPanel(data, settings=Hyperparameters(epochs=1))
    panel.run()
    assert re.search(r", \d+ of 50 held-out clothes right", panel.status.value)
    _, score_axes = panel._display.curve._figure.axes
    assert score_axes.get_title("left") == "Accuracy on 50 held-out clothes"
    assert score_axes.get_ylabel() == "clothes named right (%)"
    panel.close()


def test_clear_looks_dead_where_there_is_nothing_to_clear(panel):
    assert panel.clear_button.disabled
    panel.run(epochs=1)
    assert not panel.clear_button.disabled
    panel.clear()
    assert panel.clear_button.disabled


def test_followers_know_of_a_run_from_its_begin_to_its_end(panel):
    told = []

    def follow(run, series, state):
        told.append((run, len(series.x), state))

    panel.on_progress(follow)
    panel.train()
    finish(panel)
    panel.refresh()
    assert (told[0], told[-1]) == ((panel.last_run, 0, "ready"), (panel.last_run, 24, "finished"))
    assert {state for _, _, state in told[1:-1]} <= {"running"}
    panel.on_progress(follow, remove=True)
    told.clear()
    panel.run(epochs=1)
    assert told == []


def test_followers_know_whether_a_run_diverged_and_that_one_was_replaced(panel):
    told = []
    panel.on_progress(lambda run, series, state: told.append((state, series.diverged)))
    panel.epochs.value = 100
    panel.train()
    panel.run(epochs=1, learning_rate=1000.0)
    states = [one for one in told if one[0] != "running"]
    assert states == [("ready", False), ("stopped", False), ("ready", False), ("failed", True)]


def test_a_follower_that_fails_ends_no_run(panel):
    panel.on_progress(lambda *_: 1 / 0)
    assert len(panel.run(epochs=1).history) == 12
    assert panel.state == "finished"
