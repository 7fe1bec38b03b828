"""Makes up a class: hand-ins of thirty learners, some of them damaged, hostile or forged.

`python tests/made_up_class.py FOLDER` writes one whose runs are real, with a challenge, to be
looked at: python -m tutorial_lib class FOLDER --challenge FOLDER/challenge.toml --rerun all
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint, evaluate, load_digits
from tutorial_lib.classroom.entries import RunEntry, Score, entry_of
from tutorial_lib.classroom.hand_in import HandIn, write_hand_in
from tutorial_lib.data import Data
from tutorial_lib.exercises import EXERCISES
from tutorial_lib.learning_record import ExerciseRecord, LearningRecord, PredictionRecord

AT = "2026-11-27T09:30:00+00:00"
NAMES = (
    "Ada Lovelace", "Alan Turing", "Bahar Çelik", "Chiara Rossi", "David Okafor", "Émilie du C.",
    "Farid Nazari", "Grace Hopper", "Hồ Thị Lan", "Inés Álvarez", "Jürgen Groß", "Katherine J.",
    "李雷", "Maryam M.", "Nikolai Ł.", "Olga Petrova", "Paul Erdős", "Quentin D.", "Rosalind F.",
    "Sofya K.", "Tu Youyou", "Ursula Le G.", "Vera Rubin", "Wangari M.", "Xin Chen", "Yuki 田中",
)  # fmt: skip
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FORMULA = "=HYPERLINK(1)"
CHALLENGE = """\
title = "Nine of ten in two epochs"
data = "sample"
steps = {steps}
choose = ["learning_rate", "momentum", "optimizer"]
[target]
{target}
"""
QUESTIONS = (  # name, kind, topic, question, what is seen, how learners are off
    ("first_loss", "number", "loss", "How large is the first loss?", 2.303, 0.8),
    ("noise", "number", "batch size", "How much less noise has a batch of 128?", 2.0, 3.0),
    ("which_rate", "choice", "learning rate", "Which rate learns fastest?", "0.1", 0.5),
    ("momentum_steps", "number", "momentum", "How many steps does the ball remember?", 10, -6.0),
    ("lr_0_1", "curve", "learning rate", "How does the loss fall at a rate of 0.1?", None, 0.5),
)


def record_of(skill: float, draw: np.random.RandomState) -> LearningRecord:
    """Make up what a learner did who solves so large a share of the exercises, 0 to 1."""
    exercises = {}
    for number, (name, exercise) in enumerate(
        (name, one) for some in EXERCISES.values() for name, one in some.items()
    ):
        if number > 8 + 30 * skill:
            break
        hardness = (number * 7 % 10) / 10
        solved = draw.rand() < 1.1 * skill + 0.5 * (1 - hardness)
        wrong = draw.binomial(4, hardness * (1 - 0.5 * skill))
        words = list(exercise.mistakes.values())
        told = [words[index] for index in draw.geometric(0.5, wrong) - 1 if index < len(words)]
        exercises[name] = ExerciseRecord(
            tries=wrong + solved,
            hints=min(3, max(0, wrong - 1)),
            solved=AT if solved else None,
            mistakes={one: told.count(one) for one in told},
        )
    predictions = []
    for name, kind, topic, asked, seen, off in QUESTIONS:
        expected, sure = seen, None
        if kind == "number":
            expected = round(float(max(0.1, seen + off * (0.8 - skill) + draw.randn() * 0.2)), 2)
            sure = float(draw.choice([0.2, 0.5, 2]))
        if kind == "choice":
            expected = "0.1" if draw.rand() < off * skill + 0.3 else "0.01"
        if kind == "curve":
            shares = np.linspace(0, 1, 6)
            seen, expected = (
                [[float(x), float(2.3 * np.exp(-rate * x))] for x in shares]
                for rate in (4, 4 * (skill + 0.1))
            )
        predictions.append(
            PredictionRecord(
                name, "01_hyperparameters", kind, topic, asked, expected, sure, seen, "Said.", AT
            )
        )
    return LearningRecord(exercises, predictions)


def settings_of(number: int) -> Hyperparameters:
    rates = (0.003, 0.01, 0.02, 0.05, 0.1)
    optimizer = ("momentum", "sgd", "nesterov", "adam")[number % 4]
    rate = rates[number % 5] / (20 if optimizer == "adam" else 1)
    return Hyperparameters(epochs=2, optimizer=optimizer, learning_rate=rate)


def real_entry(
    folder: Path, data: Data, settings: Hyperparameters, steps: int, *, change_at: int = 0
) -> RunEntry:
    """Train a run and return its entry, by way of its file."""
    run = TrainingRun(LeNet5(seed=settings.seed), data, settings)
    for record in run:
        if record.step == change_at:
            run.adjust(learning_rate=0.5 * record.learning_rate)
        if record.step == steps:
            break
    path = folder / "a.run"
    checkpoint.save(run, path)
    found = evaluate(run.model, data.validation)
    entry = entry_of(checkpoint.load(path), Score(found.accuracy, found.loss, len(data.validation)))
    path.unlink()
    return entry


def made_up_entry(real: RunEntry, number: int, draw: np.random.RandomState) -> RunEntry:
    """Make up an entry that looks like a real one."""
    steps = np.arange(real.num_steps)
    speed, noise = draw.uniform(0.005, 0.03), draw.lognormal(0, 0.2, len(steps))
    losses = tuple(map(float, 2.3 * np.exp(-speed * steps) * noise + 0.05))
    settings = settings_of(number)
    return dataclasses.replace(
        real, settings=settings, losses=losses, rates=[(1, settings.learning_rate)], changes=()
    )


def forged(entry: RunEntry, step: int) -> RunEntry:
    """Let an entry claim lower losses from a step on."""
    losses = [loss * (0.9 if at >= step else 1) for at, loss in enumerate(entry.losses, 1)]
    return dataclasses.replace(entry, losses=tuple(losses))


def make_class(folder: Path, entries: Sequence[RunEntry | None]) -> None:
    """Write thirty hand-ins: 26 good ones, one hostile, and three damaged.

    Args:
        entries: One for each of the first learners; None hands in no run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.RandomState(0)
    for number, name in enumerate((*NAMES, HOSTILE)):
        entry = entries[number] if number < len(entries) else None
        record = record_of(draw.rand(), draw)
        if name == HOSTILE:
            record = with_html(record)
        runs = () if entry is None else (entry,)
        one = HandIn(name, AT, record, runs)
        write_hand_in(folder / f"hand-in-{number:02}.json", one)
    damage(folder)


def with_html(record: LearningRecord) -> LearningRecord:
    """Put HTML wherever a text goes."""
    predictions = [
        dataclasses.replace(one, asked=HOSTILE, topic=HOSTILE, said=HOSTILE, name=HOSTILE)
        for one in record.predictions
    ]
    tried = ExerciseRecord(tries=2, mistakes={HOSTILE: 1, FORMULA: 1})
    return LearningRecord({"one_epoch": tried, HOSTILE: tried}, predictions)


def damage(folder: Path) -> None:
    """Add three damaged hand-ins to those in a folder."""
    text = (folder / "hand-in-00.json").read_text(encoding="utf-8")
    (folder / "hand-in-cut.json").write_text(text[: len(text) // 2], encoding="utf-8")
    (folder / "hand-in-infinite.json").write_text(
        text.replace('"tries": ', '"tries": 1e999, "was": ', 1), encoding="utf-8"
    )
    held = json.loads(text)
    held["exercises"]["one_epoch"]["tries"] = -1
    (folder / "hand-in-negative.json").write_text(json.dumps(held), encoding="utf-8")


def gigabyte_of_zeros(path: Path) -> None:
    """Write a file of a gigabyte that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(10**9)


def main(folder: Path) -> None:
    """Write a class whose runs are real but for one, which is forged."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load_digits("sample", "cpu")
    entries: list[RunEntry | None] = []
    for number in range(len(NAMES)):
        change_at = 125 if number == 3 else 0
        entry = real_entry(folder, data, settings_of(number), 250, change_at=change_at)
        entries.append(forged(entry, 180) if number == 7 else entry)
    entries[9] = None
    entries[11] = dataclasses.replace(entries[11], data=("mnist", 60_000, "x"))
    make_class(folder, entries)
    gigabyte_of_zeros(folder / "zeros.json")
    text = CHALLENGE.format(steps=250, target="accuracy = 0.9")
    (folder / "challenge.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
