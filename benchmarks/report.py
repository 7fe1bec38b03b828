"""What the benchmarks found: as JSON, as tables in README.md, as a picture."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import matplotlib.style
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from pairs import Row

from tutorial_lib.pictures.theme import BLUE, GREEN, MUTED, STYLE, VERMILION

PLACE = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.DOTALL)
PACKAGES = ("numpy", "ipywidgets", "jupyterlab", "skorch", "fastai", "lightning", "keras")


def machine() -> dict[str, Any]:
    """Return when, where and with what is measured."""
    found = {"torch": torch.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": found,
    }


def keep(folder: Path, section: str, question: str, rows: list[Row], about: dict[str, Any]) -> None:
    """Put a section into results.json, in place of what stood there for it."""
    found = read(folder)
    found[section] = {
        "question": question,
        "machine": about,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    path = folder / "results.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Return what results.json has, section by section."""
    path = folder / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


# ---- tables ----


def write(folder: Path, order: list[str]) -> None:
    """Write the tables between the markers of README.md, and the picture beside it."""
    found = read(folder)
    tables = [table(section, found[section]) for section in order if section in found]
    readme = folder / "README.md"
    text, count = PLACE.subn(
        lambda match: f"{match[1]}{''.join(tables)}{match[2]}", readme.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(f"{readme} has no place for the results: <!-- results -->")
    readme.write_text(text, encoding="utf-8")
    draw([Row(**fields) for section in order for fields in found.get(section, {}).get("rows", ())])\
        .savefig(folder / "results.png")  # fmt: skip


def table(section: str, found: dict[str, Any]) -> str:
    """Return a section as Markdown: its question, its rows, how to repeat it."""
    about = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"### {found['question']}\n",
        "| what | median | from | to | of | bar |",
        "|---|---|---|---|---|---|",
        *(cells(Row(**fields)) for fields in found["rows"]),
        f"\n`make bench SECTIONS={section}`, {about['date']}: {about['threads']} of "
        f"{about['cores']} cores for torch, load {about['load']} at the start, {about['system']}, "
        f"Python {about['python']}, {versions}.\n",
    ]
    return "\n".join(lines) + "\n"


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


def draw(rows: list[Row]) -> Figure:
    """Return all ratios on one log axis: a dot at the median, a line from lowest to highest."""
    ratios = [row for row in rows if row.unit == "x" and row.value]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(8.5, 1.1 + 0.26 * len(ratios)))
        axes = figure.add_subplot()
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
        ticks = [0.25, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8, 12]
        low, high = axes.get_xlim()
        shown = [tick for tick in ticks if low <= tick <= high]
        axes.xaxis.set_major_locator(FixedLocator(shown))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticklabels([f"{tick:g}" for tick in shown])
        axes.set_xlabel("ratio: median as a dot, lowest to highest as a line")
        axes.set_title("Beside the bare thing: green within its bar, red beyond it, grey a control")
    return figure
