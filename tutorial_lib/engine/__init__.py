"""Training: one step, what drives it, and what becomes of it on disk and on other processes."""

from tutorial_lib.engine import checkpoint
from tutorial_lib.engine.batches import order_of_epoch
from tutorial_lib.engine.checkpoint import CheckpointError
from tutorial_lib.engine.drive import (
    in_bursts,
    is_synchronized,
    iterate_for_device,
    warm_up,
    with_accuracy,
)
from tutorial_lib.engine.monitor import monitor, monitor_table, step_line
from tutorial_lib.engine.progress import progress
from tutorial_lib.engine.records import Change, Diverged, EvaluationRecord, StepRecord
from tutorial_lib.engine.run import ADJUSTABLE
from tutorial_lib.engine.script import script_of
from tutorial_lib.engine.session import Session, current_session, hold_other_session, in_background
from tutorial_lib.engine.train import TrainingRun
