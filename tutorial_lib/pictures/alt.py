"""What a figure shows, in words for those who do not see it, read off its lines, bars, images."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.contour import ContourSet
from matplotlib.dates import DateLocator, num2date
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator

from tutorial_lib.pictures.contrast import ink_of
from tutorial_lib.pictures.labels import EndLabel
from tutorial_lib.pictures.names import UNSEEN
from tutorial_lib.pictures.plots import tick_text

MOST_LETTERS = 600
MOST_VALUES = 12  # bars or points that are told one by one
MOST_AXES = 6  # of more, each has its title alone
MATRIX_SIDE = 30  # rows; a larger one is a picture
NUM_CELLS = 3  # of a matrix, those with the largest numbers
FAINT = 0.5  # opacity; fainter is what a bold curve of the same colour smooths
UNSEEN_SHARE = 1e-3  # of what an axis shows; a smaller value is its 0
DETAILS = (3, 2, 1)  # where words are too many, there are fewer
OWN_WORDS = ("a ", "an ", "points", "noted", "contour", "the ")
NUMBER = re.compile("[-+\N{MINUS SIGN}\\d.,e%\\s]+")
SYMBOLS = {
    "propto": "proportional to",
    "sqrt": "root of",
    "times": "x",
    "cdot": "x",
    "leq": "at most",
    "geq": "at least",
    "infty": "infinity",
    "to": "to",
}


def alt_of(figure: Figure) -> str:
    """Say what is on a figure: its axes, where each line begins and ends, what each bar says.

    Returns:
        600 letters at most, with numbers of three digits.
    """
    for detail in DETAILS:
        words = " ".join(_parts(figure, detail)) or "An empty picture."
        if len(words) <= MOST_LETTERS:
            return words
    return f"{words[: MOST_LETTERS - 2].rsplit(' ', 1)[0].rstrip(' ,;:')} …"


def _parts(figure: Figure, detail: int) -> Iterator[str]:
    shown = [axes for axes in figure.axes
             if axes.get_visible() and axes.get_label() != "<colorbar>"]  # fmt: skip
    if heading := figure.get_suptitle() or figure.get_label():
        yield f"{plain(heading)}."
    if len(shown) > MOST_AXES:
        names = ", ".join(filter(None, map(_title, shown)))
        yield f"{len(shown)} pictures: {names}." if names else f"{len(shown)} pictures."
        return
    for place, axes in zip(_places(shown), shown, strict=True):
        if words := _axes(axes, detail):
            yield f"{place}: {words}." if place else f"{words}."


def _places(shown: Sequence[Axes]) -> list[str]:
    """Return where axes stand, in a word or two."""
    if len(shown) == 1:
        return [""]
    boxes = [axes.get_position(original=True) for axes in shown]
    if len(shown) == 2 and boxes[0].bounds == boxes[1].bounds:
        return ["", "On the other scale"]
    if len(shown) == 2:
        return ["Left", "Right"] if boxes[0].x1 <= boxes[1].x0 else ["Above", "Below"]
    return [f"{number} of {len(shown)}" for number in range(1, len(shown) + 1)]


def _axes(axes: Axes, detail: int) -> str:
    """Say what axes show: what draws on them may say it better, as their label."""
    if (label := str(axes.get_label())) and not label.startswith(("_", "<")):
        return label.rstrip(".")
    noted = list(_notes(axes)) if detail > 1 else []
    things = list(dict.fromkeys(filter(None, _artists(axes, detail))))
    if len(axes.images) == len(noted) > 1:  # each with its title
        things = list(map("{}: {}".format, noted, map(_image, axes.images)))
    elif axes.images and not axes.axison:
        things = [f"{'; '.join(things)}: {', '.join(noted)}" if noted else "; ".join(things)]
    elif noted:
        things.append(f"noted: {'; '.join(noted)}")
    items = "; ".join(things)
    items = _capital(items) if items.startswith(OWN_WORDS) else items  # a name stays as it is
    said = filter(None, [_capital(_title(axes)), _capital(_scales(axes)), items])
    return ". ".join(words.rstrip(".") for words in said)


def _title(axes: Axes) -> str:
    titles = (plain(axes.get_title(loc=side)) for side in ("left", "center", "right"))
    return ", ".join(filter(None, titles))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:] if words[:1].isascii() else words  # an eta stays one


def _scales(axes: Axes) -> str:
    """Say what lies along x, how far it reaches, and what along y."""
    if not axes.axison:
        return ""
    x, y = _scale(axes.xaxis), _scale(axes.yaxis)
    reach = axes.dataLim.intervalx
    has_reach = (axes.lines or axes.collections) and np.all(np.isfinite(reach))
    if x and has_reach and not _names_along(axes.xaxis):
        low, high = np.clip(reach, *sorted(axes.get_xlim()))
        x += f" from {_said(axes.xaxis, low)} to {_said(axes.xaxis, high)}"
    return f"{y} against {x}" if x and y else y or x


def _scale(axis: Axis) -> str:
    """Return the label of an axis, and whether it is logarithmic."""
    label = plain(axis.get_label_text())
    is_log = axis.get_scale() in ("log", "symlog")
    return f"{label} (logarithmic)" if is_log and label else label


def _artists(axes: Axes, detail: int) -> Iterator[str]:
    """Say each thing that is drawn on axes."""
    names = _names_by_colour(axes)
    yield from _images(axes)
    for held in axes.containers:
        if isinstance(held, BarContainer) and len(held):
            yield _bars(axes, held, _name(held, _colour(held[0]), names))
    for held in axes.collections:
        if isinstance(held, ContourSet):
            yield f"contour lines from {_number(held.levels[0])} to {_number(held.levels[-1])}"
        elif isinstance(held, PathCollection) and held.get_visible():
            points = _finite(*np.ma.getdata(held.get_offsets()).T)
            yield _marks(axes, *points, _name(held, _colour(held), names))
    if axes.axison and axes.name == "rectilinear":
        yield from _curves(axes, names, detail)


def _curves(axes: Axes, names: dict[str, str], detail: int) -> Iterator[str]:
    """Say each line, but for the faint ones beside bold ones of the same colour."""
    ends = [held.lines[1] for held in axes.containers if isinstance(held, ErrorbarContainer)]
    bold = {_colour(line) for line in axes.lines if _opacity(line) >= FAINT}
    told = []
    for line in axes.lines:
        is_faint = _opacity(line) < FAINT and _colour(line) in bold
        if line.get_visible() and not is_faint and not any(line in part for part in ends):
            told.append((line, _name(line, _colour(line), names)))
    sticks = [line for line, name in told if not name and len(line.get_xdata()) == 2
              and line.get_transform() == axes.transData]  # fmt: skip
    for line, name in told:
        if len(sticks) <= 1 or line not in sticks:
            yield _line(axes, line, name, detail)
    if len(sticks) > 1:
        yield f"{len(sticks)} short lines"


def _names_by_colour(axes: Axes) -> dict[str, str]:
    """Return the names in the legend, and those at the ends of curves."""
    written = [*axes.texts, *axes.artists]
    ends = [text for text in written if isinstance(text, EndLabel)]
    names = {to_hex(text.get_color()): plain(text.get_text()) for text in ends}
    if legend := axes.get_legend():
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            names[_colour(handle)] = plain(text.get_text())
    return names


def _colour(artist: Any) -> str:
    """Return the colour of a line, a bar or of the first point, as #rrggbb."""
    if isinstance(artist, Line2D):
        return to_hex(artist.get_color())
    colours = to_rgba_array(artist.get_facecolor()) if hasattr(artist, "get_facecolor") else ()
    return to_hex(colours[0]) if len(colours) else ""


def _opacity(line: Line2D) -> float:
    return 1.0 if line.get_alpha() is None else line.get_alpha()


def _name(artist: Any, colour: str, names: dict[str, str]) -> str:
    """Return what something is called: by itself, or where its colour has a name."""
    label = str(artist.get_label() or "")
    if label and not label.startswith("_"):
        return plain(label)
    return names.get(colour) or (colour and names.get(ink_of(colour).lower())) or ""


def _line(axes: Axes, line: Line2D, name: str, detail: int) -> str:
    """Say how a line goes, or where its points lie."""
    x, y = _finite(line.get_xdata(orig=False), line.get_ydata(orig=False))
    if not len(x):
        return ""
    if line.get_linestyle() in ("None", "none", " ", "") or len(x) == 1:
        return _marks(axes, x, y, name)
    if len(x) == 2 and line.get_transform() != axes.transData:
        return _guide(axes, x, y, name)
    name = name or "a line"
    if np.any(np.diff(x) < 0) or any(isinstance(held, ContourSet) for held in axes.collections):
        start, end = (_place(axes, x[at], y[at]) for at in (0, -1))
        return f"{name} goes from {start} in {len(x) - 1} steps to {end}"
    first, last = _height(axes, y[0]), _height(axes, y[-1])
    if detail == 1:
        return f"{name} ends {_with('at', last)}"
    words = f"{name} begins {_with('at', first)}"
    for what, place in (("lowest", y.argmin()), ("highest", y.argmax())):
        if detail == 3 and (told := _height(axes, y[place])) not in (first, last):
            words += f", is {what} {_with('with', told)} at {_said(axes.xaxis, x[place])}"
    return f"{words}, ends {_with('at', last)}"


def _with(word: str, height: str) -> str:
    """Return how high in words: at 0.3, with 0.3, above 5."""
    return height if height.startswith("above") else f"{word} {height}"


def _guide(axes: Axes, x: np.ndarray, y: np.ndarray, name: str) -> str:
    """Say where a line lies that goes across all of the axes; the one at 0 is part of the scale."""
    is_level = y[0] == y[1] and x[0] != x[1]
    value, told = (y[0], _said(axes.yaxis, y[0])) if is_level else (x[0], _said(axes.xaxis, x[0]))
    if not name and value == 0:
        return ""
    kind = "a level line" if is_level else "an upright line"
    return f"{name}: {kind} at {told}" if name else f"{kind} at {told}"


def _marks(axes: Axes, x: np.ndarray, y: np.ndarray, name: str) -> str:
    """Say where points lie: each of a few, else how far they reach."""
    head = f"{name}: " if name else ""
    if not len(x):
        return ""
    if len(x) == 1:
        at = x[0], y[0]
        is_noted = any(isinstance(text, Annotation) and text.xy == at for text in axes.texts)
        return "" if is_noted else f"{name or 'a point'}: {_point(axes, *at)}"
    if len(x) <= MOST_VALUES and len(set(x.tolist())) == len(x):
        along = _names_along(axes.xaxis)
        places = [_nearest(along, axes.xaxis, place) for place in x]
        told = map("{} at {}".format, (_said(axes.yaxis, value) for value in y), places)
        return f"{name or 'points'}: {', '.join(told)}"
    sides = [f"{way} from {_said(axis, values.min())} to {_said(axis, values.max())}"
             for way, axis, values in (("x", axes.xaxis, x), ("y", axes.yaxis, y))]  # fmt: skip
    return f"{head}{len(x)} points, {', '.join(sides)}"


def _bars(axes: Axes, bars: BarContainer, name: str) -> str:
    """Say what bars are called and how long they are."""
    is_upright = bars.orientation != "horizontal"
    axis = axes.xaxis if is_upright else axes.yaxis
    places = [_middle(bar, is_upright) for bar in bars]
    values, along = np.broadcast_to(bars.datavalues, len(places)), _names_along(axis)
    head = f"{name}: " if name else ""
    if len(places) <= MOST_VALUES and len(set(places)) == len(places):
        told = [f"{_nearest(along, axis, place)}: {_number(value)}"
                for place, value in zip(places, values, strict=True)]  # fmt: skip
        return f"{head}{', '.join(told)}"
    if len(set(places)) == 1:
        one = f"{_number(values[0])}" if np.ptp(values) == 0 else "several lengths"
        return f"{head or _nearest(along, axis, places[0]) + ': '}{len(places)} blocks of {one}"
    top = int(np.argmax(values))
    return (f"{head}{len(places)} bars from {_said(axis, places[0])} to {_said(axis, places[-1])}, "
            f"highest {_number(values[top])} at {_said(axis, places[top])}")  # fmt: skip


def _middle(bar: Rectangle, is_upright: bool) -> float:
    """Return the place of a bar along its axis."""
    if is_upright:
        return bar.get_x() + bar.get_width() / 2
    return bar.get_y() + bar.get_height() / 2


def _images(axes: Axes) -> Iterator[str]:
    """Say what pictures there are: by name, as a matrix of numbers, or by their size."""
    held = [*axes.images, *(mesh for mesh in axes.collections if isinstance(mesh, QuadMesh))]
    for words, group in groupby(map(_image, held)):
        count = len(list(group))
        yield words if count == 1 else f"{count} times {words}"
    if axes.axison and len(held) == 1 and (cells := _largest_cells(axes, held[0])):
        yield f"the largest numbers: {cells}"


def _image(held: ScalarMappable) -> str:
    """Say what an image is called, or what it is made of."""
    label = str(held.get_label() or "")
    if label and not label.startswith("_"):
        return plain(label)
    numbers = np.ma.masked_invalid(np.ma.asarray(held.get_array(), float))
    rows, columns = numbers.shape[:2] if numbers.ndim > 1 else (numbers.size, 1)
    if max(rows, columns) > MATRIX_SIDE or not numbers.count():
        return f"a picture of {rows} x {columns}"
    return f"{rows} x {columns} numbers from {_number(numbers.min())} to {_number(numbers.max())}"


def _largest_cells(axes: Axes, held: AxesImage | QuadMesh) -> str:
    """Return the largest cells of a matrix with names along its sides."""
    numbers = np.ma.filled(np.ma.asarray(held.get_array(), float), -np.inf)
    if numbers.ndim != 2 or max(numbers.shape) > MATRIX_SIDE or not isinstance(held, AxesImage):
        return ""
    down, along = _names_along(axes.yaxis), _names_along(axes.xaxis)
    ylabel, xlabel = plain(axes.get_ylabel()) or "row", plain(axes.get_xlabel()) or "column"
    order = np.argsort(-numbers, axis=None, kind="stable")[:NUM_CELLS]
    cells = [divmod(int(place), numbers.shape[1]) for place in order]
    return ", ".join(
        f"{_number(numbers[row, column])} ({ylabel} {_nearest(down, axes.yaxis, row)}, "
        f"{xlabel} {_nearest(along, axes.xaxis, column)})"
        for row, column in cells
        if numbers[row, column] > 0
    )


def _notes(axes: Axes) -> Iterator[str]:
    """Say what is written on axes, but for names of curves and numbers that are told as such."""
    written = [*axes.texts, *(held for held in axes.artists if isinstance(held, Text))]
    has_values = axes.axison and (axes.containers or axes.lines or axes.images)
    for text in written:
        words = plain(text.get_text())
        if not words or not text.get_visible() or isinstance(text, EndLabel):
            continue
        if has_values and NUMBER.fullmatch(words):
            continue
        if isinstance(text, Annotation) and text.xycoords == "data" and not re.search(r"\d", words):
            words += f", {_point(axes, *text.xy)}"
        yield words


def _finite(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (N,) of which both numbers are finite."""
    x, y = (np.ma.filled(np.ma.asarray(values, float), np.nan) for values in (x, y))
    here = np.isfinite(x) & np.isfinite(y)
    return x[here], y[here]


def _names_along(axis: Axis) -> dict[float, str]:
    """Return place -> name, where the ticks of an axis are named by hand."""
    if not isinstance(axis.get_major_locator(), FixedLocator) or axis.get_scale() == "log":
        return {}
    labels = [plain(label.get_text()) for label in axis.get_majorticklabels()]
    return dict(zip(axis.get_majorticklocs().tolist(), labels, strict=True)) if any(labels) else {}


def _nearest(names: dict[float, str], axis: Axis, value: float) -> str:
    if not names:
        return _said(axis, value)
    return names[min(names, key=lambda place: abs(place - value))]


def _place(axes: Axes, x: float, y: float) -> str:
    """Return a place on a map."""
    across, up = (_said(*pair).replace(",", "") for pair in ((axes.xaxis, x), (axes.yaxis, y)))
    return f"({across}, {up})"


def _point(axes: Axes, x: Any, y: Any) -> str:
    return f"{_said(axes.yaxis, y)} at {_said(axes.xaxis, x)}"


def _height(axes: Axes, value: float) -> str:
    """Say a value along y; what is beyond the picture's edge cannot be read off it."""
    high = max(axes.get_ylim())
    if value > high + 1e-9 * abs(high):
        return f"above {_said(axes.yaxis, high)}"
    return _said(axes.yaxis, value)


def _said(axis: Axis, value: Any) -> str:
    """Say a value of an axis: a number, a date, a category."""
    if isinstance(axis.get_major_locator(), DateLocator):
        return f"{num2date(value):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    if axis.have_units():
        return plain(axis.get_major_formatter().format_data_short(value))
    least = UNSEEN_SHARE * np.ptp(axis.get_view_interval())
    if axis.get_scale() == "linear" and abs(value) < least:
        return "0"
    return _number(value)


def _number(value: Any) -> str:
    """Say a number with three digits; whole numbers up to 100,000 as they are."""
    value = float(value)
    is_whole = value == round(value) if np.isfinite(value) else False
    return tick_text((value if is_whole and abs(value) < 1e5 else float(f"{value:.3g}")) + 0.0)


def plain(text: str) -> str:
    """Return a text of a picture as it is read: on one line, its formulas as letters."""
    text = re.sub(r"(?<!\\)\$(.*?)(?<!\\)\$", lambda found: _formula(found[1]), text)
    return " ".join(text.replace(r"\$", "$").replace(UNSEEN, "").split())


def _formula(formula: str) -> str:
    words = re.sub(r"\\([A-Za-z]+)", lambda found: _symbol(found[1]), formula)
    return re.sub(r"[{}\\]", "", words)


def _symbol(name: str) -> str:
    if name in SYMBOLS:
        return f"{SYMBOLS[name]} "
    kind = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {kind} LETTER {name}")
    except KeyError:
        return ""
