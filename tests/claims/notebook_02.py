"""What notebook 02 says, and what is measured."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from claims.table import Seen, claim
from tutorial_lib import (
    EvaluationRecord,
    Hyperparameters,
    LeNet5,
    TrainingRun,
    evaluate,
    load_digits,
    with_accuracy,
)
from tutorial_lib.labs import softmax_view
from tutorial_lib.losses import mse

DATA = load_digits("sample")
RATES = {"cross_entropy": 0.01, "mse": 0.1, "l1": 0.1}  # of the race


@functools.cache
def trained(
    seed: int, loss: str, learning_rate: float, epochs: int
) -> tuple[tuple[float, ...], nn.Module, float]:
    """Return the validation accuracy after each epoch, the network, and the first batch's loss."""
    settings = Hyperparameters(loss=loss, learning_rate=learning_rate, epochs=epochs, seed=seed)
    run = TrainingRun(LeNet5(seed=seed).to(DATA.device), DATA, settings)
    records = list(with_accuracy(run, DATA.validation))
    scores = [each.accuracy for each in records if isinstance(each, EvaluationRecord)]
    return tuple(scores), run.model, records[0].loss


def after_an_epoch(seed: int) -> Tensor:
    """Return the probability of the true class, for each validation digit, (500,)."""
    model = trained(seed, "cross_entropy", 0.01, 1)[1]
    with torch.no_grad():
        answers = model(DATA.validation.images).softmax(dim=1)
    return answers.gather(1, DATA.validation.labels[:, None]).squeeze(1)


@claim("02", "The loss begins near 2.30 and falls.", quick=False)
def the_first_training_falls_from_ln_10(seed: int) -> Seen:
    """The first batch's cross-entropy, and that of the validation digits after an epoch."""
    _, model, first = trained(seed, "cross_entropy", 0.01, 1)
    last = evaluate(model, DATA.validation).loss
    return Seen(2.2 < first < 2.4 and last < 0.8, f"{first:.2f} to {last:.2f}")


@claim("02", "a tenth before, more than half after one epoch")
def the_true_digit_has_more_than_half(seed: int) -> Seen:
    """e to the minus validation loss, of a fresh LeNet and after an epoch."""
    fresh = math.exp(-evaluate(LeNet5(seed=seed).to(DATA.device), DATA.validation).loss)
    later = math.exp(after_an_epoch(seed).log().mean().item())
    return Seen(0.09 < fresh < 0.11 and later > 0.5, f"{fresh:.2f} to {later:.2f}")


@claim("02", "No $p_i$ is 0, but a product of 500 of them is too small for a float32 number.")
def the_product_is_zero(seed: int) -> Seen:
    """The product of the 500 probabilities after an epoch, and the smallest of them."""
    p = after_an_epoch(seed)
    return Seen(p.prod() == 0 and p.min() > 0, f"product {p.prod():g}, smallest {p.min():.1e}")


@claim("02", "the same place, 0.3: the share of sevens that was seen", seeds=[0])
def three_sevens_of_ten_ask_for_a_third(seed: int) -> Seen:
    """Where the likelihood is largest and its mean minus logarithm smallest."""
    p = torch.linspace(0.01, 0.99, 99)
    cost = -(3 * p.log() + 7 * (1 - p).log()) / 10
    top, bottom = p[(p**3 * (1 - p) ** 7).argmax()].item(), p[cost.argmin()].item()
    return Seen(round(top, 2) == round(bottom, 2) == 0.3, f"{top:.2f}, {bottom:.2f}")


@claim("02", "L1 pushes both equally hard, MSE the far one a hundred times harder.", seeds=[0])
def far_errors_are_pushed_by_mse(seed: int) -> Seen:
    """The gradients of errors of 0.1 and 10."""
    ratios = []
    for loss in (F.l1_loss, F.mse_loss):
        guess = torch.tensor([0.1, 10.0], requires_grad=True)
        loss(guess, torch.zeros(2), reduction="sum").backward()
        ratios.append((guess.grad[1] / guess.grad[0]).item())
    return Seen(ratios[0] == 1 and abs(ratios[1] - 100) < 1e-3, f"{ratios[0]:g}, {ratios[1]:.0f}")


@claim("02", "with a fixed step size, the guess keeps jumping across the target")
def l1_jumps_across_and_mse_settles(seed: int) -> Seen:
    """Steps at rate 0.1 from a drawn start: changes of sign in the last ten of 200, and the end."""
    start = 5 * torch.rand(1, generator=torch.Generator().manual_seed(seed)).item() + 0.03
    seen = {}
    for loss in (F.l1_loss, F.mse_loss):
        error, way = torch.tensor(start, requires_grad=True), []
        for _ in range(200):
            (slope,) = torch.autograd.grad(loss(error, torch.zeros(())), error)
            error = (error - 0.1 * slope).detach().requires_grad_()
            way.append(error.item())
        jumps = sum(a * b < 0 for a, b in zip(way[-11:], way[-10:], strict=False))
        seen[loss.__name__] = jumps, abs(way[-1])
    (jumps, _), (_, rest) = seen.values()
    return Seen(jumps == 10 and rest < 1e-6, f"L1 {jumps} jumps in ten, MSE ends at {rest:.0e}")


@claim("02", "Under MSE the best constant answer is the *mean*, under L1 it is the *median*.")
def mean_and_median_are_the_best(seed: int) -> Seen:
    """The best of 4,001 constants for five numbers that are drawn, one of them wild."""
    drawn = torch.rand(5, generator=torch.Generator().manual_seed(seed)) * 10
    drawn[4] = 90
    constants = torch.linspace(0, 40, 4001)
    misses = constants[:, None] - drawn
    by_l1 = constants[misses.abs().mean(dim=1).argmin()].item()
    by_mse = constants[misses.square().mean(dim=1).argmin()].item()
    median, mean = drawn.median().item(), drawn.mean().item()
    holds = abs(by_l1 - median) < 0.02 and abs(by_mse - mean) < 0.02
    return Seen(holds, f"{by_l1:.2f} and {median:.2f}; {by_mse:.2f} and {mean:.2f}")


@claim("02", "MSE lags behind.", quick=False)
def mse_lags_at_the_usual_rate(seed: int) -> Seen:
    """Validation accuracy after three epochs at rate 0.01: further apart than the margins."""
    right, other = (trained(seed, loss, 0.01, 3)[0][-1] for loss in ("cross_entropy", "mse"))
    return Seen(other < right - 0.03, f"{other:.1%} < {right:.1%}")


@claim("02", "so its gradient is ten times shorter than by a mean over images", seeds=range(5))
def the_mean_over_elements_is_a_tenth(seed: int) -> Seen:
    """The gradient of MSE on a batch of 32, by the mean over images and over elements."""
    model = LeNet5(seed=seed).to(DATA.device)
    images, labels = DATA.train.images[:32], DATA.train.labels[:32]
    truth = F.one_hot(labels, 10).float()
    by_image = (model(images) - truth).square().sum(dim=1).mean()
    lengths = [length(loss, model) for loss in (by_image, mse(model(images), labels))]
    return Seen(abs(lengths[0] / lengths[1] - 10) < 0.01, f"{lengths[0] / lengths[1]:.2f} times")


def length(loss: Tensor, model: nn.Module) -> float:
    """Return the length of the gradient of all weights."""
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([part.flatten() for part in gradients]).norm().item()


@claim("02", "MSE reads these digits at least as well as cross-entropy", quick=False)
def mse_with_its_rate_is_as_good(seed: int) -> Seen:
    """Validation accuracy after three epochs, MSE at 0.1 and cross-entropy at 0.01."""
    other, right = trained(seed, "mse", 0.1, 3)[0][-1], trained(seed, "cross_entropy", 0.01, 3)[0]
    return Seen(other >= right[-1], f"{other:.1%} and {right[-1]:.1%}")


@claim("02", "L1 stays far behind at both rates", quick=False)
def l1_fails_at_both_rates(seed: int) -> Seen:
    """Validation accuracy after three epochs of L1 at 0.01 and 0.1, and of cross-entropy."""
    low, high = (trained(seed, "l1", rate, 3)[0][-1] for rate in (0.01, 0.1))
    right = trained(seed, "cross_entropy", 0.01, 3)[0][-1]
    return Seen(max(low, high) < right - 0.25, f"{low:.0%} and {high:.0%} < {right:.0%}")


@claim("02", "Under L1 every output is close to 0, for every image: none passes 0.3.", quick=False)
def outputs_under_l1_are_close_to_zero(seed: int) -> Seen:
    """The largest of 5,000 outputs after three epochs of L1, at 0.01 and at 0.1, and of MSE."""
    largest = []
    for loss, rate in (("l1", 0.01), ("l1", 0.1), ("mse", 0.1)):
        model = trained(seed, loss, rate, 3)[1]
        with torch.no_grad():
            outputs = model(DATA.validation.images)
        largest.append(outputs.abs().max().item())
    holds = max(largest[:2]) < 0.3 < largest[2]
    return Seen(holds, "{:.2f} and {:.2f}, MSE {:.2f}".format(*largest))


@claim("02", "MSE with its larger rate ends this epoch ahead of cross-entropy", quick=False)
def mse_leads_after_an_epoch(seed: int) -> Seen:
    """Validation accuracy after the race's epoch."""
    other, right = (trained(seed, loss, RATES[loss], 1)[0][-1] for loss in ("mse", "cross_entropy"))
    return Seen(other > right, f"{other:.1%} > {right:.1%}")


@claim("02", "L1 does not wake up: it ends below 20 %", quick=False)
def l1_sleeps_through_an_epoch(seed: int) -> Seen:
    """Validation accuracy after the race's epoch."""
    score = trained(seed, "l1", RATES["l1"], 1)[0][-1]
    return Seen(score < 0.2, f"{score:.1%}")


@claim("02", "MSE about 500 times less", seeds=[0])
def mse_hardly_pushes_behind_softmax(seed: int) -> Seen:
    """The slopes of the first logit, 8, where class 1 is true."""
    slopes = []
    for loss in (
        lambda z: F.mse_loss(z.softmax(dim=1), torch.tensor([[0.0, 1.0, 0.0]]), reduction="sum"),
        lambda z: F.cross_entropy(z, torch.tensor([1])),
    ):
        z = torch.tensor([[8.0, 0.0, 0.0]], requires_grad=True)
        loss(z).backward()
        slopes.append(z.grad[0, 0].item())
    ratio = slopes[1] / slopes[0]
    return Seen(450 < ratio < 550, f"{ratio:.0f} times")


@claim("02", "a logit of about 4.5 is best here", seeds=[0], quick=False)
def a_smoothed_loss_has_a_best_logit(seed: int) -> Seen:
    """The lowest smoothed cross-entropy over logits 0 to 20 of the true class."""
    logits = [step / 100 for step in range(2001)]
    losses = [softmax_view([0.0] * 3 + [z] + [0.0] * 6, 3, smoothing=0.1).loss for z in logits]
    best = logits[losses.index(min(losses))]
    return Seen(abs(best - math.log(91)) < 0.01, f"{best:.2f}")


@claim("02", "The line of the mean falls, too: from 8 images to 500 to less than half")
def the_mean_gradient_shrinks(seed: int) -> Seen:
    """The length of the gradient of a fresh LeNet, mean over 8 images and over 500."""
    model = LeNet5(seed=seed).to(DATA.device)
    few, many = (
        length(F.cross_entropy(model(DATA.train.images[:n]), DATA.train.labels[:n]), model)
        for n in (8, 500)
    )
    return Seen(few / 6 < many < few / 2, f"{few:.2f} to {many:.2f}")


@claim(
    "02",
    "With the second softmax, LeNet has learned next to nothing after the same epoch",
    quick=False,
)
def a_second_softmax_holds_it_up(seed: int) -> Seen:
    """Mean loss of the epoch's last ten batches, and the validation accuracy."""
    settings = Hyperparameters(epochs=1, seed=seed)
    model = LeNet5(seed=seed).to(DATA.device)
    run = TrainingRun(model, DATA, settings, loss=softmax_twice)
    losses = [record.loss for record in run][-10:]
    accuracy = evaluate(run.model, DATA.validation).accuracy
    mean = sum(losses) / 10
    return Seen(mean > 2.2 and accuracy < 0.5, f"loss {mean:.2f}, accuracy {accuracy:.0%}")


def softmax_twice(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.softmax(dim=1), labels)


@claim("02", "The training would run, and learn the mean of everything.")
def a_square_of_guesses_learns_the_mean(seed: int) -> Seen:
    """Four free guesses (4, 1) after 200 steps against drawn targets (4,)."""
    targets = torch.randn(4, generator=torch.Generator().manual_seed(seed))
    guesses = torch.zeros(4, 1, requires_grad=True)
    for _ in range(200):
        loss = (guesses - targets).square().mean()  # broadcast: (4, 4)
        (slope,) = torch.autograd.grad(loss, guesses)
        guesses = (guesses - 0.5 * slope).detach().requires_grad_()
    miss = (guesses - targets.mean()).abs().max().item()
    return Seen(miss < 1e-4, f"{guesses[0].item():.3f} and the mean {targets.mean():.3f}")


@claim("02", "LeNet under MSE reads about half of the validation digits", quick=False)
def mse_reads_half_in_an_epoch(seed: int) -> Seen:
    """Validation accuracy after one epoch at the usual settings."""
    score = trained(seed, "mse", 0.01, 1)[0][-1]
    return Seen(0.4 < score < 0.7, f"{score:.1%}")
