"""A run on disk and back: exact, whole or not at all, and never a program.

What lies in the file is in `frames`, how values become bytes in `packing`, what must be in them in
`schema`.
"""

from tutorial_lib.engine.checkpoint.places import (
    CheckpointError,
    as_path,
    check_place,
    previous_of,
)
from tutorial_lib.engine.checkpoint.reading import Checkpoint, exists, load, restore
from tutorial_lib.engine.checkpoint.saver import Saver, save
