"""The numbers of a panel's picture as a table, for those who read or copy them."""

import ipywidgets as widgets

from tutorial_lib.panels import controls
from tutorial_lib.table import Table, plain_html

CLASS = "tutorial-table"  # of its element in the page
CAPTION = "text-align: left; white-space: nowrap"
CELL = "padding: 2px 10px; text-align: right"


class TableShelf(widgets.VBox):
    """Where a panel shows a table and hides it again; empty at first."""

    @property
    def is_open(self) -> bool:
        """Whether a table is shown."""
        return bool(self.children)

    def show(self, caption: str, table: Table) -> None:
        """Show a table instead of the one that is there."""
        before, shown = self.children, widgets.HTML(table_html(caption, table))
        shown.add_class(CLASS)
        self.children = [shown]
        for old in before:
            controls.close_all(old)

    def hide(self) -> None:
        """Show none."""
        before, self.children = self.children, ()
        for old in before:
            controls.close_all(old)


def table_html(caption: str, table: Table) -> str:
    """Return a table with a caption, and with a heading for each column and each row."""
    heads = "".join(_cell("th", head, "col") for head in table.heads)
    lines = (
        _cell("th", row[0], "row") + "".join(_cell("td", cell) for cell in row[1:])
        for row in table.rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    words = plain_html(caption)
    whole = (
        f'<table><caption style="{CAPTION}">{words}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )
    # page.css shows it, where page.js copies.
    copy = (
        '<button type="button" class="tutorial-copy" style="display: none">Copy the table</button>'
    )
    return scrolling(words, whole, "max-height: 320px; line-height: 1.4") + copy


def scrolling(name: str, table: str, looks: str = "") -> str:
    """Return a table in a box as wide as its panel, that scrolls where the table is wider.

    Args:
        name: What the box is called, as HTML: it takes the keyboard's focus.
        table: As HTML.
        looks: CSS of the box.
    """
    return (
        f'<div role="region" tabindex="0" aria-label="{name}" style="contain: inline-size; '
        f'max-width: 900px; overflow: auto; {looks}">{table}</div>'
    )


def _cell(tag: str, text: str, scope: str = "") -> str:
    scoped = f' scope="{scope}"' if scope else ""
    return f'<{tag}{scoped} style="{CELL}">{plain_html(text)}</{tag}>'
