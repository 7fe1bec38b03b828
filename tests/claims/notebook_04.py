"""What notebook 04 says, and what is measured; without the full MNIST, on the sample."""

from functools import cache
from itertools import islice
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from claims.table import Seen, claim
from tutorial_lib import (
    Hyperparameters,
    LeNet5,
    TrainingRun,
    evaluate,
    hardest_mistakes,
    load_digits,
)
from tutorial_lib.labs import (
    DigitPad,
    InsideRecord,
    load_mnist_runs,
    load_reference,
    looking_inside,
    reference_run,
)
from tutorial_lib.labs.parity.measure import PAGE_LOSSES

DATA = load_digits("sample")
ONCE = (0,)  # nothing is drawn
LEFT = 2.2  # a plateau is left where 25 steps have a mean loss below


@cache
def ten_epochs(seed: int) -> nn.Module:
    """Return the network of the ten epochs."""
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(epochs=10, seed=seed))
    for _ in run:
        pass
    return run.model


@cache
def first_epoch(seed: int) -> TrainingRun:
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(epochs=1, seed=seed))
    for _ in run:
        pass
    return run


@cache
def looked(
    seed: int, init: str, num_steps: int, rate: float = 0.01
) -> tuple[list[float], list[InsideRecord]]:
    """Return the losses of so many steps, and the looks inside."""
    settings = Hyperparameters(epochs=1000, seed=seed, learning_rate=rate)
    run = TrainingRun(LeNet5(init=init, seed=seed), DATA, settings)
    records = list(islice(looking_inside(run), num_steps + (num_steps - 1) // 10 + 1))
    looks = [record for record in records if isinstance(record, InsideRecord)]
    return [r.loss for r in records if not isinstance(r, InsideRecord)], looks


def narrow(seed: int) -> tuple[list[float], list[InsideRecord]]:
    return looked(seed, "mindspore", 1200)


def wide(seed: int) -> tuple[list[float], list[InsideRecord]]:
    return looked(seed, "torch", 400)


def steps_on_plateau(losses: list[float]) -> float:
    """Return after how many steps 25 in a row have a mean loss below 2.2; infinite if never."""
    means = np.convolve(losses, np.ones(25) / 25, "valid")
    return int(np.argmax(means < LEFT)) + 25 if (means < LEFT).any() else float("inf")


def on_plateau(seed: int, layer: str, field: str) -> float:
    """Return the median of a layer's number in the looks of steps 101 to 500."""
    looks = narrow(seed)[1][10:50]
    layers = [each for look in looks for each in look.layers if each.layer == layer]
    if field == "gain":
        return median(each.update_norm / (0.01 * each.gradient_norm) for each in layers)
    return median(getattr(each, field) for each in layers)


LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")


@claim("04", "The first loss is near $\\ln 10 = 2.303$: that of knowing nothing. A hundred batches "
       "later it has fallen.", quick=False)  # fmt: skip
def a_hundred_batches(seed: int) -> Seen:
    """The first loss, and the mean of the last ten of a hundred."""
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(seed=seed))
    losses = [record.loss for record in islice(run, 100)]
    last = sum(losses[-10:]) / 10
    return Seen(2.2 < losses[0] < 2.4 and last < 1.2, f"{losses[0]:.2f} to {last:.2f}")


@claim("04", "The mean of the first epoch is higher than its last loss", quick=False)
def the_mean_remembers_the_beginning(seed: int) -> Seen:
    """The two numbers of LossMonitor's last line of the first epoch."""
    last = first_epoch(seed).history[-1]
    return Seen(last.mean_loss > last.loss, f"{last.mean_loss:.2f} > {last.loss:.2f}")


@claim("04", "each gave some of its mistakes more than 90 %", quick=False)
def sure_and_wrong(seed: int) -> Seen:
    """How many of its mistakes a network of ten epochs gives more than 90 %."""
    mistakes = hardest_mistakes(ten_epochs(seed), DATA.validation, count=500)
    sure = sum(mistake.probability > 0.9 for mistake in mistakes)
    return Seen(sure > 0 and len(mistakes) < 25, f"{sure} of {len(mistakes)}")


def likeness(network: nn.Module) -> np.ndarray:
    """Return how alike neighbours are in each filter of conv1, (6,)."""
    f = network.conv1.weight[:, 0].detach().numpy()
    f = f - f.mean(axis=(1, 2), keepdims=True)
    beside = (f[:, :, 1:] * f[:, :, :-1]).mean(axis=(1, 2))
    below = (f[:, 1:] * f[:, :-1]).mean(axis=(1, 2))
    return (beside + below) / 2 / (f**2).mean(axis=(1, 2))


@claim("04", "In at least four of the six filters, neighbours have become alike.", quick=False)
def filters_are_no_noise_any_more(seed: int) -> Seen:
    """In how many filters the likeness is above 0.25, before and after ten epochs."""
    before, after = ((likeness(net) > 0.25).sum() for net in (LeNet5(seed=seed), ten_epochs(seed)))
    return Seen(bool(before <= 1 and after >= 4), f"{before} and {after}")


@claim("04", "down to a quarter the size does not either", quick=False)
def a_seven_of_a_quarter_is_read(seed: int) -> Seen:
    """What a 7 is read as, as large as the pad, a half, a third and a quarter."""
    pad = DigitPad(ten_epochs(seed))
    answers = [pad.preset(7, size=1 / part) for part in (1, 2, 3, 4)]
    return Seen(answers == [7] * 4, str(answers))


@claim("04", "At an eighth the network sees a blob, reads an 8, and is sure of it.", quick=False)
def a_seven_of_an_eighth_is_an_eight(seed: int) -> Seen:
    """What it is read as, and how sure the network is."""
    pad = DigitPad(ten_epochs(seed))
    answer = pad.preset(7, size=1 / 8)
    return Seen(
        answer == 8 and max(pad.probabilities) > 0.9, f"{answer}, {max(pad.probabilities):.0%}"
    )


@claim(
    "04",
    "Down to a third they read nine or ten of the ten digits; at an eighth, one to three.",
    quick=False,
)
def small_digits(seed: int) -> Seen:
    """How many of the ten are read, at a third and at an eighth of the size."""
    pad = DigitPad(ten_epochs(seed))
    third, eighth = (
        sum(pad.preset(digit, size=1 / part) == digit for digit in range(10)) for part in (3, 8)
    )
    return Seen(third >= 9 and 1 <= eighth <= 3, f"{third} and {eighth}")


@claim("04", "its losses and weights are what they are without it, bit for bit")
def a_look_changes_nothing(seed: int) -> Seen:
    """Twenty steps with looks and without."""
    losses, _ = looked(seed, "torch", 20)
    run = TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(epochs=1000, seed=seed))
    return Seen(losses == [record.loss for record in islice(run, 20)], "equal or not")


@claim("04", "at the first step the gradients of all layers lie between 0.03 and 0.4", quick=False)
def first_gradients_of_the_wide_start(seed: int) -> Seen:
    """The shortest and the longest."""
    lengths = [layer.gradient_norm for layer in wide(seed)[1][0].layers]
    return Seen(0.03 < min(lengths) < max(lengths) < 0.4, f"{min(lengths):.3f}, {max(lengths):.2f}")


@claim("04", "The loss leaves $\\ln 10$ within the first 80 steps.", quick=False)
def the_wide_start_leaves_soon(seed: int) -> Seen:
    """After how many steps 25 in a row have a mean loss below 2.2."""
    steps = steps_on_plateau(wide(seed)[0])
    return Seen(steps <= 80, f"{steps}")


@claim("04", "every layer changes by a few thousandths of itself in a step")
def a_few_thousandths(seed: int) -> Seen:
    """The least and the largest median ratio of a layer from step 101 to 400."""
    looks = wide(seed)[1][10:]
    ratios = [
        median(look.layers[place].update_ratio for look in looks) for place in range(len(LAYERS))
    ]
    return Seen(0.002 < min(ratios) < max(ratios) < 0.009, f"{min(ratios):.4f}, {max(ratios):.4f}")


@claim("04", "for some 800 to 1,000 steps the loss lies on a **plateau**", quick=False)
def the_narrow_start_stays_long(seed: int) -> Seen:
    """After how many steps 25 in a row have a mean loss below 2.2."""
    steps = steps_on_plateau(narrow(seed)[0])
    return Seen(780 <= steps <= 1050, f"{steps}")


@claim("04", "so what reaches the logits is next to nothing")
def logits_lie_close(seed: int) -> Seen:
    """How far the logits of 500 digits lie apart, wide and narrow."""
    with torch.no_grad():
        wide_spread, narrow_spread = (
            LeNet5(init=init, seed=seed)(DATA.validation.images).std(dim=0).mean().item()
            for init in ("torch", "mindspore")
        )
    held = narrow_spread < 0.01 * wide_spread
    return Seen(held, f"{wide_spread:.4f}, {narrow_spread:.5f}")


@claim("04", "The input of the narrow one is ninety times shorter, or "
       "more, and so is the gradient of the weights.")  # fmt: skip
def error_times_input(seed: int) -> Seen:
    """How much longer input and gradient of fc3 are in the wide start; that they make it up."""
    images, labels = DATA.train.images[:32], DATA.train.labels[:32]
    inputs, gradients, errors = [], [], []
    for init in ("torch", "mindspore"):
        net = LeNet5(init=init, seed=seed)
        x = F.relu(F.max_pool2d(net.conv1(images), 2))
        x = F.relu(F.max_pool2d(net.conv2(x), 2)).flatten(1)
        x = F.relu(net.fc2(F.relu(net.fc1(x))))  # (B, 84)
        logits = net.fc3(x)
        F.cross_entropy(logits, labels).backward()
        error = (logits.softmax(dim=1) - F.one_hot(labels, 10)) / len(labels)  # (B, 10)
        assert torch.allclose(net.fc3.weight.grad, error.T @ x, atol=1e-6)
        inputs.append(x.norm().item())
        gradients.append(net.fc3.weight.grad.norm().item())
        errors.append(error.norm().item())
    shorter, gradient = inputs[0] / inputs[1], gradients[0] / gradients[1]
    held = abs(errors[0] / errors[1] - 1) < 0.02 and min(shorter, gradient) >= 80
    return Seen(held, f"{shorter:.0f} and {gradient:.0f} times")


@claim("04", "`conv1` has the shortest gradient and the largest gain, 8 to 9", quick=False)
def conv1_has_the_largest_gain(seed: int) -> Seen:
    """Median gains and gradients of the layers on the plateau."""
    gains = {layer: on_plateau(seed, layer, "gain") for layer in LAYERS}
    lengths = {layer: on_plateau(seed, layer, "gradient_norm") for layer in LAYERS}
    held = max(gains, key=gains.get) == min(lengths, key=lengths.get) == "conv1"
    return Seen(held and 7.5 < gains["conv1"] < 9.5, f"{gains['conv1']:.1f}")


@claim(
    "04", "from `fc3` back to `conv1`, the gradient shrinks to less than a hundredth", quick=False
)
def the_gradient_shrinks_on_its_way(seed: int) -> Seen:
    """The median gradient of conv1 on the plateau as a part of fc3's."""
    part = on_plateau(seed, "conv1", "gradient_norm") / on_plateau(seed, "fc3", "gradient_norm")
    return Seen(part < 0.01, f"1/{1 / part:.0f}")


@claim(
    "04", "That of `fc3` is near 2.3: its long gradient points elsewhere at each step.", quick=False
)
def the_gain_of_fc3_is_that_of_chance(seed: int) -> Seen:
    """The median gain of fc3 on the plateau, and its gradient, against 0.17."""
    gain, length = (on_plateau(seed, "fc3", field) for field in ("gain", "gradient_norm"))
    return Seen(1.8 < gain < 2.6 and 0.14 < length < 0.2, f"{gain:.2f}, {length:.2f}")


@claim("04", "On the plateau the ratio of `conv1` is near 0.001, quite healthy, because its "
       "weights are as tiny as its gradients. (That of `fc1` is about 0.00003.)",
       quick=False)  # fmt: skip
def ratios_on_the_plateau(seed: int) -> Seen:
    """Median updates as a part of the weights."""
    conv1, fc1 = (on_plateau(seed, layer, "update_ratio") for layer in ("conv1", "fc1"))
    return Seen(5e-4 < conv1 < 1.5e-3 and 1.5e-5 < fc1 < 4e-5, f"{conv1:.5f}, {fc1:.6f}")


@claim("04", "On the plateau about half of `fc2` is dead", quick=False)
def half_of_fc2_is_dead(seed: int) -> Seen:
    """The median share of dead units."""
    share = on_plateau(seed, "fc2", "dead_share")
    return Seen(0.4 < share < 0.67, f"{share:.2f}")


@claim("04", "When the digits begin to differ, most units come back.", quick=False)
def most_units_come_back(seed: int) -> Seen:
    """The share of fc2 that is dead after 1,200 steps."""
    share = narrow(seed)[1][-1].layers[LAYERS.index("fc2")].dead_share
    return Seen(share < 0.25, f"{share:.2f}")


@claim("04", "About half as long. So is 0.1 better still?", quick=False)
def three_times_the_rate_is_half_the_plateau(seed: int) -> Seen:
    """The plateau at rate 0.03 as a part of that at 0.01."""
    part = steps_on_plateau(looked(seed, "mindspore", 700, 0.03)[0]) / steps_on_plateau(
        narrow(seed)[0]
    )
    return Seen(0.38 < part < 0.6, f"{part:.2f}")


@claim("04", "In all five, all of `fc2` had died by step 1,400", quick=False)
def at_a_tenth_it_dies(seed: int) -> Seen:
    """The dead share of fc2 in the looks of steps 1,401 to 1,491, and the loss there."""
    losses, looks = looked(seed, "mindspore", 1500, 0.1)
    shares = [look.layers[LAYERS.index("fc2")].dead_share for look in looks[-10:]]
    loss = sum(losses[-100:]) / 100
    return Seen(min(shares) > 0.98 and 2.25 < loss < 2.36, f"{min(shares):.2f}, loss {loss:.2f}")


@claim("04", "each time the test came out lower", quick=False)
def the_test_digits_are_harder(seed: int) -> Seen:
    """The share of validation digits read, and that of test digits, after ten epochs."""
    chosen, test = (
        evaluate(ten_epochs(seed), part).accuracy for part in (DATA.validation, DATA.test)
    )
    return Seen(test < chosen, f"{chosen:.1%} > {test:.1%}")


@claim(
    "04", "The margin is 1.8 points for 500 digits at 96 %, and 0.2 for 10,000 at 99 %.", seeds=ONCE
)
def margins(seed: int) -> Seen:
    """The formula, with these numbers."""
    few, many = (200 * (a * (1 - a) / n) ** 0.5 for a, n in ((0.96, 500), (0.99, 10_000)))
    return Seen(f"{few:.1f} {many:.1f}" == "1.8 0.2", f"{few:.2f}, {many:.2f}")


@claim("04", "LeNet reads 84 to 89 % of the validation digits", quick=False)
def one_epoch_reads(seed: int) -> Seen:
    """The share of validation digits read after one epoch."""
    share = evaluate(first_epoch(seed).model, DATA.validation).accuracy
    return Seen(0.83 < share < 0.9, f"{share:.1%}")


@claim(
    "04",
    "about a millionth, the rounding of float32. It does not grow.",
    seeds=ONCE,
    quick=False,
)
def the_same_losses_as_mindspore(seed: int) -> Seen:
    """The largest difference of a loss in the first and in the last fifty steps."""
    reference = load_reference()
    ours = [record.loss for record in reference_run(reference)]
    gaps = np.abs(np.subtract(ours, reference.losses))
    return Seen(bool(gaps.max() < 5e-6), f"{gaps[:50].max():.0e}, {gaps[50:].max():.0e}")


@claim("04", "From epoch 1 on, our mean never lies more than 0.004 from the page.", seeds=ONCE)
def the_means_of_the_page(seed: int) -> Seen:
    """The largest difference, from the kept runs on all of MNIST."""
    ours = np.mean([run.mean_losses for run in load_mnist_runs(epochs=10)], axis=0)
    largest = np.abs(ours - PAGE_LOSSES)[1:].max()
    return Seen(bool(largest <= 0.004), f"{largest:.4f}")


@claim("04", "98.98 % of all 10,000 test digits, and 98.87 to 99.09 % for single seeds", seeds=ONCE)
def accuracy_on_mnist(seed: int) -> Seen:
    """The last accuracy of the kept runs on all of MNIST."""
    last = [100 * run.accuracies[-1] for run in load_mnist_runs(epochs=10)]
    told = f"{np.mean(last):.2f} {min(last):.2f} {max(last):.2f}"
    return Seen(told == "98.98 98.87 99.09", told)


@claim("04", "The page's 1.176 lies among ours, on the early side; our first three seeds were slow "
       "ones.", seeds=ONCE)  # fmt: skip
def the_first_average(seed: int) -> Seen:
    """How many of the twenty kept starts lie below, and whether one of the first three does."""
    firsts = [run.mean_losses[0] for run in load_mnist_runs(epochs=1)]
    below = sum(loss < PAGE_LOSSES[0] for loss in firsts)
    first_three = sorted(run.mean_losses[0] for run in load_mnist_runs(epochs=10))
    return Seen(0 < below < len(firsts) / 2 and first_three[0] > PAGE_LOSSES[0], f"{below} below")
