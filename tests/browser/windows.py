"""Windows of a real browser that look at a page, and note what it says."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Browser, Page

SCREENS = [(360, "dark"), (1366, "light")]  # pixels wide, and the ground
if os.environ.get("TUTORIAL_THOROUGH"):
    SCREENS = list(itertools.product((360, 1366), ("light", "dark")))


@contextlib.contextmanager
def windows(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Yield what opens a page in a window of its own; what it said is in `page.said`.

    Options are those of a browser's context; all windows are closed at the end.
    """
    contexts = []

    def open_one(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}} | options)
        contexts.append(context)
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
