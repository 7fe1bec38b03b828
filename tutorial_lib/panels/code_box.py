"""A script on a panel, ready to copy."""

from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

from tutorial_lib.panels import controls

# What stands in for a widget without its script says why: its box of errors need not.
NO_ERROR_BOX = """<style>
:has(+ .plain-instead) > .jupyter-widgets-error-widget {display: none}
</style>"""
BY_HAND = "To copy: click into the script, then Ctrl-A and Ctrl-C, or Cmd-A and Cmd-C."


class CodeBox(anywidget.AnyWidget):
    """Text that can be read, selected and copied, with a button that copies it."""

    # As text: of a file, anywidget keeps every widget for ever, to tell it when the file changes.
    _esm = Path(__file__).with_name("code_box.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("code_box.css").read_text(encoding="utf-8")

    code = traitlets.Unicode().tag(sync=True)


class PlainCode(widgets.VBox):
    """The same text for a page that cannot load the box's script: VS Code without a network, say.

    The box's own style hides it, which comes with that script.
    """

    def __init__(self, code: str) -> None:
        rows = code.rstrip().count("\n") + 2
        area = widgets.Textarea(code, rows=rows, layout={"width": "100%"}, tooltip="The script")
        super().__init__([widgets.HTML(NO_ERROR_BOX + BY_HAND), area])
        self.add_class("plain-instead").add_class("code-plain")


class CodeShelf(widgets.VBox):
    """Where a panel shows a script and hides it again; empty at first."""

    @property
    def code(self) -> str:
        """The script that is shown, or ""."""
        return self.children[0].code if self.children else ""

    def show(self, code: str) -> None:
        """Show a script instead of the one that is there; "" shows none."""
        before = self.children
        # Most panels never show one.
        self.children = [CodeBox(code=code), PlainCode(code)] if code else ()
        for box in before:
            controls.close_all(box)
