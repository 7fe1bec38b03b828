"""Who reached the target of a challenge, and whose run comes again."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tutorial_lib.classroom.challenge import Challenge
from tutorial_lib.classroom.entries import RunEntry
from tutorial_lib.classroom.hand_in import HandIn
from tutorial_lib.classroom.rerun import Verdict, rerun
from tutorial_lib.data import Data

ALL = "all"


@dataclass(frozen=True)
class Standing:
    """A learner's entry for a challenge: of the runs that keep the rules, the best."""

    hand_in: HandIn
    label: str  # the name, with the file where two have the same
    handed_in: RunEntry
    faults: tuple[str, ...] = ()  # in what it does not keep the rules
    verdict: Verdict | None = None  # None: it was not trained once more

    @property
    def entry(self) -> RunEntry:
        """The run as it is known best: as it was trained here, if it came again."""
        there = self.verdict and self.verdict.here
        return there or self.handed_in

    @property
    def counts(self) -> bool:
        """Whether it keeps the rules, and nothing is known against it."""
        return not self.faults and (self.verdict is None or self.verdict.is_confirmed)


def labels_of(hand_ins: Sequence[HandIn]) -> list[str]:
    """Return the learners' names; where several have the same, with their files."""
    names = [one.name.casefold() for one in hand_ins]
    return [
        one.name if names.count(name) == 1 else f"{one.name} ({one.path.name})"
        for one, name in zip(hand_ins, names, strict=True)
    ]


def standings_of(hand_ins: Sequence[HandIn], challenge: Challenge) -> list[Standing]:
    """Return the entry of each learner who handed in a run, the best first."""
    found = []
    for one, label in zip(hand_ins, labels_of(hand_ins), strict=True):
        entries = [Standing(one, label, run, tuple(challenge.faults(run))) for run in one.runs]
        if entries:
            found.append(min(entries, key=lambda each: _order(each, challenge)))
    return ranked(found, challenge)


def ranked(standings: Iterable[Standing], challenge: Challenge) -> list[Standing]:
    """Return entries, the best first; those that do not count come last."""
    return sorted(standings, key=lambda each: (_order(each, challenge), each.label.casefold()))


def _order(each: Standing, challenge: Challenge) -> tuple[float, ...]:
    return (float(not each.counts), *challenge.order(each.entry))


def chosen(standings: Sequence[Standing], names: Sequence[str]) -> list[Standing]:
    """Return the entries that are asked for by name, label or file, or all of them.

    Raises:
        ValueError: There is none of that name.
    """
    if ALL in names:
        return list(standings)
    found = []
    for name in names:
        those = [
            each
            for each in standings
            if name.casefold()
            in (each.hand_in.name.casefold(), each.label.casefold(), each.hand_in.path.name)
        ]
        if not those:
            there = ", ".join(each.label for each in standings) or "nobody"
            raise ValueError(
                f'rerun must name a learner who handed in a run, or be "{ALL}": {there}; got {name}'
            )
        found += those
    return found


def with_verdicts(
    standings: Sequence[Standing],
    asked: Sequence[Standing],
    data: Data,
    *,
    watch: Callable[[str, range], Iterable[int]] = lambda label, steps: steps,
) -> list[Standing]:
    """Train those entries once more that are asked for and keep the rules; return all of them.

    Args:
        watch: Is given a label and the steps to come, and returns these, one by one.
    """
    found = []
    for each in standings:
        if each in asked and not each.faults:
            steps = watch(each.label, range(each.handed_in.num_steps))
            each = dataclasses.replace(each, verdict=rerun(each.handed_in, data, steps))
        found.append(each)
    return found
