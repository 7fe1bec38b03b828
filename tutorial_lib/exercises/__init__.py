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
from typing import Any

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


def check(name: str, answer: Any = None) -> None:
    """Say in plain words whether an answer is right; every wrong one after the first brings a hint.

    Args:
        name: The name of the exercise.
        answer: A number, a function or settings, as the exercise asks. None or ... if there is
            none yet.

    Raises:
        ValueError: There is no exercise of that name.
    """
    exercise, known = _find(name), ""
    try:
        if is_nothing(answer):
            raise YourTurn
        exercise.judge(answer)
    except YourTurn as what:
        _say(f"Your turn. {what}")
        _say(f'Stuck? hint("{name}") helps.')
        return
    except NotYet as what:
        _say(f"Not yet. {what}")
        known = next((words for words in exercise.mistakes.values() if words in str(what)), "")
    except (KeyboardInterrupt, asyncio.CancelledError):  # no answer's own
        raise
    except BaseException as error:  # the learner's own: said in words, without a traceback of ours
        _say(f"Not yet. Your answer stopped with {_in_words(error)}")
        if type(error) is getattr(builtins, type(error).__name__, None):
            known = f"Your answer stopped with {type(error).__name__}."
    else:
        _say(f"Right. {exercise.right}")
        note_try(name, solved=True)
        return
    note_try(name, solved=False, mistake=known)
    _wrong_tries[name] += 1
    if _wrong_tries[name] > 1:
        hint(name)
    else:
        _say(f'Stuck? hint("{name}") helps.')


def hint(name: str) -> None:
    """Give the next hint of an exercise: three, each stronger than the one before.

    Raises:
        ValueError: There is no exercise of that name.
    """
    hints, number = _find(name).hints, _hints_given[name]
    if number == len(hints):
        notebook = next(stem for stem, exercises in EXERCISES.items() if name in exercises)
        _say(f"No more hints. A solution, with its reasons: solutions/{notebook}.ipynb")
        return
    _hints_given[name] += 1
    note_hint(name)
    _say(f"Hint {number + 1} of {len(hints)}: {hints[number]}")


def _find(name: str) -> Exercise:
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
