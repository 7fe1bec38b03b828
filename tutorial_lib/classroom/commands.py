"""What the command line does for a learner who hands in, and for a teacher who reads a class."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from tutorial_lib.classroom import csv_table, page
from tutorial_lib.classroom.challenge import Challenge, read_challenge
from tutorial_lib.classroom.entries import LENET, RunEntry, Score, entry_of
from tutorial_lib.classroom.hand_in import (
    HandIn,
    check_place,
    checked_name,
    in_words,
    now,
    printable,
    read_folder,
    usual_file,
    write_hand_in,
)
from tutorial_lib.classroom.standings import (
    Standing,
    chosen,
    ranked,
    standings_of,
    with_verdicts,
)
from tutorial_lib.data import DOWNLOADED, Data, condition, load_digits
from tutorial_lib.engine import checkpoint
from tutorial_lib.evaluation import evaluate
from tutorial_lib.learning_record import LearningRecord, read_file, record_file, reset
from tutorial_lib.models import LeNet5

Say = Callable[[str], object]


def hand_in(
    name: str, *, runs: Sequence[Path], challenge: Path | None, to: Path | None, say: Say
) -> None:
    """Write a hand-in, and say what is in it.

    Raises:
        CheckpointError, DataUnavailable, OSError, TypeError, ValueError: It cannot be made; it says
            why, and nothing has been written.
    """
    name = checked_name(name)
    path = usual_file(name) if to is None else to.expanduser()
    check_place(path)
    asked = None if challenge is None else _read_challenge(challenge)
    entries = tuple(_entry(file) for file in runs)
    one = HandIn(name, now(), _own_record(), entries, path)
    num_bytes = write_hand_in(path, one)
    say(f"{path} holds ({num_bytes:,} bytes, text that any editor shows):")
    for line in in_words(one):
        say(f"  {line}")
    if asked is not None:
        say(asked.in_words())
        for entry in entries:
            say(f"  {entry.file}: {_how_it_stands(asked, entry)}")
    say("Nothing was sent anywhere: give the file to your teacher yourself.")


def _own_record() -> LearningRecord:
    path = record_file()
    if path is None:
        return LearningRecord()
    try:
        return read_file(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"your learning record {path} cannot be read: {why}") from error


def _entry(file: Path) -> RunEntry:
    """Return what is handed in of a saved run, with its score if the data is here."""
    saved = checkpoint.load(file)
    entry = entry_of(saved)
    name, _, digest = entry.data
    is_here = name == "sample" or (name in DOWNLOADED and condition(name) == "whole")
    if entry.network != LENET or not is_here:
        return entry
    data, model = load_digits(name, "cpu"), LeNet5(init=entry.init)
    try:
        model.load_state_dict(saved.state["model"])
    except RuntimeError:  # another network of that name
        return entry
    if data.train.digest != digest:
        return entry
    score = evaluate(model, data.held_out, loss=entry.settings.loss)
    return entry_of(saved, Score(score.accuracy, score.loss, len(data.held_out)))


def _how_it_stands(challenge: Challenge, entry: RunEntry) -> str:
    if faults := challenge.faults(entry):
        return f"does not keep the rules: {'; '.join(faults)}."
    reached = challenge.reached(entry)
    if reached is None:
        return "keeps the rules, and has not reached the target."
    return f"keeps the rules, and reached the target at step {reached:,}."


def read_class(
    folder: Path, *, challenge: Path | None, names: Sequence[str], to: Path | None, say: Say
) -> None:
    """Read a class, write its page and its table, and say where they are.

    Args:
        names: Whose entries for the challenge are trained once more; "all" are everybody's.
        to: The folder for page and table; None: that of the hand-ins.

    Raises:
        DataUnavailable, OSError, TypeError, ValueError: It cannot be read or written; it says why.
    """
    folder, to = folder.expanduser(), (to or folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"folder must be one with hand-ins in it; there is none at {folder}")
    if names and challenge is None:
        raise ValueError("rerun is for the entries of a challenge: name its file, --challenge FILE")
    table, html = to / "class.csv", to / "class.html"
    check_place(table, csv_table.START)
    check_place(html, page.START)
    asked = None if challenge is None else _read_challenge(challenge)
    own = [table, html, *([challenge] if challenge else [])]
    hand_ins, odd = read_folder(folder, without=own)
    standings: list[Standing] = []
    if asked is not None:
        standings = standings_of(hand_ins, asked)
        if names:
            again = chosen(standings, names)
            standings = ranked(
                with_verdicts(standings, again, _data_of(asked), watch=_with_bar), asked
            )
    page.write_page(
        html, hand_ins, odd, title=f"Class: {folder.resolve().name}", challenge=asked,
        standings=standings,
    )  # fmt: skip
    csv_table.write_table(
        table, csv_table.table_text(hand_ins, _columns(hand_ins, standings, asked))
    )
    say(f"{page.files_were(len(hand_ins))} read, and {len(odd):,} left out.")
    for place, why in odd:
        say(f"  Left out: {place}: {printable(why, 300)}")
    for each in standings:
        if each.verdict is not None:
            say(f"  {printable(each.label, 120)}: {each.verdict.said}.")
    say(f"The page is {html}, the table {table}.")


def _read_challenge(path: Path) -> Challenge:
    try:
        return read_challenge(path.expanduser())
    except OSError as error:
        raise ValueError(
            f"the challenge {path} cannot be read: {error.strerror or error}"
        ) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"the challenge {path}: {error}") from error


def _data_of(challenge: Challenge) -> Data:
    return load_digits(challenge.data, "cpu")


def _with_bar(label: str, steps: range) -> Iterable[int]:
    return tqdm(steps, desc=printable(label, 30), unit=" steps", disable=None, leave=False)


def _columns(
    hand_ins: Sequence[HandIn], standings: Sequence[Standing], challenge: Challenge | None
) -> dict[str, list[object]]:
    if challenge is None:
        return {}
    of = {id(each.hand_in): each for each in standings}
    columns: dict[str, list[object]] = {"challenge": [], "target reached at step": [], "rerun": []}
    for one in hand_ins:
        each = of.get(id(one))
        if each is None:
            cells: tuple[object, ...] = ("", "", "")
        else:
            reached = challenge.reached(each.entry)
            faults = f"does not count: {'; '.join(each.faults)}" if each.faults else ""
            value = round(challenge.value(each.entry), 6)
            said = each.verdict.said if each.verdict else ""
            cells = (faults or value, "" if reached is None else reached, said)
        for column, cell in zip(columns.values(), cells, strict=True):
            column.append(cell)
    return columns


def forget(say: Say) -> None:
    """Begin a new learning record, and say where the old one is.

    Raises:
        OSError, ValueError: It cannot be moved.
    """
    path, kept = record_file(), reset()
    if path is None:
        say("No learning record is kept here.")
    elif kept is None:
        say(f"There is no learning record yet; it would be {path}.")
    else:
        say(f"Your learning record begins anew. The old one is kept as {kept}.")
