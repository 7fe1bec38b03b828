"""The engine: one step at a time, exact, and clear about what goes wrong."""

import copy
import itertools
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import Diverged, Hyperparameters, LeNet5, TrainingRun, evaluate, from_tensors
from tutorial_lib.data import Split
from tutorial_lib.engine.drive import with_accuracy
from tutorial_lib.engine.records import EvaluationRecord
from tutorial_lib.optimizers import OPTIMIZERS


def same_weights(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_step_is_that_of_a_bare_torch_loop(few):
    run = TrainingRun(LeNet5(seed=0), few, Hyperparameters(epochs=2, batch_size=10))
    losses = [record.loss for record in run]
    model = LeNet5(seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    expected = []
    for epoch in range(2):
        order = torch.from_numpy(np.random.default_rng((0, epoch)).permutation(100))
        for indices in order.split(10):
            loss = F.cross_entropy(model(few.train.images[indices]), few.train.labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            expected.append(loss.item())
    assert losses == expected
    assert same_weights(run.model, model)


def test_every_image_is_used_once_an_epoch(few):
    marked = Split(torch.arange(100.0).view(-1, 1, 1, 1).expand(-1, 1, 32, 32), few.train.labels)
    seen = []
    model = LeNet5()
    data = type(few)(few.name, few.notice, marked, few.test, few.device)
    settings = Hyperparameters(epochs=2, batch_size=10, learning_rate=1e-6)
    run = TrainingRun(model, data, settings)  # which has asked a copy of it once
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, 0, 0, 0]))
    list(run)
    first, second = torch.cat(seen[:10]), torch.cat(seen[10:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(100))
    assert first.tolist() != second.tolist()


def test_records_count_steps_epochs_and_images(new_run):
    records = list(new_run(batch_size=30))  # 3 steps of 30; 10 images left out
    assert [r.step for r in records] == list(range(1, 10))
    assert [(r.epoch, r.epoch_step) for r in records[:4]] == [(0, 1), (0, 2), (0, 3), (1, 1)]
    assert {r.epoch_steps for r in records} == {3}
    assert records[-1].images_seen == 270
    assert records[2].mean_loss == pytest.approx(sum(r.loss for r in records[:3]) / 3)


def test_a_finished_run_yields_no_more(new_run):
    run = new_run(epochs=1)
    assert run.num_steps == 10 == len(list(run))
    with pytest.raises(StopIteration):
        run.step()
    assert run.num_steps == run.step_number == 10


def test_global_random_state_changes_nothing(new_run):
    quiet, noisy = new_run(), new_run()
    list(quiet)
    for _ in noisy:
        torch.rand(3), np.random.rand(3), random.random()
        torch.manual_seed(5)
    assert same_weights(quiet.model, noisy.model)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "l1"])
def test_each_optimizer_lowers_each_loss(new_run, optimizer, loss):
    rate = {"sgd": 0.05, "rmsprop": 1e-3, "adam": 2e-3, "adamw": 2e-3}.get(optimizer, 0.02)
    settings = {"optimizer": optimizer, "loss": loss, "learning_rate": rate}
    losses = [record.loss for record in new_run(epochs=5, **settings)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


def test_a_changed_rate_acts_at_the_next_step_and_is_marked(new_run):
    run = new_run()
    list(itertools.islice(run, 4))
    run.adjust(learning_rate=0.5, momentum=0.1)
    record = run.step()
    assert record.learning_rate == 0.5
    assert run.optimizer.param_groups[0]["momentum"] == 0.1
    assert [(c.step, c.field, c.before, c.after) for c in run.changes] == [
        (5, "learning_rate", 0.01, 0.5),
        (5, "momentum", 0.9, 0.1),
    ]


def test_the_first_settings_are_known_after_any_change(new_run):
    run = new_run()
    first = run.hyperparameters
    for rate in (0.5, 0.1):
        run.adjust(learning_rate=rate, batch_size=5)
        run.step()
    assert run.first_hyperparameters == first != run.hyperparameters


def test_a_changed_batch_size_acts_at_the_next_batch(new_run):
    run = new_run()
    list(itertools.islice(run, 4))
    run.adjust(batch_size=20)
    assert run.step().batch_size == 20
    assert sum(1 for _ in run) == 2 + 2 * 5  # 40 images of this epoch left, then two epochs


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0},
        {"momentum": 1.0},
        {"batch_size": 101},
        {"batch_size": 2.5},
        {"epochs": 3},
    ],
)
def test_a_bad_change_is_refused_and_nothing_is_lost(new_run, change):
    run = new_run()
    list(itertools.islice(run, 4))
    settings = run.hyperparameters
    with pytest.raises((ValueError, TypeError), match=next(iter(change))):
        run.adjust(**change)
    run.step()
    assert (run.hyperparameters, run.changes, len(run.history)) == (settings, [], 5)


def test_a_batch_larger_than_the_set_is_refused_before_anything_starts(few):
    message = r"batch_size must be a whole number, from 1 to 100 .*'few' has 100 images.*; got 128"
    with pytest.raises(ValueError, match=message):
        TrainingRun(LeNet5(), few, Hyperparameters(batch_size=128))


def test_divergence_is_seen_before_the_update(new_run):
    run = new_run(loss="mse", learning_rate=10.0, optimizer="sgd")
    before = {}
    run.model.register_forward_pre_hook(
        lambda model, _: before.update(copy.deepcopy(model.state_dict()))
    )
    with pytest.raises(Diverged, match=r"at step \d+ with learning rate 10") as caught:
        list(run)
    assert caught.value.step == len(run.history) + 1
    after = run.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in after)
    assert all(value.isfinite().all() for value in after.values())


def test_evaluate_counts_every_image(sample):
    model = LeNet5(seed=0).train()
    split = Split(sample.test.images[:250], sample.test.labels[:250])
    score = evaluate(model, split, chunk=100)
    with torch.no_grad():
        logits = model(split.images)
    right = (logits.argmax(1) == split.labels).float().mean().item()
    assert score.accuracy == pytest.approx(right)
    assert score.loss == pytest.approx(F.cross_entropy(logits, split.labels).item(), rel=1e-5)
    assert sum(map(sum, score.confusion)) == 250
    assert sum(score.confusion[3]) == (split.labels == 3).sum()
    assert model.training


def test_accuracy_is_measured_after_each_epoch_and_changes_nothing(new_run, few):
    plain, watched = new_run(), new_run()
    list(plain)
    records = list(with_accuracy(watched, few.test))
    scores = [(r.step, r.epoch) for r in records if isinstance(r, EvaluationRecord)]
    assert scores == [(10, 0), (20, 1), (30, 2)]
    assert records[-1].accuracy == evaluate(watched.model, few.test).accuracy
    assert same_weights(plain.model, watched.model)


def test_ten_epochs_learn_real_digits(sample):
    run = TrainingRun(LeNet5(seed=0), sample, Hyperparameters(epochs=3))
    list(run)
    assert evaluate(run.model, sample.test).accuracy > 0.9


@pytest.mark.parametrize("stop_at", [0, 1, 9, 10, 11, 29, 30])
def test_a_run_taken_up_again_equals_one_that_never_stopped(new_run, stop_at):
    whole, first, second = new_run(), new_run(), new_run(seed=9)
    list(whole)
    list(itertools.islice(first, stop_at))
    second.load_state_dict(first.state_dict())
    list(second)
    assert same_weights(whole.model, second.model)
    assert [r.loss for r in whole.history] == [r.loss for r in second.history]


def test_epochs_can_be_added_and_taken_away_but_not_those_begun(new_run):
    run = new_run(epochs=2)
    list(itertools.islice(run, 11))
    run.extend(4)
    assert run.num_steps == 40
    with pytest.raises(ValueError, match=r"epochs must be .* 2 or more \(2 have begun\); got 1"):
        run.extend(1)
    run.extend(2)
    assert len(list(run)) == 9


def test_a_rate_can_be_set_without_a_mark(new_run):
    run, marked = new_run(), new_run()
    for rate in (0.5, 0.1):
        run.adjust(learning_rate=rate, mark=False)
        marked.adjust(learning_rate=rate)
        assert run.step().learning_rate == marked.step().learning_rate == rate
    assert run.history[-1].loss == marked.history[-1].loss
    assert (len(run.changes), len(marked.changes)) == (0, 2)


def test_only_a_rate_can_be_changed_without_a_mark(new_run):
    run = new_run()
    run.adjust(learning_rate=0.1, momentum=0.5, weight_decay=0.1, mark=False)
    next(run)
    assert [change.field for change in run.changes] == ["momentum", "weight_decay"]
    assert run.history[0].learning_rate == 0.1


def test_a_change_is_applied_once_however_often_it_is_cut_short(new_run):
    run = new_run()
    for momentum in (0.5, 0.6):
        run.adjust(momentum=momentum)
    cut = iter([True, False, True, False])

    class Cut(list):
        def popleft(self):
            if next(cut):
                raise KeyboardInterrupt
            return self.pop(0)

    run.pending_changes = Cut(run.pending_changes)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run.apply_changes()
    run.apply_changes()
    assert [(c.before, c.after) for c in run.changes] == [(0.9, 0.5), (0.5, 0.6)]
    assert run.hyperparameters.momentum == 0.6


def test_where_targets_are_large_they_are_named_as_the_cause():
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    houses = from_tensors((inputs, 4e5 + 1e5 * inputs[:, :1]), name="houses", device="cpu")
    run = TrainingRun(houses.default_network(), houses)
    with pytest.raises(Diverged, match=r"targets of its batch are about .* large.*Scale them"):
        list(run)
