"""What notebook 05 says, and what is measured; nothing of the clock."""

from functools import cache
from itertools import islice
from statistics import mean
from typing import Any

import nbformat
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from claims.table import NOTEBOOKS, Seen, claim
from tutorial_lib import (
    Diverged,
    Hyperparameters,
    LeNet5,
    ProcessesRun,
    TrainingRun,
    evaluate,
    load_digits,
)

DATA = load_digits("sample", device="cpu")
ONCE = (0,)  # nothing is drawn
EIGHT, SIX = range(8), range(6)


def cells(*ids: str, seed: int = 0) -> dict[str, Any]:
    """Return what these cells of the notebook define; what they draw comes from this seed."""
    book = nbformat.read(next(NOTEBOOKS.glob("05_*.ipynb")), as_version=4)
    sources = {cell.id: cell.source for cell in book.cells}
    names: dict[str, Any] = {"torch": torch, "F": F, "data": DATA}
    for cell_id in ids:
        exec(sources[cell_id].replace("manual_seed(0)", f"manual_seed({seed})"), names)
    return names


def gradient_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return cells("scaling-06")["gradient_of"](model, images, labels)


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Return 32 images and labels, others for each seed."""
    return DATA.train.take(torch.arange(32 * seed, 32 * seed + 32))


@cache
def read_after_four_epochs(
    seed: int, batch_size: int, rate: float, num_warm: int = 0, optimizer: str = "momentum"
) -> float:
    """Return the share of validation digits that are read, as of the notebook's train."""
    first = rate / max(1, num_warm)
    settings = Hyperparameters(
        epochs=4, batch_size=batch_size, learning_rate=first, optimizer=optimizer, seed=seed
    )
    run = TrainingRun(LeNet5(seed=seed), DATA, settings)
    try:
        for record in run:
            if record.step < num_warm:
                run.adjust(learning_rate=first * (record.step + 1))
    except Diverged:
        return 0.1
    return evaluate(run.model, DATA.validation).accuracy


def in_percent(*shares: float) -> str:
    return ", ".join(f"{share:.1%}" for share in shares)


@claim("05", "their mean is the gradient of the whole batch")
def the_mean_of_the_shares(seed: int) -> Seen:
    """The largest difference from the gradient of the whole batch, and between the ranks."""
    model, (images, labels) = LeNet5(seed=seed), batch(seed)
    whole = gradient_of(model, images, labels)
    ranks = [gradient_of(model, images[r::2], labels[r::2]) for r in (0, 1)]
    gap = ((ranks[0] + ranks[1]) / 2 - whole).abs().max().item()
    apart = (ranks[0] - ranks[1]).abs().max().item()
    return Seen(gap < 1e-6 and apart > 1e-3, f"{gap:.0e}, between ranks {apart:.0e}")


@claim("05", "Then they agreed, to rounding.", quick=False)
def two_processes_agree(seed: int) -> Seen:
    """The largest difference of a loss in thirty steps of one process and of two."""
    settings = Hyperparameters(epochs=100, seed=seed)
    alone = TrainingRun(LeNet5(seed=seed), DATA, settings)
    two = ProcessesRun(LeNet5(seed=seed), DATA, settings, processes=2)
    try:
        pairs = list(zip(islice(alone, 30), islice(two, 30), strict=True))
    finally:
        two.close()
    gap = max(abs(one.loss - other.loss) for one, other in pairs)
    return Seen(gap < 1e-4, f"{gap:.0e}")


@claim("05", "Every rank has the gradient of the whole batch.")
def the_ring_gives_the_mean(seed: int) -> Seen:
    """The largest difference on any of four ranks."""
    model, (images, labels) = LeNet5(seed=seed), batch(seed)
    quarters = [gradient_of(model, images[r::4], labels[r::4]) for r in range(4)]
    *_, parts = cells("ring-code")["ring_all_reduce"](quarters)
    whole = gradient_of(model, images, labels)
    gap = max((torch.cat(rank) / 4 - whole).abs().max().item() for rank in parts)
    return Seen(gap < 1e-6, f"{gap:.0e}")


@claim("05", "less than $2\\,G$ however many ranks there are", seeds=ONCE)
def the_ring_sends_less_than_two_gradients(seed: int) -> Seen:
    """What rank 0 sends, counted step by step, in gradients."""
    sent = {}
    for p in (2, 4, 8, 64):
        numbers = torch.ones(p, 640)
        ring = cells("ring-code")["ring_all_reduce"](numbers)
        count = 0
        parts = next(ring)
        for step in range(2 * (p - 1)):
            count += parts[0][-step % p].numel()
            parts = next(ring)
        assert all(torch.equal(torch.cat(rank), torch.full((640,), float(p))) for rank in parts)
        sent[p] = count / 640
    held = all(abs(each - 2 * (p - 1) / p) < 1e-9 for p, each in sent.items())
    return Seen(held and max(sent.values()) < 2, str(sent))


@claim("05", "At the old rate the large batch read fewer digits than the small one with every seed",
       seeds=EIGHT, quick=False)  # fmt: skip
def four_times_the_batch_is_behind(seed: int) -> Seen:
    """B = 32 and B = 128 at rate 0.01."""
    small, large = (read_after_four_epochs(seed, size, 0.01) for size in (32, 128))
    return Seen(large < small, in_percent(small, large))


@claim("05", "With four times the rate it read more than that in seven of eight, 90 to 96 %.",
       seeds=EIGHT, at_least=7, quick=False)  # fmt: skip
def four_times_the_rate_helps(seed: int) -> Seen:
    """B = 128 at rate 0.01 and at 0.04."""
    old, new = (read_after_four_epochs(seed, 128, rate) for rate in (0.01, 0.04))
    return Seen(new > old and 0.895 < new < 0.97, in_percent(old, new))


@claim(
    "05",
    "as a rule this network does not need it at this rate",
    seeds=EIGHT,
    at_least=7,
    quick=False,
)
def no_warm_up_is_needed(seed: int) -> Seen:
    """B = 128 at 0.04 without a warm-up, which ends above 89 %, and with one."""
    without, warm = (read_after_four_epochs(seed, 128, 0.04, num) for num in (0, 62))
    return Seen(without > 0.89, in_percent(without, warm))


@claim("05", "none of six seeds came above 90 %, and a warm-up did not save them", seeds=SIX,
       quick=False)  # fmt: skip
def eight_times_is_too_much(seed: int) -> Seen:
    """B = 256 at 0.08, without a warm-up and with one of 30 steps."""
    shares = [read_after_four_epochs(seed, 256, 0.08, num) for num in (0, 30)]
    return Seen(max(shares) < 0.9, in_percent(*shares))


@claim("05", "With SGD the line of B = 32 has company from the rate times 4. With Adam, from the "
       "rate times 2", quick=False)  # fmt: skip
def which_rate_keeps_pace(seed: int) -> Seen:
    """By which factor of the rate the line of B = 128 lies closest to that of B = 32."""
    valley = cells("adam-valley", seed=seed)["noisy_valley"]
    closest = []
    for optimizer, rate in ((torch.optim.SGD, 0.002), (torch.optim.Adam, 0.01)):
        small = np.array(valley(optimizer, rate, 32)[1])[::4]
        gaps = {}
        for factor in (1, 2, 4):
            large = np.array(valley(optimizer, factor * rate, 128)[1])
            gaps[factor] = np.abs(large - small[: len(large)]).mean()
        closest.append(min(gaps, key=gaps.get))
    return Seen(closest == [4, 2], f"SGD {closest[0]}, Adam {closest[1]}")


@claim("05", "With five seeds it was a factor of 1.8 to 2.0 from 8 to 32 images, and 1.2 to 1.4 "
       "from 128 to 512.", quick=False)  # fmt: skip
def gradients_of_larger_batches(seed: int) -> Seen:
    """By which factor the root mean square length of LeNet's first gradient falls."""
    names = cells("scaling-06", seed=seed)
    names["statistics"] = __import__("statistics")
    length = cells_with(names, "adam-length")["length"]
    lengths = [length(LeNet5(seed=seed), size) for size in (8, 32, 128, 512)]
    first, last = lengths[0] / lengths[1], lengths[2] / lengths[3]
    return Seen(1.7 < first < 2.1 and 1.1 < last < 1.5, f"{first:.2f}, {last:.2f}")


def cells_with(names: dict[str, Any], cell_id: str) -> dict[str, Any]:
    """Run the functions of one more cell of the notebook among these names."""
    book = nbformat.read(next(NOTEBOOKS.glob("05_*.ipynb")), as_version=4)
    source = next(cell.source for cell in book.cells if cell.id == cell_id)
    exec(source.split("\n\n\nlengths")[0], names)
    return names


@claim("05", "With each of eight seeds the root rule read more than the old rate", seeds=EIGHT,
       quick=False)  # fmt: skip
def the_root_rule_helps_adam(seed: int) -> Seen:
    """B = 128 at rates 0.001 and 0.002, and B = 32 at 0.001, by Adam."""
    old, root, small = (
        read_after_four_epochs(seed, size, rate, 0, "adam")
        for size, rate in ((128, 0.001), (128, 0.002), (32, 0.001))
    )
    return Seen(old < root, in_percent(old, root, small))


@claim("05", "four times the rate came as far or further", seeds=EIGHT, quick=False)
def more_than_the_root_helps_here(seed: int) -> Seen:
    """B = 128 at 0.002 and 0.004 by Adam; as far is within the margin of two points."""
    root, linear = (read_after_four_epochs(seed, 128, rate, 0, "adam") for rate in (0.002, 0.004))
    return Seen(linear > root - 0.02, in_percent(root, linear))


@claim("05", "Batch by batch the gradient of the whole is put together.")
def small_batches_add_up(seed: int) -> Seen:
    """The largest difference after each of four small batches."""
    model, (images, labels) = LeNet5(seed=seed), batch(seed)
    whole = gradient_of(model, images, labels)
    stages = cells("accumulate-code")["accumulated"](model, images, labels, 4)
    gaps = [(stage - whole).abs().max().item() for stage in stages]
    return Seen(gaps[-1] < 1e-6 < gaps[2], ", ".join(f"{gap:.0e}" for gap in gaps))


@claim("05", "SGD's is $k$ times as long, as if the rate were $k$ times as high. Adam divides "
       "by the gradient's size, and does not notice.")  # fmt: skip
def forgetting_to_divide(seed: int) -> Seen:
    """How many times as long the first step is with four times the gradient."""
    model, (images, labels) = LeNet5(seed=seed), batch(seed)
    whole = gradient_of(model, images, labels)
    longer = []
    for optimizer in (torch.optim.SGD, torch.optim.Adam):
        lengths = []
        for factor in (1, 4):
            w = torch.zeros_like(whole).requires_grad_()
            w.grad = factor * whole
            optimizer([w], lr=0.01).step()
            lengths.append(w.detach().norm().item())
        longer.append(lengths[1] / lengths[0])
    held = abs(longer[0] - 4) < 0.01 and abs(longer[1] - 1) < 0.01
    return Seen(held, f"SGD {longer[0]:.2f}, Adam {longer[1]:.2f}")


@claim("05", "They do: the same sums in the same order, only told later.")
def twenty_steps_at_once(seed: int) -> Seen:
    """Whether the losses of twenty steps are equal, one by one and at once."""
    one_by_one, at_once = (
        TrainingRun(LeNet5(seed=seed), DATA, Hyperparameters(seed=seed)) for _ in range(2)
    )
    plain = [record.loss for record in islice(one_by_one, 20)]
    burst = [record.loss for record in at_once.take(20)]
    return Seen(plain == burst, f"mean {mean(plain):.3f}")


@claim("05", "It went back to that, took the good steps once more, and left out the rest.")
def a_burst_that_diverged(seed: int) -> Seen:
    """How many of twenty steps at rate 30 are left, and whether all weights are numbers."""
    settings = Hyperparameters(learning_rate=30, optimizer="sgd", loss="mse", seed=seed)
    run = TrainingRun(LeNet5(seed=seed), DATA, settings)
    good = run.take(20)
    finite = all(weights.isfinite().all() for weights in run.model.parameters())
    return Seen(finite and 0 < len(good) < 20, f"{len(good)} of 20")
