"""A race on a panel: start it, look at it from several sides, keep, rename and remove runs."""

import dataclasses
import html
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import HTML
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.checks import check_choice, check_whole, shown
from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import Data
from tutorial_lib.engine import TrainingRun, in_background, script_of, warm_up
from tutorial_lib.engine.run import Update
from tutorial_lib.evaluation import MetricFunction, shown_metric
from tutorial_lib.labs.own import check_y, copied, warm_up_soon, ys_of
from tutorial_lib.labs.race.draw import XS, draw_race
from tutorial_lib.labs.race.measure import (
    MAX_SEEDS,
    WHY_ONE_THREAD,
    RaceRecord,
    Standing,
    check_runner,
    num_records,
    race,
    standings,
)
from tutorial_lib.labs.race.summary import (
    colour_square,
    settings_in_words,
    standings_in_words,
    standings_table,
)
from tutorial_lib.losses import LOSSES, LossFunction, loss_function
from tutorial_lib.panels import CodeShelf, MeasurePanel, controls
from tutorial_lib.panels.run_maker import NewRun, RunMaker
from tutorial_lib.panels.table_shelf import scrolling
from tutorial_lib.pictures import MUTED, RUN_COLOURS, plain_text, run_colours

NOBODY = "there is none: add one below"
NO_TARGET = "Losses of different units have no common target."


class RunnerRow(widgets.HBox):
    """A runner on its panel: its colour, its name, its settings, and what can be done with it."""

    def __init__(
        self, panel: "RacePanel", label: str, settings: Hyperparameters, colour: str
    ) -> None:
        self.label, self.settings, self.colour = label, settings, colour
        write, width = "Its name: write another one here", {"width": "180px"}
        self.name = widgets.Text(label, continuous_update=False, tooltip=write, layout=width)
        self.name.observe(panel.later(self._ask_name, panel), "value")
        self.keep = widgets.ToggleButton(
            description="Keep",
            icon="thumb-tack",
            tooltip="Leave it on the picture as it is when the others race anew",
            layout={"width": "76px"},
        )
        self.keep.observe(panel.later(panel.refresh), "value")
        repeats = "Copy as code: a script that repeats it"
        show_code = panel.later(lambda: panel.show_code(self.label))
        self.code = controls.button("", "code", repeats, show_code, width="40px")
        remove, words = panel.later(lambda: panel.remove(self.label)), "Take it off the panel"
        self.remove = controls.button("Remove", "trash", words, remove, width="94px")
        room = {"flex": "1 1 220px", "width": "auto", "max_width": "410px"}
        words = widgets.HTML(html.escape(panel.in_words(settings)), layout=room)
        parts = [
            widgets.HTML(colour_square(colour)),
            self.name,
            words,
            self.keep,
            self.code,
            self.remove,
        ]
        super().__init__(parts, layout=controls.ROW_LAYOUT)

    def rename(self, label: str) -> None:
        """Show this name."""
        self.label = self.name.value = label

    def _ask_name(self, panel: "RacePanel") -> None:
        """Rename the runner as its field says, or say why not."""
        try:
            panel.rename(self.label, controls.read(self.name))
        except ValueError as error:
            self.rename(self.label)
            panel.say("Not renamed:", str(error))


class RacePanel(MeasurePanel):
    """Races several settings from the same weights, and tells who reached a target loss first.

    It is scored on the validation set, or where there is none on the test set.

    Args:
        data: Of any kind, from `load_digits`, `from_tensors`, `from_dataset` or `from_folder`.
        runners: Label -> settings, all with the same seed.
        seeds: How many starts, 1 to 5.
        target_loss: Above 0. None: 0.5, or of a regression half of what it costs to answer with the
            mean of all targets.
        y: What the picture shows at first: "loss", or of a classification "accuracy", of a
            regression "error", with a metric of your own its name.
        new_model: Called with the seed of each start, if it takes one; returns any network that
            fits the data. None: `data.default_network`.
        new_run: Called with model, data and settings, and with those of the next three that there
            are, by name.
        update, loss, metric: A step, a loss, and what is scored, of your own, as of TrainingRun.

    Raises:
        TypeError, ValueError: Something is not what is wanted here, or a runner's loss or batch
            size does not fit the data.
    """

    _now, _done = "Racing:", "Raced:"

    def __init__(
        self,
        data: Data,
        runners: Mapping[str, Hyperparameters],
        *,
        seeds: int = 1,
        target_loss: float | None = None,
        y: str = "loss",
        new_model: Callable[..., nn.Module] | None = None,
        new_run: NewRun = TrainingRun,
        update: Update | None = None,
        loss: LossFunction | None = None,
        metric: MetricFunction | None = None,
    ) -> None:
        self._given = {"new_model": new_model, "new_run": new_run}
        self._given |= {"update": update, "loss": loss, "metric": metric}
        self._make_run = RunMaker(data, **self._given)
        self._metric = shown_metric(data, self._make_run.metric)
        check_whole("seeds", seeds, low=1, high=MAX_SEEDS)
        check_y(y, self._metric)
        if not isinstance(runners, Mapping):
            raise TypeError(f"runners must be a dict, label -> settings; got {shown(runners)}")
        self._data = data
        self._num_held_out = 0 if data.held_out is None else len(data.held_out)
        self._scores_an_epoch = 2 if y == "loss" else 5  # each takes as long as 20 steps
        if data.held_out is None:
            self._scores_an_epoch = 0
        settings = self._make_run.first_settings().replace(epochs=1)
        self._template = next(iter(runners.values()), settings)
        self._racing: dict[str, RunnerRow] = {}  # by the labels as the race in hand was started
        self._earlier: dict[RunnerRow, list[RaceRecord]] = {}  # kept from races before
        self._rows, self._table, self.code_shelf = widgets.VBox(), widgets.HTML(), CodeShelf()
        for label, settings in runners.items():
            self._add(label, settings)
        starts = "From how many starting weights and orders of the data, 1 to 5. For a new race."
        narrow = {"width": "115px", "label_width": "50px"}
        looks = {"width": "160px", "label_width": "80px"}
        first = "Who gets there first? Acts at once."
        losses = controls.Range(0, above=True)
        if target_loss is None:
            target_loss = _target(data, self._template, self._make_run.loss)
        target = controls.NumberControl("target loss", target_loss, losses, first, **looks)
        share = f"held-out {data.noun} right" if self._metric.is_share else self._metric.name
        scored = f"What lies along the vertical axis: training loss, or {share}"
        # What is counted along the second one has its own name for each kind of data.
        self._xs = {"steps": "steps", data.unit: "images", "seconds": "seconds"}
        by_name = {
            "x": _toggle("x axis", self._xs, XS[0], "What lies along the horizontal axis"),
            "y": _toggle("y axis", ys_of(self._metric), y, scored),
            "seeds": controls.count_field("starts", seeds, starts, high=MAX_SEEDS, **narrow),
            "target_loss": target,
        }
        looks = {"size": (9, 3.1), "narrow_size": (9, 3.8), "button": "Race"}
        super().__init__("race", self._race, self._draw_race, self._expected, by_name, **looks)
        in_background(lambda: warm_up(data.device))  # while the learner still reads
        functions = [update, loss, metric, new_run is not TrainingRun]
        number = seeds * max(2, len(runners))
        warm_up_soon(self, self._main_thread.loop, data, functions, number)
        below = [self._table, self._rows, self.code_shelf, *self._adder()]
        self.children = [*self.children, *below]
        for name in ("x", "y", "target_loss"):
            self.controls[name].observe(self.later(self.redraw), "value")

    def __repr__(self) -> str:
        return f"RacePanel({', '.join(self.runners)})"

    @property
    def runners(self) -> dict[str, Hyperparameters]:
        """Label -> settings, of each runner on the panel."""
        return {row.label: row.settings for row in self._rows.children}

    @property
    def kept(self) -> set[str]:
        """The runners that stay as they are when the others race anew."""
        return {row.label for row in self._rows.children if controls.read(row.keep)}

    @property
    def on_picture(self) -> list[RaceRecord]:
        """The records that are shown, under the names that the runners have now."""
        by_row = self._by_row()
        return [
            record if record.label == row.label else dataclasses.replace(record, label=row.label)
            for row in self._rows.children
            for record in by_row.get(row, ())
        ]

    @property
    def standings(self) -> list[Standing]:
        """A row for each runner that is shown."""
        return standings(self.on_picture, self.values()["target_loss"], metric=self._metric)

    def in_words(self, settings: Hyperparameters) -> str:
        """Return the settings that tell runners apart, with the name of the loss that counts."""
        loss = self._make_run.loss
        return settings_in_words(settings, "" if loss is None else _name_of(loss))

    def add(self, label: str, settings: Hyperparameters) -> None:
        """Add a runner, for the next race.

        Raises:
            TypeError: The label is no text, or the settings are none.
            ValueError: The label is taken, or empty, or nothing can be learned with the settings.
        """
        self._add(label, settings)
        self.redraw()

    def _add(self, label: str, settings: Hyperparameters) -> None:
        self._check_label(label)
        check_runner(label, settings, self._make_run)
        wanted, taken = [*run_colours([label]).values(), *RUN_COLOURS], self._colours.values()
        colour = next((colour for colour in wanted if colour not in taken), wanted[0])
        self._rows.children = [*self._rows.children, RunnerRow(self, label, settings, colour)]

    def rename(self, label: str, new: str) -> None:
        """Give a runner another name.

        Raises:
            ValueError: There is no such runner, or the new name is taken, or empty.
        """
        row = self._row(label)
        if new != label:
            self._check_label(new)
            row.rename(new)
            self.redraw()

    def keep(self, label: str, keep: bool = True) -> None:
        """Say whether a runner stays on the picture as it is when the others race anew."""
        self._row(label).keep.value = keep

    def remove(self, label: str) -> None:
        """Take a runner off the panel; if it is racing, what it still does is not shown."""
        row = self._row(label)
        self._rows.children = [other for other in self._rows.children if other is not row]
        controls.close_all(row)
        self.redraw()

    def code(self, label: str) -> str:
        """Return a plain PyTorch script that repeats what a runner does from the first start."""
        settings = self._row(label).settings
        start = self._make_run.network(settings)
        run = self._make_run.run_of(copied(start), settings)
        run.use_threads(1, WHY_ONE_THREAD)
        run.close()
        return script_of(run, start)

    def show_code(self, label: str) -> None:
        """Show a runner's script at the bottom, ready to copy, or hide it again."""
        code = self.code(label)
        self.code_shelf.show("" if self.code_shelf.code == code else code)

    def redraw(self) -> None:
        """Draw what there is as the controls say now."""
        self._values, self._drawn = self.values(), None
        self.refresh()

    def table(self) -> HTML:
        """Return the table by itself, which stays when the kernel is gone."""
        return HTML(self._table.value)

    @property
    def _colours(self) -> dict[str, str]:
        return {row.label: row.colour for row in self._rows.children}

    def _row(self, label: str) -> RunnerRow:
        check_choice("the runner", label, self.runners)
        return next(row for row in self._rows.children if row.label == label)

    def _by_row(self) -> dict[RunnerRow, list[RaceRecord]]:
        """Return the records of kept runners and of the race in hand, as they were made."""
        by_row = dict(self._earlier)
        for record in self.records:
            by_row.setdefault(self._racing[record.label], []).append(record)
        return by_row

    def _next_to_race(self) -> list[RunnerRow]:
        """Return those that are not kept, or have never raced."""
        raced = self._by_row()
        return [row for row in self._rows.children if not (row.keep.value and row in raced)]

    def _race(self, *, seeds: int, **_: Any) -> Iterator[RaceRecord]:
        """Race all that are not kept, or have never raced."""
        if not self.runners:
            raise ValueError(f"a race needs a runner; {NOBODY}")
        by_row, racing = self._by_row(), self._next_to_race()
        self._earlier = {row: by_row[row] for row in self._rows.children if row not in racing}
        self._racing = {row.label: row for row in racing}
        runners = {label: row.settings for label, row in self._racing.items()}
        return race(
            self._data,
            runners,
            seeds=seeds,
            scores_an_epoch=self._scores_an_epoch,
            **self._given,
        )

    def _expected(self, *, seeds: int, **_: Any) -> int:
        num_images, scores = len(self._data.train), self._scores_an_epoch
        return seeds * sum(
            num_records(num_images, row.settings, scores_an_epoch=scores)
            for row in self._racing.values()
        )

    def _draw_race(
        self,
        figure: Figure,
        _: Sequence[RaceRecord],
        *,
        x: str,
        y: str,
        target_loss: float,
        **__: Any,
    ) -> str:
        x, data = self._xs[x], self._data
        looks = {"unit": data.unit, "metric": self._metric}
        records = self.on_picture
        rows = standings(records, target_loss, metric=self._metric)
        shown_settings = [record.settings for record in records] or self.runners.values()
        one_unit = len({settings.loss for settings in shown_settings}) <= 1
        target = target_loss if one_unit or self._make_run.loss is not None else None
        self.controls["target_loss"].rest("" if target else NO_TARGET)
        axes, x_max = figure.add_subplot(), self._end_of(x)
        draw_race(
            axes,
            records,
            x=x,
            y=y,
            target_loss=target,
            colours=self._colours,
            x_max=x_max,
            noun=data.noun,
            **looks,
        )
        looks["num_held_out"] = self._num_held_out
        ended = not self.is_active()
        table = standings_table(rows, self._colours, target, ended=ended, **looks)
        self._table.value = scrolling("standings", table) if table else ""
        if not self.runners:
            return f"{NOBODY}.".capitalize()
        if y != "loss" and not self._num_held_out:
            nothing = f"No {data.noun} are held out to score on: data.hold_out(0.1) takes some."
            place = {"ha": "center", "va": "center", "transform": axes.transAxes, "color": MUTED}
            axes.text(0.5, 0.8, plain_text(nothing, 100), **place)
            return nothing
        if not rows:
            return "All start from the same weights, and see the same data in the same order."
        return standings_in_words(rows, x, target, noun=data.noun, **looks)

    def _end_of(self, x: str) -> float | None:
        """Return where the axis ends when all have raced, or None if that is not known."""
        if x == "seconds" or not self.runners:
            return None
        num_images = len(self._data.train)
        return max(
            settings.epochs
            * (num_images // settings.batch_size)
            * (settings.batch_size if x == "images" else 1)
            for settings in self.runners.values()
        )

    def _show(self) -> None:
        super()._show()
        if not self.is_active():
            self.start_button.disabled = not self._next_to_race()
            why = ("All are kept; release one" if self.runners else NOBODY).capitalize()
            self.start_button.tooltip = why if self.start_button.disabled else "Start anew"
        if self._session is not None and self._session.state == "finished":
            self.progress_bar.value = self.progress_bar.max  # who diverged made fewer records

    def _check_label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a runner's name must be a text; got {label!r}")
        if not label.strip():
            raise ValueError("a runner's name must not be empty")
        if label in self.runners:
            raise ValueError(f"a runner's name must be its own; {label!r} is taken")

    def _adder(self) -> tuple[widgets.ToggleButton, widgets.HBox]:
        """Return a button, and the controls that it shows."""
        template = self._template
        of_whom, largest = "Of the runner to add.", len(self._data.train)
        fields = {
            "optimizer": controls.optimizer_dropdown(template.optimizer),
            "loss": controls.dropdown("loss", LOSSES, template.loss, of_whom),
            "learning_rate": controls.learning_rate_slider(template.learning_rate, of_whom),
            "batch_size": controls.batch_size_slider(template.batch_size, largest, of_whom),
        }
        fields["optimizer"].tooltip = of_whom
        if self._make_run.loss is not None:  # it takes the place of every runner's
            del fields["loss"]

        def add() -> None:
            settings = template.replace(**controls.read_all(fields))
            try:
                self.add(self._free_label(settings), settings)
            except ValueError as error:
                self.say("Not added:", str(error))

        words = "Add a runner with these settings, for the next race"
        adder = controls.row(
            *fields.values(), controls.button("Add", "plus", words, self.later(add))
        )
        show = widgets.ToggleButton(
            not self.runners,
            description="Another runner",
            icon="plus",
            tooltip="Show the controls that add one, or hide them",
            layout={"width": "150px"},
        )

        def follow(_: object = None) -> None:
            adder.layout.display = None if show.value else "none"

        show.observe(follow, "value")
        follow()
        return show, adder

    def _free_label(self, settings: Hyperparameters) -> str:
        """Name new settings by what sets them apart from the first runner's."""
        label = labels_by_difference([self._template, settings])[-1].split(" (again")[0]
        number, free = 1, label
        while free in self.runners:
            number += 1
            free = f"{label} ({number})"
        return free


def _target(data: Data, settings: Hyperparameters, loss: LossFunction | None) -> float:
    """Return a loss that is worth racing for."""
    if data.task == "classification":
        return 0.5
    targets = data.train.targets
    try:
        costs = loss or loss_function(settings.loss)
        half = 0.5 * float(costs(targets.mean(dim=0).expand_as(targets), targets))
    except Exception:  # a loss of the learner's own may be of other outputs
        return 0.5
    return float(f"{half:.2g}") if 0 < half < math.inf else 0.5


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _toggle(
    description: str, options: Iterable[str], value: str, tooltip: str
) -> widgets.ToggleButtons:
    options = tuple(options)
    width = max(80, 9 * max(map(len, options)))
    style = {"description_width": "50px", "button_width": f"{width}px"}
    layout = {"width": f"{58 + (width + 6) * len(options)}px", "flex": "0 0 auto"}
    layout["max_width"] = "100%"
    looks = {"description": description, "tooltip": tooltip, "style": style, "layout": layout}
    return widgets.ToggleButtons(options=options, value=value, **looks)
