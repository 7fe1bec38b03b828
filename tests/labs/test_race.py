"""A race: fair at the start, the same as alone, and a table that adds up."""

import asyncio
import dataclasses
import itertools
import runpy

import psutil
import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.engine import pool
from tutorial_lib.engine.records import EvaluationRecord, StepRecord
from tutorial_lib.hardware import usable_cores
from tutorial_lib.labs import own
from tutorial_lib.labs.race import measure as lab
from tutorial_lib.labs.race import panel as panel_module
from tutorial_lib.labs.race.draw import draw_race
from tutorial_lib.labs.race.measure import Dropped, RaceRecord, race, standings, winner
from tutorial_lib.labs.race.panel import RacePanel
from tutorial_lib.labs.race.summary import colour_square, standings_table
from tutorial_lib.pictures import BLUE, on_dark

SHORT = Hyperparameters(epochs=2, batch_size=10)
TWO = {"slow": SHORT, "fast": SHORT.replace(learning_rate=0.05)}
WILD = SHORT.replace(optimizer="sgd", learning_rate=1e9)


def losses_of(records, label, seed=0):
    mine = [r.event for r in records if (r.label, r.seed) == (label, seed)]
    return [event.loss for event in mine if isinstance(event, StepRecord)]


def test_a_runner_does_in_a_race_what_it_does_alone_bit_for_bit(few):
    records = list(race(few, TWO, seeds=2))
    for (label, settings), seed in itertools.product(TWO.items(), (0, 1)):
        alone = TrainingRun(LeNet5(seed=seed), few, settings.replace(seed=seed))
        assert losses_of(records, label, seed) == [record.loss for record in alone]


def test_all_runners_start_from_the_same_weights_and_see_the_same_order(few):
    runs = []

    class Watched(TrainingRun):
        def __init__(self, model, *others):
            super().__init__(model, *others)
            weights = torch.nn.utils.parameters_to_vector(model.parameters()).clone()
            runs.append((self.hyperparameters.seed, weights, self.batches.peek(50)[0]))

    def careless_model(seed):  # heeds no seed
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 10))

    next(race(few, TWO, seeds=2, new_model=careless_model, new_run=Watched))
    first, second, third, fourth = runs
    for one, other in ((first, second), (third, fourth)):
        assert one[0] == other[0]
        assert torch.equal(one[1], other[1])
        assert torch.equal(one[2], other[2])
    assert not torch.equal(first[1], third[1])
    assert not torch.equal(first[2], third[2])


def test_the_curves_grow_side_by_side(few):
    taken = {"slow": 0, "fast": 0}
    for record in race(few, TWO):
        taken[record.label] += isinstance(record.event, StepRecord)
        assert abs(taken["slow"] - taken["fast"]) <= lab.STEPS_A_TURN


@pytest.mark.parametrize("scores_an_epoch", [0, 1, 3, 99])
def test_the_number_of_records_is_known_before(few, scores_an_epoch):
    records = list(race(few, {"one": SHORT}, scores_an_epoch=scores_an_epoch))
    expected = lab.num_records(100, SHORT, scores_an_epoch=scores_an_epoch)
    assert len(records) == expected == 20 + 2 * min(10, scores_an_epoch)


def test_one_that_diverges_dropped_out_and_the_others_go_on(few):
    records = list(race(few, {"wild": WILD, "tame": SHORT}))
    (out,) = [r for r in records if isinstance(r.event, Dropped)]
    assert out.label == "wild"
    assert "Try a tenth of that rate" in out.event.reason
    assert len(losses_of(records, "tame")) == 20
    wild, tame = standings(records)
    assert wild.diverged_at == (out.event.step,)
    assert tame.diverged_at == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 6}, "seeds must be a whole number, from 1 to 5"),
        ({"runners": {"a": SHORT, "b": SHORT.replace(seed=3)}}, "got 0, 3"),
        ({"scores_an_epoch": -1}, "scores_an_epoch"),
    ],
)
def test_a_race_that_cannot_be_fair_is_refused(few, options, message):
    with pytest.raises(ValueError, match=message):
        next(race(few, **{"runners": TWO} | options))


def made_up(label, losses, *, seed=0, batch_size=10, accuracy=0.5, seconds=0.5, loss="mse"):
    """Return the records of a runner with these losses, half a second a step."""
    settings = Hyperparameters(batch_size=batch_size, loss=loss)
    steps = [
        StepRecord(k, 0, 1, k, 400, k * batch_size, batch_size, 0.01, value, 0.0, seconds)
        for k, value in enumerate(losses, 1)
    ]
    score = EvaluationRecord(len(losses), 0, len(losses) * batch_size, 0.0, accuracy)
    return [RaceRecord(label, seed, settings, event) for event in (*steps, score)]


def test_standings_by_hand():
    # 80 batches of 10 are as many images as 25 of 32, so keep = 1 - 2/81 = 79/81:
    # after 2 and 0, the mean is (79/81 * 2) / (79/81 + 1) = 79/80
    records = made_up("small", [2.0, 0.0]) + made_up("large", [2.0, 2.0], batch_size=20)
    small, large = standings(records, target_loss=1.0)
    assert (small.differs, large.differs) == ("batch 10", "batch 20")
    assert small.final_loss == pytest.approx(79 / 80)
    assert (small.steps, small.images, small.seconds) == (2, 20, 1.0)
    assert (small.num_reached, large.num_reached) == (1, 0)
    assert (large.steps, large.images, large.seconds) == (None, None, None)
    assert small.score == large.score == 0.5


def test_several_starts_are_averaged_and_divergence_is_counted():
    settings = Hyperparameters(batch_size=10, loss="mse")
    out = RaceRecord("one", 2, settings, Dropped(3, "too long"))
    records = [
        *made_up("one", [1.0, 1.0], accuracy=0.2),
        *made_up("one", [3.0, 3.0], seed=1, accuracy=0.4),
        *made_up("one", [1.0, 9.0], seed=2)[:2],
        out,
    ]
    (row,) = standings(records, target_loss=1.5)
    assert row.final_loss == pytest.approx(2.0)
    assert row.score == pytest.approx(0.3)
    assert (row.num_starts, row.num_reached, row.steps) == (3, 2, 1)
    assert row.diverged_at == (3,)


def test_who_is_first_depends_on_what_is_counted():
    small = made_up("small", [2.0, 0.0], seconds=0.1)
    large = made_up("large", [0.5, 0.5], batch_size=100)
    rows = standings(small + large, target_loss=1.0)
    assert [winner(rows, by).label for by in ("steps", "images", "seconds")] == [
        "large", "small", "small",
    ]  # fmt: skip
    assert winner(standings(small, target_loss=0.1)) is None


def test_losses_of_different_kinds_have_no_common_target():
    records = made_up("mse", [0.1]) + made_up("ce", [0.1], loss="cross_entropy")
    assert [row.steps for row in standings(records, target_loss=1.0)] == [None, None]


def test_a_band_goes_from_the_lowest_to_the_highest_start_and_on_without_one_that_dropped_out():
    settings = Hyperparameters()
    records = made_up("one", [1.0] * 4) + made_up("one", [3.0] * 2, seed=1)[:2]
    records.append(RaceRecord("one", 1, settings, Dropped(3, "too long")))
    band = lab.band(lab.run_curves(records)["one"], x="seconds")
    assert band.mean.tolist() == pytest.approx([2, 2, 1, 1])
    assert band.low.tolist() == pytest.approx([1, 1, 1, 1])
    assert band.high.tolist() == pytest.approx([3, 3, 1, 1])
    assert band.x.tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0])


@pytest.fixture
def panel(few):
    panel = RacePanel(few, TWO, target_loss=1.5)
    yield panel
    panel.close()


def test_a_race_on_a_panel_without_a_frontend(panel, few):
    before = panel.image.value
    records = panel.run(seeds=2)
    assert losses_of(records, "fast", 1) == losses_of(race(few, TWO, seeds=2), "fast", 1)
    assert panel.image.value != before
    assert panel.progress_bar.value == panel.progress_bar.max == len(records)
    assert [row.label for row in panel.standings] == ["slow", "fast"]
    assert "never" in panel.table().data


def test_before_its_last_step_a_runner_has_not_reached_the_target_yet(few):
    records = list(race(few, TWO))
    first_epoch = [record for record in records if record.event.epoch == 0]
    colours = dict.fromkeys(TWO, "red")
    for some, word in ((first_epoch, "not yet"), (records, "never")):
        assert word in standings_table(standings(some, 0.1), colours, 0.1)
    stopped = standings_table(standings(first_epoch, 0.1), colours, 0.1, ended=True)
    assert "not reached" in stopped
    assert "not yet" not in stopped


@pytest.mark.parametrize(("control", "value"), [("x", "seconds"), ("y", "accuracy")])
def test_the_picture_follows_its_controls_after_the_race(panel, control, value):
    panel.run()
    before = panel.image.value
    panel.controls[control].value = value
    assert panel.image.value != before


def test_a_wrong_name_starts_nothing_and_loses_nothing(panel):
    records = panel.run()
    with pytest.raises(ValueError, match="got 'seed'"):
        panel.run(seed=2)
    assert panel.records == records
    assert panel.on_picture


def test_a_new_target_changes_table_and_words_at_once(panel):
    panel.run()
    panel.controls["target_loss"].value = 3.0
    assert "first at a loss of 3: step 1" in panel.status.value
    assert "steps to 3" in panel.table().data


def test_what_is_kept_stays_as_it_is_when_the_others_race_anew(panel):
    kept = losses_of(panel.run(), "slow")
    panel.keep("slow")
    panel.rename("slow", "first try")
    panel.add("faster", SHORT.replace(learning_rate=0.1))
    records = panel.run()
    assert {record.label for record in records} == {"fast", "faster"}
    assert losses_of(panel.on_picture, "first try") == kept
    assert [row.label for row in panel.standings] == ["first try", "fast", "faster"]


def test_a_renamed_runner_keeps_its_curve_and_its_colour(panel):
    losses = losses_of(panel.run(), "fast")
    colour = panel._colours["fast"]
    panel._rows.children[1].name.value = "b > a"
    assert list(panel.runners) == ["slow", "b > a"]
    assert losses_of(panel.on_picture, "b > a") == losses
    assert panel._colours["b > a"] == colour
    assert "b &gt; a" in panel.table().data


def test_a_name_that_is_taken_is_refused_and_said(panel):
    panel._rows.children[0].name.value = "fast"
    assert "is taken" in panel.status.value
    assert panel._rows.children[0].name.value == "slow"
    with pytest.raises(ValueError, match="empty"):
        panel.rename("slow", " ")


def test_a_removed_runner_leaves_picture_table_and_next_race(panel):
    panel.run()
    panel._rows.children[0].remove.click()
    assert [row.label for row in panel.standings] == ["fast"]
    assert {record.label for record in panel.run()} == {"fast"}


def test_only_the_row_of_a_removed_runner_is_closed(panel):
    slow, fast = panel._rows.children
    fast.keep.value = True
    panel.rename("fast", "quick")
    slow.children[-1].click()
    assert panel._rows.children == (fast,)
    assert panel.kept == {"quick"}
    fast.children[-1].click()
    assert panel._rows.children == ()


def test_a_runner_is_added_by_hand_and_raced(panel):
    optimizer, _, rate, _, add = panel.children[-1].children
    optimizer.value, rate.value = "adam", 0.001
    add.click()
    add.click()
    assert list(panel.runners)[2:] == ["adam, lr 0.001", "adam, lr 0.001 (2)"]
    assert len(losses_of(panel.run(), "adam, lr 0.001")) == 20


def test_a_diverging_runner_is_said_in_the_table(few):
    panel = RacePanel(few, {"wild": WILD, "tame": SHORT})
    panel.run()
    assert panel.progress_bar.value == panel.progress_bar.max
    wild, tame = panel.standings
    assert f">{wild.diverged_at[0]}</td>" in panel.table().data
    assert tame.diverged_at == ()
    panel.close()


def test_the_losses_race_on_held_out_digits(few):
    runners = {loss: SHORT.replace(loss=loss) for loss in ("cross_entropy", "mse")}
    panel = RacePanel(few, runners, y="accuracy")
    panel.run()
    assert f"names most held-out {few.noun} right" in panel.status.value
    assert "steps to" not in panel.table().data
    panel.close()


def test_a_runner_is_added_with_a_loss_of_its_own_and_raced_beside_the_kept(few):
    panel = RacePanel(few, {"first": SHORT}, y="accuracy")
    kept = losses_of(panel.run(), "first")
    panel.keep("first")
    _, loss, rate, _, add = panel.children[-1].children
    assert loss.options == ("cross_entropy", "mse", "l1", "huber")
    loss.value, rate.value = "mse", 0.1
    add.click()
    added = SHORT.replace(loss="mse", learning_rate=0.1)
    assert panel.runners["mse, lr 0.1"] == added
    alone = TrainingRun(LeNet5(seed=0), few, added)
    assert losses_of(panel.run(), "mse, lr 0.1") == [record.loss for record in alone]
    assert losses_of(panel.on_picture, "first") == kept
    assert ">mse, lr 0.1</td>" in panel.table().data
    assert "mse" in panel.code("mse, lr 0.1")
    panel.close()


def test_losses_of_different_units_share_no_target_and_the_picture_says_so(few):
    runners = {loss: SHORT.replace(loss=loss) for loss in ("cross_entropy", "mse")}
    panel = RacePanel(few, runners)
    target = panel.controls["target_loss"]
    assert (target.disabled, target.note) == (True, panel_module.NO_TARGET)
    panel.run()
    assert "steps to" not in panel.table().data
    assert axis_of(panel.records) == "loss, smoothed; units differ"
    panel.remove("mse")
    assert (target.disabled, target.note) == (False, "")
    panel.close()


def axis_of(records) -> str:
    axes = Figure().add_subplot()
    draw_race(axes, records)
    return axes.get_ylabel()


def test_a_loss_that_does_not_fit_the_data_is_refused_in_words(diabetes):
    panel = RacePanel(diabetes, {"one": quick(diabetes)}, y="error")
    _, loss, _, _, add = panel.children[-1].children
    loss.value = "cross_entropy"
    add.click()
    assert "Not added:" in panel.status.value
    assert "loss must be one of mse, l1, huber for a regression" in panel.status.value
    assert list(panel.runners) == ["one"]
    loss.value = "l1"
    add.click()
    assert list(panel.runners) == ["one", "l1"]
    panel.close()


def test_where_one_loss_of_ones_own_counts_for_all_there_is_none_to_choose(diabetes):
    own_loss = {"loss": torch.nn.functional.smooth_l1_loss}
    panel = RacePanel(diabetes, {"one": quick(diabetes)}, y="error", **own_loss)
    names = [getattr(child, "description", "") for child in panel.children[-1].children]
    assert "loss" not in names
    panel.close()


def test_the_code_of_a_runner_gives_its_losses(sample, tmp_path):
    settings = Hyperparameters(epochs=1, batch_size=200, seed=3)
    panel = RacePanel(sample, {"slow": settings, "fast": settings.replace(learning_rate=0.05)})
    losses = losses_of(panel.run(seeds=2), "fast", seed=3)
    code_button = panel._rows.children[1].code
    code_button.click()
    (tmp_path / "script.py").write_text(panel.code_shelf.code)
    assert runpy.run_path(str(tmp_path / "script.py"))["losses"] == losses
    code_button.click()
    assert panel.code_shelf.code == ""
    panel.close()


def test_without_runners_race_looks_dead_and_says_why(few):
    panel = RacePanel(few, {})
    assert panel.start_button.disabled
    assert "There is none: add one below." in panel.status.value
    with pytest.raises(ValueError, match="a race needs a runner"):
        panel.run()
    panel.add("one", SHORT)
    assert not panel.start_button.disabled
    assert len(panel.run()) > 0
    panel.remove("one")
    assert panel.start_button.disabled
    panel.close()


def test_race_looks_dead_while_all_who_have_raced_are_kept(panel):
    for label in TWO:
        panel.keep(label)
    assert not panel.start_button.disabled  # they have not raced
    panel.run()
    assert panel.start_button.disabled
    assert panel.start_button.tooltip == "All are kept; release one"
    panel.keep("fast", False)
    assert not panel.start_button.disabled


@pytest.mark.parametrize(
    ("bad", "takes"),
    [
        ({"seeds": 7}, "seeds must be a whole number, from 1 to 5; got 7"),
        ({"seeds": 2.5}, "seeds must be a whole number"),
        ({"target_loss": 0}, r"target loss must be a finite number in \(0, inf\); got 0"),
        ({"target_loss": -1.0}, "target loss"),
        ({"y": "time"}, "y must be one of loss, accuracy; got 'time'"),
    ],
)
def test_a_race_panel_refuses_what_its_controls_do_not_take(few, bad, takes):
    with pytest.raises((ValueError, TypeError), match=takes):
        RacePanel(few, TWO, **bad)


@pytest.mark.parametrize("target", [1e-300, 1e-4, 0.01, 0.5, 10, 100, 1e6])
def test_any_target_has_its_line_before_anybody_races(target):
    axes = Figure().add_subplot()
    draw_race(axes, [], target_loss=target)
    low, high = axes.get_ylim()
    assert low < target <= high


def test_what_a_race_panel_is_given_stands_on_its_controls_as_it_is(few):
    settings = SHORT.replace(learning_rate=1e-6, batch_size=33)
    panel = RacePanel(few, {"one": settings}, seeds=5, target_loss=1e-4)
    assert (panel.values()["seeds"], panel.values()["target_loss"]) == (5, 1e-4)
    _, _, rate, size, add = panel.children[-1].children
    assert (rate.value, size.value) == (1e-6, 33)
    add.click()
    assert settings in list(panel.runners.values())[1:]
    panel.close()


def quick(data, **settings) -> Hyperparameters:
    settings = {"epochs": 2, "batch_size": 16, "loss": data.default_loss} | settings
    return Hyperparameters(optimizer="adam", **settings)


def test_wines_are_raced_on_what_is_held_out_and_counted(wine):
    panel = RacePanel(wine, {"one": quick(wine, learning_rate=0.01)}, y="accuracy")
    panel.run(target_loss=1e-6)
    (row,) = panel.standings
    by_hand = f"{row.score * 40:.0f} of 40"
    assert f">{by_hand}</td>" in panel.table().data
    assert ">wines</th>" in panel.table().data
    panel.set(x="wines", target_loss=5.0)
    assert "first at a loss of 5: after 16 wines." in panel.status.value
    panel.close()


def test_a_regression_is_raced_in_the_unit_of_its_targets(diabetes):
    runners = {"low": quick(diabetes), "high": quick(diabetes, learning_rate=0.1)}
    panel = RacePanel(diabetes, runners, y="error")
    panel.run()
    low, high = panel.standings
    assert low.final_loss > 1_000  # no loss is cut to 100
    assert high.score < low.score < 200
    axes = Figure().add_subplot()
    draw_race(axes, panel.records)
    assert axes.get_ylim()[1] > 20_000
    variance = diabetes.train.targets.var(correction=0).item()
    assert panel.values()["target_loss"] == pytest.approx(variance / 2, rel=0.05)
    assert "held-out mean absolute error" in panel.table().data
    panel.close()


def test_without_a_target_the_nearest_is_named(diabetes):
    runners = {"mse": quick(diabetes), "l1": quick(diabetes, loss="l1", learning_rate=0.3)}
    panel = RacePanel(diabetes, runners, y="error")
    panel.run()
    best = min(panel.standings, key=lambda row: row.score)
    assert f"{best.label} is nearest to the held-out patients so far" in panel.status.value
    panel.close()


def test_a_race_by_a_loss_a_step_and_a_metric_of_ones_own(diabetes):
    def bend(outputs, targets):
        return -torch.exp(-((outputs - targets) / 100).square()).mean()  # below 0

    def worst(outputs, targets):
        return (outputs - targets).abs().max()

    taken = []

    def my_update(run, inputs, targets):
        taken.append(len(targets))
        loss = run.loss_function(run.model(inputs), targets)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        return loss

    own = {"loss": bend, "update": my_update, "metric": worst}
    panel = RacePanel(diabetes, {"one": quick(diabetes, epochs=1)}, y="worst", **own)
    records = panel.run()
    assert len(taken) == len(losses_of(records, "one"))
    assert max(losses_of(records, "one")) < 0
    assert 150 < panel.standings[0].score < 400
    assert ", bend, epochs 1" in panel.in_words(quick(diabetes, epochs=1))
    panel.set(y="loss")
    panel.close()


def test_where_nothing_is_held_out_the_picture_says_so(pictures):
    panel = RacePanel(pictures, {"one": quick(pictures, epochs=1)}, y="accuracy")
    records = panel.run()
    assert len(records) == panel.progress_bar.max == 3
    assert "No pictures are held out" in panel.status.value
    panel.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runners": {"a": SHORT.replace(batch_size=500)}}, "'a' cannot race: batch_size"),
        ({"runners": {"a": SHORT}}, "'a' cannot race: loss must be one of mse, l1, huber"),
        ({"runners": {"a": 3}}, r"'a' must be Hyperparameters\(...\); got 3"),
        ({"new_model": lambda: torch.nn.Linear(3, 1)}, "'mse' cannot race: the model cannot take"),
        ({"new_model": torch.nn.Linear(10, 1)}, "new_model must be callable"),
        ({"loss": "mse"}, "loss must be a function"),
        ({"y": "accuracy"}, "y must be one of loss, error; got 'accuracy'"),
        ({"data": "wine"}, "data must come from load_digits, from_tensors"),
        ({"runners": [SHORT]}, "runners must be a dict"),
    ],
)
def test_what_cannot_race_is_refused_before_anything_starts(diabetes, options, message):
    options = {"data": diabetes, "runners": {"mse": quick(diabetes)}} | options
    with pytest.raises((TypeError, ValueError), match=message):
        RacePanel(**options)


def test_a_network_that_cannot_be_copied_is_told_in_words(wine):
    class Held(torch.nn.Linear):
        def __deepcopy__(self, memo):
            raise RuntimeError("mine alone")

    with pytest.raises(ValueError, match=r"can be copied.*RuntimeError: mine alone"):
        next(race(wine, {"one": quick(wine)}, new_model=lambda: Held(13, 3)))


def test_examples_that_are_read_as_they_are_needed_race_alike_and_leave_no_process(wine):
    dataset = torch.utils.data.TensorDataset(wine.train.inputs, wine.train.targets)
    streamed = StreamedSplit(dataset, wine.train.targets, wine.device, workers=1)
    data = dataclasses.replace(wine, train=streamed)
    runners = {"one": quick(wine, epochs=1)}
    assert losses_of(race(data, runners), "one") == losses_of(race(wine, runners), "one")
    before = set(psutil.Process().children())
    panel = RacePanel(data, {"long": quick(wine, epochs=100_000)})
    panel.start()
    while not panel.records:
        panel._session.join(0.05)
    readers = set(psutil.Process().children()) - before
    assert readers
    panel.stop()
    panel._session.join()
    panel.refresh()
    assert not psutil.wait_procs(readers, timeout=20)[1]
    panel.close()


def test_seconds_say_how_many_runs_went_at_a_time():
    alone = made_up("one", [2.0, 0.1])
    beside = [dataclasses.replace(record, at_once=2) for record in alone]
    tables = [standings_table(standings(r, 1.0), {"one": "red"}, 1.0) for r in (alone, beside)]
    assert ["2 runs at a time" in table for table in tables] == [False, True]
    axes = Figure().add_subplot()
    draw_race(axes, beside, x="seconds")
    assert axes.get_xlabel() == "seconds of training, 2 runs at a time"


@pytest.mark.skipif(usable_cores() == 1, reason="one core goes through all by itself")
def test_processes_start_while_a_learner_reads_and_not_for_a_panel_that_is_gone(few, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(own, "READING_SECONDS", 0.0)
    pool.end()

    async def shown(*, close):
        panel = RacePanel(few, TWO)
        if close:
            panel.close()
        await asyncio.sleep(0.05)  # the loop calls what is due
        return pool.has_started()

    try:
        assert [asyncio.run(shown(close=True)), asyncio.run(shown(close=False))] == [False, True]
    finally:
        pool.end()


def test_what_adds_a_runner_is_one_button_away(few):
    panel = RacePanel(few, {"one": SHORT})
    show, adder = panel.children[-2:]
    assert (show.description, adder.layout.display) == ("Another runner", "none")
    show.value = True
    assert adder.layout.display is None
    panel.close()


def test_a_square_has_a_colour_for_light_and_one_for_dark_pages():
    square = colour_square(BLUE)
    assert f"color:{BLUE}" in square
    assert f"--on-dark:{on_dark(BLUE)}" in square
    assert on_dark(BLUE) != BLUE
