"""The live curve redraws little, forgets nothing, and stays cheap however long a run is."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from tutorial_lib.engine.records import Change, EvaluationRecord, StepRecord
from tutorial_lib.pictures.curve import MAX_RUNS, LiveCurve
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
