"""What notebook 01 says, and what is measured."""

import dataclasses
import functools
import itertools
import math
from collections import Counter
from statistics import median
from typing import NamedTuple

import torch
import torch.nn.functional as F

from claims.table import Seen, claim
from tutorial_lib import (
    Diverged,
    Hyperparameters,
    LeNet5,
    Split,
    TrainingRun,
    evaluate,
    load_digits,
    with_accuracy,
)
from tutorial_lib.labs import SCHEDULES, planned_rates, recorded_map, scheduled
from tutorial_lib.labs.batch_size.measure import fit_slope, measure_batches
from tutorial_lib.labs.lr_finder.measure import lr_finder, suggest
from tutorial_lib.labs.map.recorded import long_map
from tutorial_lib.labs.map.search import Found, rungs_of, search_all
from tutorial_lib.labs.parabola.measure import descent_path

DATA = load_digits("sample")
FEW = dataclasses.replace(DATA, train=Split(DATA.train.images[::20], DATA.train.labels[::20]))
NOTHING = math.log(10)  # the loss of a network that knows nothing
STARTS = range(8)  # where a sentence is about several of them


class Trained(NamedTuple):
    """What is left of a run: numbers alone, so that many can be kept."""

    losses: tuple[float, ...]  # of the steps
    epoch_steps: int
    accuracy: float
    validation_loss: float
    num_answers: int  # how many different digits it answers
    has_diverged: bool

    def epoch(self, number: int) -> float:
        """The mean loss of an epoch, from 0; infinite if it was not trained so far."""
        losses = self.losses[number * self.epoch_steps : (number + 1) * self.epoch_steps]
        return mean(losses) if losses and not self.has_diverged else math.inf

    @property
    def margin(self) -> float:
        """Two standard errors of the accuracy, as the notebook has it."""
        return 2 * math.sqrt(self.accuracy * (1 - self.accuracy) / len(DATA.validation))


@functools.cache
def trained(
    seed: int, *, changes: tuple[tuple[int, float], ...] = (), **settings: float | str
) -> Trained:
    """Train LeNet on the sample; with plain SGD, a rate of 0.1 and three epochs where not said.

    Args:
        changes: After so many steps, to what the rate changes.
    """
    chosen = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 3} | settings
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(seed=seed, **chosen))
    has_diverged = False
    try:
        for record in run:
            if record.step in dict(changes):
                run.adjust(learning_rate=dict(changes)[record.step])
    except Diverged:
        has_diverged = True
    return what_is_left(run, has_diverged=has_diverged)


def what_is_left(run: TrainingRun, *, has_diverged: bool = False) -> Trained:
    losses = tuple(record.loss for record in run.history)
    score = evaluate(run.model, DATA.validation)
    with torch.no_grad():
        answers = run.model(DATA.validation.images).argmax(dim=1).unique().numel()
    return Trained(losses, run.steps_per_epoch, score.accuracy, score.loss, answers, has_diverged)


def mean(numbers: tuple[float, ...] | list[float]) -> float:
    return sum(numbers) / len(numbers)


def jitter(losses: tuple[float, ...]) -> float:
    """How much a loss differs from the one before, on average."""
    return mean([abs(after - before) for before, after in itertools.pairwise(losses)])


def first_below(level: float, losses: tuple[float, ...], *, span: int = 10) -> float:
    """The first step after which the mean of so many losses is below a level."""
    for step in range(span, len(losses) + 1):
        if mean(losses[step - span : step]) < level:
            return step
    return math.inf


# ---- 3: the step ----


def gradient_of(model: LeNet5, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


@claim("01", "Each image pulls in a direction of its own. The mean keeps what they agree on")
def images_pull_apart(seed: int) -> Seen:
    """The largest cosine between the gradients of four images, and the length of their mean."""
    model, first = LeNet5(seed=seed), 4 * seed
    pairs = [(DATA.train.images[[i]], DATA.train.labels[[i]]) for i in range(first, first + 4)]
    singles = torch.stack([gradient_of(model, *pair) for pair in pairs])
    ways = F.normalize(singles)
    alike = (ways @ ways.T - 2 * torch.eye(4)).max().item()
    share = (singles.mean(dim=0).norm() / singles.norm(dim=1).mean()).item()
    return Seen(alike < 0.95 and share < 0.95, f"cosine {alike:.2f}, mean {share:.2f} as long")


@claim("01", "A little lower.")
def a_step_lowers_the_loss(seed: int) -> Seen:
    """The loss of four images before and after a step of SGD on them."""
    model, four = LeNet5(seed=seed), (DATA.train.images[:4], DATA.train.labels[:4])
    before = F.cross_entropy(model(four[0]), four[1]).item()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    gradient_of(model, *four)
    optimizer.step()
    after = F.cross_entropy(model(four[0]), four[1]).item()
    return Seen(0 < before - after < 0.3, f"{before:.3f} > {after:.3f}")


# ---- 4: the learning rate ----


@claim("01", r"In its first epoch the loss hardly leaves $\ln 10$", quick=False)
def a_low_rate_crawls(seed: int) -> Seen:
    """The mean loss of the last 25 steps of the first epoch at rate 0.01."""
    loss = mean(trained(seed, learning_rate=0.01).losses[100:125])
    return Seen(abs(loss - NOTHING) < 0.25, f"{loss:.2f}")


@claim(
    "01",
    "It falls in the first epoch, and from nine of ten starts that we tried it was the lowest at "
    "the end.",
    at_least=4,
    quick=False,
)
def a_good_rate_falls_first_and_ends_lowest(seed: int) -> Seen:
    """The last epoch of 0.1 against 0.01, 0.3 and 2, and when it came below a loss of 1."""
    ends = {rate: trained(seed, learning_rate=rate).epoch(2) for rate in (0.1, 0.01, 0.3, 2.0)}
    fell = first_below(1.0, trained(seed, learning_rate=0.1).losses)
    numbers = " ".join(f"{rate}: {end:.2f}" for rate, end in ends.items())
    return Seen(min(ends.values()) == ends[0.1] and fell <= 125, f"{numbers}, step {fell}")


@claim("01", "From nine of ten starts it ended above the good run", at_least=4, quick=False)
def a_high_rate_ends_above(seed: int) -> Seen:
    """The mean loss of the last epoch at 0.3 and at 0.1."""
    high, good = (trained(seed, learning_rate=rate).epoch(2) for rate in (0.3, 0.1))
    return Seen(high > good, f"{high:.2f} > {good:.2f}")


@claim("01", "and now and then it learned nothing", seeds=[0], quick=False)
def a_high_rate_may_learn_nothing(seed: int) -> Seen:
    """From how many of eight starts the last epoch at 0.3 is still at ln 10: two at most."""
    ends = [trained(start, learning_rate=0.3).epoch(2) for start in STARTS]
    nothing = sum(end > 2.2 for end in ends)
    return Seen(nothing <= 2, f"{nothing} of {len(STARTS)}")


@claim("01", "From every start it ended there, or overflowed.", quick=False)
def a_rate_of_two_sits_or_overflows(seed: int) -> Seen:
    """The mean loss of the last epoch at rate 2, if there is one."""
    run = trained(seed, learning_rate=2.0)
    end = run.epoch(2)
    dead = run.has_diverged or abs(end - NOTHING) < 0.1
    return Seen(dead, f"up to {max(run.losses):.0e}, then {end:.2f}")


@claim(
    "01", "The good rate leads the lowest and the highest by far more than the margin.", quick=False
)
def the_lead_is_beyond_the_margin(seed: int) -> Seen:
    """The accuracies at 0.1, 0.01 and 2 with their margins."""
    good, low, high = (trained(seed, learning_rate=rate) for rate in (0.1, 0.01, 2.0))
    lead = good.accuracy - max(low.accuracy, high.accuracy)
    numbers = f"{good.accuracy:.1%}, {low.accuracy:.1%}, {high.accuracy:.1%}"
    return Seen(lead > 2 * max(good.margin, low.margin, high.margin), numbers)


@claim("01", "0.01 reads far more than one digit in ten, with a loss that is still high")
def right_and_not_sure(seed: int) -> Seen:
    """The accuracy and the mean loss of the last epoch at rate 0.01."""
    run = trained(seed, learning_rate=0.01)
    return Seen(
        run.accuracy > 0.3 and run.epoch(2) > 0.5, f"{run.accuracy:.0%}, {run.epoch(2):.2f}"
    )


@claim("01", "This network is dead.")
def a_rate_of_two_kills(seed: int) -> Seen:
    """How many different answers the network has after three epochs at rate 2, or it overflowed."""
    run = trained(seed, learning_rate=2.0)
    what = "overflow" if run.has_diverged else f"{run.num_answers} answers"
    return Seen(run.has_diverged or run.num_answers == 1, what)


@claim("01", "A lower rate will not wake it", quick=False)
def a_lower_rate_wakes_nobody(seed: int) -> Seen:
    """The loss of the epoch at 0.1 that follows two at 2, unless it overflowed."""
    run = trained(seed, learning_rate=2.0, changes=((250, 0.1),))
    return Seen(run.has_diverged or run.epoch(2) > 2.2, f"{run.epoch(2):.2f}")


@claim("01", "From another start the same rate can fail in another way", seeds=[0], quick=False)
def some_starts_overflow(seed: int) -> Seen:
    """How many of eight starts overflow at rate 2."""
    overflown = sum(trained(start, learning_rate=2.0).has_diverged for start in STARTS)
    return Seen(0 < overflown < len(STARTS), f"{overflown} of {len(STARTS)}")


@claim("01", "Three steps, and it is there.", seeds=[0])
def the_bowl(seed: int) -> Seen:
    """Where the ball lies after three steps of 0.9, and how far 0.1, 1.8 and 2.1 came in seven."""
    there = abs(descent_path(learning_rate=0.9, num_steps=3)[-1])
    low, high, too_high = (
        abs(descent_path(learning_rate=rate, num_steps=7)[-1]) for rate in (0.1, 1.8, 2.1)
    )
    holds = there < 0.01 < low and 0.01 < high < 1.5 < too_high
    return Seen(holds, f"{there:.4f}; {low:.2f}, {high:.2f}, {too_high:.2f}")


@claim("01", "From which height you let go changes nothing")
def the_start_of_the_ball(seed: int) -> Seen:
    """Whether a ball arrives from five heights just below and just above the border."""
    momentum, curvature = 0.2 * seed, 4.0
    border = 2 * (1 + momentum) / curvature
    arrives = {
        share: {
            abs(descent_path(learning_rate=share * border, curvature=curvature,
                             momentum=momentum, start=start, num_steps=2000)[-1]) < abs(start)
            for start in (-3.0, -1.5, -0.1, 0.5, 2.0)
        }
        for share in (0.98, 1.02)
    }  # fmt: skip
    home = descent_path(learning_rate=2 * border, curvature=curvature, start=0.0)[-1] == 0
    holds = arrives == {0.98: {True}, 1.02: {False}} and home
    return Seen(holds, f"border {border:.2f} with momentum {momentum:.1f}")


def ends_of_an_epoch(rate: float, first: int) -> list[float]:
    """The mean loss of the last 25 steps of an epoch, from three starts."""
    starts = range(3 * first, 3 * first + 3)
    return [mean(trained(s, learning_rate=rate, epochs=1).losses[-25:]) for s in starts]


@claim("01", "do much the same from every start. Their bands are thin.", quick=False)
def thin_bands_and_a_wide_one(seed: int) -> Seen:
    """How far three starts lie apart at the end of the epoch: 0.01, 0.1 and 0.3."""
    apart = [
        max(ends) - min(ends) for ends in (ends_of_an_epoch(r, seed) for r in (0.01, 0.1, 0.3))
    ]
    numbers = ", ".join(f"{gap:.2f}" for gap in apart)
    return Seen(max(apart[:2]) < 0.4 and apart[2] > max(apart[:2]), numbers)


@claim("01", "0.1 comes to the target just about at the end of the epoch", quick=False)
def the_target_at_the_end_of_the_epoch(seed: int) -> Seen:
    """The mean loss of the last 25 steps of the first epoch at rate 0.1; the target is 0.5."""
    loss = mean(trained(seed).losses[100:125])
    return Seen(0.35 < loss < 0.8, f"{loss:.2f}")


@claim(
    "01", r"Some starts learn in the epoch, others are still at $\ln 10$.", seeds=[0], quick=False
)
def a_rate_near_the_border_is_dice(seed: int) -> Seen:
    """From how many of eight starts the loss of the epoch's last 25 steps at 0.3 is below 1.5."""
    ends = [mean(trained(start, learning_rate=0.3).losses[100:125]) for start in STARTS]
    learned, still = sum(end < 1.5 for end in ends), sum(end > 2.1 for end in ends)
    return Seen(learned > 0 and still > 0, f"{learned} learned, {still} did not")


# ---- 4: the finder ----


@functools.cache
def range_tested(seed: int, num_steps: int, optimizer: str = "sgd") -> tuple[float, float, float]:
    """The level, the lowest smoothed loss, and the advice of a range test."""
    settings = Hyperparameters(optimizer=optimizer, seed=seed)
    records = list(lr_finder(LeNet5(seed=seed), DATA, settings, num_steps=num_steps))
    found = suggest(records, num_early=num_steps // 5)
    return found.level, min(record.smooth_loss for record in records), found.learning_rate


@claim("01", "Hardly anywhere, so why believe the rate that was read off its end?")
def a_hundred_steps_show_nothing(seed: int) -> Seen:
    """How far the smoothed loss falls in a range test of a hundred steps."""
    level, lowest, _ = range_tested(seed, 100)
    return Seen(level - lowest < 0.3, f"{level:.2f} to {lowest:.2f}")


@claim("01", "LeNet needs some seventy steps or more to bring its loss below 1")
def the_plateau(seed: int) -> Seen:
    """The step at which ten losses at rate 0.1 have a mean below 1."""
    step = first_below(1.0, trained(seed).losses)
    return Seen(65 <= step <= 120, f"step {step}")


@claim("01", "Now it is to be seen: flat, down, and up again.", quick=False)
def four_hundred_steps_show_it(seed: int) -> Seen:
    """How far the smoothed loss falls in a range test of 400 steps, and what it advises."""
    level, lowest, rate = range_tested(seed, 400)
    return Seen(level - lowest > 0.35 and 0.03 < rate < 0.12, f"{lowest:.2f}, advises {rate:.2g}")


@claim("01", "the hundred steps advised rates from 0.05 to 0.28", seeds=[0], quick=False)
def four_hundred_steps_agree_better(seed: int) -> Seen:
    """The lowest and the highest advice from eight starts: with 100 steps, and with 400."""
    few, many = ([range_tested(start, steps)[2] for start in STARTS] for steps in (100, 400))
    holds = max(many) / min(many) < 0.7 * max(few) / min(few) and max(many) < 0.12
    return Seen(holds, f"{min(few):.2g} to {max(few):.2g}; {min(many):.2g} to {max(many):.2g}")


@claim("01", "The advised rate wins", quick=False)
def the_advice_helps(seed: int) -> Seen:
    """The last epoch at the advised rate, at a tenth of it and at ten times of it."""
    rate = range_tested(seed, 400)[2]
    ends = [trained(seed, learning_rate=rate * factor).epoch(2) for factor in (1, 0.1, 10)]
    return Seen(ends[0] < min(ends[1:]), ", ".join(f"{end:.2f}" for end in ends))


@claim("01", "the advice is lower, because momentum's steps are longer", quick=False)
def momentum_is_advised_less(seed: int) -> Seen:
    """The advice for momentum and for plain SGD."""
    sgd, momentum = range_tested(seed, 400)[2], range_tested(seed, 400, "momentum")[2]
    return Seen(momentum < 0.6 * sgd, f"{momentum:.2g} < {sgd:.2g}")


# ---- 5: the batch size ----


def of_sizes(seed: int) -> dict[int, Trained]:
    return {size: trained(seed, batch_size=size) for size in (8, 32, 256)}


@claim("01", "is far ahead in the first epoch.", quick=False)
def small_batches_are_ahead_at_first(seed: int) -> Seen:
    """The mean loss of the first epoch: B = 8, 32, 256."""
    first = {size: run.epoch(0) for size, run in of_sizes(seed).items()}
    numbers = ", ".join(f"{loss:.2f}" for loss in first.values())
    return Seen(first[8] < 0.8 * first[32] < first[32] < first[256], numbers)


@claim("01", "Its curve shakes more than that of B = 32", quick=False)
def small_batches_shake(seed: int) -> Seen:
    """How much the loss changes from step to step in the last epoch: B = 8 and 32."""
    shakes = {size: jitter(run.losses[-run.epoch_steps :]) for size, run in of_sizes(seed).items()}
    numbers = f"{shakes[8]:.2f} > {shakes[32]:.2f}"
    return Seen(shakes[8] > 1.3 * shakes[32], numbers)


@claim("01", "has caught up after three epochs, with a quarter of the steps.", quick=False)
def the_middle_batch_catches_up(seed: int) -> Seen:
    """The mean loss of the third epoch: B = 8 and 32."""
    ends = {size: run.epoch(2) for size, run in of_sizes(seed).items()}
    return Seen(ends[32] < 1.25 * ends[8], f"{ends[8]:.2f}, {ends[32]:.2f}")


@claim(
    "01", "From nine of ten starts 500 digits cannot tell the two apart.", at_least=4, quick=False
)
def eight_and_32_are_a_draw(seed: int) -> Seen:
    """The accuracies of B = 8 and 32, and their margins."""
    small, middle = (of_sizes(seed)[size] for size in (8, 32))
    apart = abs(small.accuracy - middle.accuracy)
    numbers = f"{small.accuracy:.1%} ± {small.margin:.1%}, {middle.accuracy:.1%}"
    return Seen(apart <= small.margin + middle.margin, numbers)


@claim("01", "has barely begun.", quick=False)
def the_large_batch_has_begun(seed: int) -> Seen:
    """The mean loss of the third epoch with B = 256."""
    end = of_sizes(seed)[256].epoch(2)
    return Seen(1.2 < end < NOTHING, f"{end:.2f}")


@functools.cache
def after_an_epoch(seed: int) -> LeNet5:
    """The network whose gradients are measured."""
    settings = Hyperparameters(optimizer="sgd", learning_rate=0.1, epochs=1, seed=seed)
    run = TrainingRun(LeNet5(seed=seed), DATA, settings)
    for _ in run:
        pass
    return run.model


@claim("01", r"About 8 times, not 64: the points lie on the line $1/\sqrt{B}$", quick=False)
def the_noise_falls_as_the_root(seed: int) -> Seen:
    """The spread of the gradients of 30 batches of 8 against that of 512."""
    spreads = {}
    for size in (8, 512):
        generator = torch.Generator().manual_seed(size + seed)
        gradients = []
        for _ in range(30):
            chosen = torch.randint(4000, (size,), generator=generator)
            batch = DATA.train.images[chosen], DATA.train.labels[chosen]
            gradients.append(gradient_of(after_an_epoch(seed), *batch))
        spreads[size] = torch.stack(gradients).var(dim=0).sum().sqrt().item()
    ratio = spreads[8] / spreads[512]
    return Seen(5 < ratio < 12, f"{ratio:.1f} times")


@claim("01", "A batch of four hardly knows the way down.", quick=False)
def directions_of_gradients(seed: int) -> Seen:
    """The slope of the variance, and the cosine with the whole gradient for 4 and 1,024 images."""
    sizes = measure_batches(after_an_epoch(seed), DATA.train, num_batches=12, seed=seed)
    records = list(sizes)
    slope, few, many = fit_slope(records), records[0].cosine, records[-1].cosine
    holds = abs(slope + 1) < 0.25 and few < 0.5 and many > 0.85
    return Seen(holds, f"slope {slope:.2f}, cosines {few:.2f} and {many:.2f}")


@functools.cache
def after_375_steps(seed: int, batch_size: int) -> Trained:
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": batch_size, "epochs": 25}
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(seed=seed, **settings))
    for _ in itertools.islice(run, 375):
        pass
    return what_is_left(run)


@claim("01", "Step for step the cleaner gradient has the lowest training loss.", quick=False)
def large_batches_win_step_for_step(seed: int) -> Seen:
    """The training loss of the last 45 steps of 375: B = 8, 32, 256."""
    losses = [mean(after_375_steps(seed, size).losses[-45:]) for size in (8, 32, 256)]
    numbers = ", ".join(f"{loss:.2f}" for loss in losses)
    return Seen(losses[0] > losses[1] > losses[2], numbers)


@claim("01", "$B = 256$ read more of them than $B = 8$", quick=False)
def large_batches_read_more_than_small_ones(seed: int) -> Seen:
    """The accuracy after 375 steps: B = 256 and 8."""
    large, small = (after_375_steps(seed, size).accuracy for size in (256, 8))
    return Seen(large > small, f"{large:.1%} > {small:.1%}")


@claim("01", "from four it read as many as $B = 32$, within the margins", at_least=4, quick=False)
def large_and_middle_batches_read_alike(seed: int) -> Seen:
    """The accuracy after 375 steps, with its margin: B = 256 and 32."""
    large, middle = (after_375_steps(seed, size) for size in (256, 32))
    apart = abs(large.accuracy - middle.accuracy)
    numbers = f"{large.accuracy:.1%} ± {large.margin:.1%}, {middle.accuracy:.1%}"
    return Seen(apart <= large.margin + middle.margin, numbers)


@claim("01", "With as many steps we see no such gap.", quick=False)
def no_gap_to_be_seen(seed: int) -> Seen:
    """The accuracy of B = 256 after 375 steps against B = 32 after as many, with the margin."""
    small, large = after_375_steps(seed, 32), after_375_steps(seed, 256)
    gap = small.accuracy - large.accuracy
    return Seen(
        gap < large.margin, f"{large.accuracy:.1%} ± {large.margin:.1%}, {small.accuracy:.1%}"
    )


@claim("01", "in the next epoch the training loss is less than half of what it was. The validation "
       "loss falls, too.", quick=False)  # fmt: skip
def the_brake(seed: int) -> Seen:
    """B = 8: training and validation loss, before the brake and after it."""
    before = trained(seed, batch_size=8)
    after = trained(seed, batch_size=8, epochs=5, changes=((1500, 0.01),))
    losses, validation = (
        (before.epoch(2), after.epoch(3)),
        (before.validation_loss, after.validation_loss),
    )
    holds = losses[1] < 0.5 * losses[0] and validation[1] < validation[0]
    numbers = f"{losses[0]:.2f} to {losses[1]:.2f}; {validation[0]:.2f} to {validation[1]:.2f}"
    return Seen(holds, numbers)


@claim("01", "$B = 4$ starts best, from four starts of five.", at_least=4, quick=False)
def tiny_batches_start_best(seed: int) -> Seen:
    """The mean loss over the first 2,000 images at rate 0.1: B = 4, 32, 256, 1,024."""
    sizes = {4: 500, 32: 62, 256: 7, 1024: 2}
    early = [
        mean(trained(seed, batch_size=size, epochs=2).losses[:steps])
        for size, steps in sizes.items()
    ]
    return Seen(early[0] < min(early[1:]), ", ".join(f"{loss:.2f}" for loss in early))


@claim("01", "At the smaller rate that the rule gives it, it ends far lower", quick=False)
def the_rule_helps_tiny_batches(seed: int) -> Seen:
    """The mean loss over the last 1,000 images, B = 4: at 0.1, and by the rule with the root."""
    rates = (0.1, 0.1 * (4 / 32) ** 0.5)
    ends = [
        mean(trained(seed, batch_size=4, learning_rate=rate, epochs=2).losses[-250:])
        for rate in rates
    ]
    return Seen(ends[1] < 0.7 * ends[0], f"{ends[0]:.2f}, {ends[1]:.2f}")


@claim("01", "are too high for this network, and nothing is learned", quick=False)
def the_linear_rule_goes_too_far(seed: int) -> Seen:
    """The lowest loss of the last 1,000 images with rates of 0.8 for B = 256 and 3.2 for 1,024."""
    runs = [
        trained(seed, batch_size=size, learning_rate=0.1 * size / 32, epochs=2)
        for size in (256, 1024)
    ]
    ends = [mean(run.losses[-max(1, 1000 // (4000 // run.epoch_steps)) :]) for run in runs]
    return Seen(min(ends) > 2.1, ", ".join(f"{end:.3g}" for end in ends))


@functools.cache
def planned(seed: int, name: str, batch_size: int = 8, peak: float = 0.1) -> tuple[float, ...]:
    """The losses of two epochs by a plan."""
    settings = Hyperparameters(optimizer="sgd", batch_size=batch_size, epochs=2, seed=seed)
    run = TrainingRun(LeNet5(seed=seed), DATA, settings)
    rates = planned_rates(name, peak=peak, num_steps=run.num_steps)
    return tuple(record.loss for record in scheduled(run, rates))


MAP_RATES = (0.05, 0.1, 0.2, 0.4)  # of the small map


def on_the_map(seed: int, size: int) -> dict[float, float]:
    """The validation loss after two epochs, by rate; infinite where it diverged."""
    cells = {
        rate: trained(seed, epochs=2, learning_rate=rate, batch_size=size) for rate in MAP_RATES
    }
    return {
        rate: math.inf if cell.has_diverged or math.isnan(cell.validation_loss)
        else cell.validation_loss
        for rate, cell in cells.items()
    }  # fmt: skip


@claim("01", "From none of five starts did the best rate more than double from 32 images to 128. "
       "Linear scaling wants four times: 0.4, where 0.1 is good for 32, and there $B = 128$ kept a "
       "loss above 1.5 from every start.", quick=False)  # fmt: skip
def the_best_rate_at_most_doubles(seed: int) -> Seen:
    """Two epochs: the best rates for B = 32 and 128, and the validation loss of 128 at 0.4."""
    middle, large = on_the_map(seed, 32), on_the_map(seed, 128)
    best = [min(cells, key=cells.get) for cells in (middle, large)]
    holds = best[1] <= 2 * best[0] and large[0.4] > 1.5 and middle[0.1] < 0.5
    return Seen(holds, f"{best[0]} and {best[1]}; {large[0.4]:.2f}")


@claim("01", "for $B = 8$ the best rate was 0.05 or 0.1 from every start.", quick=False)
def the_best_rate_for_eight(seed: int) -> Seen:
    """Two epochs of B = 8: the best rate, and its validation loss."""
    cells = on_the_map(seed, 8)
    best = min(cells, key=cells.get)
    return Seen(best in (0.05, 0.1), f"{best}: {cells[best]:.2f}")


def ridge_of(budget: str) -> dict[int, float]:
    """The lowest loss of each column of a recorded map, where any has learned."""
    return {size: cell.validation_loss for size, cell in recorded_map(budget).ridge().items()}


@claim("01", "The larger the batch, the higher the lowest loss of its column: 0.11 for 8 images, "
       "0.59 for 128. For 256 and 512 no rate learned: two epochs are 30 steps and 14.", seeds=[0]
)  # fmt: skip
def the_map_of_equal_epochs(seed: int) -> Seen:
    """The lowest loss by batch size on the recorded map, and the steps of its large batches."""
    ridge, cells = ridge_of("epochs"), recorded_map("epochs").cells
    steps = [{cell.steps for (_, b), cell in cells.items() if b == size and cell.state in
              ("slow", "unsteady")} for size in (256, 512)]  # fmt: skip
    losses = [round(loss, 2) for loss in ridge.values()]
    holds = losses == sorted(losses) and (losses[0], losses[-1]) == (0.11, 0.59)
    holds = holds and list(ridge) == [8, 16, 32, 64, 128] and steps == [{30}, {14}]
    return Seen(holds, f"{losses}, {steps}")


@claim("01", "The order turns round: 0.42 for 8 images, below 0.1 from 128 on. The price is not on "
       "the map: a step of 512 takes 64 times the images of a step of 8.", seeds=[0])  # fmt: skip
def the_map_of_equal_steps(seed: int) -> Seen:
    """The lowest loss by batch size on the recorded map of equal steps."""
    losses = ridge_of("steps")
    holds = f"{losses[8]:.2f}" == "0.42" and max(losses[b] for b in (128, 256, 512)) < 0.1
    holds = holds and min(losses[b] for b in (8, 16, 32, 64)) > 0.1 and 512 == 64 * 8
    return Seen(holds, ", ".join(f"{loss:.2f}" for loss in losses.values()))


@claim("01", "The lowest loss is in between, at 16 images, and 512, with some twenty steps, "
       "learned with no rate.", seeds=[0])  # fmt: skip
def the_map_of_equal_seconds(seed: int) -> Seen:
    """The best cell of the recorded map of equal seconds, and the steps of 512 images."""
    the_map = recorded_map("seconds")
    steps = [cell.steps for cell in the_map.trained if cell.batch_size == 512]
    holds = the_map.best().batch_size == 16 and 512 not in the_map.ridge()
    holds = holds and 15 < min(steps) <= max(steps) < 25
    return Seen(holds, f"batch {the_map.best().batch_size}; {min(steps)} to {max(steps)} steps")


@claim("01", "its rate ends within 0.08 of the lowest loss of every column. Linear scaling costs "
       "0.16 at 8 images, nothing at 64 and 0.23 at 128. At 256 and 512 its rates of 0.8 and 1.6 "
       "learn nothing.", seeds=[0])  # fmt: skip
def what_the_rules_miss(seed: int) -> Seen:
    """By how much each rule ends above the lowest loss on the recorded map of equal steps."""
    root, linear = (
        {row.batch_size: row for row in recorded_map("steps").scaled(rule)}
        for rule in ("square root", "linear")
    )
    lost = {size: linear[size] for size in (256, 512)}
    holds = max(row.misses for row in root.values()) < 0.08
    costs = [f"{linear[size].misses:.2f}" for size in (8, 64, 128)]
    holds = holds and costs == ["0.16", "0.00", "0.23"]
    holds = holds and [round(row.learning_rate, 3) for row in lost.values()] == [0.8, 1.6]
    holds = holds and all(row.cell.validation_loss > 2.3 for row in lost.values())
    told = [f"{size}: {root[size].misses:.2f}, {linear[size].misses:.2f}" for size in root]
    return Seen(holds, "; ".join(told))


# ---- 5: a search that does not see the map; nothing is drawn that its seeds do not say ----

SEARCHES = ("grid", "random", "halving")


@functools.cache
def searched(num_seeds: int, reduction: int = 2) -> dict[str, list[Found]]:
    """What each search found on the map of nine epochs, from so many seeds."""
    given = {"budget": 81, "seeds": range(num_seeds), "reduction": reduction}
    return {name: search_all(long_map(), methods=[name], **given) for name in SEARCHES}


def times_best(found: list[Found]) -> int:
    """From how many seeds the map's best cell was found."""
    return sum(each.misses <= 0 for each in found)


@claim("01", "each with 81 epochs to spend, which is what nine whole trainings cost", seeds=[0])
def what_searches_are_given(seed: int) -> Seen:
    """Pairs, and the epochs that they get: halving's at least, from ten seeds."""
    found = searched(10)
    given = {
        tuple(sorted(Counter(each.epochs for each in one.tries if math.isfinite(each.loss)
                             or each.epochs == 1))) for one in found["halving"]
    }  # fmt: skip
    pairs = {name: {len(one.tries) for one in each} for name, each in found.items()}
    holds = pairs == {"grid": {9}, "random": {9}, "halving": {31}}
    rates = [len({each.learning_rate for each in one.tries}) for one in found["random"]]
    holds = holds and given == {(1, 2, 4, 9)} and min(rates) > 3
    holds = holds and all(one.spent <= 81 for each in found.values() for one in each)
    return Seen(holds, f"{pairs}, {given}, rates {min(rates)} to {max(rates)}")


@claim("01", "This was seed 5, from which each finds about what it usually does.", seeds=[0])
def a_usual_seed(seed: int) -> Seen:
    """The losses found from seed 5, beside the medians of 200 seeds."""
    five = {name: each[5].best.loss for name, each in searched(200).items()}
    usual = {name: median(loss_found(one) for one in each) for name, each in searched(200).items()}
    holds = all(abs(five[name] - usual[name]) < 0.002 for name in SEARCHES)
    return Seen(holds, ", ".join(f"{five[name]:.3f} ({usual[name]:.3f})" for name in SEARCHES))


def loss_found(found: Found) -> float:
    return math.inf if found.best is None else found.best.loss


@claim("01", "Halving found the map's best cell from 111 of 200 seeds, random search from 41, the "
       "grid from 33. From the first ten, random search had looked better than it is.",
       seeds=[0])  # fmt: skip
def what_searches_find(seed: int) -> Seen:
    """From how many seeds each search found the best cell: of 200, and of ten."""
    many = [times_best(searched(200)[name]) for name in ("halving", "random", "grid")]
    few = times_best(searched(10)["random"])
    return Seen(many == [111, 41, 33] and few / 10 > 2 * 41 / 200, f"{many}, {few} of ten")


@claim("01", "the best cell was fifth of 56 by then.", seeds=[0])
def the_best_cell_is_early_among_the_first(seed: int) -> Seen:
    """The place of the map's best cell after one epoch, and after nine."""
    the_map = long_map()
    after_one = sorted(cell.validation[0] for cell in the_map.trained if cell.validation)
    place = after_one.index(the_map.best().validation[0]) + 1
    return Seen(place == 5 and len(the_map.cells) == 56, f"{place} of {len(the_map.cells)}")


@claim("01", "it finds the best cell from *none* of the 200 seeds: it then looks after epoch 3, "
       "where that cell's loss has just jumped up.", seeds=[0])  # fmt: skip
def a_third_is_too_few_here(seed: int) -> Seen:
    """Halving by thirds: how often it found the best cell, whose losses are these."""
    times = times_best(searched(200, reduction=3)["halving"])
    losses = long_map().best().validation[:4]
    holds = times == 0 and rungs_of(9, 3) == [1, 3, 9] and losses[1] < losses[2] > losses[3]
    return Seen(holds, f"{times}; " + ", ".join(f"{loss:.2f}" for loss in losses))


@claim("01", "The eight cells with the lowest losses read 97.0 % to 98.2 % of the 500 digits, a "
       "draw by the margins of section 4.", seeds=[0])  # fmt: skip
def the_best_cells_are_a_draw(seed: int) -> Seen:
    """The accuracies of the eight cells with the lowest losses, and the margins of both ends."""
    told = sorted(long_map().trained, key=lambda cell: cell.validation_loss)[:8]
    low, high = (end(cell.accuracy for cell in told) for end in (min, max))
    margins = [2 * math.sqrt(share * (1 - share) / len(DATA.validation)) for share in (low, high)]
    holds = (f"{low:.1%}", f"{high:.1%}") == ("97.0%", "98.2%") and high - low < sum(margins)
    return Seen(holds, f"{low:.1%} to {high:.1%}, margins {margins[0]:.1%} and {margins[1]:.1%}")


@claim("01", "The constant rate ends highest. The three plans that end with small steps end well "
       "below it", quick=False)  # fmt: skip
def plans_end_below_the_constant_rate(seed: int) -> Seen:
    """The mean loss of the last 125 steps by each plan, B = 8."""
    ends = {name: mean(planned(seed, name)[-125:]) for name in SCHEDULES}
    constant = ends.pop("constant")
    numbers = f"{constant:.2f}; " + ", ".join(f"{name} {end:.2f}" for name, end in ends.items())
    return Seen(max(ends.values()) < 0.8 * constant, numbers)


@claim("01", "One-cycle is behind at first, because its first steps are tiny, and catches up.",
       quick=False)  # fmt: skip
def one_cycle_is_late(seed: int) -> Seen:
    """The mean loss of the steps up to the first quarter, by each plan, B = 8."""
    early = {name: mean(planned(seed, name)[190:250]) for name in SCHEDULES}
    late = early.pop("one-cycle")
    return Seen(late > max(early.values()), f"{late:.2f} > {max(early.values()):.2f}")


@claim("01", "*step* ended above the constant rate from some starts", seeds=[0], quick=False)
def a_plan_need_not_help(seed: int) -> Seen:
    """B = 32, peak 0.2: from how many of eight starts the last quarter of *step* is higher."""
    higher = sum(
        mean(planned(start, "step", 32, 0.2)[-31:])
        > mean(planned(start, "constant", 32, 0.2)[-31:])
        for start in STARTS
    )
    return Seen(0 < higher < len(STARTS), f"{higher} of {len(STARTS)}")


# ---- 6 to 8 ----


@claim("01", "The loss on the validation digits turns round and *rises*, and the accuracy stands "
       "still.", quick=False)  # fmt: skip
def overfitting(seed: int) -> Seen:
    """200 digits, 30 epochs: training loss, lowest and last validation loss, and the accuracies."""
    settings = Hyperparameters(
        optimizer="sgd", learning_rate=0.1, batch_size=20, epochs=30, seed=seed
    )
    run = TrainingRun(LeNet5(seed=seed), FEW, settings)
    scores = [r for r in with_accuracy(run, DATA.validation) if hasattr(r, "accuracy")]
    training, last = mean([record.loss for record in run.history[-10:]]), scores[-1]
    lowest = min(scores, key=lambda score: score.loss)
    still = abs(last.accuracy - scores[-10].accuracy) < 0.02
    holds = training < 0.05 and last.loss > 1.1 * lowest.loss and still
    return Seen(holds, f"{training:.4f}; {lowest.loss:.2f} to {last.loss:.2f}, {last.accuracy:.0%}")


@claim("01", "acts about like 0.1 without", quick=False)
def momentum_acts_like_a_higher_rate(seed: int) -> Seen:
    """The mean loss of the second epoch: 0.01 with momentum 0.9, and 0.1 and 0.01 without."""
    with_it = trained(seed, optimizer="momentum", learning_rate=0.01).epoch(1)
    plain, low = trained(seed).epoch(1), trained(seed, learning_rate=0.01).epoch(1)
    holds = 0.5 < with_it / plain < 2 and with_it < 0.4 * low
    return Seen(holds, f"{with_it:.2f}; {plain:.2f} and {low:.2f}")


def by_panel(seed: int, **settings: float) -> Trained:
    """A run with the panel's first optimizer."""
    return trained(seed, optimizer="momentum", **settings)


@claim("01", "0.01 wins. 0.001 is still on its way.", quick=False)
def three_rates_in_the_panel(seed: int) -> Seen:
    """The mean loss of the second epoch: 0.001, 0.01, 0.1."""
    ends = [by_panel(seed, learning_rate=rate, epochs=2).epoch(1) for rate in (0.001, 0.01, 0.1)]
    holds = ends[1] < min(ends[0], ends[2]) and ends[0] > 1.5
    return Seen(holds, ", ".join(f"{end:.2f}" for end in ends))


@claim("01", "0.1 jumps, and ends far above it", quick=False)
def too_high_a_rate_in_the_panel(seed: int) -> Seen:
    """The mean loss of the second epoch at 0.1, beside that at 0.01."""
    end, good = (by_panel(seed, learning_rate=rate, epochs=2).epoch(1) for rate in (0.1, 0.01))
    return Seen(end > 3 * good, f"{end:.2f}, {good:.2f}")


@claim("01", r"from some starts at $\ln 10$, where it learns nothing more", seeds=[0], quick=False)
def nothing_more_is_learned_in_the_panel(seed: int) -> Seen:
    """The mean loss of the second epoch at 0.1."""
    end = by_panel(seed, learning_rate=0.1, epochs=2).epoch(1)
    return Seen(end > 2.2, f"{end:.2f}")


@claim("01", "8 is rougher *and* lower", quick=False)
def two_batches_in_the_panel(seed: int) -> Seen:
    """Jumps from step to step, and the mean loss, of the fifth epoch: B = 8 and 256."""
    runs = [by_panel(seed, learning_rate=0.01, epochs=5, batch_size=size) for size in (8, 256)]
    ends = [run.epoch(4) for run in runs]
    jumps = [jitter(run.losses[-run.epoch_steps :]) for run in runs]
    numbers = f"{jumps[0]:.2f} > {jumps[1]:.2f}, {ends[0]:.2f} < {ends[1]:.2f}"
    return Seen(jumps[0] > jumps[1] and ends[0] < ends[1], numbers)


@claim("01", "0.02 helps. Higher rates are dice", quick=False)
def help_for_the_large_batch(seed: int) -> Seen:
    """The mean loss of the fifth epoch with B = 256: 0.01 and 0.02."""
    ends = [
        by_panel(seed, learning_rate=rate, epochs=5, batch_size=256).epoch(4)
        for rate in (0.01, 0.02)
    ]
    return Seen(ends[1] < 0.8 * ends[0], f"{ends[0]:.2f}, {ends[1]:.2f}")


@claim(
    "01", "from some starts they end lower still, from others far higher", seeds=[0], quick=False
)
def dice_for_the_large_batch(seed: int) -> Seen:
    """From how many of five starts 0.05 ends below 0.02, B = 256."""
    lower = sum(
        by_panel(start, learning_rate=0.05, epochs=5, batch_size=256).epoch(4)
        < by_panel(start, learning_rate=0.02, epochs=5, batch_size=256).epoch(4)
        for start in range(5)
    )
    return Seen(0 < lower < 5, f"{lower} of 5")


@claim("01", "The training loss falls to half at once, or to less.", quick=False)
def the_brake_in_the_panel(seed: int) -> Seen:
    """The epoch before the brake and the one after it, B = 8, and the accuracy at the end."""
    changes = ((1500, 0.001),)
    run = by_panel(seed, learning_rate=0.01, epochs=5, batch_size=8, changes=changes)
    before, after = run.epoch(2), run.epoch(3)
    return Seen(after < 0.55 * before, f"{before:.2f} to {after:.2f}, {run.accuracy:.1%}")


@claim("01", "No. Dead ReLUs have no gradient", quick=False)
def the_highest_rate_of_the_panel(seed: int) -> Seen:
    """An epoch at a rate of 1, and two at 0.01: the mean loss of the last one, if it got there."""
    run = by_panel(seed, learning_rate=1.0, changes=((125, 0.01),))
    return Seen(run.epoch(2) > 2.2, f"{run.epoch(2):.2f}")
