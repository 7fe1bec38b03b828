"""A table in a text file, with a row for each example and a column to be predicted."""

import csv
import difflib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.checks import shown
from tutorial_lib.data.examples import FEW, assemble, check_path, check_texts, listed
from tutorial_lib.data.sets import Data, check_amounts, drawn_apart
from tutorial_lib.data.split import Split
from tutorial_lib.hardware import choose_device, use_usual_threads

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t"
MOST_TEXTS = 50  # different ones in a column, each of which becomes an input
LARGEST = float(np.finfo(np.float32).max)


def from_csv(
    path: str | os.PathLike[str],
    *,
    target: str,
    validation: float | int | None = 0.1,
    test: float | int | None = 0.1,
    seed: int = 0,
    name: str | None = None,
    noun: str = "rows",
    device: str | torch.device = "auto",
) -> Data:
    """Return a table as data, from a text file with commas, semicolons or tabs between columns.

    Columns of numbers are scaled by mean and standard deviation of the training rows; of a column
    of texts each text becomes an input, 1 where it stands and else 0. A column that is the same in
    all training rows is left out. `data.prepare(rows)` makes inputs of other rows in the same way:
    a table of pandas, or a list of dicts.

    Args:
        path: The file, in UTF-8; its first line names the columns.
        target: The column to be predicted. Texts, bools, and whole numbers with at most 20
            different values (each twice on average), are classes, named by these values; other
            numbers make a regression, in their own unit.
        validation: How many rows to choose settings by, or above 0 and below 1 which share of all;
            drawn by class. 0 or None: none.
        test: Likewise, to be looked at once, at the end.
        seed: Decides which ones.
        name: What the learner calls it. None: the file's name.
        noun: What the rows are, in the plural: "wines".
        device: Where the tensors are to be: "auto", "cpu", "cuda", "mps", "xpu".

    Raises:
        TypeError, ValueError: Something is wrong. It says what, in which column and row. Rows are
            counted from 1, below the line with the names.
    """
    file = check_path(path, "the table")
    if not file.is_file():
        raise ValueError(f"path must be that of a file; {file} is a folder")
    check_texts(target=target, noun=noun, **({} if name is None else {"name": name}))
    check_amounts(validation=validation, test=test, seed=seed)
    use_usual_threads()
    device = choose_device(device)
    table, remarks = _read_table(file)
    _check_target(table, target)
    _refuse_missing(table)
    targets, classes, why = _targets(table[target])
    parts = drawn_apart(targets, {"test": test, "validation": validation}, seed=seed)
    columns, in_words = _columns(table.drop(columns=target), parts["train"].numpy())
    inputs = _inputs(table, columns)
    splits = {
        part: Split(inputs[indices].to(device), targets[indices].to(device))
        for part, indices in parts.items()
    }
    options = {
        "target": target, "validation": validation, "test": test, "seed": seed, "name": name,
        "noun": noun,
    }  # fmt: skip
    return assemble(
        splits,
        name=name or file.stem,
        noun=noun,
        classes=classes,
        device=device,
        sentences=[*why, *in_words, *remarks],
        of_what=f" of {target!r}",
        make_again=partial(_again, str(file), tuple(options.items())),
        prepare=partial(_prepared, columns=columns, device=device),
    )


def _again(path: str, options: Sequence[tuple[str, Any]], device: Any) -> Data:
    return from_csv(path, **dict(options), device=device)


# ---- the file ----


def _read_table(file: Path) -> tuple["pd.DataFrame", list[str]]:
    """Return the table, and sentences on what is left out."""
    import pandas as pd

    text = _text(file)
    lines = io.StringIO(text, newline="")
    rows = {}
    for separator in SEPARATORS:
        lines.seek(0)
        rows[separator] = _first_row(lines, separator)
    separator = max(SEPARATORS, key=lambda each: len(rows[each]))
    names = rows[separator]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(
            f"each column must have a name of its own; {file} has {listed(twice)} more than once"
        )

    def read(decimal: str) -> pd.DataFrame:
        try:
            return pd.read_csv(
                io.StringIO(text),
                sep=separator,
                decimal=decimal,
                skipinitialspace=True,
                low_memory=False,
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
            words = " ".join(str(error).split())
            raise ValueError(f"path must be that of a table; {file} is none: {words}") from None

    table = read(".")
    if separator != ",":  # then 3,5 may be a number
        table = max((table, read(",")), key=lambda each: len(each.select_dtypes("number").columns))
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(
            f"each row must have as many values as there are names, {len(names)}; those of {file} "
            "have more"
        )
    table.columns = [name or column for name, column in zip(names, table.columns, strict=True)]
    remarks = []
    unnamed = [column for name, column in zip(names, table.columns, strict=True) if not name]
    table = table.drop(columns=[column for column in unnamed if table[column].isna().all()])
    for column in unnamed:
        if column in table and _counts_rows(table[column]):
            table = table.drop(columns=column)
            remarks.append("The column without a name counts the rows and is left out.")
    empty = table.isna().all(axis=1)
    if empty.any():
        table = table[~empty]
        remarks.append(f"Empty rows are left out: {int(empty.sum()):,}.")
    if len(table) < 2:
        raise ValueError(f"the table must have at least two rows; {file} has {len(table)}")
    return table, remarks


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    if content[:4] == b"PK\x03\x04":
        raise ValueError(f"path must be that of a text file; {file} is a workbook or an archive: "
                         "save the table as CSV")  # fmt: skip
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"path must be that of a text file in UTF-8; line {line:,} of {file} is not: save it "
            "as UTF-8"
        ) from None
    if "\0" in text:
        raise ValueError(f"path must be that of a text file; {file} has bytes that are none")
    if not text.strip():
        raise ValueError(f"the table must have at least two rows; {file} is empty")
    return text


def _first_row(lines: io.StringIO, separator: str) -> list[str]:
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        return [name.strip() for name in next((row for row in reader if any(row)), [])]
    except csv.Error:  # a line without end, say
        return []


def _counts_rows(column: "pd.Series") -> bool:
    if column.dtype.kind not in "iuf":
        return False
    return any(
        np.array_equal(column.to_numpy(), np.arange(len(column)) + first) for first in (0, 1)
    )


def _check_target(table: "pd.DataFrame", target: str) -> None:
    columns = [str(column) for column in table.columns]
    if target not in columns:
        close = difflib.get_close_matches(target, columns, n=1)
        hint = f": did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"target must be one of the columns, {listed(columns)}; got {shown(target)}{hint}"
        )
    if len(columns) == 1:
        raise ValueError(
            f"there must be a column besides the target {target!r} to predict it from; there is "
            "none. Between columns stand commas, semicolons or tabs"
        )


def _refuse_missing(table: "pd.DataFrame") -> None:
    for what, is_bad in (
        ("missing values", lambda column: column.isna().to_numpy()),
        ("numbers that are too large, or infinite", _is_too_large),
    ):
        bad = {column: is_bad(table[column]) for column in table.columns}
        counts = {column: int(rows.sum()) for column, rows in bad.items() if rows.any()}
        if counts:
            column, count = next(iter(counts.items()))
            row = table.index[int(np.argmax(bad[column]))] + 1
            others = [repr(other) for other in counts if other != column]
            more = f"; so have {listed(others)}" if others else ""
            raise ValueError(
                f"the table must have no {what}; column {column!r} has {count:,} of "
                f"{len(table):,}, the first in row {row:,}{more}: fill them in, or leave out these "
                "rows or the column"
            )


def _is_too_large(column: "pd.Series") -> np.ndarray:
    if column.dtype.kind not in "iuf":
        return np.zeros(len(column), dtype=bool)
    return ~(np.abs(column.to_numpy(dtype=np.float64)) <= LARGEST)


# ---- its columns ----


def _targets(column: "pd.Series") -> tuple[Tensor, tuple[str, ...], list[str]]:
    """Return targets, names of the classes, and in words why whole numbers make a regression."""
    name, count = column.name, len(column)
    is_number = column.dtype.kind in "iuf"
    values = column.to_numpy() if is_number or column.dtype.kind == "b" else column.astype(str)
    values = np.asarray(values)
    different, labels = np.unique(values, return_inverse=True)
    if len(different) == 1:
        raise ValueError(
            f"target must be a column with different values; all {count:,} of {name!r} are "
            f"{shown(different[0].item() if is_number else str(different[0]))}"
        )
    if column.dtype.kind == "f":
        return _as_numbers(values), (), []
    if is_number and (len(different) > FEW or 2 * len(different) > count):
        why = f"{name!r} has {len(different):,} different values, so it is taken for a quantity."
        return _as_numbers(values), (), [why]
    if len(different) > MOST_TEXTS and 2 * len(different) > count:
        raise ValueError(
            f"target must be a column of classes or numbers; {name!r} has {len(different):,} "
            f"different texts in {count:,} rows, the first {shown(str(values[0]))}"
        )
    classes = tuple(str(each) for each in different.tolist())
    return torch.from_numpy(labels.astype(np.int64)), classes, []


def _as_numbers(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))[:, None]  # (N, 1)


@dataclass(frozen=True)
class _Column:
    """How a column becomes inputs: scaled, or an input for each of its texts."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    texts: tuple[str, ...] = ()

    def inputs(self, table: "pd.DataFrame") -> list[np.ndarray]:
        """Return its inputs, each (N,).

        Raises:
            ValueError: The table has no such column, or not what stands in it.
        """
        if self.name not in table.columns:
            raise ValueError(f"the rows must have a column {self.name!r}")
        column = table[self.name]
        if self.texts:
            texts = column.astype(str).to_numpy(dtype=object)
            if unknown := sorted(set(texts.tolist()) - {*self.texts}):
                raise ValueError(
                    f"the column {self.name!r} must hold one of {listed(self.texts)}; got "
                    f"{shown(unknown[0])}"
                )
            return [(texts == text).astype(np.float64) for text in self.texts]
        try:
            values = column.to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            values = np.full(len(column), np.nan)
        if not np.isfinite(values).all():
            place = int(np.argmin(np.isfinite(values)))
            raise ValueError(
                f"the column {self.name!r} must hold numbers; got {shown(column.iloc[place])}"
            )
        return [(values - self.mean) / self.std]

    def as_read(self, inputs: Tensor) -> list[str]:
        """Return what stood in the column, as texts, where these are its inputs (N, width)."""
        if self.texts:
            return [self.texts[place] for place in inputs.argmax(dim=1).tolist()]
        return [f"{value * self.std + self.mean:.6g}" for value in inputs[:, 0].tolist()]


def _inputs(table: "pd.DataFrame", columns: Sequence[_Column]) -> Tensor:
    """Return the inputs (N, F) float32."""
    inputs = [values for column in columns for values in column.inputs(table)]
    return torch.from_numpy(np.stack(inputs, axis=1).astype(np.float32))


def rows_as_read(data: Data, inputs: Tensor) -> tuple[list[str], list[list[str]]] | None:
    """Return the names of a table's columns and, row by row, what stood in them; None: no table.

    Args:
        data: Of `from_csv`, or others, which have no columns.
        inputs: (N, F), some of theirs.
    """
    make = data.prepare
    if not isinstance(make, partial) or make.func is not _prepared:
        return None
    columns: Sequence[_Column] = make.keywords["columns"]
    texts, first = [], 0
    for column in columns:
        width = len(column.texts) or 1
        values = inputs[:, first : first + width].double().cpu()  # (N, width)
        texts.append(column.as_read(values))
        first += width
    return [column.name for column in columns], [list(row) for row in zip(*texts, strict=True)]


def _prepared(rows: Any, *, columns: Sequence[_Column], device: torch.device) -> Tensor:
    """Return rows as the network sees them, (N, F), scaled as those of the table.

    Raises:
        ValueError: A column is missing, or what stands in it does not fit.
    """
    import pandas as pd

    return _inputs(pd.DataFrame(rows), columns).to(device)


def _columns(table: "pd.DataFrame", train: np.ndarray) -> tuple[list[_Column], list[str]]:
    """Return how columns become inputs, by the training rows, and in words.

    Args:
        train: Indices of the training rows.
    """
    columns, constant = [], []
    num_numbers = num_texts = 0
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "iufb":
            values = column.to_numpy(dtype=np.float64)
            shown_in_training = values[train]
            if np.ptp(shown_in_training) == 0:
                constant.append(repr(name))
                continue
            num_numbers += 1
            mean, std = shown_in_training.mean(), shown_in_training.std()
            columns.append(_Column(name, float(mean), float(std)))
            continue
        texts = column.astype(str).to_numpy(dtype=object)
        different = sorted(set(texts.tolist()))
        if len(different) > MOST_TEXTS:
            raise ValueError(
                f"a column of texts must have at most {MOST_TEXTS} different ones; {name!r} has "
                f"{len(different):,}, the first {shown(texts[0])}: leave the column out, or make "
                "numbers of it"
            )
        if len(set(texts[train].tolist())) == 1:
            constant.append(repr(name))
            continue
        num_texts += 1
        columns.append(_Column(name, texts=tuple(different)))
    if not columns:
        raise ValueError(
            "there must be a column besides the target that changes; these are the same in all "
            f"training rows: {listed(constant)}"
        )
    how = []
    if num_numbers:
        how.append(f"{num_numbers:,} of numbers, scaled by the training rows")
    if num_texts:
        how.append(f"{num_texts:,} of texts, an input for each text")
    num_inputs = sum(len(column.texts) or 1 for column in columns)
    before = f"{len(columns):,} columns" if len(columns) > 1 else "1 column"
    after = f"{num_inputs:,} inputs" if num_inputs > 1 else "1 input"
    sentences = [f"{before} became {after}: {'; '.join(how)}."]
    if constant:
        sentences.append(f"The same in all training rows, so left out: {listed(constant)}.")
    return columns, sentences
