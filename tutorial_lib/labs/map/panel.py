"""A map of learning rate and batch size that fills while one watches."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import matplotlib.style
import numpy as np
import traitlets
from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.checks import check_choice, shown
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.files import move_aside
from tutorial_lib.labs.map.draw import (
    BYS,
    cell_in_words,
    draw_cell_curve,
    draw_legend,
    draw_map,
    map_in_words,
    map_table,
    scaling_table,
)
from tutorial_lib.labs.map.grid import BUDGETS, HyperparameterMap, MapCell, path_of, refuse_others
from tutorial_lib.labs.map.measure import (
    AMOUNTS,
    LEARNING_RATES,
    blank_map,
    fill_map,
    settings_of,
    taken_up,
)
from tutorial_lib.labs.own import warm_up_soon
from tutorial_lib.panels import MeasurePanel, TrainingPanel, controls
from tutorial_lib.panels.table_shelf import TableShelf, table_html
from tutorial_lib.pictures import STYLE, Screen, columns_or_rows, encode, size_on
from tutorial_lib.table import Table, loss_text

SIZE, NARROW_SIZE = (9, 3.9), (9, 7.6)
OF_THIS_MACHINE = "Seconds are those of one core of this machine: another one has another map."
NARROW = "170px"  # of a choice, so that all controls stand in one row
TABLE, HIDE_TABLE = "Table", "Hide table"


class MapPointer(anywidget.AnyWidget):
    """The hand on the picture of a panel, as shares of it; it takes no room there."""

    _esm = Path(__file__).with_name("pointer.js").read_text(encoding="utf-8")

    pointed = traitlets.List(help="x and y where the mouse rests, 0 to 1").tag(sync=True)
    clicked = traitlets.List(help="x, y, and which click it is").tag(sync=True)


class MapPanel(MeasurePanel):
    """Trains a network for each pair of learning rate and batch size, on all cores.

    Cells come in a coarse order, then those between. Each begins with the same weights and is given
    the same: epochs, steps or seconds. Stop leaves what there is, Go on trains the rest. What the
    sliders or the mouse choose is shown beside the map, and a click on it, or the button, gives its
    settings to a training panel.

    Args:
        data: Of any kind, with held-out examples.
        panel: Takes the settings of a chosen cell.
        settings: What all cells have in common: optimizer, loss, seed. None: plain SGD.
        learning_rates, batch_sizes: Of the cells, ascending. Batch sizes of None: those from 8 to
            512 that the training set can fill.
        amounts: Budget -> how much a cell is given: {"epochs": 2, "steps": 250, "seconds": 1.0} as
            far as it does not say otherwise.
        new_model: Called with the seed, if it takes one; returns any network that fits the data.
        save_to: A file that keeps the maps, with the budget in its name: map.json becomes
            map-epochs.json. A map that stands there is gone on with.
        maps: That are shown at first, where no file keeps another one: recorded_map(), say.

    Raises:
        TypeError, ValueError: Something is not what is wanted here, does not fit the data, or the
            file keeps another map.
        OSError: The file cannot be read.
    """

    _now, _done = "Training:", "Trained:"

    def __init__(
        self,
        data: Data,
        *,
        panel: TrainingPanel | None = None,
        settings: Hyperparameters | None = None,
        learning_rates: Sequence[float] = LEARNING_RATES,
        batch_sizes: Sequence[int] | None = None,
        amounts: Mapping[str, float] | None = None,
        new_model: Callable[..., nn.Module] | None = None,
        save_to: str | os.PathLike[str] | None = None,
        maps: Iterable[HyperparameterMap] = (),
    ) -> None:
        if panel is not None and not isinstance(panel, TrainingPanel):
            raise TypeError(f"panel must be a TrainingPanel; got {shown(panel)}")
        if amounts is not None and not isinstance(amounts, Mapping):
            raise TypeError(f"amounts must be a dict, budget -> number; got {shown(amounts)}")
        for budget in amounts or ():
            check_choice("a budget of amounts", budget, BUDGETS)
        self.panel, self._data, self._new_model = panel, data, new_model
        first = blank_map(
            data,
            settings,
            learning_rates=learning_rates,
            batch_sizes=batch_sizes,
            new_model=new_model,
        )
        self._blanks = {
            budget: _with_budget(first, budget, amount)
            for budget, amount in (AMOUNTS | dict(amounts or {})).items()
        }
        self._file = None if save_to is None else path_of("save_to", save_to)
        self.maps = {budget: self._taken_up(blank) for budget, blank in self._blanks.items()}
        self._recorded: set[str] = set()  # budgets whose map was given, and is as it was
        for each in maps:
            self._show_at_first(each)
        self._goes_on = self._is_choosing = False
        self._box: tuple[float, float, float, float] | None = None  # of the map, on the picture
        equal = "What is equal for all cells. Each choice has a map of its own."
        words = "What the colour of a cell says, of the held-out examples"
        by_name: dict[str, widgets.Widget] = {
            "learning_rate": _slider("learning rate", first.learning_rates, "Of the chosen cell"),
            "batch_size": _slider("batch size", first.batch_sizes, "Of the chosen cell"),
            "by": controls.dropdown("colour", BYS, "loss", words, width=NARROW),
            "budget": controls.dropdown("equal", BUDGETS, "epochs", equal, width=NARROW),
        }
        for name in ("by", "budget"):
            by_name[name].style.description_width = "55px"  # so that their words have room
        if data.task != "classification":
            by_name.pop("by")
        self.table_shelf = TableShelf()
        looks = {"size": SIZE, "narrow_size": NARROW_SIZE, "button": "Measure"}
        super().__init__("map", self._fill, self._picture_of, self._count_cells, by_name, **looks)
        words = "Train the cells that are missing", "The numbers of the map as a table; key T"
        go_on, table = self.later(self.go_on), self.later(self.show_table)
        use = "Set the training panel as the chosen cell was"
        self.go_on_button = controls.button("Go on", "forward", words[0], go_on)
        self.use_button = controls.button(
            "Use these settings", "check", use, self.later(self.use), width="165px"
        )
        self.table_button = controls.button(TABLE, "table", words[1], table)
        self.table_button.add_class("tutorial-table-button")  # which page.js presses
        buttons = [self.go_on_button, *([self.use_button] if panel else []), self.table_button]
        self.add_class("tutorial-map")
        self.pointer = MapPointer()
        self.pointer.observe(self.later(self._point), "pointed")
        self.pointer.observe(self.later(self._click), "clicked")
        top, measuring, *rest = self.children
        rows = [top, measuring, controls.row(*buttons), self.table_shelf]
        self.children = [*rows, *rest, self.pointer]
        for name in by_name:
            self.controls[name].observe(self.later(self.redraw), "value")
        warm_up_soon(self, self._main_thread.loop, data, [], len(first.cells))
        self._show()

    def __repr__(self) -> str:
        return f"MapPanel({self.map!r})"

    @property
    def map(self) -> HyperparameterMap:
        """The map that is shown: that of the budget which the controls name."""
        return self.maps[self.values()["budget"]]

    @property
    def chosen(self) -> MapCell:
        """The cell that the sliders name."""
        values = self.values()
        return self.map.cells[values["learning_rate"], values["batch_size"]]

    def choose(self, learning_rate: float, batch_size: int) -> MapCell:
        """Choose the cell that lies nearest; return it.

        Raises:
            TypeError, ValueError: One of them is no rate, or no size.
        """
        cell = self.map.cell(learning_rate, batch_size)
        if cell is not self.chosen:
            self._is_choosing = True
            try:
                self.set(learning_rate=cell.learning_rate, batch_size=cell.batch_size)
            finally:
                self._is_choosing = False
            self.redraw()
        return cell

    def use(self) -> Hyperparameters | None:
        """Set the training panel as the chosen cell was; return the settings, or None.

        It does so while no run of that panel goes on.
        """
        if self.panel is None:
            return None
        if self.panel.state in ("running", "paused"):
            self.say("Not set:", "a run of the training panel goes on. Stop it first.")
            return None
        cell, common = self.chosen, settings_of(self.map)
        changes = {"learning_rate": cell.learning_rate, "batch_size": cell.batch_size}
        settings = self.panel.settings.replace(
            optimizer=common.optimizer, momentum=common.momentum, **changes
        )
        if self.map.budget == "epochs":
            settings = settings.replace(epochs=int(self.map.amount))
        self.panel.choose(settings)
        self.say("Set:", f"the training panel has {_pair(cell)} now. Press Train there.")
        return settings

    def go_on(self) -> None:
        """Train the cells that are missing; returns at once."""
        if self.is_active() or self.map.is_whole:
            return
        self._goes_on = True
        try:
            self.start()
        finally:
            self._goes_on = False

    def show_table(self) -> None:
        """Show the numbers of the map as a table under the buttons, or hide it."""
        if self.table_shelf.is_open:
            self.table_shelf.hide()
        else:
            self.table_shelf.show(*map_table(self.map))
        self.table_button.description = HIDE_TABLE if self.table_shelf.is_open else TABLE

    def table(self) -> HTML:
        """Return the table by itself, which stays when the kernel is gone."""
        return HTML(table_html(*map_table(self.map)))

    def scaling(self) -> Table:
        """Return what linear and square-root scaling say, beside the best rates."""
        return scaling_table(self.map)

    def picture_in_words(self) -> str:
        """Say what is on the map."""
        nothing = "" if self.map.trained else "An empty map: nothing has been trained yet. "
        words = f"{nothing}{map_in_words(self.map, by=self.values().get('by', 'loss'))}"
        if self.map.budget == "seconds" and self.map.budget not in self._recorded:
            words += f" {OF_THIS_MACHINE}"
        return words

    def how_far(self) -> tuple[int, int]:
        """Return how many cells are trained, of how many."""
        return len(self.map.trained), len(self.map.cells)

    def _fill(self, *, budget: str, **_: Any) -> Iterator[MapCell]:
        path = self._path(budget)
        self._recorded.discard(budget)
        if not self._goes_on:
            if path is not None and os.path.lexists(path):
                refuse_others(path)
                move_aside(path, path)
            self.maps[budget] = _with_budget(
                self._blanks[budget], budget, self._blanks[budget].amount
            )
        return fill_map(self.maps[budget], self._data, new_model=self._new_model, save_to=path)

    def _count_cells(self, **_: Any) -> int:
        return len(self.map.cells)

    def _path(self, budget: str) -> Path | None:
        file = self._file
        return None if file is None else file.with_name(f"{file.stem}-{budget}{file.suffix}")

    def _taken_up(self, blank: HyperparameterMap) -> HyperparameterMap:
        path = self._path(blank.budget)
        if path is None or not os.path.lexists(path):
            return _with_budget(blank, blank.budget, blank.amount)
        return taken_up(blank, path)

    def _show_at_first(self, given: HyperparameterMap) -> None:
        """Show a map that was recorded before, in the place of one that is blank.

        Raises:
            TypeError, ValueError: It is none, or has other cells or another amount.
        """
        if not isinstance(given, HyperparameterMap):
            raise TypeError(f"maps must be of recorded_map() or measure_map(); got {shown(given)}")
        blank = self.maps[given.budget]
        for name in ("learning_rates", "batch_sizes", "amount", "seed"):
            there, wanted = getattr(given, name), getattr(blank, name)
            if there != wanted:
                raise ValueError(
                    f"a map of maps must have {name} {shown(wanted)}, as the panel; "
                    f"got {shown(there)}"
                )
        if not blank.trained:
            self.maps[given.budget] = given
            self._recorded.add(given.budget)

    def redraw(self) -> None:
        """Draw what there is as the controls say now."""
        if self._is_choosing:
            return
        self._values, self._drawn = self.values(), None
        if self.table_shelf.is_open:
            self.table_shelf.show(*map_table(self.map))
        self.refresh()

    def _point(self) -> None:
        """Choose the cell on which the mouse rests."""
        if cell := self._cell_at(*self.pointer.pointed[:2]):
            self.choose(*cell.pair)

    def _click(self) -> None:
        """Choose the cell that was clicked, and give its settings to the training panel."""
        if cell := self._cell_at(*self.pointer.clicked[:2]):
            self.choose(*cell.pair)
            if self.panel is not None:
                self.use()

    def _cell_at(self, *place: Any) -> MapCell | None:
        """Return the cell at a place of the picture, as shares of it from its upper left corner."""
        if self._box is None or len(place) != 2:
            return None
        left, bottom, width, height = self._box
        sizes, rates = self.map.batch_sizes, self.map.learning_rates
        column = (place[0] - left) / width * len(sizes)
        row = (1 - place[1] - bottom) / height * len(rates)
        if not (0 <= column < len(sizes) and 0 <= row < len(rates)):
            return None
        return self.map.cells[rates[int(row)], sizes[int(column)]]

    def _picture_of(
        self, figure: Figure, _: Sequence[MapCell], *, budget: str, by: str = "loss", **__: Any
    ) -> str:
        the_map, cell = self.maps[budget], self.chosen
        left, right = columns_or_rows(figure, 2, width_ratios=(1.9, 1))
        is_wide = left.get_subplotspec().get_gridspec().ncols > 1
        draw_map(left, the_map, by=by, chosen=cell, labels=is_wide)
        where = "where it was recorded" if the_map.budget in self._recorded else "of this machine"
        of_here = f" of a core {where}" if budget == "seconds" else ""
        left.set_title(f"validation {by}: {the_map.amount_text} each{of_here}")
        draw_cell_curve(right, cell, the_map)
        states = {each.state for each in the_map.trained}
        if states - {"learned"} or not is_wide:
            draw_legend(left, states, lines=not is_wide)
        return self._words_of(the_map, cell)

    def _words_of(self, the_map: HyperparameterMap, cell: MapCell) -> str:
        done, number = len(the_map.trained), len(the_map.cells)
        words = [f"{done} of {number} cells, {the_map.amount_text} each."]
        if (best := the_map.best()) is not None:
            loss = loss_text(best.validation_loss)
            words.append(f"Lowest validation loss {loss}: {_pair(best)}.")
        if cell.state != "open":
            right = f", {cell.accuracy:.1%} right" if cell.accuracy == cell.accuracy else ""
            told = cell_in_words(cell)
            words.append(
                f"Chosen: {_pair(cell)}: {told}{right}, {cell.seconds:.2g} seconds of a core."
            )
        if the_map.budget in self._recorded:
            made = the_map.made_with
            words.append(f"Recorded on {made.get('on')}, torch {made.get('torch')}.")
        elif the_map.budget == "seconds":
            words.append(OF_THIS_MACHINE)
        return " ".join(words)

    def _render(self, screen: Screen) -> bytes:
        with matplotlib.style.context(STYLE):
            size = size_on(screen, *self._sizes)
            figure = Figure(figsize=size, dpi=100 * screen.dots)
            self._sentence = self._draw(figure, self.records, **self._values)
            if not self.map.trained and not self.is_active():
                self._hint(figure)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            if screen == self.screen:
                self._box = figure.axes[0].get_position().bounds
            return encode(np.asarray(canvas.buffer_rgba()), dark=screen.dark)

    def _show(self) -> None:
        super()._show()
        done, number = self.how_far()
        self.progress_bar.max, self.progress_bar.value = number, done
        busy = self.is_active()
        self.controls["budget"].disabled = busy
        if hasattr(self, "go_on_button"):  # else the panel is being made
            self.go_on_button.disabled = busy or not 0 < done < number
            self.use_button.disabled = self.panel is None


def map_panel(data: Data, **options: Any) -> MapPanel:
    """Return a panel that maps learning rate and batch size; options are those of MapPanel."""
    return MapPanel(data, **options)


def _with_budget(blank: HyperparameterMap, budget: Any, amount: float) -> HyperparameterMap:
    """Return a map of which nothing is trained yet, like another one, with this budget."""
    grid = blank.learning_rates, blank.batch_sizes
    looks = {"seed": blank.seed, "made_with": blank.made_with}
    return HyperparameterMap(*grid, budget=budget, amount=amount, **looks)


def _slider(label: str, values: Sequence[Any], tooltip: str) -> widgets.SelectionSlider:
    """Return a slider over the values of a map's side; it stands in the middle at first."""
    return widgets.SelectionSlider(
        options=list(values),
        value=values[len(values) // 2 - (len(values) > 1 and len(values) % 2 == 0)],
        description=label,
        tooltip=tooltip,
        continuous_update=False,
        style={"description_width": "85px"},
        layout={"width": "275px"},
    )


def _pair(cell: MapCell) -> str:
    return f"rate {cell.learning_rate:.3g}, batch {cell.batch_size:,}"
