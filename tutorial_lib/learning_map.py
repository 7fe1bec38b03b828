"""A map of the tutorial: which exercises are solved, which were tried, and what was predicted."""

import html
import textwrap
from collections import Counter
from dataclasses import dataclass

from tutorial_lib.exercises import EXERCISES
from tutorial_lib.learning_record import (
    ExerciseRecord,
    LearningRecord,
    file_kept_here,
    read,
)
from tutorial_lib.pictures.theme import PALETTE
from tutorial_lib.table import counted

NOTHING = "Your map of the tutorial stands here in JupyterLab, where a record of yours is kept."
WIDTH = 79
CHIP = "display:inline-block;position:relative;margin-right:0.9em;white-space:nowrap"
STATES = {  # state -> its sign, the name of its colour, which stands out on white and on black
    "solved": ("\N{BLACK CIRCLE}", "green"),
    "tried": ("\N{CIRCLE WITH LEFT HALF BLACK}", "orange"),
    "not yet": ("\N{WHITE CIRCLE}", ""),
}


def state_of(exercise: ExerciseRecord | None) -> str:
    """Return "solved", "tried" or "not yet"."""
    if exercise is None or not (exercise.solved or exercise.tries):
        return "not yet"
    return "solved" if exercise.solved else "tried"


def original_of(notebook: str) -> str:
    """Return which of our notebooks a copy is of: its name goes on after that of the original."""
    return next((original for original in EXERCISES if notebook.startswith(original)), notebook)


@dataclass(frozen=True, repr=False)
class LearningMap:
    """The map of a record; it shows itself in a notebook, and as text elsewhere.

    Args:
        record: None: nothing is kept here.
    """

    record: LearningRecord | None

    def __repr__(self) -> str:
        if self.record is None:
            return NOTHING
        lines = [self._summary()]
        for notebook, names in EXERCISES.items():
            by_state = {state: " ".join(self._in_state(names, state)) for state in STATES}
            parts = [f"{state}: {found}" for state, found in by_state.items() if found]
            words = "; ".join([*parts, *self._extras(notebook)])
            indent = " " * 20
            lines.append(textwrap.fill(f"{notebook:18}  {words}", WIDTH, subsequent_indent=indent))
        return "\n".join([*lines, *self._elsewhere()])

    def _repr_html_(self) -> str | None:
        if self.record is None:
            return None
        rows = "".join(self._row(notebook, list(names)) for notebook, names in EXERCISES.items())
        legend = ", ".join(f"{_sign(state)} {state}" for state in STATES)
        rest = "".join(f"<p>{html.escape(words)}</p>" for words in self._elsewhere())
        heads = ("Notebook", "Exercises", "Hints", "Predictions")
        head = "".join(
            f'<th scope="col" style="text-align:{_side(index)};padding:2px 10px">{words}</th>'
            for index, words in enumerate(heads)
        )
        caption = f"{html.escape(self._summary())}<br>{legend}"
        return (
            '<table style="border-collapse:collapse;color:inherit;max-width:56em">'
            f'<caption style="text-align:left;padding:2px 10px;color:inherit">{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}"
        )

    def _row(self, notebook: str, names: list[str]) -> str:
        exercises = " ".join(
            f'<span style="{CHIP}">{_sign(state)} <code>{name}</code>{_unseen(state)}</span>'
            for name, state in ((name, self._state(name)) for name in names)
        )
        cells = (exercises, str(self._hints(names)), str(self._predictions()[notebook]))
        link = f'<a href="{notebook}.ipynb">{notebook}</a>'
        return (
            f'<tr><th scope="row" style="text-align:left;padding:2px 10px">{link}</th>'
            + "".join(
                f'<td style="text-align:{_side(index)};padding:2px 10px">{cell}</td>'
                for index, cell in enumerate(cells, 1)
            )
            + "</tr>"
        )

    def _summary(self) -> str:
        every = [name for names in EXERCISES.values() for name in names]
        counts = Counter(self._state(name) for name in every)
        hints, predictions = self._hints(every), self._predictions().total()
        tried = f", {counts['tried']} tried" if counts["tried"] else ""
        return (
            f"{counts['solved']} of {len(every)} exercises solved{tried}; "
            f"{counted(hints, 'hint')}, {counted(predictions, 'prediction')}."
        )

    def _state(self, name: str) -> str:
        return state_of(self.record.exercises.get(name))

    def _in_state(self, names: dict[str, object], state: str) -> list[str]:
        return [name for name in names if self._state(name) == state]

    def _hints(self, names: list[str]) -> int:
        return sum(self.record.exercises.get(name, ExerciseRecord()).hints for name in names)

    def _predictions(self) -> Counter[str]:
        """Return how many questions of each notebook were answered, once or more often."""
        answered = {
            (original_of(one.notebook), one.name)
            for one in self.record.predictions
            if one.expected is not None
        }
        return Counter(notebook for notebook, _ in answered)

    def _extras(self, notebook: str) -> list[str]:
        hints, predictions = self._hints(list(EXERCISES[notebook])), self._predictions()[notebook]
        counts = {"hint": hints, "prediction": predictions}
        return [counted(count, noun) for noun, count in counts.items() if count]

    def _elsewhere(self) -> list[str]:
        count = sum(n for notebook, n in self._predictions().items() if notebook not in EXERCISES)
        return [f"And {counted(count, 'prediction')} in other notebooks."] if count else []


def learning_map() -> LearningMap:
    """Return the map of what the learner who sits here has done; one line where none is kept."""
    return LearningMap(read() if file_kept_here() is not None else None)


def _sign(state: str) -> str:
    sign, colour = STATES[state]
    style = f' style="color:{PALETTE[colour][0]}"' if colour else ""
    return f'<span aria-hidden="true"{style}>{sign}</span>'


def _unseen(state: str) -> str:
    """Return words for those who hear the page instead of seeing its signs."""
    style = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
    return f'<span style="{style};white-space:nowrap"> ({state})</span>'


def _side(index: int) -> str:
    return "left" if index < 2 else "right"
