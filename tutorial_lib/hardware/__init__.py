"""The machine at hand: its devices, its memory, and how many threads share a step."""

from tutorial_lib.hardware.devices import choose_device, free_memory, processor
from tutorial_lib.hardware.forks import in_child_on_fresh_thread
from tutorial_lib.hardware.freed_memory import keep_freed_memory
from tutorial_lib.hardware.idle_threads import release_idle_threads
from tutorial_lib.hardware.threads import (
    ThreadChoice,
    choose_threads,
    fastest_count,
    fixed_threads,
    is_in_force,
    usable_cores,
    use_threads,
    use_usual_threads,
)
