"""What a teacher wants to know of a class: where it struggles, and which mistakes it makes."""

import builtins
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tutorial_lib.classroom.hand_in import HandIn
from tutorial_lib.exercises import EXERCISES
from tutorial_lib.learning_map import original_of, state_of
from tutorial_lib.learning_record import ExerciseRecord, PredictionRecord, num_answered
from tutorial_lib.table import shortened

SMALL_CLASS = 3  # hand-ins; of a larger one, questions that only one learner answered are left out
MOST_PREDICTIONS = 60  # questions that are shown, those most often answered
NEAR = 0.1  # share of the larger that a number may be off, where no margin was given
NEAR_CURVE = math.log(1.25)  # so far apart two curves may be on the average, in logarithms
STOPPED = "Your answer stopped with "
Judgement = Literal["right", "too much", "too little", "another"]


@dataclass(frozen=True)
class ExerciseSummary:
    """How a class got on with an exercise."""

    notebook: str
    name: str
    alone: int  # learners who solved it without a hint
    hinted: int  # who solved it with hints
    tried: int  # who tried, and have not solved it
    not_yet: int
    tries: int  # of all of them
    hints: int
    mistakes: tuple[tuple[str, int], ...]  # what check said, and to how many; the commonest first

    @property
    def begun(self) -> int:
        """How many learners have tried it."""
        return self.alone + self.hinted + self.tried

    @property
    def struggle(self) -> float:
        """Of those who tried, the share that has not solved it, or not alone; the latter half."""
        return (self.tried + 0.5 * self.hinted) / self.begun if self.begun else 0.0

    @property
    def mean_tries(self) -> float:
        """Of a learner who tried it."""
        return self.tries / self.begun if self.begun else 0.0


@dataclass(frozen=True)
class PredictionSummary:
    """How a class answered a question before it saw."""

    notebook: str
    name: str
    topic: str
    asked: str
    kind: str
    counts: dict[Judgement, int]
    tendency: str  # what most of the others expected, in words; "" if there are none

    @property
    def answered(self) -> int:
        """How many learners answered."""
        return sum(self.counts.values())

    @property
    def right(self) -> float:
        """The share that was right, 0 to 1."""
        return self.counts.get("right", 0) / self.answered


@dataclass(frozen=True)
class Totals:
    """What a learner has done, in numbers."""

    solved: int
    tried: int  # exercises, and not solved yet
    tries: int
    hints: int
    predictions: int
    runs: int


def totals_of(one: HandIn) -> Totals:
    """Return what is in a hand-in, in numbers; exercises that are not ours do not count."""
    exercises = [
        one.record.exercises[name]
        for some in EXERCISES.values()
        for name in some
        if name in one.record.exercises
    ]
    states = [state_of(exercise) for exercise in exercises]
    return Totals(
        solved=states.count("solved"),
        tried=states.count("tried"),
        tries=sum(exercise.tries for exercise in exercises),
        hints=sum(exercise.hints for exercise in exercises),
        predictions=num_answered(one.record.predictions),
        runs=len(one.runs),
    )


def exercises_of(hand_ins: Sequence[HandIn]) -> list[ExerciseSummary]:
    """Return what became of each exercise, in the order of the notebooks."""
    return [
        _exercise(notebook, name, [one.record.exercises.get(name) for one in hand_ins])
        for notebook, exercises in EXERCISES.items()
        for name in exercises
    ]


def _exercise(
    notebook: str, name: str, records: Sequence[ExerciseRecord | None]
) -> ExerciseSummary:
    there = [one for one in records if one is not None and state_of(one) != "not yet"]
    solved = [one for one in there if one.solved]
    alone = sum(one.hints == 0 for one in solved)
    mistakes = Counter(words for one in there for words in one.mistakes if _is_known(name, words))
    return ExerciseSummary(
        notebook=notebook,
        name=name,
        alone=alone,
        hinted=len(solved) - alone,
        tried=len(there) - len(solved),
        not_yet=len(records) - len(there),
        tries=sum(one.tries for one in there),
        hints=sum(one.hints for one in there),
        mistakes=tuple(mistakes.most_common()),
    )


def _is_known(name: str, words: str) -> bool:
    """Say whether these are words of `check`, rather than of somebody who wrote into his file."""
    exercise = next(some[name] for some in EXERCISES.values() if name in some)
    error = words.removeprefix(STOPPED).removesuffix(".")
    return words in exercise.mistakes.values() or (
        words.startswith(STOPPED) and isinstance(getattr(builtins, error, None), type)
    )


def predictions_of(hand_ins: Sequence[HandIn]) -> list[PredictionSummary]:
    """Return how each question was answered, by each learner the first time, the worst first.

    In a larger class what a single learner alone was asked is left out: his file may say anything.
    """
    answers: dict[tuple[str, str, str], list[PredictionRecord]] = defaultdict(list)
    for one in hand_ins:
        for key, prediction in _first_answers(one):
            answers[key].append(prediction)
    fewest = 1 if len(hand_ins) <= SMALL_CLASS else 2
    shared = [(key, given) for key, given in answers.items() if len(given) >= fewest]
    found = []
    for (notebook, name, kind), given in sorted(shared, key=_count_first)[:MOST_PREDICTIONS]:
        counts = Counter(map(judged, given))
        asked, topic = (
            Counter(getattr(one, field) for one in given).most_common(1)[0][0]
            for field in ("asked", "topic")
        )
        summary = notebook, name, topic, asked, kind, dict(counts), _tendency(kind, given)
        found.append(PredictionSummary(*summary))
    return sorted(found, key=lambda one: (one.right, -one.answered))


def _count_first(item: tuple[tuple[str, str, str], list[PredictionRecord]]) -> tuple[int, str]:
    return -len(item[1]), item[0][1]


def _tendency(kind: str, given: Sequence[PredictionRecord]) -> str:
    """Say what most of those expected who were not right; "" if there are none."""
    wrong = [one for one in given if judged(one) != "right"]
    if not wrong:
        return ""
    if kind == "choice":
        ((most, count),) = Counter(one.expected for one in wrong).most_common(1)
        return f"{count} chose {shortened(most, 60)}"
    ((most, count),) = Counter(map(judged, wrong)).most_common(1)
    return f"{count} expected {'something else' if most == 'another' else most}"


def _first_answers(one: HandIn) -> Iterator[tuple[tuple[str, str, str], PredictionRecord]]:
    seen = set()
    for prediction in one.record.predictions:
        notebook = original_of(prediction.notebook)
        key = notebook, prediction.name, prediction.kind
        is_answer = prediction.expected is not None and prediction.seen is not None
        if is_answer and key not in seen and notebook in EXERCISES:
            seen.add(key)
            yield key, prediction


def judged(prediction: PredictionRecord) -> Judgement:
    """Return how what was expected compares with what was seen.

    A number is right within the learner's own margin, or without one within a tenth; a curve if its
    loss is off by less than a quarter on the average.
    """
    expected, seen = prediction.expected, prediction.seen
    if prediction.kind == "choice":
        return "right" if expected == seen else "another"
    if prediction.kind == "number":
        apart = expected - seen
        margin = NEAR * max(abs(expected), abs(seen))
        margin = margin if prediction.sure is None else prediction.sure
    else:
        apart, margin = _apart(expected, seen), NEAR_CURVE
    if not math.isfinite(apart):
        return "another"
    if abs(apart) <= margin:
        return "right"
    return "too much" if apart > 0 else "too little"


def _apart(expected: list[list[float]], seen: list[list[float]]) -> float:
    """Return by how much one curve lies above another on the average, in logarithms."""
    if not expected or not seen:
        return math.nan
    xs, ys = (np.array(sorted(points), float).T for points in (expected, seen))
    low, high = max(xs[0][0], ys[0][0]), min(xs[0][-1], ys[0][-1])
    if low > high:
        return math.nan
    shares = np.linspace(low, high, 50)
    logs = [np.log(np.maximum(np.interp(shares, *curve), 1e-6)) for curve in (xs, ys)]
    return float(np.mean(logs[0] - logs[1]))
