"""Exercises on epochs, batch size and learning rate."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine import TrainingRun
from tutorial_lib.exercises import judging, trials
from tutorial_lib.exercises.judging import NotYet, YourTurn
from tutorial_lib.models import LeNet5

EXERCISES: dict[str, judging.Exercise] = {}

EXERCISES["num_steps"] = judging.number_exercise(
    9370,
    "First count the steps of a single epoch.",
    "An epoch has as many steps as whole batches fit into 60,000 images.",
    "60,000 / 64 is 937.5. Half a batch is dropped, in each of the ten epochs.",
    right="937 steps an epoch, and 32 images are left out in each.",
    mistakes={
        9375: "You rounded at the end. The images left over are dropped in every epoch.",
        9380: "You counted half a batch as a step. The images left over are dropped.",
        937: "That is one epoch. Ten were asked for.",
        18750: "That is with a batch size of 32. Here it is 64.",
        600_000: "That is how many images the network sees. A step takes 64 of them at once.",
    },
)


EXERCISES["sgd_step"] = judging.function_exercise(
    lambda weight, gradients, learning_rate: weight - learning_rate * gradients.mean(dim=0),
    "The formula of section 3: from the weight goes the rate times the mean gradient.",
    "Each row of gradients belongs to an image. The mean runs over the rows.",
    "gradients.mean(dim=0) has one number for each weight. What is left is one line.",
    cases=lambda: [
        (torch.tensor([2.0, 1.0]), torch.tensor([[1.0, 0.0], [3.0, 4.0], [-2.0, 0.0]]), 0.5),
        *((torch.randn(w), torch.randn(n, w), 0.3) for n, w in ((4, 1), (8, 8), (5, 3))),
    ],
    returns=("weight",),
    right="The mean over the images, times the rate, downhill.",
    mistakes=lambda w, g, lr: {
        "You took the sum of the gradients, not their mean: the step grows with the batch size.": (
            w - lr * g.sum(dim=0)
        ),
        "Your step goes uphill. The gradient points where the loss rises.": w + lr * g.mean(dim=0),
        "Your step leaves out the learning rate.": w - g.mean(dim=0),
        "You took the mean over the images and over the weights, too. Each weight has a "
        "gradient of its own.": w - lr * g.mean(),
        "You divided by the batch size twice: the mean has done it once already.": (
            w - lr * g.mean(dim=0) / len(g)
        ),
        "That is how far to go. Return where the weight is afterwards.": lr * g.mean(dim=0),
    },
)

EXERCISES["less_noise"] = judging.number_exercise(
    576,
    "How does the noise fall when the batch grows? You measured it in section 5.",
    "The noise goes with one over the square root of the batch size.",
    "The square root of the factor has to be 3. What is the factor?",
    right="Nine times the images, for a third of the noise.",
    mistakes={
        192: "Three times the images give less noise by the square root of 3, about 1.7.",
        9: "That is the factor. The batch had 64 images before.",
        64 / 3: "A smaller batch is noisier.",
        64 / 9: "A smaller batch is noisier.",
        64 * 3**0.5: "The other way round: the root of the factor has to be 3.",
    },
)


def _rates_of(brake: Any) -> list[Tensor]:
    """Let a learner's brake(run) drive two short runs; return the rate of each step."""
    rates = []
    for num_images, rate in ((40, 0.1), (56, 0.02)):
        data = dataclasses.replace(trials.digits(), train=trials.first_digits(num_images))
        settings = Hyperparameters(batch_size=8, epochs=3, optimizer="sgd", learning_rate=rate)
        run = TrainingRun(LeNet5(seed=0), data, settings)
        result = judging.call(brake, {"run": run})
        if inspect.isgenerator(result):
            judging.ended(list, result)
        if not run.history:
            raise YourTurn("So far your function takes no step of the run.")
        rates.append(torch.tensor([r.learning_rate for r in run.history], dtype=torch.float64))
    return rates


def _explain_rates(seen: list[Tensor], expected: list[Tensor]) -> str:
    got, want = next(pair for pair in zip(seen, expected, strict=True) if not judging.close(*pair))
    if len(got) != len(want):
        return f"Your function took {len(got)} steps, and the run has {len(want)}."
    step = int(((got - want).abs() > 1e-4 * want).nonzero()[0])
    return (
        f"Step {step + 1} of {len(want)} went at the rate {got[step].item():g}, "
        f"and it should have been {want[step].item():g}."
    )


def _brake_when(is_time: Callable[[TrainingRun, Any], bool]) -> Callable[[TrainingRun], None]:
    """Return a brake that turns the rate down to a tenth whenever it is time to."""

    def brake(run: TrainingRun) -> None:
        for record in run:
            if is_time(run, record):
                run.adjust(learning_rate=record.learning_rate / 10)

    return brake


EXERCISES["brake"] = judging.matching(
    _brake_when(lambda run, record: record.step == 2 * run.steps_per_epoch),
    "Take all steps by a loop over the run. In it, wait for the right moment.",
    "run.adjust acts from the next step on. So the moment is the last step of the second epoch.",
    "record.step counts from 1; two epochs have 2 * run.steps_per_epoch steps.",
    observe=_rates_of,
    explain=_explain_rates,
    right="Long steps first, short steps last.",
    mistakes={
        _brake_when(lambda run, record: False): "All steps are taken, and the rate never changes.",
        _brake_when(lambda run, record: record.epoch == 2 and record.epoch_step == 1): (
            "Your brake acts one step late. A record comes after its step, and adjust acts "
            "at the next one."
        ),
        _brake_when(lambda run, record: record.step == run.steps_per_epoch): (
            "Your brake acts an epoch early: after the first one."
        ),
        _brake_when(lambda run, record: record.step >= 2 * run.steps_per_epoch): (
            "Your brake acts again and again: the rate shrinks at every step of the last epoch."
        ),
        lambda run: [run.step() for _ in range(run.steps_per_epoch)]: (
            "Your function stops after the first epoch. Take all steps of the run."
        ),
    },
)


def _judge_too_high(answer: Any) -> None:
    def trained(rate: float) -> trials.Outcome:
        return trials.outcome(Hyperparameters(optimizer="sgd", epochs=1, learning_rate=rate))

    rate = judging.as_number(answer).item()
    if rate <= 0:
        raise NotYet(f"A learning rate lies above 0; you gave {rate:g}.")
    result = trained(rate)
    if result.learned:
        raise NotYet(
            f"With {rate:g} the network still learns: its loss went from "
            f"{result.first_loss:.1f} to {result.last_loss:.1f}. Break it."
        )
    if not result.thrown:
        raise NotYet(
            f"With {rate:g} the loss stays near {result.last_loss:.1f}, and nothing was thrown "
            "about: this network crawls, it is not broken. Go the other way."
        )
    tenth = trained(rate / 10)
    if not tenth.learned:
        fault = "is too high, too. Come down" if tenth.thrown else "crawls. Go up"
        raise NotYet(
            f"{rate:g} breaks it, but a tenth of that does not learn either: it {fault} to where "
            "a tenth of your rate is a good one."
        )


EXERCISES["too_high_a_rate"] = judging.judged_exercise(
    _judge_too_high,
    "Section 4 raced four rates. One of them was deadly.",
    "The network must be thrown about, and a tenth of your rate must be a good one.",
    "0.1 and 0.2 are good here. Multiply by ten.",
    right="Broken, and a tenth of it learns. That is how near the border is.",
    mistakes={
        0.1: "With 0.1 the network still learns",
        0.001: "this network crawls, it is not broken",
        100: "a tenth of that does not learn either: it is too high, too. Come down",
    },
)
