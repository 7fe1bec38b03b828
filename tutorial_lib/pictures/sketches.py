"""Pictures that explain one idea each: draw_*(axes, data) on what they are given."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from tutorial_lib.pictures.labels import label_ends
from tutorial_lib.pictures.names import plain_text
from tutorial_lib.pictures.plots import draw_ways, note, plain_log_ticks
from tutorial_lib.pictures.theme import BLUE, COLOURS, INK, MUTED, ORANGE, VERMILION, run_colour


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
        xlabel, ylabel: What x and y are, with their units.
        ylim: Set here rather than later, so that the labels keep apart.
        styles: How the lines are drawn, in turn: "o-" with a dot at each point, "-", "--".
        log: Whether both axes are logarithmic.
    """
    for number, (name, (x, y)) in enumerate(lines.items()):
        looks = {"color": run_colour(number), "label": plain_text(name)}
        axes.plot(x, y, styles[number % len(styles)], **looks)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if ylim is not None:
        axes.set_ylim(*ylim)
    if log:
        axes.set(xscale="log", yscale="log")
        ticks = sorted({value for x, _ in lines.values() for value in x})
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.minorticks_off()
        plain_log_ticks(axes)
    label_ends(axes)


def draw_errors(axes: Axes, output: Tensor, target: Tensor, *, squares: bool = False) -> None:
    """Guesses, true values, and between them the errors: as sticks, or as squares.

    Args:
        output, target: The guesses and the true values, of the same shape, which may be any.
        squares: Draw a square on each error, whose area is the squared error.
    """
    guesses, truths = output.flatten().tolist(), target.flatten().tolist()
    x = [3.6 * index if squares else index for index in range(len(guesses))]
    for left, guess, truth in zip(x, guesses, truths, strict=True):
        size, middle = abs(guess - truth), (guess + truth) / 2
        axes.plot([left, left], [guess, truth], color=BLUE, linewidth=3)
        if squares:
            corner = left, min(guess, truth)
            axes.add_patch(Rectangle(corner, size, size, color=BLUE, alpha=0.25))
            axes.text(left + max(size + 0.2, 0.35), middle, f"{size**2:g}", va="center")
        else:
            axes.text(left + 0.09, middle, f"{size:g}", va="center")
    axes.plot(x, truths, "o", color=INK, zorder=3, label="true value")
    axes.plot(x, guesses, "D", color=VERMILION, zorder=3, markersize=5.5, label="guess")
    axes.set_xticks(x, [f"{number}" for number in range(1, len(guesses) + 1)])
    axes.set(xlabel="element i", ylabel="value", ylim=(-0.6, max(guesses + truths) + 0.7))
    if squares:
        axes.set_aspect("equal")
    else:
        axes.set_xlim(-0.4, len(guesses) - 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2, frameon=False)
    power, name = (2, "squared error") if squares else (1, "error")
    told = (
        f"{number}: true value {truth:g}, guess {guess:g}, {name} {abs(guess - truth) ** power:g}"
        for number, (guess, truth) in enumerate(zip(guesses, truths, strict=True), start=1)
    )
    axes.set_label(f"Elements of a guess. {'; '.join(told)}")  # for those who do not see it


def draw_loss_and_slope(
    pair: Sequence[Axes], errors: Tensor, curves: Mapping[str, tuple[Tensor, Tensor]]
) -> None:
    """The loss of one element against its error, and beside it the slope.

    Args:
        pair: The left axes, for the loss, and the right axes, for the slope.
        errors: The errors, (N,), rising.
        curves: The loss (N,) and its slope (N,) for each name.
    """
    ylabels = "loss", "slope of the loss"
    for part, (axes, ylabel) in enumerate(zip(pair, ylabels, strict=True)):
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        lines = {name: (errors, curve[part].detach()) for name, curve in curves.items()}
        draw_lines(axes, lines, "error e = guess - target", ylabel, styles="-")


def draw_valley(axes: Axes, candidates: Tensor, losses: Tensor, name: str, *, best: str) -> None:
    """A loss against the one number that is looked for, with its lowest point marked."""
    lowest, losses = int(losses.argmin()), losses.numpy()
    bottom = float(candidates[lowest]), losses[lowest]
    axes.plot(candidates.numpy(), losses, color=BLUE)
    axes.plot(*bottom, "o", color=VERMILION, markersize=8)
    axes.set_ylim(losses.min() - 0.25 * np.ptp(losses), losses.max() + 0.05 * np.ptp(losses))
    side = "left" if lowest < 8 else "center"
    note(axes, best, bottom, (0, -9), ha=side, va="top", fontweight="bold")
    name = plain_text(name)
    axes.set(title=name, xlabel="the one number", ylabel=f"{name} over the five values")


def draw_classes(axes: Axes, values: Tensor, ylabel: str, *, true_class: int | None = None) -> None:
    """One bar for each class, with its value; the true class in a colour of its own.

    Args:
        values: One for each class, (K,).
        ylabel: What the values are.
        true_class: Which class is the right one, if that is to be shown.
    """
    numbers = values.detach().tolist()
    colours = [VERMILION if index == true_class else BLUE for index in range(len(numbers))]
    bars = axes.bar(range(len(numbers)), numbers, color=colours, width=0.6)
    axes.bar_label(bars, [f"{number:.2f}" for number in numbers], padding=3)
    ends = ["\n(the true one)" if index == true_class else "" for index in range(len(numbers))]
    axes.set_xticks(range(len(numbers)), [f"class {index}{end}" for index, end in enumerate(ends)])
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
        note(axes, f"p = {mark:g}: {height:.2f}", (mark, height), (8, 5), ha="left", va="bottom")
    axes.set(xlim=(-0.02, 1.12), ylim=(-0.2, 5.4), xticks=np.linspace(0, 1, 6))
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
        xlim, ylim: Left and right, lower and upper edge of the map.
    """
    x, y = torch.linspace(*xlim, 161), torch.linspace(*ylim, 121)
    heights = height(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))  # (121, 161)
    levels = np.linspace(0, float(heights.max()) ** 0.5, 14)[1:] ** 2
    axes.contour(x, y, heights, levels=levels, colors=COLOURS["grid"], linewidths=0.9, zorder=0)
    draw_ways(axes, {name: path.detach().numpy() for name, path in paths.items()})
    start = next(iter(paths.values()))[0].tolist()
    note(axes, "start", start, (0, 8), ha="center")
    axes.set(xlim=xlim, ylim=ylim, xlabel="weight 1", ylabel="weight 2")
    axes.legend(loc="upper right", framealpha=0.95)


def draw_parameter_counts(axes: Axes, counts: Mapping[str, int]) -> None:
    """One bar a layer, the first layer first: how many parameters it holds."""
    bars = axes.barh(range(len(counts)), list(counts.values()), color=BLUE)
    axes.set_yticks(range(len(counts)), map(plain_text, counts))
    axes.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=4)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18 * max(counts.values()))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("parameters")
    axes.grid(False)


def draw_batches(axes: Axes, num_images: int, batch_sizes: Sequence[int]) -> None:
    """One row a batch size: an epoch cut into batches, and the remainder that is dropped."""
    looks = {"height": 0.6, "linewidth": 0.8}
    for row, batch_size in enumerate(batch_sizes):
        num_steps, rest = divmod(num_images, batch_size)
        starts = batch_size * np.arange(num_steps)
        axes.barh(row, batch_size, left=starts, color=BLUE, edgecolor="white", **looks)
        if rest:
            where = {"width": rest, "left": num_images - rest}
            axes.barh(row, **where, color="white", edgecolor=MUTED, hatch="////", **looks)
        words = f"{num_steps} steps\n{rest or 'none'} dropped"
        axes.text(1.02 * num_images, row, words, va="center")
    axes.set_yticks(range(len(batch_sizes)), [f"B = {batch_size}" for batch_size in batch_sizes])
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
        titles: K of them.
    """
    limit, size = np.abs(kernels).max(), kernels.shape[-1]
    for index, (kernel, title) in enumerate(zip(kernels, titles, strict=True)):
        left = index * (size + 1.5)
        where = left, left + size, 0, size
        axes.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=where)
        axes.text(left + size / 2, size + 0.4, plain_text(title), ha="center", va="bottom")
    axes.set(xlim=(-0.2, len(kernels) * (size + 1.5) - 1.3), ylim=(-0.2, size + 1.8))
    axes.axis("off")


def draw_bowl(axes: Axes, positions: Sequence[float], title: str) -> None:
    """The steps of gradient descent on the bowl loss(w) = w**2 / 2.

    Args:
        positions: The weight before each step, and after the last one.
    """
    curve = np.linspace(-3.2, 3.2, 200)
    axes.plot(curve, curve**2 / 2, color=MUTED, linewidth=1, label="the bowl")
    path = np.array(positions)
    axes.plot(path, path**2 / 2, "o-", color=BLUE, markersize=4, linewidth=1, label="the ball")
    axes.set(xlim=(-3.2, 3.2), ylim=(-0.25, 5.2), title=title, xlabel="weight w")


def draw_noise(axes: Axes, spreads: Mapping[int, float]) -> None:
    """The measured spread of a batch gradient for each batch size, and the line 1 / sqrt(B)."""
    sizes, measured = np.array(list(spreads)), np.array(list(spreads.values()))
    # the line of slope -1/2 that lies closest to the points
    scale = np.exp(np.mean(np.log(measured) + np.log(sizes) / 2))
    axes.loglog(sizes, scale / np.sqrt(sizes), color=MUTED, linewidth=1.5, label="this law")
    axes.loglog(sizes, measured, "o", color=BLUE, markersize=8, label="measured")
    for size, spread in spreads.items():
        note(axes, f"{spread:.2f}", (size, spread), (8, 3), color=BLUE)
    middle = np.sqrt(sizes[0] * sizes[-1]) * 2.2
    note(axes, r"$\propto 1/\sqrt{B}$", (middle, scale / np.sqrt(middle)), (6, 6), color=MUTED)
    axes.margins(0.12)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    plain_log_ticks(axes)
    axes.minorticks_off()
    axes.set(xlabel="batch size B (images)", ylabel="spread of the gradient")


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
    width = 0.8 / len(numbers)  # of the room that a group of bars has
    for bar, processes in enumerate(numbers):
        x = np.arange(len(sizes)) + (bar - (len(numbers) - 1) / 2) * width
        alone = np.array([whole[1, size] for size in sizes])
        seconds = np.array([whole[processes, size] for size in sizes])
        computing = np.minimum([compute[processes, size] for size in sizes], seconds) / alone
        rest, mine = seconds / alone - computing, axes.bar(x, computing, 0.9 * width, color=BLUE)
        others = axes.bar(x, rest, 0.9 * width, bottom=computing, color=ORANGE)
        for left, height in zip(x, seconds / alone, strict=True):
            axes.text(left, height, f"{processes}", ha="center", va="bottom", color=INK)
    axes.axhline(1, color=MUTED, lw=1, ls="--", zorder=0)
    labels = [f"{size} images\n{1000 * whole[1, size]:.1f} ms alone" for size in sizes]
    axes.set_xticks(np.arange(len(sizes)), labels)
    axes.set_ylim(0, 1.25 * max(whole[key] / whole[1, key[1]] for key in whole))
    axes.set(xlabel="global batch", ylabel="time of a step\n(one process = 1)")
    axes.legend([mine, others], ["computing its share", "talking and waiting"], loc="upper right")
    told = (
        f"{size} images: "
        + ", ".join(
            f"{whole[key] / whole[1, size]:.2f} on {key[0]} "
            f"({min(compute[key], whole[key]) / whole[1, size]:.2f})"
            for key in sorted(whole)
            if key[1] == size and key[0] > 1
        )
        for size in sizes
    )
    words = "Time of a step on several processes, in that of one, and in brackets what computing"
    axes.set_label(f"{words} takes of it. {'. '.join(told)}")  # for those who do not see it
