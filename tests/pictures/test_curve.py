"""The live curve redraws little, forgets nothing, and stays cheap however long a run is."""

import dataclasses
import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tutorial_lib import Hyperparameters, TrainingRun
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.evaluation import ShownMetric
from tutorial_lib.pictures.curve import MAX_RUNS, LiveCurve, _marked
from tutorial_lib.pictures.smoothing import smooth


def steps(count: int, loss=lambda step: 2.0 / step**0.1, first: int = 1) -> list[StepRecord]:
    """Return records of a run over 1,000 images in batches of 10."""
    return [
        StepRecord(
            step=step,
            epoch=(step - 1) // 100,
            epochs=10,
            epoch_step=(step - 1) % 100 + 1,
            epoch_steps=100,
            images_seen=step * 10,
            batch_size=10,
            learning_rate=0.01,
            loss=loss(step),
            mean_loss=1.0,
            seconds=0.005,
        )
        for step in range(first, first + count)
    ]


@pytest.fixture
def curve() -> LiveCurve:
    return LiveCurve(num_train=1000, num_held_out=100)


def pixels(curve: LiveCurve) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(curve.png())))


def test_a_frame_shows_what_came_since_the_last(curve):
    curve.begin("lr 0.01", epochs=10)
    curve.add(steps(100))
    before = pixels(curve)
    curve.add(steps(100, first=101))
    assert (pixels(curve) != before).any()


def test_frames_of_a_run_need_no_full_redraw(curve):
    curve.begin("lr 0.01", epochs=10)
    for first in range(1, 1000, 50):
        curve.add(steps(50, first=first))
        curve.png()
    assert curve.full_redraws == 1


def test_a_change_is_marked_by_a_line_and_words(curve):
    curve.begin("lr 0.01", epochs=10)
    curve.add(steps(100))
    before = pixels(curve)
    curve.mark(Change(101, 1000, "learning_rate", 0.01, 0.001))
    assert curve.runs[-1].marks == [(1.0, "lr 0.001")]
    assert (pixels(curve) != before).any()


def test_a_mark_on_a_run_that_goes_on_needs_no_full_redraw(curve):
    curve.begin("lr 0.01", epochs=10)
    curve.add(steps(300))
    before = pixels(curve)
    for step in (101, 102, 250):
        curve.mark(Change(step, step * 10 - 10, "learning_rate", 0.01, step / 1000))
        after = pixels(curve)
        assert (after != before).any()
        before = after
    assert curve.full_redraws == 1
    curve.end()
    assert abs(pixels(curve).astype(int) - before).mean() < 0.5  # as it will stand


def test_a_knob_turned_further_at_the_same_place_is_one_mark(curve):
    curve.begin("lr 0.01", epochs=10)
    for step, rate in ((101, 0.008), (102, 0.006), (103, 0.005)):
        curve.mark(Change(step, step * 10 - 10, "learning_rate", 0.01, rate))
    assert [text for _, text in curve.runs[-1].marks] == ["lr 0.005"]


def test_axes_grow_to_hold_losses_and_accuracies(curve):
    curve.begin("lr 1", epochs=10)
    curve.add(steps(10, loss=lambda step: 0.001 * step))
    curve.add([EvaluationRecord(10, 0, 1000, 2.3, 0.1)])
    curve.png()
    low, high = curve._loss_axes.get_ylim()
    assert low < 0.001
    assert high >= 2.3
    assert curve._score_axes.get_ylim()[0] <= 10


def test_a_diverging_loss_does_not_squash_the_rest(curve):
    curve.begin("lr 1", epochs=10)
    curve.add(steps(20, loss=lambda step: 10.0**step))
    curve.end(diverged=True)
    curve.png()
    assert curve._loss_axes.get_ylim()[1] <= 200


def test_earlier_runs_stay_and_the_oldest_leaves_when_colours_run_out(curve):
    for number in range(MAX_RUNS + 2):
        curve.begin(f"run {number}", epochs=10)
        curve.add(steps(5))
        curve.end()
    assert [series.label for series in curve.runs] == [f"run {n}" for n in range(2, MAX_RUNS + 2)]
    assert len({trace.colour for trace in curve.runs}) == MAX_RUNS
    curve.png()


def test_the_smoothed_curve_is_that_of_smooth(curve):
    trace = curve.begin("lr 0.01", epochs=20)
    records = steps(60)
    curve.add(records)
    images = 20 * 1000 / 50
    np.testing.assert_allclose(trace.smoothed, smooth([r.loss for r in records], images / 10))


def test_runs_are_smoothed_alike_whatever_their_epochs(curve):
    short, long = (curve.begin("lr 0.01", epochs=epochs) for epochs in (10, 40))
    short_alone = LiveCurve(num_train=1000, num_held_out=100)
    alone = short_alone.begin("lr 0.01", epochs=10)
    for record in steps(60):
        for trace in (short, long, alone):
            trace.add(record)
    assert short.smoothed == long.smoothed != alone.smoothed
    curve.drop_last()
    assert short.smoothed == alone.smoothed
    assert short.lowest == alone.lowest == min(alone.smoothed)


def test_batches_of_all_sizes_are_smoothed_over_as_many_images(curve):
    trace = curve.begin("lr 0.01", epochs=16)  # over 320 images
    sizes = [8, 8, 64, 512]
    for record, size in zip(steps(4), sizes, strict=True):
        trace.add(dataclasses.replace(record, batch_size=size))
    np.testing.assert_allclose(trace.smoothed, smooth(trace.loss, np.array([40, 40, 5, 1])))


def test_clear_takes_everything_off(curve):
    empty = pixels(curve)
    curve.begin("lr 0.01", epochs=10)
    curve.add(steps(50, loss=lambda step: 1e-3))
    curve.end()
    assert (pixels(curve) != empty).any()
    curve.clear()
    np.testing.assert_array_equal(pixels(curve), empty)


def test_fifty_thousand_steps_are_drawn_from_few_points(curve):
    curve.begin("lr 0.01", epochs=500)
    curve.add(steps(50_000))
    curve.png()
    assert len(curve._lines[0].get_xdata()) < 3000


# ---- data, tasks and metrics of one's own ----


ERROR = ShownMetric("mean absolute error", "mean_absolute_error", is_share=False)
OWN = ShownMetric("balance", "metric", is_share=False)


def score(epoch: int, loss: float = 1.0, **values) -> EvaluationRecord:
    """Return what is held out says after an epoch, from 1 on."""
    return EvaluationRecord(100 * epoch, epoch - 1, 1000 * epoch, loss, **values)


def drawn(shown: ShownMetric, *scores: EvaluationRecord, **losses) -> LiveCurve:
    """Return a picture of a run that was scored so."""
    curve = LiveCurve(1000, 44, noun="patients", shown=shown)
    curve.begin("lr 0.01", epochs=10)
    curve.add([*steps(200, **losses), *scores])
    curve.png()
    return curve


def test_the_loss_of_what_is_held_out_is_drawn_dashed_after_each_epoch(curve):
    curve.begin("lr 0.01", epochs=10)
    curve.add([*steps(200), score(1, 1.5, accuracy=0.5), score(2, 1.25, accuracy=0.6)])
    curve.png()
    held = curve._lines[2]
    assert (list(held.get_xdata()), list(held.get_ydata())) == ([1, 2], [1.5, 1.25])
    assert (held.get_linestyle(), held.get_color()) == ("--", curve.runs[-1].colour)
    assert "held out dashed" in curve._loss_axes.get_title("left")
    curve.end()
    assert list(curve._lines[2].get_ydata()) == [1.5, 1.25]  # on the picture that stays, too


def test_axes_grow_to_hold_the_loss_of_what_is_held_out(curve):
    curve.begin("lr 0.01", epochs=10)
    curve.add([*steps(100), score(1, 40.0, accuracy=0.5)])
    curve.png()
    assert curve._loss_axes.get_ylim()[1] > 40


@pytest.mark.parametrize("size", [1e-6, 1e-3, 30.0, 26_000.0, 1e6])
def test_a_loss_of_any_size_fills_its_axis(size):
    curve = drawn(ERROR, loss=lambda step: size / step**0.3)
    low, high = curve._loss_axes.get_ylim()
    assert low < size / 200**0.3 < size < high < 200 * size / 200**0.3
    ticks = [text.get_text() for text in curve._loss_axes.get_yticklabels()]
    assert all(len(text) <= 6 for text in ticks)


def test_a_regression_that_diverges_does_not_squash_the_others():
    curve = drawn(ERROR, score(1, mean_absolute_error=100.0), loss=lambda step: 26_000.0)
    curve.begin("lr 1", epochs=10)
    curve.add([*steps(20, loss=lambda step: 26_000 * 10.0 ** (step - 1))])
    curve.add([score(1, 1e30, mean_absolute_error=1e9)])
    curve.png()
    assert curve._loss_axes.get_ylim()[1] <= 20 * 26_000
    assert curve._score_axes.get_ylim()[1] <= 500


def test_a_loss_below_zero_has_an_axis_too():
    curve = drawn(OWN, loss=lambda step: 1 - step / 50)
    low, high = curve._loss_axes.get_ylim()
    assert low < curve.runs[-1].smoothed[-1] < 0 < curve.runs[-1].smoothed[0] < high
    curve.clear()
    assert curve._loss_axes.get_yscale() == "log"


def test_an_error_is_drawn_from_zero_up():
    curve = drawn(ERROR, score(1, mean_absolute_error=120.0), score(2, mean_absolute_error=42.0))
    low, high = curve._score_axes.get_ylim()
    assert low == 0
    assert 120 < high < 150
    assert list(curve._lines[3].get_ydata()) == [120, 42]


@pytest.mark.parametrize("values", [(0.5, 0.7), (-3.0, -2.0), (1e6, 2e6), (0.3, 0.3)])
def test_a_metric_of_ones_own_may_have_any_range(values):
    curve = drawn(OWN, *(score(n, metric=value) for n, value in enumerate(values, start=1)))
    low, high = curve._score_axes.get_ylim()
    assert low < min(values) <= max(values) < high
    assert high - low <= 2 * max(max(values) - min(values), 0.3 * abs(max(values)))


@pytest.mark.parametrize(
    ("accuracies", "bottom", "top"),
    [
        ((0.001, 0.004), 0, 1),  # a thousand classes
        ((0.04,), 0, 10),
        ((0.1,), 0, 100),
        ((0.45, 0.55), 40, 100),  # two classes
        ((0.95,), 80, 100),
    ],
)
def test_the_axis_of_accuracies_suits_them(accuracies, bottom, top):
    scores = (score(n, accuracy=value) for n, value in enumerate(accuracies, start=1))
    limits = drawn(ShownMetric("accuracy", "accuracy", is_share=True), *scores)
    assert limits._score_axes.get_ylim() == pytest.approx((bottom, 1.005 * top))


def test_a_score_that_is_no_number_leaves_a_gap():
    nan = float("nan")
    curve = drawn(OWN, score(1, nan, metric=nan), score(2, 1.0, metric=0.5))
    assert np.isnan(curve._lines[3].get_ydata()[0])
    assert np.isnan(curve._lines[2].get_ydata()[0])


@pytest.mark.parametrize(("epochs", "most"), [(5, 5), (200, 26), (10_000, 26)])
def test_scores_have_so_few_markers_that_they_can_be_told_apart(epochs, most):
    for done in (1, epochs // 2, epochs):
        marked = _marked(done, epochs)
        assert len(marked) <= most
        assert marked[-1] == done - 1


@pytest.mark.parametrize("batch_size", [16, 32, 100])
def test_a_run_ends_where_the_axis_ends_though_a_remainder_is_left_out(batch_size):
    split = Split(torch.rand(120, 3), torch.arange(120) % 2)
    data = Data("few", "", split, None, torch.device("cpu"))
    run = TrainingRun(nn.Linear(3, 2), data, Hyperparameters(epochs=3, batch_size=batch_size))
    curve = LiveCurve(120, 0)
    series = curve.begin("", 3)
    curve.add(run)
    assert series.x[-1] == 3
    assert series.x[len(series.x) // 3 - 1] == 1


def test_places_never_go_back_where_the_batch_size_changes():
    split = Split(torch.rand(120, 3), torch.arange(120) % 2)
    data = Data("few", "", split, None, torch.device("cpu"))
    run = TrainingRun(nn.Linear(3, 2), data, Hyperparameters(epochs=4, batch_size=16))
    series = LiveCurve(120, 0).begin("", 4)
    for number, record in enumerate(run):
        series.add(record)
        run.adjust(batch_size=(16, 1, 50, 7)[number % 4])
    assert all(before <= after for before, after in itertools.pairwise(series.x))
    changes = [series.position_of(change) for change in run.changes]
    assert changes == [series.x[change.step - 2] for change in run.changes]


def test_few_examples_are_smoothed_over_an_epoch_of_them():
    series = LiveCurve(120, 18).begin("", 5)
    assert series.span == 120
    assert LiveCurve(120, 18).begin("", 200).span == 480


def test_a_title_as_long_as_may_be_stays_on_the_picture():
    curve = LiveCurve(1000, 10_000, noun="n" * 50, shown=dataclasses.replace(OWN, name="n" * 50))
    axes = curve._score_axes
    words = axes.get_title("right").replace("\n", " ")
    assert words == f"N{18 * 'n'}… on 10,000 held-out {15 * 'n'}…"
    curve.png()
    box, other = axes._right_title.get_window_extent(), curve._loss_axes._left_title
    assert other.get_window_extent().x1 < box.x0 < box.x1 <= 900
