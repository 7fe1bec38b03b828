"""How long does a picture that needs no training take to follow a slider?

    python benchmarks/sliders.py [--moves 30]

Real kernel, no browser beside it. Each slider of each panel is moved to and fro; the time is that
from its new value to the new picture, encoded and handed over for sending.
"""

import argparse
import ast
import statistics

from jupyter_client.manager import start_new_kernel
from live_panel import execute, value

PANELS = {
    "descent on a parabola": "labs.descent_panel()",
    "schedules": "labs.schedules_panel(1250)",
    "losses of one error": "labs.loss_panel()",
    "softmax and cross-entropy": "labs.softmax_panel()",
    "paths on a surface": "labs.paths_panel()",
    "one step in numbers": "labs.step_panel()",
}
SETUP = """
import time
import ipywidgets
from tutorial_lib import labs

def answers(panel, moves):
    "Seconds of each move, of all the panel's sliders in turn."
    sliders = [control.slider for control in panel.controls.values() if hasattr(control, "slider")]
    seconds = []
    for move in range(moves + 3):
        slider = sliders[move % len(sliders)]
        log = isinstance(slider, ipywidgets.FloatLogSlider)
        low, high = slider.min, slider.max
        place = (0.35, 0.55, 0.45)[move // len(sliders) % 3]
        target = low + (high - low) * place
        target = slider.base**target if log else type(slider.value)(target)
        start = time.perf_counter()
        slider.value = target
        seconds.append(time.perf_counter() - start)
    panel.close()
    return seconds[3:]
"""


def main() -> None:
    """Move every slider and print a line for each panel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=30)
    moves = parser.parse_args().moves
    manager, client = start_new_kernel()
    try:
        execute(client, SETUP)
        for name, make in PANELS.items():
            execute(client, f"seconds = answers({make}, {moves})")
            times = [1000 * second for second in ast.literal_eval(value(client, "seconds"))]
            print(
                f"{name:26s} median {statistics.median(times):4.0f} ms "
                f"({min(times):.0f} to {max(times):.0f}, {len(times)} moves)"
            )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
