"""Pictures of our numbers beside MindSpore's."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib.labs.parity.measure import PAGE_LOSSES, MnistRun
from tutorial_lib.pictures import BLUE, INK, MUTED, VERMILION, label_ends, note, plain_log_ticks

ZERO_AT = 1e-8  # where a logarithmic axis shows a difference of exactly 0


def draw_parity(pair: Sequence[Axes], theirs: Sequence[float], ours: Sequence[float]) -> None:
    """Draw the losses of the same steps over each other, and below them how far they are apart.

    Args:
        theirs, ours: The loss of each step, (N,).
    """
    above, below = pair
    steps = np.arange(1, len(ours) + 1)
    above.plot(steps, theirs, color=VERMILION, alpha=0.45, lw=5, label="MindSpore")
    above.plot(steps, ours, color=BLUE, lw=1.3, label="ours")
    above.set(ylabel="loss", ylim=(0, None))
    above.legend(loc="upper right")
    difference = np.abs(np.subtract(ours, theirs))
    largest = int(difference.argmax())
    below.semilogy(steps, np.maximum(difference, ZERO_AT), "o", ms=2.5, color=INK)
    top = max(1e-5, 3 * max(difference))
    below.set(xlabel="step", ylabel="difference", ylim=(ZERO_AT / 2, top))
    below.set_yticks([ZERO_AT, 1e-7, 1e-6, 1e-5], ["0", "1e-7", "1e-6", "1e-5"])
    below.minorticks_off()
    right, side = (7, "left") if largest < len(steps) / 2 else (-7, "right")
    at = steps[largest], difference[largest]
    note(below, f"largest: {difference[largest]:.1e}", at, (right, 3), ha=side)


def draw_epochs(axes: Axes, runs: Sequence[MnistRun]) -> None:
    """Draw the mean loss of each epoch: the page's, and our mean with its lowest and highest."""
    epochs = np.arange(len(PAGE_LOSSES))
    ours = np.array([run.mean_losses for run in runs])  # (seeds, epochs)
    mean = ours.mean(axis=0)
    reach = [mean - ours.min(axis=0), ours.max(axis=0) - mean]
    line = axes.errorbar(epochs, mean, yerr=reach, fmt="o-", color=BLUE, capsize=4, lw=1.2)[0]
    line.set_label(f"ours, {len(runs)} seeds:\nmean and range")
    axes.plot(epochs, PAGE_LOSSES, "D", color=VERMILION, ms=5, zorder=3, label="MindSpore's page")
    axes.set(yscale="log", xticks=epochs, xlabel="epoch", ylabel="mean loss of the epoch")
    plain_log_ticks(axes)
    label_ends(axes)


def draw_plateaus(axes: Axes, runs: Sequence[MnistRun]) -> None:
    """Draw each start's mean loss of epoch 0 against how long it sat on the plateau."""
    steps = [run.plateau_steps for run in runs]
    axes.plot(steps, [run.mean_losses[0] for run in runs], "o", color=BLUE)
    axes.axhline(PAGE_LOSSES[0], color=VERMILION, lw=1.3, ls="--")
    at = max(steps), PAGE_LOSSES[0]
    looks = {"ha": "right", "va": "top", "color": VERMILION}
    note(axes, f"MindSpore's page: {PAGE_LOSSES[0]}", at, (0, -5), **looks)
    axes.set(xlabel="steps on the plateau", ylabel="mean loss of epoch 0")
    axes.set_title(f"{len(runs)} starts of ours, each a dot", color=MUTED)
