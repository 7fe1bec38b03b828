"""A race on a panel: start it, look at it from several sides, keep, rename and remove runs."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import HTML
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib.checks import check_choice
from tutorial_lib.config import Hyperparameters, labels_by_difference
from tutorial_lib.data import Digits
from tutorial_lib.engine import TrainingRun, in_background, script_of, warm_up
from tutorial_lib.labs.race.draw import XS, draw_race
from tutorial_lib.labs.race.measure import (
    MAX_SEEDS,
    RaceRecord,
    Standing,
    num_records,
    race,
    standings,
)
from tutorial_lib.labs.race.row import RunnerRow
from tutorial_lib.labs.race.summary import sentence, table_of
from tutorial_lib.models import LeNet5, make_model
from tutorial_lib.panels import CodeShelf, MeasurePanel, controls
from tutorial_lib.pictures import RUN_COLOURS, run_colours


class RacePanel(MeasurePanel):
    """Races several settings from the same weights, and tells who reached a target loss first.

    Args:
        data: From `load_digits`.
        runners: Label -> settings, all with the same seed.
        seeds: How many starts, 1 to 5.
        target_loss: Above 0.
        y: "loss" or "accuracy": what the picture shows at first.
        new_model: Called with the seed of each start, if it takes one.
    """

    _now, _done = "Racing:", "Raced:"

    def __init__(
        self,
        data: Digits,
        runners: Mapping[str, Hyperparameters],
        *,
        seeds: int = 1,
        target_loss: float = 0.5,
        y: str = "loss",
        new_model: Callable[..., nn.Module] = LeNet5,
    ) -> None:
        self._data, self._new_model = data, new_model
        self._scores_an_epoch = 5 if y == "accuracy" else 2  # each takes as long as 20 steps
        self.runners: dict[str, Hyperparameters] = {}
        self.kept: set[str] = set()  # runners that stay as they are when the others race anew
        self._template = next(iter(runners.values()), Hyperparameters(epochs=1))
        self._colours: dict[str, str] = {}
        self._racing: dict[str, Hyperparameters] = {}  # as the race in hand was started
        self._names: dict[str, str] = {}  # label in that race -> label now, for all still shown
        self._earlier: tuple[RaceRecord, ...] = ()  # of runners kept from races before
        self._row_of: dict[str, RunnerRow] = {}
        self._rows = widgets.VBox()
        self._table = widgets.HTML()
        by_name = {
            "x": _toggle("along", XS, XS[0], "What lies along the axis"),
            "y": _toggle("up", ("loss", "accuracy"), y, "Training loss, or held-out images right"),
            "seeds": _starts_field(seeds),
            "target_loss": _target_field(target_loss),
        }
        super().__init__(
            "race", self._race, self._draw_race, self._expected, by_name, size=(9, 3.8),
            button="Race",
        )  # fmt: skip
        in_background(lambda: warm_up(data.device))  # while the learner still reads
        for label, settings in runners.items():
            self.add(label, settings)
        self.image.value = self._render(())  # now that it is known how far they go
        self.code_shelf = CodeShelf()
        below = (self._table, self._rows, self.code_shelf, self._adder())
        self.children = [*self.children, *below]
        for name in ("x", "y", "target_loss"):
            self.controls[name].observe(lambda _: self.on_main_thread(self.redraw), names="value")

    def __repr__(self) -> str:
        return f"RacePanel({', '.join(self.runners)})"

    @property
    def on_picture(self) -> list[RaceRecord]:
        """The records that are shown, under the names that the runners have now."""
        running = (
            record
            if self._names[record.label] == record.label
            else _renamed(record, self._names[record.label])
            for record in self.records
            if record.label in self._names
        )
        places = {label: place for place, label in enumerate(self.runners)}
        return sorted([*self._earlier, *running], key=lambda record: places[record.label])

    @property
    def standings(self) -> list[Standing]:
        """A row for each runner that is shown."""
        return standings(self.on_picture, self.controls["target_loss"].value)

    def start(self, **values: Any) -> None:
        """Race all that are not kept, with what the controls say or these values, set there."""
        if self.moves():
            return
        self.set(**values)
        self._earlier = tuple(r for r in self.on_picture if r.label in self.kept)
        shown = {record.label for record in self._earlier}
        self._racing = {k: v for k, v in self.runners.items() if k not in shown}
        self._names = {label: label for label in self._racing}
        super().start()

    def add(self, label: str, settings: Hyperparameters) -> None:
        """Add a runner, for the next race.

        Raises:
            ValueError: The label is taken, or empty.
        """
        self._check_label(label)
        wanted = [*run_colours([label]).values(), *RUN_COLOURS]
        free = [c for c in wanted if c not in self._colours.values()]
        self._colours[label] = (free or wanted)[0]
        self.runners[label] = settings
        self._row_of[label] = self._row(label)
        self._rows.children = [*self._rows.children, self._row_of[label]]

    def rename(self, label: str, new: str) -> None:
        """Give a runner another name.

        Raises:
            ValueError: There is no such runner, or the new name is taken, or empty.
        """
        check_choice("the runner to rename", label, self.runners)
        if new == label:
            return
        self._check_label(new)
        self.runners = {new if k == label else k: v for k, v in self.runners.items()}
        self._colours[new] = self._colours.pop(label)
        self._names = {k: new if v == label else v for k, v in self._names.items()}
        self._earlier = tuple(_renamed(r, new) if r.label == label else r for r in self._earlier)
        if label in self.kept:
            self.kept = self.kept - {label} | {new}
        self._row_of[new] = self._row_of.pop(label)
        self._row_of[new].rename(new)
        self.redraw()

    def keep(self, label: str, keep: bool = True) -> None:
        """Say whether a runner stays on the picture as it is when the others race anew."""
        check_choice("the runner to keep", label, self.runners)
        self.kept = self.kept | {label} if keep else self.kept - {label}
        self._row_of[label].keep.value = keep

    def remove(self, label: str) -> None:
        """Take a runner off the panel; if it is racing, what it still does is not shown."""
        check_choice("the runner to remove", label, self.runners)
        del self.runners[label], self._colours[label]
        self.kept = self.kept - {label}
        self._names = {k: v for k, v in self._names.items() if v != label}
        self._earlier = tuple(record for record in self._earlier if record.label != label)
        row = self._row_of.pop(label)
        self._rows.children = [other for other in self._rows.children if other is not row]
        controls.close_all(row)
        self.redraw()

    def code(self, label: str) -> str:
        """Return a plain PyTorch script that repeats what a runner does from the first start."""
        check_choice("the runner", label, self.runners)
        settings = self.runners[label]
        start = make_model(self._new_model, settings.seed)
        return script_of(TrainingRun(start, self._data, settings), start)

    def show_code(self, label: str) -> None:
        """Lay a runner's script out at the bottom, ready to copy, or put it away again."""
        code = self.code(label)
        if self.code_shelf.code == code:
            self.code_shelf.hide()
        else:
            self.code_shelf.show(code)

    def redraw(self) -> None:
        """Draw what there is as the controls say now."""
        self._values = self.values()
        self.image.value = self._render(self.records)
        self._show()

    def table(self) -> HTML:
        """Return the table by itself, which stays when the kernel is gone."""
        return HTML(self._table.value)

    def _race(self, *, seeds: int, **_: Any) -> Iterator[RaceRecord]:
        return race(
            self._data,
            self._racing,
            seeds=seeds,
            new_model=self._new_model,
            scores_an_epoch=self._scores_an_epoch,
        )

    def _expected(self, *, seeds: int, **_: Any) -> int:
        num_images = len(self._data.train)
        return seeds * sum(
            num_records(num_images, settings, scores_an_epoch=self._scores_an_epoch)
            for settings in self._racing.values()
        )

    def _draw_race(
        self,
        figure: Figure,
        records: Sequence[RaceRecord],
        *,
        x: str,
        y: str,
        seeds: int,
        target_loss: float,
    ) -> str:
        shown = self.on_picture
        rows = standings(shown, target_loss)
        one_unit = len({record.settings.loss for record in shown}) <= 1
        draw_race(
            figure.add_subplot(), shown, x=x, y=y, colours=self._colours,
            target_loss=target_loss if one_unit else None, x_max=self._end_of(x),
            noun=self._data.noun,
        )  # fmt: skip
        self._table.value = table_of(
            rows, self._colours, target_loss if one_unit else None, ended=not self.moves()
        )
        if not rows:
            return "All start from the same weights, and see the same data in the same order."
        return sentence(rows, x, target_loss if one_unit else None, noun=self._data.noun)

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
        if self._session is not None and self._session.state == "finished":
            self.progress_bar.value = self.progress_bar.max  # who diverged made fewer records

    def _check_label(self, label: str) -> None:
        if not label.strip():
            raise ValueError("a runner's name must not be empty")
        if label in self.runners or label in self._names:
            raise ValueError(f"a runner's name must be its own; {label!r} is taken")

    def _row(self, label: str) -> RunnerRow:
        row = RunnerRow(label, self.runners[label], self._colours[label])
        row.name.observe(lambda _: self.on_main_thread(lambda: self._ask_name(row)), "value")
        row.keep.observe(
            lambda _: self.on_main_thread(lambda: self.keep(row.label, row.keep.value)), "value"
        )
        row.code.on_click(lambda _: self.on_main_thread(lambda: self.show_code(row.label)))
        row.remove.on_click(lambda _: self.on_main_thread(lambda: self.remove(row.label)))
        return row

    def _ask_name(self, row: RunnerRow) -> None:
        """Rename as the row says, or say why not."""
        try:
            self.rename(row.label, row.name.value)
        except ValueError as error:
            row.rename(row.label)
            self.say("Not renamed:", str(error))

    def _adder(self) -> widgets.HBox:
        template = self._template
        fields = {
            "optimizer": controls.optimizer_dropdown(template.optimizer),
            "learning_rate": controls.learning_rate_slider(template.learning_rate),
            "batch_size": controls.batch_size_slider(template.batch_size, len(self._data.train)),
        }
        for control in fields.values():
            control.tooltip = "Of the runner to add"
        add = controls.button("Add", "plus", "Add a runner with these settings, for the next race")

        def on_click(_: widgets.Button) -> None:
            settings = template.replace(**controls.read_all(fields))
            self.on_main_thread(lambda: self.add(self._free_label(settings), settings))

        add.on_click(on_click)
        return controls.row(*fields.values(), add)

    def _free_label(self, settings: Hyperparameters) -> str:
        """Name new settings by what sets them apart from the first runner's."""
        label = labels_by_difference([self._template, settings])[-1].split(" (again")[0]
        number, free = 1, label
        while free in self.runners or free in self._names:
            number += 1
            free = f"{label} ({number})"
        return free


def _renamed(record: RaceRecord, label: str) -> RaceRecord:
    return dataclasses.replace(record, label=label)


def _toggle(
    description: str, options: Sequence[str], value: str, tooltip: str
) -> widgets.ToggleButtons:
    return widgets.ToggleButtons(
        options=options,
        value=value,
        description=description,
        tooltip=tooltip,
        style={"description_width": "50px", "button_width": "80px"},
        layout={"width": f"{58 + 86 * len(options)}px", "flex": "0 0 auto"},
    )


def _starts_field(value: int) -> widgets.BoundedIntText:
    return widgets.BoundedIntText(
        value=value,
        min=1,
        max=MAX_SEEDS,
        description="starts",
        tooltip="From how many starting weights and orders of the data, 1 to 5. For a new race.",
        style={"description_width": "50px"},
        layout={"width": "115px"},
    )


def _target_field(value: float) -> widgets.BoundedFloatText:
    return widgets.BoundedFloatText(
        value=value,
        min=0.001,
        max=10,
        step=0.1,
        description="target loss",
        tooltip="Who gets there first? Acts at once.",
        style={"description_width": "80px"},
        layout={"width": "160px"},
    )
