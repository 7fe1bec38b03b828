"""A curve that is expected, drawn in the page or from code, and the run that goes over it."""

import html
import itertools
import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.engine.session import in_background
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.predictions import measured, predict_curve
from tutorial_lib.predictions.asked import finished_here
from tutorial_lib.predictions.curve import COUNTS_FOR_NEXT, DRAW_FOR_NEXT
from tutorial_lib.predictions.shapes import MOST_POINTS

PATIENCE = 60
FALL = [[0.0, 2.5], [1.0, 0.5], [2.0, 0.1]]


@pytest.fixture
def panel(few, tmp_path):
    panel = TrainingPanel(
        few, settings=Hyperparameters(epochs=2, batch_size=8), save_to=tmp_path / "panel.run"
    )
    yield panel
    panel.close()


@pytest.fixture
def curve(panel):
    curve = predict_curve("lr", like=panel, topic="learning rate")
    yield curve
    curve.close()


def draw(curve, points) -> None:
    """Let the page say what a hand has drawn."""
    curve.paper.set_state({"sketch": points})


@pytest.fixture
def no_step_yet():
    """Hold back the training thread; what is returned lets it go."""
    held, go = threading.Event(), threading.Event()
    in_background(lambda: (held.set(), go.wait(PATIENCE)))
    assert held.wait(PATIENCE)
    yield go.set
    go.set()


def finish(panel) -> None:
    """Let the run end, and the panel see it, as its polling task would."""
    panel._session.wait(PATIENCE)
    panel.refresh()


def train(panel, **settings) -> None:
    panel.set(**settings)
    panel.train()
    finish(panel)


def ticks_of(axis) -> list[float]:
    low, high = sorted(axis.get_view_interval())
    return [tick for tick in axis.get_majorticklocs() if low <= tick <= high]


def test_the_axes_are_those_of_the_panels_picture_at_first(panel, curve):
    axes, told = panel._display.curve._loss_axes, curve.paper.axes
    assert tuple(told["losses"]) == axes.get_ylim() == (0.05, 5.0)
    assert [tick for tick, _ in told["upward"]] == pytest.approx(ticks_of(axes.yaxis))
    assert [text for _, text in told["upward"]] == ["0.05", "0.1", "0.2", "0.5", "1", "2", "5"]
    panel.train()  # then the picture reaches as far as the run will
    assert (0, told["epochs"]) == axes.get_xlim()
    assert [tick for tick, _ in told["along"]] == pytest.approx(ticks_of(axes.xaxis))
    finish(panel)


def test_an_empty_axis_follows_the_panels_epochs(panel, curve):
    panel.epochs.value = 4
    assert curve.paper.axes["epochs"] == 4
    draw(curve, [[0, 2], [4, 1]])
    panel.epochs.value = 3
    assert curve.paper.axes["epochs"] == 4  # the curve stays as it was drawn
    assert curve.expected == [[0, 2], [1, 1]]


def test_train_locks_the_curve_and_draws_the_run_over_it(panel, curve, no_step_yet):
    draw(curve, FALL)
    assert curve.expected == [[0, 2.5], [0.5, 0.5], [1, 0.1]]
    assert "a loss of 2.50 at epoch 0, and of 0.100 at epoch 2. It counts" in curve.status.value
    panel.train()
    assert curve.paper.locked
    assert "Locked: the run has begun." in curve.status.value
    no_step_yet()
    finish(panel)
    series = panel._display.curve.runs[-1]
    assert curve.paper.run[-1] == pytest.approx([2, series.smoothed[-1]], rel=1e-3)
    assert curve.said.startswith(("You expected", "The first half", "Another", "Well"))
    assert html.escape(curve.said) in curve.status.value
    (record,) = finished_here()
    assert (record.kind, record.name, record.topic) == ("curve", "lr", "learning rate")
    assert record.expected == curve.expected
    assert record.seen[-1] == pytest.approx([1, series.smoothed[-1]], rel=1e-6)
    assert len(record.seen) <= MOST_POINTS


def test_a_run_from_a_cell_locks_what_stood_when_the_cell_began(panel, curve, cell):
    draw(curve, FALL)
    cell(lambda: draw(curve, [[0, 1], [2, 1]]), lambda: panel.run())
    assert curve.expected[0] == [0, 2.5]
    assert curve.paper.sketch == FALL
    assert finished_here()[0].expected == curve.expected


def test_what_comes_after_the_lock_changes_nothing(panel, curve):
    draw(curve, FALL)
    panel.train()
    draw(curve, [[0, 1], [2, 1]])
    assert curve.paper.sketch == FALL
    assert curve.expected[0] == [0, 2.5]
    with pytest.raises(ValueError, match="locked"):
        curve.expect([(0, 1), (1, 1)])
    finish(panel)


def test_without_a_curve_a_run_passes_in_silence(panel, curve, capsys):
    panel.run()
    assert not curve.is_locked
    assert curve.paper.run == []
    assert finished_here() == ()
    assert "xpect" not in capsys.readouterr().out
    train(panel)
    assert not curve.is_locked


def test_what_is_drawn_while_a_run_goes_on_is_for_the_next_one(panel, curve):
    panel.epochs.value = 100
    panel.train()
    panel.refresh()
    assert DRAW_FOR_NEXT in curve.status.value
    draw(curve, [[0, 2], [100, 1]])
    assert COUNTS_FOR_NEXT in curve.status.value
    panel.stop()
    finish(panel)
    assert "It counts when the run begins." in curve.status.value
    assert not curve.is_locked
    assert curve.said == ""
    train(panel, epochs=1)
    assert curve.said


def test_a_skipped_curve_is_not_locked(panel, curve):
    draw(curve, FALL)
    curve.skip()
    assert curve.paper.sketch == []
    train(panel)
    assert (curve.is_locked, curve.said, finished_here()) == (False, "", ())


def test_later_runs_are_compared_only_if_the_learner_draws_anew(panel, curve):
    draw(curve, FALL)
    train(panel)
    first, shown = curve.said, curve.paper.run
    train(panel, learning_rate=0.0001)
    assert (curve.said, curve.paper.run, len(finished_here())) == (first, shown, 1)
    curve.paper._handle_custom_msg({"again": True}, [])
    assert (curve.expected, curve.said, curve.is_locked, curve.paper.run) == (None, "", False, [])
    train(panel, learning_rate=0.001)
    assert not curve.is_locked
    draw(curve, [[0, 2.3], [2, 2.3]])
    train(panel, learning_rate=0.0001)
    assert curve.said.startswith("Well expected: the loss stayed near 2.")
    assert len(finished_here()) == 2


def test_a_new_curve_is_not_asked_for_while_the_run_goes_on(panel, curve, no_step_yet):
    draw(curve, FALL)
    panel.train()
    curve.paper._handle_custom_msg({"again": True}, [])
    assert curve.is_locked
    no_step_yet()
    finish(panel)


@pytest.mark.parametrize("message", [None, [], {"other": True}, "again"])
def test_other_messages_of_the_page_are_ignored(panel, curve, message):
    draw(curve, FALL)
    train(panel)
    curve.paper._handle_custom_msg(message, [])
    assert curve.is_locked


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "drawn",
        {"0": [0, 1]},
        [[0, 1], [1]],
        [[0, 1], "12"],
        [[0, 1], [1, None]],
        [[0, 1], [1, math.nan]],
        [[0, 1], [1, math.inf]],
        [[0, 1], [1, -1]],
        [[0, 1], [2.1, 1]],
        [[1, 1], [0, 1]],
        [[0, 1], [1, 1, 1]],
        [[number / 1000, 1] for number in range(1001)],
    ],
)
def test_what_the_page_says_is_checked(panel, curve, value):
    draw(curve, FALL)
    draw(curve, value)
    assert curve.paper.sketch == FALL
    assert curve.expected == [[0, 2.5], [0.5, 0.5], [1, 0.1]]


def test_a_single_dot_is_no_curve_yet(curve):
    draw(curve, [[0.5, 1]])
    assert curve.expected is None
    assert curve.paper.sketch == [[0.5, 1]]
    draw(curve, [])
    assert curve.paper.sketch == []


def test_a_curve_of_many_points_is_kept_with_few(curve):
    x = np.linspace(0, 2, 129)
    draw(curve, [[float(at), float(2 * 0.1**at + 0.001 * math.sin(9 * at))] for at in x])
    assert len(curve.expected) == MOST_POINTS
    assert len(curve.paper.sketch) == 129


def test_from_code(panel, curve):
    curve.expect([(0, 2.3), (2, 0.1)])
    assert curve.paper.sketch == [[0, 2.3], [2, 0.1]]
    with pytest.raises(
        ValueError, match="epoch of point 2 must be a finite number in \\[0, 2\\]; got 3"
    ):
        curve.expect([(0, 2.3), (3, 0.1)])
    with pytest.raises(ValueError, match="margin"):
        curve.expect([(0, 2.3), (2, 0.1)], sure=1)
    assert curve.expected == [[0, 2.3], [1, 0.1]]


def test_a_run_that_was_taken_up_is_none_that_was_guessed(panel, curve):
    train(panel)
    panel._autosave.end(at_rest=True)
    draw(curve, FALL)
    panel.restore()
    finish(panel)
    assert (curve.is_locked, curve.said) == (False, "")
    train(panel)
    assert curve.is_locked
    assert curve.said


def test_a_run_that_is_stopped_is_compared_as_far_as_it_went(panel, curve):
    panel.epochs.value = 10_000
    curve.expect([(0, 2.5), (10_000, 0.1)])
    panel.train()
    panel.stop()
    finish(panel)
    assert "The run ended at epoch" in curve.said
    assert curve.is_locked


def test_a_run_that_diverges_says_so(panel, curve):
    draw(curve, FALL)
    panel.set(learning_rate=1000.0)
    panel.train()
    panel._session.join(PATIENCE)
    panel.refresh()
    assert curve.said.startswith("You expected the loss to fall to 0.100; the run diverged at")
    assert all(math.isfinite(number) for point in curve.paper.run for number in point)


def test_a_long_run_goes_to_the_page_thinned_with_its_extremes(curve):
    x = np.linspace(0, 2, 50_001)[1:]
    y = np.full(50_000, 1.0)
    y[12_345], y[23_456] = 0.01, 30
    curve._show_run(x, y, 2.0)
    losses = [loss for _, loss in curve.paper.run]
    assert len(losses) < 400
    assert (min(losses), max(losses)) == (0.01, 30)
    low, high = curve.paper.axes["losses"]
    assert low < 0.01
    assert high > 30


def test_a_run_of_a_plain_loop_is_compared_by_its_cell(new_run, capsys):
    run = new_run()
    curve = predict_curve("loop", like=run, topic="loop")
    assert curve.paper.axes["epochs"] == 3
    curve.expect([(0, 2.3), (3, 2.3)])
    for _ in run:
        pass
    measured("loop", run)
    said = " ".join(capsys.readouterr().out.split())
    assert said == curve.said
    assert not curve.paper.done  # its cell can be run again
    assert len(curve.paper.run) == 30
    measured("loop", run.history)
    assert " ".join(capsys.readouterr().out.split()) == said


def test_part_of_a_loop_is_compared_as_far_as_it_went(new_run):
    run = new_run()
    curve = predict_curve("loop", like=run, topic="loop")
    curve.expect([(0, 2.3), (3, 2.3)])
    list(itertools.islice(run, 15))
    assert curve.finish(run).endswith("This compares what was run: up to epoch 1.5 of 3.")


def test_what_is_no_run_is_refused(new_run, curve):
    with pytest.raises(TypeError, match="like must be a TrainingPanel or a TrainingRun; got 3"):
        predict_curve("x", like=3, topic="x")
    run = new_run()
    next(iter(run))
    with pytest.raises(ValueError, match="a run that has not begun"):
        predict_curve("x", like=run, topic="x")
    with pytest.raises(TypeError, match="measured by a run or its records; got 2"):
        measured("lr", 2.0)
    with pytest.raises(ValueError, match="no step yet"):
        measured("lr", [])


@pytest.mark.parametrize("losses", [(1, 1), (0, 1), (5, 0.5), (1, math.inf)])
def test_an_axis_that_cannot_be_is_refused(new_run, losses):
    with pytest.raises(ValueError, match="losses"):
        predict_curve("x", like=new_run(), topic="x", losses=losses)


def test_an_axis_of_its_own(new_run):
    curve = predict_curve("x", like=new_run(), topic="x", losses=(100, 100_000))
    assert [text for _, text in curve.paper.axes["upward"]] == ["100", "1,000", "10,000", "1e5"]


def test_there_is_a_picture_only_if_something_was_drawn(panel, curve):
    assert curve.picture() is None
    assert "image/png" not in curve._repr_mimebundle_()[0]
    draw(curve, FALL)
    train(panel)
    picture = curve.picture()
    assert picture.data.startswith(b"\x89PNG")
    assert "a loss of 2.50 at epoch 0, and of 0.100 at epoch 2. The run over it" in picture.alt
    assert picture.alt.endswith(curve.said)
    assert "image/png" in curve._repr_mimebundle_()[0]


def test_its_output_is_renewed_with_the_picture_but_never_under_a_hand(panel, curve):
    renewed = []
    curve._shown = SimpleNamespace(update=lambda bundle, **_: renewed.append({*bundle}))
    draw(curve, FALL)
    curve.paper.set_state({"in_use": True})
    train(panel)
    assert renewed == []
    curve.paper.set_state({"in_use": False})
    assert len(renewed) == 1
    assert "image/png" in renewed[0]
    curve.paper.set_state({"in_use": True})
    curve.paper.set_state({"in_use": False})
    assert len(renewed) == 1


def test_a_closed_curve_follows_no_run(panel):
    curve = predict_curve("gone", like=panel, topic="x")
    draw(curve, FALL)
    curve.close()
    train(panel, epochs=1)
    assert not curve.is_locked
    assert panel._followers.callbacks == []
