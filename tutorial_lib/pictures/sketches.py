"""Pictures that explain one idea each: draw_*(axes, data) on what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from tutorial_lib.engine import EvaluationRecord, StepRecord
from tutorial_lib.pictures.plots import label_ends, plain_log_ticks
from tutorial_lib.pictures.theme import (
    BLUE,
    COLOURS,
    GRID,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    run_colour,
    run_colours,
)

GROUP_WIDTH = 0.8  # of the room that is there for a group of bars


def draw_lines(
    axes: Axes,
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    *,
    ylim: tuple[float, float] | None = None,
    styles: Sequence[str] = ("o-",),
    log: bool = False,
) -> None:
    """One line for each name, labelled at its right end.

    Args:
        lines: The x values and the y values of each line.
        xlabel: What x is, with its unit.
        ylabel: What y is, with its unit.
        ylim: Set here rather than later, so that the labels keep apart.
        styles: How the lines are drawn, in turn: "o-" with a dot at each point, "-", "--".
        log: Whether both axes are logarithmic.
    """
    for number, (x, y) in enumerate(lines.values()):
        axes.plot(x, y, styles[number % len(styles)], color=run_colour(number))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if ylim is not None:
        axes.set_ylim(*ylim)
    if log:
        axes.set(xscale="log", yscale="log")
        places = sorted({value for x, _ in lines.values() for value in x})
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.xaxis.minorticks_off()
        plain_log_ticks(axes)
    ends = [(y[-1], name, run_colour(i)) for i, (name, (_, y)) in enumerate(lines.items())]
    label_ends(axes, ends)


def draw_errors(axes: Axes, output: Tensor, target: Tensor, *, squares: bool = False) -> None:
    """Guesses, true values, and between them the errors: as sticks, or as squares.

    Args:
        output: The guesses, of any shape.
        target: The true values, of the same shape.
        squares: Draw a square on each error, whose area is the squared error.
    """
    guesses, truths = output.flatten().tolist(), target.flatten().tolist()
    places = [3.6 * index for index in range(len(guesses))] if squares else range(len(guesses))
    for place, guess, truth in zip(places, guesses, truths, strict=True):
        size = abs(guess - truth)
        if squares:
            corner = (place, min(guess, truth))
            axes.add_patch(Rectangle(corner, size, size, color=BLUE, alpha=0.25))
        axes.plot([place, place], [guess, truth], color=BLUE, linewidth=3)
        shown, across = (size**2, size + 0.2) if squares else (size, 0.09)
        axes.text(place + max(across, 0.35 if squares else 0), (guess + truth) / 2, f"{shown:g}",
                  va="center")  # fmt: skip
    axes.plot(places, truths, "o", color=INK, zorder=3, label="true value")
    axes.plot(places, guesses, "D", color=VERMILION, zorder=3, markersize=5.5, label="guess")
    axes.set_xticks(places, [f"{number}" for number in range(1, len(guesses) + 1)])
    axes.set(xlabel="element i", ylabel="value")
    axes.set_ylim(-0.6, max(guesses + truths) + 0.7)
    if squares:
        axes.set_aspect("equal")
    else:
        axes.set_xlim(-0.4, len(guesses) - 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2, frameon=False)


def draw_loss_and_slope(
    pair: Sequence[Axes], errors: Tensor, curves: Mapping[str, tuple[Tensor, Tensor]]
) -> None:
    """The loss of one element against its error, and beside it the slope.

    Args:
        pair: The left axes, for the loss, and the right axes, for the slope.
        errors: The errors, (N,), rising.
        curves: The loss (N,) and its slope (N,) for each name.
    """
    x = errors.numpy()
    for part, axes in enumerate(pair):
        for line in (axes.axhline, axes.axvline):
            line(0, color=MUTED, linewidth=0.8)
        ends = []
        for number, (name, curve) in enumerate(curves.items()):
            y = curve[part].detach().numpy()
            axes.plot(x, y, color=run_colour(number))
            ends.append((y[-1], name, run_colour(number)))
        axes.set(xlabel="error e = guess - target", ylabel=("loss", "slope of the loss")[part])
        label_ends(axes, ends)


def draw_valley(axes: Axes, candidates: Tensor, losses: Tensor, name: str, *, best: str) -> None:
    """A loss against the one number that is looked for, with its lowest point marked."""
    lowest = int(losses.argmin())
    axes.plot(candidates.numpy(), losses.numpy(), color=BLUE)
    axes.plot(candidates[lowest], losses[lowest], "o", color=VERMILION, markersize=8)
    span = float(losses.max() - losses.min())
    axes.set_ylim(float(losses.min()) - 0.25 * span, float(losses.max()) + 0.05 * span)
    axes.annotate(best, (float(candidates[lowest]), float(losses[lowest])), xytext=(0, -9),
                  textcoords="offset points", ha="left" if lowest < 8 else "center", va="top",
                  fontweight="bold")  # fmt: skip
    axes.set(title=name, xlabel="the one number", ylabel=f"{name} over the five values")


def draw_classes(axes: Axes, values: Tensor, ylabel: str, *, true_class: int | None = None) -> None:
    """One bar for each class, with its value; the true class in a colour of its own.

    Args:
        values: One for each class, (K,).
        ylabel: What the values are.
        true_class: Which class is the right one, if that is to be shown.
    """
    numbers = values.detach().tolist()
    colours = [BLUE] * len(numbers)
    if true_class is not None:
        colours[true_class] = VERMILION
    bars = axes.bar(range(len(numbers)), numbers, color=colours, width=0.6)
    axes.bar_label(bars, [f"{number:.2f}" for number in numbers], padding=3)
    names = [f"class {index}" for index in range(len(numbers))]
    if true_class is not None:
        names[true_class] += "\n(the true one)"
    axes.set_xticks(range(len(numbers)), names)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.margins(y=0.18)
    axes.set_ylabel(ylabel)
    axes.grid(False)


def draw_surprise(
    axes: Axes, probabilities: Tensor, losses: Tensor, *, marks: Sequence[float]
) -> None:
    """Cross-entropy against the probability of the true class, with some points marked."""
    axes.plot(probabilities.numpy(), losses.numpy(), color=BLUE)
    for mark in marks:
        height = -np.log(mark)
        axes.plot(mark, height, "o", color=VERMILION, markersize=7)
        axes.annotate(f"p = {mark:g}: {height:.2f}", (mark, height), xytext=(8, 5),
                      textcoords="offset points", ha="left", va="bottom")  # fmt: skip
    axes.set(xlim=(-0.02, 1.12), ylim=(-0.2, 5.4))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set(xlabel="probability of the true class", ylabel="cross-entropy (nats)")


def draw_paths(
    axes: Axes,
    height: Callable[[Tensor], Tensor],
    paths: Mapping[str, Tensor],
    *,
    xlim: tuple[float, float] = (-9.5, 4.5),
    ylim: tuple[float, float] = (-3, 3),
) -> None:
    """A surface seen from above, and the way that each optimizer took down it to (0, 0).

    Args:
        height: Maps points (..., 2) to heights (...).
        paths: For each name, the points it visited, (steps + 1, 2).
        xlim: Left and right edge of the map.
        ylim: Lower and upper edge of the map.
    """
    x, y = torch.linspace(*xlim, 161), torch.linspace(*ylim, 121)
    heights = height(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))  # (121, 161)
    levels = np.linspace(0, float(heights.max()) ** 0.5, 14)[1:] ** 2
    axes.contour(x, y, heights, levels=levels, colors=GRID, linewidths=0.9, zorder=0)
    handles, colours = [], run_colours(paths)
    for name, path in paths.items():
        points = path.detach().numpy()
        handles += axes.plot(
            *points.T, "o-", color=colours[name], markersize=3, linewidth=1.4, label=name
        )
    start = next(iter(paths.values()))[0].detach().numpy()
    axes.plot(*start, "s", color=INK, markersize=6)
    axes.annotate("start", start, xytext=(0, 8), textcoords="offset points", ha="center")
    axes.plot(0, 0, "*", color=INK, markersize=13, zorder=4)
    axes.set(xlim=xlim, ylim=ylim, xlabel="weight 1", ylabel="weight 2")
    axes.legend(handles=handles, loc="upper right", framealpha=0.95)
    axes.grid(False)


def draw_parameter_counts(axes: Axes, counts: Mapping[str, int]) -> None:
    """One bar a layer: how many parameters it holds.

    Args:
        counts: Parameters of each layer, first layer first.
    """
    names = list(counts)
    bars = axes.barh(names, list(counts.values()), color=BLUE)
    axes.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=4)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * max(counts.values()))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("parameters")
    axes.grid(False)


def draw_batches(axes: Axes, num_images: int, batch_sizes: Sequence[int]) -> None:
    """One row a batch size: an epoch cut into batches, and the remainder that is dropped."""
    labels = []
    for row, batch_size in enumerate(batch_sizes):
        num_steps, rest = divmod(num_images, batch_size)
        starts = batch_size * np.arange(num_steps)
        axes.barh(
            [row] * num_steps, batch_size, left=starts, height=0.6,
            color=BLUE, edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        if rest:
            axes.barh(
                row, rest, left=num_images - rest, height=0.6,
                color="white", edgecolor=MUTED, hatch="////", linewidth=0.8,
            )  # fmt: skip
        dropped = f"{rest} dropped" if rest else "none dropped"
        axes.text(1.02 * num_images, row, f"{num_steps} steps\n{dropped}", va="center")
        labels.append(f"B = {batch_size}")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * num_images)
    axes.set_xticks(np.linspace(0, num_images, 5))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("training images, in the order of this epoch")
    axes.grid(False)
    axes.spines[["left", "top", "right"]].set_visible(False)


def draw_kernels(axes: Axes, kernels: np.ndarray, titles: Sequence[str]) -> None:
    """Small square pictures in a row, all on one colour scale around zero.

    Args:
        kernels: Shape (K, rows, columns); negative is blue, zero white, positive red.
        titles: One for each picture.
    """
    limit = float(np.abs(kernels).max())
    size = kernels.shape[-1]
    for index, (kernel, title) in enumerate(zip(kernels, titles, strict=True)):
        left = index * (size + 1.5)
        axes.imshow(
            kernel, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=(left, left + size, 0, size)
        )
        axes.text(left + size / 2, size + 0.4, title, ha="center", va="bottom")
    axes.set_xlim(-0.2, len(kernels) * (size + 1.5) - 1.3)
    axes.set_ylim(-0.2, size + 1.8)
    axes.axis("off")


def draw_bowl(axes: Axes, positions: Sequence[float], title: str) -> None:
    """The steps of gradient descent on the bowl loss(w) = w**2 / 2.

    Args:
        positions: The weight before each step, and after the last one.
        title: What the picture shows.
    """
    curve = np.linspace(-3.2, 3.2, 200)
    axes.plot(curve, curve**2 / 2, color=MUTED, linewidth=1)
    path = np.array(positions)
    axes.plot(path, path**2 / 2, "o-", color=BLUE, markersize=4, linewidth=1)
    axes.set(xlim=(-3.2, 3.2), ylim=(-0.25, 5.2), title=title, xlabel="weight w")


def draw_learning_rates(axes: Axes, runs: Mapping[str, Sequence[StepRecord]]) -> None:
    """Loss against epoch, one curve a run: each batch faint, the median of 25 steps bold.

    A median lets a single huge loss pass without a trace; where a run leaves the picture at the
    top, its largest loss is written there.

    Args:
        runs: Label -> the steps of a run.
    """
    top = 6
    axes.set(xlabel="epochs", ylabel="loss", ylim=(0, top))
    ends, leaving = [], []
    for number, (label, steps) in enumerate(runs.items()):
        x = np.array([step.epoch + step.epoch_step / step.epoch_steps for step in steps])
        loss = np.array([step.loss for step in steps])
        bold = [np.median(loss[max(0, i - 12) : i + 13]) for i in range(len(loss))]
        axes.plot(x, np.minimum(loss, 1.5 * top), color=run_colour(number), alpha=0.25, lw=0.8)
        axes.plot(x, np.minimum(bold, 1.5 * top), color=run_colour(number))
        ends.append((min(bold[-1], top), label, run_colour(number)))
        if loss.max() > 1.5 * top:
            leaving.append(
                (x[loss.argmax()], f"up to $10^{{{np.log10(loss.max()):.0f}}}$", run_colour(number))
            )
    for place, text, colour in leaving:
        axes.annotate(text, (place, top), xytext=(6, -4), textcoords="offset points", va="top",
                      color=colour)  # fmt: skip
    axes.axhline(np.log(10), color=MUTED, linewidth=1, linestyle=":")
    axes.annotate("knows nothing: ln 10 = 2.303", (axes.get_xlim()[1], np.log(10)), xytext=(-4, 6),
                  textcoords="offset points", ha="right", color=MUTED)  # fmt: skip
    label_ends(axes, ends)


def draw_noise(axes: Axes, spreads: Mapping[int, float]) -> None:
    """The spread of a batch gradient against the batch size, and the line 1 / sqrt(B).

    Args:
        spreads: Measured spread for each batch size.
    """
    sizes, measured = np.array(list(spreads)), np.array(list(spreads.values()))
    # the line of slope -1/2 that lies closest to the points
    scale = np.exp(np.mean(np.log(measured) + np.log(sizes) / 2))
    axes.loglog(sizes, scale / np.sqrt(sizes), color=MUTED, linewidth=1.5)
    axes.loglog(sizes, measured, "o", color=BLUE, markersize=8)
    for size, spread in spreads.items():
        axes.annotate(f"{spread:.2f}", (size, spread), xytext=(8, 3), textcoords="offset points",
                      color=BLUE)  # fmt: skip
    middle = np.sqrt(sizes[0] * sizes[-1]) * 2.2
    axes.annotate(r"$\propto 1/\sqrt{B}$", (middle, scale / np.sqrt(middle)), xytext=(6, 6),
                  textcoords="offset points", color=MUTED)  # fmt: skip
    axes.margins(0.12)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    plain_log_ticks(axes)
    axes.minorticks_off()
    axes.set(xlabel="batch size B (images)", ylabel="spread of the gradient")


def draw_overfitting(
    pair: Sequence[Axes], training: Sequence[float], scores: Sequence[EvaluationRecord]
) -> None:
    """Loss on training and on test digits after each epoch, and beside it the test accuracy.

    Args:
        pair: The left axes, for the losses, and the right axes, for the accuracy.
        training: The mean training loss of each epoch.
        scores: What the test digits said after each epoch.
    """
    epochs = np.arange(1, len(training) + 1)
    test = [score.loss for score in scores]
    best = int(np.argmin(test))
    pair[0].semilogy(epochs, training, color=COLOURS["train"])
    pair[0].semilogy(epochs, test, color=COLOURS["validation"])
    pair[0].plot(epochs[best], test[best], "o", color=COLOURS["validation"], markersize=7)
    pair[0].annotate("lowest", (epochs[best], test[best]), xytext=(8, -13),
                     textcoords="offset points", color=COLOURS["validation"])  # fmt: skip
    plain_log_ticks(pair[0])
    ends = [(training[-1], "training", COLOURS["train"])]
    label_ends(pair[0], [*ends, (test[-1], "test", COLOURS["validation"])])
    pair[1].plot(epochs, [100 * score.accuracy for score in scores], color=COLOURS["validation"])
    pair[1].set_ylim(0, 100)
    for axes, what in zip(pair, ["loss", "test digits right (%)"], strict=True):
        axes.set(xlabel="epochs", ylabel=what)


def draw_step_shares(
    axes: Axes, whole: Mapping[tuple[int, int], float], compute: Mapping[tuple[int, int], float]
) -> None:
    """Draw how long a step takes, relative to one process, and which part of that is computing.

    Args:
        whole: (processes, batch size) -> seconds a step. Of each batch size the one process, too.
        compute: The same keys -> seconds that one process needs for its share alone.
    """
    sizes = sorted({size for _, size in whole})
    numbers = sorted({processes for processes, _ in whole})
    width = GROUP_WIDTH / len(numbers)
    for place, size in enumerate(sizes):
        for bar, processes in enumerate(numbers):
            x = place + (bar - (len(numbers) - 1) / 2) * width
            alone, seconds = whole[1, size], whole[processes, size]
            computing = min(compute[processes, size], seconds)
            first = place == bar == 0
            axes.bar(x, computing / alone, 0.9 * width, color=BLUE,
                     label="computing its share" if first else None)  # fmt: skip
            axes.bar(x, (seconds - computing) / alone, 0.9 * width, bottom=computing / alone,
                     color=ORANGE, label="talking and waiting" if first else None)  # fmt: skip
            axes.text(x, seconds / alone, f"{processes}", ha="center", va="bottom", color=INK)
    axes.axhline(1, color=MUTED, lw=1, ls="--", zorder=0)
    labels = [f"{size} images\n{1000 * whole[1, size]:.1f} ms alone" for size in sizes]
    axes.set_xticks(np.arange(len(sizes)), labels)
    axes.set_ylim(0, 1.25 * max(whole[key] / whole[1, key[1]] for key in whole))
    axes.set(xlabel="global batch", ylabel="time of a step\n(one process = 1)")
    axes.legend(loc="upper right")
