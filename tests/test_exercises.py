"""Exercises: right answers of every kind pass, common wrong ones are told what is wrong."""

import math
import os
import re
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from tutorial_lib import Hyperparameters, LeNet5, exercises
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.exercises import EXERCISES, check, hint
from tutorial_lib.exercises.trials import digits, outcome
from tutorial_lib.learning_record import read
from tutorial_lib.optimizers import momentum_update

THOROUGH = "TUTORIAL_THOROUGH" in os.environ
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ALL = {name: exercise for some in EXERCISES.values() for name, exercise in some.items()}
FUNCTIONS = (
    "sgd_step", "smooth_l1", "logit_gradient", "sum_for_mean", "momentum_step", "lion_step",
    "accuracy", "mismatched_labels", "brake", "train_last_layer", "forgotten_zero_grad",
    "train_step", "whole_gradient", "warm_rate", "scale_columns", "r_squared", "stop_early",
    "clip_gradient", "square_loss",
)  # fmt: skip
MISTAKES = [
    pytest.param(name, answer, message, id=f"{name}-{number}")
    for name, exercise in ALL.items()
    for number, (answer, message) in enumerate(exercise.mistakes.items())
]


@pytest.fixture(autouse=True)
def fresh_kernel():
    """Forget the wrong tries and hints of the tests before."""
    exercises._wrong_tries.clear()
    exercises._hints_given.clear()


@pytest.fixture
def said(capsys):
    """Return what check says to an answer, on one line."""

    def ask(name, *answer):
        check(name, *answer)
        return " ".join(capsys.readouterr().out.split())

    return ask


# ---- right answers ----


def momentum_in_place(weight, gradient, velocity, learning_rate, momentum):
    velocity.mul_(momentum).add_(gradient)
    weight.sub_(learning_rate * velocity)


def momentum_in_numpy(weight, gradient, velocity, learning_rate, momentum):
    velocity = momentum * velocity.numpy() + gradient.numpy()
    return [weight.numpy().astype(np.float64) - learning_rate * velocity, velocity]


def lion_step(a, b, c, /, d):  # any names
    return a - d * (0.9 * c + 0.1 * b).sign(), c.lerp(b, 0.01)


def sgd_in_place(weight, gradients, learning_rate):
    for gradient in gradients:
        weight -= learning_rate / len(gradients) * gradient


def smooth_l1_in_pieces(error, beta):
    inside = error.abs().clamp(max=beta)
    return inside**2 / (2 * beta) + error.abs() - inside


def gradient_by_autograd(logits, labels):
    logits.requires_grad_()
    F.cross_entropy(logits, labels).backward()
    return logits.grad


def sum_of_images(logits, labels):
    return sum(F.cross_entropy(row, label) for row, label in zip(logits, labels, strict=True))


def accuracy_by_counting(logits, labels):
    rows = zip(logits.tolist(), labels.tolist(), strict=True)
    return sum(row.index(max(row)) == label for row, label in rows) / len(labels)


def brake_by_epoch(run):
    first_rate = run.hyperparameters.learning_rate
    for record in run:
        if (record.epoch, record.epoch_step) == (1, record.epoch_steps):
            run.adjust(learning_rate=0.1 * first_rate)


def brake_that_yields(run):
    for record in run:
        if record.step == 2 * run.steps_per_epoch:
            run.adjust(learning_rate=record.learning_rate / 10)
        yield record


def last_layer_with_adam(model, batches):
    optimizer = torch.optim.Adam(model.fc3.parameters(), lr=0.01)
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model


def step_that_clears_last(model, optimizer, images, labels):
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss  # a tensor


def careless_step_by_hand(model, optimizer, images, labels):
    F.cross_entropy(model(images), labels).backward()
    for parameter in model.parameters():
        parameter.data -= optimizer.param_groups[0]["lr"] * parameter.grad


def whole_gradient_by_images(gradients, counts):
    images = gradients.repeat_interleave(counts.long(), dim=0)
    return images.mean(dim=0)


def scaled_by_sklearn(train, others):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(others)


def scaled_by_sample_spread(train, others):
    mean, spread = train.mean(dim=0), train.std(dim=0)  # divides by N - 1
    return (train - mean) / spread, (others - mean) / spread


def stop_early_by_slices(losses, patience):
    for epoch in range(len(losses)):
        following = losses[epoch + 1 : epoch + 1 + patience]
        if losses[epoch] == losses[: epoch + 1].min() and (following > losses[epoch]).all():
            return epoch


def clip_by_torch(gradient, max_norm):
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient
    torch.nn.utils.clip_grad_norm_([weight], max_norm)
    return weight.grad


def warm_rate_by_cases(step, num_warm, rate):
    return rate if step >= num_warm else step * rate / num_warm


RIGHT = {
    "one_epoch": [80, 4000 / 50, 4000 // 50, np.ceil(4000 / 50), Fraction(4000, 50)],
    "two_digits": [0.69, np.log(2), -math.log(1 / 2), torch.tensor(2.0).log(), np.array([0.6931])],
    "right_set": ["test", " Test"],
    "too_low_a_rate": [1e-4, 1e-6],
    "num_steps": [9370, 9370.0, torch.tensor(9370), np.int64(9370), np.array([9370])],
    "sgd_step": [sgd_in_place, lambda w, g, eta: w - eta * g.sum(0) / len(g)],
    "less_noise": [576, torch.tensor([576.0], requires_grad=True)],
    "brake": [brake_by_epoch, brake_that_yields],
    "too_high_a_rate": [2.0],
    "know_nothing": [4.6, 4.60517, torch.tensor(100.0).log(), np.log(np.float32(100))],
    "stuck_loss": ["softmax twice", " Softmax Twice"],
    "smooth_l1": [smooth_l1_in_pieces],
    "logit_gradient": [gradient_by_autograd],
    "mse_settings": [
        Hyperparameters(loss="mse", epochs=1, learning_rate=0.1),
        Hyperparameters(loss="mse", epochs=1, learning_rate=0.003, optimizer="adam"),
    ],
    "sum_for_mean": [sum_of_images, lambda z, y: len(y) * F.cross_entropy(z, y)],
    "velocity_end": [20, 1 / (1 - 0.95)],
    "momentum_step": [momentum_update, momentum_in_place, momentum_in_numpy],
    "lion_step": [lion_step],
    "train_last_layer": [last_layer_with_adam],
    "forgotten_zero_grad": [careless_step_by_hand],
    "monitor_mean": [1.5],
    "accuracy": [accuracy_by_counting],
    "train_step": [step_that_clears_last],
    "whole_gradient": [lambda g, n: (n / n.sum()) @ g, whole_gradient_by_images],
    "speed_up": [2.5, 40 / 16],
    "scaled_rate": [0.08],
    "warm_rate": [warm_rate_by_cases],
    "lone_image": [32, 32.0],
    "scale_columns": [scaled_by_sklearn, scaled_by_sample_spread],
    "r_squared": [lambda predictions, targets: r2_score(targets, predictions)],
    "stop_early": [stop_early_by_slices],
    "clip_gradient": [clip_by_torch],
    "square_loss": [lambda outputs, targets: ((targets - outputs) ** 2).mean().item()],
    "catch_up": [Hyperparameters(batch_size=256, epochs=3, learning_rate=0.003, optimizer="adam")],
    "mismatched_labels": [
        lambda images, labels, order: (images[order], labels),
        lambda images, labels, order: (images, labels[order]),
        lambda images, labels, order: (images, labels.roll(1)),
    ],
}


@pytest.mark.parametrize("name", ALL)
def test_every_kind_of_right_answer_passes(name, said):
    assert RIGHT.get(name), f"add right answers of {name!r} to RIGHT"
    for answer in RIGHT[name]:
        assert said(name, answer) == f"Right. {ALL[name].right}"


# Of the two kinds that are taken, the quicker one; both where the suite is thorough.
@pytest.mark.parametrize("name", ["mse_settings", *["catch_up"] * THOROUGH])
def test_a_run_stands_for_its_settings(name, said):
    run = TrainingRun(LeNet5(), digits(), RIGHT[name][0])
    assert said(name, run).startswith("Right.")


# ---- wrong answers ----


@pytest.mark.parametrize(("name", "answer", "message"), MISTAKES)
def test_a_common_mistake_is_named(name, answer, message, said):
    words = said(name, answer)
    assert words.startswith("Not yet. ")
    assert message in words


def test_an_uncommon_mistake_is_shown_by_an_example(said):
    assert "Not yet. With error = [0, 1, -3], beta = 2, the loss should be [0, 0.25, 2]." in said(
        "smooth_l1", lambda error, beta: error
    )
    assert "12 is too small." in said("velocity_end", 12)


def test_the_brake_names_the_first_wrong_step(said):
    def too_weak(run):
        for record in run:
            if record.step == 2 * run.steps_per_epoch:
                run.adjust(learning_rate=record.learning_rate / 2)

    assert "Step 11 of 15 went at the rate 0.05, and it should have been 0.01." in said(
        "brake", too_weak
    )


def test_a_step_before_backward_is_named_not_torchs_message(said):
    def step(model, optimizer, images, labels):
        loss = F.cross_entropy(model(images), labels)
        optimizer.step()
        loss.backward()

    words = said("train_step", step)
    assert words.startswith("Not yet. Your step() stands before backward().")


# ---- answers that are no answers ----


def too_few_arguments(a):
    return a


def raises(*arguments):
    return 1 / 0


def prints_words(*arguments):
    return "words"


ODD = [
    ("num_steps", "9370", "Not yet. Write a number, without quotes; you gave the text '9370'."),
    ("num_steps", True, "Not yet. Write a number; you gave True."),
    ("num_steps", float("nan"), "Not yet. Your answer is nan. Write a finite number."),
    ("num_steps", float("inf"), "Not yet. Your answer is inf. Write a finite number."),
    ("num_steps", np.arange(3), "Not yet. Write one number; you gave 3."),
    ("num_steps", len, "Not yet. Write a number; you gave a function."),
    ("num_steps", 2j, "Not yet. Write a number; you gave a complex."),
    ("num_steps", {}, "Not yet. Write a number; you gave a dict."),
    ("stuck_loss", 3, 'Not yet. Write one of "dead network", "label type",'),
    ("stuck_loss", "rate", "You gave the text 'rate'."),
    ("mse_settings", 0.1, "asks for settings, as in Hyperparameters(epochs=1); you gave 0.1."),
    (
        "catch_up",
        Hyperparameters(batch_size=256, epochs=1, learning_rate=1e30),
        "too high a rate",
    ),
    ("momentum_step", lambda w, g, v, r, m: (w[:0], v), "the shape (1,), and yours has (0,)"),
    ("momentum_step", lambda w, g, v, r, m: w, "Return 2 things: weight, velocity."),
    ("momentum_step", lambda w, g, v, r, m: (w / 0 * 0, v), "Yours is [nan]. Did something overf"),
    ("smooth_l1", lambda error, beta: error.zero_(), "With error = [0, 1, -3], beta = 2"),
    ("train_last_layer", lambda model, batches: model.requires_grad_(False), "Nothing moved."),
]


@pytest.mark.parametrize(("name", "answer", "words"), ODD)
def test_an_odd_answer_is_answered_in_words(name, answer, words, said):
    assert words in said(name, answer)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_odd_function_is_answered_in_words(name, said):
    asked_for_function = "Not yet. This exercise asks for a function, and you gave"
    assert said(name, 3.0).startswith(f"{asked_for_function} 3.0.")
    assert said(name, torch.ones(2)).startswith(f"{asked_for_function} a Tensor.")
    assert "Your answer stopped with ZeroDivisionError: division by zero" in said(name, raises)
    assert said(name, prints_words).startswith(("Not yet. ", "Your turn. "))
    if name != "brake":  # which is given a single value
        assert "in all. It takes 1." in said(name, too_few_arguments)


def test_of_a_learners_error_the_first_line_is_said(said):
    class Sad(Exception):
        pass

    def fails(*arguments):
        raise Sad("I am sad\nand long")

    assert said("lion_step", fails).startswith("Not yet. Your answer stopped with Sad: I am sad S")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("answer", [(), (None,), (...,)])
def test_without_an_answer_it_is_your_turn(name, answer, said):
    assert said(name, *answer) == f'Your turn. Stuck? hint("{name}") helps.'


@pytest.mark.parametrize("nothing", [None, ...])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_is_not_written_yet_is_no_wrong_try(name, nothing, said):
    for _ in range(3):
        words = said(name, lambda *arguments: nothing)
        assert words.startswith("Your turn. So far ")
        assert "Hint" not in words


def test_an_interrupt_is_not_swallowed():
    def endless(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("momentum_step", endless)


@pytest.mark.parametrize("ask", [check, hint])
def test_an_unknown_name_is_answered_by_the_nearest_one(ask):
    with pytest.raises(ValueError, match=r"no exercise named 'momentm_stp'.*\"momentum_step\""):
        ask("momentm_stp")
    with pytest.raises(ValueError, match="no exercise named 3"):
        ask(3)


# ---- what is noted ----


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Return what is noted of an exercise."""
    monkeypatch.setenv("TUTORIAL_LEARNING_RECORD", str(tmp_path / "learning.json"))
    return lambda name: read().exercises.get(name)


def test_tries_hints_and_known_mistakes_are_noted_until_it_is_solved(said, noted):
    for answer in (937, 12, 937, "9370", 9370, 937):
        said("num_steps", answer)
    one = noted("num_steps")
    assert (one.tries, one.hints) == (5, 3)
    assert one.mistakes == {"That is one epoch. Ten were asked for.": 2}
    assert one.solved


def test_of_a_mistake_its_fixed_words_are_noted(said, noted):
    said("too_high_a_rate", 0.1)
    assert noted("too_high_a_rate").mistakes == {"With 0.1 the network still learns": 1}


def test_of_an_error_its_kind_is_noted(said, noted):
    said("lion_step", raises)
    assert noted("lion_step").mistakes == {"Your answer stopped with ZeroDivisionError.": 1}


def test_nothing_is_noted_before_the_first_answer(said, noted):
    said("num_steps")
    said("lion_step", lambda *arguments: None)
    assert noted("num_steps") is noted("lion_step") is None


# ---- hints ----


def test_hints_come_in_order_from_the_second_wrong_answer_and_stop_at_three(said):
    words = [said("num_steps", 1) for _ in range(6)]
    first, second, third = ALL["num_steps"].hints
    assert 'Stuck? hint("num_steps") helps.' in words[0]
    assert words[1].endswith(f"Hint 1 of 3: {first}")
    assert words[2].endswith(f"Hint 2 of 3: {second}")
    assert words[3].endswith(f"Hint 3 of 3: {third}")
    assert all(w.endswith("solutions/01_hyperparameters.ipynb") for w in words[4:])


def test_hints_can_be_asked_for_and_each_exercise_has_its_own(said, capsys):
    hint("lion_step")
    hint("lion_step")
    assert "Hint 2 of 3" in capsys.readouterr().out
    said("lion_step", lambda *a: a)
    assert "Hint 3 of 3" in said("lion_step", lambda *a: a)
    hint("num_steps")
    assert "Hint 1 of 3" in capsys.readouterr().out


@pytest.mark.parametrize("name", ALL)
def test_an_exercise_has_three_hints_that_differ_and_mistakes(name):
    assert len(set(ALL[name].hints)) == 3
    assert len(ALL[name].mistakes) >= 3


# ---- nothing outside changes ----


def test_checking_leaves_global_randomness_and_the_learners_tensors_alone(said):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    mine = torch.tensor(9370.0)
    said("num_steps", mine)
    said("momentum_step", momentum_in_place)
    said("train_step", step_that_clears_last)
    assert torch.equal(state, torch.get_rng_state())
    assert mine == 9370


def test_an_outcome_tells_broken_from_slow():
    slow, good, broken = (
        outcome(Hyperparameters(optimizer="sgd", epochs=1, learning_rate=rate))
        for rate in (0.001, 0.1, 2.0)
    )
    assert (slow.learned, slow.thrown) == (False, False)
    assert (good.learned, good.thrown) == (True, False)
    assert (broken.learned, broken.thrown) == (False, True)


# ---- the notebooks ----


def checks_in(notebook: str) -> list[str]:
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.findall(r'\bcheck\(\s*"(\w+)"', code)


@pytest.mark.parametrize("notebook", EXERCISES)
def test_a_notebook_asks_each_of_its_exercises_and_has_four_at_least(notebook):
    assert checks_in(notebook) == list(EXERCISES[notebook])
    assert len(EXERCISES[notebook]) >= 4


@pytest.mark.parametrize("notebook", EXERCISES)
def test_every_exercise_has_a_solution_that_was_right_when_saved(notebook):
    assert set(checks_in(f"solutions/{notebook}")) == set(EXERCISES[notebook])
    cells = nbformat.read(NOTEBOOKS / f"solutions/{notebook}.ipynb", as_version=4).cells
    for cell in cells:
        if "check(" in cell.source and cell.cell_type == "code":
            assert cell.outputs[0].text.startswith("Right. ")


@pytest.mark.parametrize("notebook", EXERCISES)
def test_a_notebook_breaks_something_on_purpose_and_links_its_solutions(notebook):
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells)
    assert re.search(r"\*\*[456]\. Break it", text)
    assert f"(solutions/{notebook}.ipynb)" in text
