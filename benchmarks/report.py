"""What the benchmarks found: as JSON, as tables in README.md, as a picture."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import torch
from machine import kind, usable_cores
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from pairs import Row

from tutorial_lib.pictures.theme import BLUE, GREEN, MUTED, STYLE, VERMILION

PLACE = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.DOTALL)
PACKAGES = ("numpy", "ipywidgets", "jupyterlab", "skorch", "fastai", "lightning", "keras")
TICKS = (0.1, 0.25, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8, 12, 20, 50, 100)
Found = dict[str, dict[str, dict[str, Any]]]  # kind of machine -> section -> what was found


def about(*, threads: int | None) -> dict[str, Any]:
    """Return when, where and with what is measured.

    Args:
        threads: That torch takes in all that is compared; None: each as many as it does by default.
    """
    found = {"torch": torch.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "kind": kind(),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": usable_cores(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": found,
    }


def keep(folder: Path, section: str, rows: list[Row], about: dict[str, Any]) -> None:
    """Put a section into results.json, in place of what stood there of this kind of machine."""
    found = read(folder)
    sections = found.pop(about["kind"], {})  # the machine that measured last is the last
    sections[section] = {
        "machine": about,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    found[about["kind"]] = sections
    path = folder / "results.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Found:
    """Return what results.json has, by kind of machine and section."""
    path = folder / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def newest(found: Found, section: str) -> list[dict[str, Any]]:
    """Return what the machines have found in a section, the newest first."""
    own = [sections[section] for sections in reversed(found.values()) if section in sections]
    return sorted(own, key=lambda one: one["machine"]["date"], reverse=True)


# ---- tables ----


def write(folder: Path, questions: Mapping[str, str]) -> None:
    """Write the tables between the markers of README.md, and the picture beside it.

    Args:
        questions: Section -> what it asks, in the order of the page.
    """
    found = read(folder)
    measured = {section: own for section in questions if (own := newest(found, section))}
    tables = [table(section, questions[section], *own) for section, own in measured.items()]
    readme = folder / "README.md"
    text, count = PLACE.subn(
        lambda match: f"{match[1]}{''.join(tables)}{match[2]}", readme.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(f"{readme} has no place for the results: <!-- results -->")
    readme.write_text(text, encoding="utf-8")
    rows = {questions[section]: rows_of(first) for section, (first, *_) in measured.items()}
    draw(rows).savefig(folder / "results.png")


def rows_of(found: dict[str, Any]) -> list[Row]:
    """Return the rows of a section."""
    return [Row(**fields) for fields in found["rows"]]


def table(section: str, question: str, found: dict[str, Any], *others: dict[str, Any]) -> str:
    """Return a section as Markdown: its question, its rows, how to repeat it, other machines."""
    about = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    threads = (
        "each with as many threads as it takes by default"
        if about["threads"] is None
        else f"torch with {about['threads']} of {about['cores']} cores"
    )
    lines = [
        f"### {question}\n",
        "| what | median | from | to | of | bar |",
        "|---|---|---|---|---|---|",
        *map(cells, rows_of(found)),
        f"\n`make bench SECTIONS={section}`, {about['date']}, {about['kind']}: {threads}, "
        f"load {about['load']} at the start, {about['system']}, "
        f"Python {about['python']}, {versions}.\n",
    ]
    return "\n".join([*lines, *elsewhere(others)]) + "\n"


def elsewhere(others: Sequence[dict[str, Any]]) -> list[str]:
    """Return what has a bar, on other kinds of machines, as lines of a small table."""
    lines = []
    for other in others:
        ratios = [
            f"{row.what} **{in_words(row.value)} {row.unit}**".rstrip()
            for row in rows_of(other)
            if row.met is not None
        ]
        about = other["machine"]
        lines.append(f"| {about['kind']} | {about['date']} | {'; '.join(ratios)} |")
    if not lines:
        return []
    return ["| the same elsewhere | measured | what has a bar |", "|---|---|---|", *lines, ""]


def cells(row: Row) -> str:
    """Return a row of a table."""
    what = f"{row.what} ({row.note})" if row.note and row.value is not None else row.what
    if row.value is None:
        return f"| {what} | {row.note} | | | | |"
    numbers = [in_words(number) for number in (row.value, row.low, row.high)]
    numbers[0] = f"{numbers[0]} {row.unit}".rstrip()
    return f"| {what} | **{numbers[0]}** | {numbers[1]} | {numbers[2]} | {row.count} | {bar(row)} |"


def bar(row: Row) -> str:
    """Return the bar of a row, and whether it is met."""
    if row.met is None:
        return ""
    limit = f"≤ {row.at_most:g}" if row.at_most is not None else f"≥ {row.at_least:g}"
    return f"{limit} {'✓' if row.met else '✗'}"


def in_words(number: float) -> str:
    """Return a number with as many digits as mean something."""
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 10 else f"{number:.3f}"
    )


# ---- picture ----


def draw(sections: Mapping[str, Sequence[Row]]) -> Figure:
    """Return the ratios, each section's below its question, all on one log scale."""
    parts = {
        question: [row for row in rows if row.unit == "x" and row.value]
        for question, rows in sections.items()
    }
    parts = {question: ratios for question, ratios in parts.items() if ratios} or {"": []}
    heights = [len(ratios) + 1.2 for ratios in parts.values()]  # in lines
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9.5, 0.9 + 0.25 * sum(heights)), layout="constrained")
        all_axes = figure.subplots(len(parts), sharex=True, squeeze=False, height_ratios=heights)
        for axes, (question, ratios) in zip(all_axes.flat, parts.items(), strict=True):
            draw_ratios(axes, ratios)
            axes.set_title(question, fontsize="medium")
        label_ratios(all_axes.flat[-1])
        figure.suptitle("Green within its bar, red beyond it, blue without one, grey a control")
    return figure


def draw_ratios(axes: Axes, ratios: Sequence[Row]) -> None:
    """Draw a line from lowest to highest for each ratio, a dot at the median."""
    places = range(len(ratios), 0, -1)
    for place, row in zip(places, ratios, strict=True):
        colour = {True: GREEN, False: VERMILION, None: BLUE}[row.met]
        colour = MUTED if row.what.startswith("control") else colour
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.5, alpha=0.6)
        axes.plot(row.value, place, "o", color=colour, markersize=5)
        axes.annotate(f"{row.value:.2f}", (1.01, place), xycoords=("axes fraction", "data"),
                      va="center", color=colour, annotation_clip=False)  # fmt: skip
    axes.axvline(1, color=MUTED, linewidth=1)
    axes.set_yticks(list(places), [row.what for row in ratios])
    axes.set_ylim(0.3, len(ratios) + 0.7)
    axes.grid(False, axis="y")
    axes.set_xscale("log")


def label_ratios(axes: Axes) -> None:
    """Write round numbers on a log axis of ratios."""
    low, high = axes.get_xlim()
    shown = [tick for tick in TICKS if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticklabels([f"{tick:g}" for tick in shown])
    axes.set_xlabel("ratio: median as a dot, lowest to highest as a line")
