"""The loss of runs as a picture in a file, which never takes the place of another picture."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tutorial_lib.files import checked_place, replacing

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MADE_BY = {"Software": "tutorial_lib"}  # stands in the file, near its start


def check_curve(path: Path, *, beside: Iterable[Path]) -> Path:
    """Refuse a path where no curve can be drawn, as `check_picture` does, and call it a curve."""
    try:
        return check_picture(path, beside=beside)
    except ValueError as error:
        raise ValueError(f"the curve cannot be drawn into {path}: {error}") from error


def check_picture(path: Path, *, beside: Iterable[Path] = ()) -> Path:
    """Refuse a path where no picture can be written; nothing is changed.

    Args:
        beside: Files that are written, too, or read.

    Returns:
        The file that is meant: a user's folder for ~, what a link points to for a link.

    Raises:
        ValueError: It says why.
    """
    return checked_place(path, suffix=".png", is_ours=_is_ours, beside=beside)


def save_curve(path: Path, runs: Mapping[str, Sequence[Any]]) -> None:
    """Draw the losses of runs, each by its label, into a PNG.

    Raises:
        ValueError: Something stands there that is not ours.
        OSError: It cannot be written.
    """
    import matplotlib.style  # slow, and not always needed
    from matplotlib.figure import Figure

    from tutorial_lib.pictures import STYLE, draw_runs

    there = check_curve(path, beside=[])
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
        axes = figure.add_subplot(title="Loss: each batch faint, smoothed bold")
        draw_runs(axes, runs)
        with replacing(there, start=SIGNATURE) as file:
            figure.savefig(file, format="png", metadata=MADE_BY)


def _is_ours(content: bytes) -> bool:
    mark = b"tEXt" + b"\0".join(word.encode() for pair in MADE_BY.items() for word in pair)
    return content.startswith(SIGNATURE) and mark in content
