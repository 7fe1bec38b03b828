"""The learning-rate finder: what it leaves alone, and what it reads off."""

import copy
import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun
from tutorial_lib.labs.lr_finder.measure import LrRecord, lr_finder, suggest
from tutorial_lib.labs.lr_finder.panel import LrFinderPanel
from tutorial_lib.panels import TrainingPanel
from tutorial_lib.random_state import RANDOM_STATE


def equal(left, right) -> bool:
    """Say whether two nests of tensors and plain values are the same, bit for bit."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


def test_model_run_and_random_state_are_bit_equal_afterwards(new_run):
    run = new_run(optimizer="adam")
    for _ in range(3):
        run.step()
    state, random = copy.deepcopy(run.state_dict()), torch.get_rng_state()
    gradients = [parameter.grad.clone() for parameter in run.model.parameters()]
    for _ in lr_finder(run.model, run.data, run.hyperparameters, num_steps=30):
        pass
    assert equal(state, run.state_dict())
    assert torch.equal(random, torch.get_rng_state())
    assert all(map(torch.equal, gradients, (p.grad for p in run.model.parameters())))


def test_a_model_that_draws_leaves_the_random_state_alone_too(few):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(1024, 10))
    before = torch.get_rng_state()
    first, second = (
        [record.loss for record in lr_finder(model, few, num_steps=20)] for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert first == second


def test_rates_rise_by_the_same_factor(few):
    records = list(lr_finder(LeNet5(), few, lowest=0.001, highest=1.0, num_steps=31))
    rates = [record.learning_rate for record in records]
    assert rates[:11] == pytest.approx([10 ** (-3 + step / 10) for step in range(11)])


def made_up(losses) -> list[LrRecord]:
    """Return records of these losses at rates 1, 2, 3 ..., unsmoothed."""
    return [LrRecord(step, step, loss, loss) for step, loss in enumerate(losses, start=1)]


def test_a_tenth_of_the_rate_that_lost_it_again_by_hand():
    records = made_up([2.3] * 20 + [2.2, 2.0, 1.5, 1.9, 2.4])
    found = suggest(records)
    assert found.ended_at == 25
    assert found.learning_rate == 2.5
    assert found.lowest_at == 23
    assert "A tenth" in found.reason


def test_an_early_spike_counts_for_nothing():
    calm = made_up([2.3] * 20 + [2.2, 2.0, 1.5, 2.4])
    spiked = made_up([2.3] * 3 + [900.0] + [2.3] * 16 + [2.2, 2.0, 1.5, 2.4])
    assert suggest(spiked) == suggest(calm)


def test_a_test_that_shows_nothing_suggests_nothing():
    assert suggest(made_up([2.3] * 60)).learning_rate is None
    assert suggest(made_up([2.3] * 5)).learning_rate is None


def test_a_loss_that_only_falls_suggests_a_tenth_of_the_lowest():
    found = suggest(made_up([2.3] * 20 + [2.0, 1.5, 1.0]))
    assert found.learning_rate == pytest.approx(2.3)
    assert found.ended_at is None


def test_it_stops_when_the_loss_is_no_longer_a_number(few):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10), nn.Linear(10, 10))
    records = list(lr_finder(model, few, lowest=1e-3, highest=1e9, num_steps=40))
    assert len(records) < 40
    assert suggest(records, num_early=8).learning_rate < records[-1].learning_rate
    assert math.isfinite(suggest(records, num_early=8).learning_rate)


@pytest.mark.parametrize("wrong", [{"num_steps": 3}, {"lowest": 0}, {"highest": 1e-5}])
def test_a_wrong_setting_is_refused_at_once(few, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        lr_finder(LeNet5(), few, **wrong)


@pytest.mark.parametrize(
    ("optimizer", "low", "high"), [("sgd", 0.03, 0.3), ("momentum", 0.005, 0.06)]
)
def test_a_suggested_rate_trains_lenet(sample, optimizer, low, high):
    settings = Hyperparameters(optimizer=optimizer, epochs=1)
    rate = suggest(list(lr_finder(LeNet5(), sample, settings))).learning_rate
    assert low < rate < high
    run = TrainingRun(LeNet5(), sample, settings.replace(learning_rate=rate))
    assert sum(record.loss for record in list(run)[-20:]) / 20 < 1.5


def test_the_button_sets_the_slider_of_the_training_panel(sample):
    training = TrainingPanel(sample)
    panel = LrFinderPanel(training)
    assert panel.use_button.disabled
    assert panel.use() is None
    panel.run()
    assert not panel.use_button.disabled
    panel.use_button.click()
    assert training.learning_rate.value == pytest.approx(panel.suggestion.learning_rate, rel=0.05)
    assert "A tenth" in panel.status.value
    training.close()
    panel.close()


def test_nobody_else_can_seed_torch_while_a_step_of_it_draws(few):
    """Else the initial weights of a net made beside it would not be those of its seed."""
    free = []

    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))

        def forward(self, images):
            with ThreadPoolExecutor(1) as other_thread:
                free.append(other_thread.submit(RANDOM_STATE.acquire, blocking=False).result())
            return self.net(images)

    list(itertools.islice(lr_finder(Asks(), few, num_steps=20), 3))
    assert len(free) >= 3
    assert not any(free)


def test_the_finder_makes_the_networks_of_its_training_panel(few):
    made = []

    def new_model(seed):
        made.append(seed)
        return LeNet5(seed=seed)

    settings = Hyperparameters(seed=4, batch_size=10)
    training = TrainingPanel(few, new_model=new_model, settings=settings)
    finder = LrFinderPanel(training)
    made.clear()
    finder.run(num_steps=50)
    assert made == [4]
    training.close(), finder.close()


def test_a_loss_in_large_units_is_tested_from_a_lower_rate_on(diabetes, wine):
    starts = {}
    for data in (diabetes, wine):
        settings = Hyperparameters(loss=data.default_loss)
        found = suggest(list(lr_finder(data.default_network(), data, settings)))
        starts[data.name] = next(lr_finder(data.default_network(), data, settings)).learning_rate
        run = TrainingRun(
            data.default_network(), data, settings.replace(learning_rate=found.learning_rate)
        )
        assert list(run)[-1].mean_loss < 0.5 * found.level
    assert starts["wine"] == 1e-4
    assert starts["diabetes"] < 1e-5


def test_a_loss_that_falls_to_nothing_suggests_a_tenth_of_where_it_got_there():
    losses = [1.0] * 20 + [0.9, 0.5, 0.01] + [1e-6] * 30  # no gradient is left, so nothing ends
    assert suggest(made_up(losses)).learning_rate == pytest.approx(2.3)


def test_losses_below_zero_and_large_ones_are_read_alike():
    shape = [2.3] * 20 + [2.31, 2.0, 1.5, 1.9, 2.4]  # so small a rise is none
    plain = suggest(made_up(shape))
    for scale, shift in ((1e4, 0), (1e-6, 0), (1, -5)):
        found = suggest(made_up([scale * loss + shift for loss in shape]))
        assert (found.learning_rate, found.ended_at) == (plain.learning_rate, plain.ended_at)


def test_the_finder_takes_its_panels_network_loss_and_step(wine):
    seen = []

    def halved(outputs, targets):
        seen.append(len(targets))
        return 0.5 * nn.functional.cross_entropy(outputs, targets)

    training = TrainingPanel(wine, new_model=lambda: nn.Linear(13, 3), loss=halved)
    finder = LrFinderPanel(training)
    seen.clear()
    records = finder.run(num_steps=50)
    assert len(seen) >= len(records)
    assert records[0].loss < 1
    assert finder.use() == training.learning_rate.value
    training.close(), finder.close()


def test_a_network_that_cannot_be_copied_is_told_in_words(few):
    class Held(nn.Linear):
        def __deepcopy__(self, memo):
            raise RuntimeError("mine alone")

    with pytest.raises(ValueError, match=r"can be copied.*RuntimeError: mine alone"):
        lr_finder(Held(3, 10), few)
    with pytest.raises(TypeError, match="training must be a TrainingPanel"):
        LrFinderPanel(few)
