"""What tests of predictions share: a kernel in which nothing has been asked yet, and its cells."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tutorial_lib.predictions import asked


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch) -> None:
    for name, value in {"_newest": {}, "_finished": [], "_watched": None}.items():
        monkeypatch.setattr(asked, name, value)
    monkeypatch.setattr(asked, "_cell_runs", False)
    monkeypatch.delenv("TUTORIAL_LEARNING_RECORD", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def cell() -> Callable[..., None]:
    """Return what runs a cell: its beginning, what happens in it, its end."""

    def run(*acts: Callable[[], object], source: str = "") -> None:
        asked._cell_begins(SimpleNamespace(raw_cell=source))
        try:
            for act in acts:
                act()
        finally:
            asked._cell_ends(None)

    return run
