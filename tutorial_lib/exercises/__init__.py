"""Exercises that check themselves: `check("momentum_step", answer)`, `hint("momentum_step")`.

Nothing is sent anywhere. Tries, hints, mistakes that were known and what is solved are kept in the
learner's own file alone: see `learning_record`.
"""

import asyncio
import builtins
import difflib
import textwrap
import traceback
from collections import Counter
from typing import Any, NamedTuple

from tutorial_lib.exercises import losses, optimizers, own, scaling, start, steps, training
from tutorial_lib.exercises.judging import Exercise, NotYet, YourTurn, described, is_nothing
from tutorial_lib.learning_record import note_hint, note_try
from tutorial_lib.table import shortened

EXERCISES: dict[str, dict[str, Exercise]] = {  # notebook -> name -> exercise
    "00_start_here": start.EXERCISES,
    "01_hyperparameters": steps.EXERCISES,
    "02_losses": losses.EXERCISES,
    "03_optimizers": optimizers.EXERCISES,
    "04_training": training.EXERCISES,
    "05_scaling": scaling.EXERCISES,
    "06_your_own": own.EXERCISES,
}
_wrong_tries: Counter[str] = Counter()
_hints_given: Counter[str] = Counter()


class Verdict(NamedTuple):
    """What is found of an answer."""

    is_right: bool
    words: str  # "Right. ...", "Not yet. ...", or "Your turn. ..." where there is no answer yet
    is_try: bool = True  # there was an answer
    known: str = ""  # the fixed words of a mistake that was recognised


def check(name: str, answer: Any = None) -> None:
    """Say in plain words whether an answer is right; every wrong one after the first brings a hint.

    Args:
        name: The name of the exercise.
        answer: A number, a function or settings, as the exercise asks. None or ... if there is
            none yet.

    Raises:
        ValueError: There is no exercise of that name.
    """
    answered(name, answer)


def answered(name: str, answer: Any = None) -> bool:
    """Do as check does, and return whether the answer is right."""
    found = verdict_on(name, answer)
    _say(found.words)
    if found.is_try:
        note_try(name, solved=found.is_right, mistake=found.known)
        _wrong_tries[name] += not found.is_right
    if found.is_right:
        return True
    if found.is_try and _wrong_tries[name] > 1:
        hint(name)
    else:
        _say(f'Stuck? hint("{name}") helps.')
    return False


def verdict_on(name: str, answer: Any) -> Verdict:
    """Judge an answer; say nothing, and note nothing.

    Raises:
        ValueError: There is no exercise of that name.
    """
    exercise = find(name)
    try:
        if is_nothing(answer):
            raise YourTurn
        exercise.judge(answer)
    except YourTurn as what:
        return Verdict(False, f"Your turn. {what}", is_try=False)
    except NotYet as what:
        known = next((words for words in exercise.mistakes.values() if words in str(what)), "")
        return Verdict(False, f"Not yet. {what}", known=known)
    except (KeyboardInterrupt, asyncio.CancelledError):  # no answer's own
        raise
    except BaseException as error:  # the learner's own: said in words, without a traceback of ours
        is_pythons = type(error) is getattr(builtins, type(error).__name__, None)
        known = f"Your answer stopped with {type(error).__name__}." if is_pythons else ""
        return Verdict(False, f"Not yet. Your answer stopped with {_in_words(error)}", known=known)
    return Verdict(True, f"Right. {exercise.right}")


def hint(name: str) -> None:
    """Give the next hint of an exercise: three, each stronger than the one before.

    Raises:
        ValueError: There is no exercise of that name.
    """
    hints, number = find(name).hints, _hints_given[name]
    if number == len(hints):
        notebook = next(stem for stem, exercises in EXERCISES.items() if name in exercises)
        _say(f"No more hints. A solution, with its reasons: solutions/{notebook}.ipynb")
        return
    _hints_given[name] += 1
    note_hint(name)
    _say(f"Hint {number + 1} of {len(hints)}: {hints[number]}")


def find(name: str) -> Exercise:
    """Return the exercise of a name.

    Raises:
        ValueError: There is none.
    """
    exercises = {key: value for some in EXERCISES.values() for key, value in some.items()}
    if isinstance(name, str) and name in exercises:
        return exercises[name]
    given = shortened(repr(name)) if isinstance(name, str) else described(name)
    near = difflib.get_close_matches(given, exercises, n=1, cutoff=0)[0]
    raise ValueError(f'there is no exercise named {given}; the nearest name is "{near}"')


def _in_words(error: BaseException) -> str:
    """Return the kind of an error and its first line, even if it has no words for itself."""
    text = str(traceback.TracebackException(type(error), error, None))  # does not fail as str may
    return f"{type(error).__name__}: {shortened(text.partition(chr(10))[0], 300)}"


def _say(words: str) -> None:
    printable = words.encode(errors="backslashreplace").decode()
    print(textwrap.fill(" ".join(printable.split()), width=79))
