"""The live panel: what drawing costs the training, and what a frame costs."""

import time

import live_panel
from pairs import CONTROL, Row, row

from tutorial_lib.engine.records import EvaluationRecord, StepRecord
from tutorial_lib.pictures.curve import LiveCurve
from tutorial_lib.pictures.screen import PAPER, Screen

HISTORIES = (1_000, 10_000, 50_000)  # steps
SCREENS = {"": PAPER, " at two dots a pixel": Screen(dots=2)}
MOST_KB = {"": 40, " at two dots a pixel": 60}
STEPS_BETWEEN = 60  # from one frame to the next
FRAMES = 25


def measure(*, pairs: int, dry: bool) -> list[Row]:
    """Return what the panel leaves of the speed, its share of the time, and what a frame takes."""
    short = {"epochs": 1, "batch_size": 500}
    found = live_panel.measure(pairs=pairs, **(short if dry else {"epochs": 10}))
    rows = [
        row("steps a second with the panel drawing", found.panels, at_least=0.93),
        row(CONTROL, found.controls),
        row("share of the time spent drawing", found.shares, unit="", at_most=0.1),
    ]
    for where, screen in SCREENS.items():
        for steps in HISTORIES[: 1 if dry else None]:
            seconds, sizes, redraws = frames(steps, 3 if dry else FRAMES, screen)
            name, times = f"a frame{where} after {steps:,} steps", [1000 * s for s in seconds]
            note = f"{redraws} of them redrawn whole"
            rows.append(row(name, times, unit="ms", at_most=25, note=note))
            size = f"its size{where} after {steps:,} steps"
            rows.append(row(size, sizes, unit="kB", at_most=MOST_KB[where]))
    return rows


def frames(
    num_steps: int, count: int, screen: Screen = PAPER
) -> tuple[list[float], list[float], int]:
    """Return the seconds and the kB of so many frames of a run that is that far, and redraws."""
    epoch = 1875
    total = num_steps + (count + 1) * STEPS_BETWEEN
    curve = LiveCurve(60_000, 10_000, screen=screen)
    curve.begin("lr 0.01", -(-total // epoch))
    curve.add(record for step in range(num_steps) for record in records(step, epoch))
    curve.png()
    seconds, sizes, redraws = [], [], curve.full_redraws
    for frame in range(count):
        begin = num_steps + frame * STEPS_BETWEEN
        new = [
            record
            for step in range(begin, begin + STEPS_BETWEEN)
            for record in records(step, epoch)
        ]
        start = time.perf_counter()
        curve.add(new)
        picture = curve.png()
        seconds.append(time.perf_counter() - start)
        sizes.append(len(picture) / 1000)
    return seconds, sizes, curve.full_redraws - redraws


def records(step: int, epoch: int) -> list[StepRecord | EvaluationRecord]:
    """Return what a plausible, noisy run tells at a step."""
    loss = (2.3 / (1 + step / 100) + 0.05) * (1 + 0.5 * ((step * 7919) % 100 - 50) / 50)
    images = 32 * (step + 1)
    told = StepRecord(
        step=step + 1, epoch=step // epoch, epochs=30, epoch_step=step % epoch + 1,
        epoch_steps=epoch, images_seen=images, batch_size=32, learning_rate=0.01, loss=loss,
        mean_loss=loss, seconds=0.003,
    )  # fmt: skip
    if told.epoch_step < epoch:
        return [told]
    accuracy = 1 - 0.05 / (told.epoch + 1)
    return [told, EvaluationRecord(step + 1, told.epoch, images, loss, accuracy)]
