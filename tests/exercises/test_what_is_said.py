"""What is said to a wrong answer is so: the fault that is named is the one that was measured."""

import copy
import os

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import Hyperparameters, exercises
from tutorial_lib.exercises import check
from tutorial_lib.exercises.trials import outcome, stepper

GOOD = "loss zero_grad backward step"


@pytest.fixture
def said(capsys):
    """Return what check says to an answer, on one line, without an offer of hints."""

    def ask(name, answer):
        exercises._wrong_tries.clear()
        check(name, answer)
        return " ".join(capsys.readouterr().out.split()).partition(" Stuck?")[0]

    return ask


# ---- trainings ----

CATCH_UP = Hyperparameters(batch_size=256, epochs=3)
MSE = Hyperparameters(loss="mse", epochs=1, learning_rate=0.1)
SLOW, THROWN = "without a jump: it was not thrown about.", "it was thrown about."
LONG = [  # as much again, where the suite is thorough
    ("catch_up", CATCH_UP.replace(learning_rate=0.03), THROWN, "too high a rate"),
    ("catch_up", CATCH_UP.replace(learning_rate=0.03, optimizer="adam"), THROWN, "too high a rate"),
    ("catch_up", CATCH_UP.replace(learning_rate=0.02), SLOW, "only 15 steps an epoch"),
]
TRAININGS = [
    ("catch_up", CATCH_UP.replace(learning_rate=0.08), "2.3 to 4.6", THROWN, "too high a rate"),
    ("catch_up", CATCH_UP.replace(learning_rate=0.5, optimizer="sgd"), THROWN, "too high a rate"),
    ("catch_up", CATCH_UP.replace(learning_rate=1e-9), SLOW, "only 15 steps an epoch"),
    (
        "catch_up",
        CATCH_UP.replace(learning_rate=0.003, optimizer="adam", weight_decay=3.0),
        "With weight_decay=0 it reads 92%: mind weight_decay=3.",
    ),
    ("mse_settings", MSE.replace(learning_rate=3.0), THROWN, "Your steps are too long."),
    ("mse_settings", MSE.replace(momentum=0.0), SLOW, "Its steps are too short"),
    (
        "mse_settings",
        MSE.replace(batch_size=1000),
        "With batch_size=32 it reads 91%: mind batch_size=1000.",
    ),
    ("mse_settings", MSE.replace(weight_decay=1.0), "mind weight_decay=1."),
    ("too_high_a_rate", 0.2, "With 0.2 the network still learns: its loss went from 2.3 to "),
    ("too_high_a_rate", 3.0, "a tenth of that does not learn either: it is too high, too."),
    ("too_high_a_rate", 0, "A learning rate lies above 0; you gave 0."),
    ("too_high_a_rate", -0.1, "A learning rate lies above 0; you gave -0.1."),
]


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [(a, b, c) for a, b, *c in TRAININGS + LONG * ("TUTORIAL_THOROUGH" in os.environ)],
)
def test_of_a_training_the_measured_fault_is_named(name, answer, words, said):
    sentence = said(name, answer)
    assert sentence.startswith("Not yet. ")
    assert all(word in sentence for word in words)
    assert (SLOW in sentence) == (SLOW in words)


def test_a_rate_that_jumps_and_learns_nothing_is_broken(said):
    assert said("too_high_a_rate", 1.0).startswith("Right.")  # its loss: 2.3, up to 3.2, then 2.08
    result = outcome(Hyperparameters(optimizer="sgd", epochs=1, learning_rate=1.0))
    assert result.thrown
    assert not result.learned


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.1])
def test_where_steps_are_short_single_batches_are_no_jump(rate):
    assert not outcome(Hyperparameters(optimizer="sgd", epochs=1, learning_rate=rate)).thrown


# ---- a step ----


def recomputed(model, optimizer, images, labels):
    stepper(GOOD)(model, optimizer, images, labels)
    return F.cross_entropy(model(images), labels).item()


def summed_report(model, optimizer, images, labels):
    return len(labels) * stepper(f"{GOOD} return")(model, optimizer, images, labels)


def first_loss_alone(model, optimizer, images, labels):
    loss = stepper(f"{GOOD} return")(model, optimizer, images, labels)
    return None if optimizer.state.get("told") else optimizer.state.setdefault("told", loss)


def without_return(lines):
    return stepper(lines.replace(" return", ""))


def on_a_copy(model, optimizer, images, labels):
    return stepper(f"{GOOD} return")(copy.deepcopy(model), optimizer, images, labels)


def uphill(model, optimizer, images, labels):
    return stepper(f"{GOOD} return", lambda z, y: -F.cross_entropy(z, y))(
        model, optimizer, images, labels
    )


STEPS = [
    (recomputed, "The step is right, but you return the loss after it, computed anew."),
    (summed_report, "The weights are right, but what you return is not the loss of the batch"),
    (first_loss_alone, "The weights are right, but what you return is not the loss of the batch"),
    (without_return(GOOD), "The step is right, and its loss gets lost"),
    (without_return("loss backward step"), "Nothing clears the old gradients"),
    (without_return("step loss zero_grad backward"), "Your step comes before backward"),
    (stepper(f"{GOOD} step return"), "Your step() comes twice for each batch."),
    (stepper("loss zero_grad backward loss return"), "Your weights never move."),
    (on_a_copy, "Your weights never move."),
    (uphill, "After three of your steps the weights are not those"),
]


@pytest.mark.parametrize(("step", "words"), STEPS)
def test_of_a_step_what_differs_is_named(step, words, said):
    assert said("train_step", step).startswith(f"Not yet. {words}")


# ---- other functions ----


def softmax_of_images(logits, labels):  # over the wrong dimension
    return (logits.softmax(dim=0) - F.one_hot(labels, logits.shape[1])) / len(labels)


def right_but_for_small_errors(error, beta):
    loss = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=beta)
    return torch.where(error.abs() < 0.2, 2.0, loss) if len(error) > 6 else loss


def too_many_steps(run):
    run.extend(4)
    for record in run:
        if record.step == 2 * run.steps_per_epoch:
            run.adjust(learning_rate=record.learning_rate / 10)


def another_layer(model, batches):
    model.fc4 = model.fc3
    del model.fc3


FUNCTIONS = [
    ("logit_gradient", softmax_of_images, "Your softmax runs over the images."),
    ("smooth_l1", right_but_for_small_errors, "should be 0", "Yours is 2."),
    ("accuracy", lambda z, y: 1j * len(y), "Return accuracy as numbers; yours is a complex."),
    ("accuracy", lambda z, y: 10**400, "Return accuracy as numbers; yours is a number too large"),
    ("accuracy", lambda z, y: torch.log(torch.tensor(-1.0)), "Did something overflow"),
    ("brake", too_many_steps, "Your function took 20 steps, and the run has 15."),
    ("train_last_layer", another_layer, "Leave its layers as they are."),
]


@pytest.mark.parametrize(("name", "answer", "words"), [(a, b, c) for a, b, *c in FUNCTIONS])
def test_of_a_function_what_it_did_is_said(name, answer, words, said):
    sentence = said(name, answer)
    assert sentence.startswith("Not yet. ")
    assert all(word in sentence for word in words)


def test_of_a_large_result_the_first_wrong_number_is_shown(said):
    def wrong_in_large_batches(logits, labels):
        leaf = logits.clone().requires_grad_()
        F.cross_entropy(leaf, labels).backward()
        if len(labels) == 8:
            leaf.grad[2, 3] = 7.0
        return leaf.grad

    sentence = said("logit_gradient", wrong_in_large_batches)
    assert "the gradient[2, 3] should be " in sentence
    assert "Yours is 7." in sentence
