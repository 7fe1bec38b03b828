"""How often a panel draws: soon after a click, then by time, and never for long."""

import asyncio
import itertools
import time

import pytest

from tutorial_lib import Hyperparameters
from tutorial_lib.panels import TrainingPanel, live
from tutorial_lib.panels.live import DRAWING_SHARE, FIRST_SECONDS, REFRESH_SECONDS, LivePanel


class Clock:
    """A time that passes only while something is drawn or waited for."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def pauses(monkeypatch):
    """Return a function: the pauses of a panel that refreshes five times, so long each."""

    def follow(*drawing_seconds: float) -> list[float]:
        clock, drawing = Clock(), itertools.cycle(drawing_seconds)
        monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
        monkeypatch.setattr(live.asyncio, "sleep", clock.sleep)

        class Slow(LivePanel):
            def is_active(self) -> bool:
                return len(clock.pauses) < 5

            def refresh(self) -> None:
                clock.now += next(drawing)

        panel = Slow("slow", {})
        asyncio.run(panel._follow())
        panel.close()
        return clock.pauses

    return follow


def test_a_panel_draws_soon_and_then_five_times_a_second(pauses):
    assert pauses(0.001) == [FIRST_SECONDS] + [REFRESH_SECONDS] * 4


def test_one_whole_picture_does_not_make_it_stand_still(pauses):
    assert pauses(0.001, 0.001, 0.4, 0.001, 0.001) == [FIRST_SECONDS] + [REFRESH_SECONDS] * 4


@pytest.mark.parametrize("seconds", [0.009, 0.018, 0.05, 0.2])
def test_drawing_never_takes_more_than_a_twentieth_of_the_time(pauses, seconds):
    assert all(seconds / (seconds + pause) <= DRAWING_SHARE for pause in pauses(seconds))


def test_only_a_panel_on_which_something_goes_on_waits_for_signs_of_life(few):
    panel = TrainingPanel(few, settings=Hyperparameters(epochs=1000, batch_size=8))
    panel.train()
    panel.refresh()
    assert f"{live.SILENCE_SECONDS}s forwards" in panel.status.value
    panel.pause()
    panel._session.join(60)
    panel.refresh()
    assert "forwards" not in panel.status.value
    panel.stop()
    panel.refresh()
    assert "forwards" not in panel.status.value
    panel.close()


def test_the_same_words_are_new_after_a_few_seconds(monkeypatch):
    class Busy(LivePanel):
        def is_active(self) -> bool:
            return True

    clock, panel, said = Clock(), Busy("busy", {}), []
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    panel.status.observe(lambda change: said.append(clock.now), "value")
    while clock.now < 30:
        panel.say("Training:", "the same step.")
        clock.now += REFRESH_SECONDS
    panel.close()
    assert max(b - a for a, b in itertools.pairwise(said)) < live.SILENCE_SECONDS / 2
    assert len(said) < 10  # and no more of them than needed
