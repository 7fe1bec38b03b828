"""Exercises on steps that several processes take together."""

import torch
from torch import Tensor

from tutorial_lib.exercises import judging

EXERCISES: dict[str, judging.Exercise] = {}


def _whole_gradient(gradients: Tensor, counts: Tensor) -> Tensor:
    return (gradients * counts[:, None]).sum(dim=0) / counts.sum()


EXERCISES["whole_gradient"] = judging.function_exercise(
    _whole_gradient,
    "A rank that had more images has more to say. How much more?",
    "Multiply each rank's mean by its number of images: that is the sum over its images.",
    "The sum of all those sums, divided by counts.sum(), is the mean over all images.",
    cases=lambda: [
        (torch.tensor([[1.0, 0.0], [4.0, 3.0]]), torch.tensor([2.0, 1.0])),
        *((torch.randn(len(n), 5), torch.tensor(n)) for n in ([3.0, 3.0], [9.0, 8.0, 8.0, 8.0])),
    ],
    returns=("gradient",),
    right="Every image counts the same again, whichever rank had it.",
    mistakes=lambda g, n: {
        "That is right for equal shares. With others, an image in a small share counts more than "
        "one in a large share.": g.mean(dim=0),
        "You took the sum over the ranks, not a mean.": g.sum(dim=0),
        "That is the sum over all images. Divide by their number.": (g * n[:, None]).sum(dim=0),
        "You divided by the number of ranks. Divide by the number of images.": (
            (g * n[:, None]).mean(dim=0)
        ),
        "You divided by the counts. More images must count more.": (g / n[:, None]).sum(dim=0),
    },
)

EXERCISES["speed_up"] = judging.number_exercise(
    2.5,
    "How long does one process compute? And how long do four, each with its share?",
    "Each of the four computes for 40 / 4 ms, and then come 6 ms of communication.",
    "One needs 40 ms where four need 10 + 6 ms. How many times as long is that?",
    right="Four at work, and 2.5 times as fast: the rest is talk.",
    mistakes={
        4: "That would be so if talking took no time.",
        40 / 6: "You left out that each process still has to compute its share.",
        16: "That is how many milliseconds a step of four takes. How many times faster is it?",
        40 / 46: "The four share the computing: each has a quarter of it.",
        0.4: "The other way round: how many times as fast.",
    },
)

EXERCISES["scaled_rate"] = judging.number_exercise(
    0.08,
    "How large is the global batch, in all processes together?",
    "The rate grows by the same factor as the global batch.",
    "8 times 32 images are a step now. 8 times 0.01 is the rate.",
    right="Eight times the images in a step, eight times the rate.",
    mistakes={
        0.01: "That is the rate for 32 images. A step now goes by 256.",
        0.01 / 8: "The other way round: fewer steps, so longer ones.",
        0.01 * 8**0.5: "That is the square root rule. The linear rule was asked for.",
        0.32: "You took the batch of one process for the factor. It grew from 32 to 256.",
    },
)

EXERCISES["warm_rate"] = judging.function_exercise(
    lambda step, num_warm, rate: rate * min(1.0, step / num_warm),
    "In step 1 it is the smallest, in step num_warm it has arrived. In between, a line.",
    "During the warm-up, the share of the way is step / num_warm.",
    "min(1, step / num_warm) is that share, and stays 1 afterwards.",
    cases=lambda: [*((step, 10, 0.04) for step in (1, 3, 9, 10, 11, 500)), (2, 8, 0.4)],
    returns=("rate",),
    right="Up in a straight line, and then level.",
    mistakes=lambda s, k, rate: {
        "It goes on rising after the warm-up. Hold it there.": rate * s / k,
        "You begin a step late, at a rate of 0: steps count from 1.": rate * min(1.0, (s - 1) / k),
        "That is the full rate from the first step on.": rate,
        "That is the share. Times the rate.": min(1.0, s / k),
    },
)

EXERCISES["lone_image"] = judging.number_exercise(
    32,
    "In a plain mean of two ranks, each rank counts one half, whatever it had.",
    "The lone image is all of its rank: it counts 1/2. How much is left for one of the 32?",
    "One of the 32 counts 1/2 times 1/32. Compare 1/2 with that.",
    right="One image pulls as hard as all the others together. Nothing crashes, nothing warns.",
    mistakes={
        1: "So it should be, and with weights it is. Here the weights were forgotten.",
        33: "There are 32 others, not 33.",
        16.5: "That is against its fair share, 1/33. Compare it with one of the other images.",
        16: "A rank counts one half, on both sides: that cancels.",
        1 / 32: "The other way round: the lone image counts more.",
    },
)
