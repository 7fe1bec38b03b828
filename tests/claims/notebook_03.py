"""What notebook 03 says, and what is measured.

Most of it walks two weights down a ravine: nothing is drawn there, and one measurement is enough.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from claims.table import Seen, claim
from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, evaluate, load_digits
from tutorial_lib.labs import SURFACES, LossPlane, descend, steps_in_numbers
from tutorial_lib.labs.slices.measure import GridRow, measure_plane
from tutorial_lib.optimizers import (
    adagrad_update,
    adam_update,
    momentum_update,
    nesterov_update,
    rmsprop_update,
    sgd_update,
)
from tutorial_lib.pictures import smooth

DATA = load_digits("sample")
STEEPNESS = torch.tensor([1.0, 20.0])
START = torch.tensor([-8.0, 2.0])
ONCE = (0,)  # nothing is drawn
EPOCH = 125  # steps
RATES = {"sgd": 0.1, "momentum": 0.01, "rmsprop": 0.001, "adam": 0.001}


def walk(rule: Callable, *, memories: int = 0, counts: bool = False, **settings: float) -> Tensor:
    """Return the places (41, 2) of forty steps down the notebook's ravine."""
    point, memory, path = START, [torch.zeros(2)] * memories, [START]
    for step in range(1, 41):
        new = rule(point, STEEPNESS * point, *memory, *([step] if counts else []), **settings)
        point, *memory = new if isinstance(new, tuple) else (new,)
        path.append(point)
    return torch.stack(path)


def height(point: Tensor) -> float:
    return float((STEEPNESS * point**2).sum() / 2)


def path_of(name: str) -> Tensor:
    """Return the path that the notebook draws for an optimizer."""
    return {
        "sgd": lambda: walk(sgd_update, learning_rate=0.095),
        "momentum": lambda: walk(momentum_update, memories=1, learning_rate=0.02, momentum=0.8),
        "nesterov": lambda: walk(nesterov_update, memories=1, learning_rate=0.02, momentum=0.8),
        "rmsprop": lambda: walk(rmsprop_update, memories=1, learning_rate=0.3, alpha=0.9),
        "adam": lambda: walk(adam_update, memories=2, counts=True, learning_rate=0.5),
    }[name]()


@cache
def trained(name: str, seed: int, *, rate: float | None = None) -> TrainingRun:
    """Return a run of two epochs on LeNet that has been trained to its end."""
    settings = Hyperparameters(
        optimizer=name, learning_rate=rate or RATES[name], epochs=2, seed=seed
    )
    run = TrainingRun(LeNet5(seed=seed), DATA, settings)
    for _ in run:
        pass
    return run


def first_epoch(name: str, seed: int, *, rate: float | None = None) -> list[float]:
    """Return the losses of the first epoch of such a run, which are those of a run of one epoch."""
    return [record.loss for record in trained(name, seed, rate=rate).history[:EPOCH]]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def steps_to_half(losses: Sequence[float]) -> int:
    """Return after how many steps the smoothed loss is below 0.5; as many as there are if never."""
    return next((step for step, loss in enumerate(smooth(losses), 1) if loss < 0.5), len(losses))


# 1. What an optimizer is given


@claim("03", "Without momentum the loss has hardly left 2.30", quick=False)
def without_momentum_nothing_moves(seed: int) -> Seen:
    """Mean loss of the last 25 steps of an epoch of plain SGD at rate 0.01: above 2.1."""
    loss = mean(first_epoch("sgd", seed, rate=0.01)[-25:])
    return Seen(loss > 2.1, f"{loss:.2f}")


@claim("03", "With it, it has fallen below 0.8.", quick=False)
def with_momentum_it_learns(seed: int) -> Seen:
    """The same with momentum 0.9: below 0.8."""
    loss = mean(first_epoch("momentum", seed)[-25:])
    return Seen(loss < 0.8, f"{loss:.2f}")


# 2. to 4. Three rules in the ravine


@claim("03", "Across the ravine it jumps from wall to wall", seeds=ONCE)
def sgd_zigzags(seed: int) -> Seen:
    """How often weight 2 changes its sign in forty steps of SGD."""
    across = path_of("sgd")[:, 1]
    turns = int((across[1:] * across[:-1] < 0).sum())
    return Seen(turns == 40, f"{turns} of 40")


@claim("03", "it creeps, by less than a tenth of what is left at each step", seeds=ONCE)
def sgd_creeps(seed: int) -> Seen:
    """The largest share of weight 1 that a step of SGD covers."""
    along = path_of("sgd")[:, 0]
    share = float((1 - along[1:] / along[:-1]).max())
    return Seen(share < 0.1, f"{share:.3f}")


@claim("03", "twice the gradient for $\\mu = 0.5$, ten times for 0.9", seeds=ONCE)
def velocities_end(seed: int) -> Seen:
    """The velocity after 200 steps with gradient 1."""
    ends = []
    for mu in (0.5, 0.9):
        velocity = 0.0
        for _ in range(200):
            _, velocity = momentum_update(0.0, 1.0, velocity, learning_rate=0.1, momentum=mu)
        ends.append(velocity)
    return Seen(abs(ends[0] - 2) + abs(ends[1] - 10) < 1e-6, str([round(end, 3) for end in ends]))


@claim(
    "03",
    "**Momentum 0.9 with rate 0.01 walks about as far as plain SGD with rate 0.1.**",
    seeds=ONCE,
)
def momentum_walks_ten_times_as_far(seed: int) -> Seen:
    """The ways of 125 steps with gradient 1, one over the other."""
    place, velocity = 0.0, 0.0
    for _ in range(125):
        place, velocity = momentum_update(place, 1.0, velocity, learning_rate=0.01, momentum=0.9)
    share = place / (-125 * 0.1)
    return Seen(0.9 < share < 1.1, f"{share:.2f}")


@claim("03", "The rate is five times smaller, and yet it stands lower.", seeds=ONCE)
def momentum_stands_lower(seed: int) -> Seen:
    """The heights after forty steps of momentum 0.8 at 0.02, and of SGD at 0.095."""
    momentum, sgd = height(path_of("momentum")[40]), height(path_of("sgd")[40])
    return Seen(momentum < sgd, f"{momentum:.4f} < {sgd:.4f}")


@claim("03", "like a heavy ball, it swings past before it settles", seeds=ONCE)
def momentum_swings_past(seed: int) -> Seen:
    """The largest weight 1 on the way from -8 to 0: SGD's stays below 0."""
    momentum, sgd = (float(path_of(name)[:, 0].max()) for name in ("momentum", "sgd"))
    return Seen(momentum > 0.1 and sgd < 0, f"{momentum:.2f}; sgd {sgd:.2f}")


@claim("03", "By the learning rate, each time.", seeds=ONCE)
def adam_first_step_is_the_rate(seed: int) -> Seen:
    """Adam's first step at rate 0.01 with the gradients 0.001 and 1000."""
    ends = [adam_update(0.0, g, 0.0, 0.0, 1, learning_rate=0.01)[0] for g in (0.001, 1000.0)]
    return Seen(all(abs(end + 0.01) < 1e-6 for end in ends), str([round(e, 4) for e in ends]))


@claim("03", "It sets off with equal steps across and along", seeds=ONCE)
def adam_sets_off_alike(seed: int) -> Seen:
    """Its first five steps in the ravine: those across within a quarter of those along."""
    along, across = (path_of("adam")[1:6] - path_of("adam")[:5]).abs().T
    share = float((across / along).min())
    return Seen(share > 0.75, f"{share:.2f}")


@claim("03", "after 40 steps it stands higher than the other two", seeds=ONCE)
def adam_stands_higher(seed: int) -> Seen:
    """The heights after forty steps of adam, momentum and sgd."""
    adam, *others = (height(path_of(name)[40]) for name in ("adam", "momentum", "sgd"))
    return Seen(adam > max(others), f"{adam:.3f} > {max(others):.3f}")


# 5. One race


@claim("03", "Adam leads after half an epoch.", quick=False)
def adam_leads_early(seed: int) -> Seen:
    """The mean losses of the steps 51 to 75 of sgd, momentum and adam, in this order."""
    names = ("sgd", "momentum", "adam")
    losses = [mean(first_epoch(name, seed)[50:75]) for name in names]
    return Seen(min(losses) == losses[2], " ".join(f"{loss:.2f}" for loss in losses))


@claim("03", "At the end all three name nine digits in ten and more.", quick=False)
def all_three_learn(seed: int) -> Seen:
    """The shares of the validation digits after two epochs of sgd, momentum and adam."""
    shares = end_shares(seed)
    return Seen(min(shares) >= 0.9, " ".join(f"{share:.1%}" for share in shares))


@claim("03", "from five starts, none of the three leads every time", seeds=ONCE, quick=False)
def nobody_leads_every_time(seed: int) -> Seen:
    """Who names the most validation digits, for the seeds 0 to 4."""
    leaders = []
    for start in range(5):
        shares = end_shares(start)
        leaders.append(("sgd", "momentum", "adam")[shares.index(max(shares))])
    return Seen(len(set(leaders)) > 1, ", ".join(leaders))


def end_shares(seed: int) -> list[float]:
    """Return the accuracies on the validation digits of sgd, momentum and adam."""
    models = [trained(name, seed).model for name in ("sgd", "momentum", "adam")]
    return [evaluate(model, DATA.validation).accuracy for model in models]


# 6. Why momentum wins


def distances(kappa: int, num_steps: int, *, with_momentum: bool) -> list[float]:
    """Return the distances from the lowest point of a bowl, with the best settings."""
    root = kappa**0.5 if with_momentum else kappa
    mu = ((root - 1) / (root + 1)) ** 2 if with_momentum else 0.0
    rate = (1 + mu) * 2 / (1 + kappa)
    curvatures = torch.tensor([1.0, kappa], dtype=torch.float64)
    point, velocity, found = torch.ones_like(curvatures), torch.zeros_like(curvatures), []
    for _ in range(num_steps):
        found.append(float(point.norm()))
        point, velocity = momentum_update(
            point, curvatures * point, velocity, learning_rate=rate, momentum=mu
        )
    return found


def steps_to_a_thousandth(kappa: int, *, with_momentum: bool) -> int:
    found = distances(kappa, 4 * kappa, with_momentum=with_momentum)
    return next(step for step, distance in enumerate(found) if distance < found[0] / 1000)


@claim("03", "The same formula, with $\\sqrt\\kappa$ in the place of $\\kappa$.", seeds=ONCE)
def rates_are_those_of_the_formulas(seed: int) -> Seen:
    """The share that a step leaves, measured over many steps, less that of the formula."""
    worst = 0.0
    for kappa in (4, 16, 64, 256, 1024):
        for with_momentum in (False, True):
            root = kappa**0.5 if with_momentum else kappa
            found = distances(kappa, int(80 * kappa**0.5), with_momentum=with_momentum)
            half = len(found) // 2
            measured = (found[-1] / found[half]) ** (1 / (len(found) - 1 - half))
            worst = max(worst, abs(measured - (root - 1) / (root + 1)))
    return Seen(worst < 0.004, f"at most {worst:.4f}")


@claim(
    "03",
    "plain gradient descent needs four times as many steps to come a thousand times as near, "
    "momentum about twice as many",
    seeds=ONCE,
)
def four_times_and_twice(seed: int) -> Seen:
    """Steps to a thousandth of the distance, from one kappa to four times as much."""
    kappas, holds, words = (4, 16, 64, 256, 1024), True, []
    for with_momentum, low, high in ((False, 3.9, 4.1), (True, 2.0, 2.3)):
        steps = [steps_to_a_thousandth(kappa, with_momentum=with_momentum) for kappa in kappas]
        ratios = [after / before for before, after in pairwise(steps)]
        holds &= all(low <= ratio <= high for ratio in ratios)
        words.append(" ".join(map(str, steps)))
    return Seen(holds, "; ".join(words))


@claim("03", "At κ = 1024 that is 3,537 steps against 201.", seeds=ONCE)
def steps_at_1024(seed: int) -> Seen:
    """Steps to a thousandth of the distance at kappa = 1024."""
    plain = steps_to_a_thousandth(1024, with_momentum=False)
    momentum = steps_to_a_thousandth(1024, with_momentum=True)
    return Seen((plain, momentum) == (3537, 201), f"{plain} and {momentum}")


@claim("03", "at κ = 1024 to eight times the distance of the start", seeds=ONCE)
def heavy_ball_swings_out(seed: int) -> Seen:
    """The largest distance over the first."""
    found = distances(1024, 300, with_momentum=True)
    return Seen(7.5 < max(found) / found[0] < 8.5, f"{max(found) / found[0]:.1f}")


@claim("03", "A momentum of 0.9 is the best for a κ of about 1,400.", seeds=ONCE)
def momentum_of_usual_kappa(seed: int) -> Seen:
    """The kappa for which ((sqrt(kappa) - 1) / (sqrt(kappa) + 1))^2 is 0.9."""
    root = 0.9**0.5
    kappa = ((1 + root) / (1 - root)) ** 2
    return Seen(1350 < kappa < 1450, f"{kappa:.0f}")


# 7. and 8. Two momentums, and Nesterov


@claim("03", "Is our rule that of torch? Twenty steps of both, with random gradients: It is.")
def momentum_is_that_of_torch(seed: int) -> Seen:
    """How far twenty steps of both end apart."""
    noise = torch.randn(20, 3, generator=torch.Generator().manual_seed(seed))
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    ours, velocity = torch.ones(3), torch.zeros(3)
    for gradient in noise:
        weight.grad = gradient.clone()
        optimizer.step()
        ours, velocity = momentum_update(ours, gradient, velocity, learning_rate=0.1, momentum=0.9)
    apart = float((ours - weight.detach()).abs().max())
    return Seen(apart < 1e-5, "below 1e-5" if apart < 1e-5 else f"{apart:.0e}")


def moves(rates: Sequence[float], mu: float, *, inside: bool) -> list[float]:
    """Return the step lengths with gradient 1 and the rate inside or outside of the velocity."""
    velocity, lengths = 0.0, []
    for rate in rates:
        velocity = mu * velocity + (rate if inside else 1.0)
        lengths.append(velocity if inside else rate * velocity)
    return lengths


@claim("03", "= **0.0975**, five times as long", seeds=ONCE)
def fourth_step_inside_and_outside(seed: int) -> Seen:
    """The fourth step with the rate inside and outside."""
    rates = [0.1, 0.1, 0.1, 0.01]
    inside, outside = (moves(rates, 0.5, inside=which)[3] for which in (True, False))
    holds = abs(inside - 0.0975) + abs(outside - 0.01875) < 1e-12
    return Seen(holds and 5 < inside / outside < 5.5, f"{inside:.4f}, {outside:.5f}")


@claim(
    "03",
    "Outside, the step falls to a tenth at once. Inside, it is still twice as long twenty steps "
    "later.",
    seeds=ONCE,
)
def inside_fades(seed: int) -> Seen:
    """Steps 30, 31 and 50: the first two outside, and the third inside over outside."""
    rates = [0.1] * 30 + [0.01] * 30
    inside, outside = (moves(rates, 0.9, inside=which) for which in (True, False))
    fall, later = outside[30] / outside[29], inside[49] / outside[49]
    return Seen(fall < 0.11 and 1.9 < later < 2.3, f"{fall:.2f}, {later:.2f}")


@claim("03", "The two forms are one rule, up to rounding.", seeds=ONCE)
def nesterov_forms_agree(seed: int) -> Seen:
    """How far x and w - 0.02 * 0.8 v are ever apart in forty steps."""
    w, v = START, torch.zeros(2)
    x, velocity, apart = START, torch.zeros(2), 0.0
    for _ in range(40):
        v = 0.8 * v + STEEPNESS * (w - 0.02 * 0.8 * v)
        w = w - 0.02 * v
        x, velocity = nesterov_update(x, STEEPNESS * x, velocity, learning_rate=0.02, momentum=0.8)
        apart = max(apart, float((x - (w - 0.02 * 0.8 * v)).abs().max()))
    return Seen(apart < 1e-5, "below 1e-5" if apart < 1e-5 else f"{apart:.0e}")


@claim(
    "03",
    "Nesterov swings about half as far across the ravine, and about half as far past the end",
    seeds=ONCE,
)
def nesterov_swings_less(seed: int) -> Seen:
    """The first swing to the other wall and that past the end, over those of momentum."""
    ahead, ball = path_of("nesterov"), path_of("momentum")
    across = float(ahead[:, 1].min() / ball[:, 1].min())
    along = float(ahead[:, 0].max() / ball[:, 0].max())
    return Seen(0.4 < across < 0.6 and 0.4 < along < 0.6, f"{across:.2f} and {along:.2f}")


# 9. Adagrad, RMSProp, epsilon


@claim("03", "a step is $\\eta / \\sqrt{t}$ long, whatever $g$ is", seeds=ONCE)
def adagrad_slows_down(seed: int) -> Seen:
    """The steps 1, 4, 25 and 100 with gradient 5 and with 0.01, over the rate."""
    lengths = []
    for gradient in (5.0, 0.01):
        weight, square_sum, places = 0.0, 0.0, [0.0]
        for _ in range(100):
            weight, square_sum = adagrad_update(weight, gradient, square_sum, learning_rate=0.1)
            places.append(weight)
        lengths += [10 * (places[t - 1] - places[t]) * t**0.5 for t in (1, 4, 25, 100)]
    return Seen(all(abs(length - 1) < 1e-3 for length in lengths), f"{min(lengths):.3f} sqrt(t)")


@claim("03", "No zigzag: it never crosses to the other wall.", seeds=ONCE)
def rmsprop_does_not_cross(seed: int) -> Seen:
    """The lowest weight 2 of RMSProp's path, which begins at 2."""
    lowest = float(path_of("rmsprop")[:, 1].min())
    return Seen(lowest > -1e-6, "not below -1e-6" if lowest > -1e-6 else f"{lowest:.2g}")


@claim(
    "03",
    "The first step is as long across as along, and then across the steps die out within six",
    seeds=ONCE,
)
def rmsprop_dies_out_across(seed: int) -> Seen:
    """Steps 1 and 6 of RMSProp, along and across."""
    lengths = (path_of("rmsprop")[1:] - path_of("rmsprop")[:-1]).abs()
    (along, across), (along_6, across_6) = lengths[0].tolist(), lengths[5].tolist()
    holds = abs(along - across) < 0.001 and across_6 < 0.06 * across and along_6 > 0.3
    return Seen(holds, f"{along:.2f}, {across:.2f}; {along_6:.2f}, {across_6:.2f}")


@claim("03", "the first step is more than three times the rate of 0.3", seeds=ONCE)
def rmsprop_first_step(seed: int) -> Seen:
    """RMSProp's first step along the ravine, over its rate."""
    path = path_of("rmsprop")
    share = float((path[1] - path[0]).abs()[0]) / 0.3
    return Seen(3 < share < 3.3, f"{share:.2f}")


@claim("03", "the first hundred steps would be three to nearly seven times too long", seeds=ONCE)
def uncorrected_steps(seed: int) -> Seen:
    """The shortest and the longest of Adam's first hundred steps without the correction."""
    lengths, mean, square = [], 0.0, 0.0
    for _ in range(100):
        mean, square = 0.9 * mean + 0.1, 0.999 * square + 0.001
        lengths.append(mean / square**0.5)
    low, high = min(lengths), max(lengths)
    return Seen(low > 3 and 6 < high < 7, f"{low:.2f} to {high:.2f}")


@claim("03", "Inside the root, $10^{-8}$ counts like a gradient of its root", seeds=ONCE)
def epsilon_inside(seed: int) -> Seen:
    """With gradients of 1e-6, the share of the rate: torch's RMSprop, and epsilon inside."""
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.RMSprop([weight], lr=1.0, alpha=0.5, eps=1e-8)
    for _ in range(60):
        before, weight.grad = weight.item(), torch.full_like(weight, 1e-6)
        optimizer.step()
    outside, inside = before - weight.item(), 1e-6 / (1e-12 + 1e-8) ** 0.5
    return Seen(0.98 < outside < 1 and 0.009 < inside < 0.011, f"{outside:.2f}, {inside:.2f}")


# 10. Where Adam wins


def sigmoid_lenet(seed: int) -> nn.Sequential:
    """Return LeNet with sigmoids, as the notebook's cell makes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid()]
        layers += [nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)]
    return nn.Sequential(*layers)


@claim("03", "With ReLU the largest is a few times the smallest, with sigmoids hundreds of times.")
def layers_differ(seed: int) -> Seen:
    """The largest over the smallest root mean square of a layer's gradient, ReLU and sigmoid."""
    images, labels = DATA.train.images[:500], DATA.train.labels[:500]
    ratios = []
    for net in (LeNet5(seed=seed), sigmoid_lenet(seed)):
        F.cross_entropy(net(images), labels).backward()
        sizes = [w.grad.square().mean().sqrt().item() for w in net.parameters()][::2]
        ratios.append(max(sizes) / min(sizes))
    return Seen(ratios[0] < 10 and ratios[1] > 200, f"{ratios[0]:.0f}, {ratios[1]:.0f}")


@cache
def sigmoid_share(name: str, rate: float, seed: int) -> float:
    """Return the accuracy on the validation digits after two epochs with sigmoids."""
    settings = Hyperparameters(optimizer=name, learning_rate=rate, epochs=2, seed=seed)
    run = TrainingRun(sigmoid_lenet(seed), DATA, settings)
    for _ in run:
        pass
    return evaluate(run.model, DATA.validation).accuracy


@claim(
    "03",
    "from five starts, Adam at 0.003 named more than 80 % each time, and none of the nine "
    "trainings of SGD more than 20 %",
    quick=False,
)
def adam_wins_with_sigmoids(seed: int) -> Seen:
    """Adam at 0.003, and the best of five rates of SGD and four with momentum 0.9."""
    adam = sigmoid_share("adam", 0.003, seed)
    rates = {"sgd": (0.03, 0.1, 0.3, 1.0, 3.0), "momentum": (0.01, 0.03, 0.1, 0.3)}
    others = [sigmoid_share(name, rate, seed) for name in rates for rate in rates[name]]
    return Seen(adam > 0.8 and max(others) <= 0.2, f"{adam:.0%} and {max(others):.0%}")


@claim("03", "Adam's two smaller rates get there", quick=False)
def adam_small_rates_learn(seed: int) -> Seen:
    """The accuracies after two epochs at 0.001 and 0.003: above 50 %."""
    shares = [sigmoid_share("adam", rate, seed) for rate in (0.001, 0.003)]
    return Seen(min(shares) > 0.5, " ".join(f"{share:.0%}" for share in shares))


# 11. Weight decay


@claim(
    "03",
    "Adam with L2 pulls the quiet weight to 0 and hardly moves the loud one. AdamW shrinks both "
    "by the same share",
    seeds=ONCE,
)
def decay_in_adam_and_adamw(seed: int) -> Seen:
    """Where the quiet and the loud weight end after 300 shakes, under Adam and AdamW."""
    ends = []
    for optimizer_class in (torch.optim.Adam, torch.optim.AdamW):
        weight = torch.ones(2, requires_grad=True)
        optimizer = optimizer_class([weight], lr=0.01, weight_decay=0.2)
        for step in range(300):
            weight.grad = (-1) ** step * torch.tensor([0.01, 10.0])
            optimizer.step()
        ends += weight.tolist()
    quiet, loud, quiet_w, loud_w = ends
    holds = abs(quiet) < 0.01 and loud > 0.9 and abs(quiet_w - loud_w) < 0.001 < 1 - loud_w
    return Seen(holds, " ".join(f"{end:.3f}" for end in ends))


# 12. Walk yourself


def steps_until_it_left(points: Sequence[tuple[float, float]]) -> float:
    """Return after how many steps on the saddle weight 2 is beyond 0.5, half the way down."""
    return next((n for n, (_, w2) in enumerate(points) if abs(w2) > 0.5), float("inf"))


@claim(
    "03",
    "Adagrad, RMSProp and the Adams leave within ten steps: they divide the tiny slope by its own "
    "size. Adagrad soon slows down. SGD is still there after sixty",
    seeds=ONCE,
)
def who_leaves_the_saddle(seed: int) -> Seen:
    """Steps until weight 2 is beyond 0.5, at the panel's settings; Adagrad's height at the end."""
    ways = descend(SURFACES["saddle"], momentum=0.8, num_steps=60)
    left = {name: steps_until_it_left(way.points) for name, way in ways.items()}
    early = max(left[name] for name in ("adagrad", "rmsprop", "adam", "adamw"))
    between = [left["momentum"], left["nesterov"]]
    slow = ways["adagrad"].heights[-1] > 100 * ways["adam"].heights[-1]
    holds = early <= 10 < min(between) and max(between) < 60 < left["sgd"] and slow
    return Seen(holds, ", ".join(f"{name} {steps}" for name, steps in left.items()))


def flies_off(name: str, rate: float) -> bool:
    way = descend(SURFACES["ravine"], [name], learning_rate=rate, momentum=0.8, num_steps=3000)[
        name
    ]
    return way.left or way.heights[-1] > 1


@claim(
    "03",
    "with the $\\mu = 0.8$ of the panel 3.6 / 20 = 0.18. Nesterov stands *less*",
    seeds=ONCE,
    quick=False,
)
def largest_rates(seed: int) -> Seen:
    """Each stands 98 % of its limit and flies off at 102 %: 0.1, 0.18, 0.0692."""
    limits = {"sgd": 0.1, "momentum": 0.18, "nesterov": 3.6 / 2.6 / 20}
    stands = [not flies_off(name, 0.98 * rate) for name, rate in limits.items()]
    flies = [flies_off(name, 1.02 * rate) for name, rate in limits.items()]
    return Seen(all(stands) and all(flies), f"stand {stands}, fly {flies}")


# 13. One step in numbers


@claim(
    "03",
    "SGD: rate times gradient, always. Momentum grows from there, and Nesterov is one step ahead "
    "of it. Adagrad starts at its rate, and each step is shorter than the one before.",
    seeds=ONCE,
)
def four_steps_of_the_plain_rules(seed: int) -> Seen:
    """Four steps with gradient 0.5 and rate 0.1."""
    moved = {n: [-s.moved for s in steps] for n, steps in steps_in_numbers([0.5] * 5).items()}
    sgd, momentum, nesterov, adagrad = (
        moved[n] for n in ("sgd", "momentum", "nesterov", "adagrad")
    )
    holds = all(abs(step - 0.05) < 1e-12 for step in sgd) and sorted(momentum) == momentum
    holds &= all(abs(a - b) < 1e-12 for a, b in zip(nesterov, momentum[1:], strict=False))
    holds &= abs(adagrad[0] - 0.1) < 1e-6 and sorted(adagrad, reverse=True) == adagrad
    return Seen(holds, f"momentum {momentum[0]:.3f} to {momentum[3]:.3f}")


@claim("03", "ten times its rate, since $s$ begins at 0. Adam walks the rate itself.", seeds=ONCE)
def four_steps_of_the_others(seed: int) -> Seen:
    """The first step of rmsprop, all of adam, and what adamw adds."""
    moved = {n: [-s.moved for s in steps] for n, steps in steps_in_numbers([0.5] * 4).items()}
    holds = abs(moved["rmsprop"][0] - 1) < 1e-4
    holds &= all(abs(step - 0.1) < 1e-6 for step in moved["adam"])
    more = moved["adamw"][0] - moved["adam"][0]
    return Seen(holds and abs(more - 0.001) < 1e-6, f"rmsprop {moved['rmsprop'][0]:.3f}")


@claim(
    "03",
    "SGD, Adagrad and RMSProp turn at once: they have no memory of the direction. Momentum, "
    "Nesterov and the two Adams go on",
    seeds=ONCE,
)
def who_turns_at_once(seed: int) -> Seen:
    """The sixth step, after five with gradient 1 and now -1: who steps back."""
    table = steps_in_numbers([1.0] * 5 + [-1.0])
    turned = {name for name, steps in table.items() if steps[-1].moved > 0}
    return Seen(turned == {"sgd", "adagrad", "rmsprop"}, ", ".join(sorted(turned)))


@claim(
    "03",
    "Nesterov brakes hardest: it goes on by 0.14, and its last step was 0.47. Momentum keeps two "
    "thirds of its last step, Adam a little more than half.",
    seeds=ONCE,
)
def who_brakes_hardest(seed: int) -> Seen:
    """The sixth step over the fifth."""
    table = steps_in_numbers([1.0] * 5 + [-1.0])
    kept = {name: steps[-1].moved / steps[-2].moved for name, steps in table.items()}
    now, last = (step.moved for step in reversed(table["nesterov"][-2:]))
    holds = abs(now + 0.14) < 0.005 and abs(last + 0.47) < 0.005
    holds &= 0 < kept["nesterov"] < min(kept["momentum"], kept["adam"], kept["adamw"])
    holds &= abs(kept["momentum"] - 2 / 3) < 0.02 and 0.5 < kept["adam"] < 0.6
    return Seen(holds, " ".join(f"{n} {kept[n]:.2f}" for n in ("nesterov", "momentum", "adam")))


# 14. and 15. Frozen layers, zero_grad


@claim("03", "Only `conv1` stood still.")
def frozen_layer_stands_still(seed: int) -> Seen:
    """The tensors that did not move in five steps with conv1 frozen."""
    model = LeNet5(seed=seed)
    model.conv1.requires_grad_(False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for _ in islice(TrainingRun(model, DATA, Hyperparameters(seed=seed)), 5):
        pass
    still = [n for n, p in model.named_parameters() if torch.equal(p.cpu(), before[n])]
    return Seen(still == ["conv1.weight", "conv1.bias"], ", ".join(still))


@claim(
    "03",
    "With cleared gradients the loss falls below 1.5. With all old ones in the sum it ends no "
    "lower than a blind guess.",
    quick=False,
)
def forgotten_zero_grad(seed: int) -> Seen:
    """The mean losses of the last 25 of 125 steps, cleared and not."""
    ends = []
    for forget in (False, True):
        model = LeNet5(seed=seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        losses, train = [], DATA.train
        for images, labels in zip(train.images.split(32), train.labels.split(32), strict=True):
            loss = F.cross_entropy(model(images), labels)
            if not forget:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        ends.append(sum(losses[-25:]) / 25)
    return Seen(ends[0] < 1.5 and not ends[1] < 2.3, f"{ends[0]:.2f}, {ends[1]:.2f}")


@claim("03", "a ball without friction. It never comes to rest.", seeds=ONCE)
def no_friction(seed: int) -> Seen:
    """How far out the weight still is, of 1, in the last 60 of 10,000 steps with momentum 1."""
    weight, velocity, places = 1.0, 0.0, []
    for _ in range(10_000):
        weight, velocity = momentum_update(
            weight, weight, velocity, learning_rate=0.05, momentum=1.0
        )
        places.append(abs(weight))
    return Seen(max(places[-60:]) > 0.9, f"{max(places[-60:]):.2f}")


# 16. and 17. Three starts, and a plane


@claim(
    "03",
    "RMSProp is the first at a loss of 0.5, after 50 to 60 steps, and Adam the second, after 80 "
    "to 95",
    quick=False,
)
def rmsprop_is_first(seed: int) -> Seen:
    """Steps to a smoothed loss of 0.5: rmsprop, adam, sgd, momentum."""
    names = ("rmsprop", "adam", "sgd", "momentum")
    steps = [steps_to_half(first_epoch(name, seed)) for name in names]
    holds = 50 <= steps[0] <= 60 and 80 <= steps[1] <= 95 < min(steps[2:])
    return Seen(holds, " ".join(map(str, steps)))


@claim("03", "RMSProp's first step is ten times as long as Adam's", seeds=ONCE)
def rmsprop_first_step_over_adam(seed: int) -> Seen:
    """Their first steps with the same gradient and rate, one over the other."""
    table = steps_in_numbers([0.5])
    ratio = table["rmsprop"][0].moved / table["adam"][0].moved
    return Seen(abs(ratio - 10) < 0.01, f"{ratio:.2f}")


@claim("03", "The bands of SGD and momentum overlap", quick=False)
def bands_overlap(seed: int) -> Seen:
    """Of three starts, the highest smoothed loss of SGD after 100 steps, and momentum's lowest."""
    bands = {}
    for name in ("sgd", "momentum"):
        starts = [first_epoch(name, 3 * seed + start) for start in range(3)]
        losses = [float(smooth(start)[99]) for start in starts]
        bands[name] = min(losses), max(losses)
    (low, high), (low_m, high_m) = bands["sgd"], bands["momentum"]
    return Seen(low <= high_m and low_m <= high, f"{low:.2f}-{high:.2f}, {low_m:.2f}-{high_m:.2f}")


@cache
def plane_of(seed: int) -> tuple[list[GridRow], dict[str, list[float]]]:
    """Return the rows of the plane, and the losses along the way of each optimizer."""
    plane = LossPlane(trained("adam", seed).model, DATA.validation)
    settings = {"learning_rate": 0.03, "adaptive_rate": 0.08, "momentum": 0.8}
    rows, losses = [], {}
    for record in measure_plane(plane, **settings, size=13, num_steps=15):
        if isinstance(record, GridRow):
            rows.append(record)
        else:
            losses.setdefault(record.optimizer, []).append(record.loss)
    return rows, losses


@claim(
    "03",
    "each of the seven ends at less than a third of the loss it began with",
    quick=False,
)
def all_find_the_bottom(seed: int) -> Seen:
    """The largest share of the first loss that one of them ends with."""
    _, losses = plane_of(seed)
    share = max(way[-1] / way[0] for way in losses.values())
    return Seen(share < 1 / 3 and len(losses) == 7, f"{share:.2f}")


@claim("03", "The star lies at the bottom of the map, to within one step of its grid", quick=False)
def star_lies_at_the_bottom(seed: int) -> Seen:
    """Where the lowest point of the 13 x 13 grid lies; a step of it is 1/6."""
    rows, _ = plane_of(seed)
    _, x, y = min(
        (loss, -1 + place / 6, row.y) for row in rows for place, loss in enumerate(row.losses)
    )
    return Seen(max(abs(x), abs(y)) < 1 / 6 + 1e-6, f"({x:.2f}, {y:.2f})")
