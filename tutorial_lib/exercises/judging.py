"""How an answer is judged: by what it does, never by how it is written.

A number is compared with the right one, a function by what it gives on inputs it has not seen.
What is not right is compared with common mistakes in the same way, so that the learner hears
which one it is.
"""

import copy
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tutorial_lib.config import Hyperparameters
from tutorial_lib.engine import TrainingRun
from tutorial_lib.exercises.deadline import TookTooLong, deadline
from tutorial_lib.random_state import seeded
from tutorial_lib.table import shortened

Case = dict[str, Any]  # the arguments of one call, in order; the names are for messages alone
MOST_SHOWN = 6  # numbers of a tensor
Mistakes = dict[Any, str]  # common wrong answers -> what is said, or the fixed part of it


class NotYet(Exception):
    """The answer is wrong; the message says in plain words how."""


class YourTurn(Exception):
    """Nothing has been written yet."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What an answer must do, and what to say to it."""

    judge: Callable[[Any], None]  # returns if the answer is right, else raises NotYet or YourTurn
    right: str  # said after "Right."
    hints: tuple[str, str, str]  # each stronger than the one before
    mistakes: Mistakes


def judged_exercise(judge: Callable[[Any], None], *hints: str, **texts: Any) -> Exercise:
    """Ask for something that a function judges; hints and texts are those of Exercise."""
    return Exercise(judge=judge, hints=hints, **texts)


def number_exercise(solution: float, *hints: str, **texts: Any) -> Exercise:
    """Ask for a number; see matching."""

    def explain(seen: list[Tensor], expected: list[Tensor]) -> str:
        return f"{seen[0].item():g} is too {'small' if seen[0] < expected[0] else 'large'}."

    return matching(
        solution, *hints, observe=lambda answer: [as_number(answer)], explain=explain, **texts
    )


def choice_exercise(solution: str, *hints: str, right: str, mistakes: Mistakes) -> Exercise:
    """Ask for one of a few words; the mistakes are all the other ones."""
    choices = sorted([solution, *mistakes])

    def judge(answer: Any) -> None:
        words = (
            re.findall(r"\w+", answer.lower().replace("_", " ")) if isinstance(answer, str) else []
        )
        named = [choice for choice in choices if f" {choice} " in f" {' '.join(words)} "]
        if len(named) != 1:  # "the test set" names one
            listed = ", ".join(f'"{choice}"' for choice in choices)
            raise NotYet(f"Write one of {listed}. You gave {described(answer)}.")
        if named != [solution]:
            raise NotYet(mistakes[named[0]])

    return judged_exercise(judge, *hints, right=right, mistakes=mistakes)


def function_exercise(
    solution: Callable,
    *hints: str,
    cases: Callable[[], Iterable[tuple]],
    returns: tuple[str, ...],
    mistakes: Callable[..., dict[str, Any]],
    **texts: Any,
) -> Exercise:
    """Ask for a function, and compare what it gives in several cases.

    Args:
        cases: Draws the arguments, in the order of the solution's; torch is seeded meanwhile. The
            first case is small and round, to be quoted.
        returns: The names of the results. An argument of that name may be changed in place
            instead.
        mistakes: For such arguments, what is said -> what a wrong function gives.
    """
    names = inspect.signature(solution).parameters

    def all_cases() -> list[Case]:
        with seeded(0):
            return [dict(zip(names, values, strict=False)) for values in cases()]

    def observe(function: Any) -> list[Tensor]:
        return [result for case in all_cases() for result in results_of(function, case, returns)]

    def explain(seen: list[Tensor], expected: list[Tensor]) -> str:
        labels = [(case, name) for case in all_cases() for name in returns]
        triples = zip(labels, seen, expected, strict=True)
        (case, name), got, want = next(one for one in triples if not close(*one[1:]))
        if got.shape != want.shape:
            shapes = f"{tuple(want.shape)}, and yours has {tuple(got.shape)}"
            return f"The {name} should have the shape {shapes}."
        given = ", ".join(f"{key} = {_short(value)}" for key, value in case.items())
        where = ""
        if want.numel() > MOST_SHOWN:  # one number tells more than two shapes
            differs = ~torch.isclose(got, want, rtol=1e-4, atol=1e-6, equal_nan=True)
            index = tuple(differs.nonzero()[0].tolist())
            where, got, want = f"{list(index)}", got[index], want[index]
        said = f"With {given}, the {name}{where} should be {_short(want)}. Yours is {_short(got)}."
        is_finite = torch.isfinite(got).all()
        return said + ("" if is_finite else " Did something overflow, or was it divided by 0?")

    def mistake(message: str) -> Callable:
        return lambda *arguments: mistakes(*arguments)[message]

    texts["mistakes"] = {mistake(message): message for message in call(mistakes, all_cases()[0])}
    return matching(solution, *hints, observe=observe, explain=explain, **texts)


def matching(
    solution: Any,
    *hints: str,
    observe: Callable[[Any], list[Tensor]],
    explain: Callable[[list[Tensor], list[Tensor]], str],
    mistakes: Mistakes,
    right: str,
    tolerance: float = 1e-4,
) -> Exercise:
    """Ask for something that does as the solution does.

    Args:
        observe: What an answer does, as tensors. Mistakes are recognised by it, too.
        explain: Says in words how what was observed differs from what was expected.
        tolerance: How far off what was observed may be, as a share of what was expected.
    """

    def same(seen: list[Tensor], expected: list[Tensor]) -> bool:
        pairs = zip(seen, expected, strict=False)
        return len(seen) == len(expected) and all(close(*pair, tolerance) for pair in pairs)

    def judge(answer: Any) -> None:
        seen, expected = observe(answer), observe(solution)
        if same(seen, expected):
            return
        for mistake, message in mistakes.items():
            if same(seen, observe(mistake)):
                raise NotYet(message)
        raise NotYet(explain(seen, expected))

    return judged_exercise(judge, *hints, right=right, mistakes=mistakes)


def is_nothing(answer: Any) -> bool:
    """Tell whether an answer is still what stands in its stead before it is written."""
    return answer is None or answer is ...


def close(seen: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    """Tell whether two tensors are equal in shape and, up to rounding, in value; nan is nan."""
    return seen.shape == expected.shape and torch.allclose(
        seen, expected, rtol=tolerance, atol=1e-6, equal_nan=True
    )


def results_of(function: Any, case: Case, returns: tuple[str, ...]) -> list[Tensor]:
    """Call a learner's function on copies, and return its results, float64.

    Results may be returned, or arguments of those names changed in place.
    """
    given = copy.deepcopy(case)
    result = call(function, given)
    if is_nothing(result):
        tensors = {name: value for name, value in case.items() if isinstance(value, Tensor)}
        if all(torch.equal(value, given[name]) for name, value in tensors.items()):
            raise YourTurn("So far your function returns nothing.")
        if not set(returns) <= set(given):
            raise NotYet(f"Your function changes what it is given. Return {', '.join(returns)}.")
        result = [given[name] for name in returns]
    elif len(returns) == 1:
        result = [result]
    elif not isinstance(result, tuple | list) or len(result) != len(returns):
        raise NotYet(f"Return {len(returns)} things: {', '.join(returns)}.")
    return [as_tensor(part, name) for part, name in zip(result, returns, strict=True)]


def call(function: Any, case: Case) -> Any:
    """Call a learner's function with the values of a case, whatever it names its parameters."""
    if not callable(function):
        raise NotYet(
            f"This exercise asks for a function, and you gave {described(function)}. "
            "Give the function's name, without parentheses."
        )
    values = list(case.values())
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function written in C, without a signature
        return ended(function, *values)
    named = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]
    num_unnamed = max(0, len(values) - len(named))
    keywords = dict(zip(named, values[num_unnamed:], strict=False))
    try:
        bound = signature.bind(*values[:num_unnamed], **keywords)
    except TypeError:
        raise NotYet(
            f"Your function is called with {', '.join(case)}: {len(values)} in all. "
            f"It takes {len(signature.parameters)}."
        ) from None
    return ended(function, *bound.args, **bound.kwargs)


def ended(function: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """Call a function that may be a learner's, and end it if it does not end by itself."""
    try:
        with deadline():
            return function(*values, **named)
    except TookTooLong as error:
        loop = "Does a loop in it go on for ever, or does it wait for something?"
        raise NotYet(f"Your answer was stopped: {error}. {loop}") from None


def as_number(answer: Any) -> Tensor:
    """Return a learner's number, (), float64: from Python, numpy or torch."""
    try:
        if isinstance(answer, str | bool | bytes):
            raise TypeError
        number = torch.as_tensor(answer, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        quoted = ", without quotes" if isinstance(answer, str) else ""
        raise NotYet(f"Write a number{quoted}; you gave {described(answer)}.") from None
    if number.numel() != 1:
        raise NotYet(f"Write one number; you gave {number.numel()}.")
    if not torch.isfinite(number):
        raise NotYet(f"Your answer is {number.item()}. Write a finite number.")
    return number.reshape(())


def as_tensor(result: Any, name: str) -> Tensor:
    """Return what a learner's function gave, float64."""
    try:
        tensor = torch.as_tensor(result)
        if tensor.is_complex():
            raise TypeError
        return tensor.detach().cpu().double()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise NotYet(f"Return {name} as numbers; yours is {described(result)}.") from None


def as_settings(answer: Any) -> Hyperparameters:
    """Return a learner's settings, or those of the run that was given."""
    settings = answer.hyperparameters if isinstance(answer, TrainingRun) else answer
    if not isinstance(settings, Hyperparameters):
        raise NotYet(
            "This exercise asks for settings, as in Hyperparameters(epochs=1); "
            f"you gave {described(answer)}."
        )
    return settings


def described(answer: Any) -> str:
    """Describe what a learner gave in a few words."""
    if isinstance(answer, str):
        return f"the text {shortened(repr(answer), 60)}"
    if isinstance(answer, int) and abs(answer) >= 10**15:
        return "a number too large to compute with"
    if isinstance(answer, bool | int | float):
        return str(answer)
    if callable(answer):
        return "a function"
    kind = type(answer).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def _short(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"{value:g}"
    if value.numel() > MOST_SHOWN:
        return f"a tensor of shape {tuple(value.shape)}"
    return _nested(value.tolist())


def _nested(values: Any) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else f"{values:.4g}"
