"""axe-core, which looks for what keeps readers out, in a page."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations", "passes"],
}
RUN = "([parts, rules]) => axe.run({include: parts.split(', ')}, rules)"


def load_axe(page: Page) -> None:
    """Bring axe into a page."""
    page.evaluate(Axe().axe_script)


def found_by_axe(page: Page, parts: str) -> dict[str, Any]:
    """Return what axe says of some parts: its violations and its passes."""
    found = page.evaluate(RUN, [parts, RULES])
    assert len(found["passes"]) > 5  # it has truly looked
    return found


def violations(page: Page, parts: str) -> list[tuple[str, list[str]]]:
    """Return the rules that some parts violate, and the elements."""
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found_by_axe(page, parts)["violations"]
    ]
