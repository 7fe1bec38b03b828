"""A script on a panel, ready to copy."""

from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

from tutorial_lib.panels import controls


class CodeBox(anywidget.AnyWidget):
    """Text that can be read, selected and copied, with a button that copies it."""

    # As text: of a file, anywidget keeps every widget for ever, to tell it when the file changes.
    _esm = Path(__file__).with_name("code_box.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("code_box.css").read_text(encoding="utf-8")

    code = traitlets.Unicode().tag(sync=True)


class CodeShelf(widgets.VBox):
    """Where a panel shows a script and hides it again; empty at first."""

    @property
    def code(self) -> str:
        """The script that is shown, or ""."""
        return self.children[0].code if self.children else ""

    def show(self, code: str) -> None:
        """Show a script instead of the one that is there; "" shows none."""
        before = self.children
        self.children = [CodeBox(code=code)] if code else ()  # most panels never show one
        for box in before:
            controls.close_all(box)
