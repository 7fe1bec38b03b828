"""What every panel is, and the panel that trains; labs have their own."""

from tutorial_lib.panels.measure import MeasurePanel
from tutorial_lib.panels.play import PlayPanel
from tutorial_lib.panels.training import TrainingPanel

__all__ = ["MeasurePanel", "PlayPanel", "TrainingPanel"]
