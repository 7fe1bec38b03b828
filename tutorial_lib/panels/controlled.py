"""What panels have that draw and panels that measure: controls by name, and a sentence."""

from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets as widgets

from tutorial_lib.checks import check_choice
from tutorial_lib.panels import controls
from tutorial_lib.panels.live import LivePanel


class ControlledPanel(LivePanel):
    """A panel whose picture depends on controls that have names; its subclasses draw it.

    Args:
        name: What the panel is called where only text can be shown.
        controls_by_name: Name -> widget.
        rows: What stands under the controls, a widget for each line.
        picture: The first picture, as PNG.
    """

    _sentence = ""  # what is to be seen on the picture, for eyes and screen readers

    def __init__(
        self,
        name: str,
        controls_by_name: Mapping[str, widgets.Widget],
        rows: Iterable[widgets.Widget],
        picture: bytes,
    ) -> None:
        self._name, self.controls = name, dict(controls_by_name)
        super().__init__([controls.row(*self.controls.values()), *rows], picture)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    def values(self) -> dict[str, Any]:
        """Return what the controls say now."""
        return controls.read_all(self.controls)

    def set(self, **values: Any) -> None:
        """Move controls, as a hand would.

        Raises:
            ValueError: There is no such control; none has moved.
        """
        self.check_names(values)
        for name, value in values.items():
            self.controls[name].value = value

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse a name that no control has."""
        for name in names:
            check_choice("the control", name, self.controls)
